//! A web server on hyper 1 that becomes the new version of itself on SIGHUP, with its listener and its clients.

use std::{future, io, mem, net, pin, time::Duration};

use hyper::{Response, server::conn::http1, service::service_fn};
use tokio::{io::AsyncReadExt, signal::unix, sync::watch, task::JoinSet};

/// One between two requests, with what came too early of the next one.
type Client = (net::TcpStream, Vec<u8>);

/// Answers until the client leaves, or until it is told to stop, and then gives the client out.
async fn serve((client, early): Client, mut stop: watch::Receiver<()>) -> Option<Client> {
    let (mut client, mut early) = (tokio::net::TcpStream::from_std(client).ok()?, &early[..]);
    let (read, write) = client.split();
    let io = hyper_util::rt::TokioIo::new(tokio::io::join((&mut early).chain(read), write));
    let answer = service_fn(|_| future::ready(Ok::<_, io::Error>(Response::new("hello\n".to_owned()))));
    let mut hyper = http1::Builder::new().serve_connection(io, answer);
    tokio::select! { _ = &mut hyper => return None, _ = stop.changed() => pin::Pin::new(&mut hyper).graceful_shutdown() }
    // The request in flight is answered, and its answer is written; what matters is that the socket is not shut down.
    // hyper also waits for the rest of a first head, which may never come.
    let read = tokio::time::timeout(Duration::new(2, 0), hyper.without_shutdown()).await.ok()?.ok()?.read_buf;
    Some((client.into_std().ok()?, [&read, early].concat()))
}

// On one thread: before `boot` there may be no other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (boot, mut start) = relink_handover::boot()?;
    let listener = start.listeners("web")?.pop().map_or_else(|| net::TcpListener::bind("127.0.0.1:0"), Ok)?;
    listener.set_nonblocking(true)?;
    let (listener, mut clients) = (tokio::net::TcpListener::from_std(listener)?, start.connections("client"));
    let mut hang_up = unix::signal(unix::SignalKind::hangup())?;
    let (stop, mut tasks) = (watch::Sender::new(()), JoinSet::new());
    println!("{}, {start}", listener.local_addr()?);
    boot.ready(start);
    loop {
        clients.drain(..).for_each(|client| drop(tasks.spawn(serve(client, stop.subscribe()))));
        tokio::select! {
            Ok((client, _)) = listener.accept() => clients.push((client.into_std()?, vec![])),
            Some(_) = tasks.join_next() => {}
            Some(()) = hang_up.recv() => {
                stop.send_replace(());
                clients.extend(mem::take(&mut tasks).join_all().await.into_iter().flatten());
                let mut handover = relink_handover::Handover::new();
                handover.keep("web", &listener, []);
                clients.iter().for_each(|(client, unread)| handover.keep("client", client, &unread[..]));
                // Returns only if it failed; then these clients are served on.
                println!("{:?}", boot.stage().map(|new| boot.exec(new.image(), &handover, Duration::new(5, 0))));
            }
        }
    }
}
