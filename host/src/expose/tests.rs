//! All formats on one made-up machine, against literal text.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use relink_core::{Error, Family, Samples};

use super::table::{self, Style};
use super::{Format, Packer, Part, Section, body, json};
use crate::store::snapshot::{Frame, Layout, LeftOut, Reading, Snapshot};

const IO: Family = Family::counter("io_seconds_total", "Time in \"I/O\".").labels(&["device", "path"]);
const USED: Family = Family::gauge("used_bytes", "Used\\free\nspace.").labels(&["path"]);
const EMPTY: Family = Family::gauge("absent", "Not on this machine.");
const LOAD: Family = Family::gauge("load1", "Load.");
const FAULTS: Family = Family::unknown("fault_seconds_total", "Whatever the source says.");
const FAMILIES: &[Family] = &[IO, USED, EMPTY, LOAD, FAULTS];
const OK: Family = Family::gauge("plugin_success", "Whether it worked.").labels(&["plugin"]);
const OWN: &[Family] = &[OK];

fn frame(families: &'static [Family], push: impl FnOnce(&mut Samples)) -> Frame {
    let mut samples = Samples::new(families, 100_000);
    push(&mut samples);
    assert_eq!(samples.fault(), None);
    let layout = Arc::new(Layout::new(samples.series_set().unwrap(), Default::default()));
    Frame { layout, values: samples.values().into() }
}

fn disk() -> Frame {
    frame(FAMILIES, |out| {
        out.push(&LOAD, [], f64::NAN);
        out.push(&IO, ["sda", "/a \"b\"\\c\nd"], 12.34);
        out.push(&USED, ["/"], 10_995_116_277.0);
        out.push(&FAULTS, [], f64::NEG_INFINITY);
        out.push(&IO, ["é—漢", ""], f64::INFINITY);
    })
}

fn reading(collector: &'static str, result: Result<Frame, Error>) -> Reading {
    Reading { collector, duration: Duration::from_micros(41), result, left_out: LeftOut::default() }
}

fn snapshot() -> Snapshot {
    let own = frame(OWN, |out| {
        out.push(&OK, ["disk"], 1.0);
        out.push(&OK, ["gone"], 0.0);
    });
    Snapshot::new(vec![
        reading("disk", Ok(disk())),
        reading("gone", Err(Error::new("no such file"))),
        reading("relink", Ok(own)),
    ])
}

fn text(snapshot: &Snapshot, format: Format) -> String {
    String::from_utf8(body(snapshot, format, None).to_vec()).unwrap()
}

#[test]
fn prometheus_text() {
    let expected = r#"# HELP io_seconds_total Time in "I/O".
# TYPE io_seconds_total counter
io_seconds_total{device="sda",path="/a \"b\"\\c\nd"} 12.34
io_seconds_total{device="é—漢",path=""} +Inf
# HELP used_bytes Used\\free\nspace.
# TYPE used_bytes gauge
used_bytes{path="/"} 10995116277
# HELP load1 Load.
# TYPE load1 gauge
load1 NaN
# HELP fault_seconds_total Whatever the source says.
# TYPE fault_seconds_total untyped
fault_seconds_total -Inf
# HELP plugin_success Whether it worked.
# TYPE plugin_success gauge
plugin_success{plugin="disk"} 1
plugin_success{plugin="gone"} 0
"#;
    assert_eq!(text(&snapshot(), Format::Prometheus), expected);
}

#[test]
fn openmetrics_text() {
    let expected = r#"# TYPE io_seconds counter
# UNIT io_seconds seconds
# HELP io_seconds Time in \"I/O\".
io_seconds_total{device="sda",path="/a \"b\"\\c\nd"} 12.34
io_seconds_total{device="é—漢",path=""} +Inf
# TYPE used_bytes gauge
# UNIT used_bytes bytes
# HELP used_bytes Used\\free\nspace.
used_bytes{path="/"} 10995116277
# TYPE load1 gauge
# HELP load1 Load.
load1 NaN
# TYPE fault_seconds_total unknown
# HELP fault_seconds_total Whatever the source says.
fault_seconds_total -Inf
# TYPE plugin_success gauge
# HELP plugin_success Whether it worked.
plugin_success{plugin="disk"} 1
plugin_success{plugin="gone"} 0
# EOF
"#;
    assert_eq!(text(&snapshot(), Format::OpenMetrics), expected);
    assert_eq!(text(&snapshot(), Format::OpenMetricsDraft), expected);
    assert_eq!(text(&Snapshot::new(Vec::new()), Format::OpenMetrics), "# EOF\n");
    assert_eq!(text(&Snapshot::new(Vec::new()), Format::Prometheus), "");
}

#[test]
fn what_is_exposed_is_sound() {
    for snapshot in [snapshot(), machine(5)] {
        assert_eq!(relink_exposition::check_page(&text(&snapshot, Format::Prometheus)), Ok(()));
    }
}

