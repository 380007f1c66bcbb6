//! The agent's side: a plugin behind its table, as a collector like any other. The mirror of `export`.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr;

use super::*;
use crate::guard::{Broken, Failure};
use crate::{Collector, Descriptor, Facts, Family, Kind, Options, Paths, Samples, utf8};

/// More than any plugin has; a larger number is no number.
const MOST_FAMILIES: usize = 10_000;

/// More than any family of ours has. One that declares more can't be loaded.
const MOST_LABELS: usize = 16;

/// A plugin that described itself through its table.
#[derive(Clone, Copy)]
pub struct Imported {
    /// No reference: the library gets it back, and what it keeps behind the fields that are known here is its own.
    table: *const PluginTable,
    about: Descriptor,
}

// SAFETY: a table never changes, and the interface says that its functions may be called from any thread.
unsafe impl Send for Imported {}
// SAFETY: the same.
unsafe impl Sync for Imported {}

/// An instance of a plugin; its drop ends it.
pub struct Instance {
    table: *const PluginTable,
    pointer: *mut c_void,
}

// SAFETY: the interface says that an instance may be used from any thread, one call at a time.
unsafe impl Send for Instance {}

/// What a call hands over. Without an own method, that is ignored.
pub trait Receive {
    /// A sample: the family's place in the table, its label values, the value.
    fn sample(&mut self, _family: usize, _labels: &[&str], _value: f64) {}

    /// A fact: name and value.
    fn fact(&mut self, _name: &str, _value: &str) {}

    /// An error. That of the call is the last one.
    fn error(&mut self, _error: &Error) {}

    /// A text in the Prometheus format and its source; an error says why none of it is taken.
    fn exposition(&mut self, _source: &str, _text: &str) -> Result<(), Error> {
        Err(Error::new("a text is taken during a collection only"))
    }

    /// What could not be read while the rest could.
    fn warning(&mut self, _message: &str) {}
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
        return Err(Error::new("its entry returned something else than a plugin table"));
    }
    accepts(major, minor, size)?;
    // SAFETY: it is at least as long as the first version, which is what `PluginTable` has; the rest is the caller's
    // promise.
    Ok(Imported { table, about: unsafe { described(&*table) }? })
}

/// # Safety
///
/// The texts and families of the table stay valid for ever.
unsafe fn described(table: &PluginTable) -> Result<Descriptor, Error> {
    let text = |text: Text, what: &str| {
        // SAFETY: the caller's promise.
        let bytes: &'static [u8] = unsafe { text.bytes() };
        std::str::from_utf8(bytes).map_err(|_| Error::new(format!("its {what} is no UTF-8")))
    };
    if table.family_count > 0 {
        accepts_families(table.family_size)?;
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
            KIND_COUNTER => Kind::Counter,
            KIND_GAUGE => Kind::Gauge,
            KIND_UNKNOWN => Kind::Unknown,
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

    /// The table.
    pub fn table(&self) -> &'static PluginTable {
        // SAFETY: `import` checked it, and it stays valid for ever.
        unsafe { &*self.table }
    }

    /// The plugin's collector. A collector that is broken unwinds, as a linked one does that panics.
    pub fn collector(&self, options: &Options) -> Result<Box<dyn Collector>, Error> {
        let json = serde_json::to_string(options.table())?;
        let instance = as_if_linked(self.create(&json, options.paths(), options.series(), &mut Nothing))?;
        Ok(Box::new(Loaded(instance)))
    }

    /// Makes an instance, with options as a JSON object and room for so many series.
    pub fn create(
        &self,
        options: &str,
        paths: &Paths,
        series: usize,
        into: &mut dyn Receive,
    ) -> Result<Instance, Failure> {
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

    fn exposition(&mut self, source: &str, text: &str) -> Result<(), Error> {
        self.push_text(source, text)
    }

    fn warning(&mut self, message: &str) {
        self.warn(message);
    }
}

/// What the sink's functions work on.
struct Call<'a> {
    into: &'a mut dyn Receive,
    error: Option<Error>,
    /// Why a text was not taken; the library may look at it until it calls again.
    reason: String,
}

/// Enters a library with a sink, and tells the outcome in the words of [`guarded`](crate::guard::guarded).
fn call(into: &mut dyn Receive, enter: impl FnOnce(&Sink) -> i32) -> Result<(), Failure> {
    let mut call = Call { into, error: None, reason: String::new() };
    let context = ptr::from_mut(&mut call).cast();
    let sink = Sink { size: size_of::<Sink>(), context, sample, fact, error, exposition, warning };
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
    let count = label_count.min(MOST_LABELS);
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
    let Err(why) = utf8(text).and_then(|text| call.into.exposition(&source, text)) else { return OK };
    call.reason = why.to_string();
    if !reason.is_null() {
        // SAFETY: the interface says that it is a place for a text.
        unsafe { reason.write(Text::of(&call.reason)) }
    }
    FAILED
}

