//! What is no plugin, or not one for this agent, is refused with the reason and the fix, before any code of it runs; the
//! others load.
#![cfg(target_os = "linux")]

#[path = "support/dylib.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use relink_testkit::Agent;
use serde_json::Value;
use support::{Setup, compiled, compiles, mark, reasons, reload, replaced, variant};

const C: &str = include_str!("support/plugin.c");

/// One of `GET /plugins`, by its name.
fn listed(agent: &Agent, name: &str) -> Value {
    let plugin = agent.plugin(name);
    assert_eq!(plugin["placement"], "loaded", "{name}: {plugin}");
    plugin
}

/// Compiles the plugin in C with these macros.
fn in_c(setup: &Setup, macros: &[&str]) -> Vec<u8> {
    compiled(setup.folder.path(), C, macros)
}

#[test]
fn what_is_no_plugin_is_refused_before_its_constructors_run() {
    if !compiles("libraries that are no plugins") {
        return;
    }
    let setup = Setup::new("[collectors.of_a_refused_one]\nenabled = true\n");
    let trace = setup.path("trace");
    let with_trace = format!("-DTRACE=\"{}\"", trace.display());
    let good = in_c(&setup, &[&with_trace]);

    let machine = |number: u16| {
        let mut bytes = good.clone();
        bytes[18..20].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    // What the linker needs of the library is at its end, so half of it can't be judged.
    let truncated = good[..good.len() / 2].to_vec();
    let headless = good[..40].to_vec();
    let mut scrambled = good.clone();
    scrambled[64..600].fill(0xa5);
    let needed = compiled(setup.folder.path(), "void needed(void) {}", &["-Wl,-soname,libneeded-by-test.so"]);
    fs::write(setup.path("libneeded-by-test.so"), needed).unwrap();
    let orphan = in_c(&setup, &[&with_trace, "-DNEEDS", "-L.", "-l:libneeded-by-test.so"]);
    fs::remove_file(setup.path("libneeded-by-test.so")).unwrap();
    let undefined = in_c(&setup, &[&with_trace, "-DNEEDS"]);

    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "junk.so",
            (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
            "no ELF file",
        ),
        ("empty.so", Vec::new(), "the file is empty"),
        ("text.so", b"#!/bin/sh\necho no library\n".to_vec(), "no ELF file"),
        ("truncated.so", truncated, "is not a library"),
        ("headless.so", headless, "is not a library"),
        ("scrambled.so", scrambled, ""),
        ("executable.so", fs::read(support::AGENT).unwrap(), "relink"),
        ("arm.so", machine(183), "is built for Aarch64, expected X86_64"),
        ("riscv.so", machine(243), "is built for Riscv64, expected X86_64"),
        ("other.so", machine(9), "expected X86_64"),
        ("no-stamp.so", in_c(&setup, &[&with_trace, "-DNO_STAMP"]), "no section .relink_plugin"),
        ("no-entry.so", in_c(&setup, &[&with_trace, "-DENTRY=other"]), "exports no relink_plugin_v2_NAME"),
        ("two.so", in_c(&setup, &[&with_trace, "-DSECOND_ENTRY"]), "exports 2 entries"),
        (
            "v1.so",
            in_c(&setup, &[&with_trace, "-DENTRY=relink_plugin_v1_c"]),
            "exports relink_plugin_v1_c, expected relink_plugin_v2_NAME",
        ),
        ("major.so", in_c(&setup, &[&with_trace, "-DMAJOR=1"]), "built for ABI 1, this relink speaks ABI 2"),
        ("orphan.so", orphan, "libneeded-by-test.so: cannot open"),
        ("undefined.so", undefined, "undefined symbol: needed"),
    ];
    for (name, bytes, _) in &rows {
        setup.install(name, bytes);
    }
    setup.install("zzz.so", &variant("good", "well"));

    let agent = setup.start();
    assert_eq!(mark(&agent).as_deref(), Some("good"), "the rest loads");
    for (name, _, why) in &rows {
        let plugin = listed(&agent, name);
        assert_eq!(plugin["state"], "refused", "{name}: {plugin}");
        assert_eq!(plugin["path"], setup.plugin(name).display().to_string(), "{name}");
        let error = plugin["error"].as_str().unwrap();
        assert!(error.contains(why), "{name}: {error}");
        assert!(error.contains("; "), "{name} has a hint: {error}");
    }
    assert!(!trace.exists(), "no constructor ran: {:?}", fs::read_to_string(&trace));

    // The constructor works, or its silence would show nothing.
    setup.install("in_c.so", &good);
    let journal = reload(&agent);
    assert_eq!(journal["plugins"]["added"], serde_json::json!(["in_c"]), "{journal}");
    assert_eq!(fs::read_to_string(&trace).unwrap(), "was here\n");
    assert_eq!(agent.sample("in_c_mark"), Some(1.0));
}

