//! On a running agent with all plugins: a file that is missing, empty, cut, garbled or not to be opened costs its own
//! collector at most, which says so.
#![cfg(target_os = "linux")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use relink_testkit::Agent;
use support::Folder;

const IDLE: &str = "avg10=0.00 avg60=0.00 avg300=0.00 total=1";

/// One file of each kind that the plugins read at every collection.
fn machine() -> Vec<(&'static str, String)> {
    let pressure = format!("some {IDLE}\nfull {IDLE}\n");
    let sockets = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                   0: 0100007F:0277 00000000:0000 07 00000000:00000000\n";
    [
        ("proc/1/mountinfo", "36 35 8:1 / / rw,noatime - ext4 /dev/root rw\n"),
        ("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n"),
        ("proc/interrupts", "      CPU0\n 0: 9 IO-APIC 2-edge timer\nNMI: 0 Non-maskable interrupts\n"),
        ("proc/loadavg", "0.90 0.76 1.39 2/78 115514\n"),
        ("proc/meminfo", "MemTotal: 8167848 kB\nMemFree: 1409696 kB\nHugePages_Total: 0\n"),
        (
            "proc/net/arp",
            "IP address HW type Flags HW address Mask Device\n192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0\n",
        ),
        (
            "proc/net/netstat",
            "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 1 2\nIpExt: InOctets OutOctets\nIpExt: 3 4\n",
        ),
        ("proc/net/snmp", "Tcp: ActiveOpens CurrEstab\nTcp: 5 6\nUdp: InDatagrams NoPorts\nUdp: 7 8\n"),
        ("proc/net/snmp6", "Ip6InOctets 1\nUdp6InDatagrams 2\n"),
        ("proc/net/sockstat", "sockets: used 16\nTCP: inuse 1 orphan 0 tw 2 alloc 3 mem 4\n"),
        ("proc/net/sockstat6", "TCP6: inuse 1\nUDP6: inuse 2\n"),
        ("proc/net/softnet_stat", "002246c7 00000001 00000002 0 0 0 0 0 0 00000003 00000004\n"),
        ("proc/net/udp", sockets),
        ("proc/net/udp6", sockets),
        ("proc/pressure/cpu", &pressure),
        ("proc/pressure/io", &pressure),
        ("proc/pressure/memory", &pressure),
        ("proc/schedstat", "version 15\ntimestamp 1\ncpu0 1 0 2 3 4 5 6 7 8\ncpu1 1 0 2 3 4 5 6 7 8\n"),
        ("proc/stat", "cpu 3 0 3 3\ncpu0 1 0 2 3\ncpu1 2 0 1 0\nintr 5 5\nctxt 7\nbtime 1\nprocesses 2\n"),
        ("proc/sys/fs/file-nr", "704 0 2466170\n"),
        ("proc/sys/kernel/pid_max", "32768\n"),
        ("proc/sys/kernel/random/entropy_avail", "256\n"),
        ("proc/sys/kernel/threads-max", "126000\n"),
        ("proc/sys/net/netfilter/nf_conntrack_count", "5\n"),
        ("proc/sys/net/netfilter/nf_conntrack_max", "65536\n"),
        ("proc/vmstat", "oom_kill 0\npgfault 4\npswpin 5\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "45000\n"),
        ("sys/class/net/eth0/mtu", "1500\n"),
        ("sys/class/power_supply/BAT0/capacity", "81\n"),
        ("sys/class/thermal/thermal_zone0/temp", "27800\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2000000\n"),
    ]
    .map(|(path, content)| (path, content.to_owned()))
    .to_vec()
}

/// The series of a page that are of a collector, and how it fared.
struct Page {
    series: BTreeSet<String>,
    failed: BTreeSet<String>,
    warned: BTreeMap<String, f64>,
}

impl Page {
    fn of(agent: &Agent, query: &str) -> Page {
        let text = agent.get(&format!("/metrics{query}")).text();
        let mut page = Page { series: BTreeSet::new(), failed: BTreeSet::new(), warned: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a sample line");
            let of = |family: &str| series.strip_prefix(family)?.split('"').nth(1).map(str::to_owned);
            if let Some(collector) = of("node_scrape_collector_success") {
                page.failed.extend((value == "0").then_some(collector));
            } else if let Some(collector) = of("relink_collector_warnings_total") {
                page.warned.insert(collector, value.parse().expect("a number"));
            } else if series.starts_with("node_") && !series.starts_with("node_scrape_") {
                page.series.insert(series.to_owned());
            }
        }
        page
    }
}

/// Each collector's series on the good machine.
fn owners(agent: &Agent) -> BTreeMap<String, String> {
    let plugins = agent.get("/plugins").json();
    let collectors = plugins["plugins"].as_array().unwrap().iter().flat_map(|plugin| {
        let collectors = plugin["collectors"].as_array().unwrap().iter();
        collectors.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    let mut owners = BTreeMap::new();
    for name in collectors {
        let of_one = agent.get(&format!("/metrics?collect[]={name}"));
        // One that is off can't be asked for.
        if of_one.status == 200 {
            let series = Page::of(agent, &format!("?collect[]={name}")).series;
            owners.extend(series.into_iter().map(|one| (one, name.clone())));
        }
    }
    owners
}

fn spoil(path: &Path, how: &str, good: &str) {
    match how {
        "missing" => fs::remove_file(path).unwrap(),
        "empty" => fs::write(path, "").unwrap(),
        "cut" => fs::write(path, &good[..good.len() / 2]).unwrap(),
        "garbled" => fs::write(path, b"\xff\x00 (null) -1 nan\n18446744073709551616 \xc3\n").unwrap(),
        // A link to itself can't be opened by anybody, not by root either.
        "not to be opened" => {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap();
        }
        other => unreachable!("{other}"),
    }
}

#[test]
fn an_odd_file_costs_its_own_collector_at_most() {
    let folder = Folder::new("print = \"none\"\n[history]\ninterval = 0\n");
    let machine = machine();
    for (file, content) in &machine {
        fs::create_dir_all(folder.path(file).parent().unwrap()).unwrap();
        folder.write(file, content);
    }
    let at = |name: &str| folder.path(name).display().to_string();
    let agent = folder.start(&["--path.procfs", &at("proc"), "--path.sysfs", &at("sys")]);
    let owners = owners(&agent);
    let good = Page::of(&agent, "");
    assert!(good.failed.is_empty() && good.series.len() > 80, "{:?} {:?}", good.failed, good.series);
    let mut problems = Vec::new();
    for (file, content) in &machine {
        for how in ["missing", "empty", "cut", "garbled", "not to be opened"] {
            let before = Page::of(&agent, "");
            spoil(&folder.path(file), how, content);
            let page = Page::of(&agent, "");
            let lost = good.series.difference(&page.series).map(|series| owners[series].as_str());
            let touched: BTreeSet<&str> = lost.chain(page.failed.iter().map(String::as_str)).collect();
            // The one file that two collectors read.
            let most = if *file == "proc/stat" { 2 } else { 1 };
            if touched.len() > most {
                problems.push(format!("{file} {how}: it takes along {touched:?}"));
            }
            let says = |name: &&&str| {
                page.failed.contains(**name) || page.warned.get(**name) > before.warned.get(**name)
            };
            if how == "missing" {
                problems.extend(page.failed.iter().map(|name| format!("{file} missing: {name} has failed")));
            } else if let Some(silent) = touched.iter().find(|name| !says(name))
                // A machine without disks has an empty file; and what is cut between two lines, or at a place where an
                // older kernel's line ends, can't be told from a shorter one.
                && (*file, how) != ("proc/diskstats", "empty")
                && how != "cut"
            {
                problems.push(format!("{file} {how}: {silent} says nothing of it"));
            }
            fs::remove_file(folder.path(file)).ok();
            folder.write(file, content);
            let after = Page::of(&agent, "");
            if after.series != good.series || !after.failed.is_empty() {
                problems.push(format!("{file} {how} and restored: {:?}", after.failed));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(agent.get("/-/ready").status, 200);
}
