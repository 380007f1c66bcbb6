//! `/proc/cpuinfo`: what kind of CPU each one is, how fast it runs, and what it can do.

use relink_core::{Error, Paths, Samples, Source};
use relink_pattern::Pattern;

use super::{BUG, FLAG, HERTZ, INFO, Settings};

/// The keys in the order of the family's labels; empty where an architecture has none.
const KEYS: [&str; 10] = [
    "physical id",
    "core id",
    "processor",
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "microcode",
    "stepping",
    "cache size",
];
const PACKAGE: usize = 0;
const CORE: usize = 1;
const PROCESSOR: usize = 2;

/// The frequency: on x86, on LoongArch, and on POWER, where the unit follows.
const MEGAHERTZ: [&str; 3] = ["cpu MHz", "CPU MHz", "clock"];

/// What a CPU can do: on x86, on Arm, and on s390.
const FLAGS: [&str; 3] = ["flags", "Features", "features"];
const BUGS: [&str; 1] = ["bugs"];

/// Reads the file at each collection, as the frequency is in it, into buffers that are kept.
pub(crate) struct CpuInfo {
    source: Source,
    cpus: Cpus,
    flags: Words,
    bugs: Words,
}

#[derive(Default)]
struct Cpus {
    all: Vec<Cpu>,
    /// So many of them stood in what was last read; the others are kept for their buffers.
    count: usize,
    /// What makes no sense.
    odd: Vec<Error>,
}

#[derive(Default)]
struct Cpu {
    number: u32,
    labels: [String; KEYS.len()],
    hertz: Option<f64>,
}

/// The words of a line that a pattern lets in.
struct Words {
    pattern: Option<Pattern>,
    line: String,
    words: Vec<String>,
}

impl CpuInfo {
    /// Nothing if the options don't ask for it.
    pub(crate) fn new(paths: &Paths, settings: &Settings) -> Result<Option<Self>, Error> {
        let flags = Words::new("info_flags_include", &settings.info_flags_include)?;
        let bugs = Words::new("info_bugs_include", &settings.info_bugs_include)?;
        let is_asked_for = settings.info || flags.pattern.is_some() || bugs.pattern.is_some();
        let source = Source::new(paths.procfs("cpuinfo"));
        Ok(is_asked_for.then(|| CpuInfo { source, cpus: Cpus::default(), flags, bugs }))
    }

    /// Pushes what stands there now. What makes no sense is told, and the collector's other families are shown.
    pub(crate) fn collect(&mut self, out: &mut Samples) {
        let CpuInfo { source, cpus, flags, bugs } = self;
        let read = source.parse(|text| {
            flags.read(first(text, &FLAGS));
            bugs.read(first(text, &BUGS));
            cpus.read(text)
        });
        match read {
            Ok(Some(())) => {}
            Ok(None) => return,
            Err(why) => return out.warn(why.message()),
        }
        for why in cpus.odd.drain(..) {
            out.warn(why.context(source.path().display()).message());
        }
        for cpu in &cpus.all[..cpus.count] {
            let labels = cpu.labels.each_ref().map(String::as_str);
            out.push(&INFO, labels, 1.0);
            if let Some(hertz) = cpu.hertz {
                out.push(&HERTZ, [labels[PACKAGE], labels[CORE], labels[PROCESSOR]], hertz);
            }
        }
        flags.words.iter().for_each(|flag| out.push(&FLAG, [flag], 1.0));
        bugs.words.iter().for_each(|bug| out.push(&BUG, [bug], 1.0));
    }
}

impl Cpus {
    /// Blocks of `key : value` lines, one a CPU, with an empty line between them.
    fn read(&mut self, text: &str) -> Result<(), Error> {
        self.count = 0;
        for block in text.split("\n\n") {
            // ARM ends with a block of the board, which has no processor number.
            let Some(number) = first(block, &["processor"]).parse::<u32>().ok() else { continue };
            let before = &self.all[..self.count];
            // They mostly come in order.
            if before.last().is_some_and(|last| last.number >= number)
                && before.iter().any(|cpu| cpu.number == number)
            {
                continue;
            }
            if self.count == self.all.len() {
                self.all.push(Cpu::default());
            }
            self.odd.extend(self.all[self.count].read(number, block).err());
            self.count += 1;
        }
        if self.count == 0 {
            return Err(Error::new("no line such as \"processor : 0\", expected one for each CPU"));
        }
        Ok(())
    }
}

impl Cpu {
    /// Takes in what the block says; an error is for a frequency that makes no sense.
    fn read(&mut self, number: u32, block: &str) -> Result<(), Error> {
        let mut outcome = Ok(());
        (self.number, self.hertz) = (number, None);
        self.labels.iter_mut().for_each(String::clear);
        for (key, value) in lines(block) {
            if let Some(at) = KEYS.iter().position(|known| *known == key) {
                // Of a key that is there twice the first one counts, as for the number by which CPUs are told apart.
                if self.labels[at].is_empty() {
                    self.labels[at].push_str(value);
                }
            } else if MEGAHERTZ.contains(&key) {
                let megahertz = value.strip_suffix("MHz").unwrap_or(value).parse();
                self.hertz = megahertz.ok().map(|number: f64| number * 1e6).filter(|hertz| hertz.is_finite());
                if self.hertz.is_none() {
                    let why = Error::expected("a frequency in MHz", value);
                    outcome = Err(why.context(format_args!("processor {number}")));
                }
            }
        }
        outcome
    }
}

