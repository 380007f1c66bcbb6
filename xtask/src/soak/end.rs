//! The end of a soak, which all that is at work waits for between two of its steps.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// How far apart two looks are at what tells of no event.
const LOOK: Duration = Duration::from_millis(50);

/// Whether it has come.
#[derive(Default)]
pub(super) struct End {
    come: Mutex<bool>,
    told: Condvar,
}

impl End {
    pub(super) fn come(&self) {
        *self.come.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    pub(super) fn has_come(&self) -> bool {
        *self.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for it, at most so long. Whether it has come.
    pub(super) fn within(&self, time: Duration) -> bool {
        let come = self.come.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(come, time, |come| !*come);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The same until that moment.
    pub(super) fn before(&self, moment: Instant) -> bool {
        self.within(moment.saturating_duration_since(Instant::now()))
    }
}

/// Looks until there is something to see; an error after the deadline.
pub(super) fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Ok(seen);
        }
        if began.elapsed() > deadline {
            return Err(Failure::new(format!("{what}: not within {} s", deadline.as_secs_f64())));
        }
        // sleep: the kernel and the receiver tell of no event; the deadline is what ends this.
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_of_the_end() {
        let end = End::default();
        assert!(!end.within(Duration::ZERO));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| end.within(Duration::from_secs(600)));
            end.come();
            assert!(waits.join().unwrap());
        });
        assert!(end.has_come());
    }

    #[test]
    fn a_wait_has_its_deadline() {
        let mut looks = 0;
        let seen = until("it", Duration::from_secs(600), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(seen, Ok(3));
        let failure = until("the queue is empty", Duration::ZERO, || None::<()>).unwrap_err();
        assert_eq!(failure.message(), "the queue is empty: not within 0 s");
    }
}
