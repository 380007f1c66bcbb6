//! When plugins run, and that they can't hurt.

pub(crate) mod breaker;
pub(crate) mod collection;
pub(crate) mod deadline;
pub(crate) mod instance;
mod sideload;
pub(crate) mod slot;
mod walker;
mod walks;
mod watchdog;
