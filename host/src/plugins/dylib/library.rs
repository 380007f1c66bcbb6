//! Loading a library. What it exports is called by `relink-import` alone.

#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use relink_core::abi::PluginTable;
use relink_core::{Context, Error};
use relink_import::{Imported, import};

use crate::plugins::set::{Factory, Plugin};
use crate::plugins::status::Placement;
use crate::settings::Config;
use relink_handover::Staged;

/// A library that was loaded and described itself. It stays mapped for good: nothing can unload Rust code soundly, as
/// a thread may have destructors of thread-local values registered in it.
pub(super) struct Library(Imported);

impl Library {
    /// Loads the private copy and reads the table of its one entry. `path` is for messages.
    pub(super) fn load(staged: &Staged, entry: &str, path: &Path) -> Result<Self, Error> {
        let name = unique_name(staged.image().fd.as_raw_fd());
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
        // SAFETY: the interface says that the table stays valid for ever, and the library is never unloaded.
        let imported = unsafe { import(table) }.context(loading())?;
        Ok(Library(imported))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.about().name
    }

    /// The plugin that the host runs.
    pub(super) fn into_plugin(self, path: &Path, generation: u64, config: &Config) -> Result<Plugin, Error> {
        let Library(imported) = self;
        let about = imported.about();
        about.check().map_err(|why| {
            Error::new(why).context(format_args!("plugin {:?} of {}", about.name, path.display()))
        })?;
        let new = |at: usize| -> Box<Factory> {
            let collector = imported.collectors()[at];
            Box::new(move |options| collector.make(options))
        };
        Plugin::new(about, Placement::Loaded, Some(path), generation, config, new)
    }
}

/// A name under which the dynamic linker has loaded nothing yet: it would take a second file of the same name for the
/// first. Descriptors are numbered again once they are closed, so the number of the load is written into the path, as
/// dots and slashes, which the kernel does not mind.
fn unique_name(descriptor: i32) -> String {
    static LOADS: AtomicU64 = AtomicU64::new(0);
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    let bits = u64::BITS - load.leading_zeros();
    let spelt: String = (0..bits).map(|bit| if load >> bit & 1 == 0 { "./" } else { ".//" }).collect();
    format!("/proc/self/fd/{spelt}{descriptor}")
}
