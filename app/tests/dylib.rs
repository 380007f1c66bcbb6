//! The plugins of this workspace, loaded as libraries: as cargo makes them of the very crates that are linked in.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use relink_testkit::{Agent, absent};
use serde_json::{Value, json};
use support::{Folder, here};

/// Builds a plugin crate as a library.
fn built(mut cargo: Command, plugin: &str, profile: &str, target: &Path) -> PathBuf {
    cargo.args(["rustc", "--quiet", "--locked", "--lib", "--crate-type", "cdylib", "--profile", profile]);
    cargo.args(["--package", &format!("metrics-{plugin}"), "--target-dir"]).arg(target);
    let ended = cargo.current_dir(here("..")).output().expect("cargo is installed");
    assert!(ended.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&ended.stderr));
    let folder = if profile == "dev" { "debug" } else { profile };
    target.join(folder).join(format!("libmetrics_{plugin}.so"))
}

/// The folder of artifacts that these tests were built into.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// A folder `plugins` with cpu and disk, in a folder with this configuration.
fn with_libraries(toml: &str) -> Folder {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let libraries = BUILT.get_or_init(|| {
        ["cpu", "disk"].map(|plugin| built(Command::new(env!("CARGO")), plugin, profile, target())).to_vec()
    });
    let folder = Folder::new(toml);
    fs::create_dir(folder.path("plugins")).unwrap();
    for library in libraries {
        fs::copy(library, folder.path("plugins").join(library.file_name().unwrap())).unwrap();
    }
    folder
}

/// Two plugins, however many are linked in. Further keys of `[plugins]` may follow.
const TOML: &str = "print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"cpu\", \"disk\"]\n";

/// The arguments for the machine of files.
fn machine() -> Vec<String> {
    let at = |name: &str| here("tests/fixtures/machine").join(name).display().to_string();
    ["procfs", "sysfs", "rootfs"]
        .into_iter()
        .zip([at("proc"), at("sys"), at("root")])
        .flat_map(|(path, at)| [format!("--path.{path}"), at])
        .collect()
}

fn start(folder: &Folder, arguments: &[&str]) -> Agent {
    let machine = machine();
    folder.start(&machine.iter().map(String::as_str).chain(arguments.iter().copied()).collect::<Vec<_>>())
}

/// The families that tell how full this machine's disks are, which changes from moment to moment.
const MASKED: [&str; 5] = [
    "node_filesystem_size_bytes",
    "node_filesystem_free_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_files",
    "node_filesystem_files_free",
];

/// The exposition without what differs from one scrape to the next: times, and how full disks are.
fn exposition(agent: &Agent) -> Vec<String> {
    let text = agent.get("/metrics").text();
    let varies = ["node_scrape_collector_duration_seconds", "process_"];
    let masked = MASKED.map(|name| format!("{name}{{"));
    text.split_inclusive('\n')
        .filter(|line| !varies.iter().any(|name| line.contains(name)))
        .map(|line| match line.rsplit_once(' ') {
            Some((series, _)) if masked.iter().any(|name| series.starts_with(name)) => series.to_owned(),
            _ => line.to_owned(),
        })
        .collect()
}

/// The first place where two expositions differ.
fn assert_same(expected: &[String], found: &[String]) {
    for (expected, found) in expected.iter().zip(found) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.len(), found.len());
}

/// Takes out of a collector what differs from one moment to the next.
fn mask(collector: &mut serde_json::Value) {
    for varies in ["last_collect_seconds", "since"] {
        collector.as_object_mut().unwrap().remove(varies);
    }
    let families = collector["families"].as_array_mut().unwrap().iter_mut();
    for family in families.filter(|family| MASKED.iter().any(|name| family["name"] == *name)) {
        let samples = family["samples"].as_array_mut().unwrap();
        samples.iter_mut().for_each(|sample| drop(sample["value"].take()));
    }
    // How busy each CPU was between two readings, which are not those of the other agent.
    let facts = collector["facts"].as_object_mut().unwrap();
    let usage = facts.iter_mut().filter(|(fact, _)| fact.starts_with("usage "));
    usage.for_each(|(_, value)| assert!(value.take().as_str().is_some_and(|text| text.ends_with(" %"))));
    for fact in facts.values_mut() {
        let of = |text: &str| text.split_once(", ").map_or("", |(device, _)| device).to_owned();
        if let Some(device) = fact.as_str().filter(|text| text.contains(" used (")).map(of) {
            *fact = device.into();
        }
    }
}

