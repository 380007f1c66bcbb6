//! The configuration: defaults, then `relink.toml`, then the environment and the command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relink_core::{Context, Error, Options, Paths};
use serde::Deserialize;

use crate::cli::Settings;
use crate::serve::Limits;

/// The whole configuration. Each key of `relink.toml` has its default here.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// What to print on stdout at start and after a reload.
    pub(crate) print: Print,
    /// Host names under which the agent may be asked, beside localhost and addresses.
    pub(crate) hosts: Vec<String>,
    /// Allows a listener that other machines can reach although relink has no TLS and no token.
    pub(crate) allow_remote: bool,
    #[serde(rename = "path")]
    pub(crate) paths: Roots,
    pub(crate) collect: Collect,
    pub(crate) limits: Limits,
    pub(crate) plugins: Plugins,
    pub(crate) history: History,
    pub(crate) push: crate::push::Settings,
    pub(crate) reload: Reload,
    /// The file it was read from, and its text then.
    #[serde(skip)]
    file: Option<(PathBuf, String)>,
}

/// `[path]`: where the machine's files are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Roots {
    procfs: Option<PathBuf>,
    sysfs: Option<PathBuf>,
    rootfs: Option<PathBuf>,
}

/// `[collect]`: the limits of a collection.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Collect {
    /// Seconds that a collection may take where the scraper does not say.
    pub(crate) timeout: f64,
    /// How many series a plugin may have.
    pub(crate) series: usize,
}

/// `[plugins]`: which plugins run, and a table of options for each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Plugins {
    /// The plugins to run; all that are known when absent.
    pub(crate) enabled: Option<Vec<String>>,
    /// Folders with plugins to load.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) dir: Vec<PathBuf>,
    /// Which of a linked and a loaded plugin of one name runs; without it, the loaded one is refused.
    pub(crate) prefer: Option<Prefer>,
    /// `[plugins.cpu]` and so on.
    #[serde(flatten)]
    tables: BTreeMap<String, toml::Value>,
}

/// Which of two plugins of one name runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prefer {
    /// The library.
    Loaded,
    /// The one that is linked in.
    Linked,
}

/// A folder, or a list of folders.
fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a folder or a list of folders")]
    enum Folders {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    Ok(match Folders::deserialize(from)? {
        Folders::One(folder) => vec![folder],
        Folders::More(folders) => folders,
    })
}

/// `[history]`: the recent snapshots that are kept for the dashboard.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct History {
    /// Seconds between two snapshots; 0 keeps none.
    pub(crate) interval: f64,
    /// How many seconds back they go.
    pub(crate) seconds: f64,
    /// How many bytes they may take.
    pub(crate) bytes: usize,
}

/// `[reload]`: how new code is found and proven.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reload {
    /// The command that builds the agent and tells its progress as JSON lines. Without one, a reload looks
    /// whether the executable was replaced on disk.
    pub(crate) builder: Option<Vec<String>>,
    /// A file with the bearer token for callers that are not the agent's user on this machine.
    pub(crate) token_file: Option<PathBuf>,
    /// Seconds that a build may take.
    pub(crate) build_timeout: f64,
    /// Seconds in which the new image has to prove itself in a child process.
    pub(crate) preflight_timeout: f64,
    /// Seconds in which all requests in flight have to end before the exec.
    pub(crate) quiesce_timeout: f64,
    /// How many bytes of replaced libraries may stay mapped before the agent re-execs itself to be rid of them.
    pub(crate) retired_budget: u64,
    /// Seconds after the exec in which the new image has to be ready, or the old one comes back.
    pub(crate) ready_timeout: f64,
}

/// What to print on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Print {
    /// Figures for a person.
    Table,
    /// One JSON object.
    Json,
    /// Nothing.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            print: Print::Table,
            hosts: Vec::new(),
            allow_remote: false,
            paths: Roots::default(),
            collect: Collect::default(),
            limits: Limits::default(),
            plugins: Plugins::default(),
            history: History::default(),
            push: crate::push::Settings::default(),
            reload: Reload::default(),
            file: None,
        }
    }
}

impl Default for Collect {
    fn default() -> Self {
        Collect { timeout: 5.0, series: 20_000 }
    }
}

impl Default for History {
    fn default() -> Self {
        History { interval: 1.0, seconds: 600.0, bytes: 2 << 20 }
    }
}

impl Default for Reload {
    fn default() -> Self {
        Reload {
            builder: None,
            token_file: None,
            build_timeout: 600.0,
            preflight_timeout: 10.0,
            quiesce_timeout: 2.0,
            ready_timeout: 3.0,
            retired_budget: 64 << 20,
        }
    }
}

