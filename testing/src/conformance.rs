//! What every plugin must keep to, as one test: see [`conforms!`](crate::conforms!).

use std::path::{Path, PathBuf};

use crate::allocator::{Allocated, allocated};
use crate::spoil::spoilt;
use crate::{Tree, lines, lint, options, plugin, readme};
use relink_core::guard::{Failure, guarded};
use relink_core::registry::{self, CollectorDescriptor};
use relink_core::{Collector, Error, Family};
use relink_exposition::Texts;
use relink_import::Imported;

/// How many series a collection may have here.
const SERIES: usize = 100_000;
/// Collections in which a collector's buffers find their size.
const WARM_UP: u64 = 100;
/// Collections over which the cost is taken, as a mean.
const MEASURED: u64 = 1_000;
/// Collections over which memory may not grow.
const MANY: u64 = 10_000;
/// How many spoilt files are tried at each test.
const FUZZED: u64 = 60;
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

/// One collector of a plugin, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub collector: &'static str,
    /// Its options, as JSON.
    pub options: &'static str,
    /// A file of the tree that another collector reads as well, or none.
    pub shares: Option<&'static str>,
    /// Whether the tree has nothing for it.
    pub nothing: bool,
    /// What it may cost with them.
    pub cost: Cost,
}

/// Makes a test that holds a plugin to the contract: one in a file of `tests/`.
///
/// ```ignore
/// relink_testing::conforms! {
///     "disk", machine(),
///     "diskstats" => { reads: 2, allocations: 0 },
///     "filesystem" => { options: r#"{"mount_points_exclude": "^/run"}"#, reads: 4, allocations: 2 },
/// }
/// ```
///
/// All collectors of the plugin are listed. One that reads what is another's file as well says so behind its options, with
/// `shares: "proc/net/stat/nf_conntrack",`. The tree is a machine on which they work, best with every file that they may
/// read. `"bonding" => nothing` is one that this tree has nothing for: it may neither read nor allocate. The test fails
/// unless
///
/// - names and help texts of the declared families pass Prometheus' linter;
/// - the tables of the crate's README, below `| family |` and `| option |`, list the families in their order and all
///   options;
/// - all samples are of declared families, with the right labels, and no series is there twice;
/// - with each file of the tree in turn missing, empty, cut in half, garbage, twice over, full of absurd or negative
///   numbers, no text, a folder, or not to be opened: a collector that had read the good one, and one made afresh, do not panic; a file that is missing is no error;
///   an error names the file; all other collectors show what they showed before; and when the file is back, so does this
///   one;
/// - a collection costs no more than said here ([`Cost`]), and over 10,000 of them memory does not grow (counted by
///   an allocator of the test's own, in the thread that collects);
/// - with a file spoilt by chance in one of many ways nothing panics (`fuzz_files`, a test of its own);
/// - each collector shows the same when it is driven over the C interface of loaded plugins.
#[macro_export]
macro_rules! conforms {
    (
        $plugin:expr, $tree:expr,
        $($collector:literal => $case:tt),* $(,)?
    ) => {
        #[global_allocator]
        static COUNTING: $crate::CountingAllocator = $crate::CountingAllocator;

        #[test]
        fn the_plugin_conforms() {
            let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
            let cases = [$($crate::conforms!(@case $collector $case)),*];
            $crate::conforms($plugin, &$tree, &cases, readme);
        }

        #[test]
        fn fuzz_files() {
            $crate::fuzz_files($plugin, &$tree, &[$($crate::conforms!(@case $collector $case)),*]);
        }
    };
    (@case $collector:literal nothing) => {
        $crate::Case {
            collector: $collector,
            options: "{}",
            shares: None,
            nothing: true,
            cost: $crate::Cost { reads: 0, allocations: 0 },
        }
    };
    (@case $collector:literal {
        $(options: $options:expr,)? $(shares: $shares:expr,)? reads: $reads:expr, allocations: $allocations:expr $(,)?
    }) => {
        $crate::Case {
            collector: $collector,
            options: [$($options,)? "{}"][0],
            shares: [$(Some($shares),)? None][0],
            nothing: false,
            cost: $crate::Cost { reads: $reads, allocations: $allocations },
        }
    };
}

