//! Turning this process into another image: same PID, same sockets.
//!
//! `execve` keeps the PID, the descriptors that are not close-on-exec, the signal mask, ignored and pending signals,
//! limits, the working directory and the interval timer. Each of those is either wanted or put right here.
//! It ends all other threads, so nothing here has to stop them.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::boot::Boot;
use crate::executable::Executable;
use crate::handover::Handover;
use crate::state::ENV_HANDOVER;

/// The signals by which the kernel, or `abort`, says that the code itself is broken. They are never blocked: a
/// blocked one ends the process without its handler being asked.
pub(crate) const FAULTS: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGSYS, libc::SIGTRAP];

/// Limits that a program may raise for itself, and that its successor must not find raised.
pub(crate) const LIMITS: [Resource; 8] = [
    libc::RLIMIT_NOFILE,
    libc::RLIMIT_CORE,
    libc::RLIMIT_STACK,
    libc::RLIMIT_MEMLOCK,
    libc::RLIMIT_NPROC,
    libc::RLIMIT_AS,
    libc::RLIMIT_DATA,
    libc::RLIMIT_FSIZE,
];

#[cfg(target_env = "gnu")]
pub(crate) type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
pub(crate) type Resource = c_int;
/// A resource and its soft and hard limit.
pub(crate) type Limit = (Resource, libc::rlimit);

/// An image that a process can become.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// It, open for reading.
    pub fd: BorrowedFd<'a>,
    /// The file that it is a copy of. The new image tells by it whether there is a newer one.
    pub executable: Option<&'a Executable>,
}

impl Boot {
    /// Replaces this process by `image`, with the arguments, environment and limits of the start, and hands over.
    ///
    /// What `handover` keeps stays open, every other descriptor above 2 is closed. An image that is not
    /// [ready](Boot::ready) within `deadline` is replaced by this one again; where it has not even come to
    /// [`boot`](crate::boot()) by then, the process ends.
    ///
    /// No signal to end is lost: after [`note_the_end`], one that came before the last moment stops this, and one that
    /// comes later waits for the new image.
    ///
    /// Returns only if that failed; then all is as it was, except that descriptors which are not kept, and which a child
    /// would have inherited, are close-on-exec now.
    pub fn exec(&self, image: Image<'_>, handover: &Handover<'_>, deadline: Duration) -> io::Error {
        match handover.write(self, image.executable) {
            Ok(blob) => exec_into(image.fd, self, blob.as_fd(), &handover.descriptors(), deadline),
            Err(error) => error,
        }
    }
}

/// The same with a hand-over that is written already.
fn exec_into(
    image: BorrowedFd<'_>,
    boot: &Boot,
    blob: BorrowedFd<'_>,
    keep: &[RawFd],
    deadline: Duration,
) -> io::Error {
    let own = boot.image().fd.as_raw_fd();
    let handover = format!("{},{own}", blob.as_raw_fd());
    // All memory is allocated before the first change, so that nothing between here and the exec can fail.
    let (argv, env) = match (boot.c_argv(), boot.c_env(&[(ENV_HANDOVER, &handover)])) {
        (Ok(argv), Ok(env)) => (argv, env),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let mut kept: Vec<(RawFd, c_int)> = Vec::with_capacity(keep.len() + 2);
    for &fd in [blob.as_raw_fd(), own].iter().chain(keep) {
        match descriptor_flags(fd) {
            Ok(flags) => kept.push((fd, flags)),
            Err(error) => return io::Error::new(error.kind(), format!("descriptor {fd} to keep: {error}")),
        }
    }
    let limits: Vec<_> = LIMITS.into_iter().filter_map(limit).collect();

    let mask = mask_now();
    set_mask(&waiting());
    let handlers = hold_ends();
    mark_all_close_on_exec();
    for &(fd, flags) in &kept {
        set_descriptor_flags(fd, flags & !libc::FD_CLOEXEC);
    }
    boot.restore_limits();
    // An ignored SIGALRM would stay ignored, and a hang would last for ever.
    // SAFETY: the default action runs no code of ours.
    let alarm = unsafe { libc::signal(libc::SIGALRM, libc::SIG_DFL) };
    set_alarm(deadline);

    // Looked at last: a thread that was given a signal just before the handlers were changed runs the old one, which notes it a
    // moment later. Looked at earlier, that signal was lost, and the next image did not end.
    let error = match ENDING.load(Ordering::SeqCst) {
        true => io::Error::new(io::ErrorKind::Interrupted, "the process ends"),
        false => execveat(image.as_raw_fd(), argv.as_ptr(), env.as_ptr()),
    };

    set_alarm(Duration::ZERO);
    // SAFETY: `alarm` is what this very call returned before.
    unsafe { libc::signal(libc::SIGALRM, alarm) };
    set_limits(&limits);
    for &(fd, flags) in &kept {
        set_descriptor_flags(fd, flags);
    }
    release_ends(handlers);
    set_mask(&mask);
    error
}

/// The signals that ask for a clean end.
const ENDS: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];
/// One of them has come.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The last moment before an exec: they have to wait.
static HOLDING: AtomicBool = AtomicBool::new(false);

