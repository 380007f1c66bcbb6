//! The table `[plugins.net]` of `relink.toml`.

use relink_core::{Error, Options};
use relink_pattern::Pattern;
use serde::Deserialize;

/// What the operator wrote.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    netdev: bool,
    netclass: bool,
    devices_exclude: String,
    devices_include: String,
    netdev_exclude: String,
    netdev_include: String,
    netclass_exclude: String,
    source: From,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            netdev: true,
            netclass: true,
            devices_exclude: String::new(),
            devices_include: String::new(),
            netdev_exclude: String::new(),
            netdev_include: String::new(),
            netclass_exclude: String::new(),
            source: From::default(),
        }
    }
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
    /// Which interfaces are not shown at all.
    pub(crate) devices: Filter,
    /// Of which the traffic is not shown; `None`: of none.
    pub(crate) netdev: Option<Filter>,
    /// Of which link and identity are not shown; `None`: of none.
    pub(crate) netclass: Option<Filter>,
    pub(crate) source: From,
}

impl Settings {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let table: Table = options.parse()?;
        let netdev = Filter::of("netdev", &table.netdev_exclude, &table.netdev_include)?;
        let netclass = Filter::of("netclass", &table.netclass_exclude, "")?;
        Ok(Settings {
            devices: Filter::of("devices", &table.devices_exclude, &table.devices_include)?,
            netdev: table.netdev.then_some(netdev),
            netclass: table.netclass.then_some(netclass),
            source: table.source,
        })
    }
}

/// Which interfaces are left out: without a pattern, none.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pattern: Option<Pattern>,
    matches_are_ignored: bool,
}

impl Filter {
    fn of(what: &str, exclude: &str, include: &str) -> Result<Self, Error> {
        match (exclude, include) {
            ("", "") => Ok(Filter::default()),
            (pattern, "") => Filter::new(what, "exclude", pattern),
            ("", pattern) => Filter::new(what, "include", pattern),
            _ => Err(Error::new(format!(
                "[plugins.net]: {what}_exclude and {what}_include are both set, expected at most one"
            ))),
        }
    }

    fn new(what: &str, key: &str, pattern: &str) -> Result<Self, Error> {
        let compiled = Pattern::new(&format!("[plugins.net]: {what}_{key}"), pattern)?;
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
    fn traffic_and_links_can_be_left_out_apart() {
        let all = settings(&[]).unwrap();
        assert!(!all.netdev.unwrap().ignores("lo") && !all.netclass.unwrap().ignores("lo"));
        let some = settings(&[("netdev_exclude", "^lo$"), ("netclass_exclude", "^veth")]).unwrap();
        let (netdev, netclass) = (some.netdev.unwrap(), some.netclass.unwrap());
        assert!(netdev.ignores("lo") && !netdev.ignores("veth1"));
        assert!(netclass.ignores("veth1") && !netclass.ignores("lo"));
        let off = [("netdev".to_owned(), false.into())].into_iter().collect();
        let off = Settings::new(&Options::new("net", Default::default(), off)).unwrap();
        assert!(off.netdev.is_none() && off.netclass.is_some());
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
