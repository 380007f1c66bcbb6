use super::*;

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    for _ in 0..3 {
        let reply = peer.get("/hello").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "hello from 1"));
        assert_eq!(header(&reply.head, "content-length"), Some("12"));
        assert!(header(&reply.head, "date").is_some());
    }
    assert_eq!(agent.server.connections(), 1);
}

#[tokio::test]
async fn pipelined_and_split_requests_are_answered_in_order() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    let request = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    peer.send(&format!("{request}{request}GET /who")).await;
    assert_eq!(peer.reply().await.body, "hello from 1");
    assert_eq!(peer.reply().await.body, "hello from 1");
    for part in ["ami HT", "TP/1.1\r", "\nHost: local", "host\r\n\r"] {
        peer.send(part).await;
        tokio::task::yield_now().await;
    }
    peer.send("\n").await;
    assert_eq!(peer.reply().await.status, 200);
}

#[tokio::test]
async fn routes_see_the_raw_method_the_host_and_the_peer_and_no_forged_header() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send("GET /whoami?a=b HTTP/1.1\r\nHost: LOCALHOST:81\r\nX-Relink-Raw-Method: PUT\r\nx-relink-other: 1\r\n\r\n")
        .await;
    let reply = peer.reply().await;
    assert_eq!(reply.body, r#"GET ["GET"] /whoami?a=b Some("LOCALHOST:81") 127.0.0.1 false"#);

    // Rocket makes a PUT of this; the route can tell.
    let form = "_method=put";
    peer.send(&format!(
        "POST /whoami HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    ))
    .await;
    assert!(peer.reply().await.body.starts_with(r#"PUT ["POST"] "#));
}

#[tokio::test]
async fn an_absolute_target_names_the_host() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send("GET http://metrics.example:9/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let reply = peer.reply().await;
    assert_eq!(reply.body, r#"GET ["GET"] /whoami Some("metrics.example:9") 127.0.0.1 false"#);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    for (path, length) in [("/hello", Some("12")), ("/stream", None)] {
        peer.send(&format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let reply = peer.reply_to("HEAD").await;
        assert_eq!((reply.status, header(&reply.head, "content-length")), (200, length), "{path}");
    }
    assert_eq!(peer.get("/hello").await.body, "hello from 1");
}

#[tokio::test]
async fn an_http_1_0_client_is_answered_and_left() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send("GET /hello HTTP/1.0\r\n\r\n").await;
    let mut all = Vec::new();
    within(peer.stream.read_to_end(&mut all)).await.unwrap();
    let all = String::from_utf8(all).unwrap();
    assert!(all.starts_with("HTTP/1.0 200") && all.ends_with("\r\n\r\nhello from 1"), "{all}");
}

#[tokio::test]
async fn a_client_that_has_nothing_more_to_say_is_still_answered() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    peer.stream.shutdown().await.unwrap();
    agent.in_slow_handler(1).await;
    agent.release(1);
    assert_eq!(peer.reply().await.body, "slow from 1");
    peer.closed().await;
}

#[tokio::test]
async fn an_offer_to_upgrade_is_ignored() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send(
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABk\r\n\r\n",
    )
    .await;
    assert_eq!(peer.reply().await.body, "hello from 1");
    assert_eq!(peer.get("/hello").await.body, "hello from 1");
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let head = peer.head().await;
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    for _ in 0..3 {
        agent.doors.events.add_permits(1);
        assert_eq!(peer.chunk().await, b"data: x\n\n");
    }
    drop(peer);
    // The next events meet a closed socket, and the stream ends.
    agent.doors.events.add_permits(1000);
    agent.until_connections(0).await;
}

#[tokio::test]
async fn a_large_response_arrives_whole() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    assert_eq!(peer.get("/large").await.body.len(), LARGE);
    assert_eq!(peer.get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_chunked_body_is_read_and_ends_the_connection() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send(
        "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    .await;
    let reply = peer.reply().await;
    assert_eq!((reply.body.as_str(), header(&reply.head, "connection")), ("5", Some("close")));
    peer.closed().await;
}

#[tokio::test]
async fn expect_continue_is_answered_before_the_body() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send(
        "POST /length HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    )
    .await;
    assert_eq!(peer.head().await, "http/1.1 100 continue\r\n\r\n");
    peer.send("abc").await;
    assert_eq!(peer.reply().await.body, "3");
}

#[tokio::test]
async fn a_panicking_route_is_an_error_and_no_more() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    assert_eq!(peer.get("/panics").await.status, 500);
    assert_eq!(peer.get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_and_closes_the_rest() {
    let agent = Agent::start().await;
    let (mut idle, mut busy) = (agent.connect().await, agent.connect().await);
    idle.get("/hello").await;
    busy.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    agent.in_slow_handler(1).await;
    let server = agent.server.clone();
    let shutdown = tokio::spawn(async move { server.shutdown(Duration::from_secs(20)).await });
    idle.closed().await;
    agent.release(1);
    let reply = busy.reply().await;
    assert_eq!((reply.body.as_str(), header(&reply.head, "connection")), ("slow from 1", Some("close")));
    busy.closed().await;
    within(shutdown).await.unwrap();
    assert_eq!(agent.server.connections(), 0);
}

#[tokio::test]
async fn a_shutdown_ends_what_exceeds_its_grace() {
    let agent = Agent::start().await;
    let mut busy = agent.connect().await;
    busy.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    agent.in_slow_handler(1).await;
    within(agent.server.shutdown(Duration::from_millis(1))).await;
    busy.closed().await;
}
