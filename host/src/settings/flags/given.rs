//! What a command line says with another agent's flags.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use relink_core::Error;

use super::{Collector, DropIn, Flag, Flags, Means, NONE, Part, Takes};
use crate::settings::Plugins;

/// The other agent's flags of one command line.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(super) flags: &'static Flags,
    /// The plugins that are linked in.
    linked: Vec<&'static str>,
    /// `--collector.disable-defaults`: nothing runs but what was switched on.
    defaults_off: bool,
    /// Collectors that were switched on or off.
    pub(super) switched: Vec<(&'static str, bool)>,
    /// Plugins' options that were set, each with the flag that did.
    options: Vec<(&'static Flag, Setting)>,
    /// The flags of each collector that nothing here stands for.
    pub(super) absent: BTreeMap<&'static str, Vec<String>>,
    /// Flags that switch something off which neither agent knows.
    pub(super) unknown: Vec<String>,
    /// The executable is called as the other agent's is.
    is_called_so: bool,
}

/// A plugin, an option of it, and its value.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    plugin: &'static str,
    option: &'static str,
    value: toml::Value,
}

const SWITCH: &str = "collector.";
const DEFAULTS_OFF: &str = "collector.disable-defaults";

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
    /// Takes the other agent's flags out of a command line, and returns the rest. Both `--flag=value` and `--flag value`
    /// are understood.
    pub(crate) fn take(
        arguments: impl IntoIterator<Item = OsString>,
        flags: &'static Flags,
        linked: &[&'static str],
    ) -> Result<(Vec<OsString>, Self), Error> {
        let mut given = Given { flags, linked: linked.to_vec(), ..Given::default() };
        let mut rest = Vec::new();
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            let word = argument.to_str().and_then(|text| text.strip_prefix("--")).unwrap_or_default();
            let (name, value) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
            let (positive, on) = name.strip_prefix("no-").map_or((name, true), |name| (name, false));
            if positive == DEFAULTS_OFF {
                takes_nothing(name, value.as_deref())?;
                given.defaults_off = on;
            } else if let Some(flag) = given.flag(positive).filter(|flag| on || flag.takes == Takes::Nothing)
            {
                let value = match flag.takes {
                    Takes::Nothing => {
                        takes_nothing(name, value.as_deref())?;
                        on.into()
                    }
                    takes => {
                        let next = || arguments.next().and_then(|next| next.into_string().ok());
                        let text = value
                            .or_else(next)
                            .ok_or_else(|| Error::new(format!("--{name} needs a value after it")))?;
                        takes
                            .value(&text)
                            .map_err(|expected| Error::new(format!("--{name} is {text:?}, {expected}")))?
                    }
                };
                given.set(flag, value)?;
            } else if let Some(collector) =
                positive.strip_prefix(SWITCH).filter(|_| !flags.collectors.is_empty())
            {
                if let Some((owner, _)) = collector.split_once('.') {
                    let next = arguments.peek().filter(|_| value.is_none());
                    given.unknown_flag(name, owner, on, next.and_then(|next| next.to_str()))?;
                } else {
                    given.switch(name, collector, on)?;
                    takes_nothing(name, value.as_deref())?;
                }
            } else if matches!((positive, on), ("help" | "version", false)) && !flags.agent.is_empty() {
                // Every switch of the other agent's can be switched off; these are.
                takes_nothing(name, value.as_deref())?;
            } else {
                rest.push(argument);
            }
        }
        Ok((rest, given))
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

    fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.flags.iter().find(|flag| flag.name == name)
    }

    fn set(&mut self, flag: &'static Flag, value: toml::Value) -> Result<(), Error> {
        let (plugin, option) = match flag.means {
            Means::Option { plugin, option } => (plugin, option),
            Means::Nothing => return Ok(()),
            Means::Absent { collector } => {
                if value.as_bool() != Some(false) {
                    self.absent.entry(collector).or_default().push(format!("--{}", flag.name));
                }
                return Ok(());
            }
            Means::Refused { on, .. } if value.as_bool().is_some_and(|value| value != on) => return Ok(()),
            Means::Refused { why, on } => {
                let no = if on { "" } else { "no-" };
                return Err(Error::new(format!("--{no}{} is refused: {why}", flag.name)));
            }
        };
        let same = |setting: &Setting| setting.plugin == plugin && setting.option == option;
        match self.options.iter_mut().find(|(_, setting)| same(setting)) {
            Some((_, setting)) if flag.takes == Takes::Texts => {
                let mut all = match std::mem::replace(&mut setting.value, false.into()) {
                    toml::Value::Array(all) => all,
                    one => vec![one],
                };
                all.push(value);
                setting.value = toml::Value::Array(all);
            }
            Some((before, _)) if std::ptr::eq(*before, flag) => {
                return Err(Error::new(format!("--{} is given twice", flag.name)));
            }
            Some((before, _)) => {
                return Err(Error::new(format!(
                    "--{} and --{} both set {option} of plugin {plugin}, expected one of them",
                    before.name, flag.name
                )));
            }
            None => self.options.push((flag, Setting { plugin, option, value })),
        }
        Ok(())
    }

    /// `--collector.NAME` and `--no-collector.NAME`.
    fn switch(&mut self, flag: &str, name: &str, on: bool) -> Result<(), Error> {
        let Some(collector) = self.collector(name) else {
            return self.no_collector(flag, name, on);
        };
        if self.switched.iter().any(|(before, was)| *before == name && *was != on) {
            return Err(Error::new(format!("--collector.{name} and --no-collector.{name} are both given")));
        }
        if collector.stands_for.is_none() && on {
            self.absent.entry(collector.name).or_default().push(format!("--{flag}"));
        }
        self.switched.push((collector.name, on));
        Ok(())
    }

    pub(super) fn collector(&self, name: &str) -> Option<&'static Collector> {
        self.flags.collectors.iter().find(|collector| collector.name == name)
    }

    pub(super) fn known(&self) -> String {
        let here = self.flags.collectors.iter().filter(|collector| collector.stands_for.is_some());
        here.map(|collector| collector.name).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn flags_of(&self, collector: &str) -> Vec<String> {
        let prefix = format!("{SWITCH}{collector}.");
        let own = self.flags.flags.iter().filter(|flag| flag.name.starts_with(&prefix));
        own.filter(|flag| !matches!(flag.means, Means::Refused { .. }))
            .map(|flag| format!("--{}", flag.name))
            .collect()
    }

    /// Puts what was said into the configuration.
    pub(crate) fn apply(&self, plugins: &mut Plugins) -> Result<(), Error> {
        for (flag, Setting { plugin, option, value }) in &self.options {
            self.exists(plugin, &format!("--{}", flag.name), plugins)?;
            plugins.set(plugin, option, value.clone());
        }
        if self.defaults_off {
            plugins.decide(Vec::new(), &format!("--{DEFAULTS_OFF}"));
        }
        plugins.lacking = self.lacking().map(str::to_owned).collect();
        let parts = || self.flags.collectors.iter().filter_map(|c| Some((c.name, c.stands_for.as_ref()?)));
        for plugin in parts().map(|(_, part)| part.plugin).collect::<BTreeSet<_>>() {
            let own: Vec<_> = parts().filter(|(_, part)| part.plugin == plugin).collect();
            self.apply_to(plugin, &own, plugins)?;
        }
        Ok(())
    }

    /// Switches the parts of one plugin, or the whole of it where no part is left on.
    fn apply_to(
        &self,
        plugin: &'static str,
        parts: &[(&'static str, &Part)],
        plugins: &mut Plugins,
    ) -> Result<(), Error> {
        let said = |name: &str| self.switched.iter().find(|(known, _)| *known == name).map(|(_, on)| *on);
        // Untouched where no flag speaks of it: what the file says of its options, also of those that are on by default,
        // stays the file's.
        let Some((last, _)) = parts.iter().rev().find(|(name, _)| said(name).is_some()) else {
            return Ok(());
        };
        let before = |part: &Part| {
            let set = part.option.and_then(|option| plugins.get(plugin, option)?.as_bool());
            !self.defaults_off && set.unwrap_or(part.by_default)
        };
        let runs: Vec<_> =
            parts.iter().map(|(name, part)| said(name).unwrap_or_else(|| before(part))).collect();
        // A plugin with all its parts off would run, take time in each scrape, and say nothing.
        if !runs.contains(&true) {
            plugins.leave_out(plugin, format!("--no-collector.{last}"));
            return Ok(());
        }
        for ((name, part), on) in parts.iter().zip(&runs) {
            if said(name) == Some(true) {
                self.exists(plugin, &format!("--collector.{name}"), plugins)?;
                plugins.enable(plugin);
            }
            // Without the defaults, a part that nobody named is on in the plugin's own table, and has to be switched off.
            if let Some(option) = part.option.filter(|_| said(name).is_some() || self.defaults_off) {
                plugins.set(plugin, option, (*on).into());
            }
        }
        Ok(())
    }

    /// Whether this executable may have the plugin. What a library brings is only known once it is loaded.
    pub(crate) fn has(&self, plugin: &str, plugins: &Plugins) -> bool {
        self.linked.contains(&plugin) || !plugins.dir.is_empty()
    }

    /// An error where it has not, for the flag that needs it.
    fn exists(&self, plugin: &str, flag: &str, plugins: &Plugins) -> Result<(), Error> {
        if self.has(plugin, plugins) {
            return Ok(());
        }
        Err(Error::new(format!("{flag} is of plugin {plugin}, which is not linked into this executable"))
            .hint(format!(
                "leave the flag out, or build the agent with the plugin; it has: {}",
                self.linked.join(", ")
            )))
    }
}

fn takes_nothing(name: &str, value: Option<&str>) -> Result<(), Error> {
    match value {
        None => Ok(()),
        Some(value) => Err(Error::new(format!("--{name} takes no value, found {value:?}"))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::settings::flags) static FLAGS: Flags = Flags {
        agent: "other",
        collectors: &[
            Collector::part("space", "disk", "space"),
            Collector::part("traffic", "disk", "traffic"),
            Collector::extra("inodes", "disk", "inodes"),
            Collector::plugin("memory", "mem"),
            Collector::plugin("files", "textfile"),
            Collector::absent("tape"),
            Collector::absent("radio"),
        ],
        flags: &[
            Flag::option("collector.space.exclude", Takes::Text, "disk", "exclude"),
            Flag::option("collector.space.ignored", Takes::Text, "disk", "exclude"),
            Flag::option("collector.space.timeout", Takes::Time, "disk", "timeout"),
            Flag::option("collector.space.info", Takes::Nothing, "disk", "info"),
            Flag::option("collector.files.directory", Takes::Texts, "textfile", "directory"),
            Flag::idle("collector.space.workers", Takes::Text),
            Flag::refused("collector.traffic.deep", Takes::Nothing, "there is nothing deep"),
            Flag::refused_off("collector.traffic.zeros", "they are always there"),
            Flag::absent("collector.tape.drive", Takes::Text, "tape"),
            Flag::absent("collector.tape.rewind", Takes::Nothing, "tape"),
        ],
        drop_in: None,
    };

    fn taken(line: &str, linked: &[&'static str]) -> Result<(Vec<String>, Plugins), Error> {
        let words = line.split_whitespace().map(OsString::from);
        let (rest, given) = Given::take(words, &FLAGS, linked)?;
        let mut plugins = Plugins::default();
        given.apply(&mut plugins)?;
        Ok((rest.into_iter().map(|word| word.into_string().unwrap()).collect(), plugins))
    }

    fn plugins(line: &str) -> Plugins {
        taken(line, &["disk", "mem", "cpu"]).unwrap().1
    }

    fn refused(line: &str) -> String {
        taken(line, &["disk", "mem", "cpu"]).unwrap_err().to_string()
    }

    #[test]
    fn both_spellings_of_a_value_are_taken_and_the_rest_is_left() {
        let line = "--listen 1 --collector.space.exclude=^/(a=b)$ run --collector.space.timeout 1m30s --x=y";
        let (rest, plugins) = taken(line, &["disk"]).unwrap();
        assert_eq!(rest, ["--listen", "1", "run", "--x=y"]);
        assert_eq!(plugins.get("disk", "exclude").unwrap().as_str(), Some("^/(a=b)$"));
        assert_eq!(plugins.get("disk", "timeout").unwrap().as_float(), Some(90.0));
        let info = |line| plugins_info(line);
        assert_eq!((info("--collector.space.info"), info("--no-collector.space.info")), (true, false));
    }

    fn plugins_info(line: &str) -> bool {
        plugins(line).get("disk", "info").unwrap().as_bool().unwrap()
    }

    #[test]
    fn a_part_is_switched_by_its_option_and_the_last_one_takes_the_plugin_with_it() {
        let one = plugins("--no-collector.space");
        assert!(one.enables("disk"));
        assert_eq!(one.get("disk", "space").unwrap().as_bool(), Some(false));
        assert_eq!(one.get("disk", "traffic"), None, "what was not spoken of is left alone");
        let none = plugins("--no-collector.space --no-collector.traffic");
        assert!(!none.enables("disk") && none.enables("mem"));
        assert_eq!(none.switched_off_by("disk"), Some("--no-collector.traffic"));
        let extra = plugins("--no-collector.space --no-collector.traffic --collector.inodes");
        assert!(extra.enables("disk"));
        assert_eq!(extra.get("disk", "inodes").unwrap().as_bool(), Some(true));
        assert!(!plugins("--no-collector.memory").enables("mem"));
        assert!(plugins("--no-collector.tape").enables("mem"), "what is not here is off already");
    }

    #[test]
    fn without_defaults_only_what_is_named_runs() {
        let plugins = plugins("--collector.disable-defaults --collector.space");
        assert!(plugins.enables("disk") && !plugins.enables("mem") && !plugins.enables("cpu"));
        let on = |option| plugins.get("disk", option).unwrap().as_bool();
        assert_eq!((on("space"), on("traffic"), on("inodes")), (Some(true), Some(false), Some(false)));
    }

    #[test]
    fn a_switched_on_collector_joins_the_plugins_that_the_file_enables() {
        let (_, given) = Given::take(["--collector.memory".into()], &FLAGS, &["mem", "cpu"]).unwrap();
        let mut plugins = Plugins { enabled: Some(vec!["cpu".to_owned()]), ..Plugins::default() };
        given.apply(&mut plugins).unwrap();
        assert!(plugins.enables("mem") && plugins.enables("cpu") && !plugins.enables("disk"));
    }

    #[test]
    fn several_texts_are_a_list() {
        let of = |line| taken(line, &["textfile"]).unwrap().1.get("textfile", "directory").unwrap().clone();
        assert_eq!(of("--collector.files.directory=/a"), "/a".into());
        let two = of("--collector.files.directory /a --collector.files.directory=/b");
        assert_eq!(two, vec!["/a", "/b"].into());
    }

    #[test]
    fn what_is_so_anyhow_changes_nothing() {
        let line = "--no-collector.traffic.deep --collector.traffic.zeros --collector.space.workers=4 \
                    --collector.space.workers 8 --no-collector.tape";
        let (rest, plugins) = taken(line, &["disk"]).unwrap();
        assert!(rest.is_empty() && plugins.enables("disk"), "{rest:?}");
        assert_eq!(plugins.get("disk", "traffic"), None);
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_name() {
        for (line, words) in [
            ("--collector.tpae", &["there is no collector tpae", "mean tape?", "space, traffic, inodes"][..]),
            ("--collector.tpae.drive=1", &["there is no collector tpae", "mean tape?"]),
            ("--collector.tape.spool 1", &["--collector.tape.spool", "\"1\"", "--collector.tape.spool=1"]),
            ("--collector.tape=1", &["--collector.tape takes no value"]),
            ("--collector.tape.drive", &["needs a value"]),
            ("--collector.tape --no-collector.tape", &["are both given"]),
            ("--no-version=1", &["takes no value"]),
            ("--collector.space.exclud=1", &["--collector.space.exclud", "--collector.space.exclude"]),
            ("--collector.memory.x=1", &["those of collector memory: none"]),
            ("--collector.traffic.deep", &["--collector.traffic.deep", "there is nothing deep"]),
            ("--no-collector.traffic.zeros", &["--no-collector.traffic.zeros", "always there"]),
            ("--collector.files", &["--collector.files", "plugin textfile", "disk, mem, cpu"]),
            ("--collector.files.directory=/a", &["--collector.files.directory", "plugin textfile"]),
            ("--collector.space.exclude", &["needs a value"]),
            ("--collector.space=true", &["--collector.space takes no value", "\"true\""]),
            ("--collector.space.timeout=soon", &["\"soon\"", "expected a time"]),
            ("--collector.space.exclude=a --collector.space.exclude=a", &["given twice"]),
            ("--collector.space.exclude=a --collector.space.ignored=a", &["ignored both set exclude"]),
            ("--collector.space --no-collector.space", &["are both given"]),
        ] {
            let said = refused(line);
            for word in words {
                assert!(said.contains(word), "{line}: {word:?} is not in: {said}");
            }
        }
    }

    #[test]
    fn an_agent_without_a_table_leaves_all_flags_to_its_own_command_line() {
        let (rest, _) = Given::take(["--collector.cpu".into()], NONE, &[]).unwrap();
        assert_eq!(rest, ["--collector.cpu"]);
    }
}
