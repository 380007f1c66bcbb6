//! What a reload costs: from an edit to new code, and what the agent's clients notice of it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::scratch::{PLUGIN, Scratch, timed};
use super::table::{Bar, Row, Table};
use super::{libraries, median, milliseconds, percentile, today};
use crate::args::Selection;
use crate::build;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::server::Server;
use crate::workspace::Workspace;

/// Edits that are measured; one more before them warms up what cargo keeps.
pub(super) const EDITS: usize = 5;
const RESTARTS: usize = 200;
/// A build takes its time.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(600));

/// Measures everything. `agent` is what is shipped, with all plugins linked.
pub(super) fn measure(agent: &Path) -> Result<Table> {
    let workspace = Workspace::load()?;
    let mut scratch = Scratch::new(&workspace)?;
    let mut rows = Vec::new();
    let mut row = |row: Row| {
        eprintln!("  {}: {:.3} {}, bare: {:.3?}", row.what, row.own, row.unit, row.peer);
        rows.push(row);
    };
    let (linked, steps) = linked(&mut scratch)?;
    row(linked);
    let (pauses, requests) = pauses(agent)?;
    pauses.into_iter().for_each(&mut row);
    let (libraries, calls) = libraries::measure(&mut scratch)?;
    libraries.into_iter().for_each(&mut row);
    Ok(Table {
        title: format!(
            "Reloads, {}, {} CPUs, medians of {EDITS} edits.",
            today()?,
            std::thread::available_parallelism().map_or(1, usize::from)
        ),
        peer: "bare build",
        rows,
        notes: vec![
            format!("The steps of a reload after an edit, in ms: {steps}."),
            format!(
                "{RESTARTS} re-execs of the agent as it is shipped, under one client that never rests: {requests} requests on \
                 one connection, none failed."
            ),
            "Edits and their builds are in the dev profile; libraries that are loaded and swapped, and the agent that \
             loads them, are releases."
                .to_owned(),
            calls,
        ],
    })
}

/// From the edit of a linked plugin to the answer of the agent that runs it, beside `cargo build` of such an edit.
fn linked(scratch: &mut Scratch) -> Result<(Row, String)> {
    let bare = |scratch: &Scratch| Ok(scratch.here(build::command(&Selection::default())?));
    timed(scratch.xtask(&["build"]))?;
    timed(bare(scratch)?)?;
    let executable = scratch.target().join("debug").join(build::AGENT);
    let builder = scratch.builder();
    let server = Server::start(&executable, |address| {
        words(&["run", "--listen", address, "--print", "none", "--builder", &builder])
    })?;
    let (mut own, mut peer, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=EDITS {
        let help = scratch.edit()?;
        let start = Instant::now();
        let journal = reload(&server.address, "", "committed")?;
        own.push(milliseconds(start.elapsed()));
        expect_help(&server.address, &help)?;
        steps.push(journal);
        scratch.edit()?;
        peer.push(milliseconds(timed(bare(scratch)?)?));
    }
    let what = "edit of a linked plugin to new code live".to_owned();
    let (own, peer) = (median(&mut own[1..]), median(&mut peer[1..]));
    let row = Row { what, unit: "ms", own, peer: Some(peer), bar: Bar::Times(1.2) };
    Ok((row, median_steps(&steps[1..])))
}

/// `build 700, preflight 20`: the steps of the first reload, each with the median of all.
fn median_steps(journals: &[Value]) -> String {
    let steps = |journal: &Value| journal["steps"].as_array().cloned().unwrap_or_default();
    let Some(first) = journals.first() else { return String::new() };
    let of = |name: &Value| {
        let mut times: Vec<f64> = journals
            .iter()
            .flat_map(steps)
            .filter(|step| step["step"] == *name)
            .filter_map(|step| step["ms"].as_f64())
            .collect();
        format!("{} {:.1}", name.as_str().unwrap_or("?"), median(&mut times))
    };
    steps(first).iter().map(|step| of(&step["step"])).collect::<Vec<_>>().join(", ")
}

/// Re-execs the agent under a client that asks without a pause, over one connection.
fn pauses(agent: &Path) -> Result<(Vec<Row>, usize)> {
    let server = Server::start(agent, |address| words(&["run", "--listen", address, "--print", "none"]))?;
    let over = AtomicBool::new(false);
    let (restarts, requests) = std::thread::scope(|scope| {
        let client = scope.spawn(|| ask_until(&server.address, &over));
        let restarts = restarts(&server.address);
        over.store(true, Ordering::Relaxed);
        let requests = client.join().expect("the client does not panic");
        Ok::<_, Failure>((restarts?, requests?))
    })?;
    let mut longest: Vec<f64> =
        restarts.iter().map(|restart| milliseconds(longest_within(&requests, restart.span))).collect();
    let mut told: Vec<f64> = restarts.iter().filter_map(|restart| restart.pause).collect();
    let row = |what: &str, own, bar| Row { what: what.into(), unit: "ms", own, peer: None, bar };
    let mut rows = vec![
        row("longest request during a re-exec, p50", median(&mut longest), Bar::None),
        row("longest request during a re-exec, max", percentile(&mut longest, 100), Bar::Below(50.0)),
    ];
    if !told.is_empty() {
        rows.push(row("pause as the journal has it, p50", median(&mut told), Bar::None));
        rows.push(row("pause as the journal has it, max", percentile(&mut told, 100), Bar::Below(50.0)));
    }
    Ok((rows, requests.len()))
}

/// One re-exec.
struct Restart {
    span: (Instant, Instant),
    /// `pause_ms`; the journal has none where no request was held up.
    pause: Option<f64>,
}

fn restarts(address: &str) -> Result<Vec<Restart>> {
    (0..RESTARTS)
        .map(|_| {
            let start = Instant::now();
            let journal = reload(address, "?force=true", "committed")?;
            Ok(Restart { span: (start, Instant::now()), pause: journal["pause_ms"].as_f64() })
        })
        .collect()
}

/// Begin and end of each request. One that fails is the end of the benchmark.
fn ask_until(address: &str, over: &AtomicBool) -> Result<Vec<(Instant, Instant)>> {
    let mut connection = Connection::open(address, PATIENCE)?;
    let mut requests = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = connection.request("GET", "/metrics", "")?;
        requests.push((start, Instant::now()));
        if answer.status != 200 {
            return Err(Failure::new(format!("/metrics answered {} during a re-exec", answer.status)));
        }
    }
    Ok(requests)
}

