//! What it costs that a plugin is loaded and not linked in: each collection goes through the C ABI.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::median;
use super::reload::{reload, words};
use super::scratch::Scratch;
use super::table::{Bar, Row};
use crate::build::AGENT;
use crate::cargo;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::plugin::library;
use crate::server::Server;
use crate::workspace::PLUGIN_PREFIX;

/// A plugin with one source that is quickly read, so that the calls are not lost in what it waits for.
const CALLED: &str = "mem";
const COLLECTIONS: usize = 2000;

/// The collections of one plugin.
struct Collected {
    /// The median of all, in nanoseconds.
    nanoseconds: f64,
    samples: f64,
}

/// Measures the plugin as a library of the running agent that loads from `folder`, then linked into an agent of the same
/// profile. To be called last: that agent takes the place of the loading one on disk.
pub(super) fn measure(scratch: &Scratch, loading: &str, folder: &Path) -> Result<(Row, String)> {
    let package = format!("{PLUGIN_PREFIX}{CALLED}");
    let built = cargo::build(&mut scratch.here(library::command(&package, true)))?;
    library::install(&built.file, folder)?;
    reload(loading, "", "committed")?;
    let server =
        Server::start(&linked(scratch)?, |address| words(&["run", "--listen", address, "--print", "none"]))?;
    let [loaded, linked] = collections([loading, &server.address])?;
    if loaded.samples != linked.samples {
        return Err(Failure::new(format!(
            "{CALLED} gives {} samples as a library and {} linked in, expected the same",
            loaded.samples, linked.samples
        )));
    }
    let row = Row {
        what: "a sample of a loaded plugin, more than of a linked one".to_owned(),
        unit: "ns",
        own: (loaded.nanoseconds - linked.nanoseconds) / loaded.samples,
        peer: None,
        bar: Bar::None,
    };
    let note = format!(
        "A collection of {CALLED}, {} samples, median of {COLLECTIONS}: {:.1} µs as a library, {:.1} µs linked in.",
        loaded.samples,
        loaded.nanoseconds / 1e3,
        linked.nanoseconds / 1e3
    );
    Ok((row, note))
}

/// A release that has the plugin linked in.
fn linked(scratch: &Scratch) -> Result<PathBuf> {
    let words = ["build", "--release", "--package", AGENT, "--no-default-features", "--features", CALLED];
    cargo::build(&mut scratch.here(cargo::command(&words))).map(|built| built.file)
}

/// Asks the agents in turn, so that what the machine does meanwhile meets both.
fn collections(addresses: [&str; 2]) -> Result<[Collected; 2]> {
    let mut agents = Vec::new();
    for address in addresses {
        agents.push((Connection::open(address, None)?, Vec::new(), 0.0));
    }
    for _ in 0..COLLECTIONS {
        for (connection, times, samples) in &mut agents {
            connection.request("GET", &format!("/metrics?collect[]={CALLED}"), "")?;
            let answer = connection.request("GET", &format!("/plugins/{CALLED}"), "")?;
            let plugin: Value = serde_json::from_slice(&answer.body).doing("the answer about the plugin")?;
            let number = |name: &str| {
                plugin[name]
                    .as_f64()
                    .ok_or_else(|| Failure::new(format!("the plugin has no {name}: {plugin}")))
            };
            times.push(number("last_collect_seconds")? * 1e9);
            *samples = number("samples")?;
        }
    }
    Ok([0, 1].map(|at| Collected { nanoseconds: median(&mut agents[at].1), samples: agents[at].2 }))
}
