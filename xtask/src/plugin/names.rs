//! What a plugin may be called.

use crate::build::AGENT;
use crate::failure::{Failure, Result};
use crate::workspace::{PLUGIN_PREFIX, Workspace};

/// Keys of `[plugins]` in `relink.toml`, features of the agent, and crates that every crate has.
const TAKEN: [&str; 7] = ["enabled", "dir", "prefer", "default", "linkme", "core", "std"];

/// The words of Rust 2024 that can't name anything.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

const ALLOWED: &str = "a lower-case letter, then up to 63 lower-case letters, digits, `-` and `_`";

/// Refuses a name that can't be a plugin's.
pub(super) fn check(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let fits = name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if !fits {
        return Err(Failure::usage(format!("{name:?} can't name a plugin; expected {ALLOWED}")));
    }
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err(Failure::usage(format!(
            "{name:?} can't name a plugin: it means something else in relink.toml, Cargo.toml or Rust; expected {ALLOWED}"
        )));
    }
    Ok(())
}

/// Refuses a name that is in use. `a-b` and `a_b` are one crate to the compiler.
pub(super) fn check_free(workspace: &Workspace, name: &str) -> Result<()> {
    let same = |other: &str| other.replace('-', "_") == name.replace('-', "_");
    let agent = workspace.package(AGENT)?;
    let mut known =
        agent.features.keys().map(String::as_str).chain(workspace.known().into_iter().map(|(name, _)| name));
    if let Some(taken) = known.find(|known| same(known)) {
        let names: Vec<&str> = workspace.known().into_iter().map(|(name, _)| name).collect();
        return Err(Failure::usage(format!(
            "the name {name:?} is taken by {taken:?}; the plugins are {}: choose another name",
            names.join(", ")
        )));
    }
    let folder = workspace.root.join(format!("{PLUGIN_PREFIX}{name}"));
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!(
            "the name {name:?} is taken: {} exists; remove it or choose another name",
            workspace.shown(&folder)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    #[test]
    fn odd_names_are_refused_with_what_is_allowed() {
        for bad in ["", "Swap", "1a", "-a", "_a", "a b", "a/b", "../a", "a.b", "é", "a\n", &"a".repeat(65)] {
            let failure = check(bad).unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(failure.message().contains("a lower-case letter, then"), "{bad:?}: {failure:?}");
        }
        for bad in ["enabled", "linkme", "core", "type", "gen"] {
            assert!(check(bad).unwrap_err().message().contains("something else"), "{bad}");
        }
        for good in ["swap", "a", "my-gpu_2", "types", &"a".repeat(64)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_name_in_use_is_refused_also_with_another_dash() {
        let message = |name| check_free(&example(), name).unwrap_err().message().to_owned();
        assert!(
            message("cpu").starts_with("the name \"cpu\" is taken by \"cpu\"; the plugins are cpu, disk")
        );
        assert!(message("disk").contains("taken by \"disk\""), "a crate without feature");
        assert!(message("dashboard").contains("taken by"), "a feature that is no plugin");
        assert_eq!(check_free(&example(), "swap"), Ok(()));
        let mut workspace = example();
        workspace.packages[0].folder = "/ws/metrics-a-b".into();
        assert!(check_free(&workspace, "a_b").unwrap_err().message().contains("taken by \"a-b\""));
    }
}
