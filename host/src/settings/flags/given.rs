//! What a command line says of collectors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::iter::Peekable;
use std::path::Path;

use relink_core::Error;
use relink_core::registry::{CollectorDescriptor, Descriptor, OptionKind};

use super::{DropIn, Flag, Flags, Means, NONE, Takes};
use crate::settings::Collectors;
use crate::settings::collectors::{DEFAULTS_OFF, ENABLED, typed};

/// The flags of collectors on one command line.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(super) flags: &'static Flags,
    /// The plugins that are linked in.
    linked: Vec<&'static Descriptor>,
    /// `--collector.disable-defaults`: nothing runs but what was switched on.
    defaults_off: bool,
    /// Collectors that were switched on or off.
    pub(super) switched: Vec<(String, bool)>,
    /// Options that were set, each with the flag that did.
    options: Vec<(String, Setting)>,
    /// The flags of each collector that nothing here stands for.
    pub(super) absent: BTreeMap<&'static str, Vec<String>>,
    /// Flags that switch something off which neither agent is known to have.
    pub(super) unknown: Vec<String>,
    /// The executable is called as the other agent's is.
    is_called_so: bool,
}

/// A collector, an option of it, and its value.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    collector: String,
    option: String,
    value: toml::Value,
}

/// One flag as it was written.
pub(super) struct Written<'a> {
    /// Without the dashes.
    pub(super) name: &'a str,
    /// Without `no-`.
    positive: &'a str,
    pub(super) on: bool,
    pub(super) value: Option<String>,
}

const SWITCH: &str = "collector.";

impl Default for Given {
    fn default() -> Self {
        Given {
            flags: NONE,
            linked: Vec::new(),
            defaults_off: false,
            switched: Vec::new(),
            options: Vec::new(),
            absent: BTreeMap::new(),
            unknown: Vec::new(),
            is_called_so: false,
        }
    }
}

impl Given {
    /// Takes the flags of collectors, and another agent's, out of a command line, and returns the rest. Both `--flag=value`
    /// and `--flag value` are understood; of a collector that is not linked in, and may come of a library, the former.
    pub(crate) fn take(
        arguments: impl IntoIterator<Item = OsString>,
        flags: &'static Flags,
        linked: &[&'static Descriptor],
    ) -> Result<(Vec<OsString>, Self), Error> {
        let mut given = Given { flags, linked: linked.to_vec(), ..Given::default() };
        let mut rest = Vec::new();
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            let word = argument.to_str().and_then(|text| text.strip_prefix("--")).unwrap_or_default();
            let (name, value) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
            let (positive, on) = name.strip_prefix("no-").map_or((name, true), |name| (name, false));
            if !given.understands(Written { name, positive, on, value }, &mut arguments)? {
                rest.push(argument);
            }
        }
        Ok((rest, given))
    }

