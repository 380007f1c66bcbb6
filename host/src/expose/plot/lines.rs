//! Points of the history → lines to draw: counters as rates, no more points than there are pixels, gaps where
//! nothing is known.

use relink_core::Kind;

use crate::store::history::{ColumnSeries, Columns};

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
    /// How wide it is drawn.
    pub(super) pixels: u64,
}

impl Span {
    /// How much time one pixel stands for.
    fn resolution(self) -> u64 {
        (self.until.saturating_sub(self.from) / self.pixels.max(1)).max(1)
    }
}

/// The lines of these series, at most so many: the largest.
pub(super) fn lines(columns: &Columns, kind: Kind, span: Span, most: usize) -> Vec<Line> {
    let line = |series: &ColumnSeries| {
        let drawn = |points: Vec<(u64, f64)>| match kind {
            Kind::Counter => rates(&last_of_each(&points, span)),
            Kind::Gauge | Kind::Unknown => extremes_of_each(&points, span),
        };
        let pieces = measured(columns, series, kind).into_iter().flat_map(|points| pieces(drawn(points)));
        Line { labels: series.labels.clone(), pieces: pieces.collect() }
    };
    let lines = columns.series.iter().map(line);
    let mut lines: Vec<_> = lines.filter(|line| !line.pieces.is_empty()).collect();
    // Stable, so that series of one size keep their order.
    relink_order::sort_by(&mut lines, |one, other| other.size().total_cmp(&one.size()));
    lines.truncate(most);
    lines
}

/// The points of a series, those in one piece that have been measured without a gap. What is no counter has its lowest and its highest
/// value in each row.
fn measured(columns: &Columns, series: &ColumnSeries, kind: Kind) -> Vec<Vec<(u64, f64)>> {
    let mut pieces: Vec<Vec<(u64, f64)>> = Vec::new();
    let mut goes_on = false;
    for (row, &time) in columns.times.iter().enumerate() {
        let Some(bin) = series.at(row) else {
            goes_on = false;
            continue;
        };
        if !goes_on || columns.gaps.binary_search(&row).is_ok() {
            pieces.push(Vec::new());
        }
        goes_on = true;
        if let Some(piece) = pieces.last_mut() {
            match kind {
                Kind::Counter => piece.push((time, bin.last)),
                Kind::Gauge | Kind::Unknown if bin.min < bin.max => {
                    piece.extend([(time, bin.min), (time, bin.max)])
                }
                Kind::Gauge | Kind::Unknown => piece.push((time, bin.last)),
            }
        }
    }
    pieces
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
            if second != first {
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

/// Cut where a value is no number, or infinite.
fn pieces(points: Vec<(u64, f64)>) -> Vec<Vec<(u64, f64)>> {
    let pieces = points.split(|(_, value)| !value.is_finite());
    pieces.filter(|piece| !piece.is_empty()).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::{Bins, Values};

    const SPAN: Span = Span { from: 0, until: 600_000, pixels: 600 };

    /// Columns of some series that have these points, all at the same times.
    fn columns(all: Vec<Vec<(u64, f64)>>, gaps: &[usize]) -> Columns {
        let times = all[0].iter().map(|(time, _)| *time).collect();
        let series = all.into_iter().map(|points| ColumnSeries {
            family: "x".into(),
            kind: Kind::Gauge,
            labels: Vec::new(),
            values: Values::Last(points.into_iter().map(|(_, value)| value).collect()),
        });
        Columns { times, gaps: gaps.to_vec(), step_ms: 0, series: series.collect() }
    }

    #[test]
    fn a_counter_is_drawn_as_its_rate_with_a_gap_at_a_restart() {
        let points = vec![(1000, 10.0), (2000, 12.0), (3000, 16.0), (4000, 1.0), (5000, 2.0)];
        let lines = lines(&columns(vec![points], &[]), Kind::Counter, SPAN, 5);
        assert_eq!(lines[0].pieces, [vec![(2000, 2.0), (3000, 4.0)], vec![(5000, 1.0)]]);
    }

    #[test]
    fn a_gauge_has_gaps_where_nothing_is_known() {
        let points = vec![(1000, 1.0), (2000, f64::NAN), (3000, 2.0), (4000, 3.0), (9000, 4.0)];
        let lines = lines(&columns(vec![points], &[4]), Kind::Gauge, SPAN, 5);
        assert_eq!(lines[0].pieces, [vec![(1000, 1.0)], vec![(3000, 2.0), (4000, 3.0)], vec![(9000, 4.0)]]);
    }

    #[test]
    fn there_are_no_more_points_than_pixels_and_no_peak_is_lost() {
        let span = Span { until: 6_000_000, ..SPAN };
        let points: Vec<_> =
            (0..60_000).map(|at| (at * 100, if at == 31_234 { 99.0 } else { 1.0 })).collect();
        let gauge = lines(&columns(vec![points], &[]), Kind::Gauge, span, 5);
        assert!(gauge[0].values().count() <= 1202, "{}", gauge[0].values().count());
        assert_eq!(gauge[0].values().fold(0.0, f64::max), 99.0);
        assert_eq!(gauge[0].pieces.len(), 1);
        let points: Vec<_> = (0..60_000).map(|at| (at * 100, at as f64)).collect();
        let counter = lines(&columns(vec![points], &[]), Kind::Counter, span, 5);
        assert!(counter[0].values().count() <= 601);
        assert!(counter[0].values().all(|rate| (rate - 10.0).abs() < 1e-9));
    }

    #[test]
    fn the_largest_series_are_kept() {
        let all = (0..30).map(|at| vec![(1000, f64::from(at)), (2000, f64::from(-at))]).collect();
        let lines = lines(&columns(all, &[]), Kind::Gauge, SPAN, 3);
        assert_eq!(lines.iter().map(|line| line.pieces[0][0].1).collect::<Vec<_>>(), [29.0, 28.0, 27.0]);
    }

    #[test]
    fn a_series_without_a_finite_value_is_left_out() {
        let odd = vec![vec![(1, f64::NAN), (2, f64::INFINITY)], vec![(1, f64::NAN), (2, f64::NAN)]];
        assert!(lines(&columns(odd, &[]), Kind::Gauge, SPAN, 3).is_empty());
        assert!(lines(&columns(vec![vec![(1, 1.0)]], &[]), Kind::Counter, SPAN, 3).is_empty());
    }

    #[test]
    fn of_a_row_of_several_snapshots_the_extremes_are_drawn() {
        let mut columns = columns(vec![vec![(60_000, 1.0), (120_000, 2.0)]], &[]);
        let bins =
            Bins { last: vec![1.0, 2.0], mean: vec![1.5, 2.0], min: vec![0.0, 2.0], max: vec![9.0, 2.0] };
        columns.series[0].values = Values::Bins(bins);
        let lines = lines(&columns, Kind::Gauge, SPAN, 3);
        assert_eq!(lines[0].pieces, [vec![(60_000, 0.0), (60_000, 9.0), (120_000, 2.0)]]);
    }
}
