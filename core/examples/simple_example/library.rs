//! A plugin's library and what it says, for the example and the tests of the interface.
//!
//! The agent's own is in `host/src/plugins/dylib`; it looks at a file before it opens it and trusts no copy but its own.

#![allow(unsafe_code)]

use std::path::{Path, PathBuf};

use relink_core::abi::{self, PluginTable};
use relink_core::guard::Failure;
use relink_core::{Context, Error, Paths};
use relink_import::{Imported, ImportedCollector, Receive, import};

/// The library of a plugin, which stays open for ever.
pub(crate) struct Library {
    pub(crate) imported: Imported,
}

/// An instance of a collector; ended by its drop.
pub(crate) struct Instance(relink_import::Instance);

/// What came of a call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// [`abi::OK`], [`abi::FAILED`] or [`abi::BROKEN`].
    pub(crate) status: i32,
    /// Family's place, label values, value.
    pub(crate) samples: Vec<(usize, Vec<String>, f64)>,
    /// Name and value.
    pub(crate) facts: Vec<(String, String)>,
    /// Message and hint of each error.
    pub(crate) errors: Vec<(String, String)>,
    /// Source and text of each exposition that was taken.
    pub(crate) expositions: Vec<(String, String)>,
    /// What was left out.
    pub(crate) warnings: Vec<String>,
}

impl Library {
    /// Opens a library whose crate is `name`. Its code runs from here on, so it is one that we trust.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self, Error> {
        let entry = format!("{}{name}", abi::ENTRY_PREFIX);
        // SAFETY: the constructors of a plugin's library do no harm.
        let library = unsafe { libloading::Library::new(path) }.context(format!("opening {path:?}"))?;
        // SAFETY: a function of this name has this type, and asks for nothing.
        let table =
            unsafe { library.get::<unsafe extern "C" fn() -> *const PluginTable>(entry.as_bytes())?() };
        std::mem::forget(library);
        // SAFETY: a plugin keeps to the interface, and its library is never closed.
        let imported = unsafe { import(table) }.context(path.display())?;
        Ok(Library { imported })
    }

    /// Its collector of this name.
    #[allow(dead_code, reason = "not all that share this file ask for it")]
    pub(crate) fn collector(&self, name: &str) -> ImportedCollector {
        let collectors = self.imported.collectors().iter();
        *collectors.clone().find(|collector| collector.about.name == name).expect("a collector of this name")
    }

    /// Makes an instance of its first collector, or says why there is none.
    pub(crate) fn create(&self, paths: &Paths, options: &str) -> Result<Instance, Box<Answer>> {
        Instance::new(self.imported.collectors()[0], paths, options)
    }
}

impl Instance {
    /// Makes an instance of a collector.
    pub(crate) fn new(
        collector: ImportedCollector,
        paths: &Paths,
        options: &str,
    ) -> Result<Self, Box<Answer>> {
        let mut instance = None;
        let answer = Answer::of(|answer| {
            instance = Some(collector.create(options, paths, answer)?);
            Ok(())
        });
        instance.map(Instance).ok_or_else(|| Box::new(answer))
    }

    /// Collects once.
    pub(crate) fn collect(&mut self) -> Answer {
        Answer::of(|answer| self.0.collect(answer))
    }

    /// Asks for the facts; a collector without any has none to tell.
    pub(crate) fn facts(&mut self) -> Answer {
        Answer::of(|answer| self.0.facts(answer))
    }
}

impl Answer {
    /// Makes a call and writes the answer down.
    fn of(call: impl FnOnce(&mut Answer) -> Result<(), Failure>) -> Self {
        let mut answer = Answer::default();
        answer.status = match call(&mut answer) {
            Ok(()) => abi::OK,
            Err(Failure::Said(_)) => abi::FAILED,
            Err(Failure::Panicked(_)) => abi::BROKEN,
        };
        answer
    }
}

impl Receive for Answer {
    fn sample(&mut self, family: usize, labels: &[&str], value: f64) {
        self.samples.push((family, labels.iter().map(|&label| label.to_owned()).collect(), value));
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), value.to_owned()));
    }

    fn error(&mut self, error: &Error) {
        self.errors.push((error.message().to_owned(), error.advice().unwrap_or_default().to_owned()));
    }

    /// Takes what has no family `taken`.
    fn exposition(&mut self, source: &str, text: &str) -> Result<Option<Error>, Error> {
        if text.contains("taken") {
            return Err(Error::new("taken is somebody else's"));
        }
        self.expositions.push((source.to_owned(), text.to_owned()));
        Ok(None)
    }

    fn warning(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
    }
}

/// Has cargo build `simple_plugin`, unless it is up to date, and returns where its library is.
pub(crate) fn simple_plugin() -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--example", "simple_plugin", "--message-format=json", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .context("starting cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let artifact = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|line| line["reason"] == "compiler-artifact" && line["target"]["name"] == "simple_plugin")
        .and_then(|line| Some(PathBuf::from(line["filenames"][0].as_str()?)));
    artifact.ok_or_else(|| {
        Error::new(format!("cargo built no library: {said}{}", String::from_utf8_lossy(&output.stderr)))
    })
}
