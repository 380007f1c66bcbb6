//! How much of the dashboard "Node Exporter Full" the plugins of this executable can answer.

use std::collections::BTreeSet;

use relink_testkit::Agent;

/// The least share of the dashboard's families that are declared.
const SHARE: f64 = 0.97;

/// The families that the agent's plugins declare, and those that it has of its own.
fn declared(agent: &Agent) -> BTreeSet<String> {
    let mut families: BTreeSet<String> = agent
        .get("/metrics")
        .text()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned()))
        .collect();
    let plugins = agent.get("/plugins").json();
    for plugin in plugins["plugins"].as_array().expect("a list of plugins") {
        let name = plugin["name"].as_str().expect("a plugin's name");
        let one = agent.get(&format!("/plugins/{name}")).json();
        let list =
            one["collectors"].as_array().unwrap_or_else(|| panic!("{name} has no list of collectors: {one}"));
        // One that is off has none to show.
        let all = list.iter().filter_map(|one| one["families"].as_array()).flatten();
        families.extend(all.filter_map(|family| Some(family["name"].as_str()?.to_owned())));
        let patterns = list.iter().filter_map(|one| one["patterns"].as_array()).flatten();
        families.extend(patterns.filter_map(|name| Some(name.as_str()?.to_owned())));
    }
    families
}

#[test]
fn nearly_all_families_of_the_dashboard_are_declared() {
    let asked: BTreeSet<&str> = include_str!("dashboard-families.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    assert_eq!(asked.len(), 228, "the dashboard asks for so many families");
    let declared = declared(&Agent::start(env!("CARGO_BIN_EXE_relink"), &["--collector.systemd"]));
    // Of a pattern the kernel says which families there are.
    let fits = |family: &str, pattern: &String| {
        let ends = pattern.split_once("{}");
        ends.is_some_and(|(begin, end)| family.starts_with(begin) && family.ends_with(end))
    };
    let is_declared =
        |family: &str| declared.contains(family) || declared.iter().any(|pattern| fits(family, pattern));
    let missing: Vec<&str> = asked.iter().copied().filter(|family| !is_declared(family)).collect();
    let share = 1.0 - missing.len() as f64 / asked.len() as f64;
    println!("{:.1} % of the dashboard's families; missing: {}", 100.0 * share, missing.join(" "));
    assert!(share >= SHARE, "only {share:.3} of the dashboard's families; missing: {}", missing.join(" "));
}
