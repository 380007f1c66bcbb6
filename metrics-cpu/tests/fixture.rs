//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_cpu as _;
use relink_testing::{Tree, collect, collector, make, render, warnings};

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

const CPUINFO: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: A \"fast\" CPU\ncpu MHz\t\t: 2400.5\n\
    flags\t\t: fpu aes avx avx2\nbugs\t\t: spectre_v1 spectre_v2 mds\n\nprocessor\t: 2\nflags\t\t: abm\n";

relink_testing::conforms! {
    "cpu", machine().file("proc/cpuinfo", CPUINFO),
    "cpu" => {
        options: r#"{"info_flags_include": "^a", "info_bugs_include": "."}"#,
        reads: 7,
        allocations: 0,
    },
    "cpufreq" => { reads: 5, allocations: 0 },
}

/// The lines of one family.
fn of(text: &str, family: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(&format!("{family}{{")))
        .map(|line| line[family.len()..].to_owned())
        .collect()
}

fn fails(tree: &Tree) -> String {
    render(tree, "cpu", "{}").unwrap_err().to_string()
}

/// The one thing that a collector warns of.
fn warning(tree: &Tree, name: &str, options: &str) -> String {
    let warnings = warnings(tree, name, options).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    warnings[0].clone()
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
node_cpu_core_throttles_total{package="0",core="0"} 5
node_cpu_core_throttles_total{package="0",core="1"} 6
node_cpu_package_throttles_total{package="0"} 9
node_cpu_isolated{cpu="2"} 1
node_cpu_online{cpu="0"} 1
node_cpu_online{cpu="1"} 0
node_cpu_online{cpu="2"} 1
"#
    );
    let text = render(&machine(), "cpufreq", "{}").unwrap();
    assert_eq!(
        text,
        r#"node_cpu_scaling_frequency_hertz{cpu="2"} 1700000000
node_cpu_scaling_frequency_min_hertz{cpu="2"} 800000000
node_cpu_scaling_frequency_max_hertz{cpu="2"} 3500000000
node_cpu_scaling_governor{cpu="2",governor="performance"} 0
node_cpu_scaling_governor{cpu="2",governor="powersave"} 1
"#
    );
    for name in ["cpu", "cpufreq"] {
        assert_eq!(warnings(&machine(), name, "{}").unwrap(), [""; 0]);
    }
}

#[test]
fn a_machine_with_nothing_shows_nothing() {
    for name in ["cpu", "cpufreq"] {
        assert_eq!(render(&Tree::new(), name, "{}").unwrap(), "");
        assert_eq!(warnings(&Tree::new(), name, r"{}").unwrap(), [""; 0]);
    }
}

#[test]
fn a_machine_with_no_more_than_stat_has_cpu_time() {
    let text = render(&Tree::new().file("proc/stat", STAT), "cpu", "{}").unwrap();
    assert_eq!(text.lines().count(), 20);
    assert!(text.lines().all(|line| line.contains("_seconds_total{")), "{text}");
    // And the rest is there without it.
    let tree = machine();
    std::fs::remove_file(tree.path().join("proc/stat")).unwrap();
    let text = render(&tree, "cpu", "{}").unwrap();
    assert!(of(&text, "node_cpu_seconds_total").is_empty());
    assert_eq!(of(&text, "node_cpu_online").len(), 3);
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
}

