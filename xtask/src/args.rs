//! The command line: a table of the commands, each with what it takes. What is not known is refused with what is.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::failure::{Failure, Result};

/// What `cargo xtask` and `cargo xtask --help` print.
pub(crate) const HELP: &str = include_str!("help.txt");

/// What a command takes: flags, of which those with a `=` have a value; words, which stand for themselves or, in
/// capitals, for a value; and what may follow `--`.
type Takes = &'static [&'static str];

/// What is handed on as it is, to a program that knows it.
const ANYTHING: Takes = &["..."];

const COMMANDS: [(&str, Takes); 17] = [
    ("run", &["--plugins=", "--release", "--registry=", "--dylib", "-- relink arguments"]),
    ("build", &["--plugins=", "--release", "--registry=", "--message-format="]),
    ("plugin list", &[]),
    ("plugin new", &["NAME", "--collectors="]),
    ("plugin collector", &["PLUGIN", "COLLECTOR"]),
    ("plugin build", &["NAME...", "--all", "--release"]),
    ("plugin add", &["CRATE", "--path=", "--git=", "--version="]),
    ("plugin remove", &["NAME", "--force"]),
    ("reload", ANYTHING),
    ("watch", ANYTHING),
    ("test", &["TEST...", "-- arguments of the tests"]),
    ("fuzz", &["TARGET...", "--time="]),
    ("miri", &[]),
    ("soak", &["--hours=", "--reloads="]),
    ("tidy", &[]),
    ("ci", &[]),
    ("bench", &["scrape", "reload", "large", "interfaces"]),
];

/// Whether a command begins with this word.
pub(crate) fn is_command(word: &str) -> bool {
    COMMANDS.iter().any(|(command, _)| command.split(' ').next() == Some(word))
}

/// One command with its arguments.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Help,
    Run { selection: Selection, dylib: bool, agent_args: Vec<OsString> },
    Build { selection: Selection, format: Format },
    PluginList,
    PluginNew { name: String, collectors: Option<Vec<String>> },
    PluginCollector { plugin: String, collector: String },
    PluginBuild { names: Option<Vec<String>>, release: bool },
    PluginAdd { package: String, origin: Origin },
    PluginRemove { name: String, force: bool },
    Reload { args: Vec<OsString> },
    Watch { args: Vec<OsString> },
    Test { filter: Vec<OsString> },
    Fuzz { targets: Vec<String>, seconds: u64 },
    Miri,
    Soak { hours: f64, reloads: usize },
    Tidy,
    Ci,
    Bench(Vec<Section>),
}

/// Which agent to build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// `--plugins`; absent: all of the workspace.
    pub plugins: Option<Vec<String>>,
    /// `--release`.
    pub release: bool,
    /// `--registry`.
    pub registry: Registry,
}

/// How the agent gathers its plugins at link time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Registry {
    #[default]
    Inventory,
    Linkme,
}

/// Who reads what `build` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Human,
    Json,
}

/// Where a crate comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `--path`, as it was given.
    Path(PathBuf),
    /// `--git`
    Git(String),
    /// `--version`; absent: any version of the registry.
    Registry(Option<String>),
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Scrape,
    Reload,
    Large,
    Interfaces,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task> {
    let mut parser = Parser::from_args(args);
    let mut command = match parser.next().map_err(usage)? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => return Ok(Task::Help),
        Some(Arg::Value(word)) => word.to_string_lossy().into_owned(),
        Some(flag) => return Err(unknown("flag", &shown(&flag), ["--help"])),
    };
    if command == "help" {
        return Ok(Task::Help);
    }
    let is_plugin = command == "plugin";
    let plugin = || COMMANDS.iter().filter_map(|(command, _)| command.strip_prefix("plugin "));
    if is_plugin {
        match parser.next().map_err(usage)? {
            None => {
                let known: Vec<&str> = plugin().collect();
                return Err(Failure::usage(format!("which plugin command? {}", known.join(", "))));
            }
            Some(Arg::Long("help") | Arg::Short('h')) => return Ok(Task::Help),
            Some(word) => command = format!("plugin {}", shown(&word)),
        }
    }
    let Some((name, takes)) = COMMANDS.iter().find(|(name, _)| *name == command) else {
        return Err(match command.strip_prefix("plugin ") {
            Some(word) => unknown("plugin command", word, plugin()),
            None => unknown("command", &command, COMMANDS.iter().map(|(name, _)| *name)),
        });
    };
    Given::read(&mut parser, takes)?.map_or(Ok(Task::Help), |given| task(name, given))
}

