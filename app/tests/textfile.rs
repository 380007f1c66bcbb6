//! Side-loaded metrics on the executable: what two formats make of them, and what stands in their way.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use relink_testkit::{Agent, promtool};
use support::{Folder, here};

const TEXT: &str = "\
# HELP backup_seconds How long \"it\" took.
# TYPE backup_seconds histogram
backup_seconds_bucket{job=\"a\\\"b\",le=\"60\"} 1
backup_seconds_bucket{job=\"a\\\"b\",le=\"0.5\"} 0
backup_seconds_sum{job=\"a\\\"b\"} 1234.5
backup_seconds_count{job=\"a\\\"b\"} 2
# TYPE backup_bytes summary
backup_bytes{quantile=\"1\"} 1e9
backup_bytes_sum 1e9
backup_bytes_count 1
# TYPE backup_runs_total counter
backup_runs_total 3
# TYPE backup_tries counter
backup_tries 4
backup:note NaN
";

const PROMETHEUS: &str = "\
# HELP backup:note Metric read from FILE
# TYPE backup:note untyped
backup:note NaN
# HELP backup_bytes Metric read from FILE
# TYPE backup_bytes summary
backup_bytes{quantile=\"1\"} 1000000000
backup_bytes_sum 1000000000
backup_bytes_count 1
# HELP backup_runs_total Metric read from FILE
# TYPE backup_runs_total counter
backup_runs_total 3
# HELP backup_seconds How long \"it\" took.
# TYPE backup_seconds histogram
backup_seconds_bucket{job=\"a\\\"b\",le=\"0.5\"} 0
backup_seconds_bucket{job=\"a\\\"b\",le=\"60\"} 1
backup_seconds_bucket{job=\"a\\\"b\",le=\"+Inf\"} 2
backup_seconds_sum{job=\"a\\\"b\"} 1234.5
backup_seconds_count{job=\"a\\\"b\"} 2
# HELP backup_tries Metric read from FILE
# TYPE backup_tries counter
backup_tries 4
";

const OPENMETRICS: &str = "\
# TYPE backup:note unknown
# HELP backup:note Metric read from FILE
backup:note NaN
# TYPE backup_bytes summary
# HELP backup_bytes Metric read from FILE
backup_bytes{quantile=\"1.0\"} 1000000000
backup_bytes_sum 1000000000
backup_bytes_count 1
# TYPE backup_runs counter
# HELP backup_runs Metric read from FILE
backup_runs_total 3
# TYPE backup_seconds histogram
# HELP backup_seconds How long \\\"it\\\" took.
backup_seconds_bucket{job=\"a\\\"b\",le=\"0.5\"} 0
backup_seconds_bucket{job=\"a\\\"b\",le=\"60.0\"} 1
backup_seconds_bucket{job=\"a\\\"b\",le=\"+Inf\"} 2
backup_seconds_sum{job=\"a\\\"b\"} 1234.5
backup_seconds_count{job=\"a\\\"b\"} 2
# TYPE backup_tries unknown
# HELP backup_tries Metric read from FILE
backup_tries 4
";

/// A folder with an empty folder `texts`, and with a configuration that names it and enables these plugins.
fn folder(enabled: &str, more: &str) -> Folder {
    let folder = Folder::new("");
    fs::create_dir(folder.path("texts")).unwrap();
    let texts = folder.path("texts");
    folder.write(
        "relink.toml",
        format!(
            "print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [{enabled}]\n{more}\n\
             [collectors.textfile]\ndirectory = {texts:?}\n"
        ),
    );
    folder
}

fn page(agent: &Agent) -> String {
    let answer = agent.get("/metrics");
    assert_eq!(answer.status, 200);
    // Two names are sound, and not to the linter's taste.
    let is_odd = |line: &&str| line.contains("backup:note") || line.contains("backup_tries");
    promtool(&answer.text().split_inclusive('\n').filter(|line| !is_odd(line)).collect::<String>());
    answer.text()
}

/// What an agent says that has the text beside texts that can't be used, whatever way its plugin came.
fn shows_what_is_good_and_tells_what_is_not(folder: &Folder, agent: &Agent) {
    folder.write("texts/backup.prom", TEXT);
    let file = folder.path("texts/backup.prom").display().to_string();
    let named = |text: &str| text.replace("FILE", &file);
    for _ in 0..2 {
        let text = page(agent);
        assert!(text.contains(&named(PROMETHEUS)), "{text}");
        let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
        let text = agent.get_with("/metrics", &accept).text();
        assert!(text.contains(&named(OPENMETRICS)) && text.ends_with("# EOF\n"), "{text}");
    }
    assert_eq!(agent.sample("node_textfile_scrape_error"), Some(0.0));
    assert_eq!(agent.plugin("textfile")["error"], serde_json::Value::Null);
    let one = agent.get("/plugins/textfile").json();
    assert_eq!(one["samples"], 2 + 11, "{one}");
    let histogram = one["collectors"][0]["families"]
        .as_array()
        .unwrap()
        .iter()
        .find(|family| family["name"] == "backup_seconds");
    let sample = &histogram.unwrap()["samples"][0];
    assert_eq!(sample["labels"]["job"], "a\"b", "{sample}");
    assert_eq!((&sample["suffix"], &sample["value"]), (&"_bucket".into(), &0.into()));

    // Names of another plugin, of the agent, of a counter as OpenMetrics spells it; and what breaks the format.
    for (bad, why) in [
        ("node_load1 1\n", "has the family node_load1, but node_load1 is of plugin load"),
        (
            "# TYPE process summary\nprocess_sum 1\nprocess_open_fds 1\n",
            "process_open_fds is of relink itself",
        ),
        ("relink_reloads 1\n", "relink_reloads is of relink itself"),
        ("backup_tries 1\n", "has backup_tries as untyped, but "),
        ("good 1\nbad{ 1\n", "line 2: expected name="),
    ] {
        folder.write("texts/bad.prom", bad);
        let text = page(agent);
        assert!(text.contains(&named(PROMETHEUS)) && !text.contains("good 1"), "{bad}: {text}");
        assert_eq!(agent.sample("node_textfile_scrape_error"), Some(1.0), "{bad}");
        assert_eq!(agent.sample("node_load1").map(|load| load >= 0.0), Some(true));
        let plugin = agent.plugin("textfile");
        let warnings = plugin["collectors"][0]["warnings"].to_string();
        assert!(warnings.contains("texts/bad.prom: ") && warnings.contains(why), "{bad}: {plugin}");
        assert_eq!(plugin["state"], "active");
        assert_eq!(agent.get("/-/ready").status, 200);
        assert!(agent.stderr().contains(why), "the log says it: {}", agent.stderr());
    }
    fs::remove_file(folder.path("texts/bad.prom")).unwrap();
    page(agent);
    assert_eq!(agent.sample("node_textfile_scrape_error"), Some(0.0));
    assert_eq!(agent.plugin("textfile")["error"], serde_json::Value::Null);
}

#[test]
fn a_linked_plugin_brings_families_at_run_time() {
    let folder = folder("\"load\", \"textfile\"", "");
    let agent = folder.start(&[]);
    shows_what_is_good_and_tells_what_is_not(&folder, &agent);
}

/// The plugin as cargo makes a library of it, in the folder's folder `plugins`.
fn library(folder: &Folder) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "rustc",
        "--quiet",
        "--locked",
        "--lib",
        "--crate-type",
        "cdylib",
        "--package",
        "metrics-textfile",
    ]);
    let built = cargo.arg("--target-dir").arg(target).current_dir(here("..")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::create_dir(folder.path("plugins")).unwrap();
    let name = "libmetrics_textfile.so";
    fs::copy(target.join("debug").join(name), folder.path("plugins").join(name)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_loaded_plugin_does_so_as_well() {
    let folder = folder("\"load\", \"textfile\"", "prefer = \"loaded\"");
    library(&folder);
    let plugins = folder.path("plugins").display().to_string();
    let agent = folder.start(&["--plugin-dir", &plugins]);
    assert_eq!(agent.plugin("textfile")["placement"], "loaded");
    shows_what_is_good_and_tells_what_is_not(&folder, &agent);
}

#[test]
fn a_declared_family_comes_before_one_that_a_text_brings() {
    let folder = folder("\"textfile\"", "");
    folder.write("texts/load.prom", "node_load1 4711\n");
    let agent = folder.start(&[]);
    assert_eq!(agent.sample("node_load1"), Some(4711.0), "nobody else has it");
    let answer = agent.put("/plugins/reload?plugins=textfile,load").json();
    assert_eq!(answer["outcome"], "committed", "{answer}");
    assert!(page(&agent).contains("# TYPE node_load1 gauge"));
    assert_eq!(agent.sample("node_textfile_scrape_error"), Some(1.0));
}

#[test]
fn an_agent_without_a_folder_has_an_empty_plugin() {
    let folder =
        Folder::new("print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"textfile\"]\n");
    let agent = folder.start(&[]);
    assert_eq!(agent.sample("node_textfile_scrape_error"), Some(0.0));
    assert_eq!(agent.plugin("textfile")["samples"], 1);
}

#[test]
fn files_that_node_exporter_shows_are_shown() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n");
    for name in ["a", "b"] {
        fs::create_dir_all(folder.path("tf").join(name).join("m")).unwrap();
    }
    folder.write(
        "tf/a/m/1.prom",
        "# TYPE b_x Gauge\nb_x 1\n# TYPE b_gone_total counter\nb_gone_total NaN\nb_back_total 1\n",
    );
    folder.write("tf/b/m/2.prom", "b_ok 1\n# TYPE b_total COUNTER\nb_total -1\n");
    let pattern = folder.path("tf/*/m").display().to_string();
    let agent = folder.start(&[
        "--collector.disable-defaults",
        "--collector.textfile",
        &format!("--collector.textfile.directory={pattern}"),
    ]);
    let text = page(&agent);
    for line in [
        "# TYPE b_x gauge\nb_x 1",
        "b_gone_total NaN",
        "b_back_total 1",
        "b_ok 1",
        "# TYPE b_total counter\nb_total -1",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
    }
    assert_eq!(agent.sample("node_textfile_scrape_error"), Some(0.0));
}
