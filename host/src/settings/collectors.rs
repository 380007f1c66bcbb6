//! Which collectors run, and their options: what the file and flags say together.

use std::collections::BTreeMap;

use relink_core::Error;
use relink_core::registry::{self, CollectorDescriptor, OptionKind, Options};
use serde::{Deserialize, Serialize};
use toml::Value;

use super::Config;
use super::choice::Switch;
use crate::{duration, names};

/// `[collectors.NAME]`: a table for each collector, with `enabled` and its options.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Collectors {
    pub(super) tables: BTreeMap<String, Value>,
    /// Those that flags switch on or off, each with the flag.
    #[serde(skip)]
    pub(super) switched: BTreeMap<String, (bool, String)>,
    /// Those that a reload has switched on or off.
    #[serde(skip)]
    pub(super) chosen: BTreeMap<String, Switch>,
    /// Whether a flag has nothing run but what another switches on.
    #[serde(skip)]
    pub(super) defaults_off: bool,
    /// Collectors of another agent that flags ask for and that nothing here stands for.
    #[serde(skip)]
    pub(crate) lacking: Vec<String>,
}

/// The key of each table that says whether the collector runs.
pub(super) const ENABLED: &str = "enabled";

/// The flag that leaves out all collectors but those that are switched on.
pub(super) const DEFAULTS_OFF: &str = "collector.disable-defaults";

impl Collectors {
    /// An option of a collector.
    pub(crate) fn get(&self, collector: &str, option: &str) -> Option<&Value> {
        self.tables.get(collector)?.get(option)
    }

    /// Sets an option of a collector. What stands in the place of its table and is none stays, for the check to refuse.
    pub(crate) fn set(&mut self, collector: &str, option: &str, value: Value) {
        let table = self.tables.entry(collector.to_owned()).or_insert_with(|| toml::Table::new().into());
        if let Some(table) = table.as_table_mut() {
            table.insert(option.to_owned(), value);
        }
    }

    /// Has a flag switch a collector on or off.
    pub(super) fn switch(&mut self, collector: &str, on: bool) {
        let flag = format!("--{}collector.{collector}", if on { "" } else { "no-" });
        self.switched.insert(collector.to_owned(), (on, flag));
    }
}

impl Config {
    /// Why a collector of a plugin does not run, naming who decided; `None` if it runs. A reload that switched it counts
    /// most, then a reload's choice of plugins, then the collector's flags, then the choice of plugins, and its own table.
    pub(crate) fn why_off(&self, plugin: &str, collector: &CollectorDescriptor) -> Option<Error> {
        let name = collector.name;
        let off = |who: &str| Some(Error::new(format!("switched off by {who}")));
        if let Some(Switch { on, reload }) = self.collectors.chosen.get(name) {
            let hint = format!("relink reload --on {name} switches it on in place");
            return if *on { None } else { off(&format!("reload {reload}")).map(|why| why.hint(hint)) };
        }
        let (by_reload, is_chosen) = (self.plugins.is_chosen_by_reload(), self.plugins.enables(plugin));
        if by_reload && !is_chosen {
            return off(&self.who_chose());
        }
        if let Some((on, flag)) = self.collectors.switched.get(name) {
            return if *on { None } else { off(flag) };
        }
        if self.collectors.defaults_off && !by_reload {
            return off(&format!("--{DEFAULTS_OFF}"));
        }
        if !is_chosen {
            return off(&self.who_chose());
        }
        match self.collectors.get(name, ENABLED).and_then(Value::as_bool) {
            Some(true) => None,
            Some(false) => off(&format!("[collectors.{name}] {ENABLED} in {}", self.origin())),
            None if collector.on => None,
            None => Some(Error::new("off by default").hint(format!(
                "relink reload --on {name} switches it on in place; --collector.{name}, or {ENABLED} = true in \
                 [collectors.{name}], for good"
            ))),
        }
    }

    /// Whether a reload has switched a collector on or off by its name.
    pub(crate) fn is_switched_by_reload(&self, collector: &str) -> bool {
        self.collectors.chosen.contains_key(collector)
    }

    /// The options of a collector; an error names what it does not have.
    pub(crate) fn options_of(&self, collector: &CollectorDescriptor) -> Result<Options, Error> {
        let mut table = serde_json::Map::new();
        let set = self.collectors.tables.get(collector.name).and_then(Value::as_table);
        for (key, value) in set.into_iter().flatten() {
            let key = key.as_str();
            let wrong = |expected: &str| {
                let place =
                    format!("{}: [collectors.{}]", self.origin_of_options(collector.name), collector.name);
                Error::new(format!("{place} {key} is {value}, {expected}"))
            };
            if key == ENABLED {
                value.as_bool().ok_or_else(|| wrong("expected true or false"))?;
                continue;
            }
            let Some(option) = collector.option(key) else {
                return Err(self.no_option(collector, key));
            };
            let value = typed(option.kind, value).map_err(wrong)?;
            table.insert(key.to_owned(), serde_json::to_value(value)?);
        }
        Ok(Options::new(collector.name, self.paths(), table))
    }