unsafe extern "C" fn warning(context: *mut c_void, message: Text) {
    // SAFETY: as in `fact`.
    unsafe { of(context).into.warning(&message.lossy()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::guarded;

    static PLUGIN: Descriptor = Descriptor {
        name: "rude",
        version: "1",
        help: "Calls what it may not",
        package: "rude",
        families: &[Family::gauge("rude_mark", "Always 1.")],
        new: |_| Err(Error::new("not asked")),
    };

    /// Pushes a text and a sample at once, and tells why the text is not taken. How the instance behaves is its address.
    unsafe extern "C" fn create(
        _: *const PluginTable,
        settings: *const Settings,
        sink: *const Sink,
        instance: *mut *mut c_void,
    ) -> i32 {
        // SAFETY: all of it is `Imported::create`'s.
        unsafe {
            let (sink, series, mut reason) = (&*sink, (*settings).series, Text::of(""));
            (sink.sample)(sink.context, 7, ptr::null(), 0, 1.0);
            let status = (sink.exposition)(sink.context, Text::of("x"), Text::of("a 1\n"), &mut reason);
            if series == 0 {
                (sink.error)(sink.context, reason, Text::of(""));
                return status;
            }
            *instance = ptr::without_provenance_mut(series);
        }
        OK
    }

    unsafe extern "C" fn collect(instance: *mut c_void, sink: *const Sink) -> i32 {
        let labels = [Text { data: ptr::null(), length: 0 }; MOST_LABELS + 1];
        // SAFETY: the sink is `call`'s.
        unsafe {
            let sink = &*sink;
            match instance.addr() {
                1 => (sink.sample)(sink.context, 0, labels.as_ptr(), labels.len(), 1.0),
                2 => return (sink.exposition)(sink.context, Text::of("x"), Text::of("a"), ptr::null_mut()),
                _ => return BROKEN,
            }
        }
        OK
    }

    unsafe extern "C" fn destroy(_: *mut c_void) {}

    fn imported(change: impl FnOnce(&mut PluginTable)) -> Result<Imported, Error> {
        // SAFETY: a table may be copied, and what `create` of `export` needs behind it is not called.
        let mut table = unsafe { ptr::read(export(&PLUGIN)) };
        (table.create, table.collect, table.facts, table.destroy) = (create, collect, None, destroy);
        change(&mut table);
        // SAFETY: it keeps to the interface, but for what is refused before it counts.
        unsafe { import(Box::leak(Box::new(table))) }
    }

    #[test]
    fn a_table_that_is_none_is_refused() {
        let refused = |change: fn(&mut PluginTable)| imported(change).err().expect("a refusal").to_string();
        assert!(refused(|table| table.magic[7] = 0).contains("something else than a plugin table"));
        assert!(refused(|table| table.families = ptr::null()).contains("has 1 families"));
        let many = refused(|table| {
            // SAFETY: it is `export`'s.
            let family = FamilyTable { label_count: MOST_LABELS + 1, ..unsafe { ptr::read(table.families) } };
            table.families = Box::leak(Box::new(family));
        });
        assert_eq!(many, "family rude_mark has 17 labels, expected 16 at most");
    }

    #[test]
    fn what_a_rude_plugin_does_is_its_own_error() {
        let imported = imported(|_| ()).expect("a table");
        let made = |series| imported.collector(&Options::default().with_series(series));
        let error = made(0).err().expect("a refusal");
        assert_eq!(error.message(), "a text is taken during a collection only");

        let collected = |series| {
            let mut out = Samples::new(PLUGIN.families, 10);
            let mut collector = made(series).expect("an instance");
            (guarded(|| collector.collect(&mut out)), out)
        };
        let (outcome, out) = collected(1);
        assert!(outcome.is_ok());
        assert!(out.fault().expect("a fault").message().contains("rude_mark with 16 label values"));
        let words = |outcome| match outcome {
            Err(Failure::Said(why)) => format!("said {why}"),
            Err(Failure::Panicked(why)) => format!("panicked {why}"),
            Ok(()) => "nothing".to_owned(),
        };
        assert_eq!(words(collected(2).0), "said returned 1 without a word");
        assert_eq!(words(collected(3).0), "panicked returned 2 without a word");
    }
}
