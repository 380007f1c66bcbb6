//! `relink check`: what is set and by whom, which plugins run and what they read, and whether all of it works.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use relink_core::Error;
use relink_order::gathered;
use serde::Serialize;

use crate::agent::{Agent, push};
use crate::failure::{Failed, runtime};
use crate::http::caller::Token;
use crate::own::counters::Counters;
use crate::plugins::linked::Built;
use crate::plugins::status::{CollectorStatus, State, Status};
use crate::settings::cli::{self, Settings};
use crate::settings::{Config, METRICS, Origin, Setting, explain, is_opened};
use crate::telemetry::say;

/// What `relink check --json` prints.
#[derive(Serialize)]
struct CheckReport {
    ok: bool,
    /// The configuration file that was read.
    file: Option<String>,
    /// What differs from the defaults, and what set it.
    settings: Vec<Setting>,
    serving: Serving,
    plugins: Vec<Status>,
    /// The files below procfs and sysfs that each collector keeps open, after one collection.
    sources: BTreeMap<String, BTreeSet<PathBuf>>,
}

/// How the agent would serve.
#[derive(Serialize)]
struct Serving {
    listen: Vec<String>,
    /// Whether only this machine can reach it, whatever the address.
    loopback: bool,
    paths: Vec<String>,
    /// Who may reload: the agent's own user on this machine, and the bearer of the token in this file.
    token_file: Option<PathBuf>,
    /// Why the token file can't be used.
    token_error: Option<String>,
    /// The command that builds new code; without one, a reload looks for a replaced executable.
    builder: Option<Vec<String>>,
}

/// The configuration was read to come here; now each collector has to succeed in one collection, each library that the
/// configuration does not leave out to be a plugin, and the token to be one.
pub(crate) fn check(
    built: Option<Built>,
    config: Config,
    settings: &Settings,
    as_json: bool,
) -> Result<ExitCode, Failed> {
    let explained = explain(&cli::environment(), settings)?;
    push::check(&config.push)?;
    let agent = Agent::new(built, config, Arc::new(Counters::first()))?;
    let sources = collect_each(&agent)?;
    let plugins = agent.scheduler.statuses();
    let serving = Serving::of(&agent.config);
    let works = |status: &Status| matches!(status.state, State::Active | State::Off);
    let ok = plugins.iter().all(works) && serving.token_error.is_none();
    let file = agent.config.file().map(|path| path.display().to_string());
    let report = CheckReport { ok, file, settings: explained, serving, plugins, sources };
    say(&if as_json { serde_json::to_string(&report)? + "\n" } else { report.text(&agent.config) })?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One collection of each collector that runs, alone, so that what it opens can be told apart.
fn collect_each(agent: &Agent) -> Result<BTreeMap<String, BTreeSet<PathBuf>>, Error> {
    let runtime = runtime()?;
    let mut sources = BTreeMap::new();
    let mut before = open_files();
    let running = agent.scheduler.running();
    for name in running.iter().flat_map(|plugin| &plugin.collectors).map(|collector| collector.name) {
        let selection = agent.scheduler.select(&[name], &[])?;
        let deadline = Instant::now() + *agent.config.collect.timeout;
        runtime.block_on(agent.scheduler.collect(&selection, deadline));
        let now = open_files();
        let paths = agent.config.paths();
        let is_source = |path: &&PathBuf| {
            (path.starts_with(&paths.procfs) || path.starts_with(&paths.sysfs)) && !is_own(path)
        };
        let opened = now.difference(&before).map(|(_, path)| path);
        sources.insert(name.to_owned(), gathered(opened.filter(is_source).map(|path| as_named(path))));
        before = now;
    }
    Ok(sources)
}

/// The descriptors that this process has open, and their files.
fn open_files() -> BTreeSet<(OsString, PathBuf)> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    gathered(entries.filter_map(|entry| Some((entry.file_name(), std::fs::read_link(entry.path()).ok()?))))
}

/// The folder of this process.
fn own() -> PathBuf {
    Path::new("/proc").join(std::process::id().to_string())
}

/// What the agent reads of itself: that is no plugin's.
fn is_own(path: &Path) -> bool {
    path.parent() == Some(&own())
}

