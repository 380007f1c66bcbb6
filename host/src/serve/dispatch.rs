//! One request: from hyper to Rocket, and the response back.
//!
//! Rocket 0.5 can't serve a socket that it did not open itself, so requests go through its local client, which runs
//! the very same routing, guards, fairings and catchers. What that client leaves out is done here: the host, the
//! peer, the limit of the body, the length of the response.

use std::convert::Infallible;
use std::fmt;
use std::future::{pending, poll_fn};
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue,
    TRANSFER_ENCODING, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use rocket::http::Header;
use rocket::http::uri::Host;
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use tokio::io::AsyncReadExt;

use super::Server;
use super::live::{InFlight, Live, Owed};
use crate::access::{Denied, Reading};

/// The method that the client really sent. Rocket turns a form with a field `_method=put` into a PUT, which any web
/// page may make a browser send; a route that matters looks here. A client can't set it: the names that begin so are
/// taken out of each request.
pub(crate) const RAW_METHOD: &str = "x-relink-raw-method";

/// The header that says so, for requests that come another way than through a socket.
pub(crate) fn raw_method(method: &str) -> Header<'static> {
    Header::new(RAW_METHOD, method.to_owned())
}

/// The agent's own end of the connection, for routes that ask the kernel whose the other end is.
pub(crate) const LOCAL_ADDRESS: &str = "x-relink-local-address";

/// A route answers with this header, the id of a reload, when the true answer comes later from [`Server::answer`],
/// maybe of the next image. Nothing of the response is sent.
pub(crate) const OWED: &str = "x-relink-owed";

/// Where a route puts a body that is in memory already, so that this very memory is sent: to read it out of Rocket's response
/// is to copy it, which for a page of all collectors was a seventh of a scrape. A request that came another way has none.
#[derive(Clone, Default)]
pub(crate) struct Ready(Arc<OnceLock<Bytes>>);

impl Ready {
    /// Answers with this body: by the response if there is nowhere else to put it.
    pub(crate) fn answer<T: AsRef<[u8]> + Send + Unpin + 'static>(
        request: &rocket::Request<'_>,
        answer: &mut rocket::response::Builder<'_>,
        body: T,
    ) {
        match request.local_cache(|| None::<Ready>) {
            Some(ready) => _ = ready.0.set(Bytes::from_owner(body)),
            None => _ = answer.sized_body(body.as_ref().len(), Cursor::new(body)),
        }
    }
}

const RESERVED: &str = "x-relink-";
const ALLOWED: &str = "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS";

/// What every answer tells browsers: to take it as what it says that it is, and to show it in no other site's frame.
const FOR_BROWSERS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static("interest-cohort=()")),
];

/// A response that is ready and not longer than this is sent whole, with its length.
const WHOLE: usize = 256 * 1024;
/// What a response begins with, and the most that is read of a stream at once.
const CHUNK: usize = 16 * 1024;

/// A request that Rocket does not get to see.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    error: String,
    hint: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal { status, error: error.into(), hint: hint.into() }
    }

    /// Logs that a peer's request, or what it sent in place of one, is answered so.
    pub(super) fn log(&self, peer: SocketAddr, what: fmt::Arguments<'_>) {
        let status = self.status.as_u16();
        tracing::debug!(%peer, status, "{what} is answered with an error: {}", self.error);
    }

    pub(super) fn json(&self) -> Bytes {
        serde_json::json!({ "error": self.error, "hint": self.hint }).to_string().into()
    }
}

