//! The axes: round marks, and numbers and times as people write them.

use relink_core::Kind;

/// The axis of the values.
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Where it has marks, from low to high.
    pub(super) marks: Vec<f64>,
    /// What the values are divided by before they are written.
    divisor: f64,
    decimals: usize,
    /// What the written numbers mean.
    pub(super) name: String,
}

impl Scale {
    /// An axis for these values of a family of that unit and kind. Values are finite.
    pub(super) fn of(values: impl Iterator<Item = f64>, unit: &str, kind: Kind) -> Self {
        // Far enough from the end of the numbers to add and multiply.
        let values = values.map(|value| value.clamp(-1e300, 1e300));
        let (min, max) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
        let (mut low, mut high) = if min <= max { bounds(min, max) } else { (0.0, 1.0) };
        let (divisor, name) = named(low.abs().max(high.abs()), unit, kind);
        let step = round_step((high - low) / divisor / 5.0) * divisor;
        // The lines end at marks.
        low = (low / step).floor() * step;
        high = (high / step).ceil() * step;
        let count = ((high - low) / step).round().clamp(1.0, 20.0) as usize;
        let marks = (0..=count).map(|at| low + at as f64 * step).collect();
        let decimals = (-(step / divisor).log10().floor()).clamp(0.0, 9.0);
        // 2.5 has one more digit than 2.
        let first = step / divisor * 10_f64.powf(decimals);
        let more = usize::from((first - first.round()).abs() > 0.01);
        Scale { low, high, marks, divisor, decimals: decimals as usize + more, name }
    }

    /// A value as it stands at the axis.
    pub(super) fn written(&self, value: f64) -> String {
        // Adding 0 turns -0 into 0.
        format!("{:.*}", self.decimals, value / self.divisor + 0.0)
    }
}

/// From where to where the axis goes: from 0 where that does not flatten the picture.
fn bounds(min: f64, max: f64) -> (f64, f64) {
    if min == max {
        return match min {
            0.0 => (0.0, 1.0),
            value if value > 0.0 => (0.0, 2.0 * value),
            value => (2.0 * value, 0.0),
        };
    }
    let edge = (max - min) * 0.02;
    if min >= 0.0 && min < 0.8 * max {
        (0.0, max + edge)
    } else if max <= 0.0 && max > 0.8 * min {
        (min - edge, 0.0)
    } else {
        (min - edge, max + edge)
    }
}

/// What to divide by so that the numbers are short, and what they then mean: the units of the dashboard.
fn named(size: f64, unit: &str, kind: Kind) -> (f64, String) {
    let among = |scales: &[(f64, &str)]| {
        // The greatest that the values reach, or the smallest there is.
        let reached = scales.iter().find(|(divisor, _)| size >= *divisor).or(scales.last());
        reached.map_or((1.0, String::new()), |(divisor, name)| (*divisor, (*name).to_owned()))
    };
    let k = 1024_f64;
    match (unit, kind == Kind::Counter) {
        ("bytes", false) => {
            among(&[(k.powi(4), "TiB"), (k.powi(3), "GiB"), (k * k, "MiB"), (k, "KiB"), (1.0, "B")])
        }
        ("bytes", true) => {
            among(&[(1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1.0, "B/s")])
        }
        ("seconds", false) => among(&[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]),
        // Seconds a second are a share.
        ("seconds", true) => (0.01, "%".to_owned()),
        ("hertz", false) => among(&[(1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz")]),
        ("celsius", false) => (1.0, "°C".to_owned()),
        // Four digits are still easy to read.
        ("", false) if size < 1e4 => (1.0, "value".to_owned()),
        ("", false) => among(&[(1e9, "G"), (1e6, "M"), (1e3, "k")]),
        ("", true) if size < 1e4 => (1.0, "/s".to_owned()),
        ("", true) => among(&[(1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s")]),
        (other, false) => (1.0, other.to_owned()),
        (other, true) => (1.0, format!("{other}/s")),
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, and not less than this.
fn round_step(least: f64) -> f64 {
    let least = least.max(f64::MIN_POSITIVE * 1e10);
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// Round times between these, in milliseconds since 1970: at most eight.
pub(super) fn times(from: u64, until: u64) -> Vec<u64> {
    const SECONDS: [u64; 17] =
        [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
    let span = until.saturating_sub(from);
    let step = SECONDS.into_iter().map(|seconds| seconds * 1000).find(|step| span / step <= 7);
    let step = step.unwrap_or(86_400_000);
    (from.div_ceil(step)..=until / step).map(|at| at * step).take(60).collect()
}

/// The time of day in UTC.
pub(super) fn clock(ms: u64) -> String {
    let seconds = ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(values: &[f64], unit: &str, kind: Kind) -> (Vec<String>, String) {
        let scale = Scale::of(values.iter().copied(), unit, kind);
        assert!(scale.low <= values.iter().copied().fold(0.0, f64::min) || scale.low > 0.0);
        (scale.marks.iter().map(|mark| scale.written(*mark)).collect(), scale.name)
    }

    #[test]
    fn marks_are_round_and_the_unit_fits() {
        let of = |values: &[f64], unit, kind| {
            let (marks, name) = marks(values, unit, kind);
            format!("{} {name}", marks.join(" "))
        };
        assert_eq!(of(&[0.1, 0.9], "", Kind::Gauge), "0.0 0.2 0.4 0.6 0.8 1.0 value");
        assert_eq!(of(&[0.0, 0.0], "", Kind::Counter), "0.0 0.2 0.4 0.6 0.8 1.0 /s");
        assert_eq!(of(&[3.0 * 1048576.0, 1e7], "bytes", Kind::Counter), "0.0 2.5 5.0 7.5 10.0 12.5 MB/s");
        assert_eq!(of(&[0.02, 0.2], "seconds", Kind::Counter), "0 5 10 15 20 25 %");
        assert_eq!(of(&[0.002, 0.0001], "seconds", Kind::Gauge), "0.0 0.5 1.0 1.5 2.0 2.5 ms");
        assert_eq!(of(&[-5.0, 5.0], "celsius", Kind::Gauge), "-7.5 -5.0 -2.5 0.0 2.5 5.0 7.5 °C");
        assert_eq!(of(&[-3.0, -3.0], "", Kind::Gauge), "-6 -4 -2 0 value");
        assert_eq!(of(&[12_345.0, 20_000.0], "", Kind::Counter), "0 5 10 15 20 25 k/s");
    }

    #[test]
    fn any_finite_values_have_an_axis() {
        let odd = [f64::MIN, f64::MAX, 0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 1e15, 1e15 + 1.0, -1e-300];
        for a in odd {
            for b in odd {
                let scale = Scale::of([a, b].into_iter(), "", Kind::Gauge);
                assert!((1..=21).contains(&scale.marks.len()), "{a} {b}: {:?}", scale.marks);
                scale.marks.iter().for_each(|mark| drop(scale.written(*mark)));
            }
        }
        assert_eq!(Scale::of(std::iter::empty(), "", Kind::Gauge).high, 1.0);
    }

    #[test]
    fn times_are_round() {
        let from = 1_700_000_003_500;
        for span in [1_000, 10_000, 60_000, 600_000, 86_400_000] {
            let times = times(from, from + span);
            assert!((1..=8).contains(&times.len()), "{span}: {times:?}");
            assert!(times.iter().all(|time| (from..=from + span).contains(time) && time % 1000 == 0));
        }
        assert_eq!(clock(1_700_000_000_000), "22:13:20");
    }
}
