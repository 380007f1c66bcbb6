//! The C interface of loaded plugins: what a dynamic library exports, and what the agent passes to it.
//!
//! A library exports one function, `relink_plugin_v2_<crate>`, which returns a [`PluginTable`] that stays valid for
//! ever, and holds one [`Stamp`] in a section of its own, which the agent reads before it loads the file. No
//! ownership and no allocator crosses: texts are pointer and length, valid for the call (those of the table, for
//! ever), and the library writes into a [`Sink`] of the agent's. No call may unwind: what `register!` makes catches
//! panics, which a library built with `panic = "abort"` can't; its first panic ends the agent.
//!
//! # Growth
//!
//! Within a major version, fields are only ever added, at the end of a struct, and each struct that grows says how
//! long it is. So:
//!
//! - another **major** is refused by both sides;
//! - a library with a **newer minor** has fields behind those that an older agent knows: the agent does not look at
//!   them, and the library works without the agent's answer;
//! - a library with an **older minor** lacks the newer fields: an agent looks at a field only within the length that
//!   the library gave, and does without it;
//! - a struct shorter than its first version is refused.
//!
//! A [`Sink`] and [`Settings`] are the agent's and grow by the same rule, seen from the other side.

#![allow(unsafe_code)]

mod export;

use std::ffi::c_void;

pub(crate) use export::Relay;

#[doc(hidden)]
pub use export::{MOST_LABELS, export};

/// The first bytes of a table and of a stamp.
pub const MAGIC: [u8; 8] = *b"relinkPL";
/// Raised by a change that an older agent or library could not bear.
pub const MAJOR: u32 = 2;
/// Raised by each addition.
pub const MINOR: u32 = 0;
/// What the exported function's name begins with; the crate's name follows.
pub const ENTRY_PREFIX: &str = "relink_plugin_v2_";
/// The section that holds the stamp.
pub const STAMP_SECTION: &str = ".relink_plugin";

/// A call succeeded.
pub const OK: i32 = 0;
/// A call failed, and said why through [`Sink::error`].
pub const FAILED: i32 = 1;
/// A call failed, and what the instance holds may be half changed: the agent destroys it and makes another.
pub const BROKEN: i32 = 2;

/// A counter, in [`FamilyTable::kind`].
pub const KIND_COUNTER: u32 = 0;
/// A gauge, in [`FamilyTable::kind`].
pub const KIND_GAUGE: u32 = 1;
/// A family of unknown behaviour, in [`FamilyTable::kind`].
pub const KIND_UNKNOWN: u32 = 2;

/// `true` or `false`, in [`OptionTable::kind`].
pub const OPTION_SWITCH: u32 = 0;
/// A text, in [`OptionTable::kind`].
pub const OPTION_TEXT: u32 = 1;
/// A number of 0 or more, in [`OptionTable::kind`].
pub const OPTION_NUMBER: u32 = 2;
/// A number of seconds, in [`OptionTable::kind`].
pub const OPTION_SECONDS: u32 = 3;
/// A text or a list of texts, in [`OptionTable::kind`].
pub const OPTION_LIST: u32 = 4;

/// A collector that runs only if the operator asks for it, in [`CollectorTable::flags`].
pub const OFF_BY_DEFAULT: u64 = 1;

/// UTF-8 text: not ended by a zero byte, and not owned. An empty one may have no address.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    /// Its first byte.
    pub data: *const u8,
    /// How many bytes.
    pub length: usize,
}

/// What stands in the section [`STAMP_SECTION`], so that a library can be judged before its code runs.
#[repr(C)]
pub struct Stamp {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`MAJOR`].
    pub major: u32,
    /// [`MINOR`].
    pub minor: u32,
}

