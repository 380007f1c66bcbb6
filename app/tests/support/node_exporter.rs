//! A real node_exporter, to be compared with.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use relink_testkit::{Connection, installed, until};

/// node_exporter's collectors that relink has, in its plugins of whatever name.
const COLLECTORS: &[&str] = &[
    "arp",
    "bcache",
    "bonding",
    "btrfs",
    "buddyinfo",
    "cgroups",
    "conntrack",
    "cpu",
    "cpu.info",
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
];

/// The flags that have these collectors run and no others, for either of the two.
pub fn collectors() -> Vec<String> {
    let on = COLLECTORS.iter().map(|collector| format!("--collector.{collector}"));
    std::iter::once("--collector.disable-defaults".to_owned()).chain(on).collect()
}

/// A running node_exporter, killed when this is dropped.
pub struct NodeExporter {
    child: Child,
    pub address: SocketAddr,
}

impl NodeExporter {
    /// The executable, under one of the names that it has.
    pub fn installed() -> Option<PathBuf> {
        ["node_exporter", "prometheus-node-exporter"].into_iter().find_map(installed)
    }

    /// Starts it with [`COLLECTORS`] alone, and these further arguments.
    /// With the collectors that relink has, and these arguments.
    pub fn start(executable: &Path, arguments: &[&str]) -> Self {
        let collectors = collectors();
        let collectors: Vec<&str> = collectors.iter().map(String::as_str).collect();
        Self::start_with(executable, &[&collectors[..], arguments].concat())
    }

    /// With these arguments alone.
    pub fn start_with(executable: &Path, arguments: &[&str]) -> Self {
        // It does not tell which port it got for :0, so one is looked for that is free now.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let mut command = Command::new(executable);
        command.arg(format!("--web.listen-address={address}"));
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
        NodeExporter { child, address }
    }

    /// Its page, as soon as it answers.
    pub fn metrics(&self) -> String {
        until("node_exporter answers", || {
            let answer = Connection::open(self.address).and_then(|mut connection| connection.get("/metrics"));
            Some(answer.ok()?.text())
        })
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
