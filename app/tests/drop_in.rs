//! In the place of node_exporter: under its name, with its command lines, at its port.
//!
//! Its port is a fixed one, and its folder is the machine's: each test runs in a network and in mounts of its own.
#![cfg(target_os = "linux")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use relink_testkit::{Agent, Answer, Connection, absent, command, installed, skip};
use support::{Folder, RELINK, ended};

const QUIET: &str = "print = \"none\"\n[history]\ninterval = 0\n";
/// Another address of the machine than loopback's, in a network of its own.
const OTHER: &str = "192.0.2.7";
/// The folder of Debian's package.
const TEXTS: &str = "/var/lib/prometheus/node-exporter";
/// Names by which scrapers know a machine.
const NAMES: [&str; 3] = ["web-1.internal:9100", "box", "box.example."];
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Whether this is the process that runs the test `name` apart from the machine; else it starts that process and sees
/// it succeed.
fn apart(name: &str) -> bool {
    const APART: &str = "TEST_APART";
    // `/var/lib` is on every machine, and nothing in it is wanted here.
    let setup = format!(
        "ip link set lo up && ip address add {OTHER}/32 dev lo && mount -t tmpfs none /var/lib && exec \"$@\""
    );
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let what = format!("{name}, in a network of its own");
    if let Some(program) = ["unshare", "ip", "mount"].into_iter().find(|program| installed(program).is_none())
    {
        skip(&what, &format!("{program} is not installed"));
        return false;
    }
    let alone = |words: &[&str]| {
        let mut command = Command::new("unshare");
        // Who is not root may be root of a namespace, where the kernel lets them.
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        command.args(if is_root {
            &["--net", "--mount"][..]
        } else {
            &["--map-root-user", "--net", "--mount"]
        });
        command.args(["sh", "-c", &setup, "sh"]).args(words);
        command.env(APART, "1").output().unwrap()
    };
    let tried = alone(&["true"]);
    if !tried.status.success() {
        absent(&what, String::from_utf8_lossy(&tried.stderr).trim());
        return false;
    }
    let test = std::env::current_exe().unwrap();
    let ran = alone(&[test.to_str().unwrap(), "--exact", name, "--nocapture"]);
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// The executable under another name, as a file of its own or as a link.
fn called(folder: &Folder, name: &str, is_link: bool) -> Command {
    let path = folder.path(name);
    if is_link && !path.exists() {
        symlink(RELINK, &path).unwrap();
    } else if !is_link {
        std::fs::copy(RELINK, &path).unwrap();
    }
    let mut command = command(path.to_str().unwrap());
    command.current_dir(folder.root());
    command
}

fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let address: SocketAddr = address.parse().unwrap();
    let connection = Connection::open(address);
    let mut connection = connection.unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
    connection.request(method, path, headers, b"").unwrap()
}

/// Serves there under each name, and its reload keeps the list.
fn is_open_at(address: &str) {
    for name in NAMES.into_iter().chain([address, "localhost"]) {
        let answer = ask(address, "GET", "/metrics", &[("Host", name)]);
        assert!(answer.status == 200 && answer.text().contains("node_load1 "), "{name}: {}", answer.text());
    }
    for name in NAMES {
        assert_eq!(ask(address, "PUT", "/plugins/reload", &[("Host", name)]).status, 421, "{name}");
    }
}