/// What a library says of its plugin.
#[repr(C)]
pub struct PluginTable {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`MAJOR`].
    pub major: u32,
    /// [`MINOR`].
    pub minor: u32,
    /// The length of this struct as the library knows it.
    pub size: usize,
    /// The name that the operator uses: a-z, 0-9, `_` and `-`, a letter first.
    pub name: Text,
    /// The library's version.
    pub version: Text,
    /// What the plugin reads, in a few words.
    pub help: Text,
    /// The package that it comes from.
    pub package: Text,
    /// The first of its collectors; they too stay valid for ever.
    pub collectors: *const CollectorTable,
    /// How many collectors.
    pub collector_count: usize,
    /// The length of each as the library knows it: from one to the next.
    pub collector_size: usize,
}

/// One collector of a plugin: what is chosen, timed and shown for itself.
#[repr(C)]
pub struct CollectorTable {
    /// The name that the operator uses: a-z, 0-9, `_` and `-`, a letter first. Where node_exporter has a collector for the
    /// same, its name.
    pub name: Text,
    /// What the collector reads, in a few words.
    pub help: Text,
    /// The first of the families; they too stay valid for ever.
    pub families: *const FamilyTable,
    /// How many families.
    pub family_count: usize,
    /// The length of each as the library knows it: from one to the next.
    pub family_size: usize,
    /// The first of the options that may be set.
    pub options: *const OptionTable,
    /// How many options.
    pub option_count: usize,
    /// The length of each as the library knows it: from one to the next.
    pub option_size: usize,
    /// [`OFF_BY_DEFAULT`], or 0.
    pub flags: u64,
    /// Makes an instance and puts it into `instance`; leaves that alone when it fails. Called with the collector's own
    /// table, also while another instance of it is at work.
    pub create: unsafe extern "C" fn(
        collector: *const CollectorTable,
        settings: *const Settings,
        sink: *const Sink,
        instance: *mut *mut c_void,
    ) -> i32,
    /// Reads the machine and pushes samples. One call at a time on an instance, from any thread. When it fails, none of
    /// the call's samples counts.
    pub collect: unsafe extern "C" fn(instance: *mut c_void, sink: *const Sink) -> i32,
    /// Pushes facts for people; may be null.
    pub facts: Option<unsafe extern "C" fn(instance: *mut c_void, sink: *const Sink) -> i32>,
    /// Ends an instance: the last call on it.
    pub destroy: unsafe extern "C" fn(instance: *mut c_void),
}

/// One option of a collector.
#[repr(C)]
pub struct OptionTable {
    /// The key in the collector's table of the configuration, as in `mount_timeout`: a-z, 0-9 and `_`, a letter first.
    pub name: Text,
    /// What it sets, in a sentence.
    pub help: Text,
    /// [`OPTION_SWITCH`], [`OPTION_TEXT`], [`OPTION_NUMBER`], [`OPTION_SECONDS`] or [`OPTION_LIST`].
    pub kind: u32,
}

/// One family of a collector.
#[repr(C)]
pub struct FamilyTable {
    /// Its name, as on the sample lines. A counter's ends in `_total`.
    pub name: Text,
    /// What it means: a sentence, full stop included.
    pub help: Text,
    /// The first of its label names.
    pub labels: *const Text,
    /// How many labels.
    pub label_count: usize,
    /// [`KIND_COUNTER`], [`KIND_GAUGE`] or [`KIND_UNKNOWN`].
    pub kind: u32,
}

/// What an instance is made with.
#[repr(C)]
pub struct Settings {
    /// The length of this struct as the agent knows it.
    pub size: usize,
    /// The collector's table of the configuration, as a JSON object of options that it has.
    pub options: Text,
    /// Where procfs is.
    pub procfs: Text,
    /// Where sysfs is.
    pub sysfs: Text,
    /// Where the root of the file systems is.
    pub rootfs: Text,
}

