//! A small Rocket behind a [`Server`], and a client that speaks bytes.

mod carrying;
mod limiting;
mod listening;
mod refusing;
mod serving;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::http::{ContentType, Header, Status};
use rocket::local::asynchronous::Client;
use rocket::request::Request;
use rocket::response::stream::ByteStream;
use rocket::response::{self, Responder, Response};
use rocket::{Route, State, get, post, put, routes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::dispatch::{OWED, RAW_METHOD};
use super::live::Phase;
use super::{HostPolicy, Quiesce, Server, bind};
use crate::access::Web;
use crate::settings::{Limits, Seconds};

/// What tests and routes tell each other.
struct Doors {
    generation: u8,
    /// A permit for each request that has entered `/slow`.
    entered: Semaphore,
    /// A permit lets one of them go on.
    released: Semaphore,
    /// A permit lets `/stream` send one event.
    events: Semaphore,
    quiesce: watch::Receiver<bool>,
}

struct Agent {
    server: Arc<Server>,
    doors: Arc<Doors>,
    address: SocketAddr,
}

impl Agent {
    async fn start() -> Agent {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Agent {
        Self::on(bind("127.0.0.1:0".parse().unwrap()).unwrap(), limits, 1).await.running()
    }

    /// The next image: the same sockets, another Rocket. It does not accept before `running`.
    async fn next(&self) -> Agent {
        let listeners = self.server.listeners().map(|listener| listener.try_clone().unwrap()).collect();
        let web = self.server.web.clone();
        Self::guarded(listeners, Limits::default(), self.doors.generation + 1, web).await
    }

    async fn on(listener: std::net::TcpListener, limits: Limits, generation: u8) -> Agent {
        Self::guarded(vec![listener], limits, generation, None).await
    }

    async fn guarded(
        listeners: Vec<std::net::TcpListener>,
        limits: Limits,
        generation: u8,
        web: Option<Arc<Web>>,
    ) -> Agent {
        let quiesce = Quiesce::new();
        let doors = Arc::new(Doors {
            generation,
            entered: Semaphore::new(0),
            released: Semaphore::new(0),
            events: Semaphore::new(0),
            quiesce: quiesce.subscribe(),
        });
        let config = rocket::Config { log_level: rocket::config::LogLevel::Off, ..Default::default() };
        let rocket = rocket::custom(config).manage(doors.clone()).mount("/", all_routes());
        let client = Client::untracked(rocket).await.unwrap();
        let address = listeners[0].local_addr().unwrap();
        let hosts = HostPolicy::new(["metrics.example"]);
        let server = Server::new(listeners, client, limits, hosts, web, quiesce).unwrap();
        Agent { server, doors, address }
    }

    fn running(self) -> Agent {
        tokio::spawn(self.server.clone().run());
        self
    }

    async fn connect(&self) -> Peer {
        Peer { stream: within(TcpStream::connect(self.address)).await.unwrap(), read: Vec::new() }
    }

    async fn in_slow_handler(&self, requests: u32) {
        within(self.doors.entered.acquire_many(requests)).await.unwrap().forget();
    }

    fn release(&self, requests: usize) {
        self.doors.released.add_permits(requests);
    }

    /// Waits until as many connections are in `phase`.
    async fn until(&self, count: usize, phase: Phase) {
        let reached = async {
            while self.server.table().live.values().filter(|live| live.phase() == phase).count() != count {
                tokio::task::yield_now().await;
            }
        };
        within(reached).await;
    }

    /// Waits until a write waits for its client.
    async fn until_blocked(&self) {
        let reached = async {
            while !self.server.table().live.values().any(|live| live.is_blocked()) {
                tokio::task::yield_now().await;
            }
        };
        within(reached).await;
    }

    async fn until_connections(&self, count: usize) {
        let reached = async {
            while self.server.connections() != count {
                tokio::task::yield_now().await;
            }
        };
        within(reached).await;
    }
}

fn all_routes() -> Vec<Route> {
    routes![hello, whoami, form_trap, slow, slowly, slow_body, length, stream, medium, large, owed, panics]
}

#[get("/hello")]
fn hello(doors: &State<Arc<Doors>>) -> String {
    format!("hello from {}", doors.generation)
}

struct WhoAmI(String);

#[rocket::async_trait]
impl<'r> rocket::request::FromRequest<'r> for WhoAmI {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> rocket::request::Outcome<Self, ()> {
        let raw: Vec<_> = request.headers().get(RAW_METHOD).collect();
        let host = request.host().map(ToString::to_string);
        let forged = request.headers().get_one("x-relink-other").is_some();
        rocket::request::Outcome::Success(WhoAmI(format!(
            "{} {raw:?} {} {host:?} {} {forged}",
            request.method(),
            request.uri(),
            request.remote().unwrap().ip(),
        )))
    }
}

#[get("/whoami")]
fn whoami(who: WhoAmI) -> String {
    who.0
}

#[put("/whoami")]
fn form_trap(who: WhoAmI) -> String {
    who.0
}

#[get("/slow")]
async fn slow(doors: &State<Arc<Doors>>) -> String {
    doors.entered.add_permits(1);
    doors.released.acquire().await.unwrap().forget();
    format!("slow from {}", doors.generation)
}

/// The same for a request that can't be put back.
#[post("/slowly")]
async fn slowly(doors: &State<Arc<Doors>>) -> String {
    slow(doors).await
}

#[post("/slow", data = "<data>")]
async fn slow_body(doors: &State<Arc<Doors>>, data: &[u8]) -> String {
    format!("{} bytes at {}", data.len(), doors.generation)
}

#[post("/length", data = "<data>")]
fn length(data: &[u8]) -> String {
    data.len().to_string()
}

#[get("/stream")]
fn stream(doors: &State<Arc<Doors>>) -> ByteStream![&'static str + '_] {
    let mut quiesce = doors.quiesce.clone();
    ByteStream! {
        loop {
            tokio::select! {
                _ = quiesce.wait_for(|near| *near) => return,
                event = doors.events.acquire() => event.unwrap().forget(),
            }
            yield "data: x\n\n";
        }
    }
}

/// Sent in one piece.
const MEDIUM: usize = 200 * 1024;

#[get("/medium")]
fn medium() -> Vec<u8> {
    vec![b'x'; MEDIUM]
}

/// Sent as a stream.
const LARGE: usize = 4 * 1024 * 1024;

#[get("/large")]
fn large() -> Vec<u8> {
    vec![b'x'; LARGE]
}

struct Later(String);

impl<'r> Responder<'r, 'static> for Later {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .status(Status::Accepted)
            .header(Header::new(OWED, self.0))
            .header(ContentType::JSON)
            .ok()
    }
}

