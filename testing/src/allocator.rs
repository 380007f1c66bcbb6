//! An allocator that counts, for the tests that hold a plugin to what it says it costs.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting for each thread by itself: tests that run at the same time don't disturb the
/// count. [`conforms!`](crate::conforms!) makes it the test's `#[global_allocator]`.
pub struct CountingAllocator;

/// What this thread has allocated so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocated {
    /// How often it asked for memory: new, or of another size.
    pub(crate) calls: u64,
    /// Bytes that it asked for and has not given back. Below zero in a thread that frees what another one made.
    pub(crate) live: i64,
}

/// Counts of the calling thread; they stand still unless [`CountingAllocator`] is the global allocator.
pub(crate) fn allocated() -> Allocated {
    Allocated { calls: ALLOCATIONS.get(), live: LIVE.get() }
}

fn count(calls: u64, bytes: i64) {
    // Neither cell has a destructor, so both can be reached for as long as the thread runs.
    ALLOCATIONS.set(ALLOCATIONS.get() + calls);
    LIVE.set(LIVE.get() + bytes);
}

// SAFETY: every call is passed on to the system's allocator as it is, and its answer is passed back.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}
