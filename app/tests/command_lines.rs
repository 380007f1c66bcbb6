//! The command lines of real installations of node_exporter: with each of them the executable starts under its name, serves
//! where its scraper looks, and answers under the names that scrapers use.
//!
//! They name ports and folders of a whole machine, so all of this runs in namespaces of its own, where nobody else
//! listens and `/host` is what it is in a container.

#![cfg(target_os = "linux")]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use relink_testkit::{Agent, Answer, Connection, command, installed, skip};
use support::{RELINK, ended};

/// An address of the machine that is not its loopback's.
const ADDRESS: &str = "10.1.2.3";

/// A command line, where it is served, and what `/metrics` shows.
struct Line {
    whose: &'static str,
    /// With `DIR` for the folder of text files, and `HOST_IP` for the machine's address.
    arguments: &'static str,
    at: &'static [&'static str],
    shows: &'static [&'static str],
}

const EVERYWHERE: &[&str] = &["127.0.0.1:9100", "10.1.2.3:9100", "[::1]:9100"];
const OF_V4: &[&str] = &["127.0.0.1:9100", "10.1.2.3:9100"];
const TEXTS: &str = "node_backup_ok 1\n";
const SYSTEMD: &str = "node_scrape_collector_success{collector=\"systemd\"} 1\n";
/// What nothing stands for has failed.
const NO_PERF: &str = "node_scrape_collector_success{collector=\"perf\"} 0\n";

const LINES: &[Line] = &[
    Line { whose: "Debian's default file", arguments: "", at: EVERYWHERE, shows: &["node_load1 "] },
    Line {
        whose: "node_exporter's systemd example, without its socket",
        arguments: "--web.systemd-socket --collector.textfile.directory DIR",
        at: EVERYWHERE,
        shows: &[TEXTS],
    },
    Line {
        whose: "its init.d example",
        arguments: "--web.listen-address=:9100",
        at: EVERYWHERE,
        shows: &["node_load1 "],
    },
    Line {
        whose: "the Ansible role, default",
        arguments: "--collector.systemd --collector.textfile --collector.textfile.directory=DIR \
                    --web.listen-address=0.0.0.0:9100 --web.telemetry-path=/metrics",
        at: OF_V4,
        shows: &[TEXTS, SYSTEMD],
    },
    Line {
        whose: "the Ansible role, two addresses",
        arguments: "--collector.systemd --collector.textfile --collector.textfile.directory=DIR \
                    --web.listen-address=127.0.0.1:8080 --web.listen-address=127.0.1.1:8080",
        at: &["127.0.0.1:8080", "127.0.1.1:8080"],
        shows: &[TEXTS, SYSTEMD],
    },
    Line {
        whose: "kube-prometheus' DaemonSet",
        arguments: "--web.listen-address=127.0.0.1:9101 --path.sysfs=/host/sys --path.rootfs=/host/root \
                    --path.udev.data=/host/root/run/udev/data --no-collector.wifi --no-collector.hwmon \
                    --no-collector.btrfs \
                    --collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run/k3s/containerd/.+|var/lib/docker/.+|var/lib/kubelet/pods/.+)($|/) \
                    --collector.netclass.ignored-devices=^(veth.*|[a-f0-9]{15})$ \
                    --collector.netdev.device-exclude=^(veth.*|[a-f0-9]{15})$",
        at: &["127.0.0.1:9101"],
        shows: &["node_network_up{device=\"lo\"}"],
    },
    Line {
        whose: "the community Helm chart, default",
        arguments: "--path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host/root \
                    --path.udev.data=/host/root/run/udev/data --web.listen-address=[HOST_IP]:9100",
        at: &["10.1.2.3:9100"],
        shows: &["node_load1 "],
    },
    Line {
        whose: "the chart behind a proxy",
        arguments: "--path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host/root \
                    --path.udev.data=/host/root/run/udev/data --web.listen-address=[127.0.0.1]:8100",
        at: &["127.0.0.1:8100"],
        shows: &["node_load1 "],
    },
    Line {
        whose: "the chart on all interfaces",
        arguments: "--path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host/root \
                    --path.udev.data=/host/root/run/udev/data --web.listen-address=[0.0.0.0]:9100",
        at: OF_V4,
        shows: &["node_load1 "],
    },
    Line {
        whose: "docker run and compose of the README",
        arguments: "--path.rootfs=/host",
        at: EVERYWHERE,
        shows: &["node_filesystem_size_bytes{"],
    },
    Line {
        whose: "fields for everything",
        arguments: "--collector.netstat.fields=.* --collector.vmstat.fields=.*",
        at: EVERYWHERE,
        shows: &["node_netstat_Tcp_MaxConn ", "node_vmstat_nr_free_pages "],
    },
    Line {
        whose: "the dashboard's advice",
        arguments: "--collector.systemd --collector.processes",
        at: EVERYWHERE,
        shows: &[SYSTEMD, "node_processes_pids "],
    },
    Line {
        whose: "a default that is named",
        arguments: "--collector.zfs --collector.logind",
        at: EVERYWHERE,
        shows: &[
            "node_scrape_collector_success{collector=\"zfs\"} 1\n",
            "node_scrape_collector_success{collector=\"logind\"} 0\n",
            "node_scrape_collector_duration_seconds{collector=\"logind\"} 0\n",
        ],
    },
    Line {
        whose: "names that a version does not know",
        arguments: "--no-collector.nvmesubsystem --no-collector.of-next-year --no-collector.zfs",
        at: EVERYWHERE,
        shows: &["node_load1 "],
    },
    Line {
        whose: "defaults that are written out",
        arguments: "--web.config.file= --no-web.disable-exporter-metrics --collector.filesystem.mount-timeout=10s \
                    --collector.textfile.directory= --web.max-requests=40 --runtime.gomaxprocs 1",
        at: EVERYWHERE,
        shows: &["process_resident_memory_bytes ", "node_exporter_build_info{"],
    },
    Line {
        whose: "what tunes collectors that are not here",
        arguments: "--collector.systemd --collector.systemd.unit-include=^ssh.*$ \
                    --collector.systemd.enable-restarts-metrics --collector.systemd.unit-exclude .+\\.mount \
                    --collector.perf --collector.ntp.server 127.0.0.1 --collector.perf.cpus= \
                    --no-collector.rapl.enable-zone-label",
        at: EVERYWHERE,
        shows: &[SYSTEMD, NO_PERF],
    },
];

