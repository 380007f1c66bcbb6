//! Where the agent listens, what its listeners show to whom, and that all of them outlive a reload.
#![cfg(target_os = "linux")]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use relink_testkit::{Agent, Answer, Connection, until};
use support::{Folder, RELINK};

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n";

/// The addresses of an agent that has just started and has so many.
fn all(agent: &Agent, count: usize) -> Vec<SocketAddr> {
    until("all addresses are told", || Some(agent.listeners()).filter(|all| all.len() == count))
}

fn open(address: SocketAddr) -> Connection {
    Connection::open(address).unwrap_or_else(|error| panic!("{address}: {error}"))
}

fn ask(address: SocketAddr, method: &str, path: &str, host: &str) -> Answer {
    open(address).request(method, path, &[("Host", host)], b"").unwrap()
}

/// Re-executes, sees that it says the same addresses again, and that a connection to each is served on.
fn outlives_a_reload(agent: &Agent, addresses: &[SocketAddr]) {
    let mut kept: Vec<_> = addresses.iter().map(|&address| open(address)).collect();
    for connection in &mut kept {
        assert_eq!(connection.get("/-/healthy").unwrap().status, 200);
    }
    let before = agent.listeners().len();
    let answer = agent.put("/plugins/reload?force=true");
    assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
    let told = until("all addresses are told again", || {
        Some(agent.listeners()).filter(|told| told.len() == before + addresses.len())
    });
    assert_eq!(told[before..], *addresses);
    for (connection, &address) in kept.iter_mut().zip(addresses) {
        assert_eq!(connection.get("/-/healthy").unwrap().status, 200, "{address}, kept");
        assert_eq!(open(address).get("/-/healthy").unwrap().status, 200, "{address}, new");
    }
}

#[test]
fn several_addresses_are_served_and_outlive_a_reload() {
    let folder = Folder::new(QUIET);
    let mut command =
        folder.command(&["--web.listen-address=127.0.0.1:0", "--web.listen-address=[127.0.1.1]:0"]);
    command.args(["--listen", "127.0.0.1:0"]);
    let agent = Agent::from(command);
    let addresses = all(&agent, 3);
    let hosts: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    assert_eq!(hosts, ["127.0.0.1", "127.0.1.1", "127.0.0.1"]);
    assert_ne!(addresses[0], addresses[2], "of port 0 each is a port of its own");
    outlives_a_reload(&agent, &addresses);
    outlives_a_reload(&agent, &addresses);
    // Whichever listener it comes by.
    for &address in &addresses {
        let answer = open(address).request("PUT", "/plugins/reload", &[], b"").unwrap();
        assert_eq!((answer.status, &answer.json()["outcome"]), (200, &"unchanged".into()), "{address}");
    }
}

#[test]
fn the_file_and_the_variable_take_lists() {
    let folder = Folder::new(&format!("listen = [\"127.0.0.1:0\", \"127.0.1.1:0\"]\n{QUIET}"));
    let agent = Agent::from(folder.command(&[]));
    let addresses = all(&agent, 2);
    // The next image has the sockets, whatever is set by then: a client may be on its way to one of them.
    folder.write("relink.toml", format!("listen = [\"127.0.0.3:0\"]\n{QUIET}"));
    outlives_a_reload(&agent, &addresses);

    let mut command = folder.command(&[]);
    command.env("RELINK_LISTEN", "127.0.0.1:0,[127.0.1.1]:0");
    all(&Agent::from(command), 2);
}

#[test]
fn an_address_counts_once_and_a_taken_one_is_named() {
    let folder = Folder::new(QUIET);
    // Where no other test takes a port.
    let taken = TcpListener::bind("127.0.0.9:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refused = |arguments: &[&str]| {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        ended.stderr
    };
    let flag = format!("--listen={address}");
    let said = refused(&["--listen=127.0.0.1:0", &flag]);
    assert!(said.contains(&format!("listening on {address}")) && said.contains("another relink"), "{said}");
    drop(taken);
    // Nobody can have both of these, so the second fails for want of the first one's port.
    let all_addresses = format!("--listen=[0.0.0.0]:{}", address.port());
    let said = refused(&["--allow-remote", &all_addresses, &flag]);
    let port = address.port();
    assert!(said.contains(&format!("0.0.0.0:{port} is set as well, and has that port")), "{said}");
    let agent = Agent::from(folder.command(&[&flag, &flag, &format!("--listen=[127.0.0.9]:{port}")]));
    assert_eq!(agent.get("/-/healthy").status, 200);
    assert_eq!(agent.listeners(), [address]);
}

