//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_cpu as _;
use relink_testing::{Tree, assert_switch, collect, make, plugin, render};

const STAT: &str = "\
cpu  30 0 60 900 0 0 0 0 0 0
cpu0 100 10 200 300000 50 6 47 3 20 1
cpu2 1 0 2 3 0 0 0 0 0 0
intr 213356 0 0
ctxt 388277
";

/// Two cores of one package, of which CPU 1 is the second thread of the first core and is switched off.
fn machine() -> Tree {
    let cpu = "sys/devices/system/cpu";
    let mut tree = Tree::new().file("proc/stat", STAT).file(&format!("{cpu}/online"), "0,2\n");
    for (number, core) in [(0, 0), (1, 0), (2, 1)] {
        let cpu = format!("{cpu}/cpu{number}");
        tree = tree
            .file(&format!("{cpu}/topology/physical_package_id"), "0\n")
            .file(&format!("{cpu}/topology/core_id"), format!("{core}\n"))
            .file(&format!("{cpu}/thermal_throttle/core_throttle_count"), format!("{}\n", core + 5))
            .file(&format!("{cpu}/thermal_throttle/package_throttle_count"), "9\n");
    }
    let policy = format!("{cpu}/cpu2/cpufreq");
    tree.file(&format!("{cpu}/cpu1/online"), "0\n")
        .file(&format!("{cpu}/cpu2/online"), "1\n")
        .file(&format!("{cpu}/isolated"), "2\n")
        .file(&format!("{cpu}/cpufreq/boost"), "1\n")
        .file(&format!("{policy}/scaling_cur_freq"), "1700000\n")
        .file(&format!("{policy}/scaling_min_freq"), "800000\n")
        .file(&format!("{policy}/scaling_max_freq"), "3500000\n")
        .file(&format!("{policy}/scaling_governor"), "powersave\n")
        .file(&format!("{policy}/scaling_available_governors"), "performance powersave\n")
}

relink_testing::conforms!("cpu", machine(), reads: 10, allocations: 0);

/// The lines of one family.
fn of(text: &str, family: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(&format!("{family}{{")))
        .map(|line| line[family.len()..].to_owned())
        .collect()
}

fn fails(tree: &Tree, options: &str) -> String {
    render(tree, "cpu", options).unwrap_err().to_string()
}

#[test]
fn a_whole_machine() {
    let text = render(&machine(), "cpu", "{}").unwrap();
    assert_eq!(
        text,
        r#"node_cpu_seconds_total{cpu="0",mode="user"} 1
node_cpu_seconds_total{cpu="0",mode="nice"} 0.1
node_cpu_seconds_total{cpu="0",mode="system"} 2
node_cpu_seconds_total{cpu="0",mode="idle"} 3000
node_cpu_seconds_total{cpu="0",mode="iowait"} 0.5
node_cpu_seconds_total{cpu="0",mode="irq"} 0.06
node_cpu_seconds_total{cpu="0",mode="softirq"} 0.47
node_cpu_seconds_total{cpu="0",mode="steal"} 0.03
node_cpu_seconds_total{cpu="2",mode="user"} 0.01
node_cpu_seconds_total{cpu="2",mode="nice"} 0
node_cpu_seconds_total{cpu="2",mode="system"} 0.02
node_cpu_seconds_total{cpu="2",mode="idle"} 0.03
node_cpu_seconds_total{cpu="2",mode="iowait"} 0
node_cpu_seconds_total{cpu="2",mode="irq"} 0
node_cpu_seconds_total{cpu="2",mode="softirq"} 0
node_cpu_seconds_total{cpu="2",mode="steal"} 0
node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.2
node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.01
node_cpu_guest_seconds_total{cpu="2",mode="user"} 0
node_cpu_guest_seconds_total{cpu="2",mode="nice"} 0
node_cpu_scaling_frequency_hertz{cpu="2"} 1700000000
node_cpu_scaling_frequency_min_hertz{cpu="2"} 800000000
node_cpu_scaling_frequency_max_hertz{cpu="2"} 3500000000
node_cpu_scaling_governor{cpu="2",governor="performance"} 0
node_cpu_scaling_governor{cpu="2",governor="powersave"} 1
node_cpu_core_throttles_total{package="0",core="0"} 5
node_cpu_core_throttles_total{package="0",core="1"} 6
node_cpu_package_throttles_total{package="0"} 9
node_cpu_isolated{cpu="2"} 1
node_cpu_online{cpu="0"} 1
node_cpu_online{cpu="1"} 0
node_cpu_online{cpu="2"} 1
"#
    );
}

