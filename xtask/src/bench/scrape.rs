//! What a scrape costs: this agent beside node_exporter, doing the same work.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::load::{client, rate, scrape};
use super::table::{Bar, Row, Table};
use super::{median, milliseconds, percentile, today};
use crate::failure::Result;
use crate::http::Connection;
use crate::server::Server;

pub(super) const PEER: &str = "prometheus-node-exporter";
/// Rounds in which both sides take turns, so that what else the machine does hits both.
const ROUNDS: usize = 5;
const SCRAPES_A_ROUND: u32 = 400;
const SECONDS_AT_ONE_A_SECOND: u32 = 20;
const SECONDS_AT_REST: u32 = 10;
const STARTS: usize = 15;
const PHASE: Duration = Duration::from_secs(1);

/// What both sides collect.
pub(super) struct Work {
    what: &'static str,
    collectors: &'static [&'static str],
    /// The share of node_exporter's CPU time that a scrape may take, back to back.
    cpu: f64,
    /// In how many milliseconds the first answer has to be there, and how many MiB may be resident.
    start: f64,
    memory: f64,
}

/// What the README's first table compares.
pub(super) const CPU_AND_DISK: Work = Work {
    what: "CPU and disks",
    collectors: &["cpu", "filesystem", "diskstats"],
    cpu: 1.0 / 8.0,
    start: 10.0,
    memory: 10.0,
};

/// What a small installation collects.
pub(super) const SEVEN: Work = Work {
    what: "a small installation",
    collectors: &["cpu", "filesystem", "diskstats", "loadavg", "meminfo", "netdev", "netclass"],
    cpu: 1.0 / 10.0,
    start: 10.0,
    memory: 10.0,
};

/// What both have, those that are off by default included.
pub(super) const ALL: Work = Work {
    what: "all that both have",
    collectors: &[
        "arp",
        "bcache",
        "bonding",
        "btrfs",
        "buddyinfo",
        "cgroups",
        "conntrack",
        "cpu",
        "cpufreq",
        "diskstats",
        "dmi",
        "drbd",
        "edac",
        "entropy",
        "fibrechannel",
        "filefd",
        "filesystem",
        "hwmon",
        "infiniband",
        "interrupts",
        "ipvs",
        "ksmd",
        "lnstat",
        "loadavg",
        "mdadm",
        "meminfo",
        "meminfo_numa",
        "mountstats",
        "netclass",
        "netdev",
        "netstat",
        "nfs",
        "nfsd",
        "nvme",
        "os",
        "powersupplyclass",
        "pressure",
        "processes",
        "qdisc",
        "rapl",
        "schedstat",
        "selinux",
        "slabinfo",
        "sockstat",
        "softnet",
        "stat",
        "tapestats",
        "tcpstat",
        "textfile",
        "thermal_zone",
        "time",
        "timex",
        "udp_queues",
        "uname",
        "vmstat",
        "xfs",
        "zfs",
        "zoneinfo",
    ],
    cpu: 1.0 / 8.0,
    start: 15.0,
    memory: 12.0,
};

/// One of the two programs.
pub(super) struct Side {
    pub program: PathBuf,
    pub args: Vec<String>,
}

impl Side {
    pub(super) fn start(&self) -> Result<Server> {
        Server::start(&self.program, |address| {
            self.args.iter().map(|arg| arg.replace("ADDRESS", address)).collect()
        })
    }
}

/// A figure of each side, in the order in which the sides are given.
type Figures = Vec<f64>;

/// Measures everything, with the peer if it is installed. Both sides get the same flags.
pub(super) fn measure(agent: &Path, work: &Work) -> Result<Table> {
    let own = ["run", "--print=none"].map(str::to_owned);
    let mut sides =
        vec![Side { program: agent.to_owned(), args: [&own[..], &flags(work.collectors)].concat() }];
    let peer = on_path(PEER);
    sides.extend(peer.clone().map(|program| Side {
        program,
        args: [&["--web.max-requests=0".to_owned()][..], &flags(work.collectors)].concat(),
    }));

    let mut rows = Vec::new();
    let mut row = |what: &str, unit, figures: Figures, bar| {
        eprintln!("  {what}: {figures:.3?} {unit}");
        rows.push(Row { what: what.into(), unit, own: figures[0], peer: figures.get(1).copied(), bar });
    };
    row("start to first 200", "ms", starts(&sides)?, Bar::Below(work.start));
    let servers: Vec<Server> = sides.iter().map(Side::start).collect::<Result<_>>()?;
    row("resident memory after 1,000 scrapes", "MiB", memory(&servers)?, Bar::Below(work.memory));
    let [cpu, p50, p99] = back_to_back(&servers, SCRAPES_A_ROUND)?;
    row("CPU per scrape, back to back", "ms", cpu, Bar::AtMost(work.cpu));
    row("latency p50", "ms", p50, Bar::AtMost(1.0 / 5.0));
    row("latency p99", "ms", p99, Bar::None);
    row("CPU per scrape, one with gzip a second", "ms", one_a_second(&servers)?, Bar::AtMost(1.0 / 5.0));
    row("CPU a second, at rest", "ms", at_rest(&servers)?, Bar::None);
    for (connections, bar) in [(1, Bar::None), (8, Bar::None), (64, Bar::AtLeast(10.0))] {
        let plural = if connections == 1 { "" } else { "s" };
        let what = format!("requests/s, {connections} connection{plural}");
        row(&what, "", rates(&servers, connections)?, bar);
    }
    Ok(Table {
        title: format!(
            "Scrapes of {}, {}, {} CPUs, medians.",
            work.what,
            today()?,
            std::thread::available_parallelism().map_or(1, usize::from)
        ),
        peer: "node_exporter",
        rows,
        notes: notes(work, peer.is_some()),
    })
}

