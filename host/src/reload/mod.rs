//! Reload in place: this image becomes the next one without losing anything.

pub(crate) mod build;
mod child;
mod commit;
mod libraries;
pub(crate) mod preflight;
mod record;
pub(crate) mod transaction;
