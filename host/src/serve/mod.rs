//! Sockets ↔ Rocket: the listeners, the connections, their limits, and their hand-over to the next image.
//!
//! [`Server::quiesce`] brings every connection to a point where no request is in flight and gives all of them out as
//! [`Carried`]; [`Server::adopt`] serves them on, in this image or in the next. No connection is closed on the way and
//! no byte is lost.

mod connection;
pub(crate) mod dispatch;
mod handshake;
mod host;
mod io;
mod listener;
mod live;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io::Result;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::server::conn::http1;
use rocket::local::asynchronous::Client;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

pub(crate) use connection::Carried;
pub(crate) use host::HostPolicy;
pub(crate) use listener::bind;
pub(crate) use live::Owed;

use connection::Connection;
use dispatch::Refusal;
use listener::Listener;
use live::{Answer, Live, Phase, Wish};
use socket::Socket;

use crate::access::Web;
use crate::lock::lock;
use crate::settings::Limits;

use crate::telemetry::Quota;

/// Tells event streams to end, because a hand-over or the end of the agent is near. It is made before the server and
/// before Rocket, which both get it.
#[derive(Clone, Debug)]
pub(crate) struct Quiesce(watch::Sender<bool>);

impl Quiesce {
    /// Nothing is near.
    pub(crate) fn new() -> Self {
        Quiesce(watch::Sender::new(false))
    }

    /// For a route with an endless body: it ends the body when this turns true.
    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

/// The deadline of a quiesce passed with so many requests still in flight. Everything is served on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    /// Connections that did not come to rest.
    pub(crate) in_flight: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Serving,
    Quiescing,
    Stopping,
}

/// Answers that connections may still ask for: a reload can be over before its own request is parked.
const ANSWERS_KEPT: usize = 16;
/// How long a hand-over waits for requests to be answered before it puts back those that can be. Most take less.
const QUICK: Duration = Duration::from_millis(5);
/// How long a hand-over waits for a client under TLS to take the answer of the reload that it asked for.
const AHEAD: Duration = Duration::from_millis(100);
/// Newcomers being told at the same time that there is no room. Further ones are closed without a word.
const REFUSALS: usize = 32;

/// Serves HTTP/1 on its listeners.
pub(crate) struct Server {
    /// Leaked: a local response borrows its client for as long as its body streams, and there is one client a process.
    client: &'static Client,
    listeners: Vec<Listener>,
    limits: Limits,
    max_connections: usize,
    hosts: HostPolicy,
    /// Who may ask, and how: TLS, passwords, headers.
    web: Option<Arc<Web>>,
    /// Whether connections begin with a TLS handshake.
    tls: bool,
    http: http1::Builder,
    quiesce: Quiesce,
    mode: watch::Sender<Mode>,
    table: Mutex<Table>,
    /// A connection has left the table.
    left: Notify,
    next_id: AtomicU64,
    refusing: AtomicUsize,
    /// For the log of connections that could not be accepted.
    accept_errors: Quota,
}

/// Changed only together with the mode, so that no connection falls between two of these.
#[derive(Default)]
struct Table {
    live: HashMap<u64, Arc<Live>>,
    carried: Vec<Carried>,
    answers: VecDeque<(String, Answer)>,
}

impl Server {
    /// A server that does not accept yet. The client lives until the process ends.
    pub(crate) fn new(
        listeners: Vec<TcpListener>,
        client: Client,
        limits: Limits,
        hosts: HostPolicy,
        web: Option<Arc<Web>>,
        quiesce: Quiesce,
    ) -> Result<Arc<Self>> {
        let mut http = http1::Builder::new();
        // Without half-close hyper drops a request whose client has nothing more to say (`nc -N`).
        http.half_close(true).max_header_size(limits.max_head).max_buf_size(limits.max_head.max(8192));
        Ok(Arc::new(Server {
            client: Box::leak(Box::new(client)),
            listeners: listeners.into_iter().map(Listener::new).collect::<Result<_>>()?,
            max_connections: limits.connections(),
            limits,
            hosts,
            tls: web.as_ref().is_some_and(|web| web.has_tls()),
            web,
            http,
            quiesce,
            mode: watch::Sender::new(Mode::Serving),
            table: Mutex::default(),
            left: Notify::new(),
            next_id: AtomicU64::new(0),
            refusing: AtomicUsize::new(0),
            accept_errors: Quota::new(10),
        }))
    }