#[test]
fn versions_and_lengths_go_by_the_documented_rule() {
    if !compiles("versions of the plugin interface") {
        return;
    }
    // Served: a newer minor, longer structs; each in an agent of its own, as they are one plugin.
    for macros in [&["-DMINOR=7"][..], &["-DMINOR=7", "-DLONGER"], &["-DLONGER"]] {
        let setup = Setup::new("");
        setup.install("in_c.so", &in_c(&setup, macros));
        let agent = setup.start();
        let plugin = listed(&agent, "in_c");
        assert_eq!(plugin["state"], "active", "{macros:?}: {plugin}");
        assert_eq!(plugin["version"], "1.2.3");
        assert_eq!(agent.sample("in_c_mark"), Some(1.0), "{macros:?}");
    }
    let rows: &[(&str, &[&str], &str)] = &[
        ("major of the table", &["-DTABLE_MAJOR=3"], "built for ABI 3"),
        ("shorter", &["-DSIZE=104"], "a table of 104 bytes, which has 112 or more"),
        ("short collectors", &["-DCOLLECTOR_SIZE=112"], "collectors lie 112 bytes apart"),
        ("collectors without end", &["-DCOLLECTORS=-1"], "collectors, expected"),
        ("no collector", &["-DCOLLECTORS=0"], "a plugin has a collector at least"),
        ("no table", &["-DNO_TABLE"], "its entry returned no table"),
        ("short families", &["-DFAMILY_SIZE=48"], "families lie 48 bytes apart"),
        ("uneven families", &["-DFAMILY_SIZE=57"], "families lie 57 bytes apart"),
        ("families without end", &["-DFAMILIES=-1"], "families, expected"),
        ("kind", &["-DKIND=9"], "is of kind 9, expected 0, 1 or 2"),
        ("name", &["-DNAME=\"../x\""], "../x"),
        ("no name", &["-DNAME=\"\""], "name"),
        ("name in no UTF-8", &["-DNAME=\"\\xff\""], "name is no UTF-8"),
        ("family name", &["-DFAMILY=\"a b\""], "family a b"),
        ("the agent's family", &["-DFAMILY=\"relink_generation\""], "the agent's own family"),
        ("no word", &["-DSTATUS=1"], "returned 1 without a word"),
        ("status", &["-DSTATUS=77"], "returned 77 without a word"),
        ("broken", &["-DSTATUS=2", "-DSAYS=\"oh\""], "oh"),
        ("index", &["-DINDEX=1"], "trial collection"),
        ("labels", &["-DLABELS=2"], "trial collection"),
    ];
    let setup = Setup::new("");
    let agent = setup.start();
    for (what, macros, why) in rows {
        setup.install("in_c.so", &in_c(&setup, macros));
        let journal = reload(&agent);
        assert_eq!(journal["outcome"], "refused", "{what}: {journal}");
        assert!(reasons(&journal).contains(why), "{what}: {}", reasons(&journal));
        assert_eq!(agent.sample("in_c_mark"), None, "{what}");
    }
    setup.install("in_c.so", &in_c(&setup, &[]));
    assert_eq!(reload(&agent)["outcome"], "committed");
}

#[test]
fn a_copy_under_a_second_name_is_refused_and_both_files_are_named() {
    let setup = Setup::new("");
    setup.install("a.so", &variant("0001", "well"));
    let agent = setup.start();
    setup.install("b.so", &variant("0001", "well"));
    fs::hard_link(setup.plugin("a.so"), setup.plugin("c.so")).unwrap();
    // Another build of the same plugin.
    setup.install("d.so", &variant("0002", "well"));
    let journal = reload(&agent);
    assert_eq!(journal["outcome"], "refused", "{journal}");
    let all = reasons(&journal);
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 3, "{all}");
    let a = setup.plugin("a.so").display().to_string();
    for (line, (file, words)) in lines.iter().zip([
        ("b.so", "is a copy of"),
        ("c.so", "is a copy of"),
        ("d.so", "has plugin loadable_1, as"),
    ]) {
        assert!(line.starts_with(file) && line.contains(words) && line.contains(&a), "{line}");
        assert!(line.contains(&setup.plugin(file).display().to_string()), "names both: {line}");
    }
    assert_eq!(mark(&agent).as_deref(), Some("0001"));
    assert_eq!(listed(&agent, "d.so")["state"], "refused");
    // Once the first is gone one of the others takes its place.
    for name in ["a.so", "c.so", "d.so"] {
        fs::remove_file(setup.plugin(name)).unwrap();
    }
    reload(&agent);
    assert_eq!(mark(&agent).as_deref(), Some("0001"));
    assert_eq!(agent.plugin("loadable_1")["path"], setup.plugin("b.so").display().to_string());
}

