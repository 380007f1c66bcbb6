//! Which plugins run, and their options: what the file, flags and a reload say together.

use relink_core::Error;

use super::{Config, Plugins};

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
        let error = Error::new(format!("--plugin-dir or [plugins] dir is {dir}, which is no folder"));
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