/// In the environment of this test within its namespaces: the folder to work in.
const INSIDE: &str = "COMMAND_LINES_INSIDE";

/// What makes the namespace a machine: an address, and a root in which `/host` has what a container would see there.
/// Nothing of it is left behind.
const MACHINE: &str = r#"
set -e
root=$1; shift
ip link set lo up
ip address add 10.1.2.3/32 dev lo
mount -t tmpfs none "$root"
for entry in /*; do
    if [ -L "$entry" ]; then cp -P "$entry" "$root$entry"
    elif [ -d "$entry" ]; then mkdir "$root$entry"; mount --rbind "$entry" "$root$entry"
    fi
done
mkdir -p "$root/host"
mount --rbind / "$root/host"
mkdir -p "$root/host/root"
mount --rbind / "$root/host/root"
exec chroot "$root" "$@"
"#;

#[test]
fn each_command_line_starts_and_is_served_where_its_scraper_looks() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    let what = "the command lines of real installations";
    if let Some(missing) =
        ["unshare", "ip", "mount", "chroot"].into_iter().find(|name| installed(name).is_none())
    {
        return skip(what, &format!("{missing} is not installed"));
    }
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let unshare = || {
        let mut unshare = command("unshare");
        // Who is not root is made root of a user namespace, where the machine allows that.
        unshare.args((!is_root).then_some("--map-root-user")).args(["--net", "--mount"]);
        unshare
    };
    let mut trial = unshare();
    trial.args(["ip", "link", "set", "lo", "up"]);
    let trial = ended(trial);
    if trial.code != Some(0) {
        return skip(what, &format!("this machine gives no namespaces: {}", trial.stderr.trim()));
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let mut test = unshare();
    test.args(["sh", "-c", MACHINE, "sh"]).arg(&root).arg(std::env::current_exe().unwrap());
    test.args(["--exact", "each_command_line_starts_and_is_served_where_its_scraper_looks", "--nocapture"]);
    test.env(INSIDE, folder.path()).stdin(Stdio::null());
    let output = test.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "the test ran inside: {said}");
}

/// The same, within the namespaces: all lines are tried, and those that fail are told together.
fn inside(folder: &Path) {
    // Under node_exporter's name, as one that takes its place.
    let executable = folder.join("node_exporter");
    std::os::unix::fs::symlink(RELINK, &executable).unwrap();
    let texts = folder.join("texts");
    std::fs::create_dir(&texts).unwrap();
    std::fs::write(texts.join("backup.prom"), TEXTS).unwrap();
    let failures: Vec<_> = LINES.iter().filter_map(|line| line.fails(&executable, &texts)).collect();
    assert!(
        failures.is_empty(),
        "{} of {} lines fail:\n{}",
        failures.len(),
        LINES.len(),
        failures.join("\n")
    );
    by_socket(&executable, &texts);
}

impl Line {
    fn fails(&self, executable: &Path, texts: &Path) -> Option<String> {
        self.check(executable, texts).err().map(|why| format!("{}: {}: {why}", self.whose, self.arguments))
    }

    fn check(&self, executable: &Path, texts: &Path) -> Result<(), String> {
        let words = self.arguments.split_whitespace();
        let words =
            words.map(|word| word.replace("DIR", &texts.display().to_string()).replace("HOST_IP", ADDRESS));
        let mut command = start(executable);
        command.args(words);
        let agent = Agent::try_from(command).map_err(|(status, said)| format!("{status}: {said}"))?;
        let addresses = self.at.iter().map(|address| address.parse().unwrap());
        for address in addresses {
            let page = asked(address)?;
            for line in self.shows {
                if !page.contains(line) {
                    return Err(format!("{line:?} is not shown at {address}; stderr: {}", agent.stderr()));
                }
            }
        }
        self.reloads(&agent)
    }

    /// The next image proves itself under the same name, or it would refuse what the name allows; and has all sockets.
    fn reloads(&self, agent: &Agent) -> Result<(), String> {
        let (here, port) = (std::net::Ipv4Addr::LOCALHOST, agent.address.port());
        let Ok(mut connection) = Connection::open(SocketAddr::from((here, port))) else {
            // It listens on one address that is not the loopback's, where nobody may ask for a reload without a token.
            return Ok(());
        };
        let answer = connection.request("PUT", "/plugins/reload?force=true", &[("Host", "localhost")], &[]);
        let answer = answer.map_err(|error| format!("the reload: {error}"))?;
        if answer.json()["outcome"] != "committed" {
            return Err(format!("the reload: {}", answer.text()));
        }
        for address in self.at {
            asked(address.parse().unwrap())?;
        }
        Ok(())
    }
}

fn start(executable: &Path) -> Command {
    let mut command = command(&executable.display().to_string());
    // Without a relink.toml.
    command.current_dir(executable.parent().unwrap());
    command
}

/// Asks as scrapers do, and as nobody may; the page, or what was not as it should be.
fn asked(address: SocketAddr) -> Result<String, String> {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let names = [machine, "web-1.internal".to_owned(), format!("web-1.internal:{}", address.port())];
    let ask = |method: &str, path: &str, host: &str| -> Result<Answer, String> {
        let asked = Connection::open(address)
            .and_then(|mut connection| connection.request(method, path, &[("Host", host)], &[]));
        asked.map_err(|error| format!("{method} at {address} as {host}: {error}"))
    };
    let expect = |method: &str, path: &str, host: &str, status: u16| {
        let answer = ask(method, path, host)?;
        match answer.status {
            found if found == status => Ok(answer.text()),
            found => Err(format!("{method} {path} at {address} as {host}: {found}: {}", answer.text())),
        }
    };
    for name in &names {
        expect("GET", "/metrics", name, 200)?;
        expect("PUT", "/plugins/reload", name, 421)?;
    }
    expect("GET", "/metrics", "localhost", 200)?;
    expect("GET", "/metrics", &address.to_string(), 200)
}

/// The systemd example with its socket, which a unit of its own makes.
fn by_socket(executable: &Path, texts: &Path) {
    let sockets = [(); 2].map(|()| TcpListener::bind((ADDRESS, 0)).unwrap());
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let texts: PathBuf = texts.to_owned();
    let arguments = ["--web.systemd-socket", "--collector.textfile.directory", texts.to_str().unwrap()];
    let agent = Agent::activated(executable.to_str().unwrap(), &arguments, sockets.map(Into::into));
    let agent = agent.unwrap_or_else(|(status, said)| panic!("{status}: {said}"));
    for address in addresses {
        let page = asked(address).unwrap_or_else(|why| panic!("{why}; stderr: {}", agent.stderr()));
        assert!(page.contains(TEXTS), "{page}");
    }
}
