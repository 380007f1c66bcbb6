//! What comes from the network and is no good: half heads, floods of connections, odd requests, slow readers.
#![cfg(target_os = "linux")]

#[path = "support/faults.rs"]
mod faults;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use faults::{FAULTY, Faulty};
use relink_testkit::{Connection, command, promtool, until};

const HALF: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: loc";

/// Opens this many connections and sends half a head on each. One that was closed meanwhile is kept, too.
fn halves(faulty: &Faulty, count: usize) -> Vec<Connection> {
    let half = || {
        let mut connection = faulty.agent.connect();
        let _ = connection.send(HALF);
        connection
    };
    (0..count).map(|_| half()).collect()
}

/// The agent answers, and at once.
fn answers(faulty: &Faulty) {
    let scrape = faulty.scrape();
    assert!(scrape.is_well());
    assert!(scrape.took < Duration::from_secs(1), "{:?}", scrape.took);
}

/// Sends bytes, half-closes, and reads all that comes.
fn answer(faulty: &Faulty, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(faulty.agent.address).unwrap();
    stream.set_read_timeout(Some(relink_testkit::PATIENCE)).unwrap();
    // The agent may answer and close before it has taken all of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same: the status of each answer, and the text.
fn exchange(faulty: &Faulty, bytes: &[u8]) -> (Vec<u16>, String) {
    let text = answer(faulty, bytes);
    let heads = text.match_indices("HTTP/1.").map(|(at, _)| text[at + 9..at + 12].parse().unwrap());
    (heads.collect(), text)
}

#[test]
fn half_sent_heads_lock_nobody_out() {
    let faulty = Faulty::start();
    let mut kept = faulty.agent.connect();
    assert_eq!(kept.get("/-/healthy").unwrap().status, 200);
    let first = halves(&faulty, 150);
    answers(&faulty);
    let second = halves(&faulty, 450);
    answers(&faulty);
    let (mut resets, mut late) = (0, 0);
    for mut half in first.into_iter().chain(second) {
        match half.read(false) {
            Ok(answer) => {
                assert_eq!(answer.status, 408);
                late += 1;
            }
            Err(_) => resets += 1,
        }
    }
    assert!(late > 0 && resets > 0, "{late} ran out of time, {resets} made room for others");
    answers(&faulty);
    until("all descriptors are free again", || (faulty.agent.descriptors() < 40).then_some(()));
}

#[test]
fn few_descriptors_are_enough() {
    let mut shell = command("sh");
    shell.args(["-c", &format!("ulimit -n 64; exec {FAULTY}")]);
    let faulty = Faulty::by("", "well", shell);
    let _halves = halves(&faulty, 120);
    answers(&faulty);
    let mut kept = Vec::new();
    for _ in 0..120 {
        let mut connection = faulty.agent.connect();
        // All that are open may be in use by then; who is told so has an answer as well.
        let answer = connection.get("/-/ready");
        assert!(answer.is_ok_and(|answer| answer.status == 200));
        kept.push(connection);
    }
    answers(&faulty);
    assert!(faulty.agent.descriptors() < 64);
    assert!(!faulty.agent.stderr().contains("panicked"), "{}", faulty.agent.stderr());
}

#[test]
fn parallel_scrapes_are_all_whole() {
    let faulty = Faulty::with("", "says odd texts");
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = faulty.agent.connect();
                    (0..10).map(|_| connection.get("/metrics").unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        for (number, client) in clients.into_iter().enumerate() {
            for answer in client.join().unwrap() {
                let text = answer.text();
                assert!(answer.status == 200 && text.matches("\nmoody_value{").count() == 9, "{text}");
                assert!(text.contains("\nnice_collections_total "), "{text}");
                if number % 16 == 0 {
                    promtool(&text);
                }
            }
        }
    });
}