/// Where a library's samples, facts and errors go. Valid for the call that it was passed to, on that thread.
#[repr(C)]
pub struct Sink {
    /// The length of this struct as the agent knows it.
    pub size: usize,
    /// Passed to each function as it is.
    pub context: *mut c_void,
    /// A sample: the family's place in the table from 0, its label values in the declared order, the value.
    pub sample: unsafe extern "C" fn(
        context: *mut c_void,
        family: usize,
        labels: *const Text,
        label_count: usize,
        value: f64,
    ),
    /// A fact: name and value.
    pub fact: unsafe extern "C" fn(context: *mut c_void, name: Text, value: Text),
    /// Why the call fails: what happened, and what to do about it (may be empty).
    pub error: unsafe extern "C" fn(context: *mut c_void, message: Text, hint: Text),
    /// During `collect`. Families that are known only now: a text in the Prometheus format, and where it comes
    /// from. The agent judges it beside the families of all plugins and the texts before. [`OK`]: its samples are taken,
    /// but for families of which `reason` says why not, if anything is written there. [`FAILED`]: none of them is, and
    /// `reason`, which may be null, gets the words why. They stay valid until the next call of a function of the sink. The
    /// same text at the same place of the next collection is not judged
    /// again.
    pub exposition:
        unsafe extern "C" fn(context: *mut c_void, source: Text, text: Text, reason: *mut Text) -> i32,
    /// During `collect`. What was passed over, or could not be read while the rest could: shown to the operator.
    pub warning: unsafe extern "C" fn(context: *mut c_void, message: Text),
    /// How many samples a collection may have; what is beyond is dropped.
    pub series: usize,
    /// During `collect`. From a call with 1 to one with 0 the samples are of the lines of a file: a series that two of them
    /// say is shown once, and told. Anywhere else a series pushed twice is a mistake, and the collection fails.
    pub lines: unsafe extern "C" fn(context: *mut c_void, begin: i32),
}

// The layout is a promise. A change that moves one of these breaks every library that is out there.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Text>() == 16 && size_of::<Stamp>() == 16);
    assert!(offset_of!(PluginTable, size) == 16 && offset_of!(PluginTable, name) == 24);
    assert!(offset_of!(PluginTable, collectors) == 88 && offset_of!(PluginTable, collector_size) == 104);
    assert!(size_of::<PluginTable>() == 112);
    assert!(offset_of!(CollectorTable, families) == 32 && offset_of!(CollectorTable, options) == 56);
    assert!(offset_of!(CollectorTable, flags) == 80 && offset_of!(CollectorTable, create) == 88);
    assert!(offset_of!(CollectorTable, facts) == 104 && offset_of!(CollectorTable, destroy) == 112);
    assert!(size_of::<CollectorTable>() == 120);
    assert!(offset_of!(OptionTable, kind) == 32 && size_of::<OptionTable>() == 40);
    assert!(offset_of!(FamilyTable, labels) == 32 && offset_of!(FamilyTable, kind) == 48);
    assert!(size_of::<FamilyTable>() == 56);
    assert!(offset_of!(Settings, options) == 8 && size_of::<Settings>() == 72);
    assert!(offset_of!(Sink, sample) == 16 && offset_of!(Sink, error) == 32);
    assert!(offset_of!(Sink, exposition) == 40 && offset_of!(Sink, warning) == 48);
    assert!(offset_of!(Sink, series) == 56 && offset_of!(Sink, lines) == 64 && size_of::<Sink>() == 72);
};

impl Text {
    /// The text of a string, valid as long as the string is.
    pub const fn of(text: &str) -> Self {
        Text { data: text.as_ptr(), length: text.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    ///
    /// `data` and `length` name memory that stays valid and unchanged for `'a`, or `length` is 0.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.length == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    /// The text; what is no UTF-8 in it becomes U+FFFD.
    ///
    /// # Safety
    ///
    /// As for [`Text::bytes`].
    pub unsafe fn lossy<'a>(self) -> std::borrow::Cow<'a, str> {
        // SAFETY: the caller's promise.
        crate::source::lossy(unsafe { self.bytes() })
    }
}

/// The stamp of this crate's version, which `register!` puts into the library.
pub const STAMP: Stamp = Stamp { magic: MAGIC, major: MAJOR, minor: MINOR };
