//! What a command line says with another agent's flags.

use std::collections::BTreeSet;
use std::ffi::OsString;

use relink_core::Error;

use super::{Collector, Flag, Flags, Means, NONE, Part, Takes};
use crate::config::Plugins;

/// The other agent's flags of one command line.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    flags: &'static Flags,
    /// The plugins that are linked in.
    linked: Vec<&'static str>,
    /// `--collector.disable-defaults`: nothing runs but what was switched on.
    defaults_off: bool,
    /// Collectors that were switched on or off.
    switched: Vec<(&'static str, bool)>,
    /// Plugins' options that were set, each with the flag that did.
    options: Vec<(&'static Flag, Setting)>,
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
        let mut arguments = arguments.into_iter();
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
                            .ok_or_else(|| Error::new(format!("--{name} needs a value behind it")))?;
                        takes
                            .value(&text)
                            .map_err(|expected| Error::new(format!("--{name} is {text:?}, {expected}")))?
                    }
                };
                given.set(flag, value)?;
            } else if let Some(collector) =
                positive.strip_prefix(SWITCH).filter(|_| !flags.collectors.is_empty())
            {
                given.switch(name, collector, on)?;
                takes_nothing(name, value.as_deref())?;
            } else {
                rest.push(argument);
            }
        }
        Ok((rest, given))
    }

    fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.flags.iter().find(|flag| flag.name == name)
    }

    fn set(&mut self, flag: &'static Flag, value: toml::Value) -> Result<(), Error> {
        let (plugin, option) = match flag.means {
            Means::Option { plugin, option } => (plugin, option),
            Means::Nothing => return Ok(()),
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
        let agent = self.flags.agent;
        let Some(collector) = self.flags.collectors.iter().find(|collector| collector.name == name) else {
            let owner = name.split_once('.').map_or(name, |(owner, _)| owner);
            return Err(match self.flags.collectors.iter().find(|collector| collector.name == owner) {
                Some(Collector { stands_for: Some(_), .. }) => {
                    Error::new(format!("--{flag} is no flag that relink knows"))
                        .hint(format!("those of collector {owner}: {}", self.flags_of(owner)))
                }
                // To switch something off that is not here changes nothing.
                Some(_) if !on => return Ok(()),
                Some(_) => Error::new(format!("--{flag} is refused: relink has no collector {owner}")),
                None => Error::new(format!("--{flag}: there is no collector {owner}"))
                    .hint(format!("known are: {}", self.known())),
            });
        };
        if collector.stands_for.is_none() && on {
            return Err(Error::new(format!(
                "--{flag} is refused: relink has no plugin that stands for {agent}'s collector {name}"
            ))
            .hint(format!("leave the flag out; there are: {}", self.known())));
        }
        if self.switched.iter().any(|(before, was)| *before == name && *was != on) {
            return Err(Error::new(format!("--collector.{name} and --no-collector.{name} are both given")));
        }
        self.switched.push((collector.name, on));
        Ok(())
    }

    fn known(&self) -> String {
        let here = self.flags.collectors.iter().filter(|collector| collector.stands_for.is_some());
        here.map(|collector| collector.name).collect::<Vec<_>>().join(", ")
    }

    fn flags_of(&self, collector: &str) -> String {
        let prefix = format!("{SWITCH}{collector}.");
        let own = self.flags.flags.iter().filter(|flag| flag.name.starts_with(&prefix));
        let own: Vec<_> = own
            .filter(|flag| !matches!(flag.means, Means::Refused { .. }))
            .map(|flag| format!("--{}", flag.name))
            .collect();
        if own.is_empty() { "none".to_owned() } else { own.join(", ") }
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
        let Some((last, _)) = parts.iter().rev().find(|(name, _)| said(name).is_some()) else {
            return Ok(());
        };
        let before = |part: &Part| {
            let set = part.option.and_then(|option| plugins.get(plugin, option)?.as_bool());
            !self.defaults_off && set.unwrap_or(part.by_default)
        };
        let runs: Vec<_> =
            parts.iter().map(|(name, part)| said(name).unwrap_or_else(|| before(part))).collect();
        if !runs.contains(&true) {
            plugins.leave_out(plugin, format!("--no-collector.{last}"));
            return Ok(());
        }
        for ((name, part), on) in parts.iter().zip(&runs) {
            if said(name) == Some(true) {
                self.exists(plugin, &format!("--collector.{name}"), plugins)?;
                plugins.enable(plugin);
            }
            if let Some(option) = part.option.filter(|_| said(name).is_some() || self.defaults_off) {
                plugins.set(plugin, option, (*on).into());
            }
        }
        Ok(())
    }

    /// Whether this executable has the plugin. What a library brings is only known once it is loaded.
    fn exists(&self, plugin: &str, flag: &str, plugins: &Plugins) -> Result<(), Error> {
        if self.linked.contains(&plugin) || !plugins.dir.is_empty() {
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
mod tests {
    use super::*;

    static FLAGS: Flags = Flags {
        agent: "other",
        collectors: &[
            Collector::part("space", "disk", "space"),
            Collector::part("traffic", "disk", "traffic"),
            Collector::extra("inodes", "disk", "inodes"),
            Collector::plugin("memory", "mem"),
            Collector::plugin("files", "textfile"),
            Collector::absent("tape"),
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
        ],
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
        let mut plugins = Plugins::default();
        plugins.enabled = Some(vec!["cpu".to_owned()]);
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
            (
                "--collector.tape",
                &["--collector.tape", "no plugin that stands for other's collector tape"][..],
            ),
            ("--collector.tape.drive=1", &["--collector.tape.drive", "no collector tape"]),
            ("--collector.tpae", &["there is no collector tpae", "space, traffic, inodes"]),
            ("--no-collector.tpae", &["--no-collector.tpae", "no collector tpae"]),
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
