//! A real Prometheus and a real VictoriaMetrics get what the executable pushes, also when they are away for a while
//! and the agent becomes another image meanwhile.

#[path = "support/receivers.rs"]
mod receivers;
mod support;

use receivers::Receiver;
use relink_testkit::{Agent, until};
use support::Folder;

/// How many collections, one a second, come by while the receivers are away.
const AWAY: f64 = 60.0;

fn waiting(agent: &Agent, receiver: &Receiver) -> f64 {
    let series = format!("relink_push_queue_length{{target=\"{}\"}}", receiver.name);
    agent.sample(&series).unwrap_or_else(|| panic!("{series}"))
}

/// A series of each kind: what a scraper adds, gauges, counters, the agent's own.
const SERIES: [&str; 4] = ["up", "node_load1", "node_cpu_seconds_total", "relink_generation"];

/// Fails unless each of these series has a sample at each second from the first to the last, once.
fn is_whole(receiver: &Receiver) -> usize {
    let mut least = usize::MAX;
    for name in SERIES {
        let found = receiver.times(name, "10m");
        assert!(!found.is_empty(), "{}: {name}", receiver.name);
        for times in found {
            for pair in times.windows(2) {
                assert_eq!(pair[1] - pair[0], 1000, "{}: {name}: {times:?}", receiver.name);
            }
            // Counted by the receiver itself, up to the last of these; more have come in meanwhile.
            let until = *times.last().unwrap() as f64 / 1000.0;
            for extreme in ["min", "max"] {
                let counted =
                    receiver.value(&format!("{extreme}(count_over_time({name}[10m]))&time={until}"));
                assert_eq!(counted, Some(times.len() as f64), "{}: {extreme} of {name}", receiver.name);
            }
            least = least.min(times.len());
        }
    }
    least
}

#[test]
fn prometheus_and_victoria_metrics_miss_nothing_and_get_nothing_twice() {
    let folder = Folder::new("");
    let mut receivers = receivers::all(&folder, &[]);
    if receivers.is_empty() {
        return;
    }
    let targets = receivers::targets(&receivers, "");
    folder.write(
        "relink.toml",
        format!("print = \"none\"\n[push]\ninterval = 1\nlabels = {{ instance = \"here\" }}\n{targets}"),
    );
    let mut agent = folder.start(&[]);

    // All that a scrape shows is there, and what a scraper adds.
    for receiver in &receivers {
        until("it has got a collection", || receiver.value("up").filter(|up| *up == 1.0));
        let text = agent.get("/metrics").text();
        let shown = text.lines().filter(|line| !line.starts_with('#')).count() + 3;
        let found = until("all series are there", || {
            let count = receiver.value("count({instance=\"here\",job=\"node\"})");
            count.filter(|count| *count >= shown as f64)
        });
        assert_eq!(found, shown as f64, "{}", receiver.name);
        for name in ["node_memory_MemTotal_bytes", "node_boot_time_seconds"] {
            assert_eq!(receiver.value(name), agent.sample(name), "{}: {name}", receiver.name);
        }
    }

    // They are away, and three images follow each other meanwhile.
    receivers.iter_mut().for_each(Receiver::stop);
    for round in 1..=3_u32 {
        for receiver in &receivers {
            until("requests wait", || (waiting(&agent, receiver) >= 5.0 * f64::from(round)).then_some(()));
        }
        let answer = agent.put("/plugins/reload?force=true");
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
        println!("pause {} ms", answer.json()["pause_ms"]);
    }
    for receiver in &receivers {
        until("they are away for a while", || (waiting(&agent, receiver) >= AWAY).then_some(()));
    }
    receivers.iter_mut().for_each(Receiver::start);
    for receiver in &receivers {
        until("all is delivered", || (waiting(&agent, receiver) == 0.0).then_some(()));
        let samples = until("all is stored", || {
            Some(is_whole(receiver)).filter(|&samples| samples as f64 > AWAY + 3.0)
        });
        println!("{}: {samples} samples a series, a second apart", receiver.name);
        let dropped = ["queue_full", "refused"].map(|reason| {
            let labels = format!("target=\"{}\",reason=\"{reason}\"", receiver.name);
            agent.sample(&format!("relink_push_samples_dropped_total{{{labels}}}"))
        });
        assert_eq!(dropped, [Some(0.0); 2], "{}", receiver.name);
    }

    // A plugin that is removed is gone at once, and not after the five minutes of a series without an end.
    assert_eq!(agent.put("/plugins/reload?plugins=cpu").json()["outcome"], "committed");
    for receiver in &receivers {
        until("the series have ended", || receiver.query("node_load1").is_empty().then_some(()));
        assert!(!receiver.query("node_cpu_seconds_total").is_empty(), "{}", receiver.name);
    }
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    for receiver in &receivers {
        until("all series have ended", || receiver.query("{instance=\"here\"}").is_empty().then_some(()));
    }
}
