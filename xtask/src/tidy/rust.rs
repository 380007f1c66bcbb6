//! Rules about the text of a Rust file.

use super::File;
use super::source::{code, has_word};
use crate::workspace::Plugin;

/// A longer file is two rooms in one.
const LINES: usize = 400;

/// Where `unsafe` may stand: what touches the C interface, file descriptors and `exec`; the attributes by which
/// `register!` names a C entry; two calls of the system that no safe library has; the counting allocator and the image
/// that crashes on purpose, of the tests.
const UNSAFE_ROOMS: [&str; 10] = [
    "core/src/abi.rs",
    "core/src/abi/",
    "core/src/register.rs",
    "core/examples/simple_example/",
    "core/tests/abi.rs",
    "core/src/testing/allocator.rs",
    "host/handover/",
    "host/src/memory.rs",
    "host/src/plugins/dylib/",
    "metrics-stat/src/timex/",
];

/// The one file that names plugin crates.
pub(crate) const PLUGIN_LIST: &str = "app/src/plugins.rs";

pub(super) fn problems(file: &File, plugins: &[Plugin<'_>]) -> Vec<String> {
    let code = code(&file.text);
    let mut problems = Vec::new();
    problems.extend(length(&code).map(|problem| format!("{}: {problem}", file.path)));
    problems.extend(foreign_plugin(file, &code, plugins));
    let in_room = UNSAFE_ROOMS.iter().any(|room| file.path.starts_with(room));
    for (number, (code, text)) in code.lines().zip(file.text.lines()).enumerate() {
        let mut problem = |what: String| problems.push(format!("{}:{}: {what}", file.path, number + 1));
        if !in_room && has_word(code, "unsafe") {
            problem(format!("unsafe code outside its rooms, which are {}", UNSAFE_ROOMS.join(", ")));
        }
        if let Some(mark) = mark(code, text) {
            problem(format!("the mark {mark:?} says that something is missing: do it, or open an issue"));
        }
    }
    if !is_test(&file.path) {
        problems.extend(sleeps(&file.text, &code).into_iter().map(|line| {
            format!(
                "{}:{line}: sleeps without a reason; wait for the event, or say `// sleep: why` on the line before",
                file.path
            )
        }));
    }
    problems
}

fn length(code: &str) -> Option<String> {
    let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
    (lines > LINES).then(|| format!("{lines} lines of code, expected at most {LINES}: split it"))
}

/// A plugin crate named outside the list that the executable checks itself against, and outside the crate itself.
fn foreign_plugin(file: &File, code: &str, plugins: &[Plugin<'_>]) -> Option<String> {
    if file.path == PLUGIN_LIST {
        return None;
    }
    let named = plugins.iter().find(|plugin| {
        let own = plugin
            .package
            .folder
            .file_name()
            .is_some_and(|folder| file.path.starts_with(&*folder.to_string_lossy()));
        !own && has_word(code, &plugin.package.name.replace('-', "_"))
    })?;
    Some(format!("{}: names the plugin crate {}; only {PLUGIN_LIST} may", file.path, named.package.name))
}

/// Written in two halves, so that this file does not break its own rule.
fn mark(code: &str, text: &str) -> Option<&'static str> {
    let in_text = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let in_code = ["todo!(", "unimplemented!(", "dbg!("];
    in_text
        .into_iter()
        .find(|mark| has_word(text, mark))
        .or_else(|| in_code.into_iter().find(|mark| code.contains(mark)))
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches")
}

/// The lines, counted from 1, that sleep without saying why. Unit tests, at the end of a file, may.
fn sleeps(text: &str, code: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    code.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| line.contains("thread::sleep") || line.contains("time::sleep"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    fn found(path: &str, text: &str) -> Vec<String> {
        problems(&File { path: path.into(), text: text.into() }, &example().plugins())
    }

    #[test]
    fn unsafe_stays_in_its_rooms() {
        let text = "fn f() {\n    unsafe { g() }\n}\n";
        assert!(
            found("host/src/expose/json.rs", text)[0].starts_with("host/src/expose/json.rs:2: unsafe code")
        );
        assert!(!found("host/src/serve/connection.rs", text).is_empty(), "the engine has two rooms for it");
        for room in ["host/handover/src/exec.rs", "host/src/plugins/dylib/image.rs", "core/src/abi.rs"] {
            assert_eq!(found(room, text), [""; 0], "{room}");
        }
        assert_eq!(
            found("host/src/lib.rs", "// unsafe\n#![deny(unsafe_code)]\nconst A: &str = \"unsafe\";\n"),
            [""; 0]
        );
    }

    #[test]
    fn long_files_are_split() {
        let line = "f();\n\n// a comment does not count\n";
        assert_eq!(found("host/src/lib.rs", &line.repeat(400)), [""; 0]);
        assert!(found("host/src/lib.rs", &line.repeat(401))[0].contains("401 lines of code"));
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
        assert!(found("app/src/main.rs", "fn f() {\n    dbg!(1);\n}\n")[0].starts_with("app/src/main.rs:2:"));
        assert_eq!(found("app/src/main.rs", "const A: &str = \"dbg!(\";\n"), [""; 0]);
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