fn task(command: &str, given: Given) -> Result<Task> {
    Ok(match command {
        "run" => {
            Task::Run { selection: given.selection()?, dylib: given.has("--dylib"), agent_args: given.rest }
        }
        "build" => Task::Build {
            selection: given.selection()?,
            format: given.one_of("--message-format", &[("human", Format::Human), ("json", Format::Json)])?,
        },
        "plugin list" => Task::PluginList,
        "plugin new" => {
            Task::PluginNew { collectors: given.names("--collectors")?, name: given.words.concat() }
        }
        "plugin collector" => {
            let [plugin, collector] = [0, 1].map(|at| given.words[at].clone());
            Task::PluginCollector { plugin, collector }
        }
        "plugin build" => {
            let (all, release) = (given.has("--all"), given.has("--release"));
            if all != given.words.is_empty() {
                return Err(Failure::usage("expected names of plugins, or --all"));
            }
            Task::PluginBuild { names: (!all).then_some(given.words), release }
        }
        "plugin add" => Task::PluginAdd { origin: given.origin()?, package: given.words.concat() },
        "plugin remove" => Task::PluginRemove { force: given.has("--force"), name: given.words.concat() },
        "reload" => Task::Reload { args: given.rest },
        "watch" => Task::Watch { args: given.rest },
        "test" => {
            let mut filter: Vec<OsString> = given.words.into_iter().map(OsString::from).collect();
            if !given.rest.is_empty() {
                filter.push("--".into());
            }
            filter.extend(given.rest);
            Task::Test { filter }
        }
        "fuzz" => Task::Fuzz { seconds: given.seconds()?, targets: given.words },
        "miri" => Task::Miri,
        "soak" => {
            let hours = given.number("--hours", "hours above 0, as in --hours 0.5")?;
            let hours = hours.ok_or_else(|| Failure::usage("for how long? --hours 1"))?;
            let reloads = given.number("--reloads", "a number above 0, as in --reloads 100")?;
            // One every 3.6 seconds.
            Task::Soak { hours, reloads: reloads.unwrap_or(hours * 1000.0).ceil() as usize }
        }
        "tidy" => Task::Tidy,
        "ci" => Task::Ci,
        _ => {
            let sections = [
                ("scrape", Section::Scrape),
                ("reload", Section::Reload),
                ("large", Section::Large),
                ("interfaces", Section::Interfaces),
            ];
            // `large` has the interfaces in it.
            let asked = |name: &str| match given.words.is_empty() {
                true => name != "interfaces",
                false => given.words.iter().any(|word| word == name),
            };
            Task::Bench(
                sections.iter().filter(|(name, _)| asked(name)).map(|(_, section)| *section).collect(),
            )
        }
    })
}

/// The arguments of a command, each of them one that it takes.
#[derive(Default)]
struct Given {
    /// In order. Where a flag stands twice the last one counts.
    flags: Vec<(&'static str, OsString)>,
    words: Vec<String>,
    /// What follows `--`.
    rest: Vec<OsString>,
}

impl Given {
    /// `None`: it is the help that is asked for.
    fn read(parser: &mut Parser, takes: Takes) -> Result<Option<Self>> {
        let mut given = Given::default();
        if takes == ANYTHING {
            given.rest.extend(parser.raw_args().map_err(usage)?);
            return Ok(Some(given));
        }
        let (values, words): (Vec<&str>, Vec<&str>) = takes
            .iter()
            .filter(|takes| !takes.starts_with('-'))
            .partition(|takes| takes.starts_with(char::is_uppercase));
        let takes_rest = takes.iter().any(|takes| takes.starts_with("-- "));
        let most = if values.iter().any(|value| value.ends_with("...")) { usize::MAX } else { values.len() };
        loop {
            if takes_rest
                && let Some(mut raw) = parser.try_raw_args()
                && raw.next_if(|arg| arg == "--").is_some()
            {
                given.rest.extend(raw);
                break;
            }
            let Some(arg) = parser.next().map_err(usage)? else { break };
            let (text, is_word) = (shown(&arg), matches!(arg, Arg::Value(_)));
            let flag = takes.iter().find(|takes| !is_word && takes.trim_end_matches('=') == text);
            match flag.map(|flag| (*flag, flag.strip_suffix('='))) {
                Some((_, Some(name))) => given.flags.push((name, parser.value().map_err(usage)?)),
                Some((name, None)) => given.flags.push((name, OsString::new())),
                None if matches!(text.as_str(), "-h" | "--help") && !is_word => return Ok(None),
                None if is_word && (words.contains(&&*text) || given.words.len() < most) => {
                    given.words.push(text)
                }
                None => {
                    return Err(unknown(
                        "argument",
                        &text,
                        takes.iter().map(|takes| takes.trim_end_matches('=')),
                    ));
                }
            }
        }
        match values.get(given.words.len()) {
            Some(missing) if !missing.ends_with("...") => {
                Err(Failure::usage(format!("{missing} is missing; see cargo xtask --help")))
            }
            _ => Ok(Some(given)),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|(name, _)| *name == flag)
    }