/// What [`conforms!`](crate::conforms!) calls.
pub fn conforms(name: &str, tree: &Tree, cases: &[Case], readme: &str) {
    let plugin = plugin(name);
    let (mut problems, mut subjects) = (Vec::new(), Vec::new());
    for collector in plugin.collectors {
        match cases.iter().find(|case| case.collector == collector.name) {
            Some(case) => subjects.push(Subject::new(collector, tree, case)),
            None => problems.push(format!("no case is given for its collector {}", collector.name)),
        }
    }
    let all: Vec<Family> =
        plugin.collectors.iter().flat_map(|collector| collector.families).copied().collect();
    let known: Vec<_> = plugin.collectors.iter().flat_map(|one| one.options).map(|one| one.name).collect();
    problems.extend(lint::problems(&all));
    problems.extend(readme::problems(readme, &all, &known));
    for file in files(tree.path()) {
        problems.extend(survives(&subjects, tree, &file));
    }
    for subject in &subjects {
        problems.extend(subject.keeps_to());
        problems.extend(subject.is_the_same_when_loaded());
    }
    assert!(problems.is_empty(), "{name} does not conform:\n- {}", problems.join("\n- "));
}

/// What [`conforms!`](crate::conforms!) calls besides: each file with all sorts of content, read by a collector that runs and
/// by one made afresh. Neither panics.
pub fn fuzz_files(name: &str, tree: &Tree, cases: &[Case]) {
    let collectors = plugin(name).collectors.iter();
    let case_of = |name: &str| cases.iter().find(|case| case.collector == name);
    let subjects: Vec<_> =
        collectors.filter_map(|one| Some(Subject::new(one, tree, case_of(one.name)?))).collect();
    let mut running: Vec<_> = subjects.iter().map(|subject| subject.make().expect("a good tree")).collect();
    let files = files(tree.path());
    if files.is_empty() {
        // What a plugin asks a socket for has a target of its own.
        return;
    }
    let read = |path: &PathBuf| std::fs::read(tree.path().join(path)).expect("a file of the tree");
    let contents: Vec<_> = files.iter().map(read).collect();
    let words = ["\n", " ", "\t", ":", "-", "/", "0x", "kB", "%", "(", ")", "=", "none", "\u{0}", "é"];
    relink_fuzz::fuzz_with(&format!("files of {name}"), FUZZED, |dice, given| {
        let at = dice.roll(files.len());
        let other = &contents[dice.roll(files.len())];
        let input = dice.spoil(&contents[at], other, &words);
        given(&[files[at].to_string_lossy().as_bytes(), b": ", &input].concat());
        let path = tree.path().join(&files[at]);
        std::fs::write(&path, &input).expect("a file of the tree");
        for (subject, code) in subjects.iter().zip(&mut running) {
            let _ = once(subject.about, &mut **code);
            let _ = subject.make().and_then(|mut code| once(subject.about, &mut *code));
        }
        std::fs::write(&path, &contents[at]).expect("a file of the tree");
    });
}

struct Subject<'a> {
    about: &'static CollectorDescriptor,
    tree: &'a Tree,
    case: Case,
    /// What it shows on the good tree.
    series: Vec<String>,
}

impl<'a> Subject<'a> {
    fn new(about: &'static CollectorDescriptor, tree: &'a Tree, case: &Case) -> Self {
        let mut subject = Subject { about, tree, case: *case, series: Vec::new() };
        let name = about.name;
        match once(about, &mut *subject.make().expect("a collector on the good tree")) {
            Ok(text) if text.is_empty() != case.nothing => {
                panic!("{name} shows on the tree: {text:?}, and nothing is {}", case.nothing)
            }
            Ok(text) => subject.series = series(&text),
            Err(why) => panic!("{name} fails on the tree: {why}"),
        }
        subject
    }

    fn make(&self) -> Result<Box<dyn Collector>, Error> {
        (self.about.new)(&options(self.tree, self.about.name, self.case.options))
    }
}

