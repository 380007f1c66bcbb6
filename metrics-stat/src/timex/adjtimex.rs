//! The system call, for which no library that is kept up has a safe face.

#![allow(unsafe_code)]

use std::io;

/// The fields of the kernel's `timex` that are shown, under its own names.
pub(super) struct Clock {
    /// Whether the call returned another state than TIME_ERROR.
    pub(super) synchronised: bool,
    pub(super) offset: libc::c_long,
    pub(super) freq: libc::c_long,
    pub(super) maxerror: libc::c_long,
    pub(super) esterror: libc::c_long,
    pub(super) status: libc::c_int,
    pub(super) constant: libc::c_long,
    pub(super) tick: libc::c_long,
    pub(super) ppsfreq: libc::c_long,
    pub(super) jitter: libc::c_long,
    pub(super) shift: libc::c_int,
    pub(super) stabil: libc::c_long,
    pub(super) jitcnt: libc::c_long,
    pub(super) calcnt: libc::c_long,
    pub(super) errcnt: libc::c_long,
    pub(super) stbcnt: libc::c_long,
    pub(super) tai: libc::c_int,
}

/// What the kernel says. A sandbox may deny the call.
pub(super) fn read() -> io::Result<Clock> {
    // SAFETY: the struct is made of numbers alone, of which 0 is one; a `modes` of 0 asks for no change.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes the struct that it is given, which lives through the call.
    let state = unsafe { libc::adjtimex(&mut timex) };
    if state == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(Clock {
        synchronised: state != libc::TIME_ERROR,
        offset: timex.offset,
        freq: timex.freq,
        maxerror: timex.maxerror,
        esterror: timex.esterror,
        status: timex.status,
        constant: timex.constant,
        tick: timex.tick,
        ppsfreq: timex.ppsfreq,
        jitter: timex.jitter,
        shift: timex.shift,
        stabil: timex.stabil,
        jitcnt: timex.jitcnt,
        calcnt: timex.calcnt,
        errcnt: timex.errcnt,
        stbcnt: timex.stbcnt,
        tai: timex.tai,
    })
}
