//! The push against a receiver that fails in every way, and over reloads.

#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/reload.rs"]
mod support;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use receiver::{Receiver, Say};
use relink_testkit::{Agent, until};
use support::{Setup, reload};

/// Milliseconds between two collections.
const INTERVAL: i64 = 500;
const COUNTER: &str = "__name__=\"candidate_collections_total\",";
const EXTRA: &str = "__name__=\"candidate_extra\",";
const OK: Say = Say::Status(200, "", b"");

/// A setup that pushes the plugins counter, extra and faulty to this receiver.
fn pushing(receiver: &Receiver, kind: &str, more: &str) -> Setup {
    let address = receiver.address;
    Setup::new(&format!(
        "[plugins]\nenabled = [\"counter\", \"extra\", \"faulty\"]\n[history]\ninterval = 0\n\
         [push]\ninterval = 0.5\nlabels = {{ instance = \"here\" }}\n{more}\n\
         [[push.target]]\nname = \"it\"\nkind = \"{kind}\"\nurl = \"http://{address}/write?a=b\"\n\
         timeout = 2\nmin_backoff = 0.05\nmax_backoff = 0.2\n"
    ))
}

/// One series by the beginning of its name, with the labels that all have.
fn of(name: &str) -> String {
    format!("{name}instance=\"here\",job=\"node\",")
}

/// Waits until so many collections have arrived.
fn arrived(receiver: &Receiver, count: usize) {
    until("the collections arrive", || (receiver.stored().times(&of(COUNTER)).len() >= count).then_some(()));
}

fn metric(agent: &Agent, name: &str) -> f64 {
    let series = format!("relink_push_{name}");
    agent.sample(&series).unwrap_or_else(|| panic!("{series}: {}", agent.get("/metrics").text()))
}

