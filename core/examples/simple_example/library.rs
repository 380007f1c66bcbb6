//! The safe wrapper: a plugin's library, called through its table, for the example and the tests of the interface.
//!
//! The agent's own is in `host/src/plugins/dylib`; it looks at a file before it opens it and trusts no copy but its own.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::{Path, PathBuf};

use relink_core::abi::{self, FamilyTable, PluginTable, Settings, Sink, Text};
use relink_core::{Context, Error, Paths};

/// The library of a plugin, which stays open for ever.
#[derive(Clone, Copy)]
pub(crate) struct Library {
    pub(crate) table: &'static PluginTable,
}

// SAFETY: a table does not change, and its functions may be called from any thread.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

/// An instance of a plugin; ended by its drop.
pub(crate) struct Instance {
    library: Library,
    pointer: *mut c_void,
}

// SAFETY: the interface promises calls from any thread, one at a time; `&mut self` keeps them apart.
unsafe impl Send for Instance {}

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

/// A family of a table.
#[derive(Debug, PartialEq)]
pub(crate) struct Declared {
    /// Its name.
    pub(crate) name: String,
    /// [`abi::KIND_COUNTER`] and the others.
    pub(crate) kind: u32,
    /// The label names.
    pub(crate) labels: Vec<String>,
}

impl Library {
    /// Opens a library whose crate is `name`. Its code runs from here on, so it is one that we trust.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self, Error> {
        let entry = format!("{}{name}", abi::ENTRY_PREFIX);
        // SAFETY: the constructors of a plugin's library do no harm.
        let library = unsafe { libloading::Library::new(path) }.context(format!("opening {path:?}"))?;
        // SAFETY: a function of this name has this type.
        let entry = unsafe { library.get::<unsafe extern "C" fn() -> *const PluginTable>(entry.as_bytes()) }?;
        // SAFETY: it asks for nothing.
        let table = unsafe { entry() };
        std::mem::forget(library);
        // SAFETY: these bytes are a table's in every version of the interface.
        let (magic, major, minor, size) =
            unsafe { ((*table).magic, (*table).major, (*table).minor, (*table).size) };
        if magic != abi::MAGIC {
            return Err(Error::new(format!("{path:?} has no table of a relink plugin")));
        }
        abi::accepts(major, minor, size).context(path.display())?;
        // SAFETY: it is long enough, as it says itself, and stays valid for ever.
        let library = Library { table: unsafe { &*table } };
        abi::accepts_families(library.table.family_size).context(path.display())?;
        Ok(library)
    }

    /// The plugin's name.
    pub(crate) fn name(self) -> String {
        words(self.table.name)
    }

    /// The families, however long the library's idea of one is.
    pub(crate) fn families(self) -> Vec<Declared> {
        let family = |at| {
            // SAFETY: the families lie `family_size` bytes apart, and each begins with what we know of it.
            let family: &FamilyTable = unsafe { &*self.table.families.byte_add(at * self.table.family_size) };
            Declared {
                name: words(family.name),
                kind: family.kind,
                labels: texts(family.labels, family.label_count),
            }
        };
        (0..self.table.family_count).map(family).collect()
    }

    /// Makes an instance, or says why there is none.
    pub(crate) fn create(self, paths: &Paths, options: &str, series: usize) -> Result<Instance, Box<Answer>> {
        let [procfs, sysfs, rootfs] =
            [&paths.procfs, &paths.sysfs, &paths.rootfs].map(|path| path.to_string_lossy());
        let settings = Settings {
            size: size_of::<Settings>(),
            options: Text::of(options),
            procfs: Text::of(&procfs),
            sysfs: Text::of(&sysfs),
            rootfs: Text::of(&rootfs),
            series,
        };
        let mut pointer = std::ptr::null_mut();
        // SAFETY: all four are valid for the call.
        let answer =
            Answer::of(|sink| unsafe { (self.table.create)(self.table, &settings, sink, &mut pointer) });
        if answer.status == abi::OK { Ok(Instance { library: self, pointer }) } else { Err(Box::new(answer)) }
    }
}

impl Instance {
    /// Collects once.
    pub(crate) fn collect(&mut self) -> Answer {
        // SAFETY: the instance is alive and in no other call, and the sink is valid for this one.
        Answer::of(|sink| unsafe { (self.library.table.collect)(self.pointer, sink) })
    }

    /// Asks for the facts; a plugin without any has none to tell.
    pub(crate) fn facts(&mut self) -> Answer {
        let Some(facts) = self.library.table.facts else { return Answer::default() };
        // SAFETY: as in `collect`.
        Answer::of(|sink| unsafe { facts(self.pointer, sink) })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the instance is alive, and nobody uses it again.
        unsafe { (self.library.table.destroy)(self.pointer) }
    }
}

impl Answer {
    /// Makes a call with a sink that writes the answer down.
    fn of(call: impl FnOnce(*const Sink) -> i32) -> Self {
        let mut answer = Answer::default();
        let context = (&raw mut answer).cast();
        let status =
            call(&Sink { size: size_of::<Sink>(), context, sample, fact, error, exposition, warning });
        Answer { status, ..answer }
    }
}

unsafe extern "C" fn sample(
    context: *mut c_void,
    family: usize,
    labels: *const Text,
    count: usize,
    value: f64,
) {
    // SAFETY: `Answer::of` passed its answer, and waits for the call to end.
    let answer = unsafe { &mut *context.cast::<Answer>() };
    answer.samples.push((family, texts(labels, count), value));
}

unsafe extern "C" fn fact(context: *mut c_void, name: Text, value: Text) {
    // SAFETY: as in `sample`.
    let answer = unsafe { &mut *context.cast::<Answer>() };
    answer.facts.push((words(name), words(value)));
}

unsafe extern "C" fn error(context: *mut c_void, message: Text, hint: Text) {
    // SAFETY: as in `sample`.
    let answer = unsafe { &mut *context.cast::<Answer>() };
    answer.errors.push((words(message), words(hint)));
}

/// Takes what has no family `taken`.
unsafe extern "C" fn exposition(context: *mut c_void, source: Text, text: Text, reason: *mut Text) -> i32 {
    // SAFETY: as in `sample`.
    let answer = unsafe { &mut *context.cast::<Answer>() };
    let text = words(text);
    if text.contains("taken") {
        // SAFETY: a plugin of ours passes a place for the reason.
        unsafe { reason.write(Text::of("taken is somebody else's")) };
        return abi::FAILED;
    }
    answer.expositions.push((words(source), text));
    abi::OK
}

unsafe extern "C" fn warning(context: *mut c_void, message: Text) {
    // SAFETY: as in `sample`.
    let answer = unsafe { &mut *context.cast::<Answer>() };
    answer.warnings.push(words(message));
}

/// A text of a library, which is valid for the call that we are in.
fn words(text: Text) -> String {
    // SAFETY: so the interface promises.
    unsafe { text.lossy() }.into_owned()
}

fn texts(first: *const Text, count: usize) -> Vec<String> {
    // SAFETY: `count` texts lie there, so the interface promises.
    (0..count).map(|at| words(unsafe { *first.add(at) })).collect()
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