/// Answers one request. While this runs, and until the response's body is dropped, it counts as in flight.
pub(super) async fn dispatch(
    server: Arc<Server>,
    live: Arc<Live>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let flight = live.begin(has_body);
    // hyper drops the length of a request that has both a length and an encoding, and reads it by the encoding. Where
    // a proxy in front of us went by the length, what follows is not a request; so nothing follows.
    let mut closes = parts.headers.contains_key(TRANSFER_ENCODING);
    let reading = server.web.as_ref().map(|web| web.current());
    let mut response = match admit(&server, &live, &parts, body, reading.as_deref()).await {
        Ok((method, request)) => {
            let ready = Ready::default();
            request.inner().local_cache(|| Some(ready.clone()));
            let can_be_put_back = !has_body && (method == Method::GET || method == Method::HEAD);
            let answer = answer_or_put_back(&live, &parts, can_be_put_back, request).await;
            if let Some(id) = answer.headers().get_one(OWED) {
                live.owe(Owed { id: id.to_owned(), keep_alive: !closes && wants_keep_alive(&parts) });
                drop(answer);
                // The connection's task takes the socket out of hyper now, which drops this future.
                return pending().await;
            }
            respond(answer, ready, method == Method::HEAD, flight).await
        }
        Err(refusal) => {
            // The rest of a refused body is not worth reading, and what is unread would be taken for a request.
            let has_body = parts.headers.contains_key(CONTENT_LENGTH);
            closes |= has_body || refusal.status == StatusCode::PAYLOAD_TOO_LARGE;
            refusal.log(live.peer, format_args!("{} {}", parts.method, parts.uri));
            refuse(&refusal, flight)
        }
    };
    for (name, value) in FOR_BROWSERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    for (name, value) in reading.iter().flat_map(|reading| reading.headers()) {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    if closes {
        live.linger();
    }
    // A request that came and is answered while a hand-over waits for it.
    if closes || live.is_to_drain() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Rocket's answer; but when a hand-over waits for this request, and it changes nothing and can be asked again, it
/// goes over with its connection, and the next image answers it. So a reload does not wait for a slow plugin.
async fn answer_or_put_back(
    live: &Live,
    parts: &Parts,
    can_be_put_back: bool,
    request: LocalRequest<'static>,
) -> LocalResponse<'static> {
    let mut answer = pin!(request.dispatch());
    poll_fn(|cx| {
        let answer = answer.as_mut().poll(cx);
        if answer.is_pending() && can_be_put_back && live.wants_back() {
            // As with an owed answer, the connection's task drops this future now.
            live.put_back(head(parts));
        }
        answer
    })
    .await
}

/// The head of a request, as bytes again.
fn head(parts: &Parts) -> Bytes {
    let mut head = format!("{} {} {:?}\r\n", parts.method, parts.uri, parts.version).into_bytes();
    for (name, value) in &parts.headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head.into()
}

/// Makes the local request, or says why not.
async fn admit(
    server: &Server,
    live: &Live,
    parts: &Parts,
    body: Incoming,
    reading: Option<&Reading>,
) -> Result<(Method, LocalRequest<'static>), Refusal> {
    let host = server.hosts.check(parts, live.opened)?;
    let has_password = match (&server.web, reading) {
        (Some(web), Some(reading)) => {
            let given = parts.headers.get_all(AUTHORIZATION).iter();
            web.admit(reading, given).await.map_err(denied)?
        }
        _ => false,
    };
    let method = rocket_method(&parts.method)?;
    let target = match parts.uri.path_and_query() {
        Some(target) if target.as_str().starts_with('/') => target.as_str().to_owned(),
        _ if parts.method == Method::OPTIONS => {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "the target `*` is not served", "name a path"));
        }
        _ => return Err(Refusal::new(StatusCode::BAD_REQUEST, "the target is not a path", "name a path")),
    };
    let body = read_body(server, live, body).await?;

    let client: &'static Client = server.client;
    let mut request = client.req(method, target);
    for (name, value) in &parts.headers {
        // A password that has been looked at is nobody else's business.
        let is_ours = name.as_str().starts_with(RESERVED) || (has_password && name == AUTHORIZATION);
        // Rocket's header values are text.
        if let (false, Ok(text)) = (is_ours, std::str::from_utf8(value.as_bytes())) {
            request.add_header(Header::new(name.as_str().to_owned(), text.to_owned()));
        }
    }
    request.add_header(raw_method(parts.method.as_str()));
    // A read is anybody's, and most requests are reads.
    if let (Some(local), false) = (live.local, parts.method.is_safe()) {
        request.add_header(Header::new(LOCAL_ADDRESS, local.to_string()));
    }
    if let Some(host) = host.and_then(|host| Host::parse_owned(host.to_owned()).ok()) {
        request.inner_mut().set_host(host);
    }
    request.inner_mut().set_remote(live.peer);
    if !body.is_empty() {
        request.set_body(body);
    }
    Ok((parts.method.clone(), request))
}

fn denied(denied: Denied) -> Refusal {
    match denied {
        Denied::TooMany => Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "more requests have come than rate_limit allows",
            "ask less often, or raise `rate_limit` in the web configuration file",
        ),
        Denied::Unauthorised => Refusal::new(
            StatusCode::UNAUTHORIZED,
            "the password is wrong or missing",
            "send one of basic_auth_users by basic authentication, as curl --user NAME does",
        ),
        Denied::Busy => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many passwords are being checked",
            "try again in a second",
        ),
    }
}