#[test]
fn under_its_name_it_does_what_node_exporter_does() {
    if !apart("under_its_name_it_does_what_node_exporter_does") {
        return;
    }
    std::fs::create_dir_all(TEXTS).unwrap();
    std::fs::write(format!("{TEXTS}/own.prom"), "my_own 17\n").unwrap();
    for (name, is_link) in [("node_exporter", false), ("prometheus-node-exporter", true)] {
        let folder = Folder::new(QUIET);
        let mut agent = Agent::from(called(&folder, name, is_link));
        assert_eq!(agent.address.to_string(), "[::]:9100", "{name}");
        let serves = |generation: f64| {
            for address in ["127.0.0.1:9100", "[::1]:9100", &format!("{OTHER}:9100")] {
                is_open_at(address);
                let page = ask(address, "GET", "/metrics", &[]).text();
                assert!(page.contains("\nmy_own 17\n"), "{name}: {page}");
                assert!(page.contains(&format!("\nrelink_generation {generation}\n")), "{name}: {page}");
            }
            // The reload is for its own user on loopback, and for nobody at another address.
            let answer = ask(&format!("{OTHER}:9100"), "PUT", "/plugins/reload?force=true", &[]);
            assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        };
        serves(1.0);
        let reload = ask("127.0.0.1:9100", "PUT", "/plugins/reload?force=true", &[]);
        assert_eq!(reload.json()["outcome"], "committed", "{name}: {}", reload.text());
        serves(2.0);
        assert_eq!(agent.proc("cmdline").split('\0').next().unwrap(), folder.path(name).to_str().unwrap());
        agent.signal("TERM");
        assert!(agent.wait().success());
    }
}

#[test]
fn a_token_that_was_set_up_still_lets_its_bearer_reload() {
    if !apart("a_token_that_was_set_up_still_lets_its_bearer_reload") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new(&format!("{QUIET}[reload]\ntoken_file = \"token\"\n"));
    folder.write("token", TOKEN);
    std::fs::set_permissions(folder.path("token"), PermissionsExt::from_mode(0o600)).unwrap();
    let _agent = Agent::from(called(&folder, "node_exporter", true));
    let bearer = format!("Bearer {TOKEN}");
    let put =
        |headers: &[(&str, &str)]| ask(&format!("{OTHER}:9100"), "PUT", "/plugins/reload", headers).status;
    assert_eq!(put(&[]), 401);
    assert_eq!(put(&[("Authorization", &bearer)]), 200);
    assert_eq!(put(&[("Authorization", &bearer), ("Host", NAMES[0])]), 421);
}

#[test]
fn what_is_set_counts_more_than_the_name() {
    if !apart("what_is_set_counts_more_than_the_name") {
        return;
    }
    let folder = Folder::new(&format!("listen = \"127.0.0.1:8000\"\n{QUIET}"));
    let agent = Agent::from(called(&folder, "node_exporter", true));
    assert_eq!(agent.address.to_string(), "127.0.0.1:8000");
    drop(agent);
    folder.write("relink.toml", format!("drop_in = false\n{QUIET}"));
    let agent = Agent::from(called(&folder, "node_exporter", true));
    assert_eq!(agent.address.to_string(), "127.0.0.1:8000");
    drop(agent);
    folder.write("relink.toml", QUIET);
    let mut by_variable = folder.command(&[]);
    by_variable.env("RELINK_DROP_IN", "true");
    for command in [folder.command(&["--drop-in"]), by_variable] {
        assert_eq!(Agent::from(command).address.to_string(), "[::]:9100");
    }

    // The folder is taken where it is, and where no other is set.
    let check = |arguments: &[&str]| {
        let ended = ended(folder.command(&[&["check", "--drop-in"], arguments].concat()));
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        ended.stdout
    };
    let without = check(&[]);
    assert!(without.contains("  drop_in = true (flag; not set by default)\n"), "{without}");
    assert!(
        without.contains("  listen = \"[::]:9100\" (drop-in; default \"127.0.0.1:8000\")\n"),
        "{without}"
    );
    assert!(!without.contains("textfile.directory"), "{without}");
    std::fs::create_dir_all(TEXTS).unwrap();
    let line = format!("  collectors.textfile.directory = \"{TEXTS}\" (drop-in; not set by default)\n");
    let with = check(&[]);
    assert!(with.contains(&line), "{with}");
    let set = check(&["--collector.textfile.directory=/tmp", "--web.listen-address=127.0.0.1:9100"]);
    assert!(set.contains("textfile.directory = \"/tmp\" (flag;"), "{set}");
    assert!(
        set.contains("  listen = \"127.0.0.1:9100\" (flag;") && set.contains(": this machine only;"),
        "{set}"
    );
}
