//! Points of the history → lines to draw: counters as rates, no more points than there are pixels, gaps where
//! nothing is known.

use relink_core::Kind;

use crate::store::history::Series;

/// One series to draw.
pub(super) struct Line {
    pub(super) labels: Vec<(String, String)>,
    /// When, in milliseconds since 1970, and what; a gap lies between two pieces. None is empty, all are finite.
    pub(super) pieces: Vec<Vec<(u64, f64)>>,
}

impl Line {
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.pieces.iter().flatten().map(|&(_, value)| value)
    }

    /// How large its values are, on average.
    fn size(&self) -> f64 {
        let count = self.values().count().max(1);
        self.values().map(f64::abs).sum::<f64>() / count as f64
    }
}

/// The span of time that is drawn, in milliseconds since 1970, and its resolution.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) until: u64,
    /// Between two snapshots.
    pub(super) interval: u64,
    /// How wide it is drawn.
    pub(super) pixels: u64,
}

impl Span {
    /// How much time one pixel stands for, or a snapshot if that is more.
    fn resolution(self) -> u64 {
        (self.until.saturating_sub(self.from) / self.pixels.max(1)).max(1)
    }

    /// Two points further apart have a gap between them.
    fn gap(self) -> u64 {
        3 * self.interval.max(self.resolution())
    }
}

/// The lines of these series, at most so many: the largest.
pub(super) fn lines(series: Vec<Series>, kind: Kind, span: Span, most: usize) -> Vec<Line> {
    let mut lines: Vec<_> = series
        .into_iter()
        .map(|series| {
            let points = match kind {
                Kind::Counter => rates(&last_of_each(&series.points, span)),
                Kind::Gauge | Kind::Unknown => extremes_of_each(&series.points, span),
            };
            Line { labels: series.labels, pieces: pieces(points, span.gap()) }
        })
        .filter(|line| !line.pieces.is_empty())
        .collect();
    // Stable, so that series of one size keep their order.
    lines.sort_by(|a, b| b.size().total_cmp(&a.size()));
    lines.truncate(most);
    lines
}

/// The points of each pixel.
fn by_pixel(points: &[(u64, f64)], span: Span) -> impl Iterator<Item = &[(u64, f64)]> {
    let pixel = move |time: u64| time / span.resolution();
    points.chunk_by(move |a, b| pixel(a.0) == pixel(b.0))
}

/// The last point of each pixel: the rates in between are then those of the whole time.
fn last_of_each(points: &[(u64, f64)], span: Span) -> Vec<(u64, f64)> {
    by_pixel(points, span).filter_map(|points| points.last().copied()).collect()
}

/// The lowest and the highest point of each pixel, so that no peak is lost.
fn extremes_of_each(points: &[(u64, f64)], span: Span) -> Vec<(u64, f64)> {
    let mut kept = Vec::new();
    for points in by_pixel(points, span) {
        let order = |a: &&(u64, f64), b: &&(u64, f64)| a.1.total_cmp(&b.1);
        let low = points.iter().min_by(order);
        let high = points.iter().max_by(order);
        if let (Some(&low), Some(&high)) = (low, high) {
            let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            kept.push(first);
            if second.0 != first.0 {
                kept.push(second);
            }
        }
    }
    kept
}

/// How fast a counter went up between each two points; not a number where it went down, which is a restart.
fn rates(points: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let rate = |pair: &[(u64, f64)]| {
        let seconds = pair[1].0.saturating_sub(pair[0].0) as f64 / 1e3;
        let step = pair[1].1 - pair[0].1;
        (pair[1].0, if step >= 0.0 && seconds > 0.0 { step / seconds } else { f64::NAN })
    };
    points.windows(2).map(rate).collect()
}

fn pieces(points: Vec<(u64, f64)>, gap: u64) -> Vec<Vec<(u64, f64)>> {
    let mut pieces: Vec<Vec<(u64, f64)>> = Vec::new();
    let mut goes_on = false;
    let mut last = 0;
    for (time, value) in points {
        if !value.is_finite() {
            goes_on = false;
            continue;
        }
        match pieces.last_mut() {
            Some(piece) if goes_on && time.abs_diff(last) <= gap => piece.push((time, value)),
            _ => pieces.push(vec![(time, value)]),
        }
        (goes_on, last) = (true, time);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { from: 0, until: 600_000, interval: 1000, pixels: 600 };

    fn series(points: Vec<(u64, f64)>) -> Series {
        Series { kind: Kind::Gauge, labels: Vec::new(), points }
    }

    #[test]
    fn a_counter_is_drawn_as_its_rate_with_a_gap_at_a_restart() {
        let points = vec![(1000, 10.0), (2000, 12.0), (3000, 16.0), (4000, 1.0), (5000, 2.0)];
        let lines = lines(vec![series(points)], Kind::Counter, SPAN, 5);
        assert_eq!(lines[0].pieces, [vec![(2000, 2.0), (3000, 4.0)], vec![(5000, 1.0)]]);
    }

    #[test]
    fn a_gauge_has_gaps_where_nothing_is_known() {
        let points = vec![(1000, 1.0), (2000, f64::NAN), (3000, 2.0), (4000, 3.0), (9000, 4.0)];
        let lines = lines(vec![series(points)], Kind::Gauge, SPAN, 5);
        assert_eq!(lines[0].pieces, [vec![(1000, 1.0)], vec![(3000, 2.0), (4000, 3.0)], vec![(9000, 4.0)]]);
    }

    #[test]
    fn there_are_no_more_points_than_pixels_and_no_peak_is_lost() {
        let span = Span { until: 6_000_000, interval: 100, ..SPAN };
        let points: Vec<_> =
            (0..60_000).map(|at| (at * 100, if at == 31_234 { 99.0 } else { 1.0 })).collect();
        let gauge = lines(vec![series(points)], Kind::Gauge, span, 5);
        assert!(gauge[0].values().count() <= 1202, "{}", gauge[0].values().count());
        assert_eq!(gauge[0].values().fold(0.0, f64::max), 99.0);
        assert_eq!(gauge[0].pieces.len(), 1);
        let points: Vec<_> = (0..60_000).map(|at| (at * 100, at as f64)).collect();
        let counter = lines(vec![series(points)], Kind::Counter, span, 5);
        assert!(counter[0].values().count() <= 601);
        assert!(counter[0].values().all(|rate| (rate - 10.0).abs() < 1e-9));
    }

    #[test]
    fn the_largest_series_are_kept() {
        let all = (0..30).map(|at| series(vec![(1000, f64::from(at)), (2000, f64::from(-at))])).collect();
        let lines = lines(all, Kind::Gauge, SPAN, 3);
        assert_eq!(lines.iter().map(|line| line.pieces[0][0].1).collect::<Vec<_>>(), [29.0, 28.0, 27.0]);
    }

    #[test]
    fn a_series_without_a_finite_value_is_left_out() {
        let odd = vec![series(vec![(1, f64::NAN), (2, f64::INFINITY)]), series(Vec::new())];
        assert!(lines(odd, Kind::Gauge, SPAN, 3).is_empty());
        assert!(lines(vec![series(vec![(1, 1.0)])], Kind::Counter, SPAN, 3).is_empty());
    }
}
