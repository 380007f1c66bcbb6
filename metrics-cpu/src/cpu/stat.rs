//! `/proc/stat`: the time that each CPU spent in each mode.

use relink_core::{Error, Paths, Samples, Source};

use super::{GUEST_SECONDS, SECONDS};

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
    cpus: Cpus,
}

/// The CPUs that are online, in the order of their lines.
#[derive(Default)]
struct Cpus {
    all: Vec<Cpu>,
    /// So many of them stand in what was read so far of the present text.
    taken: usize,
    /// Whether a line of CPUs was among that.
    began: bool,
    /// Whether it has others than the text before.
    changed: bool,
}

struct Cpu {
    number: u32,
    label: String,
    /// The highest count seen in each column.
    ticks: [u64; COLUMNS],
}

impl Stat {
    pub(crate) fn new(paths: &Paths) -> Self {
        Stat { source: Source::new(paths.procfs("stat")), cpus: Cpus::default() }
    }

    /// Reads the counters; `true` if other CPUs are online than at the last call.
    pub(crate) fn read(&mut self, out: &mut Samples) -> Result<bool, Error> {
        let Stat { source, cpus } = self;
        let read = source.lines(out, |line, _| cpus.take(line));
        let changed = cpus.end();
        read?;
        // Linux can't be without a CPU, and other systems can be without the file.
        if cpus.all.is_empty() && source.path().exists() {
            let none =
                Error::new("no line of cpu0, cpu1 or so on makes sense, expected one for each CPU online");
            return Err(none.context(source.path().display()));
        }
        Ok(changed)
    }

