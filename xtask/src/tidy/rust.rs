//! Rules about the text of a Rust file. What clippy can judge stands in `clippy.toml` and in the manifest's lints.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use super::File;
use crate::workspace::Plugin;

/// A longer file is two rooms in one.
const LINES: usize = 400;

/// Where `unsafe` may be allowed, which the workspace's lints deny: what touches the C interface, file descriptors and
/// `exec`; two calls of the system that no safe library has; the counting allocator and the image that crashes on
/// purpose, of the tests.
const UNSAFE_ROOMS: [&str; 10] = [
    "core/src/abi.rs",
    "core/src/abi/",
    "core/examples/simple_example/",
    "core/tests/abi.rs",
    "host/handover/",
    "host/import/",
    "host/src/memory.rs",
    "host/src/plugins/dylib/",
    "metrics-stat/src/timex/",
    "testing/src/allocator.rs",
];

/// The one file that names plugin crates.
pub(crate) const PLUGIN_LIST: &str = "app/src/plugins.rs";

/// Written in two halves, so that this file does not break its own rule.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

pub(super) fn problems(file: &File, plugins: &[Plugin<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    let in_room = UNSAFE_ROOMS.iter().any(|room| file.path.starts_with(room));
    for (number, line) in file.text.lines().enumerate() {
        let mut problem = |what: String| problems.push(format!("{}:{}: {what}", file.path, number + 1));
        if let Some(mark) = MARKS.iter().find(|mark| has_word(line, mark)) {
            problem(format!("the mark {mark:?} says that something is missing: do it, or open an issue"));
        }
        let line = line.trim_start();
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        if !in_room && line.starts_with(['#', 'u']) && has_word(line, "unsafe_code") {
            problem(format!("unsafe code outside its rooms, which are {}", UNSAFE_ROOMS.join(", ")));
        }
        if let Some(plugin) = plugins.iter().find(|plugin| names(file, line, plugin)) {
            problem(format!("names the plugin crate {}; only {PLUGIN_LIST} may", plugin.package.name));
        }
    }
    if !is_test(&file.path) {
        problems.extend(sleeps(&file.text).into_iter().map(|line| {
            format!(
                "{}:{line}: sleeps without a reason; wait for the event, or say `// sleep: why` on the line before",
                file.path
            )
        }));
    }
    let code = lines_of_code(&file.text);
    if code > LINES {
        problems.push(format!("{}: {code} lines of code, expected at most {LINES}: split it", file.path));
    }
    problems
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches")
}

/// In two halves, as above.
const SLEEPS: [&str; 2] = [concat!("thread::", "sleep("), concat!("time::", "sleep(")];

/// The lines, counted from 1, that sleep without saying why. Unit tests, at the end of a file, may.
fn sleeps(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| {
            SLEEPS.iter().any(|sleep| line.contains(sleep)) && !line.trim_start().starts_with("//")
        })
        .filter(|(_, line)| !is_deadline(line))
        .filter(|(number, _)| {
            let above = lines[..*number].iter().rev().map(|line| line.trim());
            !above.take_while(|line| line.starts_with("//")).any(|line| line.contains("sleep:"))
        })
        .map(|(number, _)| number + 1)
        .collect()
}

/// The arm of a `select!`: it does not wait for the time, it limits the wait for an event.
fn is_deadline(line: &str) -> bool {
    line.trim_start().starts_with("() = ") && line.contains("=>")
}

/// The lines on which something begins or ends that is neither comment nor literal: text may be as long as it has to be.
fn lines_of_code(text: &str) -> usize {
    fn of(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
        for token in tokens {
            match token {
                TokenTree::Literal(_) => {}
                TokenTree::Group(group) => {
                    lines.extend([group.span_open(), group.span_close()].map(|span| span.start().line));
                    of(group.stream(), lines);
                }
                other => drop(lines.insert(other.span().start().line)),
            }
        }
    }
    let mut lines = BTreeSet::new();
    of(text.parse().unwrap_or_default(), &mut lines);
    // A comment that documents is a token too.
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    text.lines().zip(1..).filter(|(line, number)| lines.contains(number) && !is_comment(line)).count()
}

