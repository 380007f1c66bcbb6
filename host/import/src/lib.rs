//! The agent's side of the C interface: a plugin behind its table, as a collector like any other. The mirror of what
//! `register!` exports.

#![allow(unsafe_code)]

mod accepts;

use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr;

use relink_core::abi::{
    BROKEN, CollectorTable, FAILED, FamilyTable, KIND_COUNTER, KIND_GAUGE, KIND_UNKNOWN, MAGIC, MOST_LABELS,
    OFF_BY_DEFAULT, OK, OPTION_LIST, OPTION_NUMBER, OPTION_SECONDS, OPTION_SWITCH, OPTION_TEXT, OptionTable,
    PluginTable, Settings, Sink, Text, export,
};
use relink_core::guard::{Broken, Failure};
use relink_core::registry::{CollectorDescriptor, Descriptor, OptionDescriptor, OptionKind, Options};
use relink_core::{Collector, Error, Facts, Family, Kind, Paths, Samples, utf8};

pub use accepts::accepts;

use accepts::{FIRST_COLLECTOR, FIRST_FAMILY, FIRST_OPTION, accepts_rows};

/// More rows than any table has; a larger number is no number.
const MOST_ROWS: usize = 10_000;

/// A plugin that described itself through its table.
pub struct Imported {
    about: Descriptor,
    collectors: Vec<ImportedCollector>,
}

/// A collector of such a plugin.
#[derive(Clone, Copy)]
pub struct ImportedCollector {
    /// No reference: the library gets it back, and what it keeps behind the fields that are known here is its own.
    table: *const CollectorTable,
    /// What the table says of it.
    pub about: &'static CollectorDescriptor,
}

// SAFETY: a table never changes, and the interface says that its functions may be called from any thread.
unsafe impl Send for ImportedCollector {}
// SAFETY: the same.
unsafe impl Sync for ImportedCollector {}

/// An instance of a collector; its drop ends it.
pub struct Instance {
    table: *const CollectorTable,
    pointer: *mut c_void,
}

// SAFETY: the interface says that an instance may be used from any thread, one call at a time.
unsafe impl Send for Instance {}

/// What a call hands over. Without an own method, that is ignored.
pub trait Receive {
    /// A sample: the family's place in the collector's table, its label values, the value.
    fn sample(&mut self, _family: usize, _labels: &[&str], _value: f64) {}

    /// A fact: name and value.
    fn fact(&mut self, _name: &str, _value: &str) {}

    /// An error. That of the call is the last one.
    fn error(&mut self, _error: &Error) {}

    /// A text in the Prometheus format and its source. `Some` says why families of it are left out, an error why none of
    /// it is taken.
    fn exposition(&mut self, _source: &str, _text: &str) -> Result<Option<Error>, Error> {
        Err(Error::new("a text is taken during a collection only"))
    }

    /// What could not be read while the rest could.
    fn warning(&mut self, _message: &str) {}

    /// From a call with `true` to one with `false` the samples are of the lines of a file.
    fn lines(&mut self, _begin: bool) {}

    /// How many samples there may be.
    fn series(&self) -> usize {
        0
    }
}

/// Checks a table and reads what it says of its plugin.
///
/// # Safety
///
/// `table` is null, or points at something that stays valid for ever and, if it begins as a table of this major does,
/// is one and keeps to the interface.
pub unsafe fn import(table: *const PluginTable) -> Result<Imported, Error> {
    if table.is_null() {
        return Err(Error::new("its entry returned no table"));
    }
    // SAFETY: the caller's promise; magic, versions and size are at the start of every version's table.
    let (magic, major, minor, size) =
        unsafe { ((*table).magic, (*table).major, (*table).minor, (*table).size) };
    if magic != MAGIC {
        return Err(Error::new("its entry did not return a plugin table"));
    }
    accepts(major, minor, size)?;
    // SAFETY: it is at least as long as the first version, which is what `PluginTable` has; the rest is the caller's
    // promise.
    unsafe { described(&*table) }
}