/// The longest of the requests that were under way at some time within the span.
fn longest_within(requests: &[(Instant, Instant)], span: (Instant, Instant)) -> Duration {
    let within = requests.iter().filter(|(start, end)| *start <= span.1 && *end >= span.0);
    within.map(|(start, end)| *end - *start).max().unwrap_or_default()
}

/// One reload, which has to have this outcome.
pub(super) fn reload(address: &str, query: &str, outcome: &str) -> Result<Value> {
    reload_over(&mut Connection::open(address, PATIENCE)?, query, outcome)
}

/// The same over a connection that is there already.
pub(super) fn reload_over(connection: &mut Connection, query: &str, outcome: &str) -> Result<Value> {
    let headers = "Content-Type: application/json\r\nContent-Length: 0\r\n";
    let answer = connection.request("PUT", &format!("/plugins/reload{query}"), headers)?;
    let journal: Value = serde_json::from_slice(&answer.body).doing("the answer of a reload")?;
    if journal["outcome"] == outcome {
        Ok(journal)
    } else {
        Err(Failure::new(format!("a reload answered {}, expected {outcome}: {journal}", answer.status)))
    }
}

/// Whether the code that runs is that of the last edit.
pub(super) fn expect_help(address: &str, begin: &str) -> Result<()> {
    let answer = Connection::open(address, PATIENCE)?.request("GET", &format!("/plugins/{PLUGIN}"), "")?;
    let plugin: Value = serde_json::from_slice(&answer.body).doing("the answer about the plugin")?;
    match plugin["help"].as_str() {
        Some(help) if help.starts_with(begin) => Ok(()),
        help => Err(Failure::new(format!("the plugin's help is {help:?}, expected the edit {begin:?}"))),
    }
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_longest_request_is_of_those_under_way() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let requests = [(at(0), at(9)), (at(10), at(12)), (at(12), at(17)), (at(18), at(40))];
        assert_eq!(longest_within(&requests, (at(11), at(15))), Duration::from_millis(5));
        assert_eq!(longest_within(&requests, (at(50), at(60))), Duration::ZERO);
    }

    #[test]
    fn steps_are_told_with_their_medians() {
        let journal =
            |build: f64| json!({"steps": [{"step": "build", "ms": build}, {"step": "exec", "ms": 2}]});
        assert_eq!(median_steps(&[journal(5.0), journal(9.0), journal(7.0)]), "build 7.0, exec 2.0");
    }
}
