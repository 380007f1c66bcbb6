//! The arguments of `cargo xtask plugin`.

use std::path::PathBuf;

use lexopt::{Arg, Parser};

use super::flags::{Argument, Parsed, Stop, argument, shown, unknown, value};
use crate::failure::Failure;

const COMMANDS: [&str; 5] = ["list", "new", "build", "add", "remove"];

/// What to do with plugins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PluginTask {
    List,
    New { name: String },
    Build { names: Names, release: bool },
    Add { package: String, origin: Origin },
    Remove { name: String, force: bool },
}

/// Which plugins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Names {
    All,
    These(Vec<String>),
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

pub(super) fn plugin(parser: &mut Parser) -> Parsed<PluginTask> {
    let command = match parser.next()? {
        Some(Arg::Long("help") | Arg::Short('h')) => return Err(Stop::Help),
        Some(Arg::Value(value)) => value.to_string_lossy().into_owned(),
        Some(other) => return Err(unknown("plugin command", &shown(&other), &COMMANDS).into()),
        None => return Err(Failure::usage(format!("which plugin command? {}", COMMANDS.join(", "))).into()),
    };
    match command.as_str() {
        "list" => {
            words(parser, &[], |flag, _| Err(flag.refused(&["--help"])))?;
            Ok(PluginTask::List)
        }
        "new" => {
            let names = words(parser, &["NAME"], |flag, _| Err(flag.refused(&["NAME"])))?;
            Ok(PluginTask::New { name: names.concat() })
        }
        "build" => build(parser),
        "add" => add(parser),
        "remove" => {
            let mut force = false;
            let names = words(parser, &["NAME"], |flag, _| match flag.flag() {
                "--force" => {
                    force = true;
                    Ok(())
                }
                _ => Err(flag.refused(&["NAME", "--force"])),
            })?;
            Ok(PluginTask::Remove { name: names.concat(), force })
        }
        other => Err(unknown("plugin command", other, &COMMANDS).into()),
    }
}

/// The words among the arguments, which must be as many as are `wanted`; the flags go to `on`.
fn words(
    parser: &mut Parser,
    wanted: &[&str],
    mut on: impl FnMut(&Argument, &mut Parser) -> Parsed<()>,
) -> Parsed<Vec<String>> {
    let mut words = Vec::new();
    while let Some(argument) = argument(parser)? {
        match argument {
            Argument::Word(word) if words.len() < wanted.len() => words.push(word),
            other => on(&other, parser)?,
        }
    }
    match wanted.get(words.len()) {
        Some(missing) => Err(Failure::usage(format!("{missing} is missing; see cargo xtask --help")).into()),
        None => Ok(words),
    }
}

fn build(parser: &mut Parser) -> Parsed<PluginTask> {
    let (mut names, mut all, mut release) = (Vec::new(), false, false);
    while let Some(argument) = argument(parser)? {
        match argument {
            Argument::Word(name) => names.push(name),
            flag => match flag.flag() {
                "--all" => all = true,
                "--release" => release = true,
                _ => return Err(flag.refused(&["NAME...", "--all", "--release"])),
            },
        }
    }
    let names = match (all, names.is_empty()) {
        (true, true) => Names::All,
        (false, false) => Names::These(names),
        _ => return Err(Failure::usage("expected names of plugins, or --all").into()),
    };
    Ok(PluginTask::Build { names, release })
}

fn add(parser: &mut Parser) -> Parsed<PluginTask> {
    let mut origins = Vec::new();
    let names = words(parser, &["CRATE"], |flag, parser| {
        origins.push(match flag.flag() {
            "--path" => Origin::Path(parser.value()?.into()),
            "--git" => Origin::Git(value(parser)?),
            "--version" => Origin::Registry(Some(value(parser)?)),
            _ => return Err(flag.refused(&["CRATE", "--path", "--git", "--version"])),
        });
        Ok(())
    })?;
    if origins.len() > 1 {
        return Err(Failure::usage("of --path, --git and --version only one can be given").into());
    }
    let origin = origins.pop().unwrap_or(Origin::Registry(None));
    Ok(PluginTask::Add { package: names.concat(), origin })
}

#[cfg(test)]
mod tests {
    use super::super::{Task, parse};
    use super::*;
    use std::ffi::OsString;

    fn parsed(line: &str) -> PluginTask {
        match parse(line.split_whitespace().map(OsString::from)) {
            Ok(Task::Plugin(task)) => task,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refused(line: &str) -> String {
        let failure = parse(line.split_whitespace().map(OsString::from)).unwrap_err();
        assert_eq!(failure.code(), 2, "{line}: {failure:?}");
        failure.message().to_owned()
    }

    #[test]
    fn each_command_takes_its_arguments() {
        assert_eq!(parsed("plugin list"), PluginTask::List);
        assert_eq!(parsed("plugin new swap"), PluginTask::New { name: "swap".into() });
        let names = Names::These(vec!["cpu".into(), "disk".into()]);
        assert_eq!(parsed("plugin build cpu --release disk"), PluginTask::Build { names, release: true });
        let all = PluginTask::Build { names: Names::All, release: false };
        assert_eq!(parsed("plugin build --all"), all);
        let remove = |force| PluginTask::Remove { name: "swap".into(), force };
        assert_eq!(parsed("plugin remove swap"), remove(false));
        assert_eq!(parsed("plugin remove --force swap"), remove(true));
        let add = |origin| PluginTask::Add { package: "metrics-gpu".into(), origin };
        assert_eq!(parsed("plugin add metrics-gpu"), add(Origin::Registry(None)));
        assert_eq!(parsed("plugin add metrics-gpu --version 1.2"), add(Origin::Registry(Some("1.2".into()))));
        assert_eq!(parsed("plugin add --path ../gpu metrics-gpu"), add(Origin::Path("../gpu".into())));
        assert_eq!(parsed("plugin add metrics-gpu --git=file:///x"), add(Origin::Git("file:///x".into())));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(
            refused("plugin shift"),
            "unknown plugin command \"shift\"; known: list, new, build, add, remove"
        );
        assert!(refused("plugin").contains("list, new, build"));
        assert!(refused("plugin new").starts_with("NAME is missing"));
        assert!(refused("plugin new a b").contains("unknown argument \"b\""));
        assert!(refused("plugin list all").contains("unknown argument \"all\""));
        assert!(refused("plugin build").contains("or --all"));
        assert!(refused("plugin build cpu --all").contains("or --all"));
        assert!(refused("plugin remove x --froce").contains("known: NAME, --force"));
        assert!(refused("plugin add x --path a --git b").contains("only one"));
        assert!(refused("plugin add x --path").contains("--path"));
    }
}
