use super::*;

/// Sends, and gives the status of the answer; then the connection must be closed.
async fn status_and_close(agent: &Agent, request: &str) -> u16 {
    let mut peer = agent.connect().await;
    peer.send(request).await;
    let mut all = Vec::new();
    // A reset after the answer is a way to close, too.
    let _ = within(peer.stream.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all);
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{request:?} → {text:?}");
    text[9..12].parse().unwrap()
}

#[tokio::test]
async fn what_is_not_http_is_400_and_closed() {
    let agent = Agent::start().await;
    for request in [
        "GET /hello\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\nabc",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "GET /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\n\r\n",
        "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ] {
        assert_eq!(status_and_close(&agent, request).await, 400, "{request:?}");
    }
    assert_eq!(agent.connect().await.get("/hello").await.status, 200);
}

#[tokio::test]
async fn nothing_follows_a_body_with_two_lengths() {
    let agent = Agent::start().await;
    for lengths in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"]
    {
        let smuggled = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let request =
            format!("POST /length HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}");
        // One answer only, which `status_and_close` checks.
        assert_eq!(status_and_close(&agent, &request).await, 200, "{lengths}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_431_and_closed() {
    let agent = Agent::start().await;
    let long = "x".repeat(20 * 1024);
    let many = "a: b\r\n".repeat(200);
    for headers in [format!("Long: {long}\r\n"), format!("Endless: {long}{long}"), many] {
        let request = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        assert_eq!(status_and_close(&agent, &request).await, 431, "{} bytes", request.len());
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_413_and_closed() {
    let agent = Agent::with(Limits { max_body: 10, ..Limits::default() }).await;
    for request in [
        "POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nabcdefghijk",
        "POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551000\r\n\r\nabc",
        "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n",
        "POST /length HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
    ] {
        // Half-closed, so that the server need not wait for more.
        let mut peer = agent.connect().await;
        peer.send(request).await;
        peer.stream.shutdown().await.unwrap();
        let reply = peer.reply().await;
        assert_eq!((reply.status, header(&reply.head, "connection")), (413, Some("close")), "{request:?}");
        assert!(reply.body.contains("limits.max_body"), "{}", reply.body);
        peer.closed().await;
    }
    let mut peer = agent.connect().await;
    peer.send("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabcdefghij").await;
    assert_eq!(peer.reply().await.body, "10");
}

#[tokio::test]
async fn other_names_are_421_before_any_route() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    for (head, status) in [
        ("GET /hello HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /nowhere HTTP/1.1\r\nHost: evil.example:8000", 421),
        ("GET http://evil.example/hello HTTP/1.1\r\nHost: localhost", 421),
        ("GET http://localhost/hello HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /hello HTTP/1.1", 400),
        ("GET /hello HTTP/1.1\r\nHost:", 400),
        ("GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: localhost", 400),
        ("GET /hello HTTP/1.1\r\nHost: local host", 400),
        ("GET /hello HTTP/1.1\r\nHost: [::1", 400),
        ("GET /hello HTTP/1.1\r\nHost: [::1]:8000", 200),
        ("GET /hello HTTP/1.1\r\nHost: Metrics.Example.", 200),
    ] {
        peer.send(&format!("{head}\r\n\r\n")).await;
        let reply = peer.reply().await;
        assert_eq!(reply.status, status, "{head:?}");
        if status != 200 {
            let json: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
            assert!(json["error"].is_string() && json["hint"].is_string(), "{head:?}: {json}");
        }
    }
}

#[tokio::test]
async fn odd_methods_and_targets_are_client_errors() {
    let agent = Agent::start().await;
    for (line, status) in [
        ("BREW /hello", 405),
        ("get /hello", 405),
        ("TRACE /hello", 405),
        ("CONNECT localhost:80", 405),
        ("OPTIONS *", 400),
        ("GET *", 400),
        ("GET /%zz", 404),
        ("GET //", 404),
        ("GET /hello?%ff[]{}", 200),
    ] {
        let mut peer = agent.connect().await;
        peer.send(&format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let reply = peer.reply().await;
        assert!(reply.status == status || (status != 405 && reply.status == 400), "{line}: {}", reply.head);
        assert_eq!(header(&reply.head, "allow").is_some(), status == 405, "{line}: {}", reply.head);
    }
    assert_eq!(agent.connect().await.get("/hello").await.status, 200);
}

#[tokio::test]
async fn an_http_2_client_is_closed() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    peer.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    peer.stream.shutdown().await.unwrap();
    while peer.read_more().await {}
    agent.until_connections(0).await;
}
