//! `register!`: the one line that makes a crate a plugin.

use crate::{Collector, Error};

/// Makes a crate a plugin.
///
/// ```
/// # use relink_core::{register, Collector, Error, Family, Paths, Samples};
/// # const LOAD1: Family = Family::gauge("node_load1", "1-minute load average.");
/// # struct Load;
/// # impl Load { fn new(_: &Paths) -> Result<Self, Error> { Ok(Load) } }
/// # impl Collector for Load {
/// #     fn collect(&mut self, _: &mut Samples) -> Result<(), Error> { Ok(()) }
/// # }
/// register! { plugin: "load", collector: "loadavg", help: "Load averages", families: [LOAD1], new: Load::new }
/// ```
///
/// `plugin` is what is built, loaded and replaced; `collector` is what the operator chooses, and what is timed and shown
/// for itself: where node_exporter has one for the same, its name. A plugin with several collectors lists them:
///
/// ```
/// # use relink_core::{register, options, Collector, Error, Family, Paths, Samples};
/// # const DISKSTATS: &[Family] = &[Family::counter("node_disk_io_time_seconds_total", "Time.")];
/// # const NVME_INFO: Family = Family::gauge("node_nvme_info", "Always 1.");
/// # options! { struct Settings { /// Devices to leave out.
/// # device_exclude: String = String::new() } }
/// # struct Diskstats;
/// # impl Diskstats { fn new(_: &Paths, _: Settings) -> Result<Self, Error> { Ok(Diskstats) } }
/// # impl Collector for Diskstats {
/// #     fn collect(&mut self, _: &mut Samples) -> Result<(), Error> { Ok(()) }
/// # }
/// # struct Nvme;
/// # impl Nvme { fn new(_: &Paths) -> Result<Self, Error> { Ok(Nvme) } }
/// # impl Collector for Nvme {
/// #     fn collect(&mut self, _: &mut Samples) -> Result<(), Error> { Ok(()) }
/// # }
/// register! {
///     plugin: "disk",
///     help: "Disks and file systems",
///     collectors: [
///         { name: "diskstats", help: "Traffic of disks", families: DISKSTATS, options: Settings, new: Diskstats::new },
///         { name: "nvme", help: "Models of NVMe disks", families: [NVME_INFO], new: Nvme::new, default: off },
///     ],
/// }
/// ```
///
/// `families` are all that the collector may emit, as a list or, where they come from a table, as a `const` of type
/// `&'static [Family]`. `new` makes the collector from the [`Paths`](crate::Paths), and with `options` from a struct of
/// [`options!`](crate::options!) as well, and may fail. `default: off` leaves it out until the operator asks for it. Version
/// and package come from the crate's `Cargo.toml`. A crate registers one plugin. Names, labels and help are checked here:
/// a bad one does not compile.
///
/// A crate that nothing refers to is not linked at all, so the executable says `use metrics_load as _;` once; see
/// `app/src/plugins.rs`.
#[macro_export]
macro_rules! register {
    ($($plugin:tt)*) => {
        $crate::register_linked! { $($plugin)* }
        $crate::__export! { __RELINK_PLUGIN }
    };
}

/// Like [`register!`], for one of several plugins of a crate, each in a module of its own. They can be linked in; a
/// library has one plugin, so they can't be loaded.
#[macro_export]
macro_rules! register_linked {
    (plugin: $plugin:expr, collector: $name:expr, help: $help:expr, $($rest:tt)*) => {
        $crate::register_linked! {
            plugin: $plugin,
            help: $help,
            collectors: [{ name: $name, help: $help, $($rest)* }],
        }
    };
    (plugin: $plugin:expr, help: $help:expr, collectors: [$({ $($collector:tt)* }),* $(,)?] $(,)?) => {
        #[doc(hidden)]
        const __RELINK_PLUGIN: $crate::registry::Descriptor = $crate::registry::Descriptor {
            name: $plugin,
            version: env!("CARGO_PKG_VERSION"),
            help: $help,
            package: env!("CARGO_PKG_NAME"),
            collectors: &[$($crate::__collector! { $($collector)* }),*],
        }
        .checked();

        $crate::__submit! { __RELINK_PLUGIN }
    };
}

/// One collector of [`register!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __collector {
    (
        name: $name:expr,
        help: $help:expr,
        families: [$($family:expr),* $(,)?],
        $($rest:tt)*
    ) => {
        $crate::__collector! { name: $name, help: $help, families: &[$($family),*], $($rest)* }
    };
    (
        name: $name:expr,
        help: $help:expr,
        families: $families:expr,
        $(options: $options:ty,)?
        new: $new:expr
        $(, default: $default:ident)?
        $(,)?
    ) => {
        $crate::registry::CollectorDescriptor {
            name: $name,
            help: $help,
            families: {
                const FAMILIES: &[$crate::Family] = $families;
                FAMILIES
            },
            options: <($($options)?) as $crate::registry::OptionSet>::OPTIONS,
            on: $crate::__is_on!($($default)?),
            new: |options: &$crate::registry::Options| $crate::__made!(options, $new $(, $options)?),
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __is_on {
    () => {
        true
    };
    (off) => {
        false
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __made {
    ($given:ident, $new:expr) => {{
        $given.parse::<()>()?;
        $crate::__made(($new)($given.paths()))
    }};
    ($given:ident, $new:expr, $options:ty) => {{
        let settings: $options = $given.parse()?;
        $crate::__made(($new)($given.paths(), settings))
    }};
}

/// Exports the C entry of a plugin, under a name with the crate's in it: so many plugins link into one executable, and
/// one crate is a library of its own without a line in its `Cargo.toml`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($descriptor:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("relink_plugin_v2_", env!("CARGO_CRATE_NAME")))]
            extern "C" fn entry() -> *const $crate::abi::PluginTable {
                static PLUGIN: $crate::registry::Descriptor = $descriptor;
                $crate::abi::export(&PLUGIN)
            }

            #[used]
            #[unsafe(link_section = ".relink_plugin")]
            static STAMP: $crate::abi::Stamp = $crate::abi::STAMP;
        };
    };
}

/// Boxes what a collector's `new` returned, so that `register!` needs no type of it.
#[doc(hidden)]
pub fn made<C: Collector + 'static>(made: Result<C, Error>) -> Result<Box<dyn Collector>, Error> {
    Ok(Box::new(made?))
}
