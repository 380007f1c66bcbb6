//! Where plugins come from, and which of them run.

pub(crate) mod dylib;
pub(crate) mod linked;
pub(crate) mod set;
pub(crate) mod status;
