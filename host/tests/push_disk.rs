//! The push's queue on disk: it outlives the process, and whatever happens to the disk, the agent pushes on.

#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/spool.rs"]
mod spool;
#[path = "support/reload.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use receiver::{Receiver, Say};
use relink_testkit::{Agent, absent, until};
use spool::{Chance, folders, owed, times};
use support::{Setup, reload};

/// Milliseconds between two collections.
const INTERVAL: i64 = 200;

/// A setup that pushes to this receiver, with its queue in the folder `queue`.
fn pushing(receiver: &Receiver, more: &str) -> Setup {
    let address = receiver.address;
    let setup = Setup::new("");
    let dir = setup.path("queue");
    setup.write(
        "relink.toml",
        &format!(
            "print = \"none\"\n[plugins]\nenabled = [\"counter\", \"extra\", \"faulty\"]\n[history]\ninterval = 0\n\
             [push]\ninterval = 0.2\nlabels = {{ instance = \"here\" }}\nflush_timeout = 0.5\ndir = {dir:?}\n{more}\n\
             [[push.target]]\nname = \"it\"\nkind = \"remote_write\"\nurl = \"http://{address}/write\"\n\
             timeout = 2\nmin_backoff = 0.02\nmax_backoff = 0.05\n"
        ),
    );
    setup
}

/// Where the queue of the only target is.
fn folder(setup: &Setup) -> PathBuf {
    setup.path("queue").join("remote_write-it")
}

const COUNTER: &str = "__name__=\"candidate_collections_total\",instance=\"here\",job=\"node\",";

fn metric(agent: &Agent, name: &str) -> f64 {
    let series = format!("relink_push_{name}");
    agent.sample(&series).unwrap_or_else(|| panic!("{series}: {}", agent.get("/metrics").text()))
}

fn waiting(agent: &Agent) -> f64 {
    metric(agent, "queue_length{target=\"it\"}")
}

fn is_on_disk(agent: &Agent) -> bool {
    metric(agent, "queue_on_disk{target=\"it\"}") == 1.0
}

fn wait_for(agent: &Agent, count: f64) {
    until("requests wait", || (waiting(agent) >= count).then_some(()));
}

fn kill(agent: &mut Agent) {
    agent.signal("KILL");
    agent.wait();
}

/// The times of the collections that the receiver took, in the order in which they came, ends of series left out.
fn came(receiver: &Receiver) -> Vec<i64> {
    receiver.stored().requests_with.get(COUNTER).cloned().unwrap_or_default()
}

fn delivered(receiver: &Receiver, times: &[i64]) {
    until("what was on disk arrives", || {
        let came: BTreeSet<_> = came(receiver).into_iter().collect();
        times.iter().all(|time| came.contains(time)).then_some(())
    });
}

fn times_owed(setup: &Setup) -> Vec<i64> {
    owed(&folder(setup)).into_values().map(|record| record.time).collect()
}

#[test]
fn what_was_not_delivered_is_there_at_the_next_start() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let mut agent = setup.start();
    until("it pushes", || (!came(&receiver).is_empty()).then_some(()));
    receiver.stop();
    wait_for(&agent, 3.0);
    assert!(is_on_disk(&agent));
    until("its age is told", || (metric(&agent, "queue_age_seconds{target=\"it\"}") > 0.4).then_some(()));
    let [requests, samples] =
        ["queue_length", "queue_samples"].map(|name| metric(&agent, &format!("{name}{{target=\"it\"}}")));
    assert!(samples > requests, "{samples} samples in {requests} requests");
    agent.signal("TERM");
    assert_eq!(agent.wait().code(), Some(0));
    assert!(agent.stderr().contains("stay on disk for the next start"), "{}", agent.stderr());
    let left = times_owed(&setup);
    assert!(left.len() >= 4, "those that wait, and the ends of series: {left:?}");

    receiver.start_again();
    let agent = setup.start();
    delivered(&receiver, &left);
    until("nothing is left", || (waiting(&agent) <= 1.0).then_some(()));
    let came = came(&receiver);
    assert!(came.is_sorted_by(|a, b| a < b), "in order, and each once: {came:?}");
    assert_eq!(metric(&agent, "samples_dropped_total{target=\"it\",reason=\"damaged\"}"), 0.0);
}

