//! A small file system for the push's queue, which is full now and then.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::end::until;
use super::page::Page;
use super::tally::Tally;
use crate::failure::{Doing, Failure, Result};
use crate::shell;

/// Set for the one inside of the name space: where the small file system is.
const INSIDE: &str = "SOAK_DISK";
const MOUNT: &str = "mount -t tmpfs -o size=24m,mode=0700 relink-soak \"$0\"";
/// How long it is not full, and full.
const ROOM: Duration = Duration::from_secs(50);
const FULL: Duration = Duration::from_secs(8);
/// Until the queue is on disk again when there is room: it is tried with each collection.
const RECOVERS: Duration = Duration::from_secs(15);

/// The small file system, if there is one here.
pub(super) fn small() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

/// Goes on as the same command in a name space where `folder` is a small file system. It returns where that can't be, and
/// says why.
pub(super) fn enter(folder: &Path, args: &[String]) -> String {
    let name_space = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(folder);
        command
    };
    let tried = name_space(MOUNT).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    match tried {
        Ok(tried) if tried.status.success() => {}
        Ok(tried) => return String::from_utf8_lossy(&tried.stderr).trim().to_owned(),
        Err(error) => return format!("unshare: {error}"),
    }
    match std::env::current_exe() {
        Ok(myself) => {
            let mut command = name_space(&format!("{MOUNT} && {INSIDE}=\"$0\" exec \"$@\""));
            command.arg(myself).args(args);
            shell::become_it(command).message().to_owned()
        }
        Err(error) => format!("looking for this executable: {error}"),
    }
}

/// How often it was full, and how often the agent said so.
#[derive(Default)]
pub(super) struct Filled {
    pub times: AtomicUsize,
    pub noticed: AtomicUsize,
}

impl Filled {
    /// Fills it and makes room again, until the end.
    pub(super) fn run(&self, small: &Path, address: &str, tally: &Tally) {
        while !tally.end.within(ROOM) {
            if let Err(failure) = self.once(small, address, tally) {
                tally.failed("the full disk", &failure);
            }
        }
    }

    fn once(&self, small: &Path, address: &str, tally: &Tally) -> Result<()> {
        let filler = small.join("filler");
        let filled = fill(&filler);
        let mut noticed = false;
        if filled.is_ok() {
            self.times.fetch_add(1, Ordering::Relaxed);
            // Looked at each second, which is one collection.
            for _ in 0..FULL.as_secs() {
                noticed |= Page::of(address)?.on_disk() == Some(0.0);
                tally.end.within(Duration::from_secs(1));
            }
        }
        self.noticed.fetch_add(usize::from(noticed), Ordering::Relaxed);
        fs::remove_file(&filler).doing(format_args!("removing {}", filler.display()))?;
        filled?;
        until("the queue is on disk again", RECOVERS, || {
            Page::of(address).ok().filter(|page| page.on_disk() == Some(1.0)).map(drop)
        })
    }
}

/// Writes until there is no room.
fn fill(filler: &Path) -> Result<()> {
    let doing = || format!("filling {}", filler.display());
    let mut file = File::create(filler).doing(doing())?;
    // Smaller and smaller, so that the last page is taken as well.
    for size in [1 << 20, 1 << 12, 1] {
        let block = vec![b'x'; size];
        loop {
            match file.write(&block) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(Failure::new(format!("{}: {error}", doing()))),
            }
        }
    }
    Ok(())
}
