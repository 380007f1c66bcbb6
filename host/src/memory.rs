//! The allocator's habits.

/// Has the C library's allocator give memory back. By itself it raises the sizes from which it does so to the largest
/// block it has met, which here is a compressor's tables: an agent that was scraped a thousand times with gzip then held
/// 10 to 14 MB with all plugins, and 8.7 MB with this.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const BYTES: i32 = 128 * 1024;
        // SAFETY: sets a number in the allocator, which other threads may use meanwhile. Setting either of the two
        // ends the adjusting of both.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(libc::M_TRIM_THRESHOLD, BYTES);
        }
    }
}
