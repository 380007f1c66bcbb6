//! `/proc/meminfo`: a family for each line.

mod keys;

use relink_core::{Collector, Error, Facts, Paths, Samples, Source};

use keys::KEYS;

pub(crate) use keys::FAMILIES;

pub(crate) struct Meminfo(Source);

impl Meminfo {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Meminfo(Source::new(paths.procfs("meminfo"))))
    }
}

impl Collector for Meminfo {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let mut next = 0;
        self.0.lines(out, |line, out| {
            let Some(at) = key_of(line, next) else { return Ok(()) };
            next = at + 1;
            out.push_index(at, &[], value(line, at)?);
            Ok(())
        })?;
        if next == 0 {
            let why = "no line such as \"MemTotal: 1024 kB\", expected one";
            self.0.parse(|_| Err::<(), _>(Error::new(why)))?;
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let text = self.0.text()?.unwrap_or_default();
        let value = |key: &str| {
            let at = KEYS.iter().position(|known| known.key == key)?;
            text.lines().find(|line| key_of(line, at) == Some(at)).and_then(|line| value(line, at).ok())
        };
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

/// The place of a line's key in [`KEYS`], looked for from `next` on. A line of an unknown key has no family, whatever its
/// shape: the kernel 2.4 has a table of other lines before the usual ones.
fn key_of(line: &str, next: usize) -> Option<usize> {
    let (key, _) = line.split_once(':')?;
    (next..KEYS.len()).chain(0..next).find(|&at| KEYS[at].key == key)
}

/// The value of a line such as `MemTotal:  24684084 kB` or `HugePages_Total:  0`, whose key is the one at this place.
fn value(line: &str, at: usize) -> Result<f64, Error> {
    let not_a_line = || Error::expected("a line such as \"MemTotal: 1024 kB\"", line);
    let (_, rest) = line.split_once(':').ok_or_else(not_a_line)?;
    let mut words = rest.split_ascii_whitespace();
    let count: u64 = words.next().and_then(|word| word.parse().ok()).ok_or_else(not_a_line)?;
    let in_kilobytes = match (words.next(), words.next()) {
        (None, _) => false,
        (Some("kB"), None) => true,
        _ => return Err(not_a_line()),
    };
    let known = &KEYS[at];
    if known.in_kilobytes != in_kilobytes {
        let unit = if in_kilobytes { "without a unit" } else { "in kB" };
        return Err(Error::expected(format_args!("{} {unit}", known.key), rest.trim()));
    }
    Ok(if in_kilobytes { count as f64 * 1024.0 } else { count as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_for_people() {
        assert_eq!(
            used(3.0 * 1024.0 * 1024.0 * 1024.0, 4.0 * 1024.0 * 1024.0 * 1024.0),
            "3.0 of 4.0 GiB used (75 %)"
        );
        assert_eq!(used(0.0, 0.0), "none");
    }
}
