//! `linkme`: the linker lays all plugins side by side in one section; nothing runs before `main`.

use crate::descriptor::Descriptor;

pub use linkme;

pub const NAME: &str = "linkme";

#[linkme::distributed_slice]
pub static PLUGINS: [Descriptor];

pub(super) fn registered() -> impl Iterator<Item = &'static Descriptor> {
    PLUGINS.iter()
}

/// Submits a descriptor to the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ($descriptor:expr) => {
        const _: () = {
            use $crate::registry::backend::linkme;
            #[linkme::distributed_slice($crate::registry::backend::PLUGINS)]
            #[linkme(crate = linkme)]
            static PLUGIN: $crate::registry::Descriptor = $descriptor;
        };
    };
}
