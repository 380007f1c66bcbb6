//! `/proc/stat`: the time that each CPU spent in each mode.

use relink_core::{Context, Error, Options, Samples, Source};

use crate::families::{GUEST_SECONDS, SECONDS};

/// The modes in the order of the columns. The last two columns, guest and guest_nice, are a family of their own.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
const COLUMNS: usize = 10;

/// Linux counts this time in hundredths of a second for programs, whatever its own clock rate is (USER_HZ).
const TICKS_A_SECOND: u64 = 100;

/// An idle counter that falls by this much belongs to a CPU that was unplugged and came back. A smaller fall is the
/// kernel's own rounding between its two ways to account idle time.
const JUMP_BACK: u64 = 3 * TICKS_A_SECOND;

/// The CPUs of `/proc/stat` and their counters.
pub(crate) struct Stat {
    source: Source,
    cpus: Vec<Cpu>,
}

/// One CPU that is online.
struct Cpu {
    number: u32,
    label: String,
    /// The highest count seen in each column.
    ticks: [u64; COLUMNS],
}

/// One line, as in `cpu0 4744 0 1317 175265 49 0 6 3 0 0`.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: u32,
    ticks: [u64; COLUMNS],
}

impl Stat {
    pub(crate) fn new(options: &Options) -> Self {
        Stat { source: Source::new(options.procfs("stat")), cpus: Vec::new() }
    }

    /// Reads the counters; `true` if other CPUs are online than at the last call.
    pub(crate) fn read(&mut self) -> Result<bool, Error> {
        let changed = update(&mut self.cpus, self.source.read()?);
        changed.context(self.source.path().display())
    }

    /// Whether this CPU is online.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.cpus.iter().any(|cpu| cpu.number == number)
    }

    pub(crate) fn push(&self, guest: bool, out: &mut Samples) {
        for cpu in &self.cpus {
            for (mode, ticks) in MODES.iter().zip(cpu.ticks) {
                out.push(&SECONDS, [&cpu.label, mode], seconds(ticks));
            }
            if !guest {
                continue;
            }
            for (mode, ticks) in ["user", "nice"].iter().zip(&cpu.ticks[MODES.len()..]) {
                out.push(&GUEST_SECONDS, [&cpu.label, mode], seconds(*ticks));
            }
        }
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_A_SECOND as f64
}

/// Takes in a new text. CPUs that are no longer in it are dropped, and `true` is returned if the CPUs are others.
fn update(cpus: &mut Vec<Cpu>, text: &str) -> Result<bool, Error> {
    let mut count = 0;
    let mut changed = false;
    for line in parse(text) {
        let Line { number, ticks } = line?;
        // The CPUs already taken in stand before `count`, so one that stands there is in the text twice.
        match cpus.iter().skip(count.min(cpus.len())).position(|cpu| cpu.number == number) {
            Some(0) => cpus[count].advance(ticks),
            Some(later) => {
                changed = true;
                cpus[count..=count + later].rotate_right(1);
                cpus[count].advance(ticks);
            }
            None if cpus[..count].iter().any(|cpu| cpu.number == number) => {
                return Err(Error::new(format!("cpu{number} appears twice, expected each CPU once")));
            }
            None => {
                changed = true;
                cpus.insert(count, Cpu { number, label: number.to_string(), ticks });
            }
        }
        count += 1;
    }
    if count == 0 {
        return Err(Error::new("no line begins with cpu0, cpu1 or so on, expected one for each CPU online"));
    }
    changed |= count < cpus.len();
    cpus.truncate(count);
    Ok(changed)
}

impl Cpu {
    /// Takes newer counts, none of which may fall unless the CPU started afresh.
    fn advance(&mut self, ticks: [u64; COLUMNS]) {
        if self.ticks[IDLE].saturating_sub(ticks[IDLE]) >= JUMP_BACK {
            self.ticks = ticks;
            return;
        }
        for (highest, now) in self.ticks.iter_mut().zip(ticks) {
            *highest = now.max(*highest);
        }
    }
}

/// The lines of single CPUs, which follow the line of all together.
fn parse(text: &str) -> impl Iterator<Item = Result<Line, Error>> {
    text.lines().enumerate().take_while(|(at, line)| *at == 0 || line.starts_with("cpu")).filter_map(
        |(at, line)| {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("cpu") => None,
                name => Some(parse_line(name.unwrap_or(""), words).context(format_args!("line {}", at + 1))),
            }
        },
    )
}

