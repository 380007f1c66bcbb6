//! Descriptors: how many files the agent keeps open, how many it may have, and that it answers where there are few.
#![cfg(target_os = "linux")]

mod support;

use std::process::Command;

use relink_testkit::{Agent, absent, command, installed, until};
use support::{Folder, RELINK, ended};

/// The real executable with all its plugins on this machine, with this soft and this hard limit of open files.
fn with_limits(soft: u32, hard: u32) -> Agent {
    let mut shell = command("sh");
    let script = format!("ulimit -S -n {soft} && ulimit -H -n {hard} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, RELINK, "--listen", "127.0.0.1:0", "--print", "none"]);
    Agent::from(shell)
}

/// How many plugins' collections succeed.
fn succeeding(agent: &Agent) -> usize {
    let text = agent.get("/metrics").text();
    text.lines()
        .filter(|line| line.starts_with("node_scrape_collector_success{") && line.ends_with(" 1"))
        .count()
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let agent = with_limits(100, 300);
    assert_eq!(agent.sample("process_max_fds"), Some(300.0));
}

#[test]
fn a_flood_of_clients_takes_all_descriptors_and_is_survived() {
    let calm = with_limits(20_000, 20_000);
    let all = succeeding(&calm);
    let usual = calm.descriptors();
    drop(calm);
    for limit in [48, 64] {
        let agent = with_limits(limit, limit);
        let kept = agent.descriptors();
        assert!(kept < usual, "{kept} of {limit}, and {usual} of many");
        assert_eq!(succeeding(&agent), all, "{limit}");
        let flood: Vec<_> = (0..3 * limit)
            .map(|_| {
                let mut half = agent.connect();
                let _ = half.send(b"GET /metrics HTTP/1.1\r\nHost: loc");
                half
            })
            .collect();
        assert_eq!(agent.get("/-/healthy").status, 200);
        drop(flood);
        until("every plugin succeeds again", || (succeeding(&agent) == all).then_some(()));
        assert!(!agent.stderr().contains("panicked"), "{}", agent.stderr());
    }
}

/// Many CPUs with a frequency each. Only the real sysfs has files that are kept, and there the only folders that one can
/// name are network devices: bridges of a name space of their own, `cpu0` and so on, with a folder `cpufreq` mounted into each.
const MANY_CPUS: &str = r#"
set -eu
relink=$1 limit=$2 cpus=$3
ip link set lo up
mkdir real sys files
mount -t sysfs none real
mkdir -p sys/devices/system/cpu proc
mount -t tmpfs none files
{ echo cpu 1 2 3 4; for c in $(seq 0 $((cpus - 1))); do echo "cpu$c 1 2 3 4"; done; } >proc/stat
for c in $(seq 0 $((cpus - 1))); do echo "link add cpu$c type bridge"; done >batch
ip -batch batch
mount --rbind real/devices/virtual/net sys/devices/system/cpu
for c in $(seq 0 $((cpus - 1))); do
    d=files/$c; mkdir -p $d/cpufreq
    for f in cur min max; do echo 1000000 >$d/cpufreq/scaling_${f}_freq; done
    echo performance >$d/cpufreq/scaling_governor
    mount --bind $d sys/devices/system/cpu/cpu$c
done
ulimit -n "$limit"
"$relink" --listen 127.0.0.1:0 --print none --path.procfs="$PWD/proc" --path.sysfs="$PWD/sys" \
    --collector.disable-defaults --collector.cpu --collector.cpufreq >/dev/null 2>said &
agent=$!
trap 'kill $agent; wait $agent || true' EXIT
until url=$(sed -n 's/^listening on //p' said) && [ -n "$url" ]; do kill -0 $agent; sleep 0.05; done
curl -sf "$url/metrics" >page
curl -sf "$url/metrics" >page
grep -c '^node_cpu_scaling_frequency_hertz{' page
ls -l /proc/$agent/fd | grep -c scaling_cur_freq || true
ls -l /proc/$agent/fd | grep -c 'scaling_[mg]' || true
"#;

#[test]
fn a_machine_with_hundreds_of_cpus_is_read_with_512_descriptors() {
    let what = "hundreds of CPUs with a frequency each";
    for program in ["curl", "ip", "unshare"] {
        if installed(program).is_none() {
            return absent(what, &format!("{program} is not installed"));
        }
    }
    if !Command::new("unshare").args(["-m", "-n", "true"]).status().unwrap().success() {
        return absent(what, "not allowed to make a name space");
    }
    for (limit, cpus, most) in [("512", 450, 128), ("4096", 450, 450)] {
        let folder = Folder::new("");
        let mut command = command("unshare");
        command.args(["-m", "-n", "sh", "-c", MANY_CPUS, "sh", RELINK, limit, &cpus.to_string()]);
        command.current_dir(folder.root());
        let ended = ended(command);
        if ended.stderr.contains("type") && ended.stdout.is_empty() {
            return absent(what, ended.stderr.trim_end());
        }
        let numbers: Vec<usize> = ended.stdout.lines().map(|line| line.parse().unwrap()).collect();
        let [shown, kept, others] = numbers[..] else { panic!("{}", ended.stderr) };
        assert_eq!((shown, others), (cpus, 0), "{}", ended.stderr);
        assert!(
            kept > 0 && kept <= most && (kept == cpus || most < cpus),
            "{kept} files are kept of {limit}"
        );
    }
}
