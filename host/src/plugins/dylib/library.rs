//! A loaded library behind a safe face: the only place that calls its functions.

#![allow(unsafe_code)]

use std::ffi::{OsStr, c_void};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use relink_core::abi::{self, FamilyTable, PluginTable, Settings, Sink, Text};
use relink_core::guard::Broken;
use relink_core::{Collector, Context, Descriptor, Error, Facts, Family, Kind, Options, Samples, Texts};

use crate::plugins::set::Plugin;
use crate::plugins::status::Placement;
use relink_handover::stage::Staged;

/// A table that was checked.
#[derive(Clone, Copy)]
struct Table(&'static PluginTable);

// SAFETY: a table never changes, and the interface says that its functions may be called from any thread.
unsafe impl Send for Table {}
// SAFETY: the same.
unsafe impl Sync for Table {}

/// A library that was loaded and described itself. It stays mapped for good: nothing can unload Rust code soundly, as
/// a thread may have destructors of thread-local values registered in it.
pub(super) struct Library {
    table: Table,
    described: Descriptor,
}

impl Library {
    /// Loads the private copy and reads the table of its one entry. `path` is for messages.
    pub(super) fn load(staged: &Staged, entry: &str, path: &Path) -> Result<Self, Error> {
        let name = unique_name(staged.image().as_raw_fd());
        let loading = || format!("loading {}", path.display());
        // SAFETY: this runs the constructors of code whose owner was checked and which names itself a relink plugin.
        // Trusting it is what loading a plugin means.
        let handle = unsafe { Handle::open(Some(OsStr::new(&name)), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| Error::from(error).hint("ldd shows what it needs"))
            .context(loading())?;
        // SAFETY: the interface says that the entry has this type.
        let table = unsafe {
            let entry: libloading::os::unix::Symbol<unsafe extern "C" fn() -> *const PluginTable> =
                handle.get(entry).context(loading())?;
            entry()
        };
        // Never unloaded: see above.
        std::mem::forget(handle);
        // SAFETY: the interface says that the table stays valid for ever. Its head is read only up to `size`, which
        // stands at the same place in every version.
        let table = unsafe { head_checked(table) }.context(loading())?;
        // SAFETY: the texts of a table stay valid for ever, and the library is never unloaded.
        let described = unsafe { described(table) }.context(loading())?;
        Ok(Library { table: Table(table), described })
    }

    pub(super) fn name(&self) -> &'static str {
        self.described.name
    }

    /// The plugin that the host runs.
    pub(super) fn into_plugin(self, path: &Path, generation: u64, options: Options) -> Result<Plugin, Error> {
        self.described.check().map_err(|why| {
            Error::new(why).context(format_args!("plugin {:?} of {}", self.described.name, path.display()))
        })?;
        let table = self.table;
        Ok(Plugin {
            name: self.described.name,
            version: self.described.version,
            help: self.described.help,
            families: self.described.families,
            placement: Placement::Loaded,
            path: Some(path.to_owned()),
            generation,
            options,
            new: Box::new(move |options| Ok(Box::new(Loaded::create(table, options)?))),
        })
    }
}

/// A name under which the dynamic linker has loaded nothing yet: it would take a second file of the same name for the
/// first. Descriptors are numbered anew once they are closed, so the number of the load is written into the path, as
/// dots and slashes, which the kernel does not mind.
fn unique_name(descriptor: i32) -> String {
    static LOADS: AtomicU64 = AtomicU64::new(0);
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    let bits = u64::BITS - load.leading_zeros();
    let spelt: String = (0..bits).map(|bit| if load >> bit & 1 == 0 { "./" } else { ".//" }).collect();
    format!("/proc/self/fd/{spelt}{descriptor}")
}

/// # Safety
///
/// `table` is null or points at a table that stays valid for ever.
unsafe fn head_checked(table: *const PluginTable) -> Result<&'static PluginTable, Error> {
    if table.is_null() {
        return Err(Error::new("its entry returned no table"));
    }
    // SAFETY: the caller's promise; magic, versions and size are at the start of every version's table.
    let (magic, major, minor, size) = unsafe {
        let at = table;
        ((*at).magic, (*at).major, (*at).minor, (*at).size)
    };
    if magic != abi::MAGIC {
        return Err(Error::new("its entry returned something else than a plugin table"));
    }
    abi::accepts(major, minor, size)?;
    // SAFETY: it is at least as long as the first version, which is what `PluginTable` has.
    Ok(unsafe { &*table })
}