/// Whether a line uses the crate of this plugin, outside the list that the executable checks itself against and the
/// crate itself.
fn names(file: &File, line: &str, plugin: &Plugin<'_>) -> bool {
    let folder = plugin.package.folder.file_name().unwrap_or_default().to_string_lossy();
    let name = plugin.package.name.replace('-', "_");
    file.path != PLUGIN_LIST
        && !file.path.starts_with(&*folder)
        && has_word(line, &name)
        && (line.starts_with("use ") || line.contains(&format!("{name}::")))
}

/// Whether `word` stands in the text as a whole identifier.
fn has_word(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    fn found(path: &str, text: &str) -> Vec<String> {
        problems(&File { path: path.into(), text: text.into() }, &example().plugins())
    }

    #[test]
    fn unsafe_stays_in_its_rooms() {
        let text = "fn f() {\n    #[allow(unsafe_code)]\n    unsafe { g() }\n}\n";
        assert!(
            found("host/src/expose/json.rs", text)[0].starts_with("host/src/expose/json.rs:2: unsafe code")
        );
        assert!(!found("host/src/serve/connection.rs", text).is_empty(), "the engine has two rooms for it");
        for room in ["host/handover/src/exec.rs", "host/src/plugins/dylib/image.rs", "core/src/abi.rs"] {
            assert_eq!(found(room, text), [""; 0], "{room}");
        }
        assert_eq!(
            found("host/src/lib.rs", "// unsafe_code\nconst A: &str = \"#![allow(unsafe_code)]\";\n"),
            [""; 0]
        );
        let long = "#[expect(\n    unsafe_code,\n    reason = \"\"\n)]\n";
        assert!(found("app/src/main.rs", long)[0].starts_with("app/src/main.rs:2: unsafe code"));
    }

    #[test]
    fn long_files_are_split() {
        let line = "f();\n\n// a comment does not count\n";
        assert_eq!(found("host/src/lib.rs", &line.repeat(400)), [""; 0]);
        assert!(found("host/src/lib.rs", &line.repeat(401))[0].contains("401 lines of code"));
        let literal = format!("/* {0} */\nconst A: &str = \"{0}\";\n", "a\n".repeat(401));
        assert_eq!(found("host/src/lib.rs", &literal), [""; 0]);
        let doc = format!("/// A\n{}fn f() {{\n}}\n", "/// b\n".repeat(401));
        assert_eq!(found("host/src/lib.rs", &doc), [""; 0]);
    }

    #[test]
    fn only_the_list_names_plugin_crates() {
        let text = "use metrics_cpu as _;\n";
        assert!(found("host/src/lib.rs", text)[0].contains("only app/src/plugins.rs may"));
        assert_eq!(found("app/src/plugins.rs", text), [""; 0]);
        assert_eq!(found("metrics-cpu/tests/fixture.rs", text), [""; 0]);
        assert!(found("metrics-disk/src/lib.rs", text)[0].contains("names the plugin crate metrics-cpu"));
        assert_eq!(found("host/src/lib.rs", "fn metrics_cpus() {}\n"), [""; 0]);
    }

    #[test]
    fn nothing_is_left_for_later() {
        let comment = format!("// {}: later\n", concat!("TO", "DO"));
        assert!(found("app/src/main.rs", &comment)[0].starts_with("app/src/main.rs:1: the mark"));
        assert_eq!(found("app/src/main.rs", concat!("// a me", "TO", "DO\n")), [""; 0]);
    }

    #[test]
    fn a_sleep_gives_its_reason() {
        let bare = "fn f() {\n    std::thread::sleep(D);\n}\n";
        assert!(found("host/src/lib.rs", bare)[0].starts_with("host/src/lib.rs:2: sleeps without a reason"));
        assert_eq!(found("host/tests/http.rs", bare), [""; 0]);
        let told =
            "fn f() {\n    // sleep: the kernel tells of\n    // no event.\n    thread::sleep(D);\n}\n";
        assert_eq!(found("host/src/lib.rs", told), [""; 0]);
        assert_eq!(found("host/src/lib.rs", "    () = tokio::time::sleep(limit) => {\n"), [""; 0]);
        let in_test = format!("#[cfg(test)]\nmod tests {{\n{bare}}}\n");
        assert_eq!(found("host/src/lib.rs", &in_test), [""; 0]);
    }
}
