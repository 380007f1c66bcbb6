//! Feeds code with inputs that nobody meant, made from sound ones: whatever comes in, there is an answer.
//!
//! A target is a test whose name begins with `fuzz_`. It calls [`fuzz`] with sound inputs, and with words that matter to the
//! code. In a test run each target gets some [`RUNS`] inputs; `cargo xtask fuzz` has them go on for longer, built as a release
//! with checks of overflow. Inputs are the same in every run, so a run's number is enough to have one again.
//!
//! ```
//! relink_fuzz::fuzz("numbers", &["1.5", "-3e7"], &["e", "."], |input| {
//!     let _ = String::from_utf8_lossy(input).parse::<f64>();
//! });
//! ```

mod dice;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub use dice::Dice;
use watch::Watch;

/// How many inputs are tried where no time is set.
pub const RUNS: u64 = 1_500;

/// The variable that says for how many seconds each target goes on.
pub const SECONDS: &str = "RELINK_FUZZ_SECONDS";

/// The variable that says with which run to begin, to have one again.
pub const FIRST: &str = "RELINK_FUZZ_FIRST";

/// How much memory a target may come to hold, beyond what it held after a tenth of its runs.
const GROWTH: u64 = 256 << 20;

/// Calls `each` with spoilt inputs, for as long as is asked for. Panics with the input and its run if `each` panics; aborts
/// with the same if it does not come back within ten seconds; panics if memory grows.
///
/// `words` are put into inputs here and there, besides bytes of the seeds and of chance.
pub fn fuzz<S: AsRef<[u8]>>(target: &str, seeds: &[S], words: &[&str], mut each: impl FnMut(&[u8])) {
    let seeds: Vec<&[u8]> = seeds.iter().map(AsRef::as_ref).collect();
    fuzz_with(target, RUNS, |dice, given| {
        let [sound, other] = [(); 2].map(|()| dice.pick(&seeds).unwrap_or_default());
        let input = dice.spoil(sound, other, words);
        given(&input);
        each(&input);
    });
}

/// The same where an input alone does not say what is to be done with it: `once` draws an input, tells it, and uses it.
/// `runs` is how many are tried where no time is set.
pub fn fuzz_with(target: &str, runs: u64, mut once: impl FnMut(&mut Dice, &dyn Fn(&[u8]))) {
    let limit = number(SECONDS).map(Duration::from_secs);
    let first = number(FIRST).unwrap_or(1);
    let (began, watch) = (Instant::now(), Watch::begin(target));
    let (mut done, mut slowest, mut settled) = (0, (Duration::ZERO, first), None);
    loop {
        let share = match limit {
            Some(limit) => began.elapsed().as_secs_f64() / limit.as_secs_f64(),
            None => done as f64 / runs as f64,
        };
        if share >= 1.0 {
            break;
        }
        if settled.is_none() && share > 0.1 {
            settled = Some(resident());
        }
        let run = first + done;
        let start = Instant::now();
        let given = |input: &[u8]| watch.runs(run, input);
        let outcome = catch_unwind(AssertUnwindSafe(|| once(&mut Dice::of(run), &given)));
        slowest = slowest.max((start.elapsed(), run));
        if outcome.is_err() {
            panic!("fuzz {target}: run {run} panicked, {FIRST}={run} has it again: \"{}\"", watch.input());
        }
        done += 1;
    }
    let grown = resident().saturating_sub(settled.unwrap_or(u64::MAX));
    let seconds = began.elapsed().as_secs_f64();
    let (time, run) = slowest;
    println!(
        "fuzz {target}: {done} inputs in {seconds:.0} s, the slowest {time:?} (run {run}), {} kB more resident",
        grown >> 10
    );
    assert!(grown < GROWTH, "fuzz {target}: {grown} bytes more resident than after a tenth of the inputs");
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, expected a number")))
}

/// The memory that this process holds (`/proc/self/statm`, the second field, in pages).
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_with_its_run_and_its_input() {
        let outcome = catch_unwind(|| {
            fuzz("odd", &["a=1"], &["\0"], |input| assert!(!input.contains(&0), "a nought"));
        });
        let words = *outcome.unwrap_err().downcast::<String>().unwrap();
        assert!(words.starts_with("fuzz odd: run ") && words.contains("\\x00"), "{words}");
        let run: u64 = words.split(' ').nth(3).unwrap().parse().unwrap();
        let mut dice = Dice::of(run);
        assert_eq!([dice.pick(&[0]), dice.pick(&[0])], [Some(0); 2]);
        assert!(dice.spoil(b"a=1", b"a=1", &["\0"]).contains(&0), "run {run} is the same again");
    }

    #[test]
    fn most_inputs_differ_and_some_are_sound() {
        let mut inputs = std::collections::BTreeSet::new();
        fuzz("numbers", &["cpu0 1 2 3\n", "cpu1 4 5 6\n"], &[" "], |input| {
            inputs.insert(input.to_vec());
        });
        assert!(inputs.len() > RUNS as usize / 2, "{} of {RUNS}", inputs.len());
        assert!(inputs.contains(&b"cpu0 1 2 3\n"[..]));
    }
}
