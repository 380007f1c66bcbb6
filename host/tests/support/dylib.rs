//! What the tests of loaded plugins share: a folder of libraries, variants of one, and an agent on it.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use relink_testkit::{Agent, command, installed, skip};
use serde_json::Value;
use tempfile::TempDir;

/// An agent with no linked plugin.
pub const AGENT: &str = env!("CARGO_BIN_EXE_empty");

/// Where the words stand that tell the library what to do.
const WORDS: &[u8] = b"loadable: mark=";
/// How long they are.
const ROOM: usize = 64;

/// The library as it was built, by cargo, beside these tests, and where its words stand. Without debugging information,
/// which is nine tenths of it.
fn original() -> &'static (Vec<u8>, Vec<usize>) {
    static ORIGINAL: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    ORIGINAL.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().unwrap().parent().unwrap().join("examples/libloadable.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/loadable.rs");
        let written = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        // Cargo makes it before it runs all tests, and not before it runs one of them alone.
        assert!(
            written(&path).is_some_and(|built| Some(built) >= written(&source)),
            "{} is missing or old; cargo build -p relink-host --example loadable",
            path.display()
        );
        let stripped = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let done = Command::new("strip").arg("--strip-debug").arg("-o").arg(&stripped).arg(&path).status();
        assert!(done.is_ok_and(|status| status.success()), "strip, of binutils, is installed");
        let bytes = fs::read(stripped).unwrap();
        let places = (0..bytes.len() - ROOM)
            .filter(|at| bytes[*at..].starts_with(WORDS) && bytes[at + ROOM - 1] == b';')
            .collect();
        (bytes, places)
    })
}

/// A variant of the library that shows this mark (four characters) and does this.
pub fn variant(mark: &str, what: &str) -> Vec<u8> {
    assert_eq!(mark.len(), 4);
    let (mut bytes, places) = original().clone();
    assert!(!places.is_empty(), "the words are in the library");
    for at in places {
        let words = format!("{:63};", format!("loadable: mark={mark} do={what}"));
        bytes[at..at + ROOM].copy_from_slice(words.as_bytes());
    }
    bytes
}

/// The variant under another plugin name, with a family of its own.
pub fn second(mark: &str, what: &str) -> Vec<u8> {
    replaced(variant(mark, what), b"loadable_1", b"loadable_2")
}

/// The same bytes with one text in place of another that is as long.
pub fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut found = false;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            found = true;
        }
    }
    assert!(found, "{:?} is in the library", String::from_utf8_lossy(from));
    bytes
}

/// A folder with a configuration and a folder of plugins.
pub struct Setup {
    pub folder: TempDir,
}

impl Setup {
    /// `toml` goes behind the top level's defaults, so it begins with a table or none.
    pub fn new(toml: &str) -> Setup {
        let setup = Setup { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(setup.dir()).unwrap();
        fs::write(setup.path("relink.toml"), format!("print = \"none\"\n{toml}")).unwrap();
        setup
    }

    /// The plugin folder.
    pub fn dir(&self) -> PathBuf {
        self.path("plugins")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the plugin folder.
    pub fn plugin(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Puts a library in, as an installer does: beside it first, then by renaming.
    pub fn install(&self, name: &str, bytes: &[u8]) {
        let half = self.plugin(".half-written");
        fs::write(&half, bytes).unwrap();
        fs::rename(half, self.plugin(name)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(AGENT);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// An agent that loads what is in the plugin folder.
    pub fn start(&self) -> Agent {
        let dir = self.dir().display().to_string();
        Agent::from(self.command(&["--listen", "127.0.0.1:0", "--plugin-dir", &dir]))
    }
}

/// The mark of the variant that answers now.
pub fn mark(agent: &Agent) -> Option<String> {
    mark_in(&agent.get("/metrics").text()).map(str::to_owned)
}

/// The mark in an exposition.
pub fn mark_in(exposition: &str) -> Option<&str> {
    let line = exposition.lines().find_map(|line| line.strip_prefix("loadable_1_mark{mark=\""))?;
    line.get(..4)
}

/// Reloads and returns the journal, whatever came of it.
pub fn reload(agent: &Agent) -> Value {
    agent.put("/plugins/reload").json()
}

/// Reloads, and expects that new code went live.
pub fn commit(agent: &Agent) -> Value {
    let journal = reload(agent);
    assert_eq!(journal["outcome"], "committed", "{journal}");
    journal
}

/// The reasons of what a reload refused, in one text.
pub fn reasons(journal: &Value) -> String {
    let refused = journal["plugins"]["refused"].as_array().unwrap();
    refused
        .iter()
        .map(|one| format!("{}: {}\n", one["name"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect()
}

/// Whether there is a compiler for C under the usual name, and a word that `what` is skipped if not: rustc may link by
/// another one.
pub fn compiles(what: &str) -> bool {
    let found = installed("cc").is_some();
    if !found {
        skip(what, "cc is not installed");
    }
    found
}

/// Compiles C to a library.
pub fn compiled(folder: &Path, source: &str, arguments: &[&str]) -> Vec<u8> {
    let (from, to) = (folder.join("compiled.c"), folder.join("compiled.so"));
    fs::write(&from, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&to).arg(&from).args(arguments);
    let ended = cc.current_dir(folder).output().expect("cc is installed");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    fs::read(&to).unwrap()
}