    /// Takes one flag; whether it is one of those meant here.
    fn understands(
        &mut self,
        flag: Written<'_>,
        next: &mut Peekable<impl Iterator<Item = OsString>>,
    ) -> Result<bool, Error> {
        if flag.positive == DEFAULTS_OFF {
            flag.takes_nothing()?;
            self.defaults_off = flag.on;
        } else if let Some(known) = self.flags.flags.iter().find(|known| known.name == flag.positive)
            && (flag.on || known.takes(self) == OptionKind::Switch)
        {
            self.known(known, flag, next)?;
        } else if let Some(rest) = flag.positive.strip_prefix(SWITCH) {
            match rest.split_once('.') {
                Some((collector, option)) => self.by_rule(collector, option, flag, next)?,
                None => self.switch(rest, flag)?,
            }
        } else if matches!((flag.positive, flag.on), ("help" | "version", false))
            && !self.flags.agent.is_empty()
        {
            // Every switch of the other agent's can be switched off; these are.
            flag.takes_nothing()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The same, by an executable that was started under this name.
    pub(crate) fn called(mut self, name: Option<OsString>) -> Self {
        let name = name.as_deref().and_then(|name| Path::new(name).file_name()?.to_str());
        let names = self.drop_in().map_or(&[][..], |other| other.names);
        self.is_called_so = name.is_some_and(|name| names.contains(&name));
        self
    }

    /// Whether the executable has the other agent's name.
    pub(crate) fn is_called_so(&self) -> bool {
        self.is_called_so
    }

    /// What the other agent does where nothing is set.
    pub(crate) fn drop_in(&self) -> Option<&'static DropIn> {
        self.flags.drop_in.as_ref()
    }

    /// A flag of the other agent's that is in its table.
    fn known(
        &mut self,
        known: &'static Flag,
        flag: Written<'_>,
        next: &mut Peekable<impl Iterator<Item = OsString>>,
    ) -> Result<(), Error> {
        let (name, on) = (flag.name.to_owned(), flag.on);
        let value = flag.value(known.takes(self), next)?;
        match known.means {
            Means::Option { collector, option } => self.set(known.name, collector, option, value),
            Means::Nothing(_) => Ok(()),
            Means::Absent { collector, .. } => {
                if value.as_bool() != Some(false) {
                    self.absent.entry(collector).or_default().push(format!("--{}", known.name));
                }
                Ok(())
            }
            Means::Refused { takes: Takes::Nothing, on: refused, .. } if refused != on => Ok(()),
            Means::Refused { why, .. } => Err(Error::new(format!("--{name} is refused: {why}"))),
        }
    }

    /// `--collector.NAME.SOME-OPTION`: what the collector's table has as `some_option`.
    fn by_rule(
        &mut self,
        collector: &str,
        option: &str,
        flag: Written<'_>,
        next: &mut Peekable<impl Iterator<Item = OsString>>,
    ) -> Result<(), Error> {
        let key = option.replace('-', "_");
        let Some(linked) = self.linked(collector) else {
            let (name, on) = (flag.name.to_owned(), flag.on);
            if let Some(value) =
                self.of_another(collector, flag, next.peek().and_then(|next| next.to_str()))?
            {
                let value = value.map_or(on.into(), toml::Value::from);
                self.set(&name, collector, &key, value)?;
            }
            return Ok(());
        };
        match linked.option(&key).filter(|known| flag.on || known.kind == OptionKind::Switch) {
            Some(known) => {
                let name = flag.positive.to_owned();
                let value = flag.value(known.kind, next)?;
                self.set(&name, collector, &key, value)
            }
            None => Err(self.no_option(linked, option, flag.name)),
        }
    }

    fn set(&mut self, flag: &str, collector: &str, option: &str, value: toml::Value) -> Result<(), Error> {
        let linked = self.linked(collector).and_then(|linked| linked.option(option));
        let is_list = linked.is_some_and(|known| known.kind == OptionKind::List);
        let same = |setting: &Setting| setting.collector == collector && setting.option == option;
        match self.options.iter_mut().find(|(_, setting)| same(setting)) {
            Some((_, setting)) if is_list => {
                let mut all = match std::mem::replace(&mut setting.value, false.into()) {
                    toml::Value::Array(all) => all,
                    one => vec![one],
                };
                all.push(value);
                setting.value = toml::Value::Array(all);
            }
            Some((before, _)) if before == flag => {
                return Err(Error::new(format!("--{flag} is given twice")));
            }
            Some((before, _)) => {
                return Err(Error::new(format!(
                    "--{before} and --{flag} both set {option} of collector {collector}, expected one of them"
                )));
            }
            None => {
                let (collector, option) = (collector.to_owned(), option.to_owned());
                self.options.push((flag.to_owned(), Setting { collector, option, value }));
            }
        }
        Ok(())
    }

    /// `--collector.NAME` and `--no-collector.NAME`.
    fn switch(&mut self, name: &str, flag: Written<'_>) -> Result<(), Error> {
        flag.takes_nothing()?;
        let on = flag.on;
        if self.switched.iter().any(|(before, was)| before == name && *was != on) {
            return Err(Error::new(format!("--collector.{name} and --no-collector.{name} are both given")));
        }
        if self.linked(name).is_none() {
            match self.lacks(name) {
                Some(absent) if on => self.absent.entry(absent).or_default().push(format!("--{}", flag.name)),
                None if !on => self.unknown.push(format!("--{}", flag.name)),
                _ => {}
            }
        }
        self.switched.push((name.to_owned(), on));
        Ok(())
    }

    /// A collector that is linked in.
    pub(in crate::settings) fn linked(&self, name: &str) -> Option<&'static CollectorDescriptor> {
        self.linked.iter().flat_map(|plugin| plugin.collectors).find(|collector| collector.name == name)
    }

