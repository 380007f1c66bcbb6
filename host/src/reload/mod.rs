//! Reload in place: this image becomes the next one without losing anything.

mod blob;
mod boot;
pub(crate) mod build;
mod child;
mod commit;
pub mod exec;
pub mod handover;
pub mod journal;
mod libraries;
pub(crate) mod preflight;
mod record;
mod sealed;
pub mod stage;
pub mod terminal;
pub(crate) mod transaction;
pub mod trap;