#[test]
fn linked_and_loaded_say_the_same_byte_for_byte() {
    let linked = Folder::new(TOML);
    let loaded = with_libraries(&format!("{TOML}prefer = \"loaded\"\n"));
    let (linked, loaded) = (start(&linked, &[]), start(&loaded, &["--plugin-dir", "plugins"]));
    for name in ["cpu", "disk"] {
        assert_eq!(linked.plugin(name)["placement"], "linked");
        let plugin = loaded.plugin(name);
        assert_eq!(
            (&plugin["placement"], &plugin["state"]),
            (&json!("loaded"), &json!("active")),
            "{plugin}"
        );
    }
    let (expected, found) = (exposition(&linked), exposition(&loaded));
    for name in ["node_cpu_seconds_total{", "node_disk_info{", "node_filesystem_readonly{"] {
        assert!(expected.iter().any(|line| line.starts_with(name)), "{name}");
    }
    assert_same(&expected, &found);
    // Also what is said to people and to programs.
    for name in ["cpu", "disk"] {
        let of = |agent: &Agent| {
            let mut plugin = agent.get(&format!("/plugins/{name}")).json();
            for varies in ["placement", "path", "last_collect_seconds"] {
                plugin.as_object_mut().unwrap().remove(varies);
            }
            plugin["collectors"].as_array_mut().unwrap().iter_mut().for_each(mask);
            plugin
        };
        assert_eq!(of(&linked), of(&loaded));
    }
}

#[test]
fn a_plugin_that_is_linked_and_loaded_is_refused_with_both_places() {
    let folder = with_libraries(TOML);
    let agent = start(&folder, &["--plugin-dir", "plugins"]);
    assert_eq!(agent.plugin("cpu")["placement"], "linked");
    let file = agent.plugin("libmetrics_cpu.so");
    assert_eq!((&file["state"], &file["placement"]), (&json!("refused"), &json!("loaded")), "{file}");
    let error = file["error"].as_str().unwrap();
    for words in
        ["plugin cpu is linked in", "plugins/libmetrics_cpu.so", "prefer = \"loaded\"", "remove the file"]
    {
        assert!(error.contains(words), "{error}");
    }
    // Told, and no fault of this reload's.
    assert_eq!(agent.put("/plugins/reload").json()["outcome"], "unchanged");

    let folder = with_libraries(&format!("{TOML}prefer = \"loaded\"\ndir = \"plugins\"\n"));
    let agent = start(&folder, &[]);
    assert_eq!(agent.plugin("cpu")["placement"], "loaded");
    let plugins = agent.get("/plugins").json()["plugins"].as_array().unwrap().clone();
    let running = plugins.iter().filter(|plugin| plugin["state"] == "active").count();
    assert_eq!(running, 2, "the linked ones do not run beside them");
    // Without its library the linked plugin runs again.
    fs::remove_file(folder.path("plugins/libmetrics_cpu.so")).unwrap();
    let journal = agent.put("/plugins/reload").json();
    assert_eq!(journal["outcome"], "committed", "{journal}");
    assert_eq!(journal["plugins"]["replaced"], json!(["cpu"]), "{journal}");
    let cpu = agent.plugin("cpu");
    assert_eq!((&cpu["placement"], &cpu["state"]), (&json!("linked"), &json!("active")), "{cpu}");
    assert!(agent.sample("node_cpu_online{cpu=\"0\"}").is_some());
    assert_eq!(agent.plugin("disk")["placement"], "loaded", "{journal}");
}

