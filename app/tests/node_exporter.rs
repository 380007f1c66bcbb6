//! The agent beside a real node_exporter on one machine: the same families, types and label names.

use std::collections::{BTreeMap, BTreeSet};

use relink_testkit::{Agent, skip};

mod support;

use support::node_exporter::{NodeExporter, collectors};

/// Relink's plugins that stand for them. One that is new in the tree stands for none, and is not compared.
const PLUGINS: &[&str] = &[
    "cpu",
    "disk",
    "fabric",
    "filesystems",
    "hardware",
    "hwmon",
    "load",
    "mem",
    "net",
    "netstat",
    "nfs",
    "pressure",
    "processes",
    "stat",
    "storage",
    "textfile",
    "vmstat",
];

/// What both are given as a text file: each type, labels, and families with and without type and help.
const TEXT: &str = "\
# HELP node_backup_ok Whether the last backup succeeded.
# TYPE node_backup_ok gauge
node_backup_ok{job=\"home\",target=\"disk \\\"1\\\"\"} 1
node_backup_ok{target=\"tape\",job=\"mail\"} 0
# TYPE node_backup_runs_total counter
node_backup_runs_total 17
# TYPE node_backup_seconds histogram
node_backup_seconds_bucket{le=\"60.0\"} 1
node_backup_seconds_bucket{le=\"1000000\"} 2
node_backup_seconds_sum 4711.5
node_backup_seconds_count 3
# TYPE node_backup_size_bytes summary
node_backup_size_bytes{quantile=\"0.50\"} 1e9
node_backup_size_bytes_sum 3e9
node_backup_size_bytes_count 3
node_backup_note 1
";

/// Families that may differ, and why. A name that ends in * stands for all that begin so.
const DIFFERENCES: &[(&str, &str)] = &[
    ("node_exporter_build_info", "later versions of node_exporter than 1.5 have the label tags"),
    ("node_ksmd_general_profit_bytes", "later versions of node_exporter than 1.5 have it"),
    ("node_netstat_Tcp_MaxConn", "node_exporter's most used dashboard asks for it"),
    ("node_cpu_frequency_hertz", "later versions of node_exporter than 1.5 have it"),
    ("node_cpu_online", "later versions of node_exporter than 1.5 have it"),
    ("node_disk_info", "later versions of node_exporter than 1.5 have the label rotational"),
    (
        "node_filesystem_*",
        "later versions of node_exporter than 1.5 have the label device_error, and mount_info",
    ),
    ("node_hwmon_freq_*", "later versions of node_exporter than 1.5 have it"),
    ("node_netstat_TcpExt_TCPOFOQueue", "later versions of node_exporter than 1.5 have it"),
    ("node_netstat_TcpExt_TCPRcvQDrop", "later versions of node_exporter than 1.5 have it"),
    ("node_network_info", "later versions of node_exporter than 1.5 have the label adminstate"),
    ("node_pressure_irq_stalled_seconds_total", "later versions of node_exporter than 1.5 have it"),
    ("node_power_supply_info", "relink always has all labels, node_exporter only those with a value"),
    ("node_softnet_backlog_len", "later versions of node_exporter than 1.5 have it"),
    ("node_softnet_cpu_collision_total", "later versions of node_exporter than 1.5 have it"),
    ("node_softnet_flow_limit_count_total", "later versions of node_exporter than 1.5 have it"),
    ("node_softnet_received_rps_total", "later versions of node_exporter than 1.5 have it"),
];

/// What a page says of a family: its type, and the lists of label names that its samples have.
type Families = BTreeMap<String, (String, BTreeSet<Vec<String>>)>;

/// The families whose names begin with `node_`.
fn families(page: &str) -> Families {
    let mut families = Families::new();
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let name_end = line.find(['{', ' ']).unwrap_or(line.len());
            let labels = labels(&line[name_end..]);
            // Summaries, of which only node_exporter itself has some, have samples with other names.
            if let Some((_, seen)) = families.get_mut(&line[..name_end]) {
                seen.insert(labels);
            }
        }
    }
    families.retain(|name, _| name.starts_with("node_"));
    families
}

/// The label names of what follows a sample's name, sorted.
fn labels(rest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in rest.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '=' => names.push(std::mem::take(&mut name)),
            '{' | ',' => name.clear(),
            '}' | ' ' => break,
            c => name.push(c),
        }
    }
    names.sort();
    names
}

/// The lines of the text files and of the collector itself, sorted, without HELP. Numbers are compared as such.
fn side_loaded(page: &str) -> Vec<(String, Option<u64>)> {
    let lines = page.lines().map(|line| line.strip_prefix("# TYPE ").unwrap_or(line));
    let lines = lines.filter(|line| line.starts_with("node_backup_") || line.starts_with("node_textfile_"));
    let mut lines: Vec<_> = lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
            match value.parse::<f64>() {
                Ok(value) => (series.to_owned(), Some(value.to_bits())),
                Err(_) => (line.to_owned(), None),
            }
        })
        .collect();
    lines.sort();
    lines
}

