//! What is resident: the allocator's habits, and code that has done its work.

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

/// Has the system take the executable's code out of this process's page table. What a start needs (the command line, the
/// configuration, Rocket's ignition) is most of what is resident, and is not needed again; what is needed comes back from
/// the page cache as it is touched.
pub(crate) fn forget_startup() {
    #[cfg(target_os = "linux")]
    if let Some((start, length)) = code() {
        // SAFETY: a mapping that nobody can write holds what its file holds, so that the system has the same bytes for
        // whoever touches it next. Code needs no relocation that could be lost.
        #[allow(unsafe_code)]
        let forgotten = unsafe {
            rustix::mm::madvise(start as *mut std::ffi::c_void, length, rustix::mm::Advice::LinuxDontNeed)
        };
        if let Err(error) = forgotten {
            tracing::debug!("code of the start stays resident: {error}");
        }
    }
}

/// Where the executable's code is mapped: the mapping that this function is in, if it is one of a file and cannot be
/// written.
#[cfg(target_os = "linux")]
fn code() -> Option<(usize, usize)> {
    let here = code as fn() -> Option<(usize, usize)> as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let is_code = words.next()? == "r-xp" && words.nth(2)? != "0";
        (is_code && (start..end).contains(&here)).then_some((start, end - start))
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn code_is_found_forgotten_and_still_runs() {
        let (start, length) = code().expect("this test's code");
        // SAFETY: the mapping is readable, and nobody can write it.
        #[allow(unsafe_code)]
        let code = unsafe { std::slice::from_raw_parts(start as *const u8, length) };
        let sum = || code.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        let (before, held) = (sum(), resident());
        forget_startup();
        assert!(resident() < held, "{} of {held} KB", resident());
        assert_eq!(sum(), before);
    }
}
