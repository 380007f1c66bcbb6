//! relink-verify: tells what would go silent if relink took node_exporter's place.
//!
//! An executable of its own, because a parser of PromQL is half as large as the agent: `relink verify` runs it.

mod compare;
mod known;
mod page;
mod promql;
mod questions;
mod report;
mod source;
mod verdict;

#[cfg(test)]
mod fuzz;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use relink_core::{Context, Error};

use crate::compare::Differences;
use crate::page::Page;
use crate::questions::Asked;
use crate::report::Report;
use crate::verdict::Verdict;

/// How deep expressions may nest is a question of their length; memory that is not touched costs nothing.
const STACK: usize = 256 << 20;

/// Compares a page of node_exporter with relink's, and tells which alerts, recording rules and panels would go silent.
///
/// Exit code 0 when nothing would be missed, 1 when something would, 2 when an input can't be read.
#[derive(Debug, Parser)]
#[command(name = "relink-verify", version)]
struct Arguments {
    /// node_exporter's page
    #[arg(long, value_name = "URL|FILE")]
    against: String,
    /// relink's page
    #[arg(long, value_name = "URL|FILE", default_value = "http://127.0.0.1:8000/metrics")]
    page: String,
    /// Alerts and recording rules, as Prometheus reads them
    #[arg(long, value_name = "FILE", num_args = 1..)]
    rules: Vec<String>,
    /// Dashboards of Grafana, as JSON
    #[arg(long, value_name = "FILE", num_args = 1..)]
    dashboard: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = on_a_deep_stack(move || run(&arguments)).unwrap_or_else(Err);
    outcome.unwrap_or_else(|error| {
        eprintln!("relink-verify: {}", error.message());
        if let Some(hint) = error.advice() {
            eprintln!("  hint: {hint}");
        }
        ExitCode::from(2)
    })
}

/// Expressions are trees as deep as they are long, so they are parsed, judged and dropped where there is room.
fn on_a_deep_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).context("starting a thread")?;
    Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let asked = Asked::read(&arguments.rules, &arguments.dashboard)?;
    let (theirs, ours) = pages(arguments)?;
    let verdict = Verdict::of(&asked.questions, &theirs, &ours);
    let differences = Differences::between(&theirs, &ours);
    let report = Report::new(
        (&arguments.against, &theirs),
        (&arguments.page, &ours),
        differences,
        verdict,
        asked.notes,
    );
    say(&if arguments.json { serde_json::to_string(&report)? + "\n" } else { report.text() })?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// node_exporter's page and relink's. Agents that run are asked twice, in turn: what comes and goes meanwhile is
/// wanted of relink only if node_exporter shows it both times, and is there if relink shows it once.
fn pages(arguments: &Arguments) -> Result<(Page, Page), Error> {
    let read = |source: &str| Page::parse(source, &source::read(source)?);
    let theirs = || read(&arguments.against);
    let ours = || {
        read(&arguments.page).map_err(|error| {
            let hint = "start relink, or name its page with --page";
            if error.advice().is_none() { error.hint(hint) } else { error }
        })
    };
    let (mut their_page, mut our_page) = (theirs()?, ours()?);
    if source::is_url(&arguments.against) {
        their_page = their_page.common(&theirs()?);
    }
    if source::is_url(&arguments.page) {
        our_page = our_page.joined(ours()?);
    }
    Ok((their_page, our_page))
}

/// Writes to stdout; a reader who has left (`relink verify … | head -1`) is no error.
fn say(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
