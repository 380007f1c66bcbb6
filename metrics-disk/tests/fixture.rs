//! The plugin on trees of files such as the kernel would show.
#![cfg(target_os = "linux")]

use metrics_disk as _;
use relink_testing::{Tree, collect, make, render, warnings};

const SDA: &str = "   8       0 sda 10 20 30 35 50 60 70 80 9 100 110\n";
const ROOT: &str = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n";

fn machine() -> Tree {
    Tree::new().file("proc/1/mountinfo", ROOT).file("proc/diskstats", SDA)
}

const UDEV: &str = "E:ID_MODEL=Disk_9\nE:ID_SERIAL_SHORT=S1\nE:ID_PATH=pci-1\nE:ID_WWN=0x5\nE:ID_REVISION=2.0\n\
    E:ID_FS_TYPE=ext4\nE:ID_FS_UUID=u-1\nE:DM_NAME=vg-root\nE:ID_ATA=1\nE:ID_ATA_ROTATION_RATE_RPM=7200\n";

/// The same with all that may be known of the disk.
fn known() -> Tree {
    machine().file("root/run/udev/data/b8:0", UDEV).file("sys/block/sda/queue/rotational", "1\n")
}

relink_testing::conforms! {
    "disk", known(),
    "diskstats" => { reads: 2, allocations: 0 },
    "filesystem" => { reads: 2, allocations: 2 },
}

/// The lines of one family.
fn of(text: &str, family: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(&format!("{family}{{")))
        .map(|line| line[family.len()..].to_owned())
        .collect()
}

/// What both collectors show on a tree without a warning.
fn silent(tree: &Tree) -> [String; 2] {
    ["diskstats", "filesystem"].map(|name| {
        assert_eq!(warnings(tree, name, "{}").unwrap(), [""; 0]);
        render(tree, name, "{}").unwrap()
    })
}

/// A folder of the machine, as something to mount on.
fn folder(tree: &Tree, path: &str) {
    std::fs::create_dir_all(tree.path().join("root").join(path)).unwrap();
}

