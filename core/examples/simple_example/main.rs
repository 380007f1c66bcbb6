//! A function of a plugin's library, called as C would call it and through a safe wrapper.
//!
//! `cargo run -p relink-core --example simple_example`

#![allow(unsafe_code)]

mod library;

use std::ffi::c_void;
use std::path::Path;
use std::ptr::{null, null_mut};

use relink_core::abi::{FAILED, OK, PluginTable, Settings, Sink, Text};
use relink_core::{Context, Error, Paths};

const OPTIONS: &str = r#"{"texts": ["hello", "good morning"]}"#;

fn main() -> Result<(), Error> {
    let path = library::simple_plugin()?;
    println!("through the raw library:");
    through_the_raw_library(&path)?;
    println!("through the safe wrapper:");
    through_the_safe_wrapper(&path)
}

/// Symbol, table, collector, create, collect, destroy. A mistake in any line is undefined behaviour.
fn through_the_raw_library(path: &Path) -> Result<(), Error> {
    unsafe extern "C" fn sample(
        _: *mut c_void,
        family: usize,
        labels: *const Text,
        count: usize,
        value: f64,
    ) {
        // SAFETY: the library passes `count` texts, valid for this call.
        let labels: Vec<_> = (0..count).map(|at| unsafe { (*labels.add(at)).lossy() }).collect();
        println!("    family {family} {labels:?} = {value}");
    }
    unsafe extern "C" fn ignore(_: *mut c_void, _: Text, _: Text) {}
    unsafe extern "C" fn refuse(_: *mut c_void, _: Text, _: Text, _: *mut Text) -> i32 {
        FAILED
    }
    unsafe extern "C" fn warning(_: *mut c_void, _: Text) {}
    unsafe extern "C" fn lines(_: *mut c_void, _: i32) {}
    let sink = Sink {
        size: size_of::<Sink>(),
        context: null_mut(),
        sample,
        fact: ignore,
        error: ignore,
        exposition: refuse,
        warning,
        series: 100,
        lines,
    };
    let nowhere = Text { data: null(), length: 0 };
    let settings = Settings {
        size: size_of::<Settings>(),
        options: Text::of(OPTIONS),
        procfs: nowhere,
        sysfs: nowhere,
        rootfs: nowhere,
    };
    // SAFETY: the library is a relink plugin of this version, as it was built a moment ago; its table, the settings
    // and the sink outlive the calls; the instance is used between its creation and its end, by one thread. The
    // library stays open, because a Rust library can't be closed soundly.
    unsafe {
        let library = libloading::Library::new(path).context("opening the library")?;
        let entry: libloading::Symbol<'_, unsafe extern "C" fn() -> *const PluginTable> =
            library.get(b"relink_plugin_v2_simple_plugin")?;
        // The first of its collectors; the next lies `collector_size` bytes behind it.
        let table = (*entry()).collectors;
        let mut instance = null_mut();
        if ((*table).create)(table, &settings, &sink, &mut instance) != OK {
            return Err(Error::new("create failed"));
        }
        let status = ((*table).collect)(instance, &sink);
        println!("    collect returned {status}");
        ((*table).destroy)(instance);
        std::mem::forget(library);
    }
    Ok(())
}

/// The same, where no mistake of the caller's can do harm.
fn through_the_safe_wrapper(path: &Path) -> Result<(), Error> {
    let plugin = library::Library::open(path, "simple_plugin")?;
    println!("    plugin {}", plugin.imported.about().name);
    let families = plugin.imported.about().collectors[0].families;
    let mut instance = plugin
        .create(&Paths::default(), OPTIONS)
        .map_err(|answer| Error::new(format!("create failed: {:?}", answer.errors)))?;
    let answer = instance.collect();
    for (family, labels, value) in &answer.samples {
        println!("    {} {labels:?} = {value}", families[*family].name());
    }
    println!("    collect returned {}", answer.status);
    println!("    facts: {:?}", instance.facts().facts);
    Ok(())
}