#[test]
fn a_frequency_that_changes_is_shown_at_once_and_one_that_is_gone_is_left_out() {
    let tree = machine();
    let frequency = "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq";
    let mut collector = make(&tree, "cpufreq", "{}").unwrap();
    let mut next = || of(&collect(&mut *collector, "cpufreq").unwrap(), "node_cpu_scaling_frequency_hertz");
    assert_eq!(next(), [r#"{cpu="2"} 1700000000"#]);
    tree.write(frequency, "900000");
    assert_eq!(next(), [r#"{cpu="2"} 900000000"#]);
    std::fs::remove_file(tree.path().join(frequency)).unwrap();
    assert!(next().is_empty());
}

#[test]
fn cpus_that_share_a_frequency_are_read_as_one() {
    let cpu = "sys/devices/system/cpu";
    let tree = Tree::new()
        .file(&format!("{cpu}/cpufreq/policy0/scaling_cur_freq"), "1000\n")
        .file(&format!("{cpu}/cpufreq/policy0/scaling_governor"), "schedutil\n")
        .file(&format!("{cpu}/cpu0/online"), "1\n")
        .file(&format!("{cpu}/cpu2/online"), "1\n");
    for number in [0, 2] {
        let link = tree.path().join(format!("{cpu}/cpu{number}/cpufreq"));
        std::os::unix::fs::symlink("../cpufreq/policy0", link).unwrap();
    }
    let text = render(&tree, "cpufreq", "{}").unwrap();
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
    let stat = |text: &[u8]| Tree::new().file("proc/stat", text);
    let empty = fails(&stat(b""));
    assert!(empty.contains("/proc/stat: no line of cpu0"), "{empty}");
    let none = fails(&stat(b"cpu 1 2 3 4\nintr 1\nctxt 2\n"));
    assert!(none.contains("/proc/stat: no line of cpu0"), "{none}");
    let garbage = fails(&stat(b"\x00\x07garbage\n"));
    assert!(garbage.contains("/proc/stat: line 1: expected cpu and its number, found"), "{garbage}");
    let binary = fails(&stat(&[0xff, 0xfe, 0x00]));
    assert!(binary.contains("/proc/stat: line 1: expected cpu and its number, found"), "{binary}");

    let tree = machine();
    let mut collector = make(&tree, "cpu", "{}").unwrap();
    let good = collect(&mut *collector, "cpu").unwrap();
    tree.write("proc/stat", "junk\n");
    assert!(collect(&mut *collector, "cpu").is_err());
    tree.write("proc/stat", STAT);
    assert_eq!(collect(&mut *collector, "cpu").unwrap(), good);
}

#[test]
fn an_odd_line_of_stat_is_passed_over_and_the_other_cpus_are_shown() {
    for (line, what) in [
        ("cpu1 1 2 99999999999999999999 4", "expected a number of clock ticks, found"),
        ("cpu1 junk", "expected a number of clock ticks, found \"junk\""),
        ("cpu1 1 2", "2 counters for cpu1, expected user, nice, system and idle"),
        ("cpu0 1 2 3 4", "cpu0 stands there twice, expected each CPU once"),
    ] {
        let text = format!("cpu 1 2 3 4\ncpu0 1 2 3 4\n{line}\ncpu2 1 2 3 4\nintr 1\n");
        let tree = Tree::new().file("proc/stat", text);
        let text = render(&tree, "cpu", "{}").unwrap();
        let cpus: Vec<_> =
            of(&text, "node_cpu_seconds_total").iter().map(|line| line[..8].to_owned()).collect();
        assert_eq!(cpus, [[r#"{cpu="0""#; 8], [r#"{cpu="2""#; 8]].concat());
        let warning = warning(&tree, "cpu", "{}");
        assert!(warning.contains(&format!("/proc/stat: line 3: {what}")), "{warning}");
    }
}

#[test]
fn what_makes_no_sense_in_sysfs_is_passed_over_and_told() {
    let spoilt = |name: &str, file: &str, text: &str, expected: &str, family: &str| {
        let tree = machine();
        let before = render(&tree, name, "{}").unwrap();
        tree.write(&format!("sys/devices/system/cpu/{file}"), text);
        let after = render(&tree, name, "{}").unwrap();
        let gone: Vec<&str> = before.lines().filter(|line| !after.contains(line)).collect();
        assert!(gone.len() == 1 && gone[0].starts_with(family), "{file}: {gone:?}");
        assert_eq!(after.lines().count() + 1, before.lines().count());
        let warning = warning(&tree, name, "{}");
        assert!(warning.ends_with(&format!("{file}: {expected}")), "{warning}");
    };
    let frequency = "expected a frequency in kHz, found \"fast\"";
    spoilt("cpufreq", "cpu2/cpufreq/scaling_min_freq", "fast\n", frequency, "node_cpu_scaling_frequency_min");
    let times = "expected a number of times, found \"\"";
    spoilt("cpu", "cpu0/thermal_throttle/core_throttle_count", "\n", times, "node_cpu_core_throttles");
    let online = "expected 0 or 1, found \"yes\"";
    spoilt("cpu", "cpu2/online", "yes\n", online, "node_cpu_online");
    let list = "expected a list of CPUs such as 0-3,8, found";
    spoilt("cpu", "isolated", "all\n", &format!("{list} \"all\""), "node_cpu_isolated");
    // Some kernels write this for none.
    spoilt("cpu", "isolated", "(null)\n", &format!("{list} \"(null)\""), "node_cpu_isolated");
}

#[test]
fn absurd_values_are_shown_as_they_are() {
    let tree = Tree::new().file("proc/stat", "cpu 1\ncpu4095 18446744073709551615 0 0 0\n");
    let text = render(&tree, "cpu", "{}").unwrap();
    assert_eq!(of(&text, "node_cpu_seconds_total")[0], r#"{cpu="4095",mode="user"} 184467440737095520"#);
}

#[test]
fn info_is_off_unless_asked_for() {
    let tree = machine().file("proc/cpuinfo", CPUINFO);
    assert!(of(&render(&tree, "cpu", "{}").unwrap(), "node_cpu_info").is_empty());
    assert_eq!(
        of(&render(&tree, "cpu", r#"{"info": true}"#).unwrap(), "node_cpu_info")[0],
        r#"{package="",core="",cpu="0",vendor="AuthenticAMD",family="",model="",model_name="A \"fast\" CPU",microcode="",stepping="",cachesize=""} 1"#
    );
    let hertz = |options: &str| of(&render(&tree, "cpu", options).unwrap(), "node_cpu_frequency_hertz");
    assert_eq!(hertz(r#"{"info": true}"#), [r#"{package="",core="",cpu="0"} 2400500000"#]);
    assert!(hertz("{}").is_empty());
    // Without the file, or with a bad one, the rest is as it is.
    let rest = render(&machine(), "cpu", "{}").unwrap();
    assert_eq!(render(&machine(), "cpu", r#"{"info": true}"#).unwrap(), rest);
    assert_eq!(warnings(&machine(), "cpu", r#"{"info": true}"#).unwrap(), [""; 0]);
    tree.write("proc/cpuinfo", "junk");
    assert_eq!(render(&tree, "cpu", r#"{"info": true}"#).unwrap(), rest);
    let garbage = warning(&tree, "cpu", r#"{"info": true}"#);
    assert!(garbage.contains("/proc/cpuinfo: no line such as"), "{garbage}");
}

#[test]
fn flags_and_bugs_that_match_are_shown() {
    let tree = machine().file("proc/cpuinfo", CPUINFO);
    let text = render(&tree, "cpu", r#"{"info_flags_include": "^(aes|avx.?)$"}"#).unwrap();
    assert_eq!(
        of(&text, "node_cpu_flag_info"),
        [r#"{flag="aes"} 1"#, r#"{flag="avx"} 1"#, r#"{flag="avx2"} 1"#]
    );
    assert_eq!((of(&text, "node_cpu_info").len(), of(&text, "node_cpu_bug_info").len()), (2, 0));
    let text = render(&tree, "cpu", r#"{"info": true, "info_bugs_include": "spectre"}"#).unwrap();
    assert_eq!(of(&text, "node_cpu_bug_info"), [r#"{bug="spectre_v1"} 1"#, r#"{bug="spectre_v2"} 1"#]);
    assert!(of(&text, "node_cpu_flag_info").is_empty());
    let refused = make(&tree, "cpu", r#"{"info_bugs_include": "("}"#).err().unwrap();
    let expected = "[collectors.cpu]: info_bugs_include is \"(\", expected a regular expression";
    assert!(refused.to_string().starts_with(expected), "{refused}");
}

#[test]
fn guest_time_can_be_left_out() {
    let without = render(&machine(), "cpu", r#"{"guest": false}"#).unwrap();
    let all = render(&machine(), "cpu", "{}").unwrap();
    let rest: String = all
        .lines()
        .filter(|line| !line.starts_with("node_cpu_guest_"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(without, rest);
}

#[test]
fn an_unknown_option_is_refused() {
    let error = make(&machine(), "cpu", r#"{"inof": true}"#).err().unwrap();
    assert_eq!(
        error.message(),
        "[collectors.cpu]: unknown option inof, expected guest, info, info_flags_include, info_bugs_include"
    );
}

#[test]
fn this_machine_has_cpu_time() {
    let paths = relink_core::Paths::default();
    let options = relink_core::registry::Options::new("cpu", paths, Default::default());
    let mut collector = (collector("cpu").new)(&options).unwrap();
    let first = of(&collect(&mut *collector, "cpu").unwrap(), "node_cpu_seconds_total");
    let second = of(&collect(&mut *collector, "cpu").unwrap(), "node_cpu_seconds_total");
    assert!(!first.is_empty() && first.len().is_multiple_of(8), "{first:?}");
    assert_eq!(first.len(), second.len());
}
