//! What every plugin must keep to, as one test: see [`conforms!`](crate::conforms!).

use std::path::{Path, PathBuf};

use crate::allocator::{Allocated, allocated};
use crate::{Tree, lines, lint, make, options, plugin, readme};
use relink_core::abi::Imported;
use relink_core::guard::{Failure, guarded};
use relink_core::{Collector, Descriptor, Error};
use relink_exposition::Texts;

/// How many series a collection may have here. Another number than where nobody says any, so that a plugin which is not
/// told its limit behaves otherwise than one that is.
const SERIES: usize = 100_000;
/// Collections in which a plugin's buffers find their size.
const WARM_UP: u64 = 100;
/// Collections over which the cost is taken, as a mean.
const MEASURED: u64 = 1_000;
/// Collections over which memory may not grow.
const MANY: u64 = 10_000;
/// A leak of a byte a collection is more than this.
const GROWTH: i64 = 4096;

/// What one collection may cost once buffers have their size, on the tree of the test.
///
/// Counted, not timed: system calls and allocations are what a collection's time consists of, and their number is the
/// same on a slow machine and on a busy one.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// read(2) calls: two for a [`Source`](relink_core::Source), of which the second finds the end. Not checked where the
    /// kernel does not count them (`/proc/thread-self/io`).
    pub reads: u64,
    /// Allocations.
    pub allocations: u64,
}

/// Makes a test that holds a plugin to the contract: one line in a file of `tests/`, once a file.
///
/// ```ignore
/// relink_testing::conforms!("load", machine(), reads: 2, allocations: 0);
/// ```
///
/// `options: r#"{"info": true}"#` before `reads` sets options. The tree is a machine on which the plugin works, best with every file that it may read. The test
/// fails unless
///
/// - names and help texts of the declared families pass Prometheus' linter;
/// - an option that does not exist is refused by name;
/// - the tables of the crate's README, below `| family |` and `| option |`, list its families in their order and all of its options;
/// - all samples are of declared families, with the right labels, and no series stands there twice;
/// - with each file of the tree in turn missing, empty, cut in half, garbage, or full of absurd numbers: a collector
///   that had read the good one, and one made anew, do not panic; an error names the file; and when the file is back,
///   the first shows the same series as before;
/// - a collection costs no more than said here ([`Cost`]), and over 10,000 of them memory does not grow (counted by
///   an allocator of the test's own, in the thread that collects);
/// - the plugin shows the same when it is driven over the C interface of loaded plugins, where it has the same options
///   and the same limit of series.
#[macro_export]
macro_rules! conforms {
    ($name:expr, $tree:expr, reads: $reads:expr, allocations: $allocations:expr $(,)?) => {
        $crate::conforms! { $name, $tree, options: "{}", reads: $reads, allocations: $allocations }
    };
    ($name:expr, $tree:expr, options: $options:expr, reads: $reads:expr, allocations: $allocations:expr $(,)?) => {
        #[global_allocator]
        static COUNTING: $crate::CountingAllocator = $crate::CountingAllocator;

        #[test]
        fn the_plugin_conforms() {
            let cost = $crate::Cost { reads: $reads, allocations: $allocations };
            let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
            $crate::conforms($name, &$tree, $options, cost, readme);
        }
    };
}

/// What [`conforms!`](crate::conforms!) calls.
pub fn conforms(name: &str, tree: &Tree, options: &str, cost: Cost, readme: &str) {
    let plugin = plugin(name);
    let mut problems = lint::problems(plugin.families);
    let good = match once(plugin, &mut *make(tree, name, options).expect("a collector on the good tree")) {
        Ok(text) if text.is_empty() => panic!("{name} shows nothing on the tree: there is nothing to check"),
        Ok(text) => text,
        Err(why) => panic!("{name} fails on the tree: {why}"),
    };
    problems.extend(accepts_anything(tree, name));
    problems.extend(readme::problems(readme, plugin.families, &known_options(tree, name)));
    let subject = Subject { plugin, tree, options, series: series(&good) };
    for file in files(tree.path()) {
        problems.extend(subject.survives(&file));
    }
    problems.extend(subject.keeps_to(cost));
    problems.extend(subject.is_the_same_when_loaded());
    assert!(problems.is_empty(), "{name} does not conform:\n- {}", problems.join("\n- "));
}

