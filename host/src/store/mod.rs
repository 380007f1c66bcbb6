//! What the collectors said: the snapshot of one collection, and the recent ones.

pub(crate) mod history;
pub(crate) mod lines;
pub(crate) mod snapshot;
