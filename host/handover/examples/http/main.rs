//! A web server on hyper 1 that becomes the new version of itself on SIGHUP, with its listener and its clients.

mod client;

use std::{io, time::Duration};

use relink_handover::{Boot, Handover, Start};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::{sync::watch, task::JoinSet};

fn main() -> io::Result<()> {
    let (boot, start) = relink_handover::boot()?;
    tokio::runtime::Runtime::new()?.block_on(run(boot, start))
}

async fn run(boot: &Boot, mut start: Start) -> io::Result<()> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let taken = start.listeners("http")?.pop();
    let listener = taken.map_or_else(|| std::net::TcpListener::bind("127.0.0.1:0"), Ok)?;
    let mut clients = start.connections("client");
    println!("{}, {start}", listener.local_addr()?);
    boot.ready(start);
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let (mut serving, mut tasks) = (watch::Sender::new(()), JoinSet::new());
    loop {
        for client in clients.drain(..) {
            tasks.spawn(client::serve(client, serving.subscribe()));
        }
        tokio::select! {
            Ok((client, _)) = listener.accept() => clients.push((client.into_std()?, vec![])),
            Some(_) = tasks.join_next() => {}
            Some(()) = hang_up.recv() => {
                serving = watch::Sender::new(()); // The one before is dropped, and each task gives its client out.
                clients.extend(std::mem::take(&mut tasks).join_all().await.into_iter().flatten());
                let mut handover = Handover::new();
                handover.keep("http", &listener, []);
                clients.iter().for_each(|(client, unread)| handover.keep("client", client, &unread[..]));
                // Returns only if it failed; then these clients are served on.
                let failed = boot.stage().map(|new| boot.exec(new.image(), &handover, Duration::from_secs(5)));
                println!("{failed:?}");
            }
        }
    }
}
