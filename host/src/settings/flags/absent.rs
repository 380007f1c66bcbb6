//! What a command line asks for and nothing here stands for: collectors, and what tunes them.

use std::collections::BTreeSet;

use relink_core::Error;

use super::Given;
use crate::names;

impl Given {
    /// A flag `--collector.OWNER.…` that is not in the table. `next` is the word behind it, if that may be its value.
    pub(super) fn unknown_flag(
        &mut self,
        flag: &str,
        owner: &str,
        on: bool,
        next: Option<&str>,
    ) -> Result<(), Error> {
        let Some(collector) = self.collector(owner) else {
            return self.no_collector(flag, owner, on);
        };
        if collector.stands_for.is_some() {
            let own = self.flags_of(owner);
            return Err(Error::new(format!("--{flag} is not a flag that relink knows")).hint(format!(
                "{}those of collector {owner}: {}",
                names::did_you_mean(&format!("--{flag}"), own.iter().map(String::as_str)),
                if own.is_empty() { "none".to_owned() } else { own.join(", ") }
            )));
        }
        // Taking the word for a value, or not taking it, could both be wrong.
        if let Some(next) = next.filter(|next| on && !next.starts_with('-')) {
            return Err(Error::new(format!(
                "--{flag} is not known, so {next:?} behind it may be its value or a word of its own"
            ))
            .hint(format!("write --{flag}={next}, or leave it out: relink has no collector {owner}")));
        }
        if on {
            self.absent.entry(collector.name).or_default().push(format!("--{flag}"));
        }
        Ok(())
    }

    /// A name that neither agent has. Switching it off changes nothing, and the other agent's next version may know it;
    /// switching it on is a mistake.
    pub(super) fn no_collector(&mut self, flag: &str, name: &str, on: bool) -> Result<(), Error> {
        if !on {
            self.unknown.push(format!("--{flag}"));
            return Ok(());
        }
        let all = self.flags.collectors.iter().map(|collector| collector.name);
        Err(Error::new(format!("--{flag}: there is no collector {name}")).hint(format!(
            "{}known are: {}",
            names::did_you_mean(name, all),
            self.known()
        )))
    }

    /// The collectors that were asked for and that nothing here stands for.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &'static str> {
        let absent =
            |name: &&str| self.collector(name).is_some_and(|collector| collector.stands_for.is_none());
        let on = self.switched.iter().filter(|(_, on)| *on).map(|(name, _)| *name);
        on.filter(absent).collect::<BTreeSet<_>>().into_iter()
    }

    /// What was taken and does not do what it says: a line each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let lacking: BTreeSet<_> = self.lacking().collect();
        let absent = self.absent.iter().map(|(name, flags)| {
            let shown = if lacking.contains(name) {
                format!("; node_scrape_collector_success{{collector={name:?}}} is 0")
            } else {
                String::new()
            };
            format!("relink has no collector {name} and runs without it{shown} ({})", flags.join(", "))
        });
        let unknown = self.unknown.iter().map(|flag| {
            format!("{flag} switches nothing off: neither {} nor relink has it", self.flags.agent)
        });
        absent.chain(unknown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::given::tests::FLAGS;
    use super::*;
    use crate::settings::Plugins;

    fn warned(line: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
        let words = line.split_whitespace().map(OsString::from);
        let (rest, given) = Given::take(words, &FLAGS, &["disk"]).unwrap();
        let mut plugins = Plugins::default();
        given.apply(&mut plugins).unwrap();
        (
            rest.into_iter().map(|word| word.into_string().unwrap()).collect(),
            plugins.lacking,
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
                "--no-collector.laser switches nothing off: neither other nor relink has it",
                "--no-collector.laser.colour switches nothing off: neither other nor relink has it",
            ]
        );
        let quiet =
            "--no-collector.tape --no-collector.tape.rewind --no-collector.tape.loud --no-version --no-help";
        assert_eq!(warned(quiet), (vec![], vec![], vec![]), "what is off here as well");
    }
}
