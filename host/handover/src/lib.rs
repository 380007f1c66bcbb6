#![doc = include_str!("../README.md")]

mod arrival;
mod blob;
mod boot;
mod exec;
mod handover;
mod inherited;
mod sealed;
pub mod stage;
pub mod terminal;
mod trap;

pub use arrival::{Arrival, Start, boot};
pub use blob::Rejected;
pub use boot::{Boot, Executable, Origin};
pub use exec::{Image, note_the_end, raise_open_files};
pub use handover::Handover;
pub use inherited::{ENV_HANDOVER, ENV_ROLLED_BACK};
pub use stage::Staged;
