//! The table `[plugins.net]` of `relink.toml`.

use regex_lite::Regex;
use relink_core::{Error, Options};
use serde::Deserialize;

/// What the operator wrote.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    devices_exclude: String,
    devices_include: String,
    source: From,
}

/// Where interfaces are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum From {
    /// Netlink, unless sysfs is another machine's or there is no netlink.
    #[default]
    Auto,
    Netlink,
    Sysfs,
}

/// The same, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) devices: Filter,
    pub(crate) source: From,
}

impl Settings {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let table: Table = options.parse()?;
        let devices = match (table.devices_exclude.as_str(), table.devices_include.as_str()) {
            ("", "") => Filter::default(),
            (pattern, "") => Filter::new("exclude", pattern)?,
            ("", pattern) => Filter::new("include", pattern)?,
            _ => {
                return Err(Error::new(
                    "[plugins.net]: devices_exclude and devices_include are both set, expected at most one",
                ));
            }
        };
        Ok(Settings { devices, source: table.source })
    }
}

/// Which interfaces are left out: without a pattern, none.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pattern: Option<Regex>,
    matches_are_ignored: bool,
}

impl Filter {
    fn new(key: &str, pattern: &str) -> Result<Self, Error> {
        let compiled = Regex::new(pattern).map_err(|why| {
            Error::new(format!(
                "[plugins.net]: devices_{key} is {pattern:?}, expected a regular expression: {why}"
            ))
        })?;
        Ok(Filter { pattern: Some(compiled), matches_are_ignored: key == "exclude" })
    }

    /// Whether this interface is left out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(name) == self.matches_are_ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(table: &[(&str, &str)]) -> Result<Settings, Error> {
        let table = table.iter().map(|(key, value)| (key.to_string(), (*value).into())).collect();
        Settings::new(&Options::new("net", Default::default(), table))
    }

    #[test]
    fn patterns_leave_out_or_let_in() {
        assert!(!settings(&[]).unwrap().devices.ignores("veth1"));
        let exclude = settings(&[("devices_exclude", "^veth")]).unwrap().devices;
        assert!(exclude.ignores("veth1") && !exclude.ignores("eth0"));
        let include = settings(&[("devices_include", "^eth"), ("source", "sysfs")]).unwrap();
        assert!(include.devices.ignores("lo") && !include.devices.ignores("eth0"));
        assert_eq!(include.source, From::Sysfs);
    }

    #[test]
    fn bad_options_are_refused_by_name() {
        let refused = |table: &[(&str, &str)]| settings(table).unwrap_err().to_string();
        let both = refused(&[("devices_include", "a"), ("devices_exclude", "b")]);
        assert!(both.contains("devices_exclude and devices_include are both set"), "{both}");
        let pattern = refused(&[("devices_include", "(")]);
        assert!(pattern.contains("devices_include is \"(\", expected a regular expression"), "{pattern}");
        let source = refused(&[("source", "proc")]);
        assert!(source.contains("expected one of `auto`, `netlink`, `sysfs`"), "{source}");
    }
}
