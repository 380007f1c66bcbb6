//! The agent with the moody plugin, in a folder of its own.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use relink_testkit::{Agent, Answer, command, promtool};
use tempfile::TempDir;

pub const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// The agent, and the folder in which its mood stands.
pub struct Faulty {
    folder: TempDir,
    pub agent: Agent,
}

impl Faulty {
    /// An agent that is well, and that nobody but the test asks to collect.
    pub fn start() -> Faulty {
        Faulty::with("", "well")
    }

    /// `toml` goes on where the quiet settings end.
    pub fn with(toml: &str, mood: &str) -> Faulty {
        Faulty::by(toml, mood, command(FAULTY))
    }

    /// The same for a command that becomes the agent in the end.
    pub fn by(toml: &str, mood: &str, command: Command) -> Faulty {
        Faulty::try_by(toml, mood, command).unwrap_or_else(|said| panic!("the agent ended: {said}"))
    }

    pub fn try_by(toml: &str, mood: &str, mut command: Command) -> Result<Faulty, String> {
        let folder = tempfile::tempdir().unwrap();
        let quiet = "listen = \"127.0.0.1:0\"\nprint = \"none\"\n";
        let history = if toml.contains("[history]") { "" } else { "\n[history]\ninterval = 0\n" };
        fs::write(folder.path().join("relink.toml"), format!("{quiet}{toml}{history}")).unwrap();
        fs::write(folder.path().join("mood"), mood).unwrap();
        command.current_dir(folder.path()).env("FAULTY_FOLDER", folder.path());
        let agent = Agent::try_from(command).map_err(|(status, said)| format!("{status}: {said}"))?;
        Ok(Faulty { folder, agent })
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// How the plugin is from its next call on.
    pub fn mood(&self, mood: &str) {
        // By renaming, so that nobody reads half a word.
        fs::write(self.path("next-mood"), mood).unwrap();
        fs::rename(self.path("next-mood"), self.path("mood")).unwrap();
    }

    /// How often the plugin was called.
    pub fn calls(&self) -> u64 {
        fs::metadata(self.path("calls")).map_or(0, |calls| calls.len())
    }

    /// Makes the gate at which the plugin hangs.
    pub fn make_gate(&self) {
        assert!(Command::new("mkfifo").arg(self.path("gate")).status().unwrap().success());
    }

    /// Lets the plugin out that hangs.
    pub fn open_gate(&self) {
        fs::File::options().write(true).open(self.path("gate")).unwrap();
    }

    pub fn scrape(&self) -> Scrape {
        self.scrape_with(&[])
    }

    pub fn scrape_with(&self, headers: &[(&str, &str)]) -> Scrape {
        let began = Instant::now();
        let answer = self.agent.get_with("/metrics", headers);
        Scrape { took: began.elapsed(), answer }
    }

    /// A line of `/proc/<pid>/status`: a number, of kilobytes where it has a unit.
    pub fn status(&self, line: &str) -> u64 {
        let status = self.agent.proc("status");
        let line = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    /// How many sockets the agent has open.
    pub fn sockets(&self) -> usize {
        let links = fs::read_dir(format!("/proc/{}/fd", self.agent.pid())).unwrap();
        let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    pub fn threads(&self) -> u64 {
        self.status("Threads")
    }

    /// How many threads the agent has that do nothing but walk over the plugins.
    pub fn walkers(&self) -> usize {
        let threads = fs::read_dir(format!("/proc/{}/task", self.agent.pid())).unwrap();
        // One may end between the listing and the reading.
        let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.filter(|name| name.trim_end() == "walker").count()
    }
}

/// An answer of `/metrics`, and how long it took.
pub struct Scrape {
    pub answer: Answer,
    pub took: Duration,
}

impl Scrape {
    /// Whether the moody plugin succeeded. Whatever it does: 200, valid, and the others are there.
    pub fn is_well(&self) -> bool {
        assert_eq!(self.answer.status, 200, "{}", self.answer.text());
        let text = self.answer.text();
        promtool(&text);
        for other in ["good", "nice", "sibling"] {
            assert!(text.contains(&format!("\n{other}_collections_total ")), "{other} is missing: {text}");
            assert!(text.contains(&format!("success{{collector=\"{other}\"}} 1\n")), "{other}: {text}");
        }
        assert!(!text.contains("usurper"), "{text}");
        let says = |value: u8| text.contains(&format!("success{{collector=\"moody\"}} {value}\n"));
        assert!(says(0) != says(1), "{text}");
        assert_eq!(text.contains("\nmoody_"), says(1), "{text}");
        says(1)
    }

    /// The sample lines of the moody plugin.
    pub fn said(&self) -> Vec<String> {
        self.answer.text().lines().filter(|line| line.starts_with("moody_")).map(str::to_owned).collect()
    }

    /// How often the plugin asked last has been asked.
    pub fn count(&self) -> u64 {
        let text = self.answer.text();
        let line = text.lines().find_map(|line| line.strip_prefix("nice_collections_total "));
        line.unwrap().parse().unwrap()
    }
}
