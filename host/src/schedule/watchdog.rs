//! A thread that is woken when something takes too long, and costs two system calls when nothing does.

use std::io;
use std::time::Duration;

/// Sleeps on a timer of the kernel: setting and stopping it wakes nobody, unlike a condition variable with a time-out.
#[cfg(target_os = "linux")]
pub(super) struct Watchdog {
    timer: std::sync::Arc<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Watchdog {
    /// Starts the thread, which calls `ring` each time when the timer runs out.
    pub(super) fn start(ring: impl Fn() + Send + 'static) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let timer = std::sync::Arc::new(timer);
        let rings = std::sync::Arc::clone(&timer);
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            loop {
                match rustix::io::read(&rings, &mut [0; 8]) {
                    Ok(_) => ring(),
                    Err(rustix::io::Errno::INTR) => {}
                    // Nobody closes the timer, so there is no such error.
                    Err(error) => return tracing::error!("the watchdog's timer failed: {error}"),
                }
            }
        })?;
        Ok(Watchdog { timer })
    }

    /// Rings once, after that long.
    pub(super) fn set(&self, after: Duration) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Neither the descriptor nor a duration of seconds can be refused.
        let value = Timespec::try_from(after).unwrap_or(never);
        let _ = timerfd_settime(
            &self.timer,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: never, it_value: value },
        );
    }

    /// Does not ring.
    pub(super) fn stop(&self) {
        self.set(Duration::ZERO);
    }
}

/// There is none: walks are made by threads.
#[cfg(not(target_os = "linux"))]
pub(super) struct Watchdog(std::convert::Infallible);

#[cfg(not(target_os = "linux"))]
impl Watchdog {
    pub(super) fn start(_: impl Fn() + Send + 'static) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn set(&self, _: Duration) {
        match self.0 {}
    }

    pub(super) fn stop(&self) {
        match self.0 {}
    }
}
