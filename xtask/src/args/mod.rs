//! The command line. What is not known is refused with what is.

mod flags;
mod plugin;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::failure::Result;
use flags::{
    Argument, Parsed, Stop, argument, following, next, one_of, plugins, registry, shown, unknown, value,
};
pub(crate) use plugin::{Names, Origin, PluginTask};

/// What `cargo xtask` and `cargo xtask --help` print.
pub(crate) const HELP: &str = include_str!("help.txt");

const COMMANDS: [&str; 13] = [
    "run",
    "build",
    "plugin list",
    "plugin new",
    "plugin build",
    "plugin add",
    "plugin remove",
    "reload",
    "watch",
    "test",
    "tidy",
    "ci",
    "bench",
];

/// Whether a command begins with this word.
pub(crate) fn is_command(word: &str) -> bool {
    COMMANDS.iter().any(|command| command.split(' ').next() == Some(word))
}

/// One command with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Run { selection: Selection, dylib: bool, agent_args: Vec<OsString> },
    Build { selection: Selection, format: Format },
    Plugin(PluginTask),
    Reload(ReloadRequest),
    Watch(ReloadRequest),
    Test { filter: Vec<OsString> },
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

/// What `reload` and `watch` ask of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReloadRequest {
    pub plugins: Option<Vec<String>>,
    pub force: bool,
    pub url: String,
    pub token_file: Option<PathBuf>,
}

