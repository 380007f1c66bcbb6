//! The plugin on folders of files as scripts leave them.

use std::path::Path;
use std::sync::LazyLock;

use metrics_textfile as _;
use relink_core::{Collector, Facts};
use relink_testing::{Texts, Tree, collect, make, plugin, render, samples};

const BACKUP: &str = "# HELP backup_ok B.\n# TYPE backup_ok gauge\nbackup_ok{job=\"home\"} 1\n";

static MACHINE: LazyLock<Tree> = LazyLock::new(|| {
    Tree::new().file("texts/backup.prom", BACKUP).file(
        "texts/raid.prom",
        "# TYPE raid_seconds histogram\nraid_seconds_bucket{le=\"1\"} 2\nraid_seconds_count 3\n",
    )
});

fn options(tree: &Tree) -> String {
    serde_json::json!({ "directory": tree.path().join("texts") }).to_string()
}

// Allocations: the listing, and a path and a label a file.
relink_testing::conforms! {
    "textfile", *MACHINE,
    "textfile" => { options: OPTIONS.as_str(), reads: 0, allocations: 16 },
}

static OPTIONS: LazyLock<String> = LazyLock::new(|| options(&MACHINE));

/// A tree with the folder `texts`.
fn tree() -> Tree {
    let tree = Tree::new();
    std::fs::create_dir(tree.path().join("texts")).unwrap();
    tree
}

fn collector(tree: &Tree) -> Box<dyn Collector> {
    make(tree, "textfile", &options(tree)).unwrap()
}

/// The collector as it is behind the C interface.
fn as_a_library(tree: &Tree) -> Box<dyn Collector> {
    let plugin = relink_testing::Imported::linked(plugin("textfile")).unwrap();
    let table = serde_json::from_str(&options(tree)).unwrap();
    plugin.collectors()[0]
        .make(&relink_core::registry::Options::new("textfile", tree.paths(), table))
        .unwrap()
}

/// The lines, and what was warned of, without the folder's path.
fn shown(collector: &mut dyn Collector, tree: &Tree) -> (String, Vec<String>) {
    let mut samples = samples("textfile", 1000);
    collector.collect(&mut samples).unwrap();
    let folder = tree.path().join("texts/").display().to_string();
    let warnings = samples.warnings().iter().map(|line| line.replace(&folder, "")).collect();
    let text = collect(collector, "textfile").unwrap().replace(&folder, "");
    (
        text.lines().filter(|line| !line.starts_with("node_textfile_mtime")).collect::<Vec<_>>().join("\n"),
        warnings,
    )
}

#[test]
fn without_a_folder_there_is_nothing_to_read() {
    for options in ["{}", r#"{"directory": []}"#, r#"{"directory": ""}"#] {
        assert_eq!(render(&Tree::new(), "textfile", options).unwrap(), "node_textfile_scrape_error 0\n");
    }
}

