//! Helpers for the tests of plugin crates.
//!
//! A plugin's test makes a tree of files such as the kernel would show, runs the collector on it, and compares the
//! sample lines:
//!
//! ```ignore
//! let tree = Tree::new().file("proc/loadavg", "0.5 0.4 0.3 1/100 42\n");
//! assert_eq!(render(&tree, "load", "{}").unwrap(), "node_load1 0.5\n…");
//! ```
//!
//! and holds the plugin to the contract with one line, [`conforms!`](crate::conforms!).

mod allocator;
mod conformance;
mod lint;
mod readme;

pub use allocator::CountingAllocator;
pub use conformance::{Cost, conforms};
pub use relink_exposition::Texts;

use std::fmt::Write as _;
use std::path::Path;

use relink_core::{Collector, Descriptor, Error, Options, Paths, Samples, registry};

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

/// Makes the plugin's collector on a tree, with options given as JSON.
pub fn make(tree: &Tree, name: &str, options: &str) -> Result<Box<dyn Collector>, Error> {
    (plugin(name).new)(&self::options(tree, name, options))
}

fn options(tree: &Tree, name: &str, json: &str) -> Options {
    let table = serde_json::from_str(json).expect("options as a JSON object");
    Options::new(name, tree.paths(), table)
}

/// Room for so many samples of the plugin, whose texts are judged as the host does it.
pub fn samples(name: &str, limit: usize) -> Samples {
    Texts::samples(plugin(name).families, limit)
}

/// One collection as sample lines, families in the declared order: `name{label="value"} 1`.
pub fn collect(collector: &mut dyn Collector, name: &str) -> Result<String, Error> {
    let mut samples = samples(name, 100_000);
    collector.collect(&mut samples)?;
    lines(&mut samples)
}

/// What was pushed, as sample lines, those of families known only at run time last; an error if there was a mistake in it.
fn lines(samples: &mut Samples) -> Result<String, Error> {
    if let Some(fault) = samples.fault() {
        return Err(fault.clone());
    }
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

/// Holds a plugin's switch against what it is for: with the option `part` off, the families whose names begin with one of
/// `prefixes` are gone, and no others.
pub fn assert_switch(tree: &Tree, name: &str, part: &str, prefixes: &[&str]) {
    let families = |options: &str| -> std::collections::BTreeSet<String> {
        let text = render(tree, name, options).expect("the plugin reads its tree");
        let of = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
        text.lines().map(of).collect()
    };
    let (all, left) = (families("{}"), families(&format!("{{\"{part}\": false}}")));
    let is_of_part = |family: &&String| prefixes.iter().any(|prefix| family.starts_with(prefix));
    let expected: std::collections::BTreeSet<_> =
        all.iter().filter(|family| !is_of_part(family)).cloned().collect();
    assert_eq!(left, expected, "{part}");
    assert!(all.len() > left.len(), "{part} switches nothing off");
}

/// Makes the plugin's collector on a tree and runs it once.
pub fn render(tree: &Tree, name: &str, options: &str) -> Result<String, Error> {
    collect(&mut *make(tree, name, options)?, name)
}
