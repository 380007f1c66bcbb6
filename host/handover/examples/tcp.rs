//! An echo server that becomes the new version of itself on SIGHUP, with its listener and its clients.
//!
//! One loop does it all, so that no client is in the middle of anything when it comes to the exec.

use std::io::{self, Read, Write};
use std::net::TcpListener;

use relink_handover::Handover;
use rustix::event::{PollFd, PollFlags, poll};

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5);

fn main() -> io::Result<()> {
    let (boot, mut start) = relink_handover::boot()?;
    let (mut hang_up, signalled) = std::os::unix::net::UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGHUP, signalled)?;
    let listener = start.listeners("echo")?.pop().map_or_else(|| TcpListener::bind("127.0.0.1:0"), Ok)?;
    let mut clients = start.connections("client");
    println!("{}, {start}", listener.local_addr()?);
    boot.ready(start);
    let mut bytes = [0; 4096];
    loop {
        let polled = clients.iter().map(|(client, _)| PollFd::new(client, PollFlags::IN));
        let first = [PollFd::new(&hang_up, PollFlags::IN), PollFd::new(&listener, PollFlags::IN)];
        let mut all: Vec<_> = first.into_iter().chain(polled).collect();
        rustix::io::retry_on_intr(|| poll(&mut all, None))?;
        let has_news: Vec<_> = all.iter().map(|one| !one.revents().is_empty()).collect();
        let mut news = has_news[2..].iter();
        clients.retain_mut(|(client, _)| {
            let read = if news.next() == Some(&true) { client.read(&mut bytes) } else { return true };
            read.is_ok_and(|read| read > 0 && client.write_all(&bytes[..read]).is_ok())
        });
        if has_news[1] {
            clients.push((listener.accept()?.0, vec![]));
        }
        if has_news[0] && hang_up.read(&mut bytes)? > 0 {
            let mut handover = Handover::new();
            handover.keep("echo", &listener, []);
            clients.iter().for_each(|(client, _)| handover.keep("client", client, []));
            // Returns only if it failed; then these clients are served on.
            let failed = boot.stage().map(|new| boot.exec(new.image(), &handover, DEADLINE));
            println!("{failed:?}");
        }
    }
}