#[test]
fn a_body_is_made_once_and_gzip_holds_the_same_text() {
    let (snapshot, packer) = (snapshot(), Packer::new());
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let packed = body(&snapshot, format, Some(&packer));
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text(&snapshot, format));
        for gzip in [None, Some(&packer)] {
            let [first, second] = [(); 2].map(|()| body(&snapshot, format, gzip));
            assert_eq!(first.as_ptr(), second.as_ptr());
        }
    }
}

#[test]
fn a_layout_is_shared_and_shows_each_frame_its_own_values() {
    let first = frame(OWN, |out| out.push(&OK, ["a"], 1.0));
    let second = Frame { layout: Arc::clone(&first.layout), values: [2.5].into() };
    let shown =
        |frame: &Frame| text(&Snapshot::new(vec![reading("a", Ok(frame.clone()))]), Format::Prometheus);
    assert!(shown(&first).ends_with("plugin_success{plugin=\"a\"} 1\n"));
    assert!(shown(&second).ends_with("plugin_success{plugin=\"a\"} 2.5\n"));
}

fn section<'a>(
    frame: Option<&'a Frame>,
    error: Option<&'a Error>,
    facts: &'a [(String, String)],
) -> Section<'a> {
    let duration = Duration::from_micros(41);
    Section {
        name: "disk",
        version: "0.1.0",
        help: "Disks",
        placement: "linked",
        parts: vec![Part { name: "diskstats", families: FAMILIES, error, facts, frame, duration }],
    }
}

#[test]
fn json_of_families() {
    let frame = disk();
    let shown = serde_json::to_string(&json::families(FAMILIES, Some(&frame))).unwrap();
    let expected = concat!(
        r#"[{"name":"io_seconds_total","type":"counter","help":"Time in \"I/O\".","unit":"seconds","samples":["#,
        r#"{"labels":{"device":"sda","path":"/a \"b\"\\c\nd"},"value":12.34},"#,
        r#"{"labels":{"device":"é—漢","path":""},"value":"+Inf"}]},"#,
        r#"{"name":"used_bytes","type":"gauge","help":"Used\\free\nspace.","unit":"bytes","samples":["#,
        r#"{"labels":{"path":"/"},"value":10995116277}]},"#,
        r#"{"name":"absent","type":"gauge","help":"Not on this machine.","unit":"","samples":[]},"#,
        r#"{"name":"load1","type":"gauge","help":"Load.","unit":"","samples":[{"labels":{},"value":"NaN"}]},"#,
        r#"{"name":"fault_seconds_total","type":"unknown","help":"Whatever the source says.","unit":"seconds","#,
        r#""samples":[{"labels":{},"value":"-Inf"}]}]"#,
    );
    assert_eq!(shown, expected);
    let empty = serde_json::to_value(json::families(FAMILIES, None)).unwrap();
    assert!(empty.as_array().unwrap().iter().all(|family| family["samples"] == serde_json::json!([])));
}

#[test]
fn json_of_a_snapshot_is_one_line() {
    let error = Error::new("no such file").hint("mount it");
    let facts = [("z".to_owned(), "1\n2".to_owned()), ("a".to_owned(), "3".to_owned())];
    let mut failed = section(None, Some(&error), &facts);
    failed.parts[0].families = &[];
    let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    let line = json::snapshot(time, &[failed]);
    let expected = concat!(
        r#"{"time":1700000000.25,"plugins":[{"name":"disk","help":"Disks","version":"0.1.0","ok":false,"#,
        r#""error":"diskstats: no such file; mount it","seconds":0.000041,"facts":{"z":"1\n2","a":"3"},"#,
        r#""collectors":[{"name":"diskstats","ok":false,"error":"no such file; mount it","seconds":0.000041}],"#,
        r#""families":[]}]}"#,
    );
    assert_eq!(line, expected);
}