#[test]
fn odd_requests_have_a_clear_answer() {
    let faulty = Faulty::start();
    let long = "x".repeat(100_000);
    let body = format!("Content-Length: 100000\r\n\r\n{long}");
    let host = "Host: localhost\r\n";
    for (what, request, expected) in [
        ("a huge header", format!("GET / HTTP/1.1\r\n{host}Long: {long}\r\n\r\n"), &[431][..]),
        ("a huge target", format!("GET /{long} HTTP/1.1\r\n{host}\r\n"), &[414, 431]),
        ("many headers", format!("GET / HTTP/1.1\r\n{host}{}\r\n", "a: b\r\n".repeat(500)), &[431]),
        ("a huge body", format!("PUT /plugins/reload HTTP/1.1\r\n{host}{body}"), &[413]),
        ("a huge body for a reader", format!("GET /metrics HTTP/1.1\r\n{host}{body}"), &[413]),
        (
            "bad chunks",
            format!("PUT /plugins/reload HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            &[400],
        ),
        (
            "an endless chunk",
            format!(
                "PUT /plugins/reload HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
            ),
            &[400],
        ),
        (
            "two lengths",
            format!("GET / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            &[400],
        ),
        ("a negative length", format!("GET / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n"), &[400]),
        ("an unknown coding", format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: zip\r\n\r\n"), &[400]),
        ("HTTP/0.9", "GET /metrics\r\n\r\n".to_owned(), &[400]),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(), &[400]),
        ("no target", format!("GET\r\n{host}\r\n"), &[400]),
        ("control characters", format!("GET /\u{1} HTTP/1.1\r\n{host}\r\n"), &[400]),
        ("a folded header", format!("GET / HTTP/1.1\r\n{host} folded: 1\r\n\r\n"), &[400]),
        ("a bare CR", format!("GET / HTTP/1.1\r\n{host}a: b\rc: d\r\n\r\n"), &[400]),
        ("absolute form", format!("GET http://localhost/-/healthy HTTP/1.1\r\n{host}\r\n"), &[200]),
        ("absolute form of another", format!("GET http://evil.example/ HTTP/1.1\r\n{host}\r\n"), &[421]),
        ("asterisk form", format!("OPTIONS * HTTP/1.1\r\n{host}\r\n"), &[200, 204, 400, 404, 405]),
        (
            "authority form",
            "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n".to_owned(),
            &[400, 405],
        ),
        ("HTTP/1.0", "GET /-/healthy HTTP/1.0\r\n\r\n".to_owned(), &[200]),
        ("another name", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), &[421]),
        (
            "a name that begins like ours",
            "GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n".to_owned(),
            &[421],
        ),
        ("no Host", "GET / HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), &[400]),
        ("two Hosts", format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), &[400]),
        ("a Host with a path", "GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n".to_owned(), &[400]),
        ("an address as Host", "GET /-/healthy HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n".to_owned(), &[200]),
        ("an escaped path", format!("GET /%2d/healthy HTTP/1.1\r\n{host}\r\n"), &[200, 404]),
        ("a path upwards", format!("GET /plugins/../../etc/passwd HTTP/1.1\r\n{host}\r\n"), &[400, 404]),
        (
            "an upgrade",
            format!("GET /-/healthy HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
            &[200],
        ),
        ("a method of its own", format!("BREW / HTTP/1.1\r\n{host}\r\n"), &[400, 405, 501]),
    ] {
        let (statuses, text) = exchange(&faulty, request.as_bytes());
        assert_eq!(statuses.len(), 1, "{what}: {text:.500}");
        assert!(expected.contains(&statuses[0]), "{what}: {statuses:?}, expected {expected:?}: {text:.500}");
    }
    // HTTP/2 without an agreement has no answer that its sender would understand.
    let (statuses, _) = exchange(&faulty, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(statuses.is_empty(), "{statuses:?}");
    answers(&faulty);
    assert!(!faulty.agent.stderr().contains("panicked"), "{}", faulty.agent.stderr());
}

#[test]
fn nothing_is_smuggled_behind_a_body_with_two_lengths() {
    let faulty = Faulty::start();
    let hidden = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: \u{b}chunked",
        "Content-Length: 0\r\nContent-Length: 5",
    ] {
        let request =
            format!("GET /plugins HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n0\r\n\r\n{hidden}");
        let (statuses, text) = exchange(&faulty, request.as_bytes());
        assert!(statuses.len() == 1 && statuses[0] < 500, "{lengths:?}: {statuses:?}");
        assert!(!text.contains("is healthy"), "{lengths:?}: {text}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let faulty = Faulty::start();
    let paths = ["/-/healthy", "/plugins/good", "/missing", "/metrics", "/reloads"];
    let mut connection = faulty.agent.connect();
    let all: Vec<u8> = (0..50).flat_map(|n| connection.rendered("GET", paths[n % 5], &[], &[])).collect();
    connection.send(&all).unwrap();
    for number in 0..50 {
        let answer = connection.read(false).unwrap();
        let (status, words) = match number % 5 {
            0 => (200, "is healthy"),
            1 => (200, "\"name\":\"good\""),
            2 => (404, "there is no /missing"),
            3 => (200, "\ngood_collections_total "),
            _ => (200, "\"reloads\":[]"),
        };
        assert_eq!(answer.status, status, "{number}");
        assert!(answer.text().contains(words), "{number}: {}", answer.text());
    }
    assert_eq!(connection.get("/-/healthy").unwrap().status, 200, "it goes on");
}

#[test]
fn slow_readers_are_dropped_and_hold_little() {
    let faulty = Faulty::with("[limits]\nwrite_timeout = 0.5\n", "is big");
    let size = faulty.scrape().answer.body.len();
    assert!(size > 3_000_000, "{size}");
    let idle = faulty.sockets();
    let mut readers = Vec::new();
    for _ in 0..10 {
        let mut reader = faulty.agent.connect();
        let all: Vec<u8> = (0..20).flat_map(|_| reader.rendered("GET", "/metrics", &[], &[])).collect();
        reader.send(&all).unwrap();
        readers.push(reader);
    }
    // Each has been accepted and is being answered.
    for reader in &readers {
        assert_eq!(reader.socket().peek(&mut [0]).unwrap(), 1);
    }
    // All of it would be 200 times the size; what they hold is one answer each, at the most.
    until("they are dropped", || {
        let peak = faulty.status("VmHWM");
        assert!(peak * 1024 < 30 * size as u64 + 60_000_000, "{peak} kB, for answers of {size} bytes");
        (faulty.sockets() <= idle).then_some(())
    });
    for mut reader in readers {
        let lost = (0..20).find_map(|_| reader.read(false).err());
        assert!(lost.is_some(), "the answer is cut off");
    }
    // A reader who takes his time, but reads, is served to the end.
    let mut patient = faulty.agent.connect();
    let began = Instant::now();
    assert_eq!(patient.get("/metrics").unwrap().body.len() / 1000, size / 1000);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn slow_readers_of_events_are_dropped() {
    let faulty = Faulty::with("[limits]\nwrite_timeout = 0.5\n[history]\ninterval = 0.1\n", "is big");
    let mut stream = faulty.agent.connect();
    stream.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(stream.line().unwrap().contains("200"));
    let with_it = faulty.sockets();
    until("it is dropped", || (faulty.sockets() < with_it).then_some(()));
    let mut rest = Vec::new();
    let _ = stream.socket().try_clone().unwrap().read_to_end(&mut rest);
    assert_eq!(faulty.agent.get("/-/healthy").status, 200);
}

#[test]
fn headers_of_our_own_are_not_taken_from_clients() {
    let faulty = Faulty::start();
    let forged = [
        ("X-Relink-Raw-Method", "PUT"),
        ("X-Relink-Owed", "1"),
        ("X-HTTP-Method-Override", "PUT"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
    ];
    let form = [("Content-Type", "application/x-www-form-urlencoded"), forged[0], forged[1], forged[2]];
    for (method, headers, body) in
        [("POST", &forged[..], &b""[..]), ("POST", &form, b"_method=put"), ("GET", &forged, b"")]
    {
        let answer = faulty.agent.request(method, "/plugins/reload", headers, body);
        assert!([403, 405].contains(&answer.status), "{method}: {}", answer.text());
    }
    let answer = faulty.agent.get_with("/metrics", &forged);
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("x-relink")), "{:?}", answer.headers);
    assert_eq!(faulty.agent.get("/reloads").json()["reloads"].as_array().unwrap().len(), 0);
}

#[test]
fn fuzz_connection() {
    let faulty = Faulty::start();
    let seeds = [
        "GET /metrics?collect[]=good HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;q=0.5\r\nAccept-Encoding: gzip\r\n\r\n",
        "PUT /plugins/reload?force=true HTTP/1.1\r\nHost: a.example\r\nOrigin: http://a.example\r\nAuthorization: Bearer x\r\n\
         Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nTrailer: c\r\n\r\n",
        "GET http://127.0.0.1/plugins/moody HTTP/1.0\r\n\r\nGET /history?family=up&label=a%3Db&seconds=1e3 HTTP/1.1\r\nHost: [::1]:80\r\n\
         If-None-Match: W/\"a\", *\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        "GET /plot/up.svg HTTP/1.1\r\nhost: x\r\nX-Forwarded-For: 1.2.3.4\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n",
    ];
    let words = [
        "\r\n",
        "\n",
        "\r\n\r\n",
        ":",
        " ",
        "\t",
        "HTTP/1.1",
        "%",
        "%00",
        "&",
        "=",
        "?",
        "Host: ",
        "Content-Length: ",
        "\u{0}",
        "Transfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "gzip",
        "..",
        "/",
        "[]",
    ];
    relink_fuzz::fuzz_with("connection", 100, |dice, given| {
        let [sound, other] = [(); 2].map(|()| dice.pick(&seeds).unwrap_or_default());
        let input = dice.spoil(sound.as_bytes(), other.as_bytes(), &words);
        given(&input);
        let text = answer(&faulty, &input);
        assert!(text.is_empty() || text.starts_with("HTTP/1."), "{text}");
    });
    answers(&faulty);
}
