//! Taking a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, also one that another thread held when it panicked: what stands behind ours is whole after each statement,
/// so that panic says nothing against it, and must not become one of every thread that comes after.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