/// # Safety
///
/// The texts and families of the table stay valid for ever.
unsafe fn described(table: &'static PluginTable) -> Result<Descriptor, Error> {
    let text = |text: Text, what: &str| {
        // SAFETY: the caller's promise.
        let bytes: &'static [u8] = unsafe { text.bytes() };
        std::str::from_utf8(bytes).map_err(|_| Error::new(format!("its {what} is no UTF-8")))
    };
    if table.family_count > 0 {
        abi::accepts_families(table.family_size)?;
    }
    if table.family_count > MOST_FAMILIES || (table.family_count > 0 && table.families.is_null()) {
        let count = table.family_count;
        return Err(Error::new(format!("it has {count} families, expected {MOST_FAMILIES} at most")));
    }
    let mut families = Vec::with_capacity(table.family_count);
    for at in 0..table.family_count {
        // SAFETY: the caller's promise; `family_size` is the distance from one to the next.
        let family: &FamilyTable = unsafe { &*table.families.byte_add(at * table.family_size) };
        let name = text(family.name, "family name")?;
        if family.label_count > MOST_LABELS {
            return Err(Error::new(format!(
                "family {name} has {} labels, expected {MOST_LABELS} at most",
                family.label_count
            )));
        }
        let kind = match family.kind {
            abi::KIND_COUNTER => Kind::Counter,
            abi::KIND_GAUGE => Kind::Gauge,
            abi::KIND_UNKNOWN => Kind::Unknown,
            other => return Err(Error::new(format!("family {name} is of kind {other}, expected 0, 1 or 2"))),
        };
        // SAFETY: the caller's promise.
        let labels = (0..family.label_count).map(|at| text(unsafe { *family.labels.add(at) }, "label name"));
        let labels: &'static [&'static str] = labels.collect::<Result<Vec<_>, _>>()?.leak();
        let checked = Family::new(name, text(family.help, "family help")?, kind, labels);
        families.push(checked.map_err(|why| Error::new(format!("family {name}: {why}")))?);
    }
    Ok(Descriptor {
        name: text(table.name, "name")?,
        version: text(table.version, "version")?,
        help: text(table.help, "help")?,
        package: text(table.package, "package")?,
        families: families.leak(),
        new: |_| Err(Error::new("a loaded plugin is made through its table")),
    })
}

/// An instance that lives in a library.
struct Loaded {
    table: Table,
    instance: *mut c_void,
    texts: Texts,
}

// SAFETY: the interface says that an instance may be used from any thread, one call at a time.
unsafe impl Send for Loaded {}

impl Loaded {
    fn create(table: Table, options: &Options) -> Result<Self, Error> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let json = serde_json::to_string(options.table())?;
        let paths = options.paths();
        let (procfs, sysfs, rootfs) = (path(&paths.procfs), path(&paths.sysfs), path(&paths.rootfs));
        let settings = Settings {
            size: size_of::<Settings>(),
            options: Text::of(&json),
            procfs: Text::of(&procfs),
            sysfs: Text::of(&sysfs),
            rootfs: Text::of(&rootfs),
            series: options.series(),
        };
        let mut instance = ptr::null_mut();
        call(Into::Nothing, |sink| {
            // SAFETY: all that is passed is valid for the call.
            unsafe { (table.0.create)(table.0, &settings, sink, &mut instance) }
        })?;
        Ok(Loaded { table, instance, texts: Texts::default() })
    }
}

impl Collector for Loaded {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let instance = self.instance;
        self.texts.begin();
        // SAFETY: `instance` came from `create`, and `&mut self` keeps other calls away.
        call(Into::Samples(out, &mut self.texts), |sink| unsafe { (self.table.0.collect)(instance, sink) })
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let (Some(facts), instance) = (self.table.0.facts, self.instance) else { return Ok(()) };
        // SAFETY: as in `collect`.
        call(Into::Facts(out), |sink| unsafe { facts(instance, sink) })
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: `instance` came from `create`, and is used no more.
        unsafe { (self.table.0.destroy)(self.instance) }
    }
}

