//! Settings of the kernel, on trees of files.
#![cfg(target_os = "linux")]

use metrics_stat as _;
use relink_testing::{Tree, collect, make, render, warnings};

fn machine() -> Tree {
    Tree::new()
        .file("proc/sys/fs/file-nr", "1024\t0\t1631329\n")
        .file("proc/sys/kernel/threads-max", "7801\n")
        .file("proc/sys/kernel/shmmax", "18446744073692774399\n")
        .file("proc/sys/kernel/core_pattern", "|/bin/a \\ %p\n")
        .file("proc/sys/kernel/hostname", b"\"\xffa\"\n")
        .file("proc/sys/net/ipv4/ip_local_reserved_ports", "\n")
        .file("proc/sys/info", "1\n")
        .file("proc/sys/fs/file_nr", "5\n")
}

/// What is shown with these options, and the ends of warnings.
fn shown(options: &str) -> (String, Vec<String>) {
    let tree = machine();
    let root = format!("{}/proc/sys/", tree.path().display());
    let warnings = warnings(&tree, "sysctl", options).unwrap_or_default();
    let warnings = warnings.iter().map(|warning| warning.replace(&root, "")).collect();
    (render(&tree, "sysctl", options).unwrap_or_else(|why| why.to_string().replace(&root, "")), warnings)
}

#[test]
fn numbers_have_the_name_of_the_setting() {
    assert!(!relink_testing::collector("sysctl").on);
    assert_eq!(shown("{}"), (String::new(), vec![]));
    let given = r#"{"include": ["kernel.threads-max", "fs.file-nr", "fs.file-nr:total,current,max", "kernel.shmmax",
        "kernel.threads-max"], "include_info": "fs.file-nr"}"#;
    let (text, warnings) = shown(given);
    assert_eq!(
        text,
        r#"node_sysctl_info{name="fs.file-nr",value="1024",index="0"} 1
node_sysctl_info{name="fs.file-nr",value="0",index="1"} 1
node_sysctl_info{name="fs.file-nr",value="1631329",index="2"} 1
node_sysctl_fs_file_nr{index="0"} 1024
node_sysctl_fs_file_nr{index="1"} 0
node_sysctl_fs_file_nr{index="2"} 1631329
node_sysctl_fs_file_nr_current 0
node_sysctl_fs_file_nr_max 1631329
node_sysctl_fs_file_nr_total 1024
node_sysctl_kernel_shmmax 18446744073692774000
node_sysctl_kernel_threads_max 7801
"#
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn words_are_in_labels() {
    let (text, warnings) =
        shown(r#"{"include_info": ["kernel.core_pattern", "kernel.hostname", "kernel.core_pattern"]}"#);
    assert_eq!(
        text,
        "node_sysctl_info{name=\"kernel.core_pattern\",value=\"|/bin/a\",index=\"0\"} 1\n\
         node_sysctl_info{name=\"kernel.core_pattern\",value=\"\\\\\",index=\"1\"} 1\n\
         node_sysctl_info{name=\"kernel.core_pattern\",value=\"%p\",index=\"2\"} 1\n\
         node_sysctl_info{name=\"kernel.hostname\",value=\"\\\"\u{fffd}a\\\"\",index=\"0\"} 1\n"
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn what_can_not_be_shown_is_told_and_the_rest_is_shown() {
    let good = "node_sysctl_kernel_threads_max 7801\n";
    for (name, said) in [
        ("kernel.threads-min", "kernel/threads-min: there is no setting kernel.threads-min"),
        (
            "kernel.hostname",
            "kernel/hostname: expected a number, found \"\\\"\u{fffd}a\\\"\"; include_info shows words",
        ),
        ("fs.file-nr:total,max", "fs/file-nr: expected numbers, 2 of them, found \"1024\\t0\\t1631329\""),
        ("kernel.threads-max:a,b", "kernel/threads-max: expected numbers, 2 of them, found \"7801\""),
        (
            "net.ipv4.ip_local_reserved_ports",
            "ip_local_reserved_ports: expected numbers, at least one of them, found \"\"",
        ),
        // The agent has a family of this name.
        ("info", "info: has the family node_sysctl_info, but"),
        ("kernel", "reading "),
    ] {
        let (text, warnings) = shown(&format!(r#"{{"include": ["{name}", "kernel.threads-max"]}}"#));
        assert_eq!(text, good, "{name}");
        let [warning] = &warnings[..] else { panic!("{name}: {warnings:?}") };
        assert!(warning.contains(said), "{warning}");
    }
    let (text, warnings) = shown(r#"{"include": ["fs.file_nr", "fs.file-nr"]}"#);
    assert!(text.starts_with("node_sysctl_fs_file_nr 5\n"), "{text} {warnings:?}");
}

#[test]
fn it_is_an_error_if_nothing_is_left_of_what_there_is() {
    let (error, _) = shown(r#"{"include": ["kernel.hostname", "kernel.threads-min"]}"#);
    assert!(error.starts_with("kernel/hostname: expected a number, found"), "{error}");
    let (error, _) = shown(r#"{"include_info": ["net.ipv4.ip_local_reserved_ports"]}"#);
    assert!(error.ends_with("ports: expected words, at least one of them, found \"\""), "{error}");
    let (error, _) = shown(r#"{"include": ["kernel.threads-min"]}"#);
    assert_eq!(error, "kernel/threads-min: there is no setting kernel.threads-min");
}

#[test]
fn values_and_settings_come_and_go() {
    let tree = machine();
    let options = r#"{"include": ["kernel.threads-max", "net.core.somaxconn"]}"#;
    let mut collector = make(&tree, "sysctl", options).unwrap();
    let mut samples = relink_testing::samples("sysctl", 10);
    collector.collect(&mut samples).unwrap();
    assert_eq!((samples.len(), samples.warned()), (1, 1));
    tree.write("proc/sys/net/core/somaxconn", "4096\n");
    tree.write("proc/sys/kernel/threads-max", "12\n");
    assert_eq!(
        collect(&mut *collector, "sysctl").unwrap(),
        "node_sysctl_kernel_threads_max 12\nnode_sysctl_net_core_somaxconn 4096\n"
    );
}

#[test]
fn bad_options_are_refused() {
    let refused = |options: &str| make(&machine(), "sysctl", options).err().unwrap().to_string();
    let a_setting = "expected a setting such as kernel.threads-max or fs.file-nr:total,current,max, found";
    assert_eq!(
        refused(r#"{"include": ["a", ""]}"#),
        format!("[collectors.sysctl]: include: {a_setting} \"\"")
    );
    assert_eq!(
        refused(r#"{"include_info": "a:"}"#),
        format!("[collectors.sysctl]: include_info: {a_setting} \"a:\"")
    );
    assert_eq!(
        refused(r#"{"include_info": "fs.file-nr:a,b"}"#),
        "[collectors.sysctl]: include_info: expected a name without keys, which are for include, found \"fs.file-nr:a,b\""
    );
}
