//! A plugin of this executable, driven through the interface as the agent drives a loaded one: for tests.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::*;
use crate::exposition::Texts;
use crate::{Descriptor, Paths, Samples};

/// A plugin of this executable behind its C interface, driven as the agent drives a loaded one: for tests.
pub struct Driven {
    table: *const PluginTable,
    instance: *mut c_void,
    texts: Texts,
}

/// Where a call of [`Driven`] puts what the plugin says.
struct Caught<'a> {
    samples: &'a mut Samples,
    texts: &'a mut Texts,
    reason: String,
    error: Option<Error>,
}

impl Driven {
    /// Makes an instance, with options given as JSON.
    pub fn new(
        plugin: &'static Descriptor,
        paths: &Paths,
        options: &str,
        series: usize,
    ) -> Result<Self, Error> {
        let path = |path: &std::path::Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| Error::new(format!("{path:?} is no UTF-8")))
        };
        let (procfs, sysfs, rootfs) = (path(&paths.procfs)?, path(&paths.sysfs)?, path(&paths.rootfs)?);
        let settings = Settings {
            size: size_of::<Settings>(),
            options: Text::of(options),
            procfs: Text::of(&procfs),
            sysfs: Text::of(&sysfs),
            rootfs: Text::of(&rootfs),
            series,
        };
        let table = export(plugin);
        let mut driven = Driven { table, instance: std::ptr::null_mut(), texts: Texts::default() };
        let place = &raw mut driven.instance;
        call(&mut Samples::new(plugin.families, 0), &mut Texts::default(), |sink| {
            // SAFETY: the table is `export`'s; settings, sink and place are valid for the call.
            unsafe { ((*table).create)(table, &settings, sink, place) }
        })?;
        Ok(driven)
    }

    /// One collection; `out` is of the plugin's families.
    pub fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // SAFETY: the table is `export`'s, the instance its `create`'s and in no other call, the sink valid for this one.
        call(out, &mut self.texts, |sink| unsafe { ((*self.table).collect)(self.instance, sink) })
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if !self.instance.is_null() {
            // SAFETY: as in `collect`, and it is the last call.
            unsafe { ((*self.table).destroy)(self.instance) }
        }
    }
}

/// Calls with a sink that writes into `samples`, and turns the status into a result.
fn call(
    samples: &mut Samples,
    texts: &mut Texts,
    entry: impl FnOnce(*const Sink) -> i32,
) -> Result<(), Error> {
    texts.begin();
    let mut caught = Caught { samples, texts, reason: String::new(), error: None };
    let context = (&raw mut caught).cast();
    let sink = Sink {
        size: size_of::<Sink>(),
        context,
        sample: catch_sample,
        fact: catch_fact,
        error: catch_error,
        exposition: catch_exposition,
        warning: catch_warning,
    };
    match entry(&sink) {
        OK => Ok(()),
        status => Err(caught.error.unwrap_or_else(|| Error::new(format!("status {status} without a word")))),
    }
}

unsafe extern "C" fn catch_sample(
    context: *mut c_void,
    family: usize,
    labels: *const Text,
    label_count: usize,
    value: f64,
) {
    // SAFETY: `call` passed a `Caught`, and the library `label_count` texts, all valid for this call.
    let (caught, labels) = unsafe {
        let labels = if label_count == 0 { &[] } else { std::slice::from_raw_parts(labels, label_count) };
        (&mut *context.cast::<Caught>(), labels)
    };
    // SAFETY: as above.
    let labels: Vec<_> = labels.iter().map(|label| unsafe { label.lossy() }).collect();
    let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
    caught.samples.push_index(family, &labels, value);
}

unsafe extern "C" fn catch_exposition(
    context: *mut c_void,
    source: Text,
    text: Text,
    reason: *mut Text,
) -> i32 {
    // SAFETY: `call` passed a `Caught`, and the library texts and a place for the reason, all valid for this call.
    unsafe {
        let caught = &mut *context.cast::<Caught>();
        match caught.texts.push(&source.lossy(), text.bytes(), caught.samples) {
            Ok(()) => OK,
            Err(why) => {
                caught.reason = why.to_string();
                reason.write(Text::of(&caught.reason));
                FAILED
            }
        }
    }
}

unsafe extern "C" fn catch_warning(context: *mut c_void, message: Text) {
    // SAFETY: as above.
    unsafe { (*context.cast::<Caught>()).samples.warn(message.lossy()) }
}

unsafe extern "C" fn catch_fact(_: *mut c_void, _: Text, _: Text) {}

unsafe extern "C" fn catch_error(context: *mut c_void, message: Text, hint: Text) {
    // SAFETY: `call` passed a `Caught`, and the library texts, all valid for this call.
    let (caught, message, hint) = unsafe { (&mut *context.cast::<Caught>(), message.lossy(), hint.lossy()) };
    let error = Error::new(message);
    caught.error = Some(if hint.is_empty() { error } else { error.hint(hint) });
}
