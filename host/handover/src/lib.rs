#![doc = include_str!("../README.md")]

mod arrival;
mod blob;
mod boot;
mod exec;
mod executable;
mod handover;
mod inherited;
mod sealed;
pub mod stage;
mod state;
pub mod terminal;
mod trap;

pub use arrival::{Arrival, Start, boot};
pub use blob::Rejected;
pub use boot::{Boot, Origin};
pub use exec::{Image, note_the_end, raise_open_files};
pub use executable::Executable;
pub use handover::Handover;
pub use stage::Staged;
pub use state::{ENV_HANDOVER, ENV_ROLLED_BACK};