#[test]
fn a_file_system_that_answers_has_all_families() {
    let text = render(&machine(), "filesystem", "{}").unwrap();
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
    let text = render(&tree, "filesystem", "{}").unwrap();
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
    let text = render(&tree, "filesystem", "{}").unwrap();
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
    let text = render(&tree, "filesystem", "{}").unwrap();
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
    assert_eq!(of(&render(&tree, "diskstats", "{}").unwrap(), "node_disk_io_now"), [r#"{device="sda"} 9"#]);
}

#[test]
fn the_prefix_of_the_rootfs_is_stripped() {
    let tree = Tree::new();
    let root = tree.path().join("root").display().to_string();
    folder(&tree, "home");
    let mounts = format!(
        "1 0 0:1 / {root} rw - ext4 a rw\n2 1 0:2 / {root}/home rw - ext4 b rw\n3 1 0:3 / {root}x rw - ext4 c rw\n"
    );
    tree.write("proc/1/mountinfo", mounts);
    let text = render(&tree, "filesystem", "{}").unwrap();
    let points: Vec<String> = of(&text, "node_filesystem_mount_info")
        .iter()
        .map(|line| line.split("mountpoint=").nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(points, [r#""/"} 1"#, r#""/home"} 1"#, &format!("{:?}}} 1", format!("{root}x"))]);
}

/// The lines without their values.
fn series(text: &str) -> Vec<String> {
    text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn mounts_come_and_go_while_the_agent_runs() {
    let tree = machine();
    folder(&tree, "data");
    let mut collector = make(&tree, "filesystem", "{}").unwrap();
    let mut next = || collect(&mut *collector, "filesystem").unwrap();
    let first = next();
    tree.write("proc/1/mountinfo", format!("{ROOT}40 27 8:16 / /data rw - xfs /dev/sdb rw\n"));
    assert_eq!(of(&next(), "node_filesystem_files").len(), 2);
    tree.write("proc/1/mountinfo", ROOT);
    assert_eq!(series(&next()), series(&first));
    std::fs::remove_file(tree.path().join("proc/1/mountinfo")).unwrap();
    assert_eq!(next(), "");
    tree.write("proc/1/mountinfo", ROOT);
    assert_eq!(series(&next()), series(&first));
}

#[test]
fn disks_come_and_go_while_the_agent_runs() {
    let tree = machine();
    let mut collector = make(&tree, "diskstats", "{}").unwrap();
    let mut next = || collect(&mut *collector, "diskstats").unwrap();
    let first = next();
    tree.write("proc/diskstats", format!("{SDA}8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n"));
    assert_eq!(of(&next(), "node_disk_read_bytes_total")[1], r#"{device="sdb"} 1536"#);
    tree.write("proc/diskstats", SDA);
    assert_eq!(next(), first);
    std::fs::remove_file(tree.path().join("proc/diskstats")).unwrap();
    assert_eq!(next(), "");
    tree.write("proc/diskstats", SDA);
    assert_eq!(next(), first);
}

#[test]
fn without_process_1_the_own_mounts_are_shown() {
    let tree = Tree::new().file("proc/self/mountinfo", ROOT);
    assert_eq!(of(&render(&tree, "filesystem", "{}").unwrap(), "node_filesystem_files").len(), 1);
}

/// The mount points that are shown as read-only.
fn readonly(tree: &Tree) -> Vec<String> {
    let lines = of(&render(tree, "filesystem", "{}").unwrap(), "node_filesystem_readonly");
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
    let tree = Tree::new().file("proc/self/mountinfo", WRITABLE.to_owned() + READ_ONLY);
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
        let text = render(&tree, "diskstats", "{}").unwrap();
        let lines =
            text.lines().filter(|line| line.starts_with("node_disk_") && line.contains("_total{")).count();
        assert_eq!(lines + 1, families, "node_disk_io_now is the one that is no counter");
    }
    let text = render(&machine(), "diskstats", "{}").unwrap();
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
node_disk_info{device="sda",major="8",minor="0",path="",wwn="",model="",serial="",revision="",rotational="0"} 1
"#
    );
}

#[test]
fn what_udev_and_sysfs_know_is_in_the_info() {
    let tree = known();
    let mut collector = make(&tree, "diskstats", "{}").unwrap();
    let info = r#"{device="sda",major="8",minor="0",path="pci-1",wwn="0x5",model="Disk_9",serial="S1",revision="2.0",rotational="1"} 1"#;
    assert_eq!(of(&collect(&mut *collector, "diskstats").unwrap(), "node_disk_info"), [info]);
    // It is read once a device.
    std::fs::remove_dir_all(tree.path().join("root/run")).unwrap();
    assert_eq!(of(&collect(&mut *collector, "diskstats").unwrap(), "node_disk_info"), [info]);
    let text = collect(&mut *collector, "diskstats").unwrap();
    for (family, expected) in [
        ("filesystem_info", r#"{device="sda",type="ext4",usage="",uuid="u-1",version=""} 1"#),
        (
            "device_mapper_info",
            r#"{device="sda",name="vg-root",uuid="",vg_name="",lv_name="",lv_layer=""} 1"#,
        ),
        ("ata_rotation_rate_rpm", r#"{device="sda"} 7200"#),
    ] {
        assert_eq!(of(&text, &format!("node_disk_{family}")), [expected]);
    }
    assert!(!text.contains("write_cache"), "{text}");
    // And elsewhere, if the operator says so.
    let tree = machine().file("elsewhere/b8:0", UDEV);
    let options = format!(r#"{{"udev_data": "{}/elsewhere"}}"#, tree.path().display());
    let text = render(&tree, "diskstats", &options).unwrap();
    assert!(of(&text, "node_disk_info")[0].contains(r#"model="Disk_9""#), "{text}");
}

#[test]
fn a_property_that_makes_no_sense_is_told() {
    let tree = machine().file("root/run/udev/data/b8:0", "E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=\u{fffd}\n");
    let [warning] = &warnings(&tree, "diskstats", "{}").unwrap()[..] else { panic!("one warning") };
    let said = "/run/udev/data/b8:0: expected a number as ID_ATA_WRITE_CACHE, found \"\u{fffd}\"";
    assert!(warning.ends_with(said), "{warning}");
    assert!(of(&render(&tree, "diskstats", "{}").unwrap(), "node_disk_ata_write_cache").is_empty());
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
    let disks = |options: &str| of(&render(&tree, "diskstats", options).unwrap(), "node_disk_io_now");
    assert_eq!(disks("{}"), [r#"{device="sda"} 9"#]);
    assert_eq!(disks(r#"{"device_include": "^sda1$"}"#), [r#"{device="sda1"} 9"#]);
    assert_eq!(disks(r#"{"device_exclude": "^sda"}"#), [r#"{device="loop0"} 9"#]);
    let mounts = |options: &str| {
        of(&render(&tree, "filesystem", options).unwrap(), "node_filesystem_device_error").len()
    };
    assert_eq!(mounts("{}"), 1);
    assert_eq!(mounts(r#"{"fs_types_exclude": "", "mount_points_exclude": "^/$"}"#), 2);
    assert_eq!(mounts(r#"{"fs_types_include": "tmpfs", "mount_points_include": "^/dev"}"#), 1);
}

#[test]
fn a_source_that_makes_no_sense_is_an_error_that_names_file_and_line() {
    let spoilt = |name: &str, file: &str, text: &[u8]| {
        let tree = machine();
        tree.write(file, text);
        render(&tree, name, "{}").unwrap_err().to_string()
    };
    let empty = spoilt("filesystem", "proc/1/mountinfo", b"");
    assert!(
        empty.contains("/proc/1/mountinfo: the file is empty, expected a line for each mount"),
        "{empty}"
    );
    let garbage = spoilt("filesystem", "proc/1/mountinfo", b"\xff\x00garbage\n");
    assert!(garbage.contains("/proc/1/mountinfo: line 1: expected a mount such as"), "{garbage}");
    for garbage in [&b"garbage\n"[..], b"\xff\xfe"] {
        let garbage = spoilt("diskstats", "proc/diskstats", garbage);
        assert!(garbage.contains("/proc/diskstats: line 1: expected the major number"), "{garbage}");
    }
}

#[test]
fn an_odd_line_is_passed_over_and_the_others_are_shown() {
    let tree = machine();
    tree.write("proc/diskstats", format!("(null)\n{SDA}\n8 16 sdb 1 2 x\n7 0 caf\u{e9}\n"));
    tree.write("proc/1/mountinfo", format!("(null)\n{ROOT}28 27 0:2 / /dev\n"));
    let whole = silent(&machine());
    for (name, whole, odd) in [
        (
            "diskstats",
            &whole[0],
            [
                "line 1: expected the major number of a device, found \"(null)\"",
                "line 4: expected a count, found \"x\"",
                "line 5: 0 counts for \"caf\u{e9}\", expected at least 11",
            ]
            .as_slice(),
        ),
        (
            "filesystem",
            &whole[1],
            &[
                "line 1: expected a mount such as \"27 1 8:1 / /home rw - ext4 /dev/sda1 rw\", found \"(null)\"",
                "line 3: expected a mount such as \"27 1 8:1 / /home rw - ext4 /dev/sda1 rw\", found \"28 27 0:2 / /dev\"",
            ],
        ),
    ] {
        let mut collector = make(&tree, name, "{}").unwrap();
        // Told in each collection, also where the file is not read again.
        for _ in 0..2 {
            let mut samples = relink_testing::samples(name, 100);
            collector.collect(&mut samples).unwrap();
            assert_eq!(samples.len(), whole.lines().count());
            let warnings = samples.warnings();
            assert_eq!(warnings.len(), odd.len(), "{warnings:?}");
            for (warning, odd) in warnings.iter().zip(odd) {
                assert!(warning.starts_with('/') && warning.ends_with(odd), "{warning}, expected {odd}");
            }
        }
    }
}

#[test]
fn what_is_missing_is_nothing_and_the_other_collector_is_whole() {
    let [disks, mounts] = silent(&machine());
    assert_eq!(silent(&Tree::new()), ["", ""]);
    assert_eq!(silent(&Tree::new().file("proc/diskstats", SDA)), [&disks, ""]);
    let [none, others] = silent(&Tree::new().file("proc/1/mountinfo", ROOT));
    assert_eq!((none.as_str(), series(&others)), ("", series(&mounts)));
}

#[test]
fn an_empty_diskstats_is_a_machine_without_disks() {
    // Containers have it so, and see the disks in sysfs all the same.
    let tree = Tree::new()
        .file("proc/diskstats", "")
        .file("sys/block/sda/queue/rotational", "0\n")
        .file("proc/1/mountinfo", "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n");
    let [disks, mounts] = silent(&tree);
    assert_eq!(disks, "");
    for family in ["node_filesystem_size_bytes", "node_filesystem_avail_bytes"] {
        let lines = of(&mounts, family);
        assert!(lines.len() == 1 && lines[0].contains(r#"mountpoint="/""#), "{family}: {lines:?}");
    }
}

#[test]
fn a_bad_source_that_mends_works_again() {
    for (name, file) in [("filesystem", "proc/1/mountinfo"), ("diskstats", "proc/diskstats")] {
        let tree = machine();
        let mut collector = make(&tree, name, "{}").unwrap();
        let before = collect(&mut *collector, name).unwrap().lines().count();
        let good = std::fs::read(tree.path().join(file)).unwrap();
        tree.write(file, "junk\n");
        assert!(collect(&mut *collector, name).is_err(), "{file}");
        assert!(collect(&mut *collector, name).is_err(), "{file}, not taken for unchanged");
        tree.write(file, good);
        assert_eq!(collect(&mut *collector, name).unwrap().lines().count(), before);
    }
}

#[test]
fn bad_options_are_refused() {
    let refused = |name: &str, options: &str| make(&machine(), name, options).err().unwrap().to_string();
    assert_eq!(
        refused("filesystem", r#"{"mountpoints": "x"}"#),
        "[collectors.filesystem]: unknown option mountpoints, expected mount_points_exclude, mount_points_include, \
         fs_types_exclude, fs_types_include, mount_timeout"
    );
    assert_eq!(
        refused("diskstats", r#"{"devices_exclude": "x"}"#),
        "[collectors.diskstats]: unknown option devices_exclude, expected device_exclude, device_include, udev_data"
    );
    let pattern = refused("filesystem", r#"{"fs_types_include": "["}"#);
    let expected = r#"[collectors.filesystem]: fs_types_include is "[", expected a regular expression"#;
    assert!(pattern.starts_with(expected), "{pattern}");
    let both = refused("diskstats", r#"{"device_include": "a", "device_exclude": "b"}"#);
    let expected =
        "[collectors.diskstats]: device_exclude and device_include are both set, expected at most one";
    assert_eq!(both, expected);
    let timeout = refused("filesystem", r#"{"mount_timeout": -1}"#);
    assert_eq!(timeout, "[collectors.filesystem]: mount_timeout is -1, expected seconds, 0 or more");
}

#[test]
fn a_timeout_that_is_cut_is_told() {
    let warnings = warnings(&machine(), "filesystem", r#"{"mount_timeout": 3600}"#).unwrap();
    let expected =
        "[collectors.filesystem]: mount_timeout is 3600, and more than 60 seconds are not waited for";
    assert_eq!(warnings, [expected]);
}

#[test]
fn facts_are_for_people() {
    let tree = machine().file("sys/block/sda/queue/rotational", "0\n");
    let rows = |name: &str| {
        let mut facts = relink_core::Facts::default();
        make(&tree, name, "{}").unwrap().facts(&mut facts).unwrap();
        facts.rows().to_vec()
    };
    let mounts = rows("filesystem");
    assert!(mounts[0].0 == "/" && mounts[0].1.starts_with("ext4 on /dev/vda, "), "{mounts:?}");
    assert!(mounts[0].1.contains(" used ("), "{mounts:?}");
    assert_eq!(rows("diskstats"), [("sda".to_owned(), "read 15.4 kB, written 35.8 kB, SSD".to_owned())]);
}