/// The method for Rocket. HEAD is dispatched as GET, as Rocket itself would; the body is left out here, where its
/// length is still known.
fn rocket_method(method: &Method) -> Result<rocket::http::Method, Refusal> {
    use rocket::http::Method as Rocket;
    Ok(match *method {
        Method::GET | Method::HEAD => Rocket::Get,
        Method::PUT => Rocket::Put,
        Method::POST => Rocket::Post,
        Method::PATCH => Rocket::Patch,
        Method::DELETE => Rocket::Delete,
        Method::OPTIONS => Rocket::Options,
        _ => {
            let error = format!("method {:?} is not served", method.as_str());
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error, format!("use one of {ALLOWED}")));
        }
    })
}

async fn read_body(server: &Server, live: &Live, body: Incoming) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let max = server.limits.max_body;
    let too_large = || {
        let error = format!("the body is longer than {max} bytes");
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            error,
            "send less, or raise `limits.max_body` in relink.toml",
        )
    };
    // Before the first read, so that a client that asked (`Expect: 100-continue`) does not send it for nothing.
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    match Limited::new(body, max).collect().await {
        Ok(body) => {
            live.body_is_read();
            Ok(body.to_bytes())
        }
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("the body can't be read: {error}"),
            "send as many bytes as the head promises",
        )),
    }
}

/// Whether the connection outlives the response (RFC 9112, 9.3).
fn wants_keep_alive(parts: &Parts) -> bool {
    let named = |wanted: &str| {
        let values = parts.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case(wanted))
    };
    !named("close") && (parts.version == Version::HTTP_11 || named("keep-alive"))
}

fn refuse(refusal: &Refusal, flight: InFlight) -> Response<Body> {
    let body = refusal.json();
    let mut response = Response::new(Body { content: Content::Whole(body), _flight: flight });
    *response.status_mut() = refusal.status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if refusal.status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Basic realm=\"relink\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
    }
    response
}

/// Rocket's response as hyper's.
async fn respond(
    mut answer: LocalResponse<'static>,
    Ready(ready): Ready,
    is_head: bool,
    flight: InFlight,
) -> Response<Body> {
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(answer.status().code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for header in answer.headers().iter() {
        let name = HeaderName::from_bytes(header.name().as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(header.value()))
            && name != CONTENT_LENGTH
            && name != TRANSFER_ENCODING
        {
            response.headers_mut().append(name, value);
        }
    }
    let content = match ready.get() {
        Some(body) => Ok((body.clone(), true)),
        None => read_what_is_ready(&mut answer).await,
    };
    let content = match content {
        Ok((start, true)) if is_head => {
            response.headers_mut().insert(CONTENT_LENGTH, start.len().into());
            Content::Whole(Bytes::new())
        }
        Ok((start, true)) => Content::Whole(start),
        Ok(_) if is_head => Content::Whole(Bytes::new()),
        Ok((start, false)) => Content::Stream { start, answer: Box::new(answer) },
        Err(error) => {
            tracing::warn!("a response could not be read: {error}");
            let hint = "see the agent's log";
            let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the response can't be read", hint);
            return refuse(&refusal, flight);
        }
    };
    response.map(|()| Body { content, _flight: flight })
}

/// Reads the response while that needs no waiting: most are in memory. `true`: this is all of it. Rocket's local
/// response does not tell its length, and an event stream must not be waited for.
async fn read_what_is_ready(answer: &mut LocalResponse<'static>) -> io::Result<(Bytes, bool)> {
    let mut bytes = BytesMut::with_capacity(CHUNK);
    while bytes.len() < WHOLE {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len());
        }
        let read = poll_fn(|cx| match pin!(answer.read_buf(&mut bytes)).poll(cx) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        });
        match read.await.transpose()? {
            Some(0) => return Ok((bytes.freeze(), true)),
            Some(_) => {}
            None => break,
        }
    }
    Ok((bytes.freeze(), false))
}

/// A response's body. Its request is in flight for as long as it lives.
pub(super) struct Body {
    content: Content,
    _flight: InFlight,
}

enum Content {
    Whole(Bytes),
    Stream { start: Bytes, answer: Box<LocalResponse<'static>> },
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let bytes = match &mut self.content {
            Content::Whole(bytes) => std::mem::take(bytes),
            Content::Stream { start, .. } if !start.is_empty() => std::mem::take(start),
            Content::Stream { answer, .. } => {
                let mut bytes = BytesMut::with_capacity(CHUNK);
                ready!(pin!(answer.read_buf(&mut bytes)).poll(cx))?;
                bytes.freeze()
            }
        };
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream { .. } => SizeHint::default(),
        }
    }
}
