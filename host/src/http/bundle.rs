//! The dashboard's modules as one: a browser far away asks once in place of once a module, and what is alike in them is compressed
//! together. In the source each thing has its module; nothing is built before the agent is.

/// One module of these, which are named by their files, in any order: one behind the other, in the order in which they need each other.
/// They share one scope, so no two may declare the same name. Comments, indentation and empty lines are left out.
///
/// An import is a line `import { a, b } from './file.js';`, an export begins a line with `export`.
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
    for from in text.lines().filter_map(imported) {
        add(from, modules, done, made);
    }
    for line in text.lines().filter(|line| imported(line).is_none()).map(str::trim_start) {
        if !line.is_empty() && !line.starts_with("//") {
            made.push_str(line.strip_prefix("export ").unwrap_or(line));
            made.push('\n');
        }
    }
}

/// The file that a line imports from.
fn imported(line: &str) -> Option<&str> {
    let (_, from) = line.strip_prefix("import {")?.split_once("} from './")?;
    from.strip_suffix("';")
}

/// The names that a line declares for a whole module: of `const a = 1, b = 2` the first, of `const { a, b } = …` all.
#[cfg(test)]
pub(super) fn declared(line: &str) -> Vec<&str> {
    let rest = line.trim_start_matches("export ").trim_start_matches("async ");
    let kinds = ["const ", "let ", "class ", "function "];
    let Some(rest) = kinds.iter().find_map(|kind| rest.strip_prefix(kind)) else { return Vec::new() };
    let end = if rest.starts_with(['[', '{']) { " =" } else { " " };
    let names = rest.split(end).next().unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut names = names.filter(|name| !name.is_empty());
    if end == " =" { names.collect() } else { names.next().into_iter().collect() }
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
        assert_eq!(made, "const A = 1;\nasync function b(a) {\nreturn a;\n}\nb(A);\n");
    }

    #[test]
    fn what_is_declared_has_its_names() {
        for (line, names) in [
            ("const now = () => (a ?? b);", &["now"][..]),
            ("export class Chart {", &["Chart"]),
            ("function heat(g, plot) {", &["heat"]),
            ("export async function take(one, x = 1) {", &["take"]),
            ("const [A, B] = ['C', 'D'];", &["A", "B"]),
            ("\tconst inner = 1;", &[]),
            ("view.redraw = once(draw);", &[]),
        ] {
            assert_eq!(declared(line), names, "{line}");
        }
    }
}
