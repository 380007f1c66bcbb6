//! A small agent that uses only the low-level half of a reload: it serves commands on a socket, and one of them has
//! it run itself again, well or badly. `tests/reexec_traps.rs` drives it.
//!
//! A command is one line on a connection of its own: `state` answers what an image can leak or lose, as JSON;
//! `reload WAY` runs the next image, which behaves in that way, and is answered by whichever image survives.

#![allow(unsafe_code)]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use relink_handover::{Boot, ENV_HANDOVER, Handover, Image, Staged, Start};

const DEADLINE: Duration = Duration::from_millis(400);

struct Agent {
    boot: &'static Boot,
    listener: TcpListener,
    generation: u64,
    rolled_back: Option<String>,
    /// The last hand-over's history, to see that it crosses.
    history: Vec<u8>,
    dropped: Vec<String>,
    /// The blocked signals when `main` began.
    blocked_at_start: Option<String>,
}

fn main() -> io::Result<()> {
    let blocked_at_start = status("SigBlk")?;
    let handed_over = std::env::var(ENV_HANDOVER).ok();
    if handed_over.is_none() {
        // What a test runner left open would be gone after the first exec, and look like a difference.
        // SAFETY: nothing has been opened yet.
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    }
    if is_open(SPOILER) {
        spoil(&handed_over.unwrap_or_default());
    }
    let (boot, start) = relink_handover::boot()?;
    let way = start.bytes("way").ok().flatten().map(|way| String::from_utf8_lossy(way).into_owned());
    let way = way.filter(|_| matches!(start, Start::TakenOver(_))).unwrap_or_default();
    if way != "late exit" {
        misbehave(&way)?;
    }
    let (mut agent, askers, start) = come_up(boot, start)?;
    if way == "late exit" {
        // Its own descriptors are closed on the way out; the old image must have them all the same.
        drop((agent, askers, start));
        let _other = [std::fs::File::open("/dev/null")?, std::fs::File::open("/dev/null")?];
        return Err(io::Error::other("changed my mind"));
    }
    boot.ready(start);
    agent.blocked_at_start = blocked_at_start;
    for asker in askers {
        agent.answer(asker)?;
    }
    agent.serve()
}

/// Takes the sockets over; returns those that wait for the reload's answer as well.
fn come_up(boot: &'static Boot, mut start: Start) -> io::Result<(Agent, Vec<TcpStream>, Start)> {
    let unreadable = start.unreadable().map(ToString::to_string);
    let listener = match (&start, &unreadable) {
        (Start::Fresh, _) => {
            let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:0"))?;
            println!("{}", listener.local_addr()?);
            Some(listener)
        }
        (_, Some(_)) => start.salvage_listeners().pop(),
        _ => start.listeners("listener")?.pop(),
    };
    let bytes = |name| start.bytes(name).ok().flatten().unwrap_or_default();
    let before = bytes("generation").first().copied().unwrap_or_default();
    let agent = Agent {
        boot,
        listener: listener.ok_or_else(|| io::Error::other("no listener"))?,
        generation: u64::from(before) + u64::from(matches!(start, Start::TakenOver(_))),
        rolled_back: if let Start::RolledBack(_, reason) = &start { Some(reason.clone()) } else { None },
        history: bytes("history").to_vec(),
        dropped: unreadable.into_iter().collect(),
        blocked_at_start: None,
    };
    let askers = start.connections("asker").into_iter().map(|(asker, _)| asker).collect();
    Ok((agent, askers, start))
}

/// Left open for an image that shall find its hand-over spoilt.
const SPOILER: RawFd = 200;

