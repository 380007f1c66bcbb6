//! What it costs to load and to swap libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::reload::{EDITS, expect_help, reload, reload_over, words};
use super::scratch::{PLUGIN, Scratch, timed};
use super::table::{Bar, Row};
use super::{calls, median, milliseconds};
use crate::build::AGENT;
use crate::cargo;
use crate::failure::{Doing, Result};
use crate::http::Connection;
use crate::plugin::library;
use crate::server::Server;

const LOADS: usize = 20;
const SWAPS: usize = 50;
const QUIET_RELOADS: usize = 200;

/// An agent without a linked plugin, and the folder from which it loads.
struct Loading {
    server: Server,
    folder: PathBuf,
}

/// Measures everything on the copy of the workspace; with a note on how.
pub(super) fn measure(scratch: &mut Scratch) -> Result<(Vec<Row>, String)> {
    let row = |what: &str, own, bar| Row { what: what.into(), unit: "ms", own, peer: None, bar };
    let agent = agent(scratch)?;
    let versions = [version(scratch, "first")?, version(scratch, "second")?];
    let folder = scratch.target().join("plugins");
    fs::create_dir_all(&folder).doing(format_args!("creating {}", folder.display()))?;
    let loading = Loading { server: start(&agent, &folder)?, folder };
    let load = loads(&loading, &versions[0])?;
    let swap = swaps(&loading, &versions)?;
    let quiet = quiet(&loading.server.address)?;
    let mut rows = vec![
        row("reload of a loading agent, nothing changed", quiet, Bar::Below(0.35)),
        row("load of a new library until it answers", load, Bar::Below(3.0)),
        row("swap of a library for another", swap, Bar::None),
    ];
    rows.extend(edits(scratch, &loading)?);
    let (call, note) = calls::measure(scratch, &loading.server.address, &loading.folder)?;
    rows.push(call);
    Ok((rows, note))
}

fn start(agent: &Path, folder: &Path) -> Result<Server> {
    // One may be left of an earlier run.
    for entry in fs::read_dir(folder).doing(format_args!("reading {}", folder.display()))? {
        let path = entry.doing("reading the plugin folder")?.path();
        fs::remove_file(&path).doing(format_args!("removing {}", path.display()))?;
    }
    let folder = folder.display().to_string();
    Server::start(agent, |address| {
        words(&["run", "--listen", address, "--print", "none", "--plugin-dir", &folder])
    })
}

/// A release without plugins.
fn agent(scratch: &Scratch) -> Result<PathBuf> {
    let command = cargo::command(&["build", "--release", "--package", AGENT, "--no-default-features"]);
    cargo::build(&mut scratch.here(command)).map(|built| built.file)
}

/// A release of the library after another edit, kept in a folder of its own.
fn version(scratch: &mut Scratch, folder: &str) -> Result<PathBuf> {
    scratch.edit()?;
    let mut command = scratch.here(library::command(&Scratch::package(), true));
    let built = cargo::build(&mut command)?;
    library::install(&built.file, &scratch.target().join(folder))
}

/// The time from a library in the folder to its first answer.
fn loads(loading: &Loading, library: &Path) -> Result<f64> {
    let mut connection = Connection::open(&loading.server.address, None)?;
    let mut times = Vec::new();
    for _ in 0..LOADS {
        let installed = library::install(library, &loading.folder)?;
        times.push(milliseconds(timed_reload(&mut connection, "committed")?));
        fs::remove_file(&installed).doing(format_args!("removing {}", installed.display()))?;
        reload_over(&mut connection, "", "committed")?;
    }
    Ok(median(&mut times))
}

fn swaps(loading: &Loading, versions: &[PathBuf; 2]) -> Result<f64> {
    library::install(&versions[1], &loading.folder)?;
    let mut connection = Connection::open(&loading.server.address, None)?;
    reload_over(&mut connection, "", "committed")?;
    let mut times = Vec::new();
    for version in versions.iter().cycle().take(SWAPS) {
        library::install(version, &loading.folder)?;
        times.push(milliseconds(timed_reload(&mut connection, "committed")?));
    }
    Ok(median(&mut times))
}

fn quiet(address: &str) -> Result<f64> {
    let mut connection = Connection::open(address, None)?;
    let times: Result<Vec<f64>> =
        (0..QUIET_RELOADS).map(|_| Ok(milliseconds(timed_reload(&mut connection, "unchanged")?))).collect();
    Ok(median(&mut times?))
}

fn timed_reload(connection: &mut Connection, outcome: &str) -> Result<Duration> {
    let start = Instant::now();
    reload_over(connection, "", outcome)?;
    Ok(start.elapsed())
}

/// From an edit to the answer of the agent that has loaded it, beside the bare build of the library.
fn edits(scratch: &mut Scratch, loading: &Loading) -> Result<[Row; 2]> {
    let bare = |scratch: &Scratch| -> Command { scratch.here(library::command(&Scratch::package(), false)) };
    let built = cargo::build(&mut bare(scratch))?.file;
    let (mut by_hand, mut by_xtask, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=EDITS {
        let help = scratch.edit()?;
        let start = Instant::now();
        timed(bare(scratch))?;
        library::install(&built, &loading.folder)?;
        reload(&loading.server.address, "", "committed")?;
        by_hand.push(milliseconds(start.elapsed()));
        expect_help(&loading.server.address, &help)?;

        let help = scratch.edit()?;
        let start = Instant::now();
        timed(scratch.xtask(&["plugin", "build", PLUGIN]))?;
        reload(&loading.server.address, "", "committed")?;
        by_xtask.push(milliseconds(start.elapsed()));
        expect_help(&loading.server.address, &help)?;

        scratch.edit()?;
        alone.push(milliseconds(timed(bare(scratch))?));
    }
    let peer = median(&mut alone[1..]);
    let row = |what: &str, times: &mut [f64], bar| Row {
        what: what.into(),
        unit: "ms",
        own: median(&mut times[1..]),
        peer: Some(peer),
        bar,
    };
    Ok([
        row("edit of a loaded plugin to new code live", &mut by_hand, Bar::Times(1.1)),
        row("the same through `cargo xtask plugin build`", &mut by_xtask, Bar::None),
    ])
}