#[put("/owed/<id>")]
fn owed(id: String) -> Later {
    Later(id)
}

#[get("/panics")]
fn panics() -> String {
    panic!("as the test wants it")
}

/// One client connection.
struct Peer<S = TcpStream> {
    stream: S,
    read: Vec<u8>,
}

struct Reply {
    status: u16,
    /// In lower case.
    head: String,
    body: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn send(&mut self, bytes: &str) {
        within(self.stream.write_all(bytes.as_bytes())).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        self.reply().await
    }

    /// The next response that has a body.
    async fn reply(&mut self) -> Reply {
        self.reply_to("GET").await
    }

    async fn reply_to(&mut self, method: &str) -> Reply {
        let head = self.head().await;
        let status = head["http/1.1 ".len()..][..3].parse().unwrap();
        let mut body = Vec::new();
        if method == "HEAD" {
        } else if head.contains("transfer-encoding: chunked") {
            loop {
                let chunk = self.chunk().await;
                if chunk.is_empty() {
                    break;
                }
                body.extend(chunk);
            }
        } else {
            let length = header(&head, "content-length").unwrap_or_else(|| panic!("no length: {head}"));
            body = self.take(length.parse().unwrap()).await;
        }
        Reply { status, head, body: String::from_utf8(body).unwrap() }
    }

    async fn head(&mut self) -> String {
        self.up_to(b"\r\n\r\n").await.to_ascii_lowercase()
    }

    async fn chunk(&mut self) -> Vec<u8> {
        let size = self.up_to(b"\r\n").await;
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = self.take(size + 2).await;
        chunk.truncate(size);
        chunk
    }

    async fn up_to(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                return String::from_utf8(self.read.drain(..at + end.len()).collect()).unwrap();
            }
            assert!(self.read_more().await, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.read_more().await, "closed after {} of {length} bytes", self.read.len());
        }
        self.read.drain(..length).collect()
    }

    /// `false` when the server has closed.
    async fn read_more(&mut self) -> bool {
        within(self.stream.read_buf(&mut self.read)).await.is_ok_and(|read| read > 0)
    }

    /// Waits for the server to close, without another byte before.
    async fn closed(&mut self) {
        assert!(!self.read_more().await, "got {:?}", String::from_utf8_lossy(&self.read));
        assert!(self.read.is_empty(), "left over: {:?}", String::from_utf8_lossy(&self.read));
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// A test that would hang fails.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("nothing happened for 20 s")
}
