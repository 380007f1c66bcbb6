//! This process becomes another image: same PID, same sockets, and the way back.

mod blob;
pub mod boot;
pub mod exec;
pub mod handover;
mod sealed;
pub mod stage;
pub mod terminal;
pub mod trap;
