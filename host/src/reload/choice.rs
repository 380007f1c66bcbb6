//! What a reload asks for, and what the ones before it chose, as one choice.

use crate::journal::Asked;
use crate::plugins::status::{CollectorStatus, Status};
use crate::settings::{Choice, Switch};

/// The choice that is in force after the reload `id`.
///
/// A set of plugins is for them and no others: collectors that were switched are only kept to where their plugin is among
/// the set and runs already. What is as it is asked for needs no switch.
pub(super) fn next(before: &Choice, asked: &Asked, plugins: &[Status], id: &str) -> Choice {
    let mut next = before.clone();
    if let Some(named) = &asked.plugins {
        next.plugins = Some(named.clone());
        let is_kept = |status: &Status| status.state.runs() && named.contains(&status.name);
        next.collectors.retain(|name, _| owner(plugins, name).is_some_and(|(plugin, _)| is_kept(plugin)));
    }
    for (names, on) in [(&asked.on, true), (&asked.off, false)] {
        for name in names {
            let is_so = owner(plugins, name).is_some_and(|(_, collector)| collector.state.runs() == on);
            let is_switched_so = next.collectors.get(name).is_some_and(|switch| switch.on == on);
            if !(is_switched_so || is_so && asked.plugins.is_none()) {
                next.collectors.insert(name.clone(), Switch { on, reload: id.to_owned() });
            }
        }
    }
    // One of which nothing is left to run is not wanted any more: else it would be missed.
    let is_off = |name: &str| next.collectors.get(name).is_some_and(|switch| !switch.on);
    let has_all_off = |status: &Status| {
        let mut running = status.collectors.iter().filter(|collector| collector.state.runs()).peekable();
        running.peek().is_some() && running.all(|collector| is_off(&collector.name))
    };
    if let Some(named) = &mut next.plugins {
        named.retain(|name| !plugins.iter().any(|status| status.name == *name && has_all_off(status)));
    }
    next
}

/// The plugins that have to be built: those that are enabled, and those whose collectors are switched on. Nothing where
/// none is left.
pub(super) fn to_build(enabled: &[String], chosen: &Choice, plugins: &[Status]) -> Vec<String> {
    let owners = chosen.on().filter_map(|name| owner(plugins, name)).map(|(plugin, _)| plugin.name.clone());
    let mut all: Vec<_> = enabled.iter().cloned().chain(owners).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The plugin that brings a collector.
pub(crate) fn owner<'a>(plugins: &'a [Status], collector: &str) -> Option<(&'a Status, &'a CollectorStatus)> {
    plugins.iter().find_map(|plugin| {
        let found = plugin.collectors.iter().find(|one| one.name == collector)?;
        Some((plugin, found))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::status::{Placement, State};

    fn plugin(name: &str, collectors: &[(&str, State)]) -> Status {
        let collectors: Vec<_> = collectors
            .iter()
            .map(|(name, state)| CollectorStatus::idle(name, "", *state, String::new()))
            .collect();
        Status {
            name: name.to_owned(),
            version: String::new(),
            help: String::new(),
            placement: Placement::Linked,
            state: collectors.iter().map(|one| one.state).min_by_key(|state| state.rank()).unwrap(),
            generation: 1,
            path: None,
            samples: 0,
            last_collect_seconds: None,
            error: None,
            collectors,
        }
    }

    fn all() -> Vec<Status> {
        vec![
            plugin("cpu", &[("cpu", State::Active)]),
            plugin("disk", &[("diskstats", State::Active), ("filesystem", State::Failing)]),
            plugin("nfs", &[("nfsd", State::Off)]),
        ]
    }

    fn asked(plugins: Option<&[&str]>, on: &[&str], off: &[&str]) -> Asked {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Asked { plugins: plugins.map(owned), on: owned(on), off: owned(off), force: false }
    }

    fn told(choice: &Choice) -> (Option<String>, String) {
        let switches = choice
            .collectors
            .iter()
            .map(|(name, Switch { on, reload })| format!("{}{name}@{reload}", if *on { "+" } else { "-" }));
        (choice.plugins.as_ref().map(|names| names.join(",")), switches.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_switch_is_kept_where_it_changes_something() {
        let next = |before: &Choice, asked: &Asked| next(before, asked, &all(), "7");
        let none = Choice::default();
        assert_eq!(next(&none, &asked(None, &["cpu"], &["nfsd"])), none, "they are so already");
        let switched = next(&none, &asked(None, &["nfsd"], &["diskstats"]));
        assert_eq!(told(&switched), (None, "-diskstats@7 +nfsd@7".to_owned()));
        assert_eq!(super::next(&switched, &asked(None, &["nfsd"], &[]), &all(), "8"), switched, "not again");
        assert_eq!(to_build(&["cpu".to_owned()], &switched, &all()), ["cpu", "nfs"]);
    }

    #[test]
    fn a_set_of_plugins_is_for_them_and_no_others() {
        let next = |before: &Choice, asked: &Asked| told(&next(before, asked, &all(), "7"));
        let mut before = Choice::default();
        for (name, on) in [("diskstats", false), ("nfsd", true)] {
            before.collectors.insert(name.to_owned(), Switch { on, reload: "1".to_owned() });
        }
        let kept = next(&before, &asked(Some(&["cpu", "disk"]), &[], &[]));
        assert_eq!(kept, (Some("cpu,disk".to_owned()), "-diskstats@1".to_owned()));
        let with = next(&before, &asked(Some(&["cpu"]), &["filesystem"], &[]));
        assert_eq!(with, (Some("cpu".to_owned()), "+filesystem@7".to_owned()));
        // Nothing is left of it to run.
        let without = next(&before, &asked(Some(&["cpu", "disk"]), &[], &["filesystem"]));
        assert_eq!(without, (Some("cpu".to_owned()), "-diskstats@1 -filesystem@7".to_owned()));
    }
}
