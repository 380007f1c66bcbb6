//! Which plugins run: what the file, flags and a reload say together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relink_core::Error;
use relink_core::registry::{self, Descriptor};
use serde::{Deserialize, Serialize};

use super::Config;
use super::choice::Choice;
use super::config::DEFAULT_FILE;
use crate::names;

/// `[plugins]`: which plugins run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Plugins {
    /// The plugins to run; all that are known when absent.
    pub(crate) enabled: Option<Vec<String>>,
    /// Folders with plugins to load.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) dir: Vec<PathBuf>,
    /// Which of a linked and a loaded plugin of one name runs; without it, the loaded one is refused.
    pub(crate) prefer: Option<Prefer>,
    /// Other keys, to be refused.
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, toml::Value>,
    /// The flag, or the reload, that `enabled` is of, where it is not the file's.
    #[serde(skip)]
    decided_by: Option<&'static str>,
}

/// Which of two plugins of one name runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prefer {
    /// The library.
    Loaded,
    /// The one that is linked in.
    Linked,
}

/// A folder, or a list of folders.
fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a folder or a list of folders")]
    enum Folders {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    Ok(match Folders::deserialize(from)? {
        Folders::One(folder) => vec![folder],
        Folders::More(folders) => folders,
    })
}

/// Who decides by the flag or its variable.
pub(super) const BY_FLAG: &str = "--plugins or RELINK_PLUGINS";

const BY_RELOAD: &str = "a reload";

impl Plugins {
    /// A set that a reload chose replaces the one of file and flags.
    pub(super) fn choose(&mut self, chosen: Vec<String>) {
        self.decide(chosen, BY_RELOAD);
    }

    /// Has these plugins run and no others, as `who` wants it in place of the file.
    pub(super) fn decide(&mut self, enabled: Vec<String>, who: &'static str) {
        (self.enabled, self.decided_by) = (Some(enabled), Some(who));
    }

    pub(crate) fn is_chosen_by_reload(&self) -> bool {
        self.decided_by == Some(BY_RELOAD)
    }

    pub(crate) fn enables(&self, plugin: &str) -> bool {
        let is_listed = |enabled: &Vec<String>| enabled.iter().any(|name| name == plugin);
        self.enabled.as_ref().is_none_or(is_listed)
    }

    /// Whether each folder to load plugins from is there.
    pub(super) fn check_dirs(&self) -> Result<(), Error> {
        let Some(dir) = self.dir.iter().find(|dir| !dir.is_dir()) else { return Ok(()) };
        let dir = dir.display();
        let error = Error::new(format!("--plugin-dir or [plugins] dir is {dir}, which is not a folder"));
        Err(error.hint(format!("mkdir {dir}, or leave it out")))
    }
}

impl Config {
    /// Has what reloads chose in force, in place of file and flags.
    pub(crate) fn choose(&mut self, choice: &Choice) {
        if let Some(plugins) = choice.plugins.clone() {
            self.plugins.choose(plugins);
        }
        self.collectors.chosen.extend(choice.collectors.clone());
    }

    /// The name of the configuration file, for messages.
    pub(crate) fn origin(&self) -> String {
        self.file.as_ref().map_or(Path::new(DEFAULT_FILE), |(path, _)| path).display().to_string()
    }

    /// Who chose which plugins run.
    pub(crate) fn who_chose(&self) -> String {
        let of_file = || format!("[plugins] enabled in {}", self.origin());
        self.plugins.decided_by.map_or_else(of_file, str::to_owned)
    }

    /// Whether each plugin that is to run is one of those `known`.
    pub(crate) fn check_plugins(&self, known: &[&str]) -> Result<(), Error> {
        let enabled = self.plugins.enabled.iter().flatten();
        let Some(name) = enabled.into_iter().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let owner =
            registry::plugins().into_iter().find(|plugin| plugin.collectors.iter().any(|c| c.name == name));
        let close = match owner {
            Some(owner) => {
                let owner = owner.name;
                format!("{name} is a collector of plugin {owner}: choose {owner}, or --collector.{name}; ")
            }
            None => names::did_you_mean(name, known.iter().copied()),
        };
        let who = self.who_chose();
        let what = if name.is_empty() { "an empty word" } else { "not a plugin of this agent" };
        Err(Error::new(format!("{who} names {name:?}, which is {what}"))
            .hint(format!("{close}known are: {}", known.join(", "))))
    }

