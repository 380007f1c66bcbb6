//! Which plugins run, and their options: what the file, flags and a reload say together.

use super::Plugins;

impl Plugins {
    /// A set that a reload chose replaces the one of file and flags.
    pub(crate) fn choose(&mut self, chosen: Option<Vec<String>>) {
        if chosen.is_some() {
            self.enabled = chosen;
            self.left_out.clear();
        }
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

    /// The flag that leaves a plugin out.
    pub(crate) fn why_left_out(&self, plugin: &str) -> Option<&str> {
        self.left_out.get(plugin).map(String::as_str)
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