impl Config {
    /// Reads the file, if there is one, and puts the environment and the command line on top.
    ///
    /// `known` are the names of plugins whose tables may stand under `[plugins]`.
    pub(crate) fn load(settings: &Settings, known: &[&str]) -> Result<Self, Error> {
        let mut config = match &settings.config {
            Some(path) => Self::read(path)?,
            None if Path::new(DEFAULT_FILE).exists() => Self::read(Path::new(DEFAULT_FILE))?,
            None => Config::default(),
        };
        config.overlay(settings)?;
        config.check(known)?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).context(format_args!("reading {}", path.display()))?;
        let mut config: Config = toml::from_str(&text)
            .map_err(|error| Error::new(format!("{}: {}", path.display(), error.to_string().trim_end())))?;
        config.file = Some((path.to_owned(), text));
        Ok(config)
    }

    fn overlay(&mut self, settings: &Settings) -> Result<(), Error> {
        fn put<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        put(&mut self.listen, settings.listen.as_ref());
        put(&mut self.print, settings.print.as_ref());
        self.allow_remote |= settings.allow_remote;
        self.hosts.extend(settings.hosts.iter().cloned());
        self.plugins.dir.extend(settings.plugin_dirs.iter().cloned());
        for (target, value) in [
            (&mut self.paths.procfs, &settings.procfs),
            (&mut self.paths.sysfs, &settings.sysfs),
            (&mut self.paths.rootfs, &settings.rootfs),
        ] {
            if value.is_some() {
                target.clone_from(value);
            }
        }
        if let Some(builder) = &settings.builder {
            self.reload.builder = Some(
                serde_json::from_str(builder)
                    .context(format_args!("RELINK_BUILDER is {builder:?}, expected a JSON list of words"))?,
            );
        }
        Ok(())
    }

    fn check(&self, known: &[&str]) -> Result<(), Error> {
        let origin = self.origin();
        // What a library's plugin is called is only known once it is loaded.
        if self.plugins.dir.is_empty() {
            self.check_names(known)?;
        }
        for (name, table) in &self.plugins.tables {
            if !table.is_table() {
                return Err(Error::new(format!("{origin}: [plugins.{name}] is no table of options")));
            }
        }
        let positive = [
            ("[collect] timeout", self.collect.timeout),
            ("[history] seconds", self.history.seconds),
            ("[reload] build_timeout", self.reload.build_timeout),
            ("[reload] preflight_timeout", self.reload.preflight_timeout),
            ("[reload] quiesce_timeout", self.reload.quiesce_timeout),
            ("[reload] ready_timeout", self.reload.ready_timeout),
        ];
        for (key, value) in positive {
            if !(value > 0.0 && value <= 86_400.0) {
                return Err(Error::new(format!(
                    "{origin}: {key} is {value}, expected seconds above 0, a day at most"
                )));
            }
        }
        if !(self.history.interval == 0.0 || (0.1..=3600.0).contains(&self.history.interval)) {
            let interval = self.history.interval;
            return Err(Error::new(format!(
                "{origin}: [history] interval is {interval}, expected 0 or 0.1 to 3600"
            )));
        }
        self.push.check(&origin)?;
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(Error::new(format!(
                "listening on {} would show this machine to others, and relink has no TLS and no password",
                self.listen
            ))
            .hint("listen on 127.0.0.1 behind a proxy, or accept it with --allow-remote"));
        }
        Ok(())
    }

    /// Whether each plugin that the configuration names is one of those `known`.
    pub(crate) fn check_names(&self, known: &[&str]) -> Result<(), Error> {
        let enabled = self.plugins.enabled.iter().flatten();
        match self.plugins.tables.keys().chain(enabled).find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::new(format!(
                "{}: [plugins] names {name:?}, which is no plugin of this agent",
                self.origin()
            ))
            .hint(format!("known are: {}, and the keys enabled, dir and prefer", known.join(", ")))),
        }
    }

    /// The name of the configuration file, for messages.
    pub(crate) fn origin(&self) -> String {
        self.file.as_ref().map_or(Path::new(DEFAULT_FILE), |(path, _)| path).display().to_string()
    }

    /// Whether the configuration file has another text than the one that was read.
    pub(crate) fn changed_on_disk(&self) -> bool {
        match &self.file {
            Some((path, text)) => std::fs::read_to_string(path).map_or(true, |now| now != *text),
            None => Path::new(DEFAULT_FILE).exists(),
        }
    }

    /// The options of a plugin.
    pub(crate) fn options_of(&self, plugin: &str) -> Options {
        let table = self.plugins.tables.get(plugin).and_then(|table| serde_json::to_value(table).ok());
        let table = table.and_then(|table| table.as_object().cloned()).unwrap_or_default();
        Options::new(plugin, self.paths.resolved(), table).with_series(self.collect.series)
    }

    pub(crate) fn collect_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.collect.timeout)
    }
}

