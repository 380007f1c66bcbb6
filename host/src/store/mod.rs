//! What the plugins said: the snapshot of one collection, and the recent ones.

pub mod history;
pub(crate) mod lines;
pub mod snapshot;