    /// A collector of the other agent's that nothing here stands for.
    pub(super) fn lacks(&self, name: &str) -> Option<&'static str> {
        self.flags.absent.iter().copied().find(|absent| *absent == name)
    }

    /// Puts what was said into the configuration.
    pub(crate) fn apply(&self, collectors: &mut Collectors) {
        for (_, Setting { collector, option, value }) in &self.options {
            collectors.set(collector, option, value.clone());
        }
        for (name, on) in self.switched.iter().filter(|(name, _)| self.lacks(name).is_none()) {
            collectors.switch(name, *on);
            // Where it is read of what was set; a library's collector has no table before it is there.
            if self.linked(name).is_some() {
                collectors.set(name, ENABLED, (*on).into());
            }
        }
        collectors.defaults_off |= self.defaults_off;
        collectors.lacking = self.lacking().map(str::to_owned).collect();
    }
}

impl Flag {
    /// What follows it; a text, where that is an option of a collector that is not here.
    fn takes(&self, given: &Given) -> OptionKind {
        match self.means {
            Means::Option { collector, option } => {
                let known = given.linked(collector).and_then(|collector| collector.option(option));
                known.map_or(OptionKind::Text, |known| known.kind)
            }
            Means::Nothing(takes) | Means::Absent { takes, .. } | Means::Refused { takes, .. } => match takes
            {
                Takes::Nothing => OptionKind::Switch,
                Takes::Text => OptionKind::Text,
            },
        }
    }
}