impl Roots {
    fn resolved(&self) -> Paths {
        let default = Paths::default();
        Paths {
            procfs: self.procfs.clone().unwrap_or(default.procfs),
            sysfs: self.sysfs.clone().unwrap_or(default.sysfs),
            rootfs: self.rootfs.clone().unwrap_or(default.rootfs),
        }
    }
}

impl Plugins {
    /// A set that a reload chose replaces the one of the file.
    pub(crate) fn choose(&mut self, chosen: Option<Vec<String>>) {
        if chosen.is_some() {
            self.enabled = chosen;
        }
    }

    pub(crate) fn enables(&self, plugin: &str) -> bool {
        self.enabled.as_ref().is_none_or(|enabled| enabled.iter().any(|name| name == plugin))
    }
}

const DEFAULT_FILE: &str = "relink.toml";

/// The variables that relink reads. A misspelt one would otherwise be ignored without a word.
const VARIABLES: [&str; 14] = [
    "RELINK_LISTEN",
    "RELINK_CONFIG",
    "RELINK_PLUGIN_DIR",
    "RELINK_PRINT",
    "RELINK_PATH_PROCFS",
    "RELINK_PATH_SYSFS",
    "RELINK_PATH_ROOTFS",
    "RELINK_ALLOW_REMOTE",
    "RELINK_LOG",
    "RELINK_LOG_FORMAT",
    "RELINK_BUILDER",
    // Set by one image for the next, and no business of anybody else.
    crate::reload::preflight::ENV_PREFLIGHT,
    crate::reload::handover::ENV_HANDOVER,
    crate::reload::handover::ENV_ROLLED_BACK,
];

/// Refuses variables of the environment that look like relink's and are not.
pub(crate) fn check_environment(names: impl Iterator<Item = std::ffi::OsString>) -> Result<(), Error> {
    for name in names {
        if let Some(name) = name.to_str().filter(|name| name.starts_with("RELINK_"))
            && !VARIABLES.contains(&name)
        {
            return Err(Error::new(format!("unknown environment variable {name}"))
                .hint(format!("known are: {}", VARIABLES[..11].join(", "))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Config, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relink.toml");
        std::fs::write(&path, toml).unwrap();
        let settings = Settings { config: Some(path), ..Settings::default() };
        Config::load(&settings, &["cpu", "disk"])
    }

    #[test]
    fn a_file_sets_what_it_names_and_leaves_the_rest() {
        let config =
            load("print = \"json\"\n[plugins]\nenabled = [\"cpu\"]\n[plugins.cpu]\ninfo = true\n").unwrap();
        assert_eq!(config.print, Print::Json);
        assert_eq!(config.listen.port(), 8000);
        assert!(config.plugins.enables("cpu") && !config.plugins.enables("disk"));
        assert_eq!(config.options_of("cpu").table()["info"], true);
        assert!(config.options_of("disk").table().is_empty());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let error = load("lisen = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(error.contains("unknown field `lisen`") && error.contains("`listen`"), "{error}");
        let error = load("[collect]\ntimeot = 1").unwrap_err().to_string();
        assert!(error.contains("`timeot`") && error.contains("`timeout`"), "{error}");
        let error = load("[plugins.dsik]\na = 1").unwrap_err().to_string();
        assert!(error.contains("\"dsik\"") && error.contains("cpu, disk"), "{error}");
        let error = load("[plugins]\nenabled = [\"gpu\"]").unwrap_err().to_string();
        assert!(error.contains("\"gpu\"") && error.contains("cpu, disk"), "{error}");
    }

    #[test]
    fn a_misspelt_variable_is_refused() {
        let check = |name: &str| check_environment(["PATH".into(), name.into()].into_iter());
        assert!(check("RELINK_LISTEN").is_ok());
        let error = check("RELINK_LISEN").unwrap_err().to_string();
        assert!(error.contains("RELINK_LISEN") && error.contains("RELINK_LISTEN"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        for (toml, key) in [
            ("[collect]\ntimeout = 0", "[collect] timeout is 0"),
            ("[collect]\ntimeout = -1", "[collect] timeout is -1"),
            ("[history]\ninterval = 0.001", "[history] interval is 0.001"),
            ("listen = \"0.0.0.0:8000\"", "--allow-remote"),
            ("listen = \"localhost\"", "invalid socket address"),
        ] {
            let error = load(toml).unwrap_err().to_string();
            assert!(error.contains(key), "{toml}: {error}");
        }
        assert!(load("listen = \"0.0.0.0:8000\"\nallow_remote = true").is_ok());
    }
}
