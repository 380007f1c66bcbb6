//! A small agent that uses only the low-level half of a reload: it serves commands on a socket, and one of them has
//! it run itself again, well or badly. `tests/reexec_traps.rs` drives it.
//!
//! A command is one line on a connection of its own: `state` answers what an image can leak or lose, as JSON;
//! `reload WAY` runs the next image, which behaves in that way, and is answered by whichever image survives.

#![allow(unsafe_code)]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::time::Duration;

use relink_handover::exec::{Boot, exec_into};
use relink_handover::handover::{self, Connection, Handover, Inherited, Listener};
use relink_handover::stage::Staged;
use relink_handover::trap::Trap;

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
    let inherited = handover::take_from_env().unwrap_or_else(|error| {
        eprintln!("{error}");
        None
    });
    if inherited.is_none() {
        // What a test runner left open would be gone after the first exec, and look like a difference.
        // SAFETY: nothing has been opened yet.
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    }
    let mut boot = Boot::record()?;
    let (mut agent, askers) = match inherited {
        None => {
            let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:0"))?;
            println!("{}", listener.local_addr()?);
            boot.unblock_signals();
            let boot = Box::leak(Box::new(boot));
            let agent = Agent {
                boot,
                listener,
                generation: 0,
                rolled_back: None,
                history: vec![],
                dropped: vec![],
                blocked_at_start: None,
            };
            (agent, vec![])
        }
        Some(inherited) if inherited.rolled_back().is_some() => {
            let read = handover::read(inherited.blob());
            if let Ok(read) = &read {
                boot.inherit(&read.handover, true);
            }
            come_up(inherited, Box::leak(Box::new(boot)), read)?
        }
        Some(inherited) => {
            let read = handover::read(inherited.blob());
            if let Ok(read) = &read {
                boot.inherit(&read.handover, false);
            }
            let boot = Box::leak(Box::new(boot));
            let trap = Trap::arm(&inherited, boot)?;
            let way = match &read {
                Ok(read) => String::from_utf8_lossy(&read.handover.journal).into_owned(),
                Err(rejected) => trap.roll_back(&rejected.to_string()),
            };
            if way != "late exit" {
                misbehave(&way)?;
            }
            let up = come_up(inherited, boot, read)?;
            if way == "late exit" {
                // Its own descriptors are closed on the way out; the old image must have them all the same.
                drop(up);
                let _other = [std::fs::File::open("/dev/null")?, std::fs::File::open("/dev/null")?];
                return Err(io::Error::other("changed my mind"));
            }
            trap.disarm();
            up
        }
    };
    agent.blocked_at_start = blocked_at_start;
    for asker in askers {
        agent.answer(asker)?;
    }
    agent.serve()
}

/// Takes the sockets over; returns those that wait for the reload's answer as well.
fn come_up(
    mut inherited: Inherited,
    boot: &'static Boot,
    read: Result<handover::Read, handover::Rejected>,
) -> io::Result<(Agent, Vec<TcpStream>)> {
    let rolled_back = inherited.rolled_back().map(str::to_owned);
    let read = match read {
        Ok(read) => read,
        Err(rejected) => {
            let listener = inherited.salvage_listeners().pop();
            let listener = listener.ok_or_else(|| io::Error::other("no listener"))?;
            boot.unblock_signals();
            let dropped = vec![rejected.to_string()];
            listener.set_nonblocking(false)?;
            return Ok((
                Agent {
                    boot,
                    listener,
                    generation: 0,
                    rolled_back,
                    history: vec![],
                    dropped,
                    blocked_at_start: None,
                },
                vec![],
            ));
        }
    };
    let kept = read
        .handover
        .listeners
        .first()
        .cloned()
        .ok_or_else(|| io::Error::other("no listener in the hand-over"))?;
    let listener = inherited.adopt_listener(kept.fd, kept.address)?;
    listener.set_nonblocking(false)?;
    let generation = read.handover.generation - u64::from(rolled_back.is_some());
    let agent = Agent {
        boot,
        listener,
        generation,
        rolled_back,
        history: read.handover.history,
        dropped: read.dropped,
        blocked_at_start: None,
    };
    boot.unblock_signals();
    let mut askers = vec![];
    for connection in read.handover.connections {
        let stream = inherited.adopt_stream(connection.fd)?;
        stream.set_nonblocking(false)?;
        if connection.owed.is_some() {
            askers.push(stream);
        }
    }
    Ok((agent, askers))
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
            _ => Some(
                Staged::new(&executable(self.boot)?).map_err(|error| io::Error::other(error.to_string()))?,
            ),
        };
        let handover = Handover {
            generation: self.generation + 1,
            reload_id: "r".into(),
            listeners: vec![Listener { fd: self.listener.as_raw_fd(), address: self.listener.local_addr()? }],
            connections: vec![Connection {
                fd: asker.as_raw_fd(),
                peer: asker.peer_addr()?,
                opened: false,
                unread: vec![],
                owed: Some("r".into()),
                keep_alive: false,
            }],
            boot: self.boot.to_record(),
            executable: staged.as_ref().map(|staged| staged.source().clone()),
            journal: way.into(),
            history: b"history".to_vec(),
            ..Handover::default()
        };
        let blob = match way {
            "no hand-over" => std::fs::File::open("/dev/null")?.into(),
            _ => handover.write()?,
        };
        let file = std::fs::File::open("/dev/null")?;
        let image = staged.as_ref().map_or(file.as_fd(), Staged::image);
        Ok(exec_into(image, self.boot, blob.as_fd(), &handover.descriptors(), DEADLINE))
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

fn executable(boot: &Boot) -> io::Result<PathBuf> {
    boot.executable()
        .map(|file| file.path())
        .ok_or_else(|| io::Error::other("the executable's path is unknown"))
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