/// Where the operator has let others in, readers use any name; on another listener of the same agent they don't.
#[test]
fn an_opened_listener_answers_readers_by_any_name() {
    let folder = Folder::new(QUIET);
    let mut command =
        folder.command(&["--listen", "[0.0.0.0]:0", "--listen", "127.0.0.1:0", "--allow-remote"]);
    command.args(["--allow-host", "listed.example"]);
    let agent = Agent::from(command);
    let addresses = all(&agent, 2);
    assert!(addresses[0].ip().is_unspecified());
    // It is a matter of the listener, not of the address by which it is reached.
    let (opened, own) = (SocketAddr::from(([127, 0, 0, 1], addresses[0].port())), addresses[1]);
    let api = ask(opened, "GET", "/openapi.json", "localhost").json();
    let paths: Vec<_> = api["paths"].as_object().unwrap().iter().collect();
    let readable =
        paths.iter().filter(|(_, methods)| methods["get"].is_object()).map(|(path, _)| path.as_str());
    let readable: Vec<_> = readable.map(|path| path.replace('{', "x").replace('}', "")).collect();
    assert!(readable.len() > 10 && readable.iter().any(|path| path == "/metrics"), "{readable:?}");
    for host in
        ["web-1.internal", "web-1.internal:9100", "box", "evil.example", "10.1.2.3", "[2001:db8::1]:80"]
    {
        let is_name = !host.starts_with(['1', '[']);
        for path in readable.iter().filter(|path| *path != "/events") {
            assert_ne!(ask(opened, "GET", path, host).status, 421, "GET {path} by {host}");
            let status = ask(own, "GET", path, host).status;
            assert_eq!(status == 421, is_name, "GET {path} by {host}, on loopback: {status}");
        }
        let mut events = open(opened);
        events.send(format!("GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(events.line().unwrap(), "HTTP/1.1 200 OK");
        assert_eq!(ask(opened, "HEAD", "/metrics", host).status, 200, "HEAD by {host}");
    }
    for host in ["", "a b", "user@box", "box:x", "[box]"] {
        assert_eq!(ask(opened, "GET", "/metrics", host).status, 400, "{host:?}");
    }
    let twice = [("Host", "box"), ("Host", "box")];
    assert_eq!(open(opened).request("GET", "/metrics", &twice, b"").unwrap().status, 400);
    for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS"] {
        for path in ["/plugins/reload", "/metrics", "/"] {
            assert_eq!(ask(opened, method, path, "web-1.internal").status, 421, "{method} {path}");
        }
    }
    assert_eq!(ask(opened, "PUT", "/plugins/reload", "listed.example").status, 200);

    // A connection that goes over to the next image is of the same kind there.
    let mut kept = [opened, own].map(open);
    assert_eq!(agent.put("/plugins/reload?force=true").json()["outcome"], "committed");
    let statuses = kept.each_mut().map(|connection| {
        connection.request("GET", "/metrics", &[("Host", "web-1.internal")], b"").unwrap().status
    });
    assert_eq!(statuses, [200, 421]);
    assert_eq!(
        [opened, own].map(|address| ask(address, "GET", "/metrics", "web-1.internal").status),
        [200, 421]
    );
}

#[test]
fn all_sockets_that_systemd_passes_are_served_and_outlive_a_reload() {
    let sockets = ["127.0.0.1:0", "127.0.1.1:0"].map(|address| TcpListener::bind(address).unwrap());
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let folder = Folder::new(QUIET);
    let config = folder.path("relink.toml").display().to_string();
    let arguments = ["--config", &config, "--web.systemd-socket", "--listen", "127.0.0.3:0"];
    let agent = Agent::activated(RELINK, &arguments, sockets.map(Into::into)).unwrap();
    assert_eq!(all(&agent, 2), addresses);
    outlives_a_reload(&agent, &addresses);
}

#[test]
fn a_socket_that_can_not_be_served_ends_the_start_by_name() {
    let folder = Folder::new(QUIET);
    let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = |sockets| {
        let (status, said) =
            Agent::activated(RELINK, &["--print=none"], sockets).err().expect("it does not start");
        assert_eq!(status.code(), Some(1), "{said}");
        said
    };
    let unix = UnixListener::bind(folder.path("socket")).unwrap();
    let said = refused([tcp().into(), unix.into()]);
    assert!(
        said.contains("taking \"two\", socket 2 of 2 that systemd passed: fd 4 is not a valid tcp socket"),
        "{said}"
    );
    let listener = tcp();
    let connection = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let said = refused([connection.into(), tcp().into()]);
    assert!(
        said.contains("taking \"one\"") && said.contains("it is a connection") && said.contains("Accept=yes"),
        "{said}"
    );
}