/// An option that no plugin has.
fn accepts_anything(tree: &Tree, name: &str) -> Option<String> {
    match make(tree, name, r#"{"no_such_option": 1}"#) {
        Err(why) if why.message().contains("`no_such_option`") => None,
        Err(why) => Some(format!("the option no_such_option is refused, but not by name: {why}")),
        Ok(_) => Some(
            "takes the option no_such_option; give its struct #[serde(default, deny_unknown_fields)], or call \
             options.expect_none()"
                .to_owned(),
        ),
    }
}

/// The options that a plugin says it knows when it refuses one; none where it has none.
fn known_options(tree: &Tree, name: &str) -> Vec<String> {
    let refused = make(tree, name, r#"{"no_such_option": 1}"#).err();
    let words = refused.as_ref().map_or("", Error::message);
    let known = words.split_once("expected ").map_or("", |(_, known)| known);
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

struct Subject<'a> {
    plugin: &'static Descriptor,
    tree: &'a Tree,
    options: &'a str,
    /// What it shows on the good tree.
    series: Vec<String>,
}

impl Subject<'_> {
    fn make(&self) -> Result<Box<dyn Collector>, Error> {
        (self.plugin.new)(&options(self.tree, self.plugin.name, self.options).with_series(SERIES))
    }

    /// Spoils one file in all ways.
    fn survives(&self, file: &Path) -> Vec<String> {
        let path = self.tree.path().join(file);
        let good = std::fs::read(&path).expect("a file of the tree");
        let mut problems = Vec::new();
        for (how, content) in spoilt(&good) {
            let mut old = self.make().expect("a collector on the good tree");
            once(self.plugin, &mut *old).expect("a collection on the good tree");
            match content {
                Some(content) => std::fs::write(&path, content),
                None => std::fs::remove_file(&path),
            }
            .expect("a file of the tree can be changed");
            let mut attempt = |who: &str, outcome: Result<String, Failure>| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let what = match outcome {
                    Err(Failure::Panicked(why)) => why.to_string(),
                    Err(Failure::Said(why)) if !why.message().contains(&*name) => {
                        format!("the error does not name the file: {why}")
                    }
                    _ => return,
                };
                problems.push(format!("{} {how}, {who}: {what}", file.display()));
            };
            for _ in 0..2 {
                attempt("met by a running collector", guarded(|| once(self.plugin, &mut *old)));
            }
            attempt("met by a new collector", guarded(|| once(self.plugin, &mut *self.make()?)));
            std::fs::write(&path, &good).expect("a file of the tree");
            match guarded(|| once(self.plugin, &mut *old)) {
                Ok(text) if series(&text) == self.series => {}
                Ok(text) => problems.push(format!(
                    "{} {how} and restored: shows {} series, expected the {} of before",
                    file.display(),
                    text.lines().count(),
                    self.series.len()
                )),
                Err(Failure::Said(why) | Failure::Panicked(why)) => {
                    problems.push(format!("{} {how} and restored: still fails: {why}", file.display()));
                }
            }
        }
        problems
    }

    /// Collects very often.
    fn keeps_to(&self, cost: Cost) -> Vec<String> {
        assert!(counts(), "nobody counts allocations: call this through relink_testing::conforms!");
        let mut problems = Vec::new();
        let mut collector = self.make().expect("a collector on the good tree");
        let mut samples = Texts::samples(self.plugin.families, SERIES);
        let mut collect = |times: u64| -> (Allocated, Option<u64>) {
            let (before, reads) = (allocated(), reads());
            for _ in 0..times {
                samples.clear();
                collector.collect(&mut samples).expect("a collection on the good tree");
            }
            let after = allocated();
            let spent = Allocated { calls: after.calls - before.calls, live: after.live - before.live };
            (spent, reads.and_then(|before| Some(self::reads()? - before)))
        };
        collect(WARM_UP);
        let (spent, reads) = collect(MEASURED);
        for (what, found, allowed) in
            [("allocations", Some(spent.calls), cost.allocations), ("reads", reads, cost.reads)]
        {
            let mean = found.map_or(0, |found| found / MEASURED);
            if mean > allowed {
                problems.push(format!("{mean} {what} a collection, expected at most {allowed}"));
            }
        }
        let grown = spent.live + collect(MANY - WARM_UP - MEASURED).0.live;
        if grown > GROWTH {
            problems.push(format!("memory grew by {grown} bytes over {MANY} collections"));
        }
        problems
    }

    /// Compares with the plugin behind the C interface. What the machine itself changes meanwhile (the clock, free
    /// space) is no difference: a line counts if it is the same before and after.
    fn is_the_same_when_loaded(&self) -> Option<String> {
        let name = self.plugin.name;
        let mut linked = self.make().expect("a collector on the good tree");
        let options = options(self.tree, name, self.options).with_series(SERIES);
        let mut loaded = match guarded(|| Imported::linked(self.plugin)?.collector(&options)) {
            Ok(loaded) => loaded,
            Err(Failure::Said(why) | Failure::Panicked(why)) => {
                return Some(format!("{name} can't be made over the C interface: {why}"));
            }
        };
        let mut difference = None;
        // A value may fall and rise again between two looks; seldom more than once.
        for _ in 0..5 {
            let before = once(self.plugin, &mut *linked).expect("a collection on the good tree");
            let over_c = match guarded(|| once(self.plugin, &mut *loaded)) {
                Ok(text) => text,
                Err(Failure::Said(why) | Failure::Panicked(why)) => {
                    return Some(format!("{name} fails over the C interface: {why}"));
                }
            };
            let after = once(self.plugin, &mut *linked).expect("a collection on the good tree");
            if series(&over_c) != series(&before) {
                return Some(format!(
                    "{name} shows other series over the C interface:\n{over_c}\nand linked:\n{before}"
                ));
            }
            difference = before
                .lines()
                .zip(after.lines())
                .zip(over_c.lines())
                .find(|((before, after), over_c)| before == after && before != over_c)
                .map(|((linked, _), over_c)| format!("{linked:?} linked is {over_c:?} over the C interface"));
            if difference.is_none() {
                break;
            }
        }
        difference
    }
}