#[test]
fn a_bad_file_is_left_out_and_the_others_are_shown() {
    let tree = tree();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_900);
    for (name, text) in [
        ("a.prom", BACKUP),
        ("b.prom", "backup_ok{job=\"x\"} 1\n"),
        ("c.prom", "fine 1\nbad\n"),
        ("d.prom", "# TYPE backup_ok gauge\nbackup_ok{job=\"mail\"} 0\n"),
        ("e.prom", "node_textfile_scrape_error 0\n"),
        ("f.prom", "late 1 1700000000000\n"),
        ("g.prom", ""),
        ("h.prom", "half 1"),
        ("i.txt", "not looked at"),
    ] {
        tree.write(&format!("texts/{name}"), text);
        std::fs::File::options()
            .write(true)
            .open(tree.path().join("texts").join(name))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
    tree.write("texts/latin.prom", b"# HELP caf\xe9\n");
    std::fs::create_dir(tree.path().join("texts/folder.prom")).unwrap();
    let mut textfile = collector(&tree);
    for _ in 0..2 {
        let text = collect(&mut *textfile, "textfile").unwrap().replace(tree.path().to_str().unwrap(), "");
        assert_eq!(
            text,
            "node_textfile_scrape_error 1
node_textfile_mtime_seconds{file=\"/texts/a.prom\"} 1700000000
node_textfile_mtime_seconds{file=\"/texts/d.prom\"} 1700000000
node_textfile_mtime_seconds{file=\"/texts/g.prom\"} 1700000000
backup_ok{job=\"home\"} 1
backup_ok{job=\"mail\"} 0
"
        );
        let (_, warnings) = shown(&mut *textfile, &tree);
        let expected = [
            "b.prom: has backup_ok as untyped, but ",
            "c.prom: line 2: expected a number",
            "e.prom: has the family node_textfile_scrape_error, but node_textfile_scrape_error is this plugin's own",
            "f.prom: line 1: a timestamp",
            "folder.prom: is no regular file",
            "h.prom: line 1: the last line has no end",
            "latin.prom: line 1: not UTF-8",
        ];
        assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            assert!(warning.starts_with(expected), "{warning}");
        }
    }
    let mut facts = Facts::default();
    textfile.facts(&mut facts).unwrap();
    assert!(facts.rows()[0].1.ends_with("texts, 10 *.prom"), "{facts:?}");
    assert!(
        facts
            .rows()
            .iter()
            .any(|(name, value)| name.ends_with("c.prom") && value.starts_with("left out: line 2"))
    );
    assert!(facts.rows().iter().any(|(name, value)| name.ends_with("a.prom") && value == "1 series"));
}

#[test]
fn of_a_file_only_the_family_that_can_not_be_shown_is_left_out() {
    let tree = tree();
    tree.write("texts/a.prom", BACKUP);
    let disks = "# TYPE smart_ok gauge\nsmart_ok{disk=\"sda\"} 1\nsmart_ok{disk=\"sda\"} 1\n\
        # TYPE smart_hours counter\nsmart_hours{disk=\"sda\"} 7\n";
    tree.write("texts/disks.prom", disks);
    tree.write("texts/untyped.prom", "backup_ok{job=\"x\"} 1\n# TYPE Bare\nb_x 1\n");
    let mut textfile = collector(&tree);
    for textfile in [&mut textfile, &mut as_a_library(&tree)] {
        let text = collect(&mut **textfile, "textfile").unwrap();
        assert_eq!(text.matches("node_textfile_mtime_seconds{").count(), 3, "{text}");
        let (text, warnings) = shown(&mut **textfile, &tree);
        assert_eq!(
            text,
            "node_textfile_scrape_error 1\nb_x 1\nbackup_ok{job=\"home\"} 1\nsmart_hours{disk=\"sda\"} 7"
        );
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert_eq!(warnings[0], "disks.prom: the series smart_ok{disk=\"sda\"} twice");
        assert!(warnings[1].starts_with("untyped.prom: has backup_ok as untyped, but "), "{warnings:?}");
    }
    let mut facts = Facts::default();
    textfile.facts(&mut facts).unwrap();
    let told = |(name, value): &(String, String)| {
        name.ends_with("disks.prom") && value.starts_with("left out in part: the series")
    };
    assert!(facts.rows().iter().any(told), "{facts:?}");
    tree.write("texts/disks.prom", disks.replacen("{disk=\"sda\"} 1", "{disk=\"sdb\"} 1", 1));
    std::fs::remove_file(tree.path().join("texts/untyped.prom")).unwrap();
    let (text, warnings) = shown(&mut *textfile, &tree);
    assert!(text.starts_with("node_textfile_scrape_error 0\n") && text.contains("sdb"), "{text}");
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn changes_are_seen() {
    let tree = tree();
    let mut textfile = collector(&tree);
    let mut now = |expected: &str| {
        let (text, warnings) = shown(&mut *textfile, &tree);
        assert_eq!((text.as_str(), warnings), (expected, vec![]));
    };
    now("node_textfile_scrape_error 0");
    tree.write("texts/b.prom", "b 1\n");
    now("node_textfile_scrape_error 0\nb 1");
    tree.write("texts/a.prom", "a 1\n");
    tree.write("texts/b.prom", "b 22\n");
    now("node_textfile_scrape_error 0\na 1\nb 22");
    // As it should be done: the new one is renamed over the old one, here with its size and its date.
    let old = std::fs::metadata(tree.path().join("texts/b.prom")).unwrap().modified().unwrap();
    tree.write("texts/b.new", "b 33\n");
    let new = std::fs::File::options().write(true).open(tree.path().join("texts/b.new")).unwrap();
    new.set_modified(old).unwrap();
    std::fs::rename(tree.path().join("texts/b.new"), tree.path().join("texts/b.prom")).unwrap();
    now("node_textfile_scrape_error 0\na 1\nb 33");
    std::fs::remove_file(tree.path().join("texts/a.prom")).unwrap();
    now("node_textfile_scrape_error 0\nb 33");
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let tree = tree();
    tree.write("texts/a.prom", "a 1\n");
    let path = tree.path().join("texts/a.prom");
    let mut textfile = collector(&tree);
    let mut samples = samples("textfile", 1000);
    let reads = || {
        std::fs::read_to_string("/proc/thread-self/io").ok().map(|io| io.lines().nth(2).unwrap().to_owned())
    };
    textfile.collect(&mut samples).unwrap();
    let set = samples.series_set().unwrap();
    let texts = Texts::of(&mut samples).unwrap().merged();
    // The count has one read for each look at it.
    let (first, second) = (reads(), reads());
    samples.clear();
    textfile.collect(&mut samples).unwrap();
    let third = reads();
    if let (Some(first), Some(second), Some(third)) = (first, second, third) {
        let number = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        assert_eq!(number(&third) - number(&second), number(&second) - number(&first), "{third}");
    }
    assert!(samples.has_series_of(&set) && Texts::of(&mut samples).unwrap().are(&texts));
    // Touched: read, and still the same to the host.
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    samples.clear();
    textfile.collect(&mut samples).unwrap();
    assert!(samples.has_series_of(&set) && Texts::of(&mut samples).unwrap().are(&texts));
    assert_eq!(samples.values(), [0.0, 0.0]);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let tree = Tree::new();
    let (text, warnings) = shown(&mut *collector(&tree), &tree);
    assert_eq!(text, "node_textfile_scrape_error 1");
    assert!(warnings[0].ends_with("texts: No such file or directory (os error 2)"), "{warnings:?}");
}

#[test]
fn several_folders_are_read_in_their_order() {
    let tree = Tree::new().file("two/x.prom", "x 1\n").file("one/x.prom", "x 2\n");
    let path = |name: &str| tree.path().join(name);
    let options = serde_json::json!({ "directory": [path("two"), path("one"), path("two")] }).to_string();
    let text = render(&tree, "textfile", &options).unwrap();
    assert!(
        text.ends_with("\nx 1\n") && text.contains("two/x.prom") && !text.contains("one/x.prom"),
        "{text}"
    );
}

#[test]
fn a_folder_may_be_a_pattern() {
    let tree = Tree::new().file("tf/a/m/1.prom", "one 1\n").file("tf/b/m/2.prom", "two 1\n");
    tree.write("tf/c/other/3.prom", "three 1\n");
    let options = |paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|path| tree.path().join(path)).collect();
        serde_json::json!({ "directory": paths }).to_string()
    };
    let mut textfile = make(&tree, "textfile", &options(&["tf/*/m", "tf/a/m"])).unwrap();
    let (text, warnings) = shown(&mut *textfile, &tree);
    assert_eq!((text.as_str(), warnings.len()), ("node_textfile_scrape_error 0\none 1\ntwo 1", 0));
    // A folder that comes later is found, and one that goes is no fault.
    tree.write("tf/d/m/4.prom", "four 1\n");
    std::fs::remove_dir_all(tree.path().join("tf/a")).unwrap();
    let mut textfile_of_two = make(&tree, "textfile", &options(&["tf/*/m"])).unwrap();
    for textfile in [&mut textfile_of_two, &mut make(&tree, "textfile", &options(&["tf/[bd]/?"])).unwrap()] {
        let (text, warnings) = shown(&mut **textfile, &tree);
        assert_eq!((text.as_str(), warnings.len()), ("node_textfile_scrape_error 0\nfour 1\ntwo 1", 0));
    }
    let (text, warnings) = shown(&mut *textfile, &tree);
    assert!(text.ends_with("error 1\nfour 1\ntwo 1") && warnings.len() == 1, "{text} {warnings:?}");
    // Nothing matches: it is a name, and there is no such folder.
    let mut none = make(&tree, "textfile", &options(&["tf/*/none"])).unwrap();
    let (text, warnings) = shown(&mut *none, &tree);
    assert_eq!(text, "node_textfile_scrape_error 1");
    assert!(warnings[0].ends_with("tf/*/none: No such file or directory (os error 2)"), "{warnings:?}");
    tree.write("tf/x[1]/5.prom", "five 1\n");
    let bracket = make(&tree, "textfile", &options(&["tf/x[1]"]));
    assert!(shown(&mut *bracket.unwrap(), &tree).0.ends_with("error 0\nfive 1"));
}

#[test]
fn options_are_checked() {
    for (options, why) in [
        (r#"{"directory": 3}"#, "[collectors.textfile]: directory is 3, expected a text or a list of texts"),
        (r#"{"folder": "x"}"#, "[collectors.textfile]: unknown option folder, expected directory"),
    ] {
        let error = make(&Tree::new(), "textfile", options).err().unwrap();
        assert!(error.message().contains(why), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let tree = tree();
    let at = |name: &str| tree.path().join("texts").join(name);
    mknodat(CWD, at("fifo.prom"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    std::os::unix::fs::symlink(at("fifo.prom"), at("link-to-fifo.prom")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero.prom")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("broken-link.prom")).unwrap();
    std::os::unix::fs::symlink("../real", at("link.prom")).unwrap();
    tree.write("real", "real 1\n");
    let socket = std::os::unix::net::UnixListener::bind(at("socket.prom")).unwrap();
    let (text, warnings) = shown(&mut *collector(&tree), &tree);
    drop(socket);
    assert_eq!(text, "node_textfile_scrape_error 1\nreal 1");
    assert_eq!(
        warnings,
        [
            "broken-link.prom: No such file or directory (os error 2)",
            "fifo.prom: is no regular file",
            "link-to-fifo.prom: is no regular file",
            "socket.prom: is no regular file",
            "zero.prom: is no regular file",
        ]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_one_label_once() {
    use std::os::unix::ffi::OsStrExt;
    let tree = tree();
    for name in [&b"\xff.prom"[..], b"\xfe.prom"] {
        std::fs::write(tree.path().join("texts").join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
    }
    let mut textfile = collector(&tree);
    for _ in 0..2 {
        let (_, warnings) = shown(&mut *textfile, &tree);
        assert_eq!(warnings, ["\u{fffd}.prom: another file's name looks the same"]);
    }
}

#[test]
fn a_flood_costs_what_it_brings_and_the_rest_is_shown() {
    let tree = tree();
    let flood: String = (0..1_000_000).map(|at| format!("flood{{at=\"{at}\"}} 1\n")).collect();
    tree.write("texts/flood.prom", &flood);
    tree.write("texts/long.prom", flood.repeat(2));
    tree.write(
        "texts/some.prom",
        flood.lines().take(700).map(|line| line.replace("flood", "some") + "\n").collect::<String>(),
    );
    tree.write(
        "texts/more.prom",
        flood.lines().take(700).map(|line| line.replace("flood", "more") + "\n").collect::<String>(),
    );
    tree.write("texts/z.prom", "z 1\n");
    let began = std::time::Instant::now();
    let mut textfile = collector(&tree);
    let mut samples = samples("textfile", 1000);
    textfile.collect(&mut samples).unwrap();
    assert!(samples.fault().is_none());
    let warnings: Vec<_> = samples
        .warnings()
        .iter()
        .map(|line| Path::new(line).file_name().unwrap().to_str().unwrap())
        .collect();
    assert!(
        warnings[0].starts_with("flood.prom: has ") && warnings[0].contains("expected 512000 at most"),
        "{warnings:?}"
    );
    assert!(warnings[1].starts_with("long.prom: has "), "{warnings:?}");
    assert!(warnings[2].starts_with("some.prom: has 700 series, and there is room for"), "{warnings:?}");
    assert_eq!((warnings.len(), samples.len()), (3, 700 + 1 + 3));
    println!("{:?}", began.elapsed());
}
