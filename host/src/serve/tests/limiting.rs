use super::super::evict;
use super::*;

const HALF: &str = "GET /hello HTTP/1.1\r\nHost: loc";

#[tokio::test]
async fn a_head_that_takes_too_long_is_408() {
    let agent = Agent::with(Limits { header_timeout: Seconds::ms(50), ..Limits::default() }).await;
    let mut peer = agent.connect().await;
    assert_eq!(peer.get("/hello").await.status, 200);
    peer.send(HALF).await;
    let reply = peer.reply().await;
    assert_eq!((reply.status, header(&reply.head, "connection")), (408, Some("close")));
    peer.closed().await;
}

#[tokio::test]
async fn bytes_that_trickle_in_do_not_prolong_a_head() {
    let agent = Agent::with(Limits { header_timeout: Seconds::ms(100), ..Limits::default() }).await;
    let mut peer = agent.connect().await;
    peer.send("GET /").await;
    let trickle = async {
        // One byte each 10 ms never ends the head, and is never late by itself.
        while peer.stream.write_all(b"x").await.is_ok() {
            let read = tokio::time::timeout(Duration::from_millis(10), peer.stream.read_buf(&mut peer.read));
            if read.await.is_ok() {
                break;
            }
        }
    };
    within(trickle).await;
    assert!(peer.read.starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&peer.read));
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_408() {
    let agent = Agent::with(Limits { body_timeout: Seconds::ms(50), ..Limits::default() }).await;
    let mut peer = agent.connect().await;
    peer.send("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabc").await;
    assert_eq!(peer.reply().await.status, 408);
    peer.closed().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let agent = Agent::with(Limits { idle_timeout: Seconds::ms(50), ..Limits::default() }).await;
    let (mut fresh, mut used) = (agent.connect().await, agent.connect().await);
    assert_eq!(used.get("/hello").await.status, 200);
    fresh.closed().await;
    used.closed().await;
}

#[tokio::test]
async fn the_idle_time_does_not_end_a_slow_request() {
    let agent = Agent::with(Limits { idle_timeout: Seconds::ms(20), ..Limits::default() }).await;
    let (mut slow, mut idle) = (agent.connect().await, agent.connect().await);
    slow.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    agent.in_slow_handler(1).await;
    // As long as it takes for another connection to run out of it.
    idle.closed().await;
    agent.release(1);
    assert_eq!(slow.reply().await.body, "slow from 1");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let agent = Agent::with(Limits { write_timeout: Seconds::ms(50), ..Limits::default() }).await;
    let mut peer = agent.connect().await;
    // More than the kernel buffers for both ends.
    for _ in 0..4 {
        peer.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    }
    agent.until(1, Phase::Busy).await;
    agent.until_connections(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_heads_never_lock_anyone_out() {
    let agent = Agent::with(Limits { max_connections: 16, ..Limits::default() }).await;
    let mut kept = agent.connect().await;
    assert_eq!(kept.get("/hello").await.status, 200);
    let mut halves = Vec::new();
    for _ in 0..150 {
        let mut peer = agent.connect().await;
        // A connection evicted this early may refuse the bytes.
        let _ = peer.stream.write_all(HALF.as_bytes()).await;
        halves.push(peer);
        if halves.len() % 10 == 0 {
            assert_eq!(agent.connect().await.get("/hello").await.status, 200);
        }
    }
    assert_eq!(agent.connect().await.get("/hello").await.status, 200);
    // Those that were condemned are gone, too.
    within(async {
        while agent.server.connections() > 16 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn half_sent_heads_go_first_then_the_longest_idle_and_never_a_request() {
    let agent = Agent::with(Limits { max_connections: 4, ..Limits::default() }).await;
    let mut busy = agent.connect().await;
    busy.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    agent.in_slow_handler(1).await;
    let (mut first, mut second) = (agent.connect().await, agent.connect().await);
    assert_eq!(first.get("/hello").await.status, 200);
    assert_eq!(second.get("/hello").await.status, 200);
    let mut half = agent.connect().await;
    half.send(HALF).await;
    agent.until(1, Phase::Head).await;

    let mut newcomers = Vec::new();
    for victim in [&mut half, &mut first, &mut second] {
        let mut newcomer = agent.connect().await;
        newcomer.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        agent.in_slow_handler(1).await;
        victim.closed().await;
        newcomers.push(newcomer);
    }

    // All in flight: the next is told so.
    let mut one_too_many = agent.connect().await;
    let reply = one_too_many.get("/hello").await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("limits.max_connections"), "{}", reply.body);
    one_too_many.closed().await;
    agent.release(4);
    assert_eq!(busy.reply().await.status, 200);
    for newcomer in &mut newcomers {
        assert_eq!(newcomer.reply().await.status, 200);
    }
}

#[tokio::test]
async fn a_request_that_comes_while_its_connection_is_evicted_is_answered() {
    let agent = Agent::start().await;
    let mut peer = agent.connect().await;
    for _ in 0..20 {
        assert_eq!(peer.get("/hello").await.status, 200);
        // Nothing here lets the server's task run, so the request is in the socket and unseen.
        let request = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert_eq!(peer.stream.try_write(request).unwrap(), request.len());
        assert!(evict(&agent.server.table()));
        assert_eq!(peer.reply().await.body, "hello from 1");
    }
}
