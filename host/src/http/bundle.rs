//! The dashboard's modules as one: a browser far away asks once in place of once a module, and what is alike in them is compressed
//! together. In the source each thing has its module; nothing is built before the agent is.

use std::fmt::Write;

/// One module of these, which are named by their files, in any order. Each becomes a function of its own, called in the order in which
/// they need each other, so that no name of one is in the way of another's. Comments and indentation are left out, line numbers within a
/// module stay.
///
/// An import is a line `import { a, b } from './file.js';`, an export begins a line with `export` and declares one name.
pub(super) fn bundle(modules: &[(&str, &str)]) -> String {
    let mut made = String::new();
    let mut done = Vec::new();
    for (name, _) in modules {
        add(name, modules, &mut done, &mut made);
    }
    made
}

fn add<'a>(name: &'a str, modules: &[(&'a str, &'a str)], done: &mut Vec<&'a str>, made: &mut String) {
    let Some((name, text)) = modules.iter().find(|(known, _)| *known == name) else { return };
    if done.contains(name) {
        return;
    }
    done.push(name);
    let imports: Vec<_> = text.lines().filter_map(import).collect();
    for (_, from) in &imports {
        add(from, modules, done, made);
    }
    let mut exports = Vec::new();
    let _ = writeln!(made, "const {} = (() => {{", variable(name));
    for line in text.lines().map(str::trim_start) {
        if let Some((names, from)) = import(line) {
            let _ = write!(made, "const {{{names}}} = {};", variable(from));
        } else if let Some(declaration) = line.strip_prefix("export ") {
            exports.push(declared(declaration));
            made.push_str(declaration);
        } else if !line.starts_with("//") {
            made.push_str(line);
        }
        made.push('\n');
    }
    let _ = writeln!(made, "return {{ {} }};\n}})();", exports.join(", "));
}

/// The names and the file of an import.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import {")?.split_once("} from './")?;
    Some((names, from.strip_suffix("';")?))
}

/// What a declaration declares: `const a = …`, `function a(`, `async function a(`, `class A {`.
fn declared(declaration: &str) -> &str {
    let rest = declaration.trim_start_matches("async ").split_once(' ').map_or("", |(_, rest)| rest);
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
}

/// `main.js` as `main_js`.
fn variable(file: &str) -> String {
    file.replace(['.', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_in_the_order_in_which_they_need_each_other() {
        let made = bundle(&[
            ("main.js", "// What it does.\nimport { A, b } from './other.js';\n\nb(A);\n"),
            ("other.js", "export const A = 1;\n\n// Why.\nexport async function b(a) {\n\treturn a;\n}\n"),
        ]);
        let expected = "const other_js = (() => {\nconst A = 1;\n\n\nasync function b(a) {\nreturn a;\n}\nreturn { A, b };\n})();\n\
            const main_js = (() => {\n\nconst { A, b } = other_js;\n\nb(A);\nreturn {  };\n})();\n";
        assert_eq!(made, expected);
    }

    #[test]
    fn what_is_declared_has_its_name() {
        for (declaration, name) in [
            ("const now = () => (a ?? b);", "now"),
            ("class Chart {", "Chart"),
            ("function heat(g, plot) {", "heat"),
            ("async function take(one, x = 1) {", "take"),
        ] {
            assert_eq!(declared(declaration), name);
        }
    }
}
