//! The shipped unit hides no figure: the agent in its name spaces, as its user and under its filters, beside one without.
#![cfg(target_os = "linux")]

mod support;
#[path = "support/unit.rs"]
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use relink_testkit::{Agent, PATIENCE};
use support::{RELINK, here};
use unit::Emulation;

fn shipped() -> String {
    std::fs::read_to_string(here("../packaging/relink.service")).unwrap()
}

fn with(directive: &str) -> String {
    shipped().replace("[Service]", &format!("[Service]\n{directive}"))
}

fn page(agent: &Agent) -> String {
    agent.get("/metrics").text()
}

fn families(page: &str) -> BTreeSet<String> {
    let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

/// Whether it is read-only, by device, mount point and type.
fn readonly(page: &str) -> BTreeMap<String, String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("node_filesystem_readonly{"));
    let pairs = lines.filter_map(|line| {
        let (labels, value) = line.rsplit_once("} ")?;
        // Why there is no size differs: what lies in another's private folder may be denied.
        let (labels, _) = labels.split_once(",device_error=")?;
        Some((labels.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// What the first page has and the second has not.
fn missing(outside: &str, inside: &str) -> Vec<String> {
    families(outside).difference(&families(inside)).cloned().collect()
}

/// What of a unit's families is missing beside an agent without it. Devices come and go on a machine between two
/// scrapes, so what is missing is what stays so.
fn hidden(outside: &Agent, inside: &Agent, expected: &[&str]) -> Vec<String> {
    let began = Instant::now();
    loop {
        let lost = missing(&page(outside), &page(inside));
        if lost == expected || began.elapsed() > PATIENCE / 4 {
            return lost;
        }
        // sleep: devices come and go by themselves, and nobody tells.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn the_unit_hides_no_family_and_its_own_view_is_not_the_machines() {
    let Some(emulation) = Emulation::new() else { return };
    let outside = Agent::start(RELINK, &["--print", "none"]);
    let inside = Agent::from(emulation.command(&shipped()));
    assert!(inside.proc("status").contains("\nUid:\t61500\t"), "it is another user");
    assert!(inside.proc("status").contains("\nCapEff:\t0000000000000000\n"), "it has no capability");
    assert!(inside.proc("status").contains("\nSeccomp:\t2\n"), "filters are in force");
    let own_root = inside.proc("mountinfo");
    let own_root = own_root.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(own_root.split(' ').nth(5).unwrap().starts_with("ro"), "its own root is read-only: {own_root}");

    assert_eq!(hidden(&outside, &inside, &[]), Vec::<String>::new());
    let (machine, unit) = (readonly(&page(&outside)), readonly(&page(&inside)));
    let common: Vec<_> = machine.keys().filter(|mount| unit.contains_key(*mount)).collect();
    assert!(!common.is_empty(), "{machine:?} {unit:?}");
    for mount in common {
        assert_eq!(machine[mount], unit[mount], "{mount}");
    }
    // The same where process 1 may not be looked at: then the file systems' own options count.
    let invisible = Agent::from(emulation.command(&with("ProtectProc=invisible")));
    let page = page(&invisible);
    for (mount, value) in readonly(&page) {
        assert!(value == "0" || machine.get(&mount).is_none_or(|value| value == "1"), "{mount}: {value}");
    }
    assert!(readonly(&page).keys().any(|mount| mount.contains(r#"mountpoint="/""#)), "{page}");
}

#[test]
fn a_unit_that_hides_figures_is_noticed() {
    let Some(emulation) = Emulation::new() else { return };
    let outside = Agent::start(RELINK, &["--print", "none"]);
    let timex: BTreeSet<String> = families(&page(&outside));
    let timex: Vec<&str> =
        timex.iter().map(String::as_str).filter(|name| name.starts_with("node_timex_")).collect();
    assert_eq!(timex.len(), 17);
    let inside = Agent::from(emulation.command(&with("ProtectClock=yes")));
    assert_eq!(hidden(&outside, &inside, &timex), timex);
}

#[test]
#[should_panic(expected = "PrivateNetwork=yes: say in app/tests/support/unit.rs")]
fn a_directive_that_nobody_has_thought_about_is_noticed() {
    unit::understand(&shipped());
    unit::understand(&with("PrivateNetwork=yes"));
}