/// # Safety
///
/// The texts and rows of the table stay valid for ever.
unsafe fn described(table: &PluginTable) -> Result<Imported, Error> {
    // SAFETY: the caller's promise.
    let rows = unsafe {
        rows("collectors", table.collectors, table.collector_count, table.collector_size, FIRST_COLLECTOR)?
    };
    // SAFETY: the caller's promise.
    let abouts = rows.clone().map(|row| unsafe { collector(&*row) });
    let abouts: &'static [CollectorDescriptor] = abouts.collect::<Result<Vec<_>, _>>()?.leak();
    // SAFETY: the caller's promise.
    let about = unsafe {
        Descriptor {
            name: text(table.name, "name")?,
            version: text(table.version, "version")?,
            help: text(table.help, "help")?,
            package: text(table.package, "package")?,
            collectors: abouts,
        }
    };
    let collectors = rows.zip(abouts).map(|(table, about)| ImportedCollector { table, about }).collect();
    Ok(Imported { about, collectors })
}

/// # Safety
///
/// The texts and rows of the table stay valid for ever.
unsafe fn collector(table: &CollectorTable) -> Result<CollectorDescriptor, Error> {
    // SAFETY: the caller's promise.
    unsafe {
        let families = rows("families", table.families, table.family_count, table.family_size, FIRST_FAMILY)?;
        let options = rows("options", table.options, table.option_count, table.option_size, FIRST_OPTION)?;
        Ok(CollectorDescriptor {
            name: text(table.name, "collector's name")?,
            help: text(table.help, "collector's help")?,
            families: families.map(|row| family(&*row)).collect::<Result<Vec<_>, _>>()?.leak(),
            options: options.map(|row| option(&*row)).collect::<Result<Vec<_>, _>>()?.leak(),
            on: table.flags & OFF_BY_DEFAULT == 0,
            new: |_| Err(Error::new("a loaded collector is made through its table")),
        })
    }
}

/// # Safety
///
/// The texts of the table stay valid for ever.
unsafe fn family(table: &FamilyTable) -> Result<Family, Error> {
    // SAFETY: the caller's promise, here and below.
    let name = unsafe { text(table.name, "family name")? };
    let count = table.label_count;
    if count > MOST_LABELS || (count > 0 && table.labels.is_null()) {
        return Err(Error::new(format!("family {name} has {count} labels, expected {MOST_LABELS} at most")));
    }
    let kind = match table.kind {
        KIND_COUNTER => Kind::Counter,
        KIND_GAUGE => Kind::Gauge,
        KIND_UNKNOWN => Kind::Unknown,
        other => return Err(Error::new(format!("family {name} is of kind {other}, expected 0, 1 or 2"))),
    };
    // SAFETY: the caller's promise.
    let labels = (0..count).map(|at| unsafe { text(*table.labels.add(at), "label name") });
    let labels: &'static [&'static str] = labels.collect::<Result<Vec<_>, _>>()?.leak();
    // SAFETY: the caller's promise.
    let help = unsafe { text(table.help, "family help")? };
    Family::new(name, help, kind, labels).map_err(|why| Error::new(format!("family {name}: {why}")))
}

/// # Safety
///
/// The texts of the table stay valid for ever.
unsafe fn option(table: &OptionTable) -> Result<OptionDescriptor, Error> {
    // SAFETY: the caller's promise.
    let (name, help) = unsafe { (text(table.name, "option name")?, text(table.help, "option help")?) };
    let kind = match table.kind {
        OPTION_SWITCH => OptionKind::Switch,
        OPTION_TEXT => OptionKind::Text,
        OPTION_NUMBER => OptionKind::Number,
        OPTION_SECONDS => OptionKind::Seconds,
        OPTION_LIST => OptionKind::List,
        other => return Err(Error::new(format!("option {name} is of kind {other}, expected 0 to 4"))),
    };
    Ok(OptionDescriptor { name, help, kind })
}

