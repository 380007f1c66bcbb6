//! What a command line says of collectors that are not linked in, and of options that are none.

use std::collections::BTreeSet;

use relink_core::Error;
use relink_core::registry::{CollectorDescriptor, OptionKind};
use relink_order::gathered;

use super::Given;
use super::given::Written;
use crate::names;

impl Given {
    /// A flag `--collector.NAME.…` of a collector that is not linked in: nothing where that is noted, and else its value, for
    /// a collector that a library may bring. `next` is the word behind the flag, which may be its value.
    pub(super) fn of_another(
        &mut self,
        collector: &str,
        flag: Written<'_>,
        next: Option<&str>,
    ) -> Result<Option<Option<String>>, Error> {
        let name = flag.name;
        // Taking the word for a value, or not taking it, could both be wrong.
        let is_unclear = flag.value.is_none() && flag.on;
        if let Some(next) = next.filter(|next| is_unclear && !next.starts_with('-')) {
            return Err(Error::new(format!(
                "--{name} is not known, so {next:?} behind it may be its value or a word of its own"
            ))
            .hint(format!("write --{name}={next}, or leave it out: no collector {collector} is linked in")));
        }
        if let Some(absent) = self.lacks(collector) {
            if flag.on {
                self.absent.entry(absent).or_default().push(format!("--{name}"));
            }
            return Ok(None);
        }
        if !flag.on {
            self.unknown.push(format!("--{name}"));
            return Ok(None);
        }
        Ok(Some(flag.value))
    }

    /// A flag of a collector that has no such option.
    pub(super) fn no_option(&self, collector: &CollectorDescriptor, option: &str, flag: &str) -> Error {
        let name = collector.name;
        let keys: Vec<_> = collector.options.iter().map(|known| known.name.replace('_', "-")).collect();
        // What all flags of the collector begin with would make each look like the other.
        let close = names::close(option, keys.iter().map(String::as_str));
        let close: Vec<_> = close.iter().map(|key| format!("--collector.{name}.{key}")).collect();
        let close = names::question(&close);
        let flags = collector.options.iter().zip(&keys).map(|(known, key)| {
            let no = if known.kind == OptionKind::Switch { "[no-]" } else { "" };
            format!("--{no}collector.{name}.{key}")
        });
        let flags: Vec<_> = flags.collect();
        let known = if flags.is_empty() { "none".to_owned() } else { flags.join(", ") };
        Error::new(format!("--{flag} is not a flag that relink knows"))
            .hint(format!("{close}those of collector {name}: {known}"))
    }

    /// The collectors that were asked for and that nothing here stands for.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &'static str> {
        let on = self.switched.iter().filter(|(_, on)| *on).filter_map(|(name, _)| self.lacks(name));
        gathered::<_, BTreeSet<_>>(on).into_iter()
    }

    /// What was taken and does not do what it says: a line each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let lacking: BTreeSet<_> = gathered(self.lacking());
        let absent = self.absent.iter().map(|(name, flags)| {
            let shown = if lacking.contains(name) {
                format!("; node_scrape_collector_success{{collector={name:?}}} is 0")
            } else {
                String::new()
            };
            format!("relink has no collector {name} and runs without it{shown} ({})", flags.join(", "))
        });
        let unknown = self.unknown.iter().map(|flag| {
            // `--no-collector.NAME`, or that with an option behind it.
            match flag.matches('.').count() {
                1 => format!("{flag} holds for a library alone: no such collector is linked in"),
                _ => format!("{flag} is passed over: no such collector is linked in"),
            }
        });
        absent.chain(unknown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::given::tests::{DISK, FLAGS};
    use super::*;
    use crate::settings::Collectors;

    fn warned(line: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
        let words = line.split_whitespace().map(OsString::from);
        let (rest, given) = Given::take(words, &FLAGS, &[&DISK]).unwrap();
        let mut collectors = Collectors::default();
        given.apply(&mut collectors);
        (
            rest.into_iter().map(|word| word.into_string().unwrap()).collect(),
            collectors.lacking,
            given.warnings(),
        )
    }

    #[test]
    fn what_is_not_here_is_told_and_nothing_else_of_the_line_is_lost() {
        let (rest, lacking, warnings) = warned(
            "--collector.tape --collector.tape.drive ^st0$ --collector.tape.drive=x --collector.tape.rewind \
             --collector.tape.spool=3 --collector.tape.loud --print none --collector.radio run",
        );
        assert_eq!(rest, ["--print", "none", "run"]);
        assert_eq!(lacking, ["radio", "tape"]);
        assert_eq!(
            warnings,
            [
                "relink has no collector radio and runs without it; \
                 node_scrape_collector_success{collector=\"radio\"} is 0 (--collector.radio)",
                "relink has no collector tape and runs without it; \
                 node_scrape_collector_success{collector=\"tape\"} is 0 (--collector.tape, --collector.tape.drive, \
                 --collector.tape.drive, --collector.tape.rewind, --collector.tape.spool, --collector.tape.loud)",
            ]
        );
        let (rest, lacking, warnings) = warned("--collector.tape.drive=x");
        assert_eq!((rest.len(), lacking.len()), (0, 0), "it tunes what was not asked for");
        assert_eq!(warnings, ["relink has no collector tape and runs without it (--collector.tape.drive)"]);
        let (_, _, warnings) = warned("--no-collector.laser --no-collector.laser.colour --no-collector.tape");
        assert_eq!(
            warnings,
            [
                "--no-collector.laser holds for a library alone: no such collector is linked in",
                "--no-collector.laser.colour is passed over: no such collector is linked in",
            ]
        );
        let quiet =
            "--no-collector.tape --no-collector.tape.rewind --no-collector.tape.loud --no-version --no-help";
        assert_eq!(warned(quiet), (vec![], vec![], vec![]), "what is off here as well");
    }
}