/// Takes note of signals to end, beside what else is done about them. To be called before other handlers for them
/// are installed, such as tokio's, which call this one in their turn.
pub fn note_the_end() {
    extern "C" fn note(_: c_int) {
        ENDING.store(true, Ordering::SeqCst);
    }
    for signal in ENDS {
        handle(signal, note);
    }
}

/// From here on signals to end stay with the process, for the next image. This thread blocks them already; another one
/// that gets one gives it back and waits. It may wait with a lock held, so nothing may be locked until the exec.
fn hold_ends() -> [libc::sigaction; ENDS.len()] {
    extern "C" fn hold(signal: c_int) {
        let moment = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        // SAFETY: all may be called in a handler; the time lives, and the rest of it is not asked for. The code that
        // was interrupted finds its `errno` as it was.
        unsafe {
            let errno = *libc::__errno_location();
            libc::kill(libc::getpid(), signal);
            while HOLDING.load(Ordering::SeqCst) {
                libc::nanosleep(&moment, std::ptr::null_mut());
            }
            *libc::__errno_location() = errno;
        }
    }
    HOLDING.store(true, Ordering::SeqCst);
    ENDS.map(|signal| handle(signal, hold))
}

/// They are handled as before.
fn release_ends(handlers: [libc::sigaction; ENDS.len()]) {
    for (signal, action) in ENDS.into_iter().zip(handlers) {
        // SAFETY: puts back what `hold_ends` found.
        unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    }
    HOLDING.store(false, Ordering::SeqCst);
}

/// Sets a handler, and returns what there was before.
fn handle(signal: c_int, handler: extern "C" fn(c_int)) -> libc::sigaction {
    // SAFETY: all zeros is a valid action, and both live. The handlers of this file only do what handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut before: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(signal, &action, &mut before);
        before
    }
}

/// An array of C strings with the null pointer at its end that `execve` wants.
#[derive(Debug)]
pub(crate) struct CStrings {
    /// Owns what `pointers` points to.
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStrings {
    pub(crate) fn new(strings: impl Iterator<Item = Vec<u8>>) -> io::Result<Self> {
        let strings = strings.map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Ok(CStrings { _strings: strings, pointers })
    }

    fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// Gives the array away for good, with room for one more string before the final null pointer.
    pub(crate) fn leak_with_slot(mut self) -> &'static mut [*const c_char] {
        std::mem::forget(self._strings);
        self.pointers.push(std::ptr::null());
        self.pointers.leak()
    }
}

// What follows makes system calls and touches no memory but its arguments: it may run in a signal handler.

/// Runs the image behind `fd`; returns only the error. `argv` and `env` end with a null pointer.
pub(crate) fn execveat(fd: RawFd, argv: *const *const c_char, env: *const *const c_char) -> io::Error {
    // SAFETY: the arrays are made by `CStrings`: live, null-terminated, of C strings.
    unsafe { libc::syscall(libc::SYS_execveat, fd, c"".as_ptr(), argv, env, libc::AT_EMPTY_PATH) };
    io::Error::last_os_error()
}