/// One collection as text.
fn once(plugin: &Descriptor, collector: &mut dyn Collector) -> Result<String, Error> {
    let mut samples = Texts::samples(plugin.families, SERIES);
    collector.collect(&mut samples)?;
    lines(&mut samples)
}

/// The lines without their values.
fn series(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// The ways to spoil a file; nothing means that it is gone.
fn spoilt(good: &[u8]) -> [(&'static str, Option<Vec<u8>>); 6] {
    [
        ("missing", None),
        ("emptied", Some(Vec::new())),
        ("cut in half", Some(good[..good.len() / 2].to_vec())),
        ("with garbage", Some(b"garbage: all of it\n".to_vec())),
        ("with bytes that are no text", Some(b"\xff\xfe\x00\x07\n\n\xc3".to_vec())),
        ("with absurd numbers", Some(absurd(good))),
    ]
}

/// The same text with each number beyond what 64 bits hold.
fn absurd(good: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut in_number = false;
    for byte in good {
        if !byte.is_ascii_digit() {
            text.push(*byte);
        } else if !in_number {
            text.extend(b"99999999999999999999");
        }
        in_number = byte.is_ascii_digit();
    }
    text
}

/// The files below a folder, relative to it, in order. Links are not followed.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the tree").flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    files.push(entry.path().strip_prefix(root).expect("below the root").to_owned());
                }
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// The read(2) calls of this thread so far, where the kernel counts them.
fn reads() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("syscr:"))?.trim().parse().ok()
}

/// Whether [`crate::CountingAllocator`] is the global one.
fn counts() -> bool {
    let before = allocated().calls;
    drop(std::hint::black_box(Box::new(0)));
    allocated().calls > before
}
