//! What is judged: samples by their times, memory by its course.

use std::fmt::Display;

use super::look::Held;

/// What is stored of a series.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// How many times there are.
    pub times: usize,
    /// How many are missing between the first and the last.
    pub lost: usize,
    /// How many came once more.
    pub doubled: usize,
    /// Milliseconds since 1970.
    pub span: Option<(i64, i64)>,
}

impl Stored {
    /// Times of samples that are to be one interval apart, in milliseconds.
    pub(super) fn of(mut times: Vec<i64>, interval: i64) -> Self {
        times.sort_unstable();
        let all = times.len();
        times.dedup();
        // One that came between two that are due is lost as well: what is due is not there.
        let lost =
            times.windows(2).map(|pair| (pair[1] - pair[0] + interval - 1) / interval - 1).sum::<i64>();
        Stored {
            times: times.len(),
            lost: usize::try_from(lost).unwrap_or_default(),
            doubled: all - times.len(),
            span: times.first().copied().zip(times.last().copied()),
        }
    }
}

/// One look at the agent, right after it was replaced by itself and with its clients at rest.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub held: Held,
    /// Its own memory in bytes, without what the history takes, which is bounded and fills up.
    pub memory: f64,
    /// Resident, in MiB: with what of the executable and of libraries lies in the kernel's cache.
    pub resident: f64,
}

/// By how much the memory of the last third may lie above that of the first: fragments and caches, not growth.
const TENTH: f64 = 1.1;

/// What grew from after the warm-up to the end. What is counted: the least in the last third of the looks is more than the most
/// in the first third, so that what comes and goes, such as a file that is being written, is none. Memory: the least in the
/// last third is more than a tenth above the median of the first.
pub(super) fn grown(sights: &[Sight]) -> Vec<String> {
    if sights.len() < 2 {
        return Vec::new();
    }
    let third = sights.len().div_ceil(3);
    let (early, late) = (&sights[..third], &sights[sights.len() - third..]);
    let least = Held::together(late.iter().map(|sight| &sight.held), usize::min);
    let mut grown = least.more_than(&Held::together(early.iter().map(|sight| &sight.held), usize::max));
    let early = median(early);
    let late = late.iter().map(|sight| sight.memory).fold(f64::INFINITY, f64::min);
    if late > early * TENTH {
        grown.push(format!("memory grew from {} to {}", mib(early), mib(late)));
    }
    grown
}

/// The middle value; of an even number the upper of the two.
fn median(sights: &[Sight]) -> f64 {
    let mut values: Vec<f64> = sights.iter().map(|sight| sight.memory).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(super) fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

/// The last line.
pub(super) fn verdict(figures: impl Display, findings: &[String]) -> String {
    match findings {
        [] => format!("soak: passed, {figures}"),
        _ => format!("soak: FAILED, {}; {figures}", findings.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_lost_or_doubled_by_their_times() {
        let stored = |times: &[i64]| Stored::of(times.to_vec(), 1000);
        let whole = stored(&[2000, 1000, 3000]);
        assert_eq!(whole, Stored { times: 3, lost: 0, doubled: 0, span: Some((1000, 3000)) });
        assert_eq!(stored(&[1000, 4000]).lost, 2);
        assert_eq!(stored(&[1000, 2000, 2000, 2000, 3000]).doubled, 2);
        let odd = stored(&[1000, 1500, 3000]);
        assert_eq!((odd.lost, odd.doubled), (1, 0), "what was due at 2000 is not there");
        assert_eq!(stored(&[]), Stored::default());
    }

    fn sights(memory: &[f64], threads: &[usize]) -> Vec<Sight> {
        let sight = |(memory, threads): (&f64, &usize)| Sight {
            held: Held { threads: *threads, ..Held::default() },
            memory: *memory * f64::from(1 << 20),
            resident: 0.0,
        };
        memory.iter().zip(threads).map(sight).collect()
    }

    #[test]
    fn growth_is_from_after_the_warm_up_to_the_end() {
        assert_eq!(grown(&sights(&[9.0, 9.2, 30.0, 9.1, 9.4], &[8, 9, 9, 9, 8])), [""; 0]);
        assert_eq!(grown(&sights(&[9.0, 9.0, 9.0], &[8, 8, 9])), ["threads grew from 8 to 9"]);
        assert_eq!(grown(&sights(&[9.0; 6], &[8, 8, 8, 8, 9, 8])), [""; 0], "it came and went");
        assert_eq!(
            grown(&sights(&[9.0, 9.1, 9.5, 9.9, 10.3, 10.4], &[8; 6])),
            ["memory grew from 9.1 MiB to 10.3 MiB"]
        );
        assert_eq!(grown(&sights(&[9.0, 9.1, 9.5, 9.9, 9.4, 14.4], &[8; 6])), [""; 0]);
        assert_eq!(grown(&sights(&[9.0], &[8])), [""; 0]);
    }

    #[test]
    fn the_verdict_names_what_is_wrong() {
        assert_eq!(verdict("5 requests", &[]), "soak: passed, 5 requests");
        let findings = ["1 sample lost".to_owned(), "threads grew from 8 to 9".to_owned()];
        assert_eq!(
            verdict("5 requests", &findings),
            "soak: FAILED, 1 sample lost; threads grew from 8 to 9; 5 requests"
        );
    }
}