/// Kills come at any moment: while it writes, while it sends, between the answer and the mark.
#[test]
fn a_kill_loses_nothing_that_was_on_disk() {
    let mut chance = Chance(20_261_128);
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let kills = times("RELINK_SPOOL_KILLS", 5);
    let (mut on_disk, mut may_come_again) = (BTreeSet::new(), 0);
    for round in 0..kills {
        let mut agent = setup.start();
        if chance.below(3) == 0 {
            receiver.stop();
        }
        // sleep: the moment of the kill is to be any.
        std::thread::sleep(Duration::from_millis(chance.below(600)));
        kill(&mut agent);
        let left = times_owed(&setup);
        let taken: BTreeSet<_> = came(&receiver).into_iter().collect();
        let unmarked: Vec<_> = left.iter().filter(|time| taken.contains(time)).collect();
        assert!(unmarked.len() <= 1, "round {round}: only the one on its way may come again: {unmarked:?}");
        may_come_again += unmarked.len();
        on_disk.extend(left);
        if round % 2 == 0 {
            receiver.stop();
            receiver.start_again();
        }
    }
    receiver.stop();
    receiver.start_again();
    let _agent = setup.start();
    let all: Vec<_> = on_disk.iter().copied().collect();
    delivered(&receiver, &all);
    // `stored`, which this asks, holds the values of doubled ones against each other.
    let came = came(&receiver);
    let again = came.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(came.is_sorted(), "in order: {came:?}");
    assert!(again <= may_come_again, "{again} came again, at most {may_come_again} were unmarked");
    println!("{kills} kills, {} collections were on disk: 0 lost; {again} came again", all.len());
}

#[test]
fn damage_costs_what_it_hit_and_nothing_else() {
    let mut chance = Chance(42);
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let rounds = times("RELINK_SPOOL_DAMAGES", 20);
    let (mut whole, mut hit, mut last) = (0, 0, 0);
    for round in 0..rounds {
        receiver.stop();
        let mut agent = setup.start();
        wait_for(&agent, 1.0 + chance.below(4) as f64);
        kill(&mut agent);
        let before = times_owed(&setup);
        let how = chance.damage(&folder(&setup));
        let left = times_owed(&setup);
        receiver.start_again();
        let mut agent = setup.start();
        delivered(&receiver, &left);
        until("all is delivered", || (waiting(&agent) == 0.0).then_some(()));
        // Not by a kill, which may come between an answer and its mark.
        agent.signal("TERM");
        assert_eq!(agent.wait().code(), Some(0));
        let came = came(&receiver);
        assert!(came.is_sorted_by(|a, b| a < b), "round {round}, {how}: in order, each once: {came:?}");
        assert!(
            came.iter().all(|time| *time > last),
            "round {round}, {how}: none of an earlier one: {came:?}"
        );
        last = came.last().copied().unwrap_or(last);
        receiver.forget();
        let lost: Vec<_> = before.iter().filter(|time| !left.contains(time)).collect();
        assert!(lost.iter().all(|time| !came.contains(time)), "round {round}, {how}: {lost:?} was damaged");
        (whole, hit) = (whole + left.len(), hit + lost.len());
    }
    println!("{rounds} files damaged: {whole} requests whole and delivered once, {hit} hit");
}

#[test]
fn reloads_while_the_target_is_away_lose_and_double_nothing() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let agent = setup.start();
    until("it pushes", || (came(&receiver).len() >= 2).then_some(()));
    receiver.stop();
    for round in 1..=6_u32 {
        wait_for(&agent, f64::from(round) + 1.0);
        let rolls_back = round == 2;
        setup.fault(if rolls_back { "after exit" } else { "" });
        let journal = reload(&agent, "?force=true");
        assert_eq!(journal["outcome"], if rolls_back { "rolled_back" } else { "committed" }, "{journal}");
    }
    until("it is on disk again", || is_on_disk(&agent).then_some(()));
    receiver.start_again();
    let last = *times_owed(&setup).last().unwrap();
    delivered(&receiver, &[last]);
    let stored = receiver.stored();
    let came = came(&receiver);
    assert!(came.is_sorted_by(|a, b| a < b), "in order, each once: {came:?}");
    let gaps = came.windows(2).filter(|pair| pair[1] - pair[0] != INTERVAL).count();
    println!("{} collections, {gaps} were not made for want of time", came.len());
    for series in stored.series.keys() {
        assert!(stored.ends(series).is_empty(), "no series has ended: {series}");
    }
    let dropped =
        |reason| metric(&agent, &format!("samples_dropped_total{{target=\"it\",reason=\"{reason}\"}}"));
    assert_eq!(["queue_full", "too_old", "damaged"].map(dropped), [0.0; 3]);
    assert_eq!(metric(&agent, "queue_damaged_bytes_total{target=\"it\"}"), 0.0);
}