    /// The listening sockets.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &TcpListener> {
        self.listeners.iter().map(|listener| &listener.socket)
    }

    /// How many connections are open.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        self.table().live.len()
    }

    /// Accepts connections until [`shutdown`](Self::shutdown); not while quiesced.
    pub(crate) async fn run(self: Arc<Self>) -> Result<()> {
        // A second descriptor of the same socket: the event loop of tokio keeps the one it gets.
        let evented = |listener: &Listener| {
            Ok((tokio::net::TcpListener::from_std(listener.socket.try_clone()?)?, listener.opened))
        };
        let listeners: Vec<_> = self.listeners.iter().map(evented).collect::<Result<_>>()?;
        let mut turn = 0;
        let mut mode = self.mode.subscribe();
        while *mode.borrow_and_update() != Mode::Stopping {
            tokio::select! {
                // The sender is in `self`, so this can't fail.
                _ = mode.changed() => {}
                accepted = poll_fn(|cx| self.poll_accept(&listeners, &mut turn, cx)) => if let Err(error) = accepted {
                    self.accept_failed(&error).await;
                },
            }
        }
        Ok(())
    }

    /// Serves connections of the image before, or those that a quiesce gave out. Needs a tokio runtime around it.
    pub(crate) fn adopt(self: &Arc<Self>, carried: Vec<Carried>) {
        for one in carried {
            match Connection::adopted(one) {
                Ok((connection, peer, opened)) => {
                    self.register(&mut self.table(), connection, peer, opened);
                }
                Err(error) => tracing::warn!("a connection can't be adopted: {error}"),
            }
        }
    }

    /// Stops accepting, waits for requests in flight and gives all connections out. Those under TLS can't be given out:
    /// they end, each after its answer; what remains are those that wait for a reload's, for [`Self::answer_ahead`]. A request that takes long and
    /// changes nothing (`GET`) is not waited for: it is given out with its connection, as if it had not been read.
    /// When `deadline` passes first, everything is served on and nothing is given out. Drive it to its end: dropped halfway it leaves the server quiesced.
    pub(crate) async fn quiesce(
        self: &Arc<Self>,
        deadline: Duration,
    ) -> std::result::Result<Vec<Carried>, Busy> {
        {
            let table = self.table();
            if *self.mode.borrow() != Mode::Serving {
                return Err(Busy { in_flight: table.live.len() });
            }
            self.switch(&table, Mode::Quiescing, Wish::Carry);
        }
        self.quiesce.0.send_replace(true);
        if timeout(QUICK.min(deadline), self.all_left_but(Live::stays)).await.is_err() {
            for live in self.table().live.values().filter(|live| live.wished() == Wish::Carry) {
                live.wish(Wish::PutBack);
            }
            // What counts is whether the table is empty now, not which of the two came first.
            let _ = timeout(deadline.saturating_sub(QUICK), self.all_left_but(Live::stays)).await;
        }
        let (carried, in_flight) = {
            let mut table = self.table();
            let in_flight = table.live.values().filter(|live| !live.stays()).count();
            (std::mem::take(&mut table.carried), in_flight)
        };
        // Nothing is admitted while quiescing, so an empty table stays empty.
        if in_flight == 0 && *self.mode.borrow() == Mode::Quiescing {
            return Ok(carried);
        }
        self.resume(carried);
        Err(Busy { in_flight })
    }

    /// Serves on after a quiesce: the reload came to nothing.
    pub(crate) fn resume(self: &Arc<Self>, carried: Vec<Carried>) {
        let since_then = {
            let mut table = self.table();
            // A shutdown that came meanwhile stands.
            if *self.mode.borrow() == Mode::Quiescing {
                self.switch(&table, Mode::Serving, Wish::Serve);
                self.quiesce.0.send_replace(false);
            }
            std::mem::take(&mut table.carried)
        };
        self.adopt(carried);
        self.adopt(since_then);
    }

    /// Answers all connections that wait for the reload `id`, in JSON, and those that will yet ask for it. Returns
    /// when the answers are with the kernel, or their clients were given up.
    pub(crate) async fn answer(&self, id: &str, status: StatusCode, body: Bytes) {
        let (written, mut all_written) = mpsc::channel(1);
        {
            let mut table = self.table();
            let answer = Answer { status, body, written: Some(written) };
            for live in table.live.values() {
                live.offer(id, &answer);
            }
            if table.answers.len() == ANSWERS_KEPT {
                table.answers.pop_front();
            }
            table.answers.push_back((id.to_owned(), Answer { written: None, ..answer }));
        }
        // Nothing is ever sent: it ends when the last copy of the sender is dropped.
        all_written.recv().await;
    }

    /// Answers the connections that wait for the reload `id` and can't be handed over, when all others are at rest: the
    /// image that knows the outcome will not have them. Waits no longer for a client than a client may wait.
    pub(crate) async fn answer_ahead(&self, id: &str, body: Bytes) {
        let answer = Answer { status: StatusCode::ACCEPTED, body, written: None };
        for live in self.table().live.values() {
            live.offer(id, &answer);
        }
        let _ = timeout(AHEAD, self.all_left_but(|_| false)).await;
    }

    /// Ends: accepts no more, finishes requests in flight for at most `grace`, closes the rest.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let carried = {
            let mut table = self.table();
            self.switch(&table, Mode::Stopping, Wish::Stop);
            std::mem::take(&mut table.carried)
        };
        drop(carried);
        self.quiesce.0.send_replace(true);
        if timeout(grace, self.all_left_but(|_| false)).await.is_err() {
            for live in self.table().live.values() {
                live.wish(Wish::Abort);
            }
        }
    }

    // ---- connections come

    /// Accepts one connection, unless quiesced: once the mode has changed, what arrives stays in the kernel's queue for
    /// the next image. Hence the lock around it. The listeners have it by turns, so that a flood at one of them keeps
    /// nobody away from the others.
    fn poll_accept(
        self: &Arc<Self>,
        listeners: &[(tokio::net::TcpListener, bool)],
        turn: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let mut table = self.table();
        if *self.mode.borrow() != Mode::Serving {
            return Poll::Pending;
        }
        let mut next = || {
            let (listener, opened) = &listeners[*turn];
            *turn = (*turn + 1) % listeners.len();
            listener.poll_accept(cx).map_ok(|(stream, peer)| (stream, peer, *opened))
        };
        let arrived = (0..listeners.len()).map(|_| next()).find(Poll::is_ready).unwrap_or(Poll::Pending);
        let (stream, peer, opened) = ready!(arrived)?;
        // A response is one write; waiting for more of it would only delay it.
        let _ = stream.set_nodelay(true);
        if self.has_room(&table) {
            self.register(&mut table, Connection::fresh(stream), peer, opened);
        } else {
            self.refuse(stream, peer);
        }
        Poll::Ready(Ok(()))
    }

    fn register(self: &Arc<Self>, table: &mut Table, connection: Connection, peer: SocketAddr, opened: bool) {
        let wish = match *self.mode.borrow() {
            Mode::Serving => Wish::Serve,
            Mode::Quiescing => Wish::Carry,
            Mode::Stopping => Wish::Stop,
        };
        // A client that waits for an answer is not idle, also before its task has seen it.
        let phase = if connection.owed.is_some() { Phase::Busy } else { Phase::Idle };
        let local = connection.stream.tcp().local_addr().ok();
        let live = Arc::new(Live::new(peer, local, opened, phase, wish));
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        table.live.insert(id, live.clone());
        tokio::spawn(connection::serve(self.clone(), id, live, connection));
    }

    /// Whether a newcomer may stay; makes room if need be.
    fn has_room(&self, table: &Table) -> bool {
        if table.live.len() < self.max_connections {
            return true;
        }
        let condemned = table.live.values().filter(|live| live.is_condemned()).count();
        table.live.len() - condemned < self.max_connections || evict(table)
    }

    fn refuse(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // A handshake is more than there is room for, and without one the client could not read why.
        if self.tls {
            return;
        }
        if self.refusing.fetch_add(1, Ordering::Relaxed) >= REFUSALS {
            self.refusing.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let server = self.clone();
        tokio::spawn(async move {
            let refusal = Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{} connections are in use", server.max_connections),
                "try again, or raise `limits.max_connections` in relink.toml",
            );
            let live = Live::new(peer, None, false, Phase::Busy, Wish::Serve);
            connection::refuse(&server, Socket::Plain(stream), &live, &refusal).await;
            server.refusing.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Out of descriptors or memory: the newcomer stays in the kernel's queue until there is room. Other errors
    /// concern the one connection that was to be accepted.
    async fn accept_failed(&self, error: &std::io::Error) {
        if !matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) {
            return;
        }
        if let Some(more) = self.accept_errors.take() {
            tracing::warn!("a connection could not be accepted: {error}{more}");
        }
        // Plugins close the files that they keep when they next collect: once a second, for the history.
        relink_core::give_back_descriptors();
        let left = self.left.notified();
        evict(&self.table());
        // The descriptors may be held by others, whose end nobody announces: look again after a while.
        let _ = timeout(Duration::from_millis(100), left).await;
    }

    // ---- connections go

    /// Whether this connection has to begin with a handshake. One that an image without TLS has accepted does as well.
    fn needs_tls(&self, stream: &Socket) -> bool {
        self.tls && !stream.is_tls()
    }

    fn take_over(&self, live: &Live, connection: Connection) -> Option<Connection> {
        let mut table = self.table();
        if *self.mode.borrow() != Mode::Quiescing {
            return Some(connection);
        }
        match connection.carried(live) {
            Ok(carried) => table.carried.push(carried),
            Err(error) => tracing::warn!("a connection can't be carried: {error}"),
        }
        None
    }

    fn has_left(&self, id: u64) {
        self.table().live.remove(&id);
        self.left.notify_waiters();
    }

    async fn all_left_but(&self, stays: impl Fn(&Live) -> bool) {
        loop {
            // Made before the look, so that no one leaves unnoticed in between.
            let left = self.left.notified();
            if self.table().live.values().all(|live| stays(live)) {
                return;
            }
            left.await;
        }
    }

    fn answer_or_park(&self, live: &Live, id: &str) -> Option<Answer> {
        let table = self.table();
        let given = table.answers.iter().find(|(given, _)| given == id);
        if given.is_none() {
            live.park(id);
            // A quiesce does not wait for this one any more if it can't be handed over.
            self.left.notify_waiters();
        }
        given.map(|(_, answer)| answer.clone())
    }

    fn switch(&self, table: &Table, mode: Mode, wish: Wish) {
        self.mode.send_replace(mode);
        for live in table.live.values() {
            live.wish(wish);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

/// Condemns the connection that can best be done without: the oldest half-sent head, else the longest idle.
fn evict(table: &Table) -> bool {
    let ranked = table.live.values().filter_map(|live| Some((live.rank()?, live)));
    match ranked.min_by_key(|(rank, _)| *rank) {
        Some((_, live)) => {
            live.wish(Wish::Evict);
            true
        }
        None => false,
    }
}
