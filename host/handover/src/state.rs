//! What a hand-over says of itself, as it is written: plain data, which all files here may speak of.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use serde::{Deserialize, Serialize};

use crate::executable::{Executable, latin1};

/// The variable that tells a new image where things are: `<hand-over>,<old image>`, two descriptors.
pub const ENV_HANDOVER: &str = "RELINK_HANDOVER";
/// The variable that tells the old image why it is running again.
pub const ENV_ROLLED_BACK: &str = "RELINK_ROLLED_BACK";

/// The part of a hand-over that is this library's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// How the process was first started.
    pub(crate) boot: BootRecord,
    /// The file that the new image is a copy of.
    pub(crate) executable: Option<Executable>,
    /// The names of what follows; what is missing then was damaged.
    pub(crate) bytes: Vec<String>,
    pub(crate) kept: BTreeMap<String, Vec<Kept>>,
}

/// A descriptor that is left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) fd: RawFd,
    /// Which file it is. With the device, by which the new image sees that it has the right one.
    pub(crate) inode: u64,
    pub(crate) device: u64,
    #[serde(default, with = "latin1", skip_serializing_if = "Vec::is_empty")]
    pub(crate) note: Vec<u8>,
}

/// The part of [`Boot`](crate::Boot) that a new image can't find out for itself, because the way to it has changed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BootRecord {
    /// The blocked signals at the first start; signal `n` is bit `n - 1`, as in `/proc/self/status`.
    pub(crate) signal_mask: u64,
    /// The ignored signals at the first start, same bits. `nohup` ignores SIGHUP.
    pub(crate) ignored: u64,
    /// The process has a terminal that ends it when it hangs up.
    pub(crate) terminal: bool,
    /// The executable that is running. `None` when its file was gone already.
    pub(crate) executable: Option<Executable>,
}

/// The device and inode of an open file: no other file has both.
pub(crate) fn identity(descriptor: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(descriptor)?;
    Ok((stat.st_dev, stat.st_ino))
}