    /// Whether this CPU is online.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.cpus.all.iter().any(|cpu| cpu.number == number)
    }

    pub(crate) fn push(&self, guest: bool, out: &mut Samples) {
        for cpu in &self.cpus.all {
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

impl Cpus {
    /// Takes in a line. Those of single CPUs follow the line of all together; what comes after them is not of CPUs.
    fn take(&mut self, line: &str) -> Result<(), Error> {
        let is_of_cpus = line.starts_with("cpu");
        if self.began && !is_of_cpus {
            return Ok(());
        }
        self.began |= is_of_cpus;
        let Some((number, ticks)) = parse_line(line)? else { return Ok(()) };
        let taken = self.taken;
        // The CPUs already taken in stand first, so one that is there is in the text twice.
        match self.all[taken..].iter().position(|cpu| cpu.number == number) {
            Some(later) => {
                self.changed |= later > 0;
                self.all[taken..=taken + later].rotate_right(1);
                self.all[taken].advance(ticks);
            }
            None if self.all[..taken].iter().any(|cpu| cpu.number == number) => {
                return Err(Error::new(format!("cpu{number} stands there twice, expected each CPU once")));
            }
            None => {
                self.changed = true;
                self.all.insert(taken, Cpu { number, label: number.to_string(), ticks });
            }
        }
        self.taken += 1;
        Ok(())
    }

    /// Drops the CPUs that are no longer in the text; `true` if it had others than the one before.
    fn end(&mut self) -> bool {
        let changed = self.changed || self.taken < self.all.len();
        self.all.truncate(self.taken);
        (self.taken, self.began, self.changed) = (0, false, false);
        changed
    }
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

/// The number and the counters in a line such as `cpu0 4744 0 1317 175265 49 0 6 3 0 0`; nothing in the line of all CPUs.
fn parse_line(line: &str) -> Result<Option<(u32, [u64; COLUMNS])>, Error> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    if name == "cpu" {
        return Ok(None);
    }
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
    Ok(Some((number, ticks)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes in a text: whether the CPUs are others, and what is wrong with its lines.
    fn update(cpus: &mut Cpus, text: &str) -> (bool, Vec<String>) {
        let odd = text.lines().filter_map(|line| cpus.take(line).err()).map(|why| why.to_string()).collect();
        (cpus.end(), odd)
    }

    fn changes(cpus: &mut Cpus, text: &str) -> bool {
        let (changed, odd) = update(cpus, text);
        assert_eq!(odd, [""; 0]);
        changed
    }

    fn numbers(cpus: &Cpus) -> Vec<u32> {
        cpus.all.iter().map(|cpu| cpu.number).collect()
    }

    #[test]
    fn only_lines_of_single_cpus_count() {
        let mut cpus = Cpus::default();
        let text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu12 1 2 3 4\nintr 5 cpu\nctxt 7\n";
        assert!(changes(&mut cpus, text));
        assert_eq!(numbers(&cpus), [0, 12]);
        assert_eq!(cpus.all[0].ticks, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(cpus.all[1].ticks, [1, 2, 3, 4, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn an_odd_line_is_told_and_the_others_count() {
        let odd = |text: &str| update(&mut Cpus::default(), text).1.join("; ");
        assert_eq!(odd("\u{0}\u{1}junk"), "expected cpu and its number, found \"\\0\\u{1}junk\"");
        assert_eq!(odd("cpu 1\ncpu0 1 2 x 4"), "expected a number of clock ticks, found \"x\"");
        assert_eq!(odd("cpu 1\ncpu0 1 2 -3 4"), "expected a number of clock ticks, found \"-3\"");
        assert_eq!(odd("cpu 1\ncpu0 1 2 3"), "3 counters for cpu0, expected user, nice, system and idle");
        assert!(odd("cpu 1\ncpux 1 2 3 4").contains("found \"cpux\""));
        assert!(odd(&"y".repeat(9000)).len() < 120);
        let mut cpus = Cpus::default();
        let text = "cpu 1 2 3 4\ncpu0 1 2 3 4\ncpu1 junk\ncpu2 1 2 3 4\ncpu0 9 9 9 9\n";
        let (_, twice) = update(&mut cpus, text);
        assert_eq!(twice.len(), 2, "{twice:?}");
        assert!(twice[1].starts_with("cpu0 stands there twice"), "{twice:?}");
        assert_eq!((numbers(&cpus), cpus.all[0].ticks[IDLE]), (vec![0, 2], 4));
    }

    #[test]
    fn cpus_come_and_go_and_keep_their_numbers() {
        let mut cpus = Cpus::default();
        assert!(changes(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu3 1 1 1 1\n"));
        assert!(!changes(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu3 1 1 1 9\n"));
        assert!(changes(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu3 1 1 1 1\n"));
        assert_eq!(numbers(&cpus), [0, 3]);
        assert_eq!(cpus.all[1].ticks[IDLE], 9, "cpu3 kept its history when cpu1 went");
        assert!(changes(&mut cpus, "cpu 1\ncpu0 1 1 1 1\ncpu2 1 1 1 1\ncpu3 1 1 1 1\n"));
        assert_eq!(numbers(&cpus), [0, 2, 3]);
        assert!(changes(&mut cpus, "cpu 1\ncpu0 1 1 1 1\n"));
        assert_eq!(numbers(&cpus), [0]);
        assert!(changes(&mut cpus, ""), "no text, no CPUs");
        assert!(changes(&mut cpus, "cpu 1\ncpu0 1 1 1 1\n"));
    }

    #[test]
    fn a_counter_falls_only_when_its_cpu_started_afresh() {
        let mut cpus = Cpus::default();
        changes(&mut cpus, "cpu 1\ncpu0 1000 0 50 9000\n");
        changes(&mut cpus, "cpu 1\ncpu0 1001 0 49 8701\n");
        assert_eq!(cpus.all[0].ticks[..4], [1001, 0, 50, 9000], "2.99 s back is noise");
        changes(&mut cpus, "cpu 1\ncpu0 7 0 1 8700\n");
        assert_eq!(cpus.all[0].ticks[..4], [7, 0, 1, 8700], "3 s back is a new CPU");
    }
}
