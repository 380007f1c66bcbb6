//! `register!`: the one line that makes a crate a plugin.

use crate::{Collector, Error};

/// Makes a crate a plugin.
///
/// ```
/// # use relink_core::{register, Collector, Error, Family, Options, Samples};
/// # const LOAD1: Family = Family::gauge("node_load1", "1-minute load average.");
/// # struct Load;
/// # impl Collector for Load {
/// #     fn collect(&mut self, _: &mut Samples) -> Result<(), Error> { Ok(()) }
/// # }
/// register! {
///     name: "load",
///     help: "Load averages",
///     families: [LOAD1],
///     new: |_: &Options| Ok(Load),
/// }
/// ```
///
/// `name` is what the operator writes in `--plugins`; `families` are all that the collector may emit, as a list or,
/// where they come from a table, as a `const` of type `&'static [Family]`; `new` makes
/// the collector from its [`Options`](crate::Options) and may fail. Version and package come from the crate's
/// `Cargo.toml`. A crate registers one plugin. Names, labels and help are checked here: a bad one does not compile.
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
    (name: $name:expr, help: $help:expr, families: [$($family:expr),* $(,)?], new: $new:expr $(,)?) => {
        $crate::register_linked! {
            name: $name,
            help: $help,
            families: {
                const FAMILIES: &[$crate::Family] = &[$($family),*];
                FAMILIES
            },
            new: $new,
        }
    };
    (name: $name:expr, help: $help:expr, families: $families:expr, new: $new:expr $(,)?) => {
        #[doc(hidden)]
        const __RELINK_PLUGIN: $crate::Descriptor = $crate::Descriptor {
            name: $name,
            version: env!("CARGO_PKG_VERSION"),
            help: $help,
            package: env!("CARGO_PKG_NAME"),
            families: $families,
            new: |options: &$crate::Options| $crate::__made(($new)(options)),
        }
        .checked();

        $crate::__submit! { __RELINK_PLUGIN }
    };
}

/// Exports the C entry of a plugin, under a name with the crate's in it: so many plugins link into one executable, and
/// one crate is a library of its own without a line in its `Cargo.toml`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($descriptor:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("relink_plugin_v1_", env!("CARGO_CRATE_NAME")))]
            extern "C" fn entry() -> *const $crate::abi::PluginTable {
                static PLUGIN: $crate::Descriptor = $descriptor;
                $crate::abi::export(&PLUGIN)
            }

            #[used]
            #[unsafe(link_section = ".relink_plugin")]
            static STAMP: $crate::abi::Stamp = $crate::abi::STAMP;
        };
    };
}

/// Boxes what a plugin's `new` returned, so that its closure needs no type annotations.
#[doc(hidden)]
pub fn made<C: Collector + 'static>(made: Result<C, Error>) -> Result<Box<dyn Collector>, Error> {
    Ok(Box::new(made?))
}