#[test]
fn a_machine_with_no_more_than_stat_has_cpu_time() {
    let text = render(&Tree::new().file("proc/stat", STAT), "cpu", "{}").unwrap();
    assert_eq!(text.lines().count(), 20);
    assert!(text.lines().all(|line| line.contains("_seconds_total{")), "{text}");
}

#[test]
fn cpus_are_plugged_in_and_out_while_the_agent_runs() {
    let tree = machine();
    let mut collector = make(&tree, "cpu", "{}").unwrap();
    let cpu0 = |text: &str| of(text, "node_cpu_seconds_total")[3].clone();
    let mut next = |stat: &str| {
        tree.write("proc/stat", stat);
        collect(&mut *collector, "cpu").unwrap()
    };
    let first = next(STAT);
    assert_eq!(cpu0(&first), r#"{cpu="0",mode="idle"} 3000"#);

    // CPU 2 goes; idle of CPU 0 falls a little, which is noise.
    tree.write("sys/devices/system/cpu/cpu2/online", "0\n");
    tree.write("sys/devices/system/cpu/online", "0\n");
    let text = next("cpu 1\ncpu0 100 10 200 299999 50 6 47 3 20 1\n");
    assert_eq!(of(&text, "node_cpu_seconds_total").len(), 8);
    assert_eq!(cpu0(&text), r#"{cpu="0",mode="idle"} 3000"#);
    assert_eq!(of(&text, "node_cpu_online"), [r#"{cpu="0"} 1"#, r#"{cpu="1"} 0"#, r#"{cpu="2"} 0"#]);

    // CPU 2 comes back with counters from zero, and CPU 0 started afresh as well.
    tree.write("sys/devices/system/cpu/cpu2/online", "1\n");
    tree.write("sys/devices/system/cpu/online", "0,2\n");
    let text = next("cpu 1\ncpu0 1 1 1 1\ncpu2 0 0 0 0\n");
    assert_eq!(cpu0(&text), r#"{cpu="0",mode="idle"} 0.01"#);
    assert_eq!(of(&text, "node_cpu_seconds_total")[11], r#"{cpu="2",mode="idle"} 0"#);
    assert_eq!(of(&text, "node_cpu_online")[2], r#"{cpu="2"} 1"#);

    // A frequency that changes is shown at once, a cpufreq that fails later is left out.
    tree.write("sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "900000");
    let text = next("cpu 1\ncpu0 1 1 1 1\ncpu2 0 0 0 0\n");
    assert_eq!(of(&text, "node_cpu_scaling_frequency_hertz"), [r#"{cpu="2"} 900000000"#]);
    std::fs::remove_file(tree.path().join("sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq")).unwrap();
    let text = next("cpu 1\ncpu0 1 1 1 1\ncpu2 0 0 0 0\n");
    assert!(of(&text, "node_cpu_scaling_frequency_hertz").is_empty());
}

#[test]
fn cpus_that_share_a_frequency_are_read_as_one() {
    let cpu = "sys/devices/system/cpu";
    let tree = Tree::new()
        .file("proc/stat", STAT)
        .file(&format!("{cpu}/cpufreq/policy0/scaling_cur_freq"), "1000\n")
        .file(&format!("{cpu}/cpufreq/policy0/scaling_governor"), "schedutil\n")
        .file(&format!("{cpu}/cpu0/online"), "1\n")
        .file(&format!("{cpu}/cpu2/online"), "1\n");
    for number in [0, 2] {
        let link = tree.path().join(format!("{cpu}/cpu{number}/cpufreq"));
        std::os::unix::fs::symlink("../cpufreq/policy0", link).unwrap();
    }
    let text = render(&tree, "cpu", "{}").unwrap();
    assert_eq!(
        of(&text, "node_cpu_scaling_frequency_hertz"),
        [r#"{cpu="0"} 1000000"#, r#"{cpu="2"} 1000000"#]
    );
    assert_eq!(
        of(&text, "node_cpu_scaling_governor"),
        [r#"{cpu="0",governor="schedutil"} 1"#, r#"{cpu="2",governor="schedutil"} 1"#]
    );
}

#[test]
fn a_bad_stat_is_an_error_and_a_good_one_after_it_works() {
    let stat = |text: &str| Tree::new().file("proc/stat", text);
    let missing = fails(&Tree::new(), "{}");
    assert!(missing.starts_with("reading ") && missing.contains("/proc/stat: No such file"), "{missing}");
    let empty = fails(&stat(""), "{}");
    assert!(empty.contains("/proc/stat: no line begins with cpu0"), "{empty}");
    let garbage = fails(&stat("\u{0}\u{7}garbage\n"), "{}");
    assert!(garbage.contains("/proc/stat: line 1: expected cpu and its number, found"), "{garbage}");
    let number = fails(&stat("cpu 1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 99999999999999999999 4\n"), "{}");
    assert!(number.contains("line 3: expected a number of clock ticks"), "{number}");
    let binary = fails(&Tree::new().file("proc/stat", [0xff, 0xfe, 0x00]), "{}");
    assert!(binary.contains("/proc/stat: invalid utf-8"), "{binary}");

    let tree = machine();
    let mut collector = make(&tree, "cpu", "{}").unwrap();
    let good = collect(&mut *collector, "cpu").unwrap();
    tree.write("proc/stat", "cpu 1\ncpu0 1 2 3 4\ncpu1 junk\n");
    assert!(collect(&mut *collector, "cpu").is_err());
    tree.write("proc/stat", STAT);
    assert_eq!(collect(&mut *collector, "cpu").unwrap(), good);
}

#[test]
fn bad_files_of_sysfs_are_errors_that_name_them() {
    let spoilt = |file: &str, text: &str| {
        let tree = machine();
        tree.write(&format!("sys/devices/system/cpu/{file}"), text);
        fails(&tree, "{}")
    };
    let frequency = spoilt("cpu2/cpufreq/scaling_min_freq", "fast\n");
    assert!(
        frequency.contains("scaling_min_freq: expected a frequency in kHz, found \"fast\""),
        "{frequency}"
    );
    let throttle = spoilt("cpu0/thermal_throttle/core_throttle_count", "\n");
    assert!(throttle.contains("core_throttle_count: expected a number of times, found \"\""), "{throttle}");
    let isolated = spoilt("isolated", "all\n");
    assert!(
        isolated.contains("isolated: expected a list of CPUs such as 0-3,8, found \"all\""),
        "{isolated}"
    );
}

#[test]
fn absurd_values_are_shown_as_they_are() {
    let tree = Tree::new().file("proc/stat", "cpu 1\ncpu4095 18446744073709551615 0 0 0\n");
    let text = render(&tree, "cpu", "{}").unwrap();
    assert_eq!(of(&text, "node_cpu_seconds_total")[0], r#"{cpu="4095",mode="user"} 184467440737095520"#);
}

#[test]
fn info_is_off_unless_asked_for() {
    let cpuinfo =
        "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: A \"fast\" CPU\n\nprocessor\t: 2\n";
    let tree = machine().file("proc/cpuinfo", cpuinfo);
    assert!(of(&render(&tree, "cpu", "{}").unwrap(), "node_cpu_info").is_empty());
    assert_eq!(
        of(&render(&tree, "cpu", r#"{"info": true}"#).unwrap(), "node_cpu_info")[0],
        r#"{package="",core="",cpu="0",vendor="AuthenticAMD",family="",model="",model_name="A \"fast\" CPU",microcode="",stepping="",cachesize=""} 1"#
    );
    let missing = fails(&machine(), r#"{"info": true}"#);
    assert!(missing.contains("/proc/cpuinfo: No such file"), "{missing}");
    let garbage = fails(&machine().file("proc/cpuinfo", "junk"), r#"{"info": true}"#);
    assert!(garbage.contains("/proc/cpuinfo: no line such as"), "{garbage}");
}

#[test]
fn an_unknown_option_is_refused() {
    let error = make(&machine(), "cpu", r#"{"inof": true}"#).err().unwrap();
    assert_eq!(
        error.message(),
        "[plugins.cpu]: unknown field `inof`, expected one of `cpu`, `cpufreq`, `guest`, `info`"
    );
}

#[test]
fn this_machine_has_cpu_time() {
    let paths = relink_core::Paths::default();
    let options = relink_core::Options::new("cpu", paths, Default::default());
    let mut collector = (plugin("cpu").new)(&options).unwrap();
    let first = of(&collect(&mut *collector, "cpu").unwrap(), "node_cpu_seconds_total");
    let second = of(&collect(&mut *collector, "cpu").unwrap(), "node_cpu_seconds_total");
    assert!(!first.is_empty() && first.len().is_multiple_of(8), "{first:?}");
    assert_eq!(first.len(), second.len());
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[
        (
            "cpu",
            &[
                "node_cpu_seconds",
                "node_cpu_guest",
                "node_cpu_core",
                "node_cpu_package",
                "node_cpu_isolated",
                "node_cpu_online",
            ],
        ),
        ("cpufreq", &["node_cpu_scaling_"]),
        ("guest", &["node_cpu_guest_"]),
    ];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "cpu", part, prefixes);
    }
}