/// A mount of its own for the agent's queue, small enough to be filled; the test reaches it by way of `/proc`.
fn on_a_small_disk(setup: &Setup, option: &str) -> Option<Agent> {
    const MOUNT: &str = "mount -t tmpfs -o \"$1,size=400k\" none \"$2\" && shift 2 && exec \"$@\"";
    let dir = setup.path("queue");
    std::fs::create_dir(&dir).unwrap();
    let possible = Command::new("unshare").args(["-rm", "true"]).status();
    if !possible.is_ok_and(|status| status.success()) {
        absent("a full disk", "no name space of mounts can be made");
        return None;
    }
    let plain = setup.command();
    let mut command = relink_testkit::command("unshare");
    command
        .args(["-rm", "sh", "-c", MOUNT, "sh", option])
        .arg(&dir)
        .arg(plain.get_program())
        .args(plain.get_args());
    command.env("CANDIDATE_FAULT_FILE", setup.path("fault"));
    Some(Agent::from(command))
}

#[test]
fn a_full_disk_is_told_and_left_and_taken_again() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let Some(agent) = on_a_small_disk(&setup, "rw") else { return };
    until("it pushes", || (came(&receiver).len() >= 2).then_some(()));
    receiver.stop();
    wait_for(&agent, 3.0);
    assert!(is_on_disk(&agent));
    assert_eq!(agent.get("/-/ready").text(), "relink is ready.\n");

    let filler = PathBuf::from(format!("/proc/{}/root{}", agent.pid(), setup.path("queue/filler").display()));
    let mut file = std::fs::File::create(&filler).unwrap();
    for length in [4096, 1] {
        while std::io::Write::write_all(&mut file, &vec![0; length]).is_ok() {}
    }
    until("it is told", || (!is_on_disk(&agent)).then_some(()));
    let ready = agent.get("/-/ready");
    let text = ready.text();
    assert!(ready.status == 200 && text.contains("push to it: ") && text.contains("No space left"), "{text}");
    let waits = waiting(&agent);
    wait_for(&agent, waits + 4.0);
    assert_eq!(agent.stderr().matches("kept in memory until its disk can be used").count(), 1);
    // Also over a reload.
    assert_eq!(reload(&agent, "?force=true")["outcome"], "committed");
    until("it is told again", || (!is_on_disk(&agent)).then_some(()));

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    until("the disk is taken again", || is_on_disk(&agent).then_some(()));
    assert!(agent.stderr().contains("the queue is kept on disk again"), "{}", agent.stderr());
    assert_eq!(agent.get("/-/ready").text(), "relink is ready.\n");
    receiver.start_again();
    until("all is delivered", || (waiting(&agent) == 0.0).then_some(()));
    let came = came(&receiver);
    assert!(came.is_sorted_by(|a, b| a < b), "in order, each once: {came:?}");
    let dropped =
        |reason| metric(&agent, &format!("samples_dropped_total{{target=\"it\",reason=\"{reason}\"}}"));
    assert_eq!(["queue_full", "too_old", "damaged"].map(dropped), [0.0; 3]);
    let gaps: Vec<_> = came.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap != INTERVAL).collect();
    println!("{} collections arrived; steps other than {INTERVAL} ms: {gaps:?}", came.len());
}

#[test]
fn a_disk_that_is_read_only_is_taken_when_it_is_not_any_more() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let Some(agent) = on_a_small_disk(&setup, "ro") else { return };
    until("it pushes", || (came(&receiver).len() >= 2).then_some(()));
    receiver.stop();
    until("it is told", || (!is_on_disk(&agent)).then_some(()));
    let text = agent.get("/-/ready").text();
    assert!(text.contains("Read-only file system"), "{text}");
    wait_for(&agent, 3.0);
    let mut remount = Command::new("nsenter");
    remount.args(["-t", &agent.pid().to_string(), "-U", "-m", "--preserve-credentials"]);
    let remounted = remount.args(["mount", "-o", "remount,rw"]).arg(setup.path("queue")).status();
    assert!(remounted.unwrap().success());
    until("the disk is taken", || is_on_disk(&agent).then_some(()));
    receiver.start_again();
    until("all is delivered", || (waiting(&agent) == 0.0).then_some(()));
    let came = came(&receiver);
    assert!(came.is_sorted_by(|a, b| a < b), "in order, each once: {came:?}");
    assert_eq!(metric(&agent, "samples_dropped_total{target=\"it\",reason=\"queue_full\"}"), 0.0);
}

