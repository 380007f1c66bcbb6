//! Reload in place: this image becomes the next one without losing anything.

pub(crate) mod build;
mod child;
pub(crate) mod choice;
mod commit;
pub(crate) mod handed;
mod libraries;
pub(crate) mod preflight;
mod run;
pub(crate) mod transaction;
