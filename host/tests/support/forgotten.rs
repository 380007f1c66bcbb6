//! An agent that was built with two plugins and a third left out, but into which the linker took only one.

use std::process::ExitCode;

use relink_core::{Collector, Error, Paths, Samples, register_linked};

struct Seen;

impl Collector for Seen {
    fn collect(&mut self, _: &mut Samples) -> Result<(), Error> {
        Ok(())
    }
}

register_linked! { plugin: "seen", collector: "seen", help: "Is linked", families: [], new: |_: &Paths| Ok(Seen) }

fn main() -> ExitCode {
    // As `app/build.rs` tells it; `GHOST` has it forgotten.
    match std::env::var_os("GHOST") {
        Some(_) => relink_host::main_with("ghost-of-disk@1f2e,seen", "left", relink_host::flags::NONE),
        None => relink_host::main_with("seen@1f2e", "left", relink_host::flags::NONE),
    }
}
