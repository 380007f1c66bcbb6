//! The push's queue on disk with a real Prometheus and a real VictoriaMetrics: kills, damaged files, and a long outage.

#[path = "support/receivers.rs"]
mod receivers;
#[path = "../../host/tests/support/spool.rs"]
mod spool;
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use receivers::Receiver;
use relink_testkit::{Agent, until};
use spool::{Chance, owed, times};
use support::Folder;

/// An agent's folder, with the queues in `queue`.
fn pushing(folder: &Folder, receivers: &[Receiver], interval: f64) {
    let dir = folder.path("queue");
    let targets = receivers::targets(receivers, "timeout = 0.5\n");
    folder.write(
        "relink.toml",
        format!(
            "print = \"none\"\n[plugins]\nenabled = [\"cpu\", \"load\"]\n[history]\ninterval = 0\n\
             [push]\ninterval = {interval}\nflush_timeout = 0\nlabels = {{ instance = \"here\" }}\ndir = {dir:?}\n{targets}"
        ),
    );
}

fn queue_of(folder: &Folder, receiver: &Receiver) -> PathBuf {
    folder.path("queue").join(format!("remote_write-{}", receiver.name))
}

/// When the collections were due that wait on disk for a receiver.
fn waiting(folder: &Folder, receiver: &Receiver) -> BTreeSet<i64> {
    owed(&queue_of(folder, receiver)).into_values().map(|record| record.time).collect()
}

fn length(agent: &Agent, receiver: &Receiver) -> f64 {
    agent.sample(&format!("relink_push_queue_length{{target=\"{}\"}}", receiver.name)).unwrap()
}

fn kill(mut agent: Agent) {
    agent.signal("KILL");
    agent.wait();
}

/// What is stored of two series, in the order of time: one that comes with each collection, and one of a plugin's.
fn stored(receiver: &Receiver) -> [Vec<i64>; 2] {
    ["up{instance=\"here\"}", "node_load1{instance=\"here\"}"]
        .map(|series| receiver.times(series, "1h").into_iter().flatten().collect())
}

/// Waits until all of these times are stored, and fails if one is stored twice.
fn has_all(receiver: &Receiver, times: &BTreeSet<i64>) {
    until("all that was on disk is stored", || {
        let is_whole = |stored: &Vec<i64>| times.iter().all(|time| stored.binary_search(time).is_ok());
        stored(receiver).iter().all(is_whole).then_some(())
    });
    for times in stored(receiver) {
        assert!(times.is_sorted_by(|a, b| a < b), "{}: each once: {times:?}", receiver.name);
    }
}

#[test]
fn kills_and_damage_lose_nothing_that_was_on_disk() {
    let folder = Folder::new("");
    let receivers = receivers::all(&folder, &["-dedup.minScrapeInterval=1ms"]);
    pushing(&folder, &receivers, 0.2);
    let (kills, damages) = (times("RELINK_SPOOL_KILLS", 5), times("RELINK_SPOOL_DAMAGES", 20));
    let mut chance = Chance(7);
    let mut all = vec![BTreeSet::new(); receivers.len()];
    for round in 0..kills + damages {
        let agent = folder.start(&[]);
        if round % 2 == 0 || round >= kills {
            receivers.iter().for_each(|receiver| receiver.signal("STOP"));
        }
        if round >= kills {
            for receiver in &receivers {
                until("something waits", || (length(&agent, receiver) >= 2.0).then_some(()));
            }
        } else {
            // sleep: the moment of the kill is to be any.
            std::thread::sleep(Duration::from_millis(chance.below(600)));
        }
        kill(agent);
        receivers.iter().for_each(|receiver| receiver.signal("CONT"));
        for (receiver, all) in receivers.iter().zip(&mut all) {
            let before = waiting(&folder, receiver);
            if round >= kills {
                chance.damage(&queue_of(&folder, receiver));
            }
            let left = waiting(&folder, receiver);
            // What waits longer than a round may be hit by a later one.
            all.retain(|time| left.contains(time) || !before.contains(time));
            all.extend(left);
        }
    }
    let _agent = folder.start(&[]);
    for (receiver, all) in receivers.iter().zip(&all) {
        has_all(receiver, all);
        println!(
            "{}: {kills} kills, {damages} damaged files: {} collections were whole on disk, 0 lost, 0 doubled",
            receiver.name,
            all.len()
        );
    }
}

#[test]
fn a_long_outage_is_delivered_whole() {
    let folder = Folder::new("");
    let mut receivers = receivers::all(&folder, &["-dedup.minScrapeInterval=1ms"]);
    pushing(&folder, &receivers, 0.1);
    let agent = folder.start(&[]);
    for receiver in &receivers {
        until("it has got a collection", || (!stored(receiver)[0].is_empty()).then_some(()));
    }
    receivers.iter_mut().for_each(Receiver::stop);
    let away = times("RELINK_SPOOL_AWAY", 100);
    for receiver in &receivers {
        // As long as it takes: a day of collections four times a minute is ten minutes of these.
        let mut waits = length(&agent, receiver);
        while waits < away as f64 {
            waits = until("more wait", || Some(length(&agent, receiver)).filter(|now| *now > waits));
        }
    }
    let all: Vec<_> = receivers.iter().map(|receiver| waiting(&folder, receiver)).collect();
    receivers.iter_mut().for_each(Receiver::start);
    for (receiver, all) in receivers.iter().zip(&all) {
        let began = std::time::Instant::now();
        let mut waits = length(&agent, receiver);
        while waits > 3.0 {
            waits = until("fewer wait", || Some(length(&agent, receiver)).filter(|now| *now < waits));
        }
        has_all(receiver, all);
        assert!(all.len() as u64 >= away - 1);
        let dropped = ["queue_full", "too_old", "damaged", "refused"].map(|reason| {
            let labels = format!("target=\"{}\",reason=\"{reason}\"", receiver.name);
            agent.sample(&format!("relink_push_samples_dropped_total{{{labels}}}"))
        });
        assert_eq!(dropped, [Some(0.0); 4], "{}", receiver.name);
        println!(
            "{}: {} collections of an outage stored, each once, {:?} after it came back",
            receiver.name,
            all.len(),
            began.elapsed()
        );
    }
}
