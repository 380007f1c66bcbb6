//! The link-time registry: every plugin that was linked into this executable.
//!
//! Two crates can do the gathering, chosen by the feature `linkme`; plugins and host see no difference.
//! Neither promises an order, so [`plugins`] sorts by name.

pub use crate::descriptor::{CollectorDescriptor, Descriptor, Factory, OptionDescriptor, OptionKind};
pub use crate::options::{OptionSet, OptionValue, Options};

#[cfg(not(feature = "linkme"))]
#[path = "inventory.rs"]
#[doc(hidden)]
pub mod backend;
#[cfg(feature = "linkme")]
#[path = "linkme.rs"]
#[doc(hidden)]
pub mod backend;

/// The plugins that are linked in, sorted by name and then by package. Two of one name are both listed.
pub fn plugins() -> Vec<&'static Descriptor> {
    let mut plugins: Vec<_> = backend::registered().collect();
    plugins.sort_by_key(|plugin| (plugin.name, plugin.package));
    plugins
}

/// Which crate gathers the plugins: `inventory` or `linkme`.
pub const NAME: &str = backend::NAME;