fn is_open(fd: RawFd) -> bool {
    // SAFETY: reads a flag; a number that is not open gives an error.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Puts another file in the place of the hand-over.
fn spoil(handed_over: &str) {
    let blob = handed_over.split_once(',').and_then(|(blob, _)| blob.parse().ok());
    // SAFETY: nothing has taken either of the two descriptors.
    blob.into_iter().for_each(|blob| _ = unsafe { libc::dup2(SPOILER, blob) });
}

impl Agent {
    fn serve(mut self) -> io::Result<()> {
        loop {
            let (stream, _) = self.listener.accept()?;
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line)?;
            match line.trim_end().split_once(' ') {
                Some(("reload", way)) => {
                    let error = self.reload(way, &stream);
                    writeln!(&stream, "{{\"error\": {:?}}}", error.to_string())?;
                }
                _ => self.answer(stream)?,
            }
        }
    }

    fn reload(&mut self, way: &str, asker: &TcpStream) -> io::Error {
        match self.try_reload(way, asker) {
            Ok(error) | Err(error) => error,
        }
    }

    fn try_reload(&mut self, way: &str, asker: &TcpStream) -> io::Result<io::Error> {
        let staged = match way {
            "not executable" => None,
            _ => Some(self.boot.stage()?),
        };
        let mut handover = Handover::new();
        handover.keep("listener", &self.listener, []);
        handover.keep("asker", asker, []);
        handover.bytes("generation", [self.generation as u8]);
        handover.bytes("way", way);
        handover.bytes("history", "history");
        let file = std::fs::File::open("/dev/null")?;
        // SAFETY: the number is free, and nothing else knows the new descriptor.
        let spoiler = (way == "no hand-over").then(|| unsafe { libc::dup2(file.as_raw_fd(), SPOILER) });
        // SAFETY: it is open.
        let spoiler = spoiler.map(|fd| unsafe { BorrowedFd::borrow_raw(fd) });
        spoiler.iter().for_each(|spoiler| handover.keep("spoiler", spoiler, []));
        let nothing = Image { fd: file.as_fd(), executable: None };
        let image = staged.as_ref().map_or(nothing, Staged::image);
        Ok(self.boot.exec(image, &handover, DEADLINE))
    }

    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut fds: Vec<String> = std::fs::read_dir("/proc/self/fd")?
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .map(|target| target.to_string_lossy().into_owned())
            .filter(|target| {
                !target.starts_with("/proc/") && *target != format!("socket:[{}]", inode(&stream))
            })
            .collect();
        fds.sort();
        let environment: usize = std::env::vars_os().map(|(key, value)| key.len() + value.len() + 2).sum();
        let limits = std::fs::read_to_string("/proc/self/limits")?;
        let state = serde_json::json!({
            "pid": std::process::id(),
            "generation": self.generation,
            "rolled_back": self.rolled_back,
            "dropped": self.dropped,
            "history": String::from_utf8_lossy(&self.history),
            "name": status("Name")?,
            "blocked": status("SigBlk")?,
            "ignored": status("SigIgn")?,
            "threads": status("Threads")?,
            "resident": status("VmRSS")?,
            "fds": fds,
            "environment": environment,
            "start_environment": std::fs::read("/proc/self/environ")?.len(),
            "arguments": std::env::args().collect::<Vec<_>>(),
            "limits": limits,
            "listener": inode(&self.listener),
            "blocked_at_start": self.blocked_at_start,
            "alarm": alarm_left(),
        });
        writeln!(&stream, "{state}")
    }
}

/// A field of `/proc/self/status`.
fn status(name: &str) -> io::Result<Option<String>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(line.map(|value| value.trim().to_owned()))
}

/// Microseconds until SIGALRM, 0 for never.
fn alarm_left() -> i64 {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let mut timer = libc::itimerval { it_interval: zero, it_value: zero };
    // SAFETY: writes a value that lives.
    unsafe { libc::getitimer(libc::ITIMER_REAL, &mut timer) };
    timer.it_value.tv_sec * 1_000_000 + timer.it_value.tv_usec
}

fn inode(socket: &impl AsRawFd) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).map_or(0, |meta| meta.ino())
}

/// What a bad image does before it is ready.
fn misbehave(way: &str) -> io::Result<()> {
    match way {
        // SAFETY: none; it is meant to crash.
        "segfault" => unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) },
        // SAFETY: sends a signal to this process.
        "illegal instruction" => _ = unsafe { libc::raise(libc::SIGILL) },
        "abort" => std::process::abort(),
        "panic" => panic!("as asked"),
        "panic in a thread, then exit" => {
            let _ = std::thread::spawn(|| panic!("as asked")).join();
            std::process::exit(3);
        }
        "exit" => std::process::exit(3),
        "error" => return Err(io::Error::other("as asked")),
        "hang" => loop {
            std::thread::park();
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "overflow" => _ = overflow(0),
        "overflow in a thread" => _ = std::thread::spawn(|| overflow(0)).join(),
        "segfault in many threads" => {
            let crash = || misbehave("segfault");
            let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(crash)).collect();
            threads.into_iter().for_each(|thread| _ = thread.join());
        }
        "signalled, then segfault" => {
            // SAFETY: sends a signal to this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
            misbehave("segfault")?;
        }
        "leak and exit" => {
            for _ in 0..10 {
                // SAFETY: opens a descriptor that nothing else knows.
                unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) };
            }
            std::process::exit(3);
        }
        "raise limits and abort" => {
            let limit = libc::rlimit { rlim_cur: 64, rlim_max: 20_000 };
            // SAFETY: reads a value that lives.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
            std::process::abort();
        }
        _ => {}
    }
    Ok(())
}

#[expect(unconditional_recursion, reason = "it is meant to exhaust the stack")]
fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + frame[0]
}