/// `/proc/net`, which is a link to the folder of whoever asks, under that name.
fn as_named(path: &Path) -> PathBuf {
    path.strip_prefix(own()).map_or_else(|_| path.to_owned(), |rest| Path::new("/proc").join(rest))
}

impl Serving {
    fn of(config: &Config) -> Self {
        let token_file = config.reload.token_file.clone();
        let token_error = token_file.as_deref().and_then(|file| Token::read(file).err());
        let mut paths = vec![METRICS.to_owned()];
        paths.extend(Some(config.telemetry_path.clone()).filter(|path| path != METRICS));
        Serving {
            listen: config.listen.addresses().iter().map(ToString::to_string).collect(),
            loopback: !config.listen.addresses().iter().copied().any(is_opened),
            paths,
            token_file,
            token_error: token_error.map(|error| error.to_string()),
            builder: config.reload.builder.clone(),
        }
    }
}

impl CheckReport {
    fn text(&self, config: &Config) -> String {
        let mut text = String::new();
        self.write(config, &mut text).expect("writing to a string does not fail");
        text
    }

    fn write(&self, config: &Config, out: &mut String) -> std::fmt::Result {
        match &self.file {
            Some(file) => writeln!(out, "configuration: {file}")?,
            None => writeln!(out, "configuration: no file, there is no relink.toml here")?,
        }
        if self.settings.is_empty() {
            writeln!(out, "  every setting has its default")?;
        }
        for setting in &self.settings {
            let from = match (setting.from, &self.file) {
                (Origin::File, Some(file)) => file.as_str(),
                (origin, _) => origin.name(),
            };
            write!(out, "  {} = {} ({from}; ", setting.key, setting.value)?;
            match &setting.default {
                serde_json::Value::Null => writeln!(out, "not set by default)")?,
                default => writeln!(out, "default {default})")?,
            }
        }
        let Serving { listen, loopback, paths, token_file, token_error, builder } = &self.serving;
        let whom = if *loopback { "this machine only" } else { "other machines can reach it" };
        writeln!(out, "listens on {}: {whom}; samples at {}", listen.join(" and "), paths.join(" and "))?;
        write!(out, "may be reloaded by its own user on this machine")?;
        match (token_file, token_error) {
            (_, Some(error)) => writeln!(out, "; the token can't be used: {error}")?,
            (Some(file), None) => writeln!(out, ", and by who sends the token in {}", file.display())?,
            (None, None) => writeln!(out, "; no token is set up for others")?,
        }
        match builder {
            Some(words) => writeln!(out, "a reload builds with: {}", words.join(" "))?,
            None => writeln!(out, "a reload takes the executable, if it was replaced on disk")?,
        }
        let roots = config.paths();
        let [procfs, sysfs, rootfs] = [&roots.procfs, &roots.sysfs, &roots.rootfs].map(|path| path.display());
        writeln!(out, "reads the machine at {procfs}, {sysfs} and {rootfs}")?;
        for status in &self.plugins {
            // Of a plugin that does not run, one line is enough where all of it has the same reason.
            let is_one = status.collectors.windows(2).all(|pair| pair[0].error == pair[1].error);
            if let (false, true, Some(error)) = (status.state.runs(), is_one, &status.error) {
                writeln!(out, "{}: {}: {error}", status.name, status.state.name())?;
                continue;
            }
            for collector in &status.collectors {
                self.write_collector(collector, &status.name, out)?;
            }
        }
        Ok(())
    }

    fn write_collector(&self, one: &CollectorStatus, plugin: &str, out: &mut String) -> std::fmt::Result {
        let said = one.error.clone().unwrap_or_else(|| format!("{} samples", one.samples));
        let of = if one.name == plugin { String::new() } else { format!(" ({plugin})") };
        writeln!(out, "{}{of}: {}: {said}", one.name, one.state.name())?;
        for warning in &one.warnings {
            writeln!(out, "  warns: {warning}")?;
        }
        let sources = self.sources.get(&one.name).into_iter().flatten();
        let sources: Vec<_> = sources.map(|path| path.display().to_string()).collect();
        if !sources.is_empty() {
            writeln!(out, "  reads {}", shortened(&sources))?;
        }
        Ok(())
    }
}

/// The first of many, and how many there are.
fn shortened(sources: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = sources.len().saturating_sub(SHOWN);
    let first = sources[..sources.len() - more].join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
