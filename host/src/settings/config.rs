//! The configuration: defaults, then `relink.toml`, then the environment and the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use relink_core::registry::Descriptor;
use relink_core::{Context, Error, Paths};
use serde::{Deserialize, Serialize};

use crate::access::Web;
use crate::settings::cli::Settings;
use crate::settings::listen::check_hosts;
use crate::settings::{Collectors, Limits, Listen, Plugins, Seconds, is_opened, plain, plugins};
use crate::telemetry::Log;

/// The whole configuration. Each key of `relink.toml` has its default here.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where to listen.
    pub(crate) listen: Listen,
    /// What to print on stdout at start and after a reload.
    pub(crate) print: Print,
    /// Host names under which the agent may be asked, beside localhost and addresses.
    pub(crate) hosts: Vec<String>,
    /// A path beside `/metrics` at which the same is served.
    pub(crate) telemetry_path: String,
    /// Whether `/metrics` shows what the agent's own process costs (`process_…`).
    pub(crate) exporter_metrics: bool,
    /// Allows a listener that other machines can reach although no TLS and no password is set up.
    pub(crate) allow_remote: bool,
    /// Whether to do what another agent does where nothing is set. When absent, the executable's name decides.
    pub(super) drop_in: Option<bool>,
    /// TLS, passwords, headers: a file in the format of Prometheus' exporter-toolkit.
    pub(super) web_config: Option<PathBuf>,
    /// What it asks for.
    #[serde(skip)]
    pub(crate) web: Option<Arc<Web>>,
    #[serde(rename = "path")]
    pub(crate) paths: Roots,
    pub(crate) log: Log,
    pub(crate) collect: Collect,
    pub(crate) limits: Limits,
    pub(crate) plugins: Plugins,
    pub(crate) collectors: Collectors,
    pub(crate) history: History,
    pub(crate) push: crate::settings::push::Settings,
    pub(crate) reload: Reload,
    /// The file it was read from, and its text then.
    #[serde(skip)]
    pub(super) file: Option<(PathBuf, String)>,
}

/// `[path]`: where the machine's files are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Roots {
    procfs: PathBuf,
    sysfs: PathBuf,
    rootfs: PathBuf,
}

/// `[collect]`: the limits of a collection.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Collect {
    /// Seconds that a collection may take where the scraper does not say.
    pub(crate) timeout: Seconds<5_000>,
    /// How many series a collector may have: a bound for code that runs wild, which no real machine meets.
    pub(crate) series: usize,
}

/// `[history]`: the past that is kept for the dashboard.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct History {
    /// Seconds between two snapshots; 0 keeps none.
    pub(crate) interval: Seconds<1_000, 0, 3_600_000>,
    /// Seconds between two snapshots while nobody looks at them; no fewer than `interval`.
    pub(crate) idle_interval: Seconds<20_000, 0, 3_600_000>,
    /// How many seconds back each snapshot is kept; rows of 10 seconds go 12 times as far, and rows of a minute 144 times.
    pub(crate) seconds: Seconds<600_000>,
    /// How many bytes it may take. What does not fit is thinned out earlier.
    pub(crate) bytes: usize,
}

/// `[reload]`: how new code is found and proven.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reload {
    /// The command that builds the agent and tells its progress as JSON lines. Without one, a reload looks
    /// whether the executable was replaced on disk.
    pub(crate) builder: Option<Vec<String>>,
    /// A file with the bearer token for callers that are not the agent's user on this machine.
    pub(crate) token_file: Option<PathBuf>,
    /// Seconds that a build may take.
    pub(crate) build_timeout: Seconds<600_000>,
    /// Seconds in which the new image has to prove itself in a child process.
    pub(crate) preflight_timeout: Seconds<10_000>,
    /// Seconds in which all requests in flight have to end before the exec.
    pub(crate) quiesce_timeout: Seconds<2_000>,
    /// How many bytes of replaced libraries may stay mapped before the agent re-execs itself to be rid of them.
    pub(crate) retired_budget: u64,
    /// Seconds after the exec in which the new image has to be ready, or the old one comes back.
    pub(crate) ready_timeout: Seconds<3_000>,
}

