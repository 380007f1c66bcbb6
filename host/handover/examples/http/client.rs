//! One client of the web server, and how its connection comes out of hyper.

use std::convert::Infallible;
use std::io::Cursor;
use std::time::Duration;

use hyper::{Response, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, join};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A connection between two requests, and what came too early of the next one.
pub(crate) type Client = (std::net::TcpStream, Vec<u8>);

/// Answers until the client leaves; or until `serving` ends, and then gives the client out.
pub(crate) async fn serve((client, unread): Client, mut serving: watch::Receiver<()>) -> Option<Client> {
    let (read, write) = TcpStream::from_std(client).ok()?.into_split();
    let io = TokioIo::new(join(Cursor::new(unread).chain(read), write));
    let answer = service_fn(async |_| Ok::<_, Infallible>(Response::new("hello\n".to_owned())));
    // hyper waits for the rest of a first head before it lets go of a connection, so not for long.
    let mut hyper = http1::Builder::new();
    hyper.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(2));
    let mut hyper = hyper.serve_connection(io, answer);
    tokio::select! {
        _ = &mut hyper => return None,
        _ = serving.changed() => Pin::new(&mut hyper).graceful_shutdown(),
    }
    // The request in flight is answered and its answer is written. That the socket is not shut down is what matters.
    let parts = hyper.without_shutdown().await.ok()?;
    let (read, write) = parts.io.into_inner().into_inner();
    let (front, read) = read.into_inner();
    let unread = [&parts.read_buf, &front.get_ref()[front.position() as usize..]].concat();
    Some((read.reunite(write).ok()?.into_std().ok()?, unread))
}
