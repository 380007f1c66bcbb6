//! Watches for an input that is not answered: the thread that is stuck can't say so.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long an input may take. The slowest take milliseconds; a loaded machine is slow as well.
const PATIENCE: Duration = Duration::from_secs(10);

/// What runs since when.
type Running = Mutex<(u64, Instant, Vec<u8>)>;

/// Watches as long as it lives.
pub(crate) struct Watch(Arc<Running>);

impl Watch {
    pub(crate) fn begin(target: &str) -> Self {
        let running = Arc::new(Mutex::new((0, Instant::now(), Vec::new())));
        let (target, watched) = (target.to_owned(), Arc::downgrade(&running));
        std::thread::spawn(move || watch(&target, &watched));
        Watch(running)
    }

    /// This input is given now.
    pub(crate) fn runs(&self, run: u64, input: &[u8]) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (running.0, running.1) = (run, Instant::now());
        running.2.clear();
        running.2.extend_from_slice(input);
    }

    /// The last input, as it can be pasted into a test; of a long one the beginning.
    pub(crate) fn input(&self) -> String {
        shown(&self.0.lock().unwrap_or_else(PoisonError::into_inner).2)
    }
}

fn shown(input: &[u8]) -> String {
    const MOST: usize = 4096;
    let rest = input.len().saturating_sub(MOST);
    let shown = input[..input.len() - rest].escape_ascii();
    if rest == 0 { shown.to_string() } else { format!("{shown} and {rest} bytes more") }
}

fn watch(target: &str, watched: &Weak<Running>) {
    loop {
        // sleep: nothing happens in a thread that is stuck.
        std::thread::sleep(PATIENCE / 10);
        let Some(running) = watched.upgrade() else { return };
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let (run, since, input) = &*running;
        if since.elapsed() > PATIENCE {
            eprintln!("fuzz {target}: run {run} does not come back: \"{}\"", shown(input));
            std::process::abort();
        }
    }
}