/// What to print on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
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
            listen: Listen::default(),
            print: Print::Table,
            hosts: Vec::new(),
            telemetry_path: METRICS.to_owned(),
            exporter_metrics: true,
            allow_remote: false,
            drop_in: None,
            web_config: None,
            web: None,
            log: Log::default(),
            paths: Roots::default(),
            collect: Collect::default(),
            limits: Limits::default(),
            plugins: Plugins::default(),
            collectors: Collectors::default(),
            history: History::default(),
            push: crate::settings::push::Settings::default(),
            reload: Reload::default(),
            file: None,
        }
    }
}

impl Default for Roots {
    fn default() -> Self {
        let Paths { procfs, sysfs, rootfs } = Paths::default();
        Roots { procfs, sysfs, rootfs }
    }
}

impl Default for Collect {
    fn default() -> Self {
        Collect { timeout: Seconds::default(), series: 1_000_000 }
    }
}

impl Default for History {
    fn default() -> Self {
        History {
            interval: Seconds::default(),
            idle_interval: Seconds::default(),
            seconds: Seconds::default(),
            bytes: 2 << 20,
        }
    }
}

impl Default for Reload {
    fn default() -> Self {
        Reload {
            builder: None,
            token_file: None,
            build_timeout: Seconds::default(),
            preflight_timeout: Seconds::default(),
            quiesce_timeout: Seconds::default(),
            ready_timeout: Seconds::default(),
            retired_budget: 64 << 20,
        }
    }
}

impl Config {
    /// Reads the file, if there is one, and puts the environment and the command line on top.
    ///
    /// `known` are the names of plugins that it may speak of, `linked` those that are linked in.
    pub(crate) fn load(
        settings: &Settings,
        known: &[&str],
        linked: &[&'static Descriptor],
    ) -> Result<Self, Error> {
        let mut config = Self::from_file(settings)?;
        config.overlay(settings)?;
        config.stand_in(&settings.given)?;
        config.check(known, linked)?;
        Ok(config)
    }

    /// The defaults, and what the file sets, if there is one.
    pub(super) fn from_file(settings: &Settings) -> Result<Self, Error> {
        match &settings.config {
            Some(path) => Self::read(path),
            None if Path::new(DEFAULT_FILE).exists() => Self::read(Path::new(DEFAULT_FILE)),
            None => Ok(Config::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|why| {
            Error::from(why)
                .context(format_args!("reading {}", path.display()))
                .hint("--config or RELINK_CONFIG names the file; `relink config` prints one, with comments")
        })?;
        let mut config: Config = toml::from_str(&text).map_err(|error| plain::words(path, &error))?;
        config.file = Some((path.to_owned(), text));
        Ok(config)
    }

    pub(super) fn overlay(&mut self, settings: &Settings) -> Result<(), Error> {
        fn put<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        if !settings.listen.is_empty() {
            self.listen.set(&settings.listen);
        }
        put(&mut self.print, settings.print.as_ref());
        put(&mut self.telemetry_path, settings.telemetry_path.as_ref());
        self.exporter_metrics |= settings.exporter_metrics;
        self.exporter_metrics &= !settings.disable_exporter_metrics;
        self.log.overlay(settings.log_level.as_deref(), settings.log_format.as_deref())?;
        if let Some(names) = &settings.plugins {
            self.plugins.decide(names.clone(), plugins::BY_FLAG);
        }
        settings.given.apply(&mut self.collectors);
        self.allow_remote |= settings.allow_remote;
        if settings.drop_in {
            self.drop_in = Some(true);
        }
        self.hosts.extend(settings.hosts.iter().cloned());
        self.plugins.dir.extend(settings.plugin_dirs.iter().cloned());
        put(&mut self.paths.procfs, settings.procfs.as_ref());
        put(&mut self.paths.sysfs, settings.sysfs.as_ref());
        put(&mut self.paths.rootfs, settings.rootfs.as_ref());
        put(&mut self.web_config, settings.web_config.as_ref().map(|path| Some(path.into())).as_ref());
        // node_exporter's own default, which configuration management writes out.
        self.web_config.take_if(|path| path.as_os_str().is_empty());
        if let Some(builder) = &settings.builder {
            self.reload.builder = Some(
                serde_json::from_slice(builder.as_bytes())
                    .context(format_args!("RELINK_BUILDER is {builder:?}, expected a JSON list of words"))?,
            );
        }
        Ok(())
    }

    fn check(&self, known: &[&str], linked: &[&'static Descriptor]) -> Result<(), Error> {
        let origin = self.origin();
        self.check_plugin_keys(linked)?;
        for (name, table) in &self.collectors.tables {
            if !table.is_table() {
                return Err(Error::new(format!(
                    "{origin}: [collectors.{name}] is {table}, expected a table"
                ))
                .hint(format!("write enabled = true, or false, below [collectors.{name}]")));
            }
        }
        let collectors: Vec<_> = linked.iter().flat_map(|plugin| plugin.collectors).collect();
        for collector in &collectors {
            self.options_of(collector)?;
        }
        // What a library brings is only known once it is loaded.
        if self.plugins.dir.is_empty() {
            self.check_plugins(known)?;
            let mut names: Vec<_> = collectors.iter().map(|collector| collector.name).collect();
            names.sort_unstable();
            self.check_collectors(&names)?;
        }
        self.plugins.check_dirs()?;
        self.paths.check()?;
        if !self.history.interval.is_zero() && *self.history.interval < Duration::from_millis(100) {
            let interval = self.history.interval.as_secs_f64();
            return Err(Error::new(format!(
                "{origin}: [history] interval is {interval}, expected 0 or 0.1 to 3600"
            )));
        }
        for (key, value, least) in [
            ("[limits] max_head", self.limits.max_head, 256),
            ("[limits] max_connections", self.limits.max_connections, 1),
            ("[limits] max_streams", self.limits.max_streams, 1),
            ("[collect] series", self.collect.series, 1000),
        ] {
            if value < least {
                return Err(Error::new(format!("{origin}: {key} is {value}, expected {least} or more")));
            }
        }
        if self.reload.builder.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::new(format!("{origin}: [reload] builder is an empty list"))
                .hint("leave it out, or give a command and its arguments"));
        }
        check_hosts(&self.hosts)?;
        self.push.check(&origin)?;
        self.check_telemetry_path()
    }

    /// The same for an agent that serves: reads the web configuration file. A listener that other machines can reach
    /// needs one that keeps strangers out.
    pub(crate) fn guarded(mut self) -> Result<Self, Error> {
        let opened = self.listen.addresses().iter().copied().find(|&address| is_opened(address));
        let opened = opened.filter(|_| !self.allow_remote && !self.is_drop_in());
        let must_guard = opened.is_some();
        let web = self.web_config.as_deref().map(|path| Web::open(path, must_guard)).transpose()?;
        if let Some(opened) = opened.filter(|_| !web.as_ref().is_some_and(Web::guards)) {
            return Err(Error::new(format!(
                "listening on {opened}{} would show this machine to others: there is no TLS with passwords or client \
                 certificates",
                if opened.ip().is_unspecified() { " (all addresses)" } else { "" }
            ))
            .hint(
                "set them up with --web.config.file (docs/tls.md), listen on 127.0.0.1 behind a proxy, or accept \
                 it with --allow-remote",
            ));
        }
        self.web = web.map(Arc::new);
        Ok(self)
    }

    /// How a URL of this agent begins.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.web.as_ref().is_some_and(|web| web.has_tls()) { "https" } else { "http" }
    }

