//! The lists in a plugin's crate in which each collector has its place: the `mod` lines and `register!` of its
//! `src/lib.rs`, and `conforms!` of its tests. What else stands there stays as it is.

use crate::failure::{Failure, Result};

/// The names of the collectors that a `register!` lists, in their order.
pub(super) fn collectors(lib: &str) -> Vec<&str> {
    let body = register(lib).and_then(|open| Some(&lib[open..closing(lib, open)?])).unwrap_or_default();
    let starts = body.match_indices(": \"").filter(|(at, _)| {
        let key = body[..*at].rsplit(|byte: char| !byte.is_ascii_alphabetic()).next();
        matches!(key, Some("name" | "collector"))
    });
    starts.filter_map(|(at, found)| body[at + found.len()..].split('"').next()).collect()
}

/// The `src/lib.rs` with a module more, in the place that rustfmt wants, and with a row in the list of `register!`.
pub(super) fn registered(lib: &str, module: &str, row: &str) -> Result<String> {
    let open = register(lib).ok_or_else(|| Failure::new("there is no register! { .. }, expected one"))?;
    let end = closing(lib, open).ok_or_else(|| Failure::new("its register! has no end"))?;
    const LIST: &str = "collectors: [";
    let list = code(lib, open).find(|(at, _)| *at < end && lib[*at..].starts_with(LIST)).ok_or_else(|| {
        let only = collectors(lib).first().copied().unwrap_or("..");
        Failure::new(format!(
            "its register! is in the form for one collector; write collectors: [{{ name: {only:?}, help: \"..\", .. }}] \
             instead of collector: {only:?}, .. and give the command again"
        ))
    })?;
    let list_end = closing(lib, list.0 + LIST.len() - 1);
    let list_end = list_end.ok_or_else(|| Failure::new("its list of collectors has no end"))?;
    Ok(with_module(&inserted(lib, list_end, row, "    "), module))
}

/// A test with a case more in its `conforms!`, whose machine has what stands in `files` as well: `.file("proc/x", "1")`.
/// `None` for a test without one.
pub(super) fn tested(test: &str, case: &str, files: &str) -> Option<String> {
    const HEAD: &str = "conforms! {";
    let open = code(test, 0).find(|(at, _)| test[*at..].starts_with(HEAD))?.0 + HEAD.len() - 1;
    let end = closing(test, open)?;
    // Behind the plugin's name and the machine.
    let mut depth = 0;
    let mut commas = code(test, open).filter(|(_, byte)| {
        depth += step(*byte);
        *byte == b',' && depth == 1
    });
    let machine_end = commas.nth(1).filter(|(at, _)| *at < end)?.0;
    let mut text = inserted(test, end, case, "");
    text.insert_str(machine_end, files);
    Some(text)
}

/// With lines at the end of a list, whose bracket is then on a line of its own.
fn inserted(text: &str, end: usize, lines: &str, indent: &str) -> String {
    let before = text[..end].trim_end();
    let comma = if before.ends_with([',', '[', '{']) { "" } else { "," };
    format!("{before}{comma}\n{lines}{indent}{}", &text[end..])
}

fn with_module(lib: &str, module: &str) -> String {
    let line = format!("mod {module};");
    let mut lines: Vec<&str> = lib.lines().collect();
    let is_module = |at: &usize| lines[*at].starts_with("mod ") && lines[*at].ends_with(';');
    let modules: Vec<usize> = (0..lines.len()).filter(is_module).collect();
    let next = modules.iter().find(|&&at| lines[at] > line.as_str());
    match (next, modules.last()) {
        (Some(&next), _) => {
            // What is said of a module stands above it.
            let is_about = |line: &str| line.starts_with("#[") || line.starts_with("//");
            let above = lines[..next].iter().rev().take_while(|line| is_about(line)).count();
            lines.insert(next - above, &line);
        }
        (None, Some(last)) => lines.insert(last + 1, &line),
        (None, None) => {
            let at = lines.iter().position(|line| is_register(line)).unwrap_or(lines.len());
            lines.splice(at..at, [line.as_str(), ""]);
        }
    }
    lines.join("\n") + "\n"
}

fn is_register(line: &str) -> bool {
    line.strip_prefix("relink_core::").unwrap_or(line).starts_with("register! {")
}

/// Where the braces of `register!` open.
fn register(lib: &str) -> Option<usize> {
    let mut start = 0;
    for line in lib.split_inclusive('\n') {
        if is_register(line) {
            return Some(start + line.find('{')?);
        }
        start += line.len();
    }
    None
}

/// Where the bracket at `open` is closed.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    let end = code(text, open).find(|(_, byte)| {
        depth += step(*byte);
        depth == 0
    });
    end.map(|(at, _)| at)
}