/// Spoils one file in all ways.
fn survives(subjects: &[Subject<'_>], tree: &Tree, file: &Path) -> Vec<String> {
    let path = tree.path().join(file);
    let good = std::fs::read(&path).expect("a file of the tree");
    let mut problems = Vec::new();
    for (how, spoil) in spoilt(&good) {
        let spoilt = format!("{} {how}", file.display());
        let mut running: Vec<_> =
            subjects.iter().map(|subject| subject.make().expect("a good tree")).collect();
        for (subject, code) in subjects.iter().zip(&mut running) {
            once(subject.about, &mut **code).expect("a collection on the good tree");
        }
        spoil(&path);
        let mut touched = Vec::new();
        for (subject, code) in subjects.iter().zip(&mut running) {
            let attempts = [
                guarded(|| once(subject.about, &mut **code)),
                guarded(|| once(subject.about, &mut **code)),
                guarded(|| once(subject.about, &mut *subject.make()?)),
            ];
            for (outcome, who) in attempts.iter().zip(["a running one", "a running one", "a new one"]) {
                let problem = subject.problem(outcome, file, how == "missing");
                problems
                    .extend(problem.map(|what| format!("{spoilt}, {who} of {}: {what}", subject.about.name)));
            }
            let is_whole = |outcome: &Result<String, Failure>| {
                outcome.as_ref().is_ok_and(|text| series(text) == subject.series)
            };
            let is_own = subject.case.shares.is_none_or(|shared| Path::new(shared) != file);
            if is_own && !attempts.iter().all(is_whole) {
                touched.push(subject.about.name);
            }
        }
        if touched.len() > 1 {
            problems.push(format!("{spoilt}: it takes along more than one collector: {touched:?}"));
        }
        std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path)).ok();
        std::fs::write(&path, &good).expect("a file of the tree");
        for (subject, code) in subjects.iter().zip(&mut running) {
            let problem = match guarded(|| once(subject.about, &mut **code)) {
                Ok(text) if series(&text) == subject.series => continue,
                Ok(text) => {
                    format!(
                        "shows {} series, expected the {} of before",
                        text.lines().count(),
                        subject.series.len()
                    )
                }
                Err(Failure::Said(why) | Failure::Panicked(why)) => format!("still fails: {why}"),
            };
            problems.push(format!("{spoilt} and restored: {} {problem}", subject.about.name));
        }
    }
    problems
}

impl Subject<'_> {
    /// What is wrong with an outcome on a spoilt file.
    fn problem(&self, outcome: &Result<String, Failure>, file: &Path, is_missing: bool) -> Option<String> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match outcome {
            Err(Failure::Panicked(why)) => Some(why.to_string()),
            Err(Failure::Said(why)) if is_missing => {
                Some(format!("what is missing is no error, but none of its samples: {why}"))
            }
            Err(Failure::Said(why)) if !why.message().contains(&*name) => {
                Some(format!("the error does not name the file: {why}"))
            }
            _ => None,
        }
    }

    /// Collects very often.
    fn keeps_to(&self) -> Vec<String> {
        let (name, cost) = (self.about.name, self.case.cost);
        assert!(counts(), "nobody counts allocations: call this through relink_testing::conforms!");
        let mut problems = Vec::new();
        let mut collector = self.make().expect("a collector on the good tree");
        let mut samples = Texts::samples(self.about.families, SERIES);
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
                problems.push(format!("{name}: {mean} {what} a collection, expected at most {allowed}"));
            }
        }
        let grown = spent.live + collect(MANY - WARM_UP - MEASURED).0.live;
        if grown > GROWTH {
            problems.push(format!("{name}: memory grew by {grown} bytes over {MANY} collections"));
        }
        problems
    }

    /// Compares with the collector behind the C interface. What the machine itself changes meanwhile (the clock, free
    /// space) is no difference: a line counts if it is the same before and after.
    fn is_the_same_when_loaded(&self) -> Option<String> {
        let (name, about) = (self.about.name, self.about);
        let mut linked = self.make().expect("a collector on the good tree");
        let options = options(self.tree, name, self.case.options);
        let plugin =
            registry::plugins().into_iter().find(|one| one.collectors.iter().any(|c| c.name == name))?;
        let over_c = || {
            let imported = Imported::linked(plugin)?;
            let found = imported.collectors().iter().find(|one| one.about.name == name);
            found.ok_or_else(|| Error::new("its table lacks it"))?.make(&options)
        };
        let mut loaded = match guarded(over_c) {
            Ok(loaded) => loaded,
            Err(Failure::Said(why) | Failure::Panicked(why)) => {
                return Some(format!("{name} can't be made over the C interface: {why}"));
            }
        };
        let mut difference = None;
        // A value may fall and rise again between two looks; seldom more than once.
        for _ in 0..5 {
            let before = once(about, &mut *linked).expect("a collection on the good tree");
            let over_c = match guarded(|| once(about, &mut *loaded)) {
                Ok(text) => text,
                Err(Failure::Said(why) | Failure::Panicked(why)) => {
                    return Some(format!("{name} fails over the C interface: {why}"));
                }
            };
            let after = once(about, &mut *linked).expect("a collection on the good tree");
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
fn once(about: &CollectorDescriptor, code: &mut dyn Collector) -> Result<String, Error> {
    let mut samples = Texts::samples(about.families, SERIES);
    code.collect(&mut samples)?;
    lines(&mut samples)
}

/// The lines without their values.
fn series(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
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
