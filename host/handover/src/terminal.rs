//! The terminal that the process was started in, and what SIGHUP means.
//!
//! A service manager sends SIGHUP to have its service reload. The kernel and the shell send it when a terminal is gone,
//! to end what was started there. So it ends a process whose terminal is gone, and reloads any other.

use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// The kernel sends the signal a moment before it takes the terminal away from those who have it. There is no event for
/// the taking away of a terminal that others still have.
pub const MOMENT: Duration = Duration::from_millis(50);
/// How long after its terminal a process may still be sent the SIGHUP for it, by a shell that ends its jobs. One that
/// was sent none by then was left running on purpose.
const LATE: Duration = Duration::from_secs(5);

/// The controlling terminal of this process.
#[derive(Debug)]
pub struct Terminal {
    /// There was one, and the process has not outlived it.
    binds: AtomicBool,
}

impl Terminal {
    /// The one that this process has now, if it has one.
    pub(crate) fn of_now() -> Self {
        Self::that_binds(open().is_some())
    }

    /// As the image before has handed it over.
    pub(crate) fn that_binds(binds: bool) -> Self {
        Terminal { binds: AtomicBool::new(binds) }
    }

    /// Whether the process ends with it.
    pub fn binds(&self) -> bool {
        self.binds.load(Relaxed)
    }

    /// Whether it is gone, and the process has to end for that.
    pub fn is_gone(&self) -> bool {
        self.binds() && open().is_none()
    }

    /// Waits for its end on a thread, which sleeps till then. A process that is sent no SIGHUP thereafter has outlived it.
    pub fn watch(&'static self) {
        let Some(file) = open() else { return };
        let watch = move || {
            // What is asked for is nothing, and the end is told all the same.
            let mut end = [PollFd::new(&file, PollFlags::empty())];
            while let Ok(0) | Err(Errno::INTR) = poll(&mut end, None) {}
            // sleep: until the shell has sent its signal, or has not.
            std::thread::sleep(LATE);
            self.binds.store(false, Relaxed);
            tracing::info!(
                "its terminal is gone, and the process has outlived it: SIGHUP asks for a reload from now on"
            );
        };
        if let Err(error) = std::thread::Builder::new().name("terminal".to_owned()).spawn(watch) {
            tracing::warn!("the terminal is not watched: {error}");
        }
    }
}

/// The terminal. It can't be opened where there is none, or none any more.
fn open() -> Option<std::fs::File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    std::fs::OpenOptions::new().read(true).custom_flags(flags).open("/dev/tty").ok()
}
