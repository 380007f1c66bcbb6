//! Several listeners of one server.

use super::*;

fn listeners(addresses: &[&str]) -> Vec<std::net::TcpListener> {
    addresses.iter().map(|address| bind(address.parse().unwrap()).unwrap()).collect()
}

/// Where a client finds the listener.
fn addresses(agent: &Agent) -> Vec<SocketAddr> {
    let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
    agent.server.listeners().map(|listener| SocketAddr::from(([127, 0, 0, 1], port(listener)))).collect()
}

#[tokio::test]
async fn a_flood_at_one_listener_keeps_nobody_away_from_the_others() {
    const FLOOD: usize = 40;
    let listeners = listeners(&["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"]);
    let agent = Agent::guarded(listeners, Limits::default(), 1, None).await;
    let addresses = addresses(&agent);
    // They wait in the kernel's queues, where the flood was first.
    let connect = |address| std::net::TcpStream::connect(address).unwrap();
    let _flood: Vec<_> = (0..FLOOD).map(|_| connect(addresses[1])).collect();
    let _others = [connect(addresses[0]), connect(addresses[2])];
    let agent = agent.running();
    agent.until_connections(FLOOD + 2).await;
    let table = agent.server.table();
    let mut order: Vec<_> = table.live.iter().map(|(id, live)| (*id, live.local.unwrap())).collect();
    order.sort_unstable();
    let mut first: Vec<_> = order.iter().take(3).map(|(_, local)| *local).collect();
    first.sort_by_key(|local| addresses.iter().position(|address| address == local));
    assert_eq!(first, addresses, "one of each comes before the second of the flood");
}

#[tokio::test]
async fn a_connection_is_of_its_listeners_kind_also_when_it_is_handed_over() {
    let agent =
        Agent::guarded(listeners(&["127.0.0.1:0", "0.0.0.0:0"]), Limits::default(), 1, None).await.running();
    let mut peers = Vec::new();
    for address in addresses(&agent) {
        peers.push(Peer { stream: within(TcpStream::connect(address)).await.unwrap(), read: Vec::new() });
    }
    let ask = async |peer: &mut Peer, method: &str| {
        peer.send(&format!("{method} /hello HTTP/1.1\r\nHost: web-1.internal\r\n\r\n")).await;
        let reply = peer.reply().await;
        (reply.status, reply.body)
    };
    for (peer, status) in peers.iter_mut().zip([421, 200]) {
        assert_eq!(ask(peer, "GET").await.0, status);
        assert_eq!(ask(peer, "PUT").await.0, 421);
    }
    let next = agent.next().await;
    next.server.adopt(agent.server.quiesce(Duration::from_secs(5)).await.unwrap());
    let next = next.running();
    assert_eq!(next.server.listeners().count(), 2);
    assert_eq!(ask(&mut peers[0], "GET").await.0, 421);
    assert_eq!(ask(&mut peers[1], "GET").await, (200, "hello from 2".to_owned()));
    assert_eq!(ask(&mut peers[1], "PUT").await.0, 421);
    // One that gives its carried connections back to itself, after a reload that came to nothing.
    next.server.resume(next.server.quiesce(Duration::from_secs(5)).await.unwrap());
    assert_eq!([ask(&mut peers[0], "GET").await.0, ask(&mut peers[1], "GET").await.0], [421, 200]);
}