/// The places of the rows of a table.
///
/// # Safety
///
/// If `first` is not null, `count` rows lie there, `size` bytes apart.
unsafe fn rows<T>(
    what: &str,
    first: *const T,
    count: usize,
    size: usize,
    least: usize,
) -> Result<impl Iterator<Item = *const T> + Clone, Error> {
    if count > 0 {
        accepts_rows(what, size, least)?;
    }
    if count > MOST_ROWS || (count > 0 && first.is_null()) {
        return Err(Error::new(format!("it has {count} {what}, expected {MOST_ROWS} at most")));
    }
    // SAFETY: the caller's promise.
    Ok((0..count).map(move |at| unsafe { first.byte_add(at * size) }))
}

/// # Safety
///
/// The text stays valid for ever.
unsafe fn text(text: Text, what: &str) -> Result<&'static str, Error> {
    // SAFETY: the caller's promise.
    let bytes: &'static [u8] = unsafe { text.bytes() };
    std::str::from_utf8(bytes).map_err(|_| Error::new(format!("its {what} is no UTF-8")))
}

impl Imported {
    /// A plugin of this executable, as a loaded one.
    pub fn linked(plugin: &'static Descriptor) -> Result<Self, Error> {
        // SAFETY: `export` makes what `import` asks for.
        unsafe { import(export(plugin)) }
    }

    /// What the table says of the plugin.
    pub fn about(&self) -> &Descriptor {
        &self.about
    }

    /// Its collectors.
    pub fn collectors(&self) -> &[ImportedCollector] {
        &self.collectors
    }
}

impl ImportedCollector {
    /// The table.
    pub fn table(&self) -> &'static CollectorTable {
        // SAFETY: `import` checked it, and it stays valid for ever.
        unsafe { &*self.table }
    }

    /// The collector. One that is broken unwinds, as a linked one does that panics.
    pub fn make(&self, options: &Options) -> Result<Box<dyn Collector>, Error> {
        let json = serde_json::to_string(options.table())?;
        let instance = as_if_linked(self.create(&json, options.paths(), &mut Nothing))?;
        Ok(Box::new(Loaded(instance)))
    }

    /// Makes an instance, with options as a JSON object.
    pub fn create(&self, options: &str, paths: &Paths, into: &mut dyn Receive) -> Result<Instance, Failure> {
        let [procfs, sysfs, rootfs] =
            [&paths.procfs, &paths.sysfs, &paths.rootfs].map(|path| path.to_string_lossy());
        let settings = Settings {
            size: size_of::<Settings>(),
            options: Text::of(options),
            procfs: Text::of(&procfs),
            sysfs: Text::of(&sysfs),
            rootfs: Text::of(&rootfs),
        };
        let mut pointer = ptr::null_mut();
        // SAFETY: all that is passed is valid for the call.
        call(into, |sink| unsafe { (self.table().create)(self.table, &settings, sink, &mut pointer) })?;
        Ok(Instance { table: self.table, pointer })
    }
}

impl Instance {
    /// One collection.
    pub fn collect(&mut self, into: &mut dyn Receive) -> Result<(), Failure> {
        // SAFETY: the table is a checked one, the instance came from its `create`, and `&mut self` keeps other calls away.
        call(into, |sink| unsafe { ((*self.table).collect)(self.pointer, sink) })
    }

    /// The facts; a plugin without the function has none.
    pub fn facts(&mut self, into: &mut dyn Receive) -> Result<(), Failure> {
        // SAFETY: as in `collect`.
        call(into, |sink| unsafe { (*self.table).facts.map_or(OK, |facts| facts(self.pointer, sink)) })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: as in `collect`, and it is the last call.
        unsafe { ((*self.table).destroy)(self.pointer) }
    }
}

/// An instance as a collector.
struct Loaded(Instance);

impl Collector for Loaded {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        as_if_linked(self.0.collect(out))
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        as_if_linked(self.0.facts(out))
    }
}

/// What the instance holds may be half changed when it is broken; the guard around this throws it away.
fn as_if_linked<T>(outcome: Result<T, Failure>) -> Result<T, Error> {
    outcome.map_err(|failure| match failure {
        Failure::Said(error) => error,
        Failure::Panicked(error) => std::panic::resume_unwind(Box::new(Broken(error))),
    })
}

/// Where the words of `create` go.
struct Nothing;