fn step(byte: u8) -> i32 {
    match byte {
        b'(' | b'[' | b'{' => 1,
        b')' | b']' | b'}' => -1,
        _ => 0,
    }
}

/// The bytes that are neither in a string nor in a comment, with their places. A byte of a longer character is left out.
fn code(text: &str, from: usize) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let skipped = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(quote) = ["r\"", "r#\"", "\""].iter().find(|quote| rest.starts_with(**quote)) {
                string(rest, quote)
            } else if rest.starts_with("'\\") {
                4
            } else if rest.starts_with('\'') && rest[1..].chars().nth(1) == Some('\'') {
                2 + rest[1..].chars().next().map_or(0, char::len_utf8)
            } else {
                let first = rest.chars().next()?;
                at += first.len_utf8();
                if first.is_ascii() {
                    return Some((at - 1, first as u8));
                }
                continue;
            };
            at += skipped;
        }
    })
}

/// How long the string is with which a text begins.
fn string(text: &str, quote: &str) -> usize {
    let body = &text[quote.len()..];
    let end = match quote {
        "\"" => {
            let mut is_escaped = false;
            body.find(|letter| {
                let is_end = letter == '"' && !is_escaped;
                is_escaped = letter == '\\' && !is_escaped;
                is_end
            })
        }
        "r\"" => body.find('"'),
        _ => body.find("\"#"),
    };
    end.map_or(text.len(), |end| quote.len() + end + quote.len() - usize::from(quote.starts_with('r')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = r#"//! Here register! { stands in a comment.

mod arp;
// What is said of it.
#[cfg(unix)]
mod udp;

relink_core::register! {
    plugin: "net",
    help: "Brackets ] and \" }", // ]
    collectors: [
        { name: "arp", help: "]", families: [arp::A], new: Arp::new },
        { name: "udp", help: "U", families: udp::FAMILIES, new: Udp::new }
    ],
}
"#;

    #[test]
    fn a_collector_has_its_row_and_its_module_and_nothing_else_moves() {
        assert_eq!(collectors(LIB), ["arp", "udp"]);
        let row = "        { name: \"tcp\" },\n";
        let text = registered(LIB, "tcp", row).unwrap();
        assert_eq!(collectors(&text), ["arp", "udp", "tcp"]);
        let expected = LIB.replace("// What", "mod tcp;\n// What").replace("    ],", &format!("{row}    ],"));
        assert_eq!(text, expected.replace("Udp::new }\n", "Udp::new },\n"));
        let empty = "//! Doc.\n\nregister! {\n    collectors: [\n    ],\n}\n";
        let expected = format!("//! Doc.\n\nmod tcp;\n\nregister! {{\n    collectors: [\n{row}    ],\n}}\n");
        assert_eq!(registered(empty, "tcp", row).unwrap(), expected);
        assert!(registered(LIB, "zip", row).unwrap().contains("mod udp;\nmod zip;\n"));
    }

    #[test]
    fn another_form_is_refused_with_what_mends_it() {
        let one =
            "register! { plugin: \"mem\", collector: \"meminfo\", help: \"Memory\", new: Meminfo::new }\n";
        assert_eq!(collectors(one), ["meminfo"]);
        let refused = |lib| registered(lib, "tcp", "").unwrap_err().message().to_owned();
        assert!(refused(one).contains("write collectors: [{ name: \"meminfo\","), "{}", refused(one));
        assert!(refused("// register! {}\n").contains("no register!"));
        assert!(refused("register! {\n").contains("no end"));
        assert_eq!(collectors("edited"), [""; 0]);
    }

    #[test]
    fn a_test_has_its_case_and_its_file() {
        let (case, file) = ("    \"b\" => { reads: 2 },\n", ".file(\"proc/b\", \"1\")");
        let test = |machine: &str, cases: &str| {
            format!(
                "use x as _;\nrelink_testing::conforms! {{\n    \"x\", {machine},\n{cases}}}\n\nfn f() {{}}\n"
            )
        };
        let first = "    \"a\" => { options: r#\"{\"f\": \"}\"}\"#, reads: 2 },\n";
        for machine in ["machine()", "machine().file(\"a,b\", ['{', '\\'', '}'])"] {
            let expected = test(&format!("{machine}{file}"), &format!("{first}{case}"));
            assert_eq!(tested(&test(machine, first), case, file), Some(expected));
        }
        let line = "conforms! { \"x\", m(), \"a\" => { reads: 2 } }\n";
        let expected = format!("conforms! {{ \"x\", m(){file}, \"a\" => {{ reads: 2 }},\n{case}}}\n");
        assert_eq!(tested(line, case, file), Some(expected));
        assert_eq!(tested("// conforms! { }\n", case, file), None);
    }
}