    fn no_option(&self, collector: &CollectorDescriptor, key: &str) -> Error {
        let (name, origin) = (collector.name, self.origin_of_options(collector.name));
        let known: Vec<_> = [ENABLED].into_iter().chain(collector.options.iter().map(|o| o.name)).collect();
        let close = names::did_you_mean(key, known.iter().copied());
        Error::new(format!("{origin}: [collectors.{name}] has no option {key:?}"))
            .hint(format!("{close}known are: {}", known.join(", ")))
    }

    /// Where the options of a collector stand, for a message: the file, flags, or both.
    pub(crate) fn origin_of_options(&self, collector: &str) -> String {
        let of_file = self.file.as_ref().and_then(|(_, text)| toml::from_str::<Config>(text).ok());
        let of_file = of_file.and_then(|mut config| config.collectors.tables.remove(collector));
        match of_file {
            None => "the command line".to_owned(),
            // As texts, because `nan` is not equal to itself.
            Some(table)
                if self
                    .collectors
                    .tables
                    .get(collector)
                    .is_some_and(|read| table.to_string() == read.to_string()) =>
            {
                self.origin()
            }
            Some(_) => format!("{} and the command line", self.origin()),
        }
    }

    /// Whether each collector that has a table, or a flag, is one of those `known`.
    pub(crate) fn check_collectors(&self, known: &[&str]) -> Result<(), Error> {
        let is_unknown = |name: &&String| !known.contains(&name.as_str());
        if let Some(name) = self.collectors.tables.keys().find(is_unknown) {
            let close = names::did_you_mean(name, known.iter().copied());
            let origin = self.origin_of_options(name);
            return Err(Error::new(format!(
                "{origin}: [collectors.{name}] names no collector of this agent"
            ))
            .hint(format!("{close}known are: {}", known.join(", "))));
        }
        let switched = self.collectors.switched.iter().find(|(name, (on, _))| *on && is_unknown(name));
        match switched {
            None => Ok(()),
            Some((name, (_, flag))) => {
                let plugin = registry::plugins().into_iter().find(|plugin| plugin.name == name);
                let close = match plugin {
                    Some(plugin) => {
                        let its: Vec<_> = plugin.collectors.iter().map(|one| one.name).collect();
                        format!("{name} is a plugin, whose collectors are {}; ", its.join(", "))
                    }
                    None => names::did_you_mean(name, known.iter().copied()),
                };
                Err(Error::new(format!("{flag}: there is no collector {name}"))
                    .hint(format!("{close}known are: {}", known.join(", "))))
            }
        }
    }
}