#[test]
fn a_target_gets_what_metrics_shows() {
    let receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    arrived(&receiver, 3);

    let first = &receiver.received()[0];
    assert_eq!(first.path, "/write?a=b");
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("user-agent", concat!("relink/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(first.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    let stored = receiver.stored();
    stored.is_whole(&of(COUNTER), INTERVAL);
    assert_eq!(stored.times(&of("__name__=\"up\",")).len(), stored.times(&of(COUNTER)).len());
    // As many series a family as a scrape shows, and no other.
    let text = agent.get("/metrics").text();
    let name_of = |line: &str| line.split(['{', ' ']).next().unwrap().to_owned();
    let mut shown: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(name_of).collect();
    shown.extend(["up", "scrape_duration_seconds", "scrape_samples_scraped"].map(str::to_owned));
    let in_request = |series: &String| {
        let name = series.split_once("__name__=\"").unwrap().1.split('"').next().unwrap();
        name.to_owned()
    };
    let mut pushed: Vec<_> = stored.series.keys().map(in_request).collect();
    shown.sort();
    pushed.sort();
    assert_eq!(pushed, shown);

    let samples = shown.len() as f64;
    until("what was sent is counted", || {
        let sent = metric(&agent, "samples_sent_total{target=\"it\"}");
        (sent >= 3.0 * samples && sent % samples == 0.0).then_some(())
    });
    let success = metric(&agent, "last_success_timestamp_seconds{target=\"it\"}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - success).abs() < 30.0, "{success} and {now}");
    for name in ["requests_failed_total{target=\"it\"}", "lost_total"] {
        assert_eq!(metric(&agent, name), 0.0, "{name}");
    }
}

#[test]
fn what_is_not_configured_is_not_there() {
    let setup = Setup::new("[plugins]\nenabled = [\"counter\"]\n");
    let agent = setup.start();
    assert!(!agent.get("/metrics").text().contains("relink_push"));
    let threads = std::fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
    let names = threads.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    assert!(names.into_iter().all(|name| name != "push\n"));
}

#[test]
fn what_fails_is_sent_again_in_order() {
    let receiver = Receiver::start(&[
        OK,
        Say::Status(500, "", b"out of disk"),
        Say::Status(429, "Retry-After: 1\r\n", b"slow down"),
        Say::Status(503, "", b""),
        Say::Hang,
    ]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    arrived(&receiver, 10);
    receiver.stored().is_whole(&of(COUNTER), INTERVAL);

    let received = receiver.received();
    let statuses: Vec<_> = received.iter().map(|request| request.status).collect();
    assert_eq!(statuses[..5], [200, 500, 429, 503, 0], "{statuses:?}");
    for again in 2..6 {
        assert_eq!(received[again].body, received[1].body, "request {again}");
    }
    let waited = |at: usize| received[at + 1].at - received[at].at;
    assert!(waited(2) >= Duration::from_secs(1), "Retry-After is obeyed, waited {:?}", waited(2));
    assert!(waited(1) >= Duration::from_millis(25), "a back-off, waited {:?}", waited(1));
    assert!(waited(4) >= Duration::from_secs(2), "the time-out, waited {:?}", waited(4));
    assert_eq!(metric(&agent, "requests_failed_total{target=\"it\"}"), 4.0);
    assert_eq!(metric(&agent, "requests_retried_total{target=\"it\"}"), 4.0);
    // The log tells of the beginning and of the end, once each.
    let said = agent.stderr();
    assert_eq!(said.matches("will be tried again").count(), 1, "{said}");
    assert!(said.contains("status 500: out of disk") && said.contains("works again"), "{said}");
}

/// A target that fails for always, and for which a wait of `Retry-After` says nothing.
struct Failing {
    name: String,
    receiver: Receiver,
}

impl Failing {
    /// One for each way to say nothing: without the header first.
    fn all(status: u16) -> Vec<Failing> {
        const HEADERS: [(&str, &str); 6] = [
            ("none", ""),
            ("zero", "Retry-After: 0\r\n"),
            ("past", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            ("negative", "Retry-After: -1\r\n"),
            ("garbage", "Retry-After: soon\r\n"),
            ("empty", "Retry-After:\r\n"),
        ];
        let failing = HEADERS.into_iter().map(|(name, header)| Failing {
            name: format!("{name}-{status}"),
            receiver: Receiver::start(&vec![Say::Status(status, header, b""); 10_000]),
        });
        failing.collect()
    }

    fn target(&self, kind: &str) -> String {
        format!(
            "[[push.target]]\nname = \"{}\"\nkind = \"{kind}\"\nurl = \"http://{}/\"\n\
             min_backoff = 0.05\nmax_backoff = 0.4\n",
            self.name, self.receiver.address
        )
    }

    /// How many requests it has got, and how many could at most have come since the first, if chance had always
    /// shortened the back-off by a half.
    fn requests(&self) -> (usize, usize) {
        let received = self.receiver.received();
        let Some(first) = received.first() else { return (0, 0) };
        let passed = received.last().unwrap_or(first).at - first.at;
        let mut backoff = Duration::from_millis(50);
        let (mut sent_at, mut allowed) = (Duration::ZERO, 1);
        while sent_at + backoff / 2 <= passed {
            sent_at += backoff / 2;
            allowed += 1;
            backoff = (backoff * 2).min(Duration::from_millis(400));
        }
        (received.len(), allowed)
    }
}

#[test]
fn a_target_that_asks_for_no_wait_gets_no_more_requests_than_one_that_does_not_ask() {
    for kind in ["remote_write", "otlp"] {
        let failing: Vec<_> = [429, 503].into_iter().flat_map(Failing::all).collect();
        let targets: String = failing.iter().map(|one| one.target(kind)).collect();
        let setup = Setup::new(&format!(
            "[plugins]\nenabled = [\"counter\"]\n[history]\ninterval = 0\n\
             [push]\ninterval = 0.5\nqueue_bytes = 100000\n{targets}"
        ));
        let _agent = setup.start();
        for one in &failing {
            until("it is asked again and again", || (one.requests().0 >= 8).then_some(()));
        }
        for one in &failing {
            let (came, allowed) = one.requests();
            println!("{kind} {}: {came} requests, at most {allowed}", one.name);
            assert!(came <= allowed, "{kind} {}: {came} requests, expected at most {allowed}", one.name);
        }
    }
}

#[test]
fn what_is_refused_is_dropped_and_told_once() {
    const NO: Say = Say::Status(400, "", b"out of bounds");
    let receiver =
        Receiver::start(&[NO, NO, NO, OK, Say::Status(302, "Location: http://127.0.0.1:1/\r\n", b"")]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    arrived(&receiver, 3);
    let received = receiver.received();
    let statuses: Vec<_> = received.iter().map(|request| request.status).collect();
    assert_eq!(statuses[..6], [400, 400, 400, 200, 302, 204], "nothing is sent again, or elsewhere");
    let refused: usize = [0, 1, 2, 4].iter().map(|&at| received[at].samples().len()).sum();
    let series = "samples_dropped_total{target=\"it\",reason=\"refused\"}";
    assert_eq!(metric(&agent, series), refused as f64);
    assert_eq!(metric(&agent, "requests_retried_total{target=\"it\"}"), 0.0);
    let said = agent.stderr();
    assert_eq!(said.matches("status 400: out of bounds").count(), 1, "{said}");
}

#[test]
fn a_dead_target_costs_its_queue_and_nobody_else_anything() {
    let (mut dead, alive) = (Receiver::start(&[Say::Hang]), Receiver::start(&[]));
    let other = format!(
        "queue_bytes = 6000\n[[push.target]]\nname = \"alive\"\nkind = \"remote_write\"\nurl = \"http://{}/\"\n",
        alive.address
    );
    let setup = pushing(&dead, "remote_write", &other);
    let agent = setup.start();
    arrived(&alive, 3);
    dead.stop();
    let dropped = "samples_dropped_total{target=\"it\",reason=\"queue_full\"}";
    until("the queue is full", || {
        assert!(metric(&agent, "queue_bytes{target=\"it\"}") <= 6000.0);
        (metric(&agent, dropped) > 0.0).then_some(())
    });
    let waiting = metric(&agent, "queue_length{target=\"it\"}");
    assert!(waiting >= 2.0, "{waiting} requests wait");
    let here = alive.stored();
    here.is_whole(&of(COUNTER), INTERVAL);
    assert_eq!(agent.stderr().matches("the queue is full").count(), 1, "{}", agent.stderr());

    dead.start_again();
    until("what was kept arrives", || (dead.stored().times(&of(COUNTER)).len() >= 6).then_some(()));
    dead.stored().is_whole(&of(COUNTER), INTERVAL);
    // The oldest are those that are missing.
    let (first, begin) = (dead.stored().times(&of(COUNTER))[0], here.times(&of(COUNTER))[0]);
    assert!(first > begin, "{first} and {begin}");
    alive.stored().is_whole(&of(COUNTER), INTERVAL);
}

#[test]
fn nothing_is_lost_or_doubled_over_reloads_while_the_target_is_away() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    arrived(&receiver, 2);
    receiver.stop();
    let waiting = |count: f64| {
        until("requests wait", || (metric(&agent, "queue_length{target=\"it\"}") >= count).then_some(()))
    };
    let mut pauses = Vec::new();
    for round in 1..=4_u32 {
        waiting(f64::from(round) + 1.0);
        let rolls_back = round == 2;
        setup.fault(if rolls_back { "after exit" } else { "" });
        let journal = reload(&agent, "?force=true");
        assert_eq!(journal["outcome"], if rolls_back { "rolled_back" } else { "committed" }, "{journal}");
        pauses.push(journal["pause_ms"].as_f64().unwrap());
    }
    waiting(8.0);
    let failed = metric(&agent, "requests_failed_total{target=\"it\"}");
    assert!(failed > 0.0, "counters go over");
    receiver.start_again();
    let before = receiver.stored().times(&of(COUNTER)).len();
    arrived(&receiver, before + 10);

    let stored = receiver.stored();
    stored.is_whole(&of(COUNTER), INTERVAL);
    for series in stored.series.keys() {
        assert!(stored.ends(series).is_empty(), "no series has ended: {series}");
    }
    // The sender's own view of it.
    assert_eq!(metric(&agent, "samples_dropped_total{target=\"it\",reason=\"queue_full\"}"), 0.0);
    assert_eq!(metric(&agent, "lost_total"), 0.0);
    println!("pauses {pauses:?} ms");
}

#[test]
fn a_request_without_an_answer_is_sent_once_more_and_is_the_same() {
    let receiver = Receiver::start(&[OK, Say::TakeAndHang]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    until("a request is on its way", || (receiver.received().len() >= 2).then_some(()));
    assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
    arrived(&receiver, 8);
    // `stored` holds the values of the doubled ones against each other.
    receiver.stored().is_whole(&of(COUNTER), INTERVAL);
    let received = receiver.received();
    assert_eq!(received[2].body, received[1].body);
}

#[test]
fn an_answer_that_is_under_way_is_waited_for() {
    let receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    arrived(&receiver, 2);
    for _ in 0..5 {
        assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
    }
    let count = receiver.stored().times(&of(COUNTER)).len();
    arrived(&receiver, count + 3);
    let stored = receiver.stored();
    stored.is_whole(&of(COUNTER), INTERVAL);
    let came = &stored.requests_with[&of(COUNTER)];
    assert!(came.windows(2).all(|pair| pair[0] < pair[1]), "nothing came twice: {came:?}");
}

#[test]
fn series_that_end_are_marked_with_the_reload_and_at_the_end() {
    let receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "remote_write", "");
    let mut agent = setup.start();
    arrived(&receiver, 2);
    assert_eq!(reload(&agent, "?plugins=counter,faulty")["outcome"], "committed");
    until("the end arrives", || (!receiver.stored().ends(&of(EXTRA)).is_empty()).then_some(()));
    let count = receiver.stored().times(&of(COUNTER)).len();
    arrived(&receiver, count + 2);
    let stored = receiver.stored();
    let (times, ends) = (stored.times(&of(EXTRA)), stored.ends(&of(EXTRA)));
    assert_eq!(ends, [times.last().unwrap() + INTERVAL], "at the next collection, once");
    // With it go the plugin's rows among the agent's own, and nothing else.
    let ended: Vec<_> = stored.series.keys().filter(|series| !stored.ends(series).is_empty()).collect();
    assert_eq!(ended.len(), 5, "{ended:?}");
    assert!(ended.iter().all(|series| series.contains("extra")), "{ended:?}");

    // A plugin that fails says nothing, and that ends its series too, as a scraper would see it.
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    let stored = receiver.stored();
    for series in stored.series.keys() {
        let (times, ends) = (stored.times(series), stored.ends(series));
        assert_eq!(ends.len(), 1, "{series} has ended once: {ends:?}");
        assert!(ends[0] > *times.last().unwrap(), "{series} ends after its last sample");
    }
}

#[test]
fn a_dead_target_does_not_keep_the_agent_from_ending() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "remote_write", "flush_timeout = 0.5\n");
    let mut agent = setup.start();
    arrived(&receiver, 1);
    receiver.stop();
    let began = std::time::Instant::now();
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let said = agent.stderr();
    assert!(said.contains("not delivered before the end"), "{said}");
}

/// What an OTLP request says, as the messages generated from the specification read it.
fn otlp(request: &receiver::Received) -> ExportMetricsServiceRequest {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&request.body[..]), &mut plain).unwrap();
    Message::decode(&plain[..]).unwrap()
}

/// Start and time of the counter's point in a request, in nanoseconds.
fn counter_in(request: &receiver::Received) -> (u64, u64) {
    let request = otlp(request);
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let counter = metrics.iter().find(|metric| metric.name == "candidate_collections_total").unwrap();
    let Some(Data::Sum(sum)) = &counter.data else { panic!("{counter:?}") };
    (sum.data_points[0].start_time_unix_nano, sum.data_points[0].time_unix_nano)
}

#[test]
fn otlp_has_rules_of_its_own() {
    // In the answer: field 1 (the partial success) with field 1 (so many points rejected), field 2 (why).
    const PARTIAL: &[u8] = b"\x0a\x09\x08\x02\x12\x05stale";
    let receiver = Receiver::start(&[
        OK,
        Say::Status(500, "", b"broken"),
        OK,
        Say::Status(503, "Retry-After: 1\r\n", b""),
        OK,
        Say::Status(200, "", PARTIAL),
    ]);
    let setup = pushing(&receiver, "otlp", "");
    let agent = setup.start();
    let requests = |count| until("requests arrive", || (receiver.received().len() >= count).then_some(()));
    requests(7);
    let received = receiver.received();
    assert_eq!(received[0].headers["content-encoding"], "gzip");
    assert_eq!(received[0].headers["content-type"], "application/x-protobuf");
    assert_ne!(received[2].body, received[1].body, "500 is not tried again");
    assert_eq!(received[4].body, received[3].body, "503 is");
    assert!(received[4].at - received[3].at >= Duration::from_secs(1));
    assert_ne!(received[6].body, received[5].body, "a partial success is not");
    let points: usize = otlp(&received[1]).resource_metrics[0].scope_metrics[0]
        .metrics
        .iter()
        .map(|metric| match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => gauge.data_points.len(),
            Data::Sum(sum) => sum.data_points.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    let dropped =
        |reason| metric(&agent, &format!("samples_dropped_total{{target=\"it\",reason=\"{reason}\"}}"));
    assert_eq!((dropped("refused"), dropped("rejected")), (points as f64, 2.0));
    assert!(agent.stderr().contains("stale"), "{}", agent.stderr());
    let request = otlp(&received[0]);
    let resource = request.resource_metrics[0].resource.clone().unwrap();
    let attribute = |key: &str| {
        let found =
            resource.attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
        match found.and_then(|value| value.value) {
            Some(StringValue(text)) => text,
            other => panic!("{key}: {other:?}"),
        }
    };
    assert_eq!((attribute("service.name"), attribute("service.instance.id")), ("node".into(), "here".into()));
    assert!(!attribute("host.name").is_empty());

    // Counters begin at the same moment for every image.
    assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
    let count = receiver.received().len();
    requests(count + 3);
    let points: Vec<_> = receiver.received().iter().filter(|one| one.status < 300).map(counter_in).collect();
    assert!(points.iter().all(|(start, _)| *start == points[0].0 && *start > 0), "{points:?}");
    assert!(points.is_sorted_by(|a, b| a.1 < b.1), "{points:?}");
}

#[test]
fn requests_for_a_target_that_is_gone_are_dropped_and_told() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "remote_write", "");
    let agent = setup.start();
    arrived(&receiver, 1);
    receiver.stop();
    until("a request waits", || (metric(&agent, "queue_length{target=\"it\"}") >= 2.0).then_some(()));
    let text = setup.read("relink.toml").unwrap();
    setup.write("relink.toml", &text.replace("\"it\"", "\"other\""));
    assert_eq!(reload(&agent, "")["outcome"], "committed");
    receiver.start_again();
    let series = "samples_sent_total{target=\"other\"}";
    until("the new target is served", || (metric(&agent, series) > 0.0).then_some(()));
    assert!(agent.stderr().contains("push to it is no longer configured"), "{}", agent.stderr());
}
