//! What the tests of the reload share: the candidate with a folder of its own, and a look at what must not change.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use relink_testkit::{Agent, Answer, until};
use serde_json::Value;
use tempfile::TempDir;

/// The agent of these tests.
pub const CANDIDATE: &str = env!("CARGO_BIN_EXE_candidate");

/// A folder with a configuration, a builder and a word for what shall go wrong.
pub struct Setup {
    folder: TempDir,
}

impl Setup {
    /// `toml` goes on where the default ends: in the table `[reload]`.
    pub fn new(toml: &str) -> Setup {
        let setup = Setup { folder: tempfile::tempdir().unwrap() };
        setup.write("relink.toml", &format!("print = \"none\"\n[reload]\n{toml}"));
        setup.write("candidate", CANDIDATE);
        setup.write("build.sh", include_str!("build.sh"));
        setup
    }

    /// The same with the builder, which builds well until it is told otherwise.
    pub fn with_builder(toml: &str) -> Setup {
        let setup = Setup::new("");
        let script = setup.path("build.sh");
        setup.write(
            "relink.toml",
            &format!("print = \"none\"\n[reload]\nbuilder = [\"sh\", {script:?}]\n{toml}"),
        );
        setup.build("well");
        setup
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        // By renaming, so that nobody reads half of it.
        fs::write(self.path("half-written"), text).unwrap();
        fs::rename(self.path("half-written"), self.path(name)).unwrap();
    }

    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Says how the next build goes.
    pub fn build(&self, way: &str) {
        self.write("build", way);
    }

    /// Says what goes wrong with the next image.
    pub fn fault(&self, fault: &str) {
        self.write("fault", fault);
    }

    /// How often something was built.
    pub fn times_built(&self) -> usize {
        self.read("built").map_or(0, |lines| lines.lines().count())
    }

    /// The command that starts the candidate here.
    pub fn command(&self) -> Command {
        self.command_for(Path::new(CANDIDATE))
    }

    pub fn command_for(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(self.arguments()).env("CANDIDATE_FAULT_FILE", self.path("fault"));
        command
    }

    pub fn arguments(&self) -> [String; 5] {
        let config = self.path("relink.toml").display().to_string();
        ["run", "--listen", "127.0.0.1:0", "--config", &config].map(str::to_owned)
    }

    pub fn start(&self) -> Agent {
        Agent::from(self.command())
    }
}

/// Asks for a reload and returns its journal, after a look at the status.
pub fn reload(agent: &Agent, query: &str) -> Value {
    journal_of(&agent.put(&format!("/plugins/reload{query}")))
}

/// The journal in the answer of a reload; its outcome and the status must agree.
pub fn journal_of(answer: &Answer) -> Value {
    let journal = answer.json();
    let expected = match journal["outcome"].as_str() {
        Some("committed" | "unchanged") => 200,
        Some("refused") => 422,
        Some("rolled_back") => 500,
        Some("failed") => 503,
        _ => panic!("{journal}"),
    };
    assert_eq!(answer.status, expected, "{journal}");
    journal
}

/// The same reload as `GET /reloads/<id>` and the counters tell it. `count` is how many have ended so by now.
pub fn is_on_record(agent: &Agent, journal: &Value, count: u32) {
    let id = journal["id"].as_str().unwrap();
    assert_eq!(agent.get(&format!("/reloads/{id}")).json(), *journal);
    let outcome = journal["outcome"].as_str().unwrap();
    let series = format!("relink_reloads_total{{outcome=\"{outcome}\"}}");
    assert_eq!(agent.sample(&series), Some(f64::from(count)), "{series}");
    assert_eq!(agent.sample("relink_generation"), journal["generation"].as_f64());
}

/// What no reload may change, whatever comes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lasting {
    pub start_time: String,
    pub listener: String,
    pub descriptors: Vec<String>,
    pub threads: String,
    pub signals: Vec<String>,
    pub limits: String,
    pub arguments: String,
    pub zombies: usize,
}

impl Lasting {
    /// To be taken for a comparison after the first exec, which closes what a test runner left open.
    pub fn of(agent: &Agent) -> Lasting {
        // Some files are opened by the first scrape and stay open.
        assert_eq!(agent.get("/metrics?collect[]=counter").status, 200);
        let stat = agent.proc("stat");
        let status = agent.proc("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{name} in {status}")).trim().to_owned()
        };
        Lasting {
            // Field 22; the name in field 2 may hold spaces.
            start_time: stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().to_owned(),
            listener: listening_inode(agent),
            descriptors: descriptors(agent),
            threads: field("Threads"),
            // Signals 32 and 33 belong to libc.
            signals: vec![field("SigBlk"), field("SigPnd"), field("ShdPnd")],
            limits: agent.proc("limits"),
            arguments: agent.proc("cmdline"),
            zombies: children(agent).into_iter().filter(|state| state == "Z").count(),
        }
    }

    /// Waits until the agent is as it was: a connection that the test has closed may still be open over there.
    pub fn holds(&self, agent: &Agent) {
        let began = std::time::Instant::now();
        until("the agent is as it was", || {
            let now = Lasting::of(agent);
            if now != *self && began.elapsed().as_secs() > 20 {
                assert_eq!(now, *self);
            }
            (now == *self).then_some(())
        });
    }
}

/// The kernel's number of the listening socket.
fn listening_inode(agent: &Agent) -> String {
    let port = format!(":{:04X}", agent.address.port());
    let table = agent.proc("net/tcp");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|fields| fields[1].ends_with(&port) && fields[3] == "0A");
    line.expect("the listener is in the table")[9].to_owned()
}

/// What the agent's descriptors are, sorted: without connections, and the images are all called the same.
fn descriptors(agent: &Agent) -> Vec<String> {
    let folder = format!("/proc/{}/fd", agent.pid());
    let connections = connection_inodes(agent);
    let links = fs::read_dir(folder).unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut kinds: Vec<String> = links
        .map(|link| {
            let name = link.to_string_lossy().into_owned();
            let inode = name.strip_prefix("socket:[").and_then(|name| name.strip_suffix(']'));
            if inode.is_some_and(|inode| connections.iter().any(|connection| connection == inode)) {
                return "connection".to_owned();
            }
            match name.split_once(':').map_or(name.as_str(), |(kind, _)| kind) {
                _ if name.starts_with("/memfd:relink") || name == CANDIDATE => "image".to_owned(),
                kind => kind.to_owned(),
            }
        })
        .filter(|kind| kind != "connection")
        .collect();
    kinds.sort();
    kinds
}

/// The kernel's numbers of the sockets of connections.
fn connection_inodes(agent: &Agent) -> Vec<String> {
    let port = format!(":{:04X}", agent.address.port());
    let table = agent.proc("net/tcp");
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = lines.filter(|fields| fields[1].ends_with(&port) && fields[3] != "0A");
    own.map(|fields| fields[9].to_owned()).collect()
}

/// The states of the agent's child processes.
fn children(agent: &Agent) -> Vec<String> {
    let parent = agent.pid().to_string();
    let stats = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let fields = stats.filter_map(|stat| {
        let mut fields = stat.rsplit(')').next()?.split_whitespace().map(str::to_owned);
        Some((fields.next()?, fields.next()?))
    });
    fields.filter(|(_, of)| *of == parent).map(|(state, _)| state).collect()
}

/// Resident memory of the agent's own, in KiB: without the executable's pages, which come and go with the kernel's liking.
pub fn own_memory(agent: &Agent) -> u64 {
    let status = agent.proc("status");
    let kib = |key: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    };
    kib("RssAnon:") + kib("RssShmem:")
}