#[test]
fn files_and_folders_that_others_could_write_are_refused() {
    let setup = Setup::new("");
    let library = variant("0001", "well");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(setup.plugin(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    setup.install("good.so", &library);
    let agent = setup.start();

    let other = replaced(library.clone(), b"loadable_1", b"loadable_3");
    setup.install("writable.so", &other);
    mode("writable.so", 0o666);
    fs::write(setup.path("elsewhere.so"), &other).unwrap();
    std::os::unix::fs::symlink(setup.path("elsewhere.so"), setup.plugin("link.so")).unwrap();
    std::os::unix::fs::symlink("../elsewhere.so", setup.plugin("dots.so")).unwrap();
    std::os::unix::fs::symlink("nowhere", setup.plugin("dangling.so")).unwrap();
    fs::create_dir(setup.plugin("folder.so")).unwrap();
    let made = Command::new("mkfifo").arg(setup.plugin("fifo.so")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(setup.plugin("socket.so")).unwrap();
    setup.install("odd name.so", &other);
    setup.install("new\nline.so", &other);
    setup.install("umlaut\u{fc}.so", &other);
    // Neither of these is looked at: hidden files are half written, and others are no libraries.
    setup.install(".hidden.so", &other);
    setup.install("readme.txt", b"no library");
    setup.install("libother.so.1", &other);
    let mut rows = vec![
        ("writable.so", "can be written by everybody (mode 666)"),
        ("link.so", "is a symbolic link"),
        ("dots.so", "is a symbolic link"),
        ("dangling.so", "is a symbolic link"),
        ("folder.so", "is not a regular file"),
        ("fifo.so", "is not a regular file"),
        ("socket.so", "is not a regular file"),
        ("odd name.so", "has odd characters"),
        ("new\nline.so", "has odd characters"),
        ("umlaut\u{fc}.so", "has odd characters"),
    ];
    if is_root() {
        setup.install("foreign.so", &other);
        std::os::unix::fs::chown(setup.plugin("foreign.so"), Some(65534), None).unwrap();
        rows.push(("foreign.so", "belongs to user 65534, expected root or user 0"));
        // A container may not make devices.
        let device = Command::new("mknod").arg(setup.plugin("device.so")).args(["c", "1", "5"]).status();
        if device.is_ok_and(|status| status.success()) {
            rows.push(("device.so", "is not a regular file"));
        }
    } else {
        relink_testkit::absent("a library of another owner and a device", "only root can make them");
    }
    let journal = reload(&agent);
    assert_eq!(journal["outcome"], "refused", "{journal}");
    let refused = journal["plugins"]["refused"].as_array().unwrap();
    assert_eq!(refused.len(), rows.len(), "{}", reasons(&journal));
    for (name, why) in rows {
        let reason = refused.iter().find(|one| one["name"] == name).map(|one| one["reason"].to_string());
        assert!(reason.as_ref().is_some_and(|reason| reason.contains(why)), "{name}: {reason:?}");
        assert_eq!(listed(&agent, name)["state"], "refused");
    }
    assert_eq!(mark(&agent).as_deref(), Some("0001"));
    assert_eq!(agent.put("/plugins/reload?plugins=../x").status, 400);
}

#[test]
fn what_runs_serves_on_when_its_folder_can_be_written_by_others() {
    let setup = Setup::new("");
    setup.install("good.so", &variant("0001", "well"));
    let agent = setup.start();
    let chmod =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (path, name) in [(setup.dir(), "plugins"), (setup.folder.path().to_owned(), "the parent")] {
        setup.install("good.so", &variant("0002", "well"));
        for mode in [0o777, 0o1777] {
            chmod(&path, mode);
            let journal = reload(&agent);
            if mode == 0o1777 && name == "the parent" {
                // As /tmp: others can't replace what is in it.
                assert_eq!(journal["outcome"], "committed", "{name}: {journal}");
                continue;
            }
            assert_eq!(journal["outcome"], "refused", "{name}: {journal}");
            assert!(reasons(&journal).contains("can be written by everybody"), "{name}: {journal}");
            assert_eq!(mark(&agent).as_deref(), Some("0001"), "{name}, mode {mode:o}");
        }
        chmod(&path, 0o755);
        reload(&agent);
        assert_eq!(mark(&agent).as_deref(), Some("0002"), "{name}");
        setup.install("good.so", &variant("0001", "well"));
        reload(&agent);
    }
    // The folder is away for a moment, as during an upgrade.
    fs::rename(setup.dir(), setup.path("away")).unwrap();
    let journal = reload(&agent);
    assert_eq!(journal["outcome"], "refused", "{journal}");
    assert!(reasons(&journal).contains("No such file"), "{journal}");
    assert_eq!(mark(&agent).as_deref(), Some("0001"));
    std::os::unix::fs::symlink("away", setup.dir()).unwrap();
    assert!(reasons(&reload(&agent)).contains("is a symbolic link"));
    assert_eq!(mark(&agent).as_deref(), Some("0001"));
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