impl Written<'_> {
    fn takes_nothing(&self) -> Result<(), Error> {
        match &self.value {
            None => Ok(()),
            Some(value) => Err(Error::new(format!("--{} takes no value, found {value:?}", self.name))),
        }
    }

    /// Its value, which may be the next word.
    fn value(
        self,
        kind: OptionKind,
        next: &mut Peekable<impl Iterator<Item = OsString>>,
    ) -> Result<toml::Value, Error> {
        if kind == OptionKind::Switch {
            self.takes_nothing()?;
            return Ok(self.on.into());
        }
        let name = self.name;
        let next = || next.next().and_then(|next| next.into_string().ok());
        let text =
            self.value.or_else(next).ok_or_else(|| Error::new(format!("--{name} needs a value after it")))?;
        let value = typed(kind, &text.as_str().into());
        value.map_err(|expected| Error::new(format!("--{name} is {text:?}, {expected}")))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use relink_core::registry::OptionDescriptor;

    use super::*;

    pub(in crate::settings::flags) static FLAGS: Flags = Flags {
        agent: "other",
        absent: &["tape", "radio"],
        flags: &[
            Flag::option("collector.space.ignored", "space", "exclude"),
            Flag::option("collector.spaces.timeout", "space", "timeout"),
            Flag::idle("collector.space.workers", Takes::Text),
            Flag::refused("collector.traffic.deep", Takes::Nothing, "there is nothing deep"),
            Flag::refused_off("collector.traffic.zeros", "they are always there"),
            Flag::absent("collector.tape.drive", Takes::Text, "tape"),
            Flag::absent("collector.tape.rewind", Takes::Nothing, "tape"),
        ],
        drop_in: None,
    };

    const fn option(name: &'static str, kind: OptionKind) -> OptionDescriptor {
        OptionDescriptor { name, help: "Help.", kind }
    }

    const fn collector(name: &'static str, options: &'static [OptionDescriptor]) -> CollectorDescriptor {
        let new = |_: &relink_core::registry::Options| Err(Error::new("not made in this test"));
        CollectorDescriptor { name, help: "Help", families: &[], options, on: true, new }
    }

    pub(in crate::settings::flags) static DISK: Descriptor = Descriptor {
        name: "disk",
        version: "1",
        help: "Help",
        package: "metrics-disk",
        collectors: &[
            collector(
                "space",
                &[
                    option("exclude", OptionKind::Text),
                    option("timeout", OptionKind::Seconds),
                    option("mount_points", OptionKind::Text),
                    option("info", OptionKind::Switch),
                    option("folder", OptionKind::List),
                ],
            ),
            collector("traffic", &[]),
        ],
    };

    fn taken(line: &str) -> Result<(Vec<String>, Collectors), Error> {
        let words = line.split_whitespace().map(OsString::from);
        let (rest, given) = Given::take(words, &FLAGS, &[&DISK])?;
        let mut collectors = Collectors::default();
        given.apply(&mut collectors);
        Ok((rest.into_iter().map(|word| word.into_string().unwrap()).collect(), collectors))
    }

    fn collectors(line: &str) -> Collectors {
        taken(line).unwrap().1
    }

    #[test]
    fn both_spellings_of_a_value_are_taken_and_the_rest_is_left() {
        let line = "--listen 1 --collector.space.exclude=^/(a=b)$ run --collector.space.timeout 1m30s --x=y \
                    --collector.space.mount-points=/a";
        let (rest, collectors) = taken(line).unwrap();
        assert_eq!(rest, ["--listen", "1", "run", "--x=y"]);
        assert_eq!(collectors.get("space", "exclude").unwrap().as_str(), Some("^/(a=b)$"));
        assert_eq!(collectors.get("space", "timeout").unwrap().as_float(), Some(90.0));
        assert_eq!(collectors.get("space", "mount_points").unwrap().as_str(), Some("/a"));
        let info = |line| super::tests::collectors(line).get("space", "info").unwrap().as_bool().unwrap();
        assert_eq!((info("--collector.space.info"), info("--no-collector.space.info")), (true, false));
        let other_names =
            super::tests::collectors("--collector.space.ignored=x --collector.spaces.timeout=0");
        assert_eq!(other_names.get("space", "exclude").unwrap().as_str(), Some("x"));
        assert_eq!(other_names.get("space", "timeout").unwrap().as_float(), Some(0.0));
    }

    #[test]
    fn collectors_are_switched_each_for_itself() {
        let line =
            "--no-collector.space --collector.traffic --collector.disable-defaults --no-collector.tape";
        let collectors = collectors(line);
        let switched: Vec<_> =
            collectors.switched.iter().map(|(name, (on, _))| (name.as_str(), *on)).collect();
        assert_eq!(switched, [("space", false), ("traffic", true)]);
        assert!(
            collectors.defaults_off
                && !super::tests::collectors("--no-collector.disable-defaults").defaults_off
        );
        assert_eq!(collectors.switched["space"].1, "--no-collector.space");
    }

    #[test]
    fn several_texts_are_a_list() {
        let of = |line| collectors(line).get("space", "folder").unwrap().clone();
        assert_eq!(of("--collector.space.folder=/a"), "/a".into());
        let two = of("--collector.space.folder /a --collector.space.folder=/b");
        assert_eq!(two, vec!["/a", "/b"].into());
    }

    #[test]
    fn what_is_so_anyhow_changes_nothing() {
        let line = "--no-collector.traffic.deep --collector.traffic.zeros --collector.space.workers=4 \
                    --collector.space.workers 8 --no-collector.tape";
        let (rest, collectors) = taken(line).unwrap();
        assert!(rest.is_empty() && collectors.tables.is_empty(), "{rest:?}");
    }

    #[test]
    fn a_collector_of_a_library_is_left_for_when_it_is_loaded() {
        let (rest, collectors) = taken("--collector.nvme --collector.nvme.a-b=3 --collector.nvme.c").unwrap();
        assert!(rest.is_empty(), "{rest:?}");
        assert_eq!(collectors.get("nvme", "a_b"), Some(&"3".into()));
        assert_eq!(collectors.get("nvme", "c"), Some(&true.into()));
        assert!(collectors.switched["nvme"].0);
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_name() {
        for (line, words) in [
            (
                "--collector.tape.spool 1",
                &["--collector.tape.spool", "\"1\"", "--collector.tape.spool=1"][..],
            ),
            ("--collector.tape=1", &["--collector.tape takes no value"]),
            ("--collector.tape.drive", &["needs a value"]),
            ("--collector.tape --no-collector.tape", &["are both given"]),
            ("--no-version=1", &["takes no value"]),
            (
                "--collector.space.exclud=1",
                &[
                    "--collector.space.exclud is not",
                    "did you mean --collector.space.exclude? those of",
                    "--collector.space.exclude",
                ],
            ),
            ("--collector.space.quota=1", &["; those of collector space: --collector.space.exclude"]),
            ("--no-collector.space.exclude", &["--no-collector.space.exclude is not a flag"]),
            ("--collector.traffic.x=1", &["those of collector traffic: none"]),
            ("--collector.traffic.deep", &["--collector.traffic.deep", "there is nothing deep"]),
            ("--no-collector.traffic.zeros", &["--no-collector.traffic.zeros", "always there"]),
            ("--collector.space.exclude", &["needs a value"]),
            ("--collector.space=true", &["--collector.space takes no value", "\"true\""]),
            ("--collector.space.timeout=soon", &["\"soon\"", "expected a time"]),
            ("--collector.space.exclude=a --collector.space.exclude=a", &["given twice"]),
            ("--collector.space.exclude=a --collector.space.ignored=a", &["ignored both set exclude"]),
            ("--collector.space --no-collector.space", &["are both given"]),
        ] {
            let said = taken(line).unwrap_err().to_string();
            for word in words {
                assert!(said.contains(word), "{line}: {word:?} is not in: {said}");
            }
        }
    }
}