#[test]
fn folders_are_named_on_the_command_line_or_in_the_configuration_one_or_more() {
    let one = "prefer = \"loaded\"\ndir = \"plugins\"\n";
    let two = "prefer = \"loaded\"\ndir = [\"plugins\", \"more\"]\n";
    let loaded = |agent: &Agent| {
        let placements = ["cpu", "disk"].map(|name| agent.plugin(name)["placement"].clone());
        assert_eq!(placements, ["loaded", "loaded"]);
        agent.plugin("disk")["path"].as_str().unwrap().to_owned()
    };
    let folder = with_libraries(&format!("{TOML}{one}"));
    assert!(loaded(&start(&folder, &[])).ends_with("plugins/libmetrics_disk.so"));

    let apart = |toml: &str| {
        let folder = with_libraries(&format!("{TOML}{toml}"));
        fs::create_dir(folder.path("more")).unwrap();
        fs::rename(folder.path("plugins/libmetrics_disk.so"), folder.path("more/libmetrics_disk.so"))
            .unwrap();
        folder
    };
    let folder = apart(two);
    assert!(loaded(&start(&folder, &[])).ends_with("more/libmetrics_disk.so"));
    let folder = apart("prefer = \"loaded\"\n");
    loaded(&start(&folder, &["--plugin-dir", "plugins", "--plugin-dir", "more"]));

    let folder = Folder::new("[plugins]\ndir = 7\n");
    let ended = folder.run(&["check"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("expected a folder or a list of folders"), "{}", ended.stderr);
}

#[test]
fn check_and_plugins_judge_the_libraries_too() {
    let folder = with_libraries(&format!("{TOML}prefer = \"loaded\"\n"));
    let list = || {
        let ended = folder.run(&["plugins", "--json", "--plugin-dir", "plugins"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()
    };
    let all = list();
    let cpu = all.as_array().unwrap().iter().find(|plugin| plugin["name"] == "cpu").unwrap().clone();
    assert_eq!((&cpu["placement"], &cpu["state"]), (&json!("loaded"), &json!("active")));
    assert_eq!(folder.run(&["check", "--plugin-dir", "plugins"]).code, Some(0));

    folder.write("plugins/junk.so", "junk");
    let all = list();
    let junk = all.as_array().unwrap().iter().find(|plugin| plugin["name"] == "junk.so").unwrap().clone();
    assert_eq!(junk["state"], "refused");
    let ended = folder.run(&["check", "--plugin-dir", "plugins"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("junk.so: refused: "), "{}", ended.stdout);

    fs::remove_file(folder.path("plugins/junk.so")).unwrap();
    // What the configuration leaves out is in order.
    folder.write("relink.toml", "[plugins]\nprefer = \"loaded\"\nenabled = [\"cpu\"]\n");
    let ended = folder.run(&["check", "--plugin-dir", "plugins"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    let all = list();
    let loaded = all.as_array().unwrap().iter().filter(|plugin| plugin["placement"] == "loaded");
    let states: Vec<_> = loaded.map(|plugin| (&plugin["name"], &plugin["state"])).collect();
    assert_eq!(states, [(&json!("cpu"), &json!("active")), (&json!("disk"), &json!("off"))], "{all}");
    let ended = folder.run(&["check", "--plugin-dir", "nowhere"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("nowhere, which is not a folder"), "{}", ended.stderr);
}

#[test]
fn a_loaded_plugin_is_switched_off_and_on_in_place() {
    let folder = with_libraries(&format!("{TOML}prefer = \"loaded\"\n"));
    let agent = start(&folder, &["--plugin-dir", "plugins"]);
    let disks = || -> Vec<Value> {
        let all = agent.get("/plugins").json();
        let disks = all["plugins"].as_array().unwrap().iter().filter(|plugin| plugin["name"] == "disk");
        disks.map(|plugin| json!([plugin["placement"], plugin["state"]])).collect()
    };
    let outcome = |plugins: &str| agent.put(&format!("/plugins/reload?plugins={plugins}")).json();
    assert_eq!(disks(), [json!(["loaded", "active"])]);
    let journal = outcome("cpu");
    assert_eq!(
        (&journal["outcome"], &journal["plugins"]["removed"]),
        (&json!("committed"), &json!(["disk"]))
    );
    assert!(
        disks().len() == 2 && disks().iter().all(|disk| disk[1] == "off"),
        "linked and loaded: {:?}",
        disks()
    );
    assert_eq!(agent.sample("relink_plugins{state=\"refused\"}"), Some(0.0));
    let journal = outcome("cpu,disk");
    assert_eq!((&journal["outcome"], &journal["plugins"]["added"]), (&json!("committed"), &json!(["disk"])));
    assert_eq!(disks(), [json!(["loaded", "active"])]);
}

#[test]
fn libraries_of_another_compiler_load_in_each_profile() {
    let version = |program: &str, arguments: &[&str]| {
        let ended = Command::new(program).args(arguments).current_dir(here("..")).output().ok()?;
        ended.status.success().then(|| String::from_utf8(ended.stdout).unwrap())
    };
    let own = version("rustc", &["--version"]).expect("rustc is installed");
    let nightly = version("rustup", &["run", "nightly", "rustc", "--version"]);
    let Some(nightly) = nightly.filter(|nightly| *nightly != own) else {
        return absent(
            "libraries of another compiler",
            "no nightly toolchain; rustup toolchain install nightly",
        );
    };
    // Kept between runs, as it takes its time.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other-compiler");
    for profile in ["dev", "release"] {
        let folder = Folder::new(&format!("{TOML}prefer = \"loaded\"\n"));
        fs::create_dir(folder.path("plugins")).unwrap();
        let mut cargo = Command::new("rustup");
        // This test was started by the cargo of its own toolchain, which says so in these.
        for name in
            ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"]
        {
            cargo.env_remove(name);
        }
        cargo.args(["run", "nightly", "cargo"]);
        let library = built(cargo, "cpu", profile, &target);
        let comment = fs::read(&library).unwrap();
        let release = nightly.split_whitespace().nth(1).unwrap();
        assert!(
            comment.windows(release.len()).any(|bytes| bytes == release.as_bytes()),
            "{} is made by {nightly}",
            library.display()
        );
        fs::copy(&library, folder.path("plugins/libmetrics_cpu.so")).unwrap();
        let agent = start(&folder, &["--plugin-dir", "plugins"]);
        let plugin = agent.plugin("cpu");
        assert_eq!(
            (&plugin["placement"], &plugin["state"]),
            (&json!("loaded"), &json!("active")),
            "{plugin}"
        );
        assert_same(&exposition(&start(&Folder::new(TOML), &[])), &exposition(&agent));
    }
}

/// uptime.c as a library, with these further arguments for the compiler.
fn uptime(folder: &Folder, arguments: &[&str]) {
    compiled(folder, arguments, &here("../core/tests/c/uptime.c"));
}

fn compiled(folder: &Folder, arguments: &[&str], source: &Path) {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-O2", "-shared", "-fPIC"]).args(arguments).arg("-I").arg(here("../core"));
    cc.arg("-o").arg(folder.path("plugins/libuptime.so")).arg(source);
    assert!(cc.status().is_ok_and(|status| status.success()), "{cc:?}");
}

/// The example in C, checked at each access, through collections, a swap and a re-exec.
#[test]
fn the_c_example_is_clean_under_address_sanitizer() {
    let found = Command::new("cc").arg("-print-file-name=libasan.so").output();
    // Where there is none, the compiler says the name alone; and it may be a script for the linker.
    let runtime = found.map(|found| PathBuf::from(String::from_utf8_lossy(&found.stdout).trim_end()));
    let Some(runtime) =
        runtime.ok().filter(|path| fs::read(path).is_ok_and(|file| file.starts_with(b"\x7fELF")))
    else {
        return relink_testkit::skip("a C plugin under AddressSanitizer", "cc has no libasan");
    };
    let folder =
        Folder::new("print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"uptime\"]\n");
    fs::create_dir(folder.path("plugins")).unwrap();
    let checked = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let command = |verb: &[&str]| {
        let mut command = folder.command(verb);
        // What a library keeps until the end of the process, which is ended and replaced in the middle, is no leak.
        command.env("LD_PRELOAD", &runtime).env("ASAN_OPTIONS", "detect_leaks=0");
        command
    };
    uptime(&folder, &checked);
    let agent = Agent::from(command(&["run", "--listen", "127.0.0.1:0", "--plugin-dir", "plugins"]));
    // The first reload swaps the library for another, the second re-executes the agent, the third does both.
    for (optimised, query) in [("-O1", ""), ("-O1", "?force=true"), ("-O2", "?force=true")] {
        for _ in 0..50 {
            assert!(
                agent.sample("c_uptime_seconds").is_some_and(|seconds| seconds > 0.0),
                "{}",
                agent.stderr()
            );
        }
        uptime(&folder, &[&checked[..], &[optimised]].concat());
        let answer = agent.put(&format!("/plugins/reload{query}"));
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
    }
    assert!(agent.sample("c_uptime_seconds").is_some_and(|seconds| seconds > 0.0), "{}", agent.stderr());
    assert!(!agent.stderr().contains("Sanitizer"), "{}", agent.stderr());

    // It finds what is wrong: here a copy that is one byte longer than its room.
    let text = fs::read_to_string(here("../core/tests/c/uptime.c")).unwrap();
    let (good, wrong) = (
        "malloc(settings->procfs.length + strlen(file) + 1)",
        "malloc(settings->procfs.length + strlen(file))",
    );
    assert!(text.contains(good));
    folder.write("wrong.c", text.replace(good, wrong));
    compiled(&folder, &checked, &folder.path("wrong.c"));
    let ended = support::ended(command(&["once", "--plugin-dir", "plugins"]));
    assert!(ended.stderr.contains("heap-buffer-overflow"), "{}", ended.stderr);
}

#[test]
fn a_c_library_keeps_its_stamp_when_the_linker_drops_what_nothing_refers_to() {
    if relink_testkit::installed("cc").is_none() {
        return relink_testkit::skip("a C plugin linked with --gc-sections", "cc is not installed");
    }
    let small = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"];
    // Without the attribute, as a compiler that does not have it.
    for more in [&[][..], &["-DRELINK_RETAIN_="], &["-DRELINK_RETAIN_=", "-flto"]] {
        let folder =
            Folder::new("print = \"none\"\n[history]\ninterval = 0\n[plugins]\nenabled = [\"uptime\"]\n");
        fs::create_dir(folder.path("plugins")).unwrap();
        uptime(&folder, &[&small, more].concat());
        let agent = folder.start(&["--plugin-dir", "plugins"]);
        assert_eq!(agent.plugin("uptime")["placement"], "loaded", "{more:?}: {}", agent.stderr());
        assert!(agent.sample("c_uptime_seconds").is_some_and(|seconds| seconds > 0.0));
    }
}
