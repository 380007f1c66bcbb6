//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_disk as _;
use relink_testing::{Tree, assert_switch, collect, make, render};

const SDA: &str = "   8       0 sda 10 20 30 35 50 60 70 80 9 100 110\n";
const ROOT: &str = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n";

fn machine() -> Tree {
    Tree::new().file("proc/1/mountinfo", ROOT).file("proc/diskstats", SDA)
}

relink_testing::conforms!("disk", machine(), reads: 4, allocations: 2);

/// The lines of one family.
fn of(text: &str, family: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(&format!("{family}{{")))
        .map(|line| line[family.len()..].to_owned())
        .collect()
}

fn fails(tree: &Tree, options: &str) -> String {
    render(tree, "disk", options).unwrap_err().to_string()
}

/// A folder of the machine, as something to mount on.
fn folder(tree: &Tree, path: &str) {
    std::fs::create_dir_all(tree.path().join("root").join(path)).unwrap();
}

#[test]
fn a_file_system_that_answers_has_all_families() {
    let text = render(&machine(), "disk", "{}").unwrap();
    let labels = r#"{device="/dev/vda",mountpoint="/",fstype="ext4",device_error=""} "#;
    for name in ["size_bytes", "free_bytes", "avail_bytes", "files", "files_free"] {
        let lines = of(&text, &format!("node_filesystem_{name}"));
        assert!(lines.len() == 1 && lines[0].starts_with(labels), "{name}: {lines:?}");
    }
    let size = &of(&text, "node_filesystem_size_bytes")[0][labels.len()..];
    assert!(size.parse::<f64>().unwrap() > 0.0, "the folder of the test is on a real file system");
    assert_eq!(of(&text, "node_filesystem_device_error"), [format!("{labels}0")]);
    assert_eq!(
        of(&text, "node_filesystem_mount_info"),
        [r#"{device="/dev/vda",major="254",minor="0",mountpoint="/"} 1"#]
    );
}

#[test]
fn one_that_fails_has_only_the_error() {
    let missing = "30 27 0:9 / /gone ro - xfs /dev/sdb1 rw\n";
    let tree = machine();
    tree.write("proc/1/mountinfo", format!("{ROOT}{missing}"));
    let text = render(&tree, "disk", "{}").unwrap();
    let labels =
        r#"{device="/dev/sdb1",mountpoint="/gone",fstype="xfs",device_error="no such file or directory"}"#;
    let mut lines = text.lines().filter(|line| line.contains("/gone"));
    assert_eq!(lines.next().unwrap(), format!("node_filesystem_readonly{labels} 1"));
    assert_eq!(lines.next().unwrap(), format!("node_filesystem_device_error{labels} 1"));
    assert!(lines.next().unwrap().starts_with("node_filesystem_mount_info{"));
    assert_eq!(lines.next(), None);
    assert_eq!(of(&text, "node_filesystem_size_bytes").len(), 1, "the good one is there");
}

#[test]
fn mount_points_are_unescaped_and_made_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let tree = machine();
    let mut mounts = ROOT.as_bytes().to_vec();
    mounts.extend_from_slice(b"31 27 0:1 / /my\\040disk\\011\\134x rw - ext4 /dev/a rw\n");
    mounts.extend_from_slice(b"32 27 0:2 / /caf\xe9 rw - ext4 /dev/b rw\n");
    mounts.extend_from_slice(b"33 27 0:3 / /caf\xe8 rw - ext4 /dev/b rw\n");
    tree.write("proc/1/mountinfo", mounts);
    folder(&tree, "my disk\t\\x");
    for name in [b"root/caf\xe9", b"root/caf\xe8"] {
        std::fs::create_dir(tree.path().join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    let text = render(&tree, "disk", "{}").unwrap();
    let errors = of(&text, "node_filesystem_device_error");
    assert_eq!(
        errors,
        [
            r#"{device="/dev/vda",mountpoint="/",fstype="ext4",device_error=""} 0"#,
            r#"{device="/dev/a",mountpoint="/my disk\t\\x",fstype="ext4",device_error=""} 0"#,
            "{device=\"/dev/b\",mountpoint=\"/caf\u{fffd}\",fstype=\"ext4\",device_error=\"\"} 0",
        ],
        "all folders were found, and two that look alike are one"
    );
}

#[test]
fn duplicates_are_shown_once_as_the_one_on_top() {
    let tree = machine();
    folder(&tree, "a");
    let mount = |id: u32, minor: u32, fstype: &str, mode: &str| {
        format!("{id} 27 0:{minor} / /a {mode} - {fstype} none rw\n")
    };
    let twice = mount(30, 5, "tmpfs", "rw") + &mount(31, 6, "ramfs", "rw") + &mount(32, 6, "tmpfs", "ro");
    tree.write("proc/1/mountinfo", twice);
    let text = render(&tree, "disk", "{}").unwrap();
    assert_eq!(
        of(&text, "node_filesystem_readonly"),
        [
            r#"{device="none",mountpoint="/a",fstype="tmpfs",device_error=""} 1"#,
            r#"{device="none",mountpoint="/a",fstype="ramfs",device_error=""} 0"#
        ]
    );
    assert_eq!(
        of(&text, "node_filesystem_mount_info"),
        [r#"{device="none",major="0",minor="6",mountpoint="/a"} 1"#],
        "whose labels have no type"
    );
    tree.write("proc/diskstats", format!("{SDA}{SDA}"));
    assert_eq!(of(&render(&tree, "disk", "{}").unwrap(), "node_disk_io_now"), [r#"{device="sda"} 9"#]);
}

#[test]
fn the_prefix_of_the_rootfs_is_stripped() {
    let tree = Tree::new().file("proc/diskstats", SDA);
    let root = tree.path().join("root").display().to_string();
    folder(&tree, "home");
    let mounts = format!(
        "1 0 0:1 / {root} rw - ext4 a rw\n2 1 0:2 / {root}/home rw - ext4 b rw\n3 1 0:3 / {root}x rw - ext4 c rw\n"
    );
    tree.write("proc/1/mountinfo", mounts);
    let text = render(&tree, "disk", "{}").unwrap();
    let points: Vec<String> = of(&text, "node_filesystem_mount_info")
        .iter()
        .map(|line| line.split("mountpoint=").nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(points, [r#""/"} 1"#, r#""/home"} 1"#, &format!("{:?}}} 1", format!("{root}x"))]);
}

#[test]
fn mounts_and_disks_come_and_go_while_the_agent_runs() {
    let tree = machine();
    folder(&tree, "data");
    let mut collector = make(&tree, "disk", "{}").unwrap();
    let first = collect(&mut *collector, "disk").unwrap();
    tree.write("proc/1/mountinfo", format!("{ROOT}40 27 8:16 / /data rw - xfs /dev/sdb rw\n"));
    tree.write("proc/diskstats", format!("{SDA}8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n"));
    let second = collect(&mut *collector, "disk").unwrap();
    assert_eq!(of(&second, "node_filesystem_files").len(), 2);
    assert_eq!(of(&second, "node_disk_read_bytes_total")[1], r#"{device="sdb"} 1536"#);
    tree.write("proc/1/mountinfo", ROOT);
    tree.write("proc/diskstats", SDA);
    let third = collect(&mut *collector, "disk").unwrap();
    let series = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(series(&first), series(&third));
}

#[test]
fn without_process_1_the_own_mounts_are_shown() {
    let tree = Tree::new().file("proc/self/mountinfo", ROOT).file("proc/diskstats", SDA);
    assert_eq!(of(&render(&tree, "disk", "{}").unwrap(), "node_filesystem_files").len(), 1);
}

/// The mount points that are shown as read-only.
fn readonly(tree: &Tree) -> Vec<String> {
    let lines = of(&render(tree, "disk", "{}").unwrap(), "node_filesystem_readonly");
    let points = lines.iter().filter(|line| line.ends_with(" 1"));
    points.map(|line| line.split('"').nth(3).unwrap().to_owned()).collect()
}

const WRITABLE: &str = "27 1 254:0 / / ro - ext4 /dev/vda rw\n28 27 0:2 / /a rw - ext4 b rw\n";
const READ_ONLY: &str = "29 27 0:3 / /b rw - ext4 c ro,x\n30 27 0:4 / /c rw - ext4 d rw,emergency_ro\n";

#[test]
fn how_process_1_has_it_mounted_counts() {
    let tree = machine();
    tree.write("proc/1/mountinfo", format!("{WRITABLE}{READ_ONLY}"));
    tree.write("proc/self/mountinfo", READ_ONLY);
    assert_eq!(readonly(&tree), ["/", "/b", "/c"]);
}

#[test]
fn how_the_agent_has_it_mounted_does_not_count() {
    // A unit with ProtectSystem=strict, on a machine where only root may look at process 1.
    let tree =
        Tree::new().file("proc/diskstats", SDA).file("proc/self/mountinfo", WRITABLE.to_owned() + READ_ONLY);
    assert_eq!(readonly(&tree), ["/b", "/c"]);
    // A container with a process 1 of its own, and the machine's root as a volume that is read-only.
    let root = tree.path().join("root").display().to_string();
    tree.write(
        "proc/1/mountinfo",
        format!(
            "1 0 0:1 / / ro - ext4 x rw\n2 1 8:1 / {root} ro - ext4 a rw\n3 2 8:2 / {root}/b ro - xfs c rw\n\
             4 2 8:3 / {root}/d ro - xfs e ro\n5 1 0:5 / {root}x ro - tmpfs f rw\n"
        ),
    );
    assert_eq!(readonly(&tree), ["/".to_owned(), "/d".to_owned(), format!("{root}x")]);
}

#[test]
fn a_disk_has_as_many_families_as_its_kernel_counts() {
    let counts = |columns: u32| (1..=columns).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    for (columns, families) in [(11, 11), (15, 15), (17, 17), (19, 17)] {
        let tree = machine();
        tree.write("proc/diskstats", format!("259 0 nvme0n1 {}\n", counts(columns)));
        let text = render(&tree, "disk", "{}").unwrap();
        let lines =
            text.lines().filter(|line| line.starts_with("node_disk_") && line.contains("_total{")).count();
        assert_eq!(lines + 1, families, "node_disk_io_now is the one that is no counter");
    }
    let text = render(&machine(), "disk", r#"{"mount_points_include": "^/none$"}"#).unwrap();
    assert_eq!(
        text,
        r#"node_disk_reads_completed_total{device="sda"} 10
node_disk_reads_merged_total{device="sda"} 20
node_disk_read_bytes_total{device="sda"} 15360
node_disk_read_time_seconds_total{device="sda"} 0.035
node_disk_writes_completed_total{device="sda"} 50
node_disk_writes_merged_total{device="sda"} 60
node_disk_written_bytes_total{device="sda"} 35840
node_disk_write_time_seconds_total{device="sda"} 0.08
node_disk_io_now{device="sda"} 9
node_disk_io_time_seconds_total{device="sda"} 0.1
node_disk_io_time_weighted_seconds_total{device="sda"} 0.11
node_disk_info{device="sda",major="8",minor="0",path="",wwn="",model="",serial="",revision="",rotational=""} 1
"#
    );
}

#[test]
fn what_udev_and_sysfs_know_is_in_the_info() {
    let udev = "E:ID_MODEL=Disk_9\nE:ID_SERIAL_SHORT=S1\nE:ID_PATH=pci-1\nE:ID_WWN=0x5\nE:ID_REVISION=2.0\n";
    let tree = machine().file("root/run/udev/data/b8:0", udev).file("sys/block/sda/queue/rotational", "1\n");
    let mut collector = make(&tree, "disk", "{}").unwrap();
    let info = r#"{device="sda",major="8",minor="0",path="pci-1",wwn="0x5",model="Disk_9",serial="S1",revision="2.0",rotational="1"} 1"#;
    assert_eq!(of(&collect(&mut *collector, "disk").unwrap(), "node_disk_info"), [info]);
    // It is read once a device.
    std::fs::remove_dir_all(tree.path().join("root/run")).unwrap();
    assert_eq!(of(&collect(&mut *collector, "disk").unwrap(), "node_disk_info"), [info]);
}

#[test]
fn filters_leave_out_and_let_in() {
    let tree = machine();
    tree.write(
        "proc/diskstats",
        format!("{SDA}8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n7 0 loop0 1 2 3 4 5 6 7 8 9 10 11\n"),
    );
    tree.write(
        "proc/1/mountinfo",
        format!("{ROOT}1 27 0:1 / /dev/x rw - tmpfs a rw\n2 27 0:2 / /m rw - overlay b rw\n"),
    );
    let names = |options: &str| {
        let text = render(&tree, "disk", options).unwrap();
        (of(&text, "node_disk_io_now"), of(&text, "node_filesystem_device_error").len())
    };
    assert_eq!(names("{}"), (vec![r#"{device="sda"} 9"#.to_owned()], 1));
    let options = r#"{"devices_include": "^sda1$", "fs_types_exclude": "", "mount_points_exclude": "^/$"}"#;
    assert_eq!(names(options), (vec![r#"{device="sda1"} 9"#.to_owned()], 2));
}

#[test]
fn bad_sources_are_errors_that_name_file_and_line() {
    let spoilt = |file: &str, text: &[u8]| {
        let tree = machine();
        tree.write(file, text);
        fails(&tree, "{}")
    };
    let empty = spoilt("proc/1/mountinfo", b"");
    assert!(
        empty.contains("/proc/1/mountinfo: the file is empty, expected a line for each mount"),
        "{empty}"
    );
    let garbage = spoilt("proc/1/mountinfo", b"\xff\x00garbage\n");
    assert!(garbage.contains("/proc/1/mountinfo: line 1: expected a mount such as"), "{garbage}");
    let empty = spoilt("proc/diskstats", b"");
    assert!(empty.contains("/proc/diskstats: the file is empty, expected a line for each disk"), "{empty}");
    let garbage = spoilt("proc/diskstats", b"garbage\n");
    assert!(garbage.contains("/proc/diskstats: line 1: expected the major number"), "{garbage}");
    let binary = spoilt("proc/diskstats", b"\xff\xfe");
    assert!(binary.contains("/proc/diskstats: invalid utf-8"), "{binary}");

    let missing = fails(&Tree::new().file("proc/diskstats", SDA), "{}");
    assert!(
        missing.contains("/proc/1/mountinfo: No such file")
            && missing.contains("/proc/self/mountinfo: No such"),
        "{missing}"
    );
    let missing = fails(&Tree::new().file("proc/1/mountinfo", ROOT), "{}");
    assert!(missing.contains("reading ") && missing.contains("/proc/diskstats: No such file"), "{missing}");
}

#[test]
fn a_bad_source_that_mends_works_again() {
    let tree = machine();
    let mut collector = make(&tree, "disk", "{}").unwrap();
    let series = collect(&mut *collector, "disk").unwrap().lines().count();
    for file in ["proc/1/mountinfo", "proc/diskstats"] {
        let good = std::fs::read(tree.path().join(file)).unwrap();
        tree.write(file, "junk\n");
        assert!(collect(&mut *collector, "disk").is_err(), "{file}");
        assert!(collect(&mut *collector, "disk").is_err(), "{file}, not taken for unchanged");
        tree.write(file, good);
        assert_eq!(collect(&mut *collector, "disk").unwrap().lines().count(), series);
    }
}

#[test]
fn a_machine_without_disks_is_no_error() {
    let tree = machine();
    tree.write("proc/diskstats", "");
    std::fs::create_dir(tree.path().join("sys/block")).unwrap();
    assert!(!render(&tree, "disk", "{}").unwrap().contains("node_disk_"));
}

#[test]
fn bad_options_are_refused() {
    let refused = |options: &str| make(&machine(), "disk", options).err().unwrap().to_string();
    let unknown = refused(r#"{"mountpoints": "x"}"#);
    assert!(unknown.starts_with("[plugins.disk]: unknown field `mountpoints`, expected one of"), "{unknown}");
    let pattern = refused(r#"{"fs_types_include": "["}"#);
    assert!(pattern.contains(r#"fs_types_include is "[", expected a regular expression"#), "{pattern}");
    let timeout = refused(r#"{"mount_timeout": -1}"#);
    assert!(timeout.contains("mount_timeout is -1, expected seconds from 0 to 60"), "{timeout}");
}

#[test]
fn facts_are_for_people() {
    let tree = machine().file("sys/block/sda/queue/rotational", "0\n");
    let mut facts = relink_core::Facts::default();
    make(&tree, "disk", "{}").unwrap().facts(&mut facts).unwrap();
    let rows = facts.rows();
    assert!(rows[0].0 == "/" && rows[0].1.starts_with("ext4 on /dev/vda, "), "{rows:?}");
    assert!(rows[0].1.contains(" used ("), "{rows:?}");
    assert_eq!(rows[1], ("sda".to_owned(), "read 15.4 kB, written 35.8 kB, SSD".to_owned()));
}

#[test]
fn each_part_can_be_switched_off() {
    let parts: &[(&str, &[&str])] = &[("filesystem", &["node_filesystem_"]), ("diskstats", &["node_disk_"])];
    for (part, prefixes) in parts {
        assert_switch(&machine(), "disk", part, prefixes);
    }
}
