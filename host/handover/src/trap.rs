//! The way back: until a new image is ready, whatever ends it runs the old image again, with the same sockets.
//!
//! Caught: the signals of broken code on any thread that Rust started, `abort`, `exit` and a return from `main`
//! (a panic ends in one of those), an exhausted stack, and a hang, by the timer that
//! [`Boot::exec`] set. Not caught: SIGKILL (the kernel's memory killer) and `_exit`, which
//! nobody can catch; a crash in a constructor, before `main`; an exhausted stack
//! of a thread that is not Rust's. Then the process ends and its supervisor has to start it again.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::time::Duration;

use crate::boot::Boot;
use crate::exec::{self, FAULTS};
use crate::inherited::Inherited;
use crate::state::{ENV_HANDOVER, ENV_ROLLED_BACK};

/// The exit status when not even the old image can be run: `EX_SOFTWARE` of `sysexits.h`.
const GIVEN_UP: c_int = 70;

/// What the handlers need. It is made before there is anything to handle, and never freed: a handler may be at it.
struct Plan {
    argv: *const *const c_char,
    /// The environment of the start and the hand-over; one place is left for the reason.
    env: *mut *const c_char,
    reason: usize,
    old_image: RawFd,
    /// Each descriptor that the old image needs, and a spare of it: the new image may have closed its own, or
    /// another file may have its number now.
    kept: &'static [(RawFd, RawFd)],
    boot: &'static Boot,
}

/// The plan while a trap is set.
static PLAN: AtomicPtr<Plan> = AtomicPtr::new(ptr::null_mut());
/// The thread that returns to the old image: the first that came.
static RETURNING: AtomicI32 = AtomicI32::new(0);

/// A set trap. It stays set when this is dropped; only [`Trap::disarm`] takes it away.
#[derive(Debug)]
#[must_use = "a trap stays set until it is disarmed"]
pub(crate) struct Trap {
    before: Vec<(c_int, libc::sigaction)>,
    spares: Vec<RawFd>,
}

impl Trap {
    /// Sets the trap. To be called before any thread is started.
    ///
    /// The old image that was rolled back to must not set one: it has nothing to return to.
    pub(crate) fn arm(inherited: &Inherited, boot: &'static Boot) -> io::Result<Trap> {
        if !PLAN.load(Ordering::Acquire).is_null() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the trap is set already"));
        }
        let handover = format!("{},{}", inherited.blob().as_raw_fd(), inherited.old_image().as_raw_fd());
        let env = boot.c_env(&[(ENV_HANDOVER, &handover)])?.leak_with_slot();
        let argv = boot.c_argv()?.leak_with_slot();
        // As many again as there are, which the limit of the start may not allow.
        let limit = exec::limit(libc::RLIMIT_NOFILE);
        exec::raise_open_files();
        let kept: Vec<_> = inherited.descriptors().map(|fd| (fd, spare(fd))).collect();
        exec::set_limits(limit.as_slice());
        let spares = kept.iter().filter(|(fd, spare)| fd != spare).map(|&(_, spare)| spare).collect();
        let plan = Plan {
            argv: argv.as_ptr(),
            reason: env.len() - 2,
            env: env.as_mut_ptr(),
            old_image: inherited.old_image().as_raw_fd(),
            kept: kept.leak(),
            boot,
        };
        ensure_signal_stack();
        hook_exit()?;
        let before = FAULTS.into_iter().map(|signal| Ok((signal, handle(signal)?)));
        let before = before.collect::<io::Result<_>>()?;
        handle(libc::SIGALRM)?;
        PLAN.store(Box::into_raw(Box::new(plan)), Ordering::Release);
        // The old image blocked none of these, but what started it may have.
        unblock_faults();
        Ok(Trap { before, spares })
    }

    /// Takes the trap away and stops the timer: this image is ready, and there is no way back any more.
    pub(crate) fn disarm(self) {
        // An alarm may be on its way to another thread at this moment. So its handler stays, and does nothing any more;
        // the default action would end the process.
        exec::set_alarm(Duration::ZERO);
        for (signal, action) in &self.before {
            // SAFETY: puts back what `handle` found.
            unsafe { libc::sigaction(*signal, action, ptr::null_mut()) };
        }
        PLAN.store(ptr::null_mut(), Ordering::Release);
        for fd in self.spares {
            // SAFETY: the spares are this trap's own, and the plan that names them is out of use.
            unsafe { libc::close(fd) };
        }
    }

    /// Returns to the old image now, which learns `reason`: this image has found out itself that it can't serve.
    pub(crate) fn roll_back(self, reason: &str) -> ! {
        let reason: String = reason.chars().filter(|&c| c != '\0').take(1000).collect();
        let variable = CString::new(format!("{ENV_ROLLED_BACK}={reason}")).unwrap_or_default();
        return_to_old_image(variable.into_raw(), false);
        give_up(c"relink-handover: the way back to the old image is closed\n")
    }
}

/// A copy of the descriptor, closed by exec. Without one (no number is free) the descriptor itself has to do.
fn spare(fd: RawFd) -> RawFd {
    // SAFETY: makes a new descriptor that only the trap knows.
    match unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) } {
        -1 => fd,
        spare => spare,
    }
}

/// std gives each of its threads a stack for signals, unless something else handled or ignored SIGSEGV when the
/// process started. The main thread needs one in any case.
fn ensure_signal_stack() {
    const SIZE: usize = 64 << 10;
    let mut stack = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: asks only; the answer is read only after it was written.
    let missing = unsafe {
        libc::sigaltstack(ptr::null(), stack.as_mut_ptr()) == 0
            && stack.assume_init_ref().ss_flags & libc::SS_DISABLE != 0
    };
    if missing {
        let memory = Vec::leak(vec![0_u8; SIZE]);
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
        // SAFETY: the memory is never freed and nothing else uses it.
        unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
    }
}

