//! The beginning of a connection under TLS.
//!
//! Until its first byte is here a connection is as good as one that still waits in the kernel's queue: it is handed
//! over like any other, and the next image does the handshake. From then on it is bound to this image, and a hand-over
//! waits for it: for the handshake and the request that follows it, or for a moment.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::Server;
use super::connection::{Alarm, Connection, Next, linger, refuse};
use super::dispatch::Refusal;
use super::live::{Leave, Live, Verdict};
use super::socket::Socket;
use crate::settings::Limits;

/// Does the handshake, within the time that a request's head may take.
pub(super) async fn greet(server: &Server, live: &Live, connection: Connection) -> Next {
    let Connection { stream: Socket::Plain(stream), unread, .. } = connection else {
        return Next::Serve(connection);
    };
    let first = match unread.first() {
        // Read by an image before this one, which spoke without TLS.
        Some(byte) => Ok(Some(*byte)),
        None => until(live, &server.limits, first_byte(&stream)).await,
    };
    let first = match first {
        Ok(Some(first)) => first,
        Err(Leave::Carry) => {
            return Next::Carry(Connection { stream: Socket::Plain(stream), unread, owed: None });
        }
        Ok(None) | Err(_) => return Next::Close,
    };
    live.has_read();
    // A method begins with a capital, and nothing in TLS does.
    if first.is_ascii_uppercase() || !unread.is_empty() {
        let hint = "ask again with https:// in front";
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "this port speaks HTTPS", hint);
        refuse(server, Socket::Plain(stream), live, &refusal).await;
        return Next::Close;
    }
    let reading = server.web.as_ref().map(|web| web.current());
    let Some(config) = reading.as_ref().and_then(|reading| reading.tls()) else { return Next::Close };
    live.bind();
    let handshake = TlsAcceptor::from(config.clone()).accept(stream).into_fallible();
    match until(live, &server.limits, handshake).await {
        Ok(Ok(stream)) => {
            live.is_idle_again();
            Next::Serve(Connection {
                stream: Socket::Tls(Box::new(stream)),
                unread: Bytes::new(),
                owed: None,
            })
        }
        Ok(Err((error, stream))) => {
            tracing::debug!(peer = %live.peer, "TLS handshake: {error}");
            // The client is to read why.
            linger(Socket::Plain(stream), live).await;
            Next::Close
        }
        Err(_) => Next::Close,
    }
}

/// The first byte, which stays in the socket; `None` when there will be none.
async fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut byte = [0];
    stream.peek(&mut byte).await.ok().filter(|length| *length > 0).map(|_| byte[0])
}

/// The future's output, or why not to wait for it any longer.
async fn until<T>(live: &Live, limits: &Limits, future: impl Future<Output = T>) -> Result<T, Leave> {
    let mut future = pin!(future);
    let mut alarm = pin!(Alarm::new());
    poll_fn(|cx| {
        live.set_waker(cx.waker());
        if live.is_free_to_go() {
            return Poll::Ready(Err(Leave::Carry));
        }
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        match live.verdict(limits) {
            Verdict::Leave(leave) => Poll::Ready(Err(leave)),
            Verdict::Wait(deadline) => alarm.as_mut().poll(cx, deadline, live, limits).map(Err),
            // Only for a request in flight, and there is none.
            Verdict::Finish => Poll::Pending,
        }
    })
    .await
}