    fn value(&self, flag: &str) -> Result<Option<String>> {
        let last = self.flags.iter().rev().find(|(name, _)| *name == flag);
        last.map(|(_, value)| value.clone().string().map_err(usage)).transpose()
    }

    /// The names in `cpu,disk`, each once.
    fn names(&self, flag: &str) -> Result<Option<Vec<String>>> {
        let Some(list) = self.value(flag)? else { return Ok(None) };
        let mut names: Vec<String> =
            list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.is_empty() {
            let what = &flag[2..flag.len() - 1];
            return Err(Failure::usage(format!(
                "{flag} names no {what}; give at least one, or leave the flag out"
            )));
        }
        names.sort();
        names.dedup();
        Ok(Some(names))
    }

    /// The meaning of a flag's value; without the flag that of the first.
    fn one_of<T: Copy>(&self, flag: &str, known: &[(&str, T)]) -> Result<T> {
        let Some(value) = self.value(flag)? else { return Ok(known[0].1) };
        let found = known.iter().find(|(name, _)| *name == value);
        found
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| unknown(&format!("value of {flag}"), &value, known.iter().map(|(name, _)| *name)))
    }

    /// A number above 0; `None` where it is not given.
    fn number(&self, flag: &str, expected: &str) -> Result<Option<f64>> {
        let Some(text) = self.value(flag)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number > 0.0 && *number < 1e6);
        let wrong = || Failure::usage(format!("{flag} is {text:?}, expected {expected}"));
        number.ok_or_else(wrong).map(Some)
    }

    /// `--time`, in seconds: a minute where it is not given.
    fn seconds(&self) -> Result<u64> {
        let Some(text) = self.value("--time")? else { return Ok(60) };
        let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
        seconds.ok_or_else(|| {
            Failure::usage(format!("--time is {text:?}, expected seconds from 1, as in --time 600"))
        })
    }

    fn selection(&self) -> Result<Selection> {
        let registries = [("inventory", Registry::Inventory), ("linkme", Registry::Linkme)];
        let registry = self.one_of("--registry", &registries)?;
        // The agent puts its own set behind the one that the command has; the last one counts.
        Ok(Selection { plugins: self.names("--plugins")?, release: self.has("--release"), registry })
    }

    fn origin(&self) -> Result<Origin> {
        let text = |value: &OsString| value.clone().string().map_err(usage);
        match &self.flags[..] {
            [] => Ok(Origin::Registry(None)),
            [("--path", folder)] => Ok(Origin::Path(folder.into())),
            [("--git", url)] => Ok(Origin::Git(text(url)?)),
            [(_, version)] => Ok(Origin::Registry(Some(text(version)?))),
            _ => Err(Failure::usage("of --path, --git and --version only one can be given")),
        }
    }
}

fn unknown<'a>(what: &str, value: &str, known: impl IntoIterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.into_iter().collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::usage(format!("unknown {what} {value:?}; known: {known}"))
}

fn usage(error: lexopt::Error) -> Failure {
    Failure::usage(error.to_string())
}

/// An argument as it was typed, a flag without its value.
fn shown(arg: &Arg<'_>) -> String {
    match arg {
        Arg::Short(letter) => format!("-{letter}"),
        Arg::Long(name) => format!("--{name}"),
        Arg::Value(value) => value.to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests;