fn parse_line<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Result<Line, Error> {
    let number = name.strip_prefix("cpu").and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| Error::expected("cpu and its number", name))?;
    let mut ticks = [0; COLUMNS];
    let mut columns = 0;
    for (count, word) in ticks.iter_mut().zip(words) {
        *count = word.parse().map_err(|_| Error::expected("a number of clock ticks", word))?;
        columns += 1;
    }
    // Kernels before 2.6.33 have fewer columns, but never fewer than these four.
    if columns <= IDLE {
        return Err(Error::new(format!(
            "{columns} counters for {name}, expected user, nice, system and idle"
        )));
    }
    Ok(Line { number, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<Line>, Error> {
        parse(text).collect()
    }

    fn numbers(cpus: &[Cpu]) -> Vec<u32> {
        cpus.iter().map(|cpu| cpu.number).collect()
    }

    #[test]
    fn only_lines_of_single_cpus_count() {
        let text =
            "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu12 1 2 3 4\nintr 5 cpu\ncpu3 junk\n";
        assert_eq!(
            lines(text).unwrap(),
            [
                Line { number: 0, ticks: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
                Line { number: 12, ticks: [1, 2, 3, 4, 0, 0, 0, 0, 0, 0] },
            ]
        );
    }

    #[test]
    fn what_is_no_stat_file_is_told_with_its_line() {
        let message = |text| lines(text).unwrap_err().message().to_owned();
        assert_eq!(message("\u{0}\u{1}junk"), "line 1: expected cpu and its number, found \"\\0\\u{1}junk\"");
        assert_eq!(message("cpu 1\ncpu0 1 2 x 4"), "line 2: expected a number of clock ticks, found \"x\"");
        assert_eq!(message("cpu 1\ncpu0 1 2 -3 4"), "line 2: expected a number of clock ticks, found \"-3\"");
        assert_eq!(
            message("cpu 1\ncpu0 1 2 3"),
            "line 2: 3 counters for cpu0, expected user, nice, system and idle"
        );
        assert!(message("cpu 1\ncpux 1 2 3 4").contains("found \"cpux\""));
        assert!(message(&"y".repeat(9000)).len() < 120);
        let none = update(&mut Vec::new(), "cpu 1 2 3 4\nintr 1\n").unwrap_err();
        assert!(none.message().starts_with("no line begins with cpu0"), "{none}");
        let twice = update(&mut Vec::new(), "cpu 1 2 3 4\ncpu0 1 2 3 4\ncpu0 1 2 3 4\n").unwrap_err();
        assert!(twice.message().starts_with("cpu0 appears twice"), "{twice}");
    }

    #[test]
    fn cpus_come_and_go_and_keep_their_numbers() {
        let mut cpus = Vec::new();
        assert!(update(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu3 1 1 1 1\n").unwrap());
        assert!(!update(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu3 1 1 1 9\n").unwrap());
        assert!(update(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu3 1 1 1 1\n").unwrap());
        assert_eq!(numbers(&cpus), [0, 3]);
        assert_eq!(cpus[1].ticks[IDLE], 9, "cpu3 kept its history when cpu1 went");
        assert!(update(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu2 1 1 1 1\ncpu3 1 1 1 1\n").unwrap());
        assert_eq!(numbers(&cpus), [0, 2, 3]);
        assert!(update(&mut cpus, "cpu 1\ncpu0 1 1 1 1\n").unwrap());
        assert_eq!(numbers(&cpus), [0]);
    }

    #[test]
    fn a_counter_falls_only_when_its_cpu_started_afresh() {
        let mut cpus = Vec::new();
        update(&mut cpus, "cpu 1\ncpu0 1000 0 50 9000\n").unwrap();
        update(&mut cpus, "cpu 1\ncpu0 1001 0 49 8701\n").unwrap();
        assert_eq!(cpus[0].ticks[..4], [1001, 0, 50, 9000], "2.99 s back is noise");
        update(&mut cpus, "cpu 1\ncpu0 7 0 1 8700\n").unwrap();
        assert_eq!(cpus[0].ticks[..4], [7, 0, 1, 8700], "3 s back is a new CPU");
    }
}
