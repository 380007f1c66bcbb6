//! The life of one connection: served by hyper, parked while a reload's answer is owed, handed over.
//!
//! A connection that will be carried to the next image is never shut down. It is taken out of hyper when no request
//! is in flight and every byte of the response before has gone to the kernel; hyper's buffer and the head that may
//! be half in it are carried along. That is sound with hyper 1: its buffer keeps the bytes of a head until the head
//! is complete, and `into_parts` warns of unflushed writes only.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until, timeout};

use super::Server;
use super::dispatch::{Refusal, dispatch};
use super::handshake;
use super::io::Io;
use super::live::{Answer, Leave, Live, Owed, Verdict, Wish};
use super::socket::Socket;
use crate::settings::Limits;

/// A connection on its way to the next image: its socket, and what goes with it.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Open, not registered with any event loop, non-blocking.
    pub(crate) socket: std::net::TcpStream,
    /// Read from the socket and not used: the start of a head, mostly nothing.
    pub(crate) unread: Bytes,
    /// The client.
    pub(crate) peer: SocketAddr,
    /// Whether it came by a listener that the operator has opened to others.
    pub(crate) opened: bool,
    /// Set when the client waits for the answer of a reload.
    pub(crate) owed: Option<Owed>,
}

/// The same within this image.
pub(super) struct Connection {
    pub(super) stream: Socket,
    pub(super) unread: Bytes,
    pub(super) owed: Option<Owed>,
}

impl Connection {
    pub(super) fn fresh(stream: TcpStream) -> Self {
        Connection { stream: Socket::Plain(stream), unread: Bytes::new(), owed: None }
    }

    pub(super) fn adopted(carried: Carried) -> io::Result<(Self, SocketAddr, bool)> {
        carried.socket.set_nonblocking(true)?;
        let stream = Socket::Plain(TcpStream::from_std(carried.socket)?);
        Ok((Connection { stream, unread: carried.unread, owed: carried.owed }, carried.peer, carried.opened))
    }

    pub(super) fn carried(self, live: &Live) -> io::Result<Carried> {
        let Socket::Plain(stream) = self.stream else { return Err(io::Error::other("it is under TLS")) };
        let (peer, opened) = (live.peer, live.opened);
        Ok(Carried { socket: stream.into_std()?, unread: self.unread, peer, opened, owed: self.owed })
    }
}

/// What comes after a stretch of a connection's life.
pub(super) enum Next {
    Serve(Connection),
    Carry(Connection),
    Close,
}

/// Serves the connection to its end, or to its hand-over.
pub(super) async fn serve(server: Arc<Server>, id: u64, live: Arc<Live>, connection: Connection) {
    // However this ends, by a panic too, the server counts one connection less.
    let _registered = Registered { server: &server, id };
    let mut next = Next::Serve(connection);
    loop {
        next = match next {
            Next::Serve(mut connection) => match connection.owed.take() {
                Some(owed) => parked(&server, &live, connection, owed).await,
                None if server.needs_tls(&connection.stream) => {
                    handshake::greet(&server, &live, connection).await
                }
                None => http(&server, &live, connection).await,
            },
            // The hand-over may have been called off meanwhile; then it comes back.
            Next::Carry(connection) => match server.take_over(&live, connection) {
                Some(connection) => Next::Serve(connection),
                None => return,
            },
            Next::Close => return,
        }
    }
}

struct Registered<'s> {
    server: &'s Server,
    id: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.server.has_left(self.id);
    }
}

/// Lets hyper serve, until there is a reason to leave it.
async fn http(server: &Arc<Server>, live: &Arc<Live>, connection: Connection) -> Next {
    let service = service_fn(|request| dispatch(server.clone(), live.clone(), request));
    let io = Io::new(connection.stream, connection.unread, live.clone());
    let mut hyper = server.http.serve_connection(io, service);
    let mut alarm = pin!(Alarm::new());
    let leave = poll_fn(|cx| {
        live.set_waker(cx.waker());
        // Not polled any more: that could begin a request.
        if live.is_free_to_go() {
            return Poll::Ready(Leave::Carry);
        }
        if let Poll::Ready(end) = Pin::new(&mut hyper).poll(cx) {
            // After an error, such as a head that is too long, hyper has answered and the client may still be sending.
            if end.is_err() {
                live.linger();
            }
            return Poll::Ready(Leave::Ended);
        }
        loop {
            match live.verdict(&server.limits) {
                Verdict::Leave(leave) => return Poll::Ready(leave),
                Verdict::Finish => {
                    Pin::new(&mut hyper).graceful_shutdown();
                    cx.waker().wake_by_ref();
                }
                Verdict::Wait(deadline) => return alarm.as_mut().poll(cx, deadline, live, &server.limits),
            }
        }
    })
    .await;

    let parts = hyper.into_parts();
    let (mut stream, unread) = parts.io.take_apart(parts.read_buf);
    match leave {
        Leave::Carry => Next::Carry(Connection { stream, unread, owed: None }),
        Leave::PutBack => {
            let unread = BytesMut::from_iter(live.take_put_back().iter().chain(&unread)).freeze();
            Next::Carry(Connection { stream, unread, owed: None })
        }
        Leave::Owed => Next::Serve(Connection { stream, unread, owed: live.take_owed() }),
        Leave::Late => {
            let refusal = Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request came too slowly",
                "send it at once, or raise `limits.header_timeout` and `limits.body_timeout` in relink.toml",
            );
            refuse(server, stream, live, &refusal).await;
            Next::Close
        }
        Leave::Ended if live.lingers() => {
            linger(stream, live).await;
            Next::Close
        }
        Leave::Close => {
            // A request may have come at the last moment.
            if let Some(arrived) = live.is_idle().then(|| stream.arrived()).flatten() {
                let unread = BytesMut::from_iter(unread.iter().chain(&arrived)).freeze();
                return Next::Serve(Connection { stream, unread, owed: None });
            }
            stream.say_farewell().await;
            Next::Close
        }
        Leave::Ended => Next::Close,
    }
}

