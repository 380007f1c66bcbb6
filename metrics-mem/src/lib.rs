//! Memory and swap, from `/proc/meminfo`, under the names that node_exporter's dashboards ask for.
//!
//! The README lists the families.

mod families;

use relink_core::{Collector, Context, Error, Facts, Options, Samples, Source, register};

use families::{FAMILIES, KEYS};

register! {
    name: "mem",
    help: "Memory and swap",
    families: FAMILIES,
    new: |options: &Options| Memory::new(options),
}

struct Memory {
    source: Source,
}

impl Memory {
    fn new(options: &Options) -> Result<Self, Error> {
        options.expect_none()?;
        Ok(Memory { source: Source::new(options.procfs("meminfo")) })
    }

    /// Hands out the known keys, as places in [`KEYS`], and their values.
    fn read(&mut self, one: impl FnMut(usize, f64)) -> Result<(), Error> {
        let outcome = parse(self.source.read()?, one);
        outcome.context(self.source.path().display())
    }
}

impl Collector for Memory {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.read(|at, value| out.push_index(at, &[], value))
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let mut values = [None; KEYS.len()];
        self.read(|at, value| values[at] = Some(value))?;
        let value = |key: &str| KEYS.iter().position(|known| known.key == key).and_then(|at| values[at]);
        for (name, total, free) in [("memory", "MemTotal", "MemAvailable"), ("swap", "SwapTotal", "SwapFree")]
        {
            if let (Some(total), Some(free)) = (value(total), value(free)) {
                out.push(name, used(total - free, total));
            }
        }
        Ok(())
    }
}

/// How much is in use: `1.2 GiB of 23.5 GiB used (5 %)`.
fn used(used: f64, total: f64) -> String {
    if total <= 0.0 {
        return "none".to_owned();
    }
    let gibibytes = |bytes: f64| bytes / f64::from(1 << 30);
    format!("{:.1} of {:.1} GiB used ({:.0} %)", gibibytes(used), gibibytes(total), 100.0 * used / total)
}

/// Lines such as `MemTotal:  24684084 kB` or `HugePages_Total:  0`.
fn parse(text: &str, mut one: impl FnMut(usize, f64)) -> Result<(), Error> {
    let mut next = 0;
    for (number, line) in text.lines().enumerate() {
        let parsed = parse_line(line, next).context(format_args!("line {}", number + 1))?;
        if let Some((at, value)) = parsed {
            one(at, value);
            next = at + 1;
        }
    }
    if text.is_empty() {
        return Err(Error::new("the file is empty, expected lines such as \"MemTotal: 1024 kB\""));
    }
    Ok(())
}

/// The place of a line's key in [`KEYS`], looked for from `next` on, and the value; nothing if the key is unknown.
fn parse_line(line: &str, next: usize) -> Result<Option<(usize, f64)>, Error> {
    let not_a_line = || Error::expected("a line such as \"MemTotal: 1024 kB\"", line);
    let (key, rest) = line.split_once(':').ok_or_else(not_a_line)?;
    let mut words = rest.split_ascii_whitespace();
    let count: u64 = words.next().and_then(|word| word.parse().ok()).ok_or_else(not_a_line)?;
    let in_kilobytes = match (words.next(), words.next()) {
        (None, _) => false,
        (Some("kB"), None) => true,
        _ => return Err(not_a_line()),
    };
    let Some(at) = (next..KEYS.len()).chain(0..next).find(|&at| KEYS[at].key == key) else {
        return Ok(None);
    };
    if KEYS[at].in_kilobytes != in_kilobytes {
        let unit = if in_kilobytes { "without a unit" } else { "in kB" };
        return Err(Error::expected(format_args!("{key} {unit}"), rest.trim()));
    }
    Ok(Some((at, if in_kilobytes { count as f64 * 1024.0 } else { count as f64 })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<(&str, f64)>, Error> {
        let mut values = Vec::new();
        parse(text, |at, value| values.push((KEYS[at].key, value)))?;
        Ok(values)
    }

    #[test]
    fn known_keys_are_found_in_whatever_order() {
        let text =
            "SwapFree:  2 kB\nMemTotal: 1 kB\nNewInLinux9: 7 kB\nHugePages_Free:  3\nActive(anon): 5 kB\n";
        let found = values(text).unwrap();
        assert_eq!(
            found,
            [("SwapFree", 2048.0), ("MemTotal", 1024.0), ("HugePages_Free", 3.0), ("Active(anon)", 5120.0)]
        );
    }

    #[test]
    fn what_is_no_meminfo_is_told_with_its_line() {
        let message = |text: &str| values(text).unwrap_err().message().to_owned();
        assert!(message("").starts_with("the file is empty, expected lines such as"));
        let expected = "expected a line such as \"MemTotal: 1024 kB\", found";
        assert_eq!(message("junk"), format!("line 1: {expected} \"junk\""));
        assert_eq!(message("MemTotal: 1 kB\nMemFree:"), format!("line 2: {expected} \"MemFree:\""));
        assert_eq!(message("MemTotal: -1 kB"), format!("line 1: {expected} \"MemTotal: -1 kB\""));
        assert_eq!(message("MemTotal: 1 MB"), format!("line 1: {expected} \"MemTotal: 1 MB\""));
        assert_eq!(message("MemTotal: 1"), "line 1: expected MemTotal in kB, found \"1\"");
        assert_eq!(
            message("HugePages_Free: 1 kB"),
            "line 1: expected HugePages_Free without a unit, found \"1 kB\""
        );
    }

    #[test]
    fn usage_is_for_people() {
        assert_eq!(
            used(3.0 * 1024.0 * 1024.0 * 1024.0, 4.0 * 1024.0 * 1024.0 * 1024.0),
            "3.0 of 4.0 GiB used (75 %)"
        );
        assert_eq!(used(0.0, 0.0), "none");
    }
}