impl Receive for Nothing {}

impl Receive for Facts {
    fn fact(&mut self, name: &str, value: &str) {
        self.push(name, value);
    }
}

impl Receive for Samples {
    fn sample(&mut self, family: usize, labels: &[&str], value: f64) {
        self.push_index(family, labels, value);
    }

    fn exposition(&mut self, source: &str, text: &str) -> Result<Option<Error>, Error> {
        self.push_text(source, text)
    }

    fn warning(&mut self, message: &str) {
        self.warn(message);
    }

    fn lines(&mut self, begin: bool) {
        self.are_of_lines(begin);
    }

    fn series(&self) -> usize {
        self.limit()
    }
}

/// What the sink's functions work on.
struct Call<'a> {
    into: &'a mut dyn Receive,
    error: Option<Error>,
    /// Why a text was not taken; the library may look at it until it calls again.
    reason: String,
}

/// Enters a library with a sink, and tells the outcome in the words of [`guarded`](relink_core::guard::guarded).
fn call(into: &mut dyn Receive, enter: impl FnOnce(&Sink) -> i32) -> Result<(), Failure> {
    let series = into.series();
    let mut call = Call { into, error: None, reason: String::new() };
    let context = ptr::from_mut(&mut call).cast();
    let sink =
        Sink { size: size_of::<Sink>(), context, sample, fact, error, exposition, warning, series, lines };
    let status = enter(&sink);
    let said = call.error.take().unwrap_or_else(|| Error::new(format!("returned {status} without a word")));
    match status {
        OK => Ok(()),
        BROKEN => Err(Failure::Panicked(said)),
        _ => Err(Failure::Said(said)),
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
    // A family has a few labels; the library's own count is checked against the family's by who receives them.
    let mut values = [const { Cow::Borrowed("") }; MOST_LABELS];
    let count = if labels.is_null() { 0 } else { label_count.min(MOST_LABELS) };
    for (at, value) in values.iter_mut().enumerate().take(count) {
        // SAFETY: the interface says that so many texts are valid for this call.
        *value = unsafe { (*labels.add(at)).lossy() };
    }
    let mut texts = [""; MOST_LABELS];
    for (text, value) in texts.iter_mut().zip(&values) {
        *text = value;
    }
    // SAFETY: the interface says when a library may call this.
    unsafe { of(context) }.into.sample(family, &texts[..count], value);
}

unsafe extern "C" fn fact(context: *mut c_void, name: Text, value: Text) {
    // SAFETY: the interface says when and with what a library may call this.
    unsafe { of(context).into.fact(&name.lossy(), &value.lossy()) }
}

unsafe extern "C" fn error(context: *mut c_void, message: Text, hint: Text) {
    // SAFETY: as in `fact`.
    let (call, message, hint) = unsafe { (of(context), message.lossy(), hint.lossy()) };
    let error = Error::new(message);
    let error = if hint.is_empty() { error } else { error.hint(hint) };
    call.into.error(&error);
    call.error = Some(error);
}

unsafe extern "C" fn exposition(context: *mut c_void, source: Text, text: Text, reason: *mut Text) -> i32 {
    // SAFETY: as in `fact`.
    let (call, source, text) = unsafe { (of(context), source.lossy(), text.bytes()) };
    let judged = utf8(text).and_then(|text| call.into.exposition(&source, text));
    let status = if judged.is_ok() { OK } else { FAILED };
    let (Err(why) | Ok(Some(why))) = judged else { return status };
    call.reason = why.to_string();
    if !reason.is_null() {
        // SAFETY: the interface says that it is a place for a text.
        unsafe { reason.write(Text::of(&call.reason)) }
    }
    status
}

unsafe extern "C" fn warning(context: *mut c_void, message: Text) {
    // SAFETY: as in `fact`.
    unsafe { of(context).into.warning(&message.lossy()) }
}

unsafe extern "C" fn lines(context: *mut c_void, begin: i32) {
    // SAFETY: as in `fact`.
    unsafe { of(context).into.lines(begin != 0) }
}

#[cfg(test)]
mod tests;