/// Has every descriptor above 2 closed by the next exec.
pub(crate) fn mark_all_close_on_exec() {
    // SAFETY: takes three integers and changes flags of descriptors only.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) } == 0;
    if !done {
        mark_each_close_on_exec();
    }
}

/// The same before Linux 5.11. Stops at 65,536, because a limit of a million would take a tenth of a second.
fn mark_each_close_on_exec() {
    let limit = limit(libc::RLIMIT_NOFILE).map_or(1024, |(_, limit)| limit.rlim_cur);
    for fd in 3..limit.min(65_536) as RawFd {
        if let Ok(flags) = descriptor_flags(fd) {
            set_descriptor_flags(fd, flags | libc::FD_CLOEXEC);
        }
    }
}

/// The descriptor's flags (`F_GETFD`); an error says that it isn't open.
pub(crate) fn descriptor_flags(fd: RawFd) -> io::Result<c_int> {
    // SAFETY: reads a flag; a number that is not open gives an error.
    match unsafe { libc::fcntl(fd, libc::F_GETFD) } {
        -1 => Err(io::Error::last_os_error()),
        flags => Ok(flags),
    }
}

/// Sets the descriptor's flags (`F_SETFD`). It can't fail for one that is open.
pub(crate) fn set_descriptor_flags(fd: RawFd, flags: c_int) {
    // SAFETY: changes a flag of a descriptor only.
    unsafe { libc::fcntl(fd, libc::F_SETFD, flags) };
}

/// Has SIGALRM sent after `after`, by a timer that survives exec; zero stops it.
pub(crate) fn set_alarm(after: Duration) {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let value = libc::timeval {
        tv_sec: after.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_usec: after.subsec_micros().into(),
    };
    let timer = libc::itimerval { it_interval: zero, it_value: value };
    // SAFETY: reads `timer`, and is told not to write the old one.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
}

/// All signals but those that tell of a broken image: what waits until there are handlers.
pub(crate) fn waiting() -> libc::sigset_t {
    set_of(|signal| signal != libc::SIGALRM && !FAULTS.contains(&signal))
}

/// Sets the calling thread's signal mask.
pub(crate) fn set_mask(mask: &libc::sigset_t) {
    // SAFETY: reads a set that lives, and is told not to write the old one.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}

/// The calling thread's signal mask.
pub(crate) fn mask_now() -> libc::sigset_t {
    let mut mask = set_of(|_| false);
    // SAFETY: reads nothing, and writes a set that lives.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut mask) };
    mask
}

/// The signals for which `member` holds.
pub(crate) fn set_of(member: impl Fn(c_int) -> bool) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the whole set; `sigaddset` refuses numbers that are no signal.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in (1..=64).filter(|&signal| member(signal)) {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

/// The set as `/proc/self/status` shows it: signal `n` is bit `n - 1`.
pub(crate) fn bits(set: &libc::sigset_t) -> u64 {
    // SAFETY: reads a set that lives.
    (1..=64).filter(|&signal| unsafe { libc::sigismember(set, signal) } == 1).map(bit).sum()
}

/// The signal's bit in [`bits`].
pub(crate) fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Whether the process ignores the signal.
pub(crate) fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::uninit();
    // SAFETY: asks only; the action is read only after it was written.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init_ref().sa_sigaction == libc::SIG_IGN
    }
}

/// The resource's limit; `None` where the kernel does not know the resource.
pub(crate) fn limit(resource: Resource) -> Option<Limit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes a value that lives.
    (unsafe { libc::getrlimit(resource, &mut limit) } == 0).then_some((resource, limit))
}

/// Sets limits. One that may not be raised again stays as it is: a lower hard limit can't be undone without privilege.
pub(crate) fn set_limits(limits: &[Limit]) {
    for (resource, limit) in limits {
        // SAFETY: reads a value that lives.
        unsafe { libc::setrlimit(*resource, limit) };
    }
}