#[test]
fn the_console_shows_facts_first_and_then_families() {
    let frame = disk();
    let facts =
        [("model".to_owned(), "Fast\x1b[2J disk".to_owned()), ("é".to_owned(), "1 of 3 GB used".to_owned())];
    let shown = table::render(&[section(Some(&frame), None, &facts)], Style { color: false, width: 60 });
    let expected = "\
disk 0.1.0 · Disks · linked · 5 samples in 41 µs
  model  Fast\u{fffd}[2J disk
  é      1 of 3 GB used
  io_seconds_total     2 series, 12.3 s to inf
  used_bytes           11.0 GB
  load1                NaN
  fault_seconds_total  -inf
";
    assert_eq!(shown, expected);
}

#[test]
fn the_console_shows_errors_cuts_lines_and_ends_colours() {
    let error = Error::new("reading /proc/stat: permission denied").hint("run it as root");
    let shown = table::render(&[section(None, Some(&error), &[])], Style { color: true, width: 30 });
    let expected = "\
\x1b[1mdisk 0.1.0\x1b[0m · Disks · \x1b[2mlinked ·\x1b[0m…
\x1b[31m  error: \x1b[0m\x1b[31mdiskstats: reading /\x1b[0m…
\x1b[31m  hint:  \x1b[0m\x1b[31mrun it as root\x1b[0m
";
    assert_eq!(shown, expected);
}

#[test]
fn the_console_stays_short_whatever_there_is() {
    const MANY: &[Family] = &{
        let mut families = [LOAD; 10];
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let mut at = 0;
        while at < names.len() {
            families[at] = Family::gauge(names[at], "Some.");
            at += 1;
        }
        families
    };
    let frame = frame(MANY, |out| MANY.iter().for_each(|family| out.push(family, [], 1.0)));
    for count in [0, 1, 2, 3, 8, 9, 10, 1000] {
        let facts: Vec<_> = (0..count).map(|at| (format!("fact {at}"), "x".to_owned())).collect();
        let shown = table::render(&[section(Some(&frame), None, &facts)], Style { color: false, width: 80 });
        assert!(shown.lines().count() <= 13, "{shown}");
        assert_eq!(shown.contains("more facts in /plugins/disk"), count > 9, "{shown}");
        assert_eq!(shown.contains("more families in /metrics"), count > 2, "{shown}");
        assert!(shown.contains("\n  a  1\n  b  1\n"), "{shown}");
    }
}

/// The size and the mixture of a small machine: ticks, bytes, counts, and some durations.
fn machine(at: u32) -> Snapshot {
    const TICKS: Family =
        Family::counter("node_cpu_seconds_total", "Seconds per mode.").labels(&["cpu", "mode"]);
    const MEMORY: Family = Family::gauge("node_memory_info_bytes", "Memory.").labels(&["field"]);
    const NET: Family = Family::counter("node_network_receive_bytes_total", "Bytes.").labels(&["device"]);
    const TOOK: Family = Family::gauge("node_scrape_duration_seconds", "Duration.").labels(&["collector"]);
    const ALL: &[Family] = &[TICKS, MEMORY, NET, TOOK];
    let frame = frame(ALL, |out| {
        for n in 0..100 {
            let (label, n) = (format!("device{n}"), f64::from(n * 1000 + at));
            out.push(&TICKS, ["3", &label], (n * 7919.0).round() / 100.0);
            out.push(&MEMORY, [&label], n * 40_960.0);
            out.push(&NET, [&label], n * 1_234_567.0);
            if (n as u32 / 1000).is_multiple_of(10) {
                out.push(&TOOK, [&label], n / 1_234_567.0);
            } else {
                out.push(&MEMORY, [&format!("{label}_too")], n);
            }
        }
    });
    Snapshot::new(vec![reading("machine", Ok(frame))])
}

#[test]
fn promtool_accepts_the_exposition() {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = spawned else {
        let skipped = "promtool check of the exposition (promtool is not installed)";
        println!("skipped: {skipped}");
        if let Some(path) = std::env::var_os("RELINK_SKIP_LOG") {
            let mut log = std::fs::File::options().create(true).append(true).open(path).unwrap();
            writeln!(log, "{skipped}").unwrap();
        }
        return;
    };
    // It also lints names, and wants `_total` for counters alone, so the family of unknown kind stays out.
    let frame = frame(&[IO, USED, LOAD], |out| {
        out.push(&IO, ["sda", "/a \"b\"\\c\nd"], 12.34);
        out.push(&IO, ["é—漢", ""], f64::INFINITY);
        out.push(&USED, ["/"], 1e300);
        out.push(&LOAD, [], f64::NAN);
    });
    let mut readings = machine(5).readings;
    readings.push(reading("other", Ok(frame)));
    let text = body(&Snapshot::new(readings), Format::Prometheus, None);
    promtool.stdin.take().unwrap().write_all(&text).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `cargo test -p relink-host --release measure_rendering -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn measure_rendering() {
    const ROUNDS: u32 = 5000;
    let first = machine(1);
    let frame = first.readings[0].result.as_ref().unwrap().clone();
    let again = || Snapshot::new(vec![reading("machine", Ok(frame.clone()))]);
    let text = body(&first, Format::Prometheus, None);
    let per_round = |what: &str, run: &mut dyn FnMut()| {
        run();
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| run());
        println!("{what}: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
    };
    println!("{} samples, {} bytes", frame.values.len(), text.len());
    per_round("lines known", &mut || drop(body(&again(), Format::Prometheus, None)));
    per_round("body known", &mut || drop(body(&first, Format::Prometheus, None)));
    for level in [1, 2, 3, 4, 6, 9] {
        let packed = || {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
            encoder.write_all(&text).unwrap();
            encoder.finish().unwrap()
        };
        per_round(&format!("gzip level {level} to {} bytes", packed().len()), &mut || drop(packed()));
    }
}