/// The one timer of a connection. It is set again only when a deadline comes nearer or when it rings too early, so
/// that a request costs no timer.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    set_for: Option<Instant>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Alarm { sleep: Box::pin(sleep_until(Instant::now().into())), set_for: None }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
        live: &Live,
        limits: &Limits,
    ) -> Poll<Leave> {
        let Some(deadline) = deadline else { return Poll::Pending };
        loop {
            if self.set_for.is_none_or(|set_for| deadline < set_for) {
                self.sleep.as_mut().reset(deadline.into());
                self.set_for = Some(deadline);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(leave) = live.overdue(limits) {
                return Poll::Ready(leave);
            }
            self.set_for = None;
        }
    }
}

/// Waits until the reload has an answer for this client, then gives it and serves on.
async fn parked(server: &Server, live: &Live, mut connection: Connection, owed: Owed) -> Next {
    let answer = match server.answer_or_park(live, &owed.id) {
        Some(answer) => answer,
        None => match wait_for_answer(live, &mut connection, server.limits.max_head).await {
            Parked::Answer(answer) => answer,
            Parked::Carry => {
                connection.owed = Some(owed);
                return Next::Carry(connection);
            }
            Parked::Gone => return Next::Close,
        },
    };
    let keep_alive = owed.keep_alive && !live.is_to_drain() && !server.needs_tls(&connection.stream);
    let place = (answer.status == StatusCode::ACCEPTED).then(|| format!("/reloads/{}", owed.id));
    let head = response(server, answer.status, &answer.body, keep_alive, place.as_deref());
    let written = timeout(*server.limits.write_timeout, write(&mut connection.stream, &head)).await;
    drop(answer.written);
    match written {
        Ok(Ok(())) if keep_alive => {
            live.is_idle_again();
            Next::Serve(connection)
        }
        Ok(Ok(())) => {
            linger(connection.stream, live).await;
            Next::Close
        }
        _ => Next::Close,
    }
}

enum Parked {
    Answer(Answer),
    Carry,
    Gone,
}

/// Also reads, to see the client hang up; what comes instead is the next request and is kept.
async fn wait_for_answer(live: &Live, connection: &mut Connection, max_unread: usize) -> Parked {
    let mut unread = BytesMut::from(std::mem::take(&mut connection.unread));
    let parked = poll_fn(|cx| {
        live.set_waker(cx.waker());
        if let Some(answer) = live.take_answer() {
            return Poll::Ready(Parked::Answer(answer));
        }
        if live.is_to_go() {
            return Poll::Ready(Parked::Carry);
        }
        if live.wished() == Wish::Abort {
            return Poll::Ready(Parked::Gone);
        }
        while unread.len() < max_unread {
            let mut bytes = [0; 1024];
            let mut read = ReadBuf::new(&mut bytes);
            match Pin::new(&mut connection.stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => unread.extend_from_slice(read.filled()),
                Poll::Ready(_) => return Poll::Ready(Parked::Gone),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    })
    .await;
    connection.unread = unread.freeze();
    parked
}

/// Writes a refusal past hyper and closes.
pub(super) async fn refuse(server: &Server, mut stream: Socket, live: &Live, refusal: &Refusal) {
    refusal.log(live.peer, format_args!("a connection"));
    let bytes = response(server, refusal.status, &refusal.json(), false, None);
    if let Ok(Ok(())) = timeout(*server.limits.write_timeout, write(&mut stream, &bytes)).await {
        linger(stream, live).await;
    }
}

async fn write(stream: &mut Socket, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// A response as bytes, for connections that hyper no longer has. `place` is where the client may ask on.
fn response(
    server: &Server,
    status: StatusCode,
    body: &Bytes,
    keep_alive: bool,
    place: Option<&str>,
) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: {}\r\nconnection: {}\r\n",
        body.len(),
        httpdate::fmt_http_date(SystemTime::now()),
        if keep_alive { "keep-alive" } else { "close" },
    )
    .into_bytes();
    if let Some(place) = place {
        head.extend(format!("location: {place}\r\n").as_bytes());
    }
    let reading = server.web.as_ref().map(|web| web.current());
    for (name, value) in reading.iter().flat_map(|reading| reading.headers()) {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    [&head, &b"\r\n"[..], body].concat()
}

/// Lets the client read the last response: closing a socket with unread bytes in it resets the connection, and the
/// response is lost with it. So this reads on for a moment, until the client closes.
pub(super) async fn linger(mut stream: Socket, live: &Live) {
    const MOMENT: Duration = Duration::from_secs(1);
    const BYTES: usize = 1024 * 1024;

    if stream.shutdown().await.is_err() {
        return;
    }
    let mut left = BYTES;
    let drained = poll_fn(|cx| {
        live.set_waker(cx.waker());
        let mut bytes = [0; 4096];
        // There may be a better use for the place, and a hand-over does not wait for this.
        while left > 0 && live.wished() == Wish::Serve {
            let mut read = ReadBuf::new(&mut bytes);
            match Pin::new(&mut stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    left = left.saturating_sub(read.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    });
    // Too late is as good as drained: either way the socket closes.
    let _ = timeout(MOMENT, drained).await;
}