/// Raises the soft limit of open files to the hard one. The soft one is 1,024 by default because select(2) can't count
/// further, and a machine with hundreds of CPUs has more files than that; the hard one is what the operator allows.
/// To be called after [`boot`](crate::boot()): children and the next image get the limits of the start.
pub fn raise_open_files() {
    if let Some((resource, mut limit)) = limit(libc::RLIMIT_NOFILE) {
        limit.rlim_cur = limit.rlim_max;
        set_limits(&[(resource, limit)]);
    }
}

/// Has the command's process begin with these limits.
pub(crate) fn begin_with(command: &mut Command, limits: &[Limit]) {
    let limits = limits.to_vec();
    // SAFETY: between fork and exec only setrlimit(2) is called, which needs neither a lock nor memory.
    unsafe {
        command.pre_exec(move || {
            set_limits(&limits);
            Ok(())
        });
    }
}

/// Has the process ignore the signal.
pub(crate) fn ignore(signal: c_int) {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Has the process ignore the signal no longer, if it does.
pub(crate) fn heed(signal: c_int) {
    if is_ignored(signal) {
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Names the process, as `ps` shows it; the kernel takes the first 15 bytes.
pub(crate) fn set_name(name: &CStr) {
    // SAFETY: `name` lives for the call.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Says something on stderr without taking a lock or memory.
pub(crate) fn say(words: &CStr) {
    let bytes = words.to_bytes();
    // SAFETY: `bytes` lives and has this length.
    unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exec_that_fails_leaves_everything_as_it_was() {
        let boot = Boot::record(None).unwrap();
        let not_an_image = tempfile::tempfile().unwrap();
        let blob = tempfile::tempfile().unwrap();
        let kept = tempfile::tempfile().unwrap();
        let before = (bits(&mask_now()), descriptor_flags(kept.as_raw_fd()).unwrap());

        let error = exec_into(
            not_an_image.as_fd(),
            &boot,
            blob.as_fd(),
            &[kept.as_raw_fd()],
            Duration::from_secs(30),
        );

        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{error}");
        assert_eq!((bits(&mask_now()), descriptor_flags(kept.as_raw_fd()).unwrap()), before);
        let mut timer = MaybeUninit::<libc::itimerval>::uninit();
        // SAFETY: `getitimer` fills the timer before it is read.
        let left = unsafe {
            libc::getitimer(libc::ITIMER_REAL, timer.as_mut_ptr());
            timer.assume_init().it_value
        };
        assert_eq!((left.tv_sec, left.tv_usec), (0, 0), "the alarm is stopped");
    }

    #[test]
    fn a_closed_descriptor_is_refused_before_anything_changes() {
        let boot = Boot::record(None).unwrap();
        let mask = bits(&mask_now());
        let error = exec_into(boot.image().fd, &boot, boot.image().fd, &[1_000_000], Duration::from_secs(30));
        assert!(error.to_string().starts_with("descriptor 1000000 to keep: "), "{error}");
        assert_eq!(bits(&mask_now()), mask);
    }

    #[test]
    fn faults_and_the_alarm_never_wait() {
        let waiting = bits(&waiting());
        for signal in FAULTS.into_iter().chain([libc::SIGALRM]) {
            assert_eq!(waiting & bit(signal), 0, "signal {signal}");
        }
        for signal in [libc::SIGHUP, libc::SIGTERM, libc::SIGINT, libc::SIGUSR1, libc::SIGCHLD] {
            assert_ne!(waiting & bit(signal), 0, "signal {signal}");
        }
    }

    #[test]
    fn old_kernels_mark_each_descriptor() {
        let file = tempfile::tempfile().unwrap();
        set_descriptor_flags(file.as_raw_fd(), 0);
        mark_each_close_on_exec();
        assert_eq!(descriptor_flags(file.as_raw_fd()).unwrap(), libc::FD_CLOEXEC);
    }
}
