//! Netlink: one question to the kernel, and all there is of something in answer.
//!
//! A [`Socket`] stays open and asks a [`Question`]; the functions take its answers apart.
#![cfg(target_os = "linux")]

mod message;
mod socket;

use std::path::Path;

pub use message::{Question, attribute, attributes, long, number, push_address, short, text};
pub use socket::Socket;

/// Whether a folder that an option may have set is the machine's own, `/proc` or `/sys`. Another may be of another network
/// namespace than the one that netlink shows.
pub fn is_own(folder: &Path, own: &str) -> bool {
    folder.canonicalize().as_deref().unwrap_or(folder) == Path::new(own)
}
