//! A large machine, this agent beside node_exporter: a tree of files that stands for 1,024 CPUs, 2,000 disks and 3,000 mounts,
//! and 5,000 network interfaces in a name space of their own. Both sides get the same flags.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::load::samples;
use super::scrape::{PEER, Side, back_to_back, flags as flags_for, on_path};
use super::table::{Bar, Row, Table};
use super::today;
use crate::failure::{Doing, Failure, Result};
use crate::server::Server;

const CPUS: usize = 1_024;
const DISKS: usize = 2_000;
const MOUNTS: usize = 3_000;
const PAIRS: usize = 2_500;
/// A scrape of the peer takes some tenths of a second here.
const SCRAPES_A_ROUND: u32 = 10;
/// What a scrape may cost of the peer's CPU time, and what the agent may hold of its memory.
const CPU: f64 = 1.0 / 10.0;
const MEMORY: f64 = 1.0 / 2.0;
const BYTES_A_SERIES: f64 = 300.0;

/// Measures on the tree, which is written into `folder`.
pub(super) fn files(agent: &Path, folder: &Path) -> Result<Table> {
    if folder.exists() {
        fs::remove_dir_all(folder).doing(format_args!("removing {}", folder.display()))?;
    }
    tree(folder)?;
    let path = |name: &str| format!("--path.{name}={}", folder.join(name.trim_end_matches("fs")).display());
    let flags = ["procfs", "sysfs", "rootfs"].map(path).into_iter();
    let collectors = ["cpu", "diskstats", "filesystem"];
    beside(agent, &collectors, flags.collect(), format!("{CPUS} CPUs, {DISKS} disks, {MOUNTS} mounts"))
}

/// Measures on the interfaces that there are here.
pub(super) fn interfaces(agent: &Path) -> Result<Table> {
    let folder = "/sys/class/net";
    let count = fs::read_dir(folder).doing(format_args!("reading {folder}"))?.count();
    beside(agent, &["netdev", "netclass"], Vec::new(), format!("{count} interfaces"))
}

/// Runs `bench interfaces` in a name space that has many. A machine may not allow that: then it is said.
pub(super) fn interfaces_of_a_name_space() -> Result<()> {
    let myself = std::env::current_exe().doing("looking for this executable")?;
    // sysfs tells of the name space in which it was mounted.
    let inside = format!(
        "mount -t sysfs sysfs /sys && ip link set lo up &&
        seq {PAIRS} | sed 's/.*/link add relink& type veth peer name peer&/' | ip -batch - &&
        exec \"$0\" bench interfaces"
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "sh", "-c", &inside]).arg(myself);
    let ended = command.status().doing("starting unshare")?;
    if !ended.success() {
        return Err(Failure::new(format!(
            "{PAIRS} pairs of interfaces in a name space: {ended}; it takes unshare(1), ip(8), and a kernel with veth that \
             lets this user have name spaces"
        )));
    }
    Ok(())
}

fn beside(agent: &Path, collectors: &[&str], mut flags: Vec<String>, title: String) -> Result<Table> {
    flags.extend(flags_for(collectors));
    let side = |program, flags: &[String], is_agent: bool| {
        let own = ["run", "--print", "none"].into_iter().take(if is_agent { 3 } else { 0 });
        Side { program, args: own.map(str::to_owned).chain(flags.iter().cloned()).collect() }
    };
    let small = side(agent.to_owned(), &flags_for(&["loadavg"]), true).start()?;
    let peer = on_path(PEER).map(|program| side(program, &flags, false));
    let sides = [Some(side(agent.to_owned(), &flags, true)), peer].into_iter().flatten();
    let servers: Vec<_> = sides.map(|side| side.start()).collect::<Result<_>>()?;

    let [cpu, latency, _] = back_to_back(&servers, SCRAPES_A_ROUND)?;
    let shown: Vec<_> = servers.iter().map(|server| samples(&server.address)).collect::<Result<_>>()?;
    let memory: Vec<_> = servers.iter().map(Server::resident).collect::<Result<_>>()?;
    back_to_back(std::slice::from_ref(&small), SCRAPES_A_ROUND)?;
    let a_series = (memory[0] - small.resident()?) * 1024.0 * 1024.0 / shown[0];
    let row = |what: &str, unit, figures: &[f64], bar| Row {
        what: what.into(),
        unit,
        own: figures[0],
        peer: figures.get(1).copied(),
        bar,
    };
    Ok(Table {
        title: format!("{title}, {}, medians.", today()?),
        peer: "node_exporter",
        rows: vec![
            row("samples of these collectors", "", &shown, Bar::None),
            row("CPU per scrape", "ms", &cpu, Bar::AtMost(CPU)),
            row("latency p50", "ms", &latency, Bar::None),
            row("resident memory", "MiB", &memory, Bar::AtMost(MEMORY)),
            row(
                "resident bytes a series, beyond an agent with one collector",
                "",
                &[a_series],
                Bar::Below(BYTES_A_SERIES),
            ),
        ],
        notes: vec![format!("Both sides ran with the collectors {} only.", collectors.join(", "))],
    })
}

/// Writes what the collectors cpu, diskstats and filesystem of both sides read.
fn tree(folder: &Path) -> Result<()> {
    let write = |file: &str, text: &str| {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).doing(format_args!("making {}", parent.display()))?;
        fs::write(&path, text).doing(format_args!("writing {}", path.display()))
    };
    let mut stat = String::from("cpu  10240 0 10240 102400 0 0 0 0 0 0\n");
    let mut disks = String::new();
    let (mut mountinfo, mut mounts) = (String::new(), String::new());
    // Writing to a String does not fail.
    for at in 0..CPUS {
        let _ = writeln!(stat, "cpu{at} {} 7 {} {} 11 0 3 0 0 0", 1000 + at, 500 + at, 90_000 + at);
    }
    stat.push_str("intr 1 0\nctxt 2\nbtime 1700000000\nprocesses 3\nprocs_running 1\nprocs_blocked 0\nsoftirq 1 0 0 0 0 0 0 0 0 0 0\n");
    for at in 0..DISKS {
        let _ = writeln!(disks, " 259 {at} nvme{at}n1 {at} 1 2 3 4 5 6 7 0 8 9 10 11 12 13 14 15");
    }
    for at in 0..MOUNTS {
        let point = format!("/var/lib/pods/{at:06}/volume");
        let _ = writeln!(mountinfo, "{} 1 259:{at} / {point} rw,relatime - ext4 /dev/nvme{at}n1 rw", at + 2);
        let _ = writeln!(mounts, "/dev/nvme{at}n1 {point} ext4 rw,relatime 0 0");
        let real = folder.join("root").join(&point[1..]);
        fs::create_dir_all(&real).doing(format_args!("making {}", real.display()))?;
    }
    write("proc/stat", &stat)?;
    write("proc/diskstats", &disks)?;
    // Which of them is read depends on the version.
    for process in ["1", "self"] {
        write(&format!("proc/{process}/mountinfo"), &mountinfo)?;
        write(&format!("proc/{process}/mounts"), &mounts)?;
    }
    write("sys/devices/system/cpu/online", &format!("0-{}\n", CPUS - 1))
}
