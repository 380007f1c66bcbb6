//! `cargo xtask soak`: an agent under all that an agent meets, for hours. Clients that scrape, dashboards, a push to a real
//! receiver through a proxy that fails, reloads of all kinds, a plugin that misbehaves, a disk that is full. Each minute it
//! says how things are, and at the end whether anything was lost or grew.

mod clients;
mod disk;
mod end;
mod guard;
mod judge;
mod look;
mod moody;
mod page;
mod place;
mod proxy;
mod receiver;
mod reloads;
mod stream;
mod tally;
mod watch;

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::args::Selection;
use crate::build;
use crate::failure::{Failure, Result};
use crate::workspace::Workspace;
use disk::Filled;
use judge::verdict;
use moody::Moody;
use place::Place;
use reloads::{Done, Reloads};
use tally::Tally;
use watch::Watch;

/// What is linked in. `load` is held against the receiver.
const PLUGINS: [&str; 7] = ["cpu", "disk", "load", "mem", "net", "stat", "vmstat"];
const DASHBOARDS: usize = 3;
/// This part of the time, at the end, has no reloads: what grows within one generation would not be seen else.
const STEADY: u32 = 6;

/// Soaks an agent for so many hours, with so many reloads.
pub(crate) fn perform(hours: f64, reloads: usize) -> Result<()> {
    let workspace = Workspace::load()?;
    let plugins = PLUGINS.map(str::to_owned).to_vec();
    let agent = build::watched(&Selection { plugins: Some(plugins), release: true, ..Selection::default() })?;
    let folder = workspace.target.join("soak");
    let library = Moody::built(&workspace, &folder.join("moody"))?;
    let small = disk::small();
    if small.is_none() {
        let args = ["soak", "--hours", &hours.to_string(), "--reloads", &reloads.to_string()];
        let why = disk::enter(&place::fresh(&folder.join("disk"))?, &args.map(str::to_owned));
        println!("soak: skipped: a full disk, for want of a name space with a small file system: {why}");
    }
    let mut place = Place::new(&folder.join("run"), &agent.executable, library, small)?;
    let time = Duration::from_secs_f64(hours * 3600.0);
    let (figures, findings) = soak(&mut place, time, reloads);
    println!("{}", verdict(figures, &findings));
    place.over()?;
    if findings.is_empty() { Ok(()) } else { Err(Failure::told()) }
}

/// Runs all at once; figures, and what was found.
fn soak(place: &mut Place, time: Duration, count: usize) -> (String, Vec<String>) {
    let (tally, filled) = (Tally::default(), Filled::default());
    let address = place.agent.address.clone();
    let reloads = Reloads {
        address: &address,
        id: place.agent.id(),
        moody: &place.moody,
        crash: place.crash.clone(),
        tally: &tally,
        done: Done::default(),
    };
    let steady = time / STEADY;
    let mut watch = Watch::new(&mut place.agent, &place.receiver, &place.proxy, &reloads, &filled);
    let watched = std::thread::scope(|scope| {
        for client in &clients::ALL {
            scope.spawn(|| client.run(&address, &tally));
        }
        for _ in 0..DASHBOARDS {
            scope.spawn(|| stream::listen(&address, &tally));
        }
        scope.spawn(|| place.proxy.flap(&tally.end));
        scope.spawn(|| reloads.run(count, time - steady));
        if let Some(small) = &place.small {
            scope.spawn(|| filled.run(small, &address, &tally));
        }
        let watched = watch.run(time, steady);
        tally.end.come();
        watched
    });
    let mut findings = match watched.and_then(|()| watch.judge()) {
        Ok(findings) => findings,
        Err(failure) => vec![failure.message().to_owned()],
    };
    if tally.failures() > 0 {
        let (failures, requests) = (tally.failures(), tally.requests());
        findings.insert(0, format!("{failures} of {requests} requests failed, first: {}", tally.first()));
    }
    if !findings.is_empty() {
        findings.push(format!("see {}", place.log.display()));
    }
    let full = filled.times.load(Ordering::Relaxed);
    let figures =
        format!("{:.2} hours, {}, disk full {full} times", time.as_secs_f64() / 3600.0, watch.figures());
    (figures, findings)
}
