//! `inventory`: a constructor that runs before `main` puts each plugin into a list.

use crate::descriptor::Descriptor;

pub use inventory::submit;

pub const NAME: &str = "inventory";

inventory::collect!(Descriptor);

pub(super) fn registered() -> impl Iterator<Item = &'static Descriptor> {
    inventory::iter::<Descriptor>.into_iter()
}

/// Submits a descriptor to the registry.
#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ($descriptor:expr) => {
        $crate::registry::backend::submit! { $descriptor }
    };
}