/// Sets the handler and returns what was there before.
fn handle(signal: c_int) -> io::Result<libc::sigaction> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: all zeros is a valid `sigaction`; `on_signal` calls only what may be called in a handler; `before` is
    // read only after it was written.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
        // NODEFER: a fault inside the handler must reach `return_to_old_image`, which ends it there.
        action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER;
        if libc::sigaction(signal, &action, before.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(before.assume_init())
    }
}

fn unblock_faults() {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set before it is used.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in FAULTS.into_iter().chain([libc::SIGALRM]) {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
    }
}

/// Has `exit`, and with it a return from `main`, ask the trap first. It can't be taken back, and asks in vain later.
fn hook_exit() -> io::Result<()> {
    #[cfg(target_env = "gnu")]
    let done = {
        unsafe extern "C" {
            // glibc's own: unlike `atexit`, it tells the status.
            fn on_exit(hook: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        }
        // SAFETY: `at_exit` lives as long as the process and uses no argument.
        unsafe { on_exit(at_exit, ptr::null_mut()) }
    };
    #[cfg(not(target_env = "gnu"))]
    let done = {
        extern "C" fn hook() {
            at_exit(0, ptr::null_mut());
        }
        // SAFETY: `hook` lives as long as the process.
        unsafe { libc::atexit(hook) }
    };
    if done == 0 { Ok(()) } else { Err(io::Error::other("no room for an exit hook")) }
}

extern "C" fn at_exit(status: c_int, _: *mut c_void) {
    // 101 is what std exits with after a panic in `main`.
    let panicked = status == 101;
    let reason = if panicked { c"RELINK_ROLLED_BACK=panic" } else { c"RELINK_ROLLED_BACK=exit" };
    return_to_old_image(reason.as_ptr(), false);
}

extern "C" fn on_signal(signal: c_int) {
    return_to_old_image(words_for(signal).as_ptr(), signal == libc::SIGALRM);
    // No trap is set: it was disarmed a moment ago. The default action follows when the code goes on.
    if signal != libc::SIGALRM {
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn words_for(signal: c_int) -> &'static CStr {
    match signal {
        libc::SIGSEGV => c"RELINK_ROLLED_BACK=segmentation fault",
        libc::SIGBUS => c"RELINK_ROLLED_BACK=bus error",
        libc::SIGILL => c"RELINK_ROLLED_BACK=illegal instruction",
        libc::SIGFPE => c"RELINK_ROLLED_BACK=arithmetic fault",
        libc::SIGABRT => c"RELINK_ROLLED_BACK=abort",
        libc::SIGSYS => c"RELINK_ROLLED_BACK=forbidden system call",
        libc::SIGTRAP => c"RELINK_ROLLED_BACK=breakpoint",
        libc::SIGALRM => c"RELINK_ROLLED_BACK=hang",
        _ => c"RELINK_ROLLED_BACK=signal",
    }
}

/// Runs the old image with `reason`, a `NAME=value` that lives on. Returns only if no trap is set, or to go on when
/// the `alarm` rang in the middle of it. Async-signal-safe.
fn return_to_old_image(reason: *const c_char, alarm: bool) {
    let plan = PLAN.load(Ordering::Acquire);
    // SAFETY: null, or a plan that is never freed.
    let Some(plan) = (unsafe { plan.as_ref() }) else { return };
    // SAFETY: asks for a number.
    let own = unsafe { libc::gettid() };
    if let Err(other) = RETURNING.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire) {
        if other == own {
            if alarm {
                return;
            }
            give_up(c"relink-handover: a fault on the way back to the old image\n");
        }
        // Another thread came first; its exec ends this one.
        loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
    }

    exec::set_alarm(Duration::ZERO);
    // SAFETY: only the one thread that returns comes here; the place is inside the array that `arm` made.
    unsafe { *plan.env.add(plan.reason) = reason };
    // Other threads run on until the exec is through, and starting a thread fails from its beginning (`EAGAIN`): what
    // closes its descriptors because of that must not close those that the old image needs. If there is no memory for
    // a table of this thread's own, the shared one has to do.
    #[cfg(target_os = "linux")]
    // SAFETY: concerns the calling thread alone.
    unsafe {
        libc::unshare(libc::CLONE_FILES)
    };
    exec::mark_all_close_on_exec();
    for &(fd, spare) in plan.kept {
        if fd == spare {
            exec::set_descriptor_flags(fd, 0);
        } else {
            // SAFETY: `spare` is the trap's own; whatever has the number `fd` now, nobody will use it any more.
            unsafe { libc::dup2(spare, fd) };
        }
    }
    plan.boot.restore_limits();
    // A handler's mask would survive the exec. What waits for the old image's handlers goes on waiting.
    exec::set_mask(&exec::waiting());
    let error = exec::execveat(plan.old_image, plan.argv, plan.env);
    // `io::Error` of a system call holds a number, so that this is safe here as well.
    give_up(match error.raw_os_error() {
        Some(libc::ENOMEM) => c"relink-handover: no memory to run the old image again\n",
        Some(libc::EACCES) => c"relink-handover: not allowed to run the old image again\n",
        _ => c"relink-handover: the old image does not run again\n",
    })
}

fn give_up(words: &CStr) -> ! {
    exec::say(words);
    // SAFETY: ends the process without asking the exit hook, which has nothing left to try.
    unsafe { libc::_exit(GIVEN_UP) }
}
