use bytes::Bytes;
use hyper::StatusCode;
use relink_testkit::{Authority, Identity};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::Busy;
use super::super::connection::Carried;
use super::*;

const LONG: Duration = Duration::from_secs(20);
/// Longer than a request that is on its way is waited for.
const LATE: Duration = Duration::from_millis(400);

/// An agent with a certificate of this authority.
struct Tls {
    agent: Agent,
    authority: Authority,
    folder: TempDir,
}

impl Tls {
    async fn start(limits: Limits) -> Tls {
        Self::with(limits, "").await
    }

    /// `yaml` goes on where the certificate is named: in `tls_server_config`.
    async fn with(limits: Limits, yaml: &str) -> Tls {
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        authority.identity(&["127.0.0.1"]).write(folder.path(), "server");
        std::fs::write(folder.path().join("ca.crt"), authority.cert()).unwrap();
        let file = folder.path().join("web.yml");
        let text = format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{yaml}");
        std::fs::write(&file, text).unwrap();
        let web = Arc::new(Web::open(&file, false).unwrap());
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let agent = Agent::guarded(vec![listener], limits, 1, Some(web)).await.running();
        Tls { agent, authority, folder }
    }

    /// A connection after its handshake.
    async fn connect(&self) -> Peer<TlsStream<TcpStream>> {
        self.try_connect(None).await.unwrap()
    }

    async fn try_connect(&self, identity: Option<&Identity>) -> std::io::Result<Peer<TlsStream<TcpStream>>> {
        let stream = within(TcpStream::connect(self.agent.address)).await?;
        let connector = TlsConnector::from(self.authority.client(identity));
        let name = ServerName::IpAddress(self.agent.address.ip().into());
        let stream = within(connector.connect(name, stream)).await?;
        Ok(Peer { stream, read: Vec::new() })
    }

    /// Begins to quiesce, and waits until the connections know.
    async fn quiescing(&self) -> tokio::task::JoinHandle<Result<Vec<Carried>, Busy>> {
        let server = self.agent.server.clone();
        let quiesce = tokio::spawn(async move { server.quiesce(LONG).await });
        within(self.agent.doors.quiesce.clone().wait_for(|near| *near)).await.unwrap();
        quiesce
    }
}

/// What comes after the last answer: a proper end, by `close_notify`. Without it rustls says `UnexpectedEof`.
async fn ends_properly(peer: &mut Peer<TlsStream<TcpStream>>) {
    assert_eq!(within(peer.stream.read_buf(&mut peer.read)).await.unwrap(), 0);
    assert!(peer.read.is_empty());
}

#[tokio::test]
async fn requests_are_served_in_both_versions_and_streams_flow() {
    for (versions, yaml) in
        [("TLSv1_2", "  max_version: TLS12\n"), ("TLSv1_3", "  min_version: TLS13\n"), ("TLSv1_3", "")]
    {
        let tls = Tls::with(Limits::default(), yaml).await;
        let mut peer = tls.connect().await;
        assert_eq!(format!("{:?}", peer.stream.get_ref().1.protocol_version().unwrap()), versions);
        for _ in 0..2 {
            assert_eq!(peer.get("/hello").await.body, "hello from 1");
        }
        assert_eq!(peer.get("/large").await.body.len(), LARGE);
        peer.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        peer.head().await;
        for _ in 0..2 {
            tls.agent.doors.events.add_permits(1);
            assert_eq!(peer.chunk().await, b"data: x\n\n");
        }
    }
}