impl Words {
    fn new(option: &str, pattern: &str) -> Result<Self, Error> {
        let compile = || Pattern::new(&format!("[collectors.cpu]: {option}"), pattern);
        let pattern = (!pattern.is_empty()).then(compile).transpose()?;
        Ok(Words { pattern, line: String::new(), words: Vec::new() })
    }

    /// They are the same as long as the machine is up, but for a live update of the kernel or the microcode.
    fn read(&mut self, line: &str) {
        let Some(pattern) = self.pattern.as_ref().filter(|_| line != self.line) else { return };
        self.line.clear();
        self.line.push_str(line);
        self.words.clear();
        for word in line.split_ascii_whitespace().filter(|word| pattern.is_match(word)) {
            if !self.words.iter().any(|known| known == word) {
                self.words.push(word.to_owned());
            }
        }
    }
}

/// The keys and values of lines such as `cpu family : 6`.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.trim(), value.trim()))
}

/// The value of the first line with one of these keys; empty if there is none.
fn first<'a>(text: &'a str, keys: &[&str]) -> &'a str {
    lines(text).find(|(key, _)| keys.contains(key)).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels and frequencies, and what was warned of.
    fn parse(text: &str) -> Result<(Vec<Cpu>, String), Error> {
        let mut cpus = Cpus::default();
        // What an earlier reading has left behind does not show.
        let _ = cpus.read("processor : 9\nstepping : 9\ncpu MHz : 9\n\nprocessor : 8\nmodel : 8\n");
        cpus.read(text)?;
        cpus.all.truncate(cpus.count);
        Ok((cpus.all, cpus.odd.iter().map(Error::to_string).collect()))
    }

    #[test]
    fn a_block_is_a_cpu() {
        let text = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\n\
            model name\t: Some: CPU\nstepping\t: 1\nmicrocode\t: 0x1\ncpu MHz\t\t: 799.998\ncache size\t: 512 KB\n\
            physical id\t: 0\ncore id\t\t: 3\nflags\t\t: fpu\n\nprocessor\t: 1\n\nprocessor\t: 0\n\n\
            Hardware\t: Board\nRevision\t: 0\n";
        let (cpus, warnings) = parse(text).unwrap();
        assert_eq!(
            cpus[0].labels,
            ["0", "3", "0", "GenuineIntel", "6", "167", "Some: CPU", "0x1", "1", "512 KB"].map(str::to_owned)
        );
        assert_eq!(cpus[1].labels, ["", "", "1", "", "", "", "", "", "", ""].map(str::to_owned));
        assert_eq!((cpus.len(), cpus[0].hertz, cpus[1].hertz), (2, Some(799.998 * 1e6), None));
        assert!(warnings.is_empty(), "{warnings}");
    }

    #[test]
    fn a_frequency_is_found_on_other_architectures() {
        let hertz = |line: &str| parse(&format!("processor : 0\n{line}\n")).unwrap().0[0].hertz;
        assert_eq!(hertz("clock\t\t: 2061.000000MHz"), Some(2.061e9));
        assert_eq!(hertz("CPU MHz\t\t\t: 2500.00"), Some(2.5e9));
        let (cpus, warnings) = parse("processor : 7\ncpu MHz : unknown\n").unwrap();
        assert_eq!(cpus[0].hertz, None);
        let said = "processor 7: expected a frequency in MHz, found \"unknown\"";
        assert_eq!(warnings, said);
    }

    #[test]
    fn the_words_that_match_are_those_of_the_first_cpu() {
        let mut words =
            Words { pattern: Some(Pattern::new("", "^a").unwrap()), line: String::new(), words: vec![] };
        let text = "processor : 0\nvmx flags : ax\nflags : aes fpu avx aes\n\nprocessor : 1\nflags : abm\n";
        words.read(first(text, &FLAGS));
        assert_eq!(words.words, ["aes", "avx"]);
        words.read(first("Features\t: fp asimd aes\n", &FLAGS));
        assert_eq!(words.words, ["asimd", "aes"]);
        words.read(first("processor : 0\n", &FLAGS));
        assert!(words.words.is_empty());
    }

    #[test]
    fn a_block_that_names_two_cpus_is_the_first() {
        let (cpus, _) = parse("processor : 0\n\nprocessor : 1\nprocessor : 0\n").unwrap();
        assert_eq!(cpus.iter().map(|cpu| &*cpu.labels[PROCESSOR]).collect::<Vec<_>>(), ["0", "1"]);
    }

    #[test]
    fn what_is_no_cpuinfo_is_told() {
        for text in ["", "junk\n", "processor : x\n"] {
            assert!(parse(text).err().unwrap().message().contains("expected one for each CPU"), "{text}");
        }
    }
}