fn notes(work: &Work, peer: bool) -> Vec<String> {
    if peer {
        vec![format!(
            "Both run with the collectors {} only, and node_exporter without its limit of 40 requests at a time.",
            work.collectors.join(", ")
        )]
    } else {
        vec![format!("Not measured for want of a peer: all ratios ({PEER} is not on PATH).")]
    }
}

/// The flags that have either side run these collectors and no others.
pub(super) fn flags(collectors: &[&str]) -> Vec<String> {
    let fixed = ["--web.listen-address=ADDRESS", "--log.level=error", "--collector.disable-defaults"];
    let own = collectors.iter().map(|name| format!("--collector.{name}"));
    fixed.into_iter().map(str::to_owned).chain(own).collect()
}

pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn starts(sides: &[Side]) -> Result<Figures> {
    let mut times = vec![Vec::new(); sides.len()];
    for _ in 0..STARTS {
        for (side, times) in sides.iter().zip(&mut times) {
            times.push(milliseconds(side.start()?.started_in));
        }
    }
    Ok(times.iter_mut().map(|times| median(times)).collect())
}

fn clients(servers: &[Server]) -> Result<Vec<Connection>> {
    servers.iter().map(|server| client(&server.address)).collect()
}

fn memory(servers: &[Server]) -> Result<Figures> {
    servers
        .iter()
        .map(|server| {
            let mut client = client(&server.address)?;
            for _ in 0..1000 {
                scrape(&mut client, "")?;
            }
            server.resident()
        })
        .collect()
}

/// CPU a scrape, and the latency's p50 and p99, over one connection a turn.
pub(super) fn back_to_back(servers: &[Server], scrapes_a_round: u32) -> Result<[Figures; 3]> {
    let mut cpu = vec![Vec::new(); servers.len()];
    let mut latency = vec![Vec::new(); servers.len()];
    for _ in 0..ROUNDS {
        for (side, server) in servers.iter().enumerate() {
            // For each turn anew: the other side's may take longer than a connection may be idle.
            let mut client = client(&server.address)?;
            scrape(&mut client, "")?;
            let before = server.cpu()?;
            for _ in 0..scrapes_a_round {
                latency[side].push(milliseconds(scrape(&mut client, "")?));
            }
            cpu[side].push(milliseconds(server.cpu()? - before) / f64::from(scrapes_a_round));
        }
    }
    Ok([
        cpu.iter_mut().map(|values| median(values)).collect(),
        latency.iter_mut().map(|values| median(values)).collect(),
        latency.iter_mut().map(|values| percentile(values, 99)).collect(),
    ])
}

/// CPU a scrape when the caches are cold: what a real Prometheus sees. The sides take turns within each second.
fn one_a_second(servers: &[Server]) -> Result<Figures> {
    let mut clients = clients(servers)?;
    let before: Vec<Duration> = servers.iter().map(Server::cpu).collect::<Result<_>>()?;
    let pause = Duration::from_secs(1) / u32::try_from(servers.len()).unwrap_or(1);
    let mut next = Instant::now();
    for _ in 0..SECONDS_AT_ONE_A_SECOND {
        for client in &mut clients {
            scrape(client, "Accept-Encoding: gzip\r\n")?;
            next += pause;
            // sleep: the pace is what is measured.
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    let used = servers.iter().zip(before).map(|(server, before)| Ok(server.cpu()? - before));
    used.map(|used: Result<Duration>| Ok(milliseconds(used?) / f64::from(SECONDS_AT_ONE_A_SECOND))).collect()
}

/// What a second costs in which nobody asks. It is a part of the figure for one scrape a second.
fn at_rest(servers: &[Server]) -> Result<Figures> {
    let before: Vec<Duration> = servers.iter().map(Server::cpu).collect::<Result<_>>()?;
    // sleep: the time is what is measured.
    std::thread::sleep(Duration::from_secs(u64::from(SECONDS_AT_REST)));
    let used = servers.iter().zip(before).map(|(server, before)| Ok(server.cpu()? - before));
    used.map(|used: Result<Duration>| Ok(milliseconds(used?) / f64::from(SECONDS_AT_REST))).collect()
}

fn rates(servers: &[Server], connections: usize) -> Result<Figures> {
    let mut rates = vec![Vec::new(); servers.len()];
    for _ in 0..3 {
        for (server, rates) in servers.iter().zip(&mut rates) {
            rates.push(rate(&server.address, connections, PHASE)?);
        }
    }
    Ok(rates.iter_mut().map(|rates| median(rates)).collect())
}