impl Default for ReloadRequest {
    fn default() -> Self {
        ReloadRequest {
            plugins: None,
            force: false,
            url: "http://127.0.0.1:8000".to_owned(),
            token_file: None,
        }
    }
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Scrape,
    Reload,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task> {
    let mut parser = Parser::from_args(args);
    let Some(first) = next(&mut parser)? else { return Ok(Task::Help) };
    let command = match first {
        Arg::Long("help") | Arg::Short('h') => return Ok(Task::Help),
        Arg::Value(value) => value.to_string_lossy().into_owned(),
        other => return Err(unknown("flag", &shown(&other), &["--help"])),
    };
    let task = match command.as_str() {
        "help" => Ok(Task::Help),
        "run" => run(&mut parser),
        "build" => build(&mut parser),
        "plugin" => plugin::plugin(&mut parser).map(Task::Plugin),
        "reload" => reload(&mut parser).map(Task::Reload),
        "watch" => reload(&mut parser).map(Task::Watch),
        "test" => test(&mut parser),
        "tidy" => nothing_more(&mut parser, Task::Tidy),
        "ci" => nothing_more(&mut parser, Task::Ci),
        "bench" => bench(&mut parser),
        other => Err(unknown("command", other, &COMMANDS).into()),
    };
    match task {
        Err(Stop::Help) => Ok(Task::Help),
        Err(Stop::Failure(failure)) => Err(failure),
        Ok(task) => Ok(task),
    }
}

fn run(parser: &mut Parser) -> Parsed<Task> {
    let mut selection = Selection::default();
    let mut dylib = false;
    let mut agent_args = Vec::new();
    // What stands after `--` is the agent's, its flags included.
    while let Some(argument) = following(parser, &mut agent_args)? {
        match argument.flag() {
            "--plugins" => selection.plugins = Some(plugins(parser)?),
            "--release" => selection.release = true,
            "--registry" => selection.registry = registry(parser)?,
            "--dylib" => dylib = true,
            _ => {
                let known = ["--plugins", "--release", "--registry", "--dylib", "-- relink arguments"];
                return Err(argument.refused(&known));
            }
        }
    }
    Ok(Task::Run { selection, dylib, agent_args })
}

fn build(parser: &mut Parser) -> Parsed<Task> {
    let mut selection = Selection::default();
    let mut format = Format::Human;
    while let Some(argument) = argument(parser)? {
        match argument.flag() {
            // The agent puts its own set behind the one that the command has; the last one counts.
            "--plugins" => selection.plugins = Some(plugins(parser)?),
            "--release" => selection.release = true,
            "--registry" => selection.registry = registry(parser)?,
            "--message-format" => {
                format =
                    one_of(parser, "--message-format", &[("human", Format::Human), ("json", Format::Json)])?;
            }
            _ => {
                return Err(argument.refused(&["--plugins", "--release", "--registry", "--message-format"]));
            }
        }
    }
    Ok(Task::Build { selection, format })
}

fn reload(parser: &mut Parser) -> Parsed<ReloadRequest> {
    let mut request = ReloadRequest::default();
    while let Some(argument) = argument(parser)? {
        match argument.flag() {
            "--plugins" => request.plugins = Some(plugins(parser)?),
            "--force" => request.force = true,
            "--url" => request.url = value(parser)?,
            "--token-file" => request.token_file = Some(parser.value()?.into()),
            _ => return Err(argument.refused(&["--plugins", "--force", "--url", "--token-file"])),
        }
    }
    Ok(request)
}

fn test(parser: &mut Parser) -> Parsed<Task> {
    let (mut filter, mut rest) = (Vec::new(), Vec::new());
    while let Some(argument) = following(parser, &mut rest)? {
        match argument {
            Argument::Word(name) => filter.push(name.into()),
            flag @ Argument::Flag(_) => {
                return Err(flag.refused(&["a part of a test's name", "-- arguments of the tests"]));
            }
        }
    }
    if !rest.is_empty() {
        filter.push("--".into());
        filter.extend(rest);
    }
    Ok(Task::Test { filter })
}

fn bench(parser: &mut Parser) -> Parsed<Task> {
    let mut sections = Vec::new();
    while let Some(argument) = argument(parser)? {
        match argument {
            Argument::Word(name) => match name.as_str() {
                "scrape" => sections.push(Section::Scrape),
                "reload" => sections.push(Section::Reload),
                _ => return Err(unknown("benchmark", &name, &["scrape", "reload"]).into()),
            },
            flag @ Argument::Flag(_) => return Err(flag.refused(&["scrape", "reload"])),
        }
    }
    if sections.is_empty() {
        sections.extend([Section::Scrape, Section::Reload]);
    }
    Ok(Task::Bench(sections))
}

fn nothing_more(parser: &mut Parser, task: Task) -> Parsed<Task> {
    match argument(parser)? {
        None => Ok(task),
        Some(other) => Err(other.refused(&["--help"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn refused(line: &str) -> String {
        let failure = parsed(line).unwrap_err();
        assert_eq!(failure.code(), 2, "{line}: {failure:?}");
        failure.message().to_owned()
    }

    #[test]
    fn help_lists_every_command() {
        for line in ["", "--help", "-h", "help", "run --help", "plugin -h", "reload --force --help"] {
            assert_eq!(parsed(line).unwrap(), Task::Help, "{line}");
        }
        for command in COMMANDS {
            assert!(HELP.contains(&format!("\n  {command}")), "{command} is not in the help");
        }
    }

    #[test]
    fn run_takes_a_selection_and_leaves_the_rest_to_the_agent() {
        assert_eq!(
            parsed("run --plugins disk,cpu,disk --release --registry linkme -- --listen 127.0.0.1:0 -- x")
                .unwrap(),
            Task::Run {
                selection: Selection {
                    plugins: Some(vec!["cpu".into(), "disk".into()]),
                    release: true,
                    registry: Registry::Linkme
                },
                dylib: false,
                agent_args: ["--listen", "127.0.0.1:0", "--", "x"].map(OsString::from).to_vec(),
            }
        );
        assert_eq!(
            parsed("run --plugins=disk --dylib --plugins=cpu").unwrap(),
            Task::Run {
                selection: Selection { plugins: Some(vec!["cpu".into()]), ..Selection::default() },
                dylib: true,
                agent_args: vec![],
            }
        );
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_is_known() {
        assert_eq!(
            refused("rum"),
            "unknown command \"rum\"; known: run, build, plugin list, plugin new, plugin build, plugin add, \
             plugin remove, reload, watch, test, tidy, ci, bench"
        );
        assert_eq!(
            refused("run --dylip"),
            "unknown argument \"--dylip\"; known: --plugins, --release, --registry, --dylib, -- relink arguments"
        );
        assert_eq!(
            refused("run --registry ctor"),
            "unknown value of --registry \"ctor\"; known: inventory, linkme"
        );
        assert!(refused("build --force").contains("unknown argument \"--force\""));
        assert!(refused("run --plugins ,").contains("names no plugin"));
        assert!(refused("run --plugins").contains("--plugins"));
        assert!(refused("build -- --release").contains("unknown argument"));
        assert!(refused("bench everything").contains("known: scrape, reload"));
        assert!(refused("ci now").contains("\"now\""));
        assert!(refused("--quiet").contains("--help"));
    }

    #[test]
    fn reload_and_test_take_their_arguments() {
        assert_eq!(
            parsed("reload --plugins cpu --force --url http://localhost:9 --token-file t").unwrap(),
            Task::Reload(ReloadRequest {
                plugins: Some(vec!["cpu".into()]),
                force: true,
                url: "http://localhost:9".into(),
                token_file: Some("t".into()),
            })
        );
        assert_eq!(
            parsed("test metric -- --ignored").unwrap(),
            Task::Test { filter: ["metric", "--", "--ignored"].map(OsString::from).to_vec() }
        );
    }
}
