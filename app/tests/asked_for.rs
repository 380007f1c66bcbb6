//! What dashboards, alerts, rules and node_exporter's own pages ask for is declared by some plugin of this executable: no
//! alert goes silent.

use std::collections::BTreeSet;

use relink_testkit::Agent;

/// What is asked for and is not there, and why.
const ABSENT: [(&str, &str); 1] = [(
    "node_kernel_hung_tasks",
    "node_exporter has node_kernel_hung_tasks_total; the dashboard asks for both",
)];

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
fn every_family_that_somebody_asks_for_is_declared() {
    // All that are off by default: what is off declares its families as well, and shows them when it is asked.
    let off = [
        "buddyinfo",
        "cgroups",
        "cpu_vulnerabilities",
        "drbd",
        "drm",
        "interrupts",
        "ksmd",
        "lnstat",
        "meminfo_numa",
        "mountstats",
        "pcidevice",
        "processes",
        "qdisc",
        "slabinfo",
        "softirqs",
        "sysctl",
        "systemd",
        "tcpstat",
        "wifi",
        "xfrm",
        "zoneinfo",
    ];
    let settings = ["fs.file-nr", "fs.file-nr:total,current,max", "kernel.threads-max"];
    let flags: Vec<String> = off
        .iter()
        .map(|name| format!("--collector.{name}"))
        .chain(settings.map(|name| format!("--collector.sysctl.include={name}")))
        .collect();
    let declared = declared(&Agent::start(
        env!("CARGO_BIN_EXE_relink"),
        &flags.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    // Of a pattern the kernel says which families there are.
    let fits = |family: &str, pattern: &String| {
        let ends = pattern.split_once("{}");
        ends.is_some_and(|(begin, end)| family.starts_with(begin) && family.ends_with(end))
    };
    let is_declared =
        |family: &str| declared.contains(family) || declared.iter().any(|pattern| fits(family, pattern));
    for (list, count, whose) in [
        (include_str!("dashboard-families.txt"), 228, "the dashboard \"Node Exporter Full\""),
        (include_str!("mixin-families.txt"), 45, "node-mixin"),
        (include_str!("contract-families.txt"), 1188, "node_exporter 1.12"),
    ] {
        let asked: BTreeSet<&str> =
            list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(asked.len(), count, "{whose} asks for so many families");
        let is_excused = |family: &&str| ABSENT.iter().any(|(absent, _)| absent == family);
        let missing: Vec<&str> =
            asked.into_iter().filter(|one| !is_declared(one) && !is_excused(one)).collect();
        assert!(missing.is_empty(), "{whose} asks for: {}", missing.join(" "));
    }
}