/// A value as one of this kind: a text, as a flag has it, is read as such. The error says what was expected.
pub(super) fn typed(kind: OptionKind, value: &Value) -> Result<Value, &'static str> {
    if value.as_float().is_some_and(|number| !number.is_finite()) {
        return Err("expected a finite number");
    }
    let Some(text) = value.as_str() else { return Ok(value.clone()) };
    Ok(match kind {
        OptionKind::Text | OptionKind::List => value.clone(),
        OptionKind::Switch => text.parse::<bool>().map_err(|_| "expected true or false")?.into(),
        OptionKind::Number => text.parse::<i64>().map_err(|_| "expected a number of 0 or more")?.into(),
        OptionKind::Seconds => match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() => seconds.into(),
            _ => duration::parse(text)?.as_secs_f64().into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Choice;
    use relink_core::registry::OptionDescriptor;

    const DISKSTATS: CollectorDescriptor = CollectorDescriptor {
        name: "diskstats",
        help: "Traffic",
        families: &[],
        options: &[
            OptionDescriptor { name: "device_exclude", help: "Devices.", kind: OptionKind::Text },
            OptionDescriptor { name: "timeout", help: "Time.", kind: OptionKind::Seconds },
            OptionDescriptor { name: "count", help: "Count.", kind: OptionKind::Number },
            OptionDescriptor { name: "info", help: "Info.", kind: OptionKind::Switch },
        ],
        on: true,
        new: |_| Err(Error::new("not made in this test")),
    };
    const NVME: CollectorDescriptor =
        CollectorDescriptor { name: "nvme", options: &[], on: false, ..DISKSTATS };

    fn config(toml: &str) -> Config {
        let mut config: Config = toml::from_str(toml).unwrap();
        config.file = Some(("x.toml".into(), toml.to_owned()));
        config
    }

    fn why_off(config: &Config, collector: &CollectorDescriptor) -> String {
        config.why_off("disk", collector).map(|why| why.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn who_decides_whether_a_collector_runs() {
        let mut config = config("");
        assert_eq!(why_off(&config, &DISKSTATS), "");
        assert_eq!(why_off(&config, &NVME), "off by default");
        config.collectors.set("nvme", "enabled", true.into());
        config.collectors.set("diskstats", "enabled", false.into());
        assert_eq!(why_off(&config, &NVME), "");
        assert_eq!(why_off(&config, &DISKSTATS), "switched off by [collectors.diskstats] enabled in x.toml");
        config.plugins.enabled = Some(vec!["cpu".to_owned()]);
        assert_eq!(why_off(&config, &NVME), "switched off by [plugins] enabled in x.toml");
        config.collectors.defaults_off = true;
        assert_eq!(why_off(&config, &NVME), "switched off by --collector.disable-defaults");
        config.collectors.switch("nvme", true);
        config.collectors.switch("diskstats", false);
        assert_eq!(why_off(&config, &NVME), "");
        assert_eq!(why_off(&config, &DISKSTATS), "switched off by --no-collector.diskstats");
        config.plugins.choose(vec!["cpu".to_owned()]);
        assert_eq!(why_off(&config, &NVME), "switched off by a reload");
        config.plugins.choose(vec!["disk".to_owned()]);
        assert_eq!((why_off(&config, &NVME), config.plugins.enables("cpu")), (String::new(), false));
        let switch = |on, reload: &str| Switch { on, reload: reload.to_owned() };
        config.choose(&Choice {
            plugins: Some(vec!["cpu".to_owned()]),
            collectors: [
                ("nvme".to_owned(), switch(false, "3")),
                ("diskstats".to_owned(), switch(true, "4")),
            ]
            .into(),
        });
        assert_eq!(
            (why_off(&config, &NVME).as_str(), why_off(&config, &DISKSTATS).as_str()),
            ("switched off by reload 3", "")
        );
    }

    #[test]
    fn options_are_read_by_their_kind_and_refused_by_name() {
        let table = |toml: &str| config(toml).options_of(&DISKSTATS).map(|options| options.table().clone());
        let all = "[collectors.diskstats]\nenabled = true\ntimeout = \"1m30s\"\ncount = \"3\"\ninfo = \"true\"\n\
                   device_exclude = \"3\"";
        let table_of_all = table(all).unwrap();
        let expected = serde_json::json!({"timeout": 90.0, "count": 3, "info": true, "device_exclude": "3"});
        assert_eq!(serde_json::Value::Object(table_of_all), expected);
        assert_eq!(table("[collectors.diskstats]\ntimeout = \"2\"").unwrap()["timeout"], 2.0);
        for (line, words) in [
            ("timeout = \"soon\"", "x.toml: [collectors.diskstats] timeout is \"soon\", expected a time"),
            ("timeout = nan", "x.toml: [collectors.diskstats] timeout is nan, expected a finite number"),
            ("count = \"many\"", "count is \"many\", expected a number"),
            ("info = \"yes\"", "info is \"yes\", expected true or false"),
            ("enabled = 1", "enabled is 1, expected true or false"),
            (
                "device_exlude = \"a\"",
                "no option \"device_exlude\"; did you mean device_exclude? known are: enabled,",
            ),
        ] {
            let error = table(&format!("[collectors.diskstats]\n{line}")).unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_collector_that_is_not_known_is_refused_by_name() {
        let known = ["diskstats", "nvme"];
        let error = config("[collectors.diskstat]\na = 1").check_collectors(&known).unwrap_err().to_string();
        assert_eq!(
            error,
            "x.toml: [collectors.diskstat] names no collector of this agent; did you mean diskstats? known are: \
             diskstats, nvme"
        );
        let mut flagged = config("[collectors.nvme]\nenabled = true");
        assert!(flagged.check_collectors(&known).is_ok());
        flagged.collectors.switch("tape", false);
        assert!(flagged.check_collectors(&known).is_ok(), "it is off already");
        flagged.collectors.switch("tape", true);
        let error = flagged.check_collectors(&known).unwrap_err().to_string();
        assert!(error.starts_with("--collector.tape: there is no collector tape; known are"), "{error}");
    }

    #[test]
    fn options_are_told_with_their_place() {
        let origin = |toml: &str, flag: bool| {
            let mut config = config(toml);
            if flag {
                config.collectors.set("diskstats", "info", true.into());
            }
            config.origin_of_options("diskstats")
        };
        assert_eq!(origin("[collectors.diskstats]\nfoo = 1", false), "x.toml");
        assert_eq!(origin("[collectors.diskstats]\nfoo = 1", true), "x.toml and the command line");
        assert_eq!(origin("[collectors.cpu]\nfoo = 1", true), "the command line");
    }
}
