//! When collectors run, and that they can't hurt.

pub(crate) mod breaker;
pub(crate) mod deadline;
pub(crate) mod instance;
pub(crate) mod queue;
pub(crate) mod scheduler;
mod sideload;
pub(crate) mod slot;
#[cfg(test)]
mod tests;
mod watchdog;
mod worker;
