//! Which plugins run, and their options: what the file, flags and a reload say together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relink_core::Error;
use serde::{Deserialize, Serialize};

use super::Config;
use super::config::DEFAULT_FILE;
use crate::names;

/// `[plugins]`: which plugins run, and a table of options for each.
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
    /// `[plugins.cpu]` and so on.
    #[serde(flatten)]
    pub(super) tables: BTreeMap<String, toml::Value>,
    /// The plugins that a flag leaves out, each with the flag.
    #[serde(skip)]
    pub(super) left_out: BTreeMap<String, String>,
    /// The flag, or the reload, that `enabled` is of, where it is not the file's.
    #[serde(skip)]
    pub(super) decided_by: Option<String>,
    /// Collectors of another agent that flags ask for and that nothing here stands for.
    #[serde(skip)]
    pub(crate) lacking: Vec<String>,
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

impl Config {
    /// Why a plugin that is there does not run: nobody has chosen it. Names who decided.
    pub(crate) fn why_off(&self, plugin: &str) -> Error {
        Error::new(match self.plugins.switched_off_by(plugin) {
            Some(who) => format!("switched off by {who}"),
            None => format!("switched off by [plugins] enabled in {}", self.origin()),
        })
    }
}

impl Plugins {
    /// A set that a reload chose replaces the one of file and flags.
    pub(crate) fn choose(&mut self, chosen: Option<Vec<String>>) {
        if let Some(chosen) = chosen {
            self.decide(chosen, "a reload");
            self.left_out.clear();
        }
    }

    /// Has these plugins run and no others, as `who` wants it in place of the file.
    pub(crate) fn decide(&mut self, enabled: Vec<String>, who: &str) {
        (self.enabled, self.decided_by) = (Some(enabled), Some(who.to_owned()));
    }

    pub(crate) fn enables(&self, plugin: &str) -> bool {
        let is_listed = |enabled: &Vec<String>| enabled.iter().any(|name| name == plugin);
        !self.left_out.contains_key(plugin) && self.enabled.as_ref().is_none_or(is_listed)
    }

    /// Adds a plugin to those that run.
    pub(crate) fn enable(&mut self, plugin: &str) {
        if let Some(enabled) =
            self.enabled.as_mut().filter(|enabled| !enabled.iter().any(|name| name == plugin))
        {
            enabled.push(plugin.to_owned());
        }
    }

    /// Leaves a plugin out, because of a flag.
    pub(crate) fn leave_out(&mut self, plugin: &str, flag: String) {
        self.left_out.insert(plugin.to_owned(), flag);
    }

    /// The flag, or the reload, that has switched a plugin off; nothing where the file has.
    pub(crate) fn switched_off_by(&self, plugin: &str) -> Option<&str> {
        self.left_out.get(plugin).or(self.decided_by.as_ref()).map(String::as_str)
    }

    /// Whether each folder to load plugins from is there.
    pub(super) fn check_dirs(&self) -> Result<(), Error> {
        let Some(dir) = self.dir.iter().find(|dir| !dir.is_dir()) else { return Ok(()) };
        let dir = dir.display();
        let error = Error::new(format!("--plugin-dir or [plugins] dir is {dir}, which is not a folder"));
        Err(error.hint(format!("mkdir {dir}, or leave it out")))
    }

    /// An option of a plugin.
    pub(crate) fn get(&self, plugin: &str, option: &str) -> Option<&toml::Value> {
        self.tables.get(plugin)?.get(option)
    }

    /// Sets an option of a plugin. What stands in the place of its table and is none stays, for the check to refuse.
    pub(crate) fn set(&mut self, plugin: &str, option: &str, value: toml::Value) {
        let table = self.tables.entry(plugin.to_owned()).or_insert_with(|| toml::Table::new().into());
        if let Some(table) = table.as_table_mut() {
            table.insert(option.to_owned(), value);
        }
    }
}

impl Config {
    /// The name of the configuration file, for messages.
    pub(crate) fn origin(&self) -> String {
        self.file.as_ref().map_or(Path::new(DEFAULT_FILE), |(path, _)| path).display().to_string()
    }

    /// Whether each plugin that the configuration names is one of those `known`.
    pub(crate) fn check_names(&self, known: &[&str]) -> Result<(), Error> {
        let enabled = self.plugins.enabled.iter().flatten();
        match self.plugins.tables.keys().chain(enabled).find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let is_flag = self.plugins.decided_by.as_deref() == Some(BY_FLAG)
                    && !self.plugins.tables.contains_key(name);
                let (whose, keys) = if is_flag {
                    (BY_FLAG.to_owned(), "")
                } else {
                    (format!("{}: [plugins]", self.origin()), ", and the keys enabled, dir and prefer")
                };
                let close = names::did_you_mean(name, known.iter().copied());
                Err(Error::new(format!("{whose} names {name:?}, which is not a plugin of this agent"))
                    .hint(format!("{close}known are: {}{keys}", known.join(", "))))
            }
        }
    }

    /// Where the options of a plugin stand, for a message: the file, flags, or both.
    pub(crate) fn origin_of_options(&self, plugin: &str) -> String {
        let of_file = self.file.as_ref().and_then(|(_, text)| toml::from_str::<Config>(text).ok());
        let of_file = of_file.and_then(|mut config| config.plugins.tables.remove(plugin));
        match of_file {
            None => "the command line".to_owned(),
            Some(table) if Some(&table) == self.plugins.tables.get(plugin) => self.origin(),
            Some(_) => format!("{} and the command line", self.origin()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::cli::Settings;

    #[test]
    fn flags_choose_plugins_in_place_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relink.toml");
        std::fs::write(&path, "[plugins]\nenabled = [\"disk\"]\n[plugins.cpu]\ninfo = true\n").unwrap();
        let load = |names: &[&str]| {
            let plugins = Some(names.iter().map(|name| (*name).to_owned()).collect());
            let settings = Settings { config: Some(path.clone()), plugins, ..Settings::default() };
            Config::load(&settings, &["cpu", "disk"])
        };
        let config = load(&["cpu"]).unwrap();
        assert!(config.plugins.enables("cpu") && !config.plugins.enables("disk"));
        assert_eq!(config.options_of("cpu").table()["info"], true, "options are another matter");
        for (wrong, close) in [("dsik", "did you mean disk?"), ("gpu", "known are"), ("", "known are")] {
            let error = load(&["cpu", wrong]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--plugins or RELINK_PLUGINS names {wrong:?}")), "{error}");
            assert!(error.contains(close) && error.ends_with("known are: cpu, disk"), "{error}");
        }
    }

    #[test]
    fn options_are_told_with_their_place() {
        let config = |toml: &str, flag: bool| {
            let mut config: Config = toml::from_str(toml).unwrap();
            config.file = Some(("x.toml".into(), toml.to_owned()));
            if flag {
                config.plugins.set("disk", "udev_data", "/a".into());
            }
            config.origin_of_options("disk")
        };
        assert_eq!(config("[plugins.disk]\nfoo = 1", false), "x.toml");
        assert_eq!(config("[plugins.disk]\nfoo = 1", true), "x.toml and the command line");
        assert_eq!(config("[plugins.cpu]\nfoo = 1", true), "the command line");
    }
}
