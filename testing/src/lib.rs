//! Helpers for the tests of plugin crates.
//!
//! A plugin's test makes a tree of files such as the kernel would show, runs the collector on it, and compares the
//! sample lines:
//!
//! ```ignore
//! let tree = Tree::new().file("proc/loadavg", "0.5 0.4 0.3 1/100 42\n");
//! assert_eq!(render(&tree, "loadavg", "{}").unwrap(), "node_load1 0.5\n…");
//! ```
//!
//! and holds the plugin to the contract with one line, [`conforms!`](crate::conforms!).

mod allocator;
mod conformance;
mod lint;
mod readme;
mod spoil;

pub use allocator::CountingAllocator;
pub use conformance::{Case, Cost, conforms, fuzz_files};
pub use relink_exposition::Texts;
pub use relink_import::Imported;

use std::fmt::Write as _;
use std::path::Path;

use relink_core::registry::{self, CollectorDescriptor, Descriptor, Options};
use relink_core::{Collector, Error, Paths, Samples};

/// A folder of files that stands for a machine: `proc`, `sys` and `root` below it.
pub struct Tree {
    dir: tempfile::TempDir,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// An empty machine.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for root in ["proc", "sys", "root"] {
            std::fs::create_dir(dir.path().join(root)).expect("an empty temporary folder");
        }
        Tree { dir }
    }

    /// Writes a file, its folders included; one that is there is replaced.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    /// The same on a tree in use.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file in the tree")).expect("folders in the tree");
        std::fs::write(path, content).expect("a file in the tree");
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The roots that a plugin gets.
    pub fn paths(&self) -> Paths {
        Paths {
            procfs: self.dir.path().join("proc"),
            sysfs: self.dir.path().join("sys"),
            rootfs: self.dir.path().join("root"),
        }
    }
}

/// The one plugin that this test executable has linked under `name`.
pub fn plugin(name: &str) -> &'static Descriptor {
    let known = registry::plugins();
    known.iter().find(|plugin| plugin.name == name).unwrap_or_else(|| {
        let names: Vec<_> = known.iter().map(|plugin| plugin.name).collect();
        panic!("no plugin {name:?} among {names:?}: does the test say `use metrics_{name} as _;`?")
    })
}

/// The one collector that this test executable has linked under `name`.
pub fn collector(name: &str) -> &'static CollectorDescriptor {
    let known: Vec<_> = registry::plugins().iter().flat_map(|plugin| plugin.collectors).collect();
    known.iter().find(|collector| collector.name == name).unwrap_or_else(|| {
        let names: Vec<_> = known.iter().map(|collector| collector.name).collect();
        panic!("no collector {name:?} among {names:?}: does the test say `use` of its plugin's crate?")
    })
}

/// Makes a collector on a tree, with options given as JSON.
pub fn make(tree: &Tree, name: &str, options: &str) -> Result<Box<dyn Collector>, Error> {
    (collector(name).new)(&self::options(tree, name, options))
}

fn options(tree: &Tree, name: &str, json: &str) -> Options {
    let table = serde_json::from_str(json).expect("options as a JSON object");
    Options::new(name, tree.paths(), table)
}

/// Room for so many samples of the collector, whose texts are judged as the host does it.
pub fn samples(name: &str, limit: usize) -> Samples {
    Texts::samples(collector(name).families, limit)
}

/// One collection as sample lines, families in the declared order: `name{label="value"} 1`.
pub fn collect(code: &mut dyn Collector, name: &str) -> Result<String, Error> {
    let mut samples = samples(name, 100_000);
    code.collect(&mut samples)?;
    lines(&mut samples)
}

/// What was pushed, as sample lines, those of families known only at run time last; an error if there was a mistake in it.
fn lines(samples: &mut Samples) -> Result<String, Error> {
    samples.outcome()?;
    let set = samples.series_set()?;
    let mut text = String::new();
    for place in set.places() {
        let (_, family) = set.family_of(place);
        let labels: Vec<String> = family
            .label_names()
            .iter()
            .zip(set.labels_of(place))
            .map(|(n, v)| format!("{n}={v:?}"))
            .collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(text, "{}{labels} {}", family.name(), samples.values()[place]);
    }
    let texts = Texts::of(samples).map(|texts| texts.merged()).unwrap_or_default();
    for family in texts.families() {
        for sample in family.samples() {
            let labels =
                if sample.labels.is_empty() { String::new() } else { format!("{{{}}}", sample.labels) };
            let _ = writeln!(text, "{}{}{labels} {}", family.name(), sample.suffix, sample.value);
        }
    }
    Ok(text)
}

/// Makes the collector on a tree and runs it once.
pub fn render(tree: &Tree, name: &str, options: &str) -> Result<String, Error> {
    collect(&mut *make(tree, name, options)?, name)
}

/// What a collector warns of on a tree, where it succeeds.
pub fn warnings(tree: &Tree, name: &str, options: &str) -> Result<Vec<String>, Error> {
    let mut samples = samples(name, 100_000);
    make(tree, name, options)?.collect(&mut samples)?;
    Ok(samples.warnings().to_vec())
}