/// The reason why this family may differ.
fn excuse(family: &str) -> Option<&'static str> {
    let is_it = |name: &str| match name.strip_suffix('*') {
        Some(beginning) => family.starts_with(beginning),
        None => family == name,
    };
    DIFFERENCES.iter().find(|(name, _)| is_it(name)).map(|(_, reason)| *reason)
}

#[test]
fn families_are_those_of_node_exporter() {
    let Some(executable) = NodeExporter::installed() else {
        return skip("comparing /metrics with node_exporter", "node_exporter is not installed");
    };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("relink.toml");
    let texts = folder.path().join("texts");
    std::fs::create_dir(&texts).unwrap();
    std::fs::write(texts.join("backup.prom"), TEXT).unwrap();
    std::fs::write(texts.join("broken.prom"), "node_broken one\n").unwrap();
    std::fs::write(&config, format!("[plugins]\nenabled = {PLUGINS:?}\n")).unwrap();
    let texts = format!("--collector.textfile.directory={}", texts.display());
    let theirs = NodeExporter::start(&executable, &[&texts]);
    let collectors = collectors();
    let flags = collectors.iter().map(String::as_str).chain(["--config", config.to_str().unwrap(), &texts]);
    let ours = Agent::start(env!("CARGO_BIN_EXE_relink"), &flags.collect::<Vec<_>>());
    let (ours, theirs) = (ours.get("/metrics").text(), theirs.metrics());
    let [our_texts, their_texts] = [&ours, &theirs].map(|page| side_loaded(page));
    assert_eq!(our_texts, their_texts, "the text files are shown alike");
    assert_eq!(our_texts.len(), 21, "{our_texts:?}");
    let (ours, theirs) = (families(&ours), families(&theirs));
    assert!(theirs.len() > 100, "node_exporter shows families: {theirs:?}");

    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut unexcused = Vec::new();
    for name in names {
        let (our, their) = (ours.get(name), theirs.get(name));
        if our == their {
            continue;
        }
        match excuse(name) {
            Some(reason) => println!("{name}: {reason}"),
            None => unexcused.push(format!("{name}: relink {our:?}, node_exporter {their:?}")),
        }
    }
    assert!(unexcused.is_empty(), "families differ without a reason:\n{}", unexcused.join("\n"));
}

/// Collectors that only later versions than Debian's have.
const LATER: &[&str] = &["bcachefs", "dmmultipath", "kernel_hung", "watchdog"];

#[test]
fn the_collectors_that_are_on_by_default_are_node_exporters() {
    let Some(executable) = NodeExporter::installed() else {
        return skip(
            "comparing the collectors' names with node_exporter's",
            "node_exporter is not installed",
        );
    };
    let theirs = NodeExporter::start_with(&executable, &[]).metrics();
    let ours = Agent::start(env!("CARGO_BIN_EXE_relink"), &[]).get("/metrics").text();
    for family in ["node_scrape_collector_success", "node_scrape_collector_duration_seconds"] {
        let names = |page: &str| -> BTreeSet<String> {
            let begin = format!("{family}{{collector=\"");
            let rest = page.lines().filter_map(|line| line.strip_prefix(&begin)?.split('"').next());
            rest.map(str::to_owned).collect()
        };
        // Debian's has systemd on, which is off in the original.
        let mut theirs = names(&theirs);
        theirs.remove("systemd");
        let mut ours = names(&ours);
        ours.retain(|name| theirs.contains(name) || !LATER.contains(&name.as_str()));
        assert_eq!(ours, theirs, "{family}");
    }
}

#[test]
fn label_names_are_read_from_any_sample() {
    let names = |rest: &str| labels(rest).join(" ");
    assert_eq!(names(" 1"), "");
    assert_eq!(names(r#"{b="x\"y,z=",a=""} 1"#), "a b");
}
