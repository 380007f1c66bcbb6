//! An agent into which two packages brought a plugin of the same name.

use std::process::ExitCode;

use relink_core::Error;
use relink_core::registry::{CollectorDescriptor, Descriptor};

const ONE: Descriptor = Descriptor {
    name: "twin",
    version: "1.2.3",
    help: "Is there twice",
    package: "metrics-twin",
    collectors: &[CollectorDescriptor {
        name: "twin",
        help: "Is there twice",
        families: &[],
        options: &[],
        on: true,
        new: |_| Err(Error::new("an agent with twins makes neither")),
    }],
}
.checked();

/// `register!` takes the package from the crate, and this is one crate.
mod first {
    relink_core::__submit! { super::ONE }
}

mod second {
    use relink_core::registry::Descriptor;

    const OTHER: Descriptor = Descriptor { package: "other-twin", version: "4.5.6", ..super::ONE };
    relink_core::__submit! { OTHER }
}

fn main() -> ExitCode {
    relink_host::main()
}