/// Where a call's words go.
enum Into<'a> {
    Nothing,
    Samples(&'a mut Samples, &'a mut Texts),
    Facts(&'a mut Facts),
}

/// What the sink's functions work on.
struct Call<'a> {
    into: Into<'a>,
    error: Option<Error>,
    /// Why a text was not taken; the library may look at it until it calls again.
    reason: String,
}

fn call(into: Into<'_>, enter: impl FnOnce(&Sink) -> i32) -> Result<(), Error> {
    let mut call = Call { into, error: None, reason: String::new() };
    let context = ptr::from_mut(&mut call).cast();
    let sink = Sink { size: size_of::<Sink>(), context, sample, fact, error, exposition, warning };
    let status = enter(&sink);
    let said = call.error.take().unwrap_or_else(|| Error::new(format!("returned {status} without a word")));
    match status {
        abi::OK => Ok(()),
        // What the instance holds may be half changed; the guard around this throws it away.
        abi::BROKEN => std::panic::resume_unwind(Box::new(Broken(said))),
        _ => Err(said),
    }
}

/// # Safety
///
/// `context` is that of a sink that `call` made, during that call.
unsafe fn of<'a>(context: *mut c_void) -> &'a mut Call<'a> {
    // SAFETY: the caller's promise; the library makes one call at a time.
    unsafe { &mut *context.cast::<Call<'a>>() }
}

unsafe extern "C" fn sample(
    context: *mut c_void,
    family: usize,
    labels: *const Text,
    label_count: usize,
    value: f64,
) {
    // SAFETY: the interface says when and with what a library may call this.
    unsafe {
        let Into::Samples(out, _) = &mut of(context).into else { return };
        // A family has a few labels; the library's own count is checked against the family's by `push_index`.
        let mut values = [const { std::borrow::Cow::Borrowed("") }; MOST_LABELS];
        let count = label_count.min(MOST_LABELS);
        for (at, value) in values.iter_mut().enumerate().take(count) {
            *value = (*labels.add(at)).lossy();
        }
        let mut texts = [""; MOST_LABELS];
        for (text, value) in texts.iter_mut().zip(&values) {
            *text = value;
        }
        out.push_index(family, &texts[..count], value);
    }
}

/// More than any plugin has; a larger number is no number.
const MOST_FAMILIES: usize = 10_000;

/// More than any family of ours has. One that declares more can't be loaded.
const MOST_LABELS: usize = 16;

unsafe extern "C" fn fact(context: *mut c_void, name: Text, value: Text) {
    // SAFETY: as in `sample`.
    unsafe {
        if let Into::Facts(out) = &mut of(context).into {
            out.push(name.lossy(), value.lossy());
        }
    }
}

unsafe extern "C" fn exposition(context: *mut c_void, source: Text, text: Text, reason: *mut Text) -> i32 {
    // SAFETY: as in `sample`; `reason` is null or a place for a text.
    unsafe {
        let call = of(context);
        let outcome = match &mut call.into {
            Into::Samples(out, texts) => texts.push(&source.lossy(), text.bytes(), out),
            _ => Err(Error::new("a text is taken during a collection only")),
        };
        let Err(why) = outcome else { return abi::OK };
        call.reason = why.to_string();
        if !reason.is_null() {
            reason.write(Text::of(&call.reason));
        }
        abi::FAILED
    }
}

unsafe extern "C" fn warning(context: *mut c_void, message: Text) {
    // SAFETY: as in `sample`.
    unsafe {
        if let Into::Samples(out, _) = &mut of(context).into {
            out.warn(message.lossy());
        }
    }
}

unsafe extern "C" fn error(context: *mut c_void, message: Text, hint: Text) {
    // SAFETY: as in `sample`.
    unsafe {
        let error = Error::new(message.lossy());
        let hint = hint.lossy();
        of(context).error = Some(if hint.is_empty() { error } else { error.hint(hint) });
    }
}
