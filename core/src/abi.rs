//! The C interface of loaded plugins: what a dynamic library exports, and what the agent passes to it.
//!
//! A library exports one function, `relink_plugin_v1_<crate>`, which returns a [`PluginTable`] that stays valid for
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
mod import;

use std::ffi::c_void;

use crate::Error;

#[doc(hidden)]
pub use export::export;
#[doc(hidden)]
pub use import::{Imported, Instance, Receive, import};

/// The first bytes of a table and of a stamp.
pub const MAGIC: [u8; 8] = *b"relinkPL";
/// Raised by a change that an older agent or library could not bear.
pub const MAJOR: u32 = 1;
/// Raised by each addition.
///
/// 1.1: [`Sink::exposition`] and [`Sink::warning`].
pub const MINOR: u32 = 1;
/// What the exported function's name begins with; the crate's name follows.
pub const ENTRY_PREFIX: &str = "relink_plugin_v1_";
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

/// How long a [`PluginTable`] was in version 1.0, in bytes: no library's is shorter.
const FIRST_TABLE: usize = std::mem::offset_of!(PluginTable, destroy) + size_of::<unsafe extern "C" fn()>();
/// How long a [`FamilyTable`] was in version 1.0, in bytes.
const FIRST_FAMILY: usize =
    (std::mem::offset_of!(FamilyTable, kind) + size_of::<u32>()).next_multiple_of(align_of::<FamilyTable>());

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
    /// The first of the families; they too stay valid for ever.
    pub families: *const FamilyTable,
    /// How many families.
    pub family_count: usize,
    /// The length of each as the library knows it: from one to the next.
    pub family_size: usize,
    /// Makes an instance and puts it into `instance`; leaves that alone when it fails. Called with the table itself,
    /// also while another instance of the plugin is at work.
    pub create: unsafe extern "C" fn(
        table: *const PluginTable,
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

/// One family of a table.
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
    /// The plugin's table of the configuration, as a JSON object.
    pub options: Text,
    /// Where procfs is.
    pub procfs: Text,
    /// Where sysfs is.
    pub sysfs: Text,
    /// Where the root of the file systems is.
    pub rootfs: Text,
    /// How many samples a collection may push.
    pub series: usize,
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
    /// Since 1.1, during `collect`. Families that are known only now: a text in the Prometheus format, and where it comes
    /// from. The agent judges it as a whole, beside the families of all plugins and the texts before. [`OK`]: its samples
    /// are taken. [`FAILED`]: none of them is, and `reason`, which may be null, gets the words why; they stay valid until
    /// the next call of a function of the sink. The same text at the same place of the next collection is not judged
    /// anew.
    pub exposition:
        unsafe extern "C" fn(context: *mut c_void, source: Text, text: Text, reason: *mut Text) -> i32,
    /// Since 1.1, during `collect`. What could not be read while the rest could: shown to the operator.
    pub warning: unsafe extern "C" fn(context: *mut c_void, message: Text),
}

// The layout is a promise. A change that moves one of these breaks every library that is out there.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Text>() == 16 && size_of::<Stamp>() == 16);
    assert!(offset_of!(PluginTable, size) == 16 && offset_of!(PluginTable, name) == 24);
    assert!(offset_of!(PluginTable, families) == 88 && offset_of!(PluginTable, family_size) == 104);
    assert!(offset_of!(PluginTable, create) == 112 && offset_of!(PluginTable, collect) == 120);
    assert!(offset_of!(PluginTable, facts) == 128 && offset_of!(PluginTable, destroy) == 136);
    assert!(size_of::<PluginTable>() == 144);
    assert!(offset_of!(FamilyTable, labels) == 32 && offset_of!(FamilyTable, kind) == 48);
    assert!(size_of::<FamilyTable>() == 56);
    assert!(FIRST_TABLE == 144 && FIRST_FAMILY == 56);
    assert!(
        offset_of!(Settings, options) == 8
            && offset_of!(Settings, series) == 72
            && size_of::<Settings>() == 80
    );
    assert!(offset_of!(Sink, sample) == 16 && offset_of!(Sink, error) == 32);
    assert!(offset_of!(Sink, exposition) == 40 && offset_of!(Sink, warning) == 48 && size_of::<Sink>() == 56);
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
        String::from_utf8_lossy(unsafe { self.bytes() })
    }
}

/// Whether this relink can use a library of this version, whose table is `size` bytes long: any minor of the same
/// major, and any length from that of version 1.0 on.
pub fn accepts(major: u32, minor: u32, size: usize) -> Result<(), Error> {
    if major != MAJOR {
        return Err(rebuild(format!("was built for ABI {major}, this relink speaks ABI {MAJOR}")));
    }
    if size < FIRST_TABLE {
        return Err(rebuild(format!(
            "says ABI {major}.{minor} with a table of {size} bytes, which has {FIRST_TABLE} or more"
        )));
    }
    Ok(())
}

/// Whether families that lie `size` bytes apart can be read: from the length of version 1.0 on, and aligned.
fn accepts_families(size: usize) -> Result<(), Error> {
    if size < FIRST_FAMILY || !size.is_multiple_of(align_of::<FamilyTable>()) {
        let align = align_of::<FamilyTable>();
        return Err(rebuild(format!(
            "says that its families lie {size} bytes apart; a multiple of {align} is needed, {FIRST_FAMILY} or more"
        )));
    }
    Ok(())
}

fn rebuild(message: String) -> Error {
    Error::new(message).hint("build it anew with this relink's core: cargo xtask plugin build NAME")
}

/// The stamp of this crate's version, which `register!` puts into the library.
pub const STAMP: Stamp = Stamp { magic: MAGIC, major: MAJOR, minor: MINOR };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_major_is_refused_and_a_newer_minor_is_not() {
        for major in [0, 2, u32::MAX] {
            let error = accepts(major, MINOR, FIRST_TABLE).unwrap_err();
            assert_eq!(error.message(), format!("was built for ABI {major}, this relink speaks ABI 1"));
            assert!(error.advice().unwrap().contains("cargo xtask plugin build"));
        }
        for minor in [0, MINOR, MINOR + 1, u32::MAX] {
            assert!(accepts(MAJOR, minor, FIRST_TABLE).is_ok(), "{minor}");
        }
    }

    #[test]
    fn a_longer_struct_is_accepted_and_a_shorter_one_is_not() {
        for size in [FIRST_TABLE, FIRST_TABLE + 1, size_of::<PluginTable>(), usize::MAX] {
            assert!(accepts(MAJOR, MINOR + 1, size).is_ok(), "{size}");
        }
        for size in [0, 16, FIRST_TABLE - 1] {
            let error = accepts(MAJOR, MINOR, size).unwrap_err();
            assert!(error.message().contains(&format!("a table of {size} bytes")), "{error}");
        }
        for size in [FIRST_FAMILY, FIRST_FAMILY + 8, size_of::<FamilyTable>()] {
            assert!(accepts_families(size).is_ok(), "{size}");
        }
        for size in [0, FIRST_FAMILY - 8, FIRST_FAMILY + 1] {
            assert!(accepts_families(size).is_err(), "{size}");
        }
    }
}