    /// The configuration file that was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Where the machine's files are.
    pub(crate) fn paths(&self) -> Paths {
        self.paths.resolved()
    }

    /// Whether the configuration file has another text than the one that was read.
    pub(crate) fn changed_on_disk(&self) -> bool {
        // The web configuration is read again by itself, but for what only another image can do.
        if self.web.as_ref().is_some_and(|web| web.takes_reload()) {
            return true;
        }
        match &self.file {
            Some((path, text)) => std::fs::read_to_string(path).map_or(true, |now| now != *text),
            None => Path::new(DEFAULT_FILE).exists(),
        }
    }
}

impl Roots {
    /// Whether the folders that somebody has set are there: from one that is not, nothing is read, and nothing missed.
    fn check(&self) -> Result<(), Error> {
        let usual = Roots::default();
        let all = [
            ("procfs", &self.procfs, &usual.procfs),
            ("sysfs", &self.sysfs, &usual.sysfs),
            ("rootfs", &self.rootfs, &usual.rootfs),
        ];
        for (name, path, usual) in all {
            if path != usual && !path.is_dir() {
                let path = path.display();
                return Err(Error::new(format!(
                    "--path.{name} or [path] {name} is {path}, which is not a folder"
                )));
            }
        }
        Ok(())
    }

    fn resolved(&self) -> Paths {
        Paths { procfs: self.procfs.clone(), sysfs: self.sysfs.clone(), rootfs: self.rootfs.clone() }
    }
}

pub(super) const DEFAULT_FILE: &str = "relink.toml";