    /// Refuses what `[plugins]` has next to its own keys: a plugin's table there is an old place of its collectors' options.
    pub(super) fn check_plugin_keys(&self, linked: &[&'static Descriptor]) -> Result<(), Error> {
        let Some((name, value)) = self.plugins.others.iter().next() else { return Ok(()) };
        let (origin, keys) = (self.origin(), "the keys of [plugins] are enabled, dir and prefer");
        let Some(plugin) = linked.iter().find(|plugin| plugin.name == name) else {
            let known = linked.iter().map(|plugin| plugin.name).chain(["enabled", "dir", "prefer"]);
            let close = names::did_you_mean(name, known);
            return Err(Error::new(format!("{origin}: [plugins] has no key {name:?}"))
                .hint(format!("{close}{keys}; options stand in [collectors.NAME]")));
        };
        let option = value.as_table().and_then(|table| table.keys().next());
        let of = |option: &String| {
            let collectors = plugin.collectors.iter();
            let switch = collectors.clone().find(|one| one.name == option);
            let owner = collectors.clone().find(|one| one.option(option).is_some());
            match (owner, switch) {
                (Some(owner), _) => Some(format!("write {option} in [collectors.{}]", owner.name)),
                (None, Some(one)) => Some(format!("write enabled in [collectors.{}]", one.name)),
                (None, None) => None,
            }
        };
        let (key, hint) = match option {
            Some(option) => (format!("[plugins.{name}] {option}"), of(option)),
            None => (format!("[plugins.{name}]"), None),
        };
        let all = || {
            let collectors = plugin.collectors.iter().map(|one| {
                let options = one.options.iter().map(|option| option.name).collect::<Vec<_>>().join(", ");
                format!(
                    "[collectors.{}] with {}",
                    one.name,
                    if options.is_empty() { "no options" } else { &options }
                )
            });
            collectors.collect::<Vec<_>>().join("; ")
        };
        Err(Error::new(format!("{origin}: {key}: options are a collector's, and not a plugin's"))
            .hint(hint.unwrap_or_else(all)))
    }
}

#[cfg(test)]
mod tests {
    use relink_core::registry::{CollectorDescriptor, OptionDescriptor, OptionKind};

    use super::*;
    use crate::settings::cli::Settings;

    #[test]
    fn flags_choose_plugins_in_place_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relink.toml");
        std::fs::write(&path, "[plugins]\nenabled = [\"disk\"]\n").unwrap();
        let load = |names: &[&str]| {
            let plugins = Some(names.iter().map(|name| (*name).to_owned()).collect());
            let settings = Settings { config: Some(path.clone()), plugins, ..Settings::default() };
            Config::load(&settings, &["cpu", "disk"], &[])
        };
        let config = load(&["cpu"]).unwrap();
        assert!(config.plugins.enables("cpu") && !config.plugins.enables("disk"));
        for (wrong, close) in [("dsik", "did you mean disk?"), ("gpu", "known are"), ("", "known are")] {
            let error = load(&["cpu", wrong]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--plugins or RELINK_PLUGINS names {wrong:?}")), "{error}");
            assert!(error.contains(close) && error.ends_with("known are: cpu, disk"), "{error}");
        }
    }

    #[test]
    fn an_old_key_is_named_with_the_new_one() {
        static DISK: Descriptor = Descriptor {
            name: "disk",
            version: "1",
            help: "Disks",
            package: "metrics-disk",
            collectors: &[CollectorDescriptor {
                name: "filesystem",
                help: "Space",
                families: &[],
                options: &[OptionDescriptor {
                    name: "mount_timeout",
                    help: "Time.",
                    kind: OptionKind::Seconds,
                }],
                on: true,
                new: |_| Err(Error::new("not made in this test")),
            }],
        };
        let refused = |toml: &str| {
            let mut config: Config = toml::from_str(toml).unwrap();
            config.file = Some(("x.toml".into(), toml.to_owned()));
            config.check_plugin_keys(&[&DISK]).unwrap_err().to_string()
        };
        let old = "x.toml: [plugins.disk]";
        let why = "options are a collector's, and not a plugin's;";
        assert_eq!(
            refused("[plugins.disk]\nmount_timeout = 1"),
            format!("{old} mount_timeout: {why} write mount_timeout in [collectors.filesystem]")
        );
        assert_eq!(
            refused("[plugins.disk]\nfilesystem = false"),
            format!("{old} filesystem: {why} write enabled in [collectors.filesystem]")
        );
        assert_eq!(
            refused("[plugins.disk]\nother = false"),
            format!("{old} other: {why} [collectors.filesystem] with mount_timeout")
        );
        let unknown = refused("[plugins]\nenabeld = []");
        assert!(unknown.contains("no key \"enabeld\"; did you mean enabled?"), "{unknown}");
    }
}