#[test]
fn a_folder_that_is_removed_is_made_again() {
    let mut receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let mut agent = setup.start();
    until("it pushes", || (came(&receiver).len() >= 2).then_some(()));
    receiver.stop();
    wait_for(&agent, 3.0);
    std::fs::remove_dir_all(folder(&setup)).unwrap();
    until("it is there again", || (folder(&setup).is_dir() && !times_owed(&setup).is_empty()).then_some(()));
    assert!(metric(&agent, "samples_dropped_total{target=\"it\",reason=\"damaged\"}") > 0.0);
    wait_for(&agent, 3.0);
    kill(&mut agent);
    let left = times_owed(&setup);
    receiver.start_again();
    let _agent = setup.start();
    delivered(&receiver, &left);
    let came = came(&receiver);
    assert!(came.is_sorted(), "{came:?}");
}

#[test]
fn one_agent_has_a_folder_and_another_goes_on_in_memory() {
    let receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let mut first = setup.start();
    until("the first has it", || is_on_disk(&first).then_some(()));
    let second = setup.start();
    until("the second has not", || (!is_on_disk(&second)).then_some(()));
    until("the second pushes", || (metric(&second, "samples_sent_total{target=\"it\"}") > 0.0).then_some(()));
    let text = second.get("/-/ready").text();
    assert!(text.contains("another agent has") && text.contains("[push] dir"), "{text}");
    assert!(is_on_disk(&first));
    kill(&mut first);
    until("the second takes it", || is_on_disk(&second).then_some(()));
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let receiver = Receiver::start(&[]);
    let setup = pushing(&receiver, "");
    let mut agent = setup.start();
    until("it pushes", || (!came(&receiver).is_empty()).then_some(()));
    let path = folder(&setup)
        .join("99999999999999999999.segment".replace("99999999999999999999", "00000000000099999999"));
    std::fs::write(&path, spool::segment_head(2)).unwrap();
    let journal = reload(&agent, "?force=true");
    let error = journal["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(journal["outcome"], "refused", "{journal}");
    assert!(error.contains("is of format 2, this version reads 1") && error.contains("mv "), "{error}");
    kill(&mut agent);
    let Err((status, said)) = Agent::try_from(setup.command()) else { panic!("it starts") };
    assert!(status.code() == Some(1) && said.contains("is of format 2"), "{status}: {said}");
    assert_eq!(std::fs::read(&path).unwrap(), spool::segment_head(2));
}

#[test]
fn a_reload_carries_none_of_what_is_on_disk() {
    let mut receiver = Receiver::start(&[]);
    let bytes = times("RELINK_SPOOL_BYTES", 32 << 20);
    let setup = pushing(&receiver, &format!("disk_bytes = {}\n", 2 * bytes));
    let agent = setup.start();
    until("it pushes", || (!came(&receiver).is_empty()).then_some(()));
    receiver.stop();
    // As long as one of five hundred series. What is in it is nobody's business here.
    let body = receiver.received()[0].body.repeat(8);
    let pauses = |agent: &Agent| -> Vec<f64> {
        let pause = |_| {
            let journal = reload(agent, "?force=true");
            assert_eq!(journal["outcome"], "committed", "{journal}");
            journal["pause_ms"].as_f64().unwrap()
        };
        (0..7).map(pause).collect()
    };
    let short = pauses(&agent);
    drop(agent);
    std::fs::remove_dir_all(setup.path("queue")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let count = spool::fill(&folder(&setup), bytes, &body, 7, now);
    let agent = setup.start();
    wait_for(&agent, count as f64);
    let long = pauses(&agent);
    until("the queue is seen whole", || (waiting(&agent) >= count as f64).then_some(()));
    assert!(metric(&agent, "queue_samples{target=\"it\"}") >= 7.0 * count as f64);
    assert_eq!(folders(&setup.path("queue")).len(), 1);
    println!("pauses with a short queue {short:?} ms, with {bytes} bytes in {count} requests {long:?} ms");
    // It goes out as it is, first the oldest.
    let before = receiver.received().len();
    receiver.start_again();
    receiver.script(&[Say::Status(204, "", b"")]);
    until("it goes out", || (receiver.received().len() >= before + 3).then_some(()));
    assert_eq!(receiver.received()[before].body, body);
}