/// Where the samples are always served.
pub(crate) const METRICS: &str = "/metrics";

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Config, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relink.toml");
        std::fs::write(&path, toml).unwrap();
        let settings = Settings { config: Some(path), ..Settings::default() };
        Config::load(&settings, &["cpu", "disk"], &[])?.guarded()
    }

    #[test]
    fn a_file_sets_what_it_names_and_leaves_the_rest() {
        let config = load("print = \"json\"\n[plugins]\nenabled = [\"cpu\"]\n").unwrap();
        assert_eq!(config.print, Print::Json);
        assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.plugins.enabled, Some(vec!["cpu".to_owned()]));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let error = load("lisen = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(error.contains("unknown field `lisen`") && error.contains("`listen`"), "{error}");
        let error = load("[collect]\ntimeot = 1").unwrap_err().to_string();
        assert!(error.contains("`timeot`") && error.contains("`timeout`"), "{error}");
        let error = load("[collectors.dsik]\na = 1").unwrap_err().to_string();
        assert!(error.contains("[collectors.dsik] names no collector"), "{error}");
        let error = load("[plugins]\nenabled = [\"gpu\"]").unwrap_err().to_string();
        assert!(error.contains("\"gpu\"") && error.contains("cpu, disk"), "{error}");
    }

    #[test]
    fn an_empty_web_configuration_is_none() {
        for (file, flag) in
            [("", Some("")), ("web_config = \"w.yml\"", Some("")), ("web_config = \"\"", None)]
        {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("relink.toml");
            std::fs::write(&path, file).unwrap();
            let web_config = flag.map(Into::into);
            let settings = Settings { config: Some(path), web_config, ..Settings::default() };
            let config = Config::load(&settings, &[], &[]).unwrap().guarded().unwrap();
            assert!(config.web.is_none(), "{file:?} {flag:?}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        for (toml, key) in [
            ("[collect]\ntimeout = 0", "timeout = 0\n  |           ^\n0 is out of range"),
            ("[collect]\ntimeout = -1", "expected seconds from 0.001 to 86400"),
            ("[history]\ninterval = 0.001", "[history] interval is 0.001"),
            ("listen = \"0.0.0.0:8000\"", "--allow-remote"),
            ("listen = [\"127.0.0.1:1\", \"10.1.2.3:8000\"]", "listening on 10.1.2.3:8000 would show"),
            ("listen = \"localhost\"", "\"localhost\" has no port"),
            ("[limits]\nmax_head = 0", "max_head is 0"),
            ("[limits]\nmax_connections = 0", "max_connections is 0"),
            ("[reload]\nbuilder = []", "builder is an empty list"),
            ("hosts = [\"*\"]", "names \"*\", expected the name of one host"),
        ] {
            let error = load(toml).unwrap_err().to_string();
            assert!(error.contains(key), "{toml}: {error}");
        }
        assert!(load("listen = \"0.0.0.0:8000\"\nallow_remote = true").is_ok());
        assert!(load("listen = [\"127.0.0.2:1\", \"[::1]:1\", \"[::ffff:127.0.0.1]:2\"]").is_ok());
    }

    #[test]
    fn fuzz_configuration() {
        let seeds = [
            "print = \"json\"\nlisten = [\"127.0.0.1:0\", \"unix:/run/a\"]\nhosts = [\"a.example\"]\n[plugins]\nenabled = [\"cpu\"]\ndir = \"p\"\n",
            "[collect]\ntimeout = 5.0\nseries = 1000\n[history]\ninterval = 1\nbytes = 4096\n[limits]\nmax_head = 512\n[reload]\nbuilder = [\"a\"]\n",
            "[collectors.filesystem]\nenabled = true\nmount_timeout = 5\n[push]\ninterval = 15.0\n[[push.target]]\nurl = \"http://127.0.0.1:1/api/v1/write\"\n",
        ];
        let words = [
            "[",
            "]",
            "[[",
            "=",
            "\"",
            "\"\"\"",
            "{",
            "}",
            "\n",
            ".",
            ",",
            "1979-05-27",
            "inf",
            "true",
            "collectors",
            "push",
            "é",
        ];
        relink_fuzz::fuzz("configuration", &seeds, &words, |input| {
            let Ok(mut config) = toml::from_str::<Config>(&String::from_utf8_lossy(input)) else { return };
            let _ = config.overlay(&Settings::default()).and_then(|()| config.check(&["cpu", "disk"], &[]));
            let _ = config.guarded();
        });
    }
}