#[tokio::test]
async fn http_1_is_what_is_agreed_on() {
    let tls = Tls::start(Limits::default()).await;
    for (offered, agreed) in [(&[&b"h2"[..], b"http/1.1"][..], true), (&[], true), (&[b"h2"], false)] {
        let mut config = (*tls.authority.client(None)).clone();
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(tls.agent.address).await.unwrap();
        let name = ServerName::IpAddress(tls.agent.address.ip().into());
        let result = within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        assert_eq!(result.is_ok(), agreed, "{offered:?}");
        if let (Ok(stream), false) = (result, offered.is_empty()) {
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[tokio::test]
async fn at_a_quiesce_the_idle_end_properly_and_the_unspoken_are_carried() {
    let tls = Tls::start(Limits::default()).await;
    let mut idle = tls.connect().await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let unspoken = tls.agent.connect().await;
    tls.agent.until_connections(2).await;

    let carried = within(tls.agent.server.quiesce(LONG)).await.unwrap();
    assert_eq!(carried.len(), 1);
    ends_properly(&mut idle).await;

    let next = tls.agent.next().await.running();
    next.server.adopt(carried);
    // Its handshake is with the next image.
    let connector = TlsConnector::from(tls.authority.client(None));
    let name = ServerName::IpAddress(tls.agent.address.ip().into());
    let stream = within(connector.connect(name, unspoken.stream)).await.unwrap();
    let mut unspoken = Peer { stream, read: Vec::new() };
    assert_eq!(unspoken.get("/hello").await.body, "hello from 2");
}

#[tokio::test]
async fn at_a_quiesce_what_is_in_flight_is_answered_and_told_to_close() {
    let tls = Tls::start(Limits::default()).await;
    let (mut slow, mut body, mut stream) = (tls.connect().await, tls.connect().await, tls.connect().await);
    // A GET can't be put back either.
    slow.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    body.send("POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc").await;
    stream.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    stream.head().await;
    tls.agent.in_slow_handler(1).await;
    tls.agent.until(1, Phase::Body).await;
    let quiesce = tls.quiescing().await;
    assert!(stream.chunk().await.is_empty(), "the stream comes to its end");
    ends_properly(&mut stream).await;
    body.send("def").await;
    tls.agent.release(1);
    for (peer, expected) in [(&mut slow, "slow from 1"), (&mut body, "6 bytes at 1")] {
        let reply = peer.reply().await;
        assert_eq!((reply.body.as_str(), header(&reply.head, "connection")), (expected, Some("close")));
        ends_properly(peer).await;
    }
    assert!(within(quiesce).await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn at_a_quiesce_a_handshake_and_its_first_request_are_waited_for() {
    let tls = Tls::start(Limits::default()).await;
    let mut fresh = tls.connect().await;
    let mut half = tls.connect().await;
    assert_eq!(half.get("/hello").await.status, 200);
    half.send("GET /hello HTTP/1.1\r\nHo").await;
    tls.agent.until(1, Phase::Head).await;
    let quiesce = tls.quiescing().await;
    for (peer, rest) in
        [(&mut fresh, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"), (&mut half, "st: localhost\r\n\r\n")]
    {
        peer.send(rest).await;
        let reply = peer.reply().await;
        assert_eq!((reply.status, header(&reply.head, "connection")), (200, Some("close")));
        ends_properly(peer).await;
    }
    assert!(within(quiesce).await.unwrap().unwrap().is_empty());
}

#[tokio::test]
async fn at_a_quiesce_those_who_never_ask_are_not_waited_for_long() {
    let tls = Tls::start(Limits::default()).await;
    let (mut fresh, mut half, mut greeting) =
        (tls.connect().await, tls.connect().await, tls.agent.connect().await);
    half.send("GET /hello HTTP/1.1\r\nHo").await;
    greeting.send("\u{16}\u{3}\u{1}").await;
    tls.agent.until(2, Phase::Head).await;
    let began = std::time::Instant::now();
    assert!(within(tls.agent.server.quiesce(LONG)).await.unwrap().is_empty());
    assert!(began.elapsed() < LATE, "{:?}", began.elapsed());
    ends_properly(&mut fresh).await;
    ends_properly(&mut half).await;
    greeting.closed().await;
}

#[tokio::test]
async fn a_missed_deadline_serves_on() {
    let tls = Tls::start(Limits::default()).await;
    let mut slow = tls.connect().await;
    slow.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tls.agent.in_slow_handler(1).await;
    let busy = within(tls.agent.server.quiesce(Duration::from_millis(30))).await.unwrap_err();
    assert_eq!(busy, Busy { in_flight: 1 });
    assert_eq!(tls.connect().await.get("/hello").await.body, "hello from 1");
    tls.agent.release(1);
    assert_eq!(slow.reply().await.body, "slow from 1");
}

#[tokio::test]
async fn a_response_that_the_kernel_does_not_have_yet_is_in_flight() {
    let tls = Tls::start(Limits::default()).await;
    socket2::SockRef::from(tls.agent.server.listeners().next().unwrap())
        .set_send_buffer_size(16 * 1024)
        .unwrap();
    let mut peer = tls.connect().await;
    socket2::SockRef::from(peer.stream.get_ref().0).set_recv_buffer_size(16 * 1024).unwrap();
    peer.send("GET /medium HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tls.agent.until_blocked().await;
    let busy = within(tls.agent.server.quiesce(Duration::from_millis(30))).await.unwrap_err();
    assert_eq!(busy, Busy { in_flight: 1 });
    assert_eq!(peer.reply().await.body.len(), MEDIUM);
}

#[tokio::test]
async fn who_asked_for_the_reload_is_answered_before_the_hand_over() {
    let tls = Tls::start(Limits::default()).await;
    let mut asker = tls.connect().await;
    asker.send("PUT /owed/r7 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tls.agent.until(1, Phase::Busy).await;
    assert!(within(tls.agent.server.quiesce(LONG)).await.unwrap().is_empty());
    assert_eq!(tls.agent.server.connections(), 1);
    within(tls.agent.server.answer_ahead("r7", Bytes::from_static(b"{\"outcome\":null}"))).await;
    let reply = asker.reply().await;
    assert_eq!((reply.status, reply.body.as_str()), (202, "{\"outcome\":null}"));
    assert_eq!(header(&reply.head, "location"), Some("/reloads/r7"));
    assert_eq!(header(&reply.head, "connection"), Some("close"));
    ends_properly(&mut asker).await;
    assert_eq!(tls.agent.server.connections(), 0);
}

#[tokio::test]
async fn a_reload_that_ends_in_this_image_is_answered_in_full() {
    let tls = Tls::start(Limits::default()).await;
    let mut asker = tls.connect().await;
    asker.send("PUT /owed/r7 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tls.agent.until(1, Phase::Busy).await;
    within(tls.agent.server.answer("r7", StatusCode::UNPROCESSABLE_ENTITY, "{}".into())).await;
    let reply = asker.reply().await;
    assert_eq!((reply.status, header(&reply.head, "connection")), (422, Some("keep-alive")));
    assert_eq!(asker.get("/hello").await.body, "hello from 1");
}

#[tokio::test]
async fn a_plain_request_is_told_and_nonsense_is_closed() {
    let tls = Tls::start(Limits::default()).await;
    let mut plain = tls.agent.connect().await;
    let reply = plain.get("/hello").await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("HTTPS"), "{}", reply.body);
    plain.closed().await;
    for nonsense in
        ["\u{0}\u{1}\u{2}", "\u{16}\u{3}\u{1}\u{0}\u{5}hello", "\r\n\r\n", "get / http/1.1\r\n\r\n"]
    {
        let mut peer = tls.agent.connect().await;
        peer.send(nonsense).await;
        peer.stream.shutdown().await.unwrap();
        // An alert, or nothing; and then the end.
        while peer.read_more().await {}
    }
    tls.agent.until_connections(0).await;
}

#[tokio::test]
async fn a_connection_of_an_image_without_tls_does_not_get_past_it() {
    let plain = Agent::start().await;
    let (mut idle, mut half) = (plain.connect().await, plain.connect().await);
    assert_eq!(idle.get("/hello").await.status, 200);
    half.send("GET /hello HTTP/1.1\r\nHo").await;
    plain.until(1, Phase::Head).await;
    let carried = within(plain.server.quiesce(LONG)).await.unwrap();
    assert_eq!(carried.len(), 2);
    let tls = Tls::start(Limits::default()).await;
    tls.agent.server.adopt(carried);
    half.send("st: localhost\r\n\r\n").await;
    for peer in [&mut idle, &mut half] {
        if peer.read.is_empty() {
            let _ = peer.stream.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        }
        assert_eq!(peer.reply().await.status, 400);
    }
}

#[tokio::test]
async fn half_done_handshakes_make_room_and_have_a_deadline() {
    let limits = Limits { max_connections: 8, header_timeout: Seconds::ms(200), ..Limits::default() };
    let tls = Tls::start(limits).await;
    let mut stuck = Vec::new();
    for _ in 0..40 {
        let mut peer = tls.agent.connect().await;
        peer.send("\u{16}\u{3}\u{1}").await;
        stuck.push(peer);
    }
    let mut peer = tls.connect().await;
    assert_eq!(peer.get("/hello").await.body, "hello from 1");
    for mut peer in stuck {
        while peer.read_more().await {}
    }
    assert_eq!(peer.get("/hello").await.body, "hello from 1");
    tls.agent.until_connections(1).await;
}

#[tokio::test]
async fn the_five_policies_for_client_certificates() {
    let stranger = Authority::new().identity(&["box"]);
    for (policy, without, strange) in [
        ("NoClientCert", true, true),
        ("RequestClientCert", true, true),
        ("RequireAnyClientCert", false, true),
        ("RequireClientCert", false, true),
        ("VerifyClientCertIfGiven", true, false),
        ("RequireAndVerifyClientCert", false, false),
    ] {
        let authority = if policy == "NoClientCert" { "" } else { "  client_ca_file: ca.crt\n" };
        let yaml = format!("  client_auth_type: {policy}\n{authority}");
        let tls = Tls::with(Limits::default(), &yaml).await;
        let own = tls.authority.identity(&["box"]);
        for (identity, passes) in [(None, without), (Some(&stranger), strange), (Some(&own), true)] {
            assert_eq!(is_served(&tls, identity).await, passes, "{policy} {}", identity.is_some());
        }
    }
}

#[tokio::test]
async fn only_listed_names_get_in() {
    let yaml = "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n  \
                client_allowed_sans: [box.example, 10.1.2.3, \"2001:db8::1\"]\n";
    let tls = Tls::with(Limits::default(), yaml).await;
    for (name, passes) in [
        ("box.example", true),
        ("10.1.2.3", true),
        ("2001:db8::1", true),
        ("other.example", false),
        ("10.1.2.30", false),
        ("sub.box.example", false),
    ] {
        let identity = tls.authority.identity(&[name]);
        assert_eq!(is_served(&tls, Some(&identity)).await, passes, "{name}");
    }
    assert!(is_served(&tls, Some(&tls.authority.identity(&["other.example", "box.example"]))).await);
    let stranger = Authority::new().identity(&["box.example"]);
    assert!(!is_served(&tls, Some(&stranger)).await, "the name alone is not enough");
}

/// With TLS 1.3 a client learns that it is refused when it reads.
async fn is_served(tls: &Tls, identity: Option<&Identity>) -> bool {
    let Ok(mut peer) = tls.try_connect(identity).await else { return false };
    let request = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    within(peer.stream.write_all(request)).await.is_ok() && peer.read_more().await
}

#[tokio::test]
async fn a_password_is_asked_for_on_every_route_and_goes_no_further() {
    // Of "wonderland", by another implementation.
    let hash = "$2b$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu";
    let yaml = format!(
        "basic_auth_users:\n  alice: {hash}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    );
    let tls = Tls::with(Limits::default(), &yaml).await;
    let mut peer = tls.connect().await;
    for path in ["/hello", "/whoami", "/nothing"] {
        for wrong in ["", "Authorization: Basic YWxpY2U6eA==\r\n", "Authorization: Bearer YWxpY2U6eA==\r\n"] {
            peer.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{wrong}\r\n")).await;
            let reply = peer.reply().await;
            assert_eq!(reply.status, 401, "{path} {wrong}");
            assert!(header(&reply.head, "www-authenticate").unwrap().starts_with("basic realm="));
            assert_eq!(header(&reply.head, "x-frame-options"), Some("deny"));
        }
    }
    let right = "Authorization: Basic YWxpY2U6d29uZGVybGFuZA==\r\n";
    peer.send(&format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{right}\r\n")).await;
    let reply = peer.reply().await;
    assert_eq!((reply.status, header(&reply.head, "x-frame-options")), (200, Some("deny")));
    peer.send(&format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{right}{right}\r\n")).await;
    assert_eq!(peer.reply().await.status, 401, "two of them");
    // A refusal does not wait for the body.
    peer.send("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\nabc").await;
    assert_eq!(peer.reply().await.status, 401);
    drop(tls.folder);
}
