//! The tables of a plugin's README.

use std::collections::BTreeSet;

use relink_core::Family;

/// What the tables say otherwise than the plugin does.
pub(crate) fn problems(readme: &str, families: &[Family], options: &[&str]) -> Vec<String> {
    let listed = rows(readme, "family");
    let declared: Vec<&str> = families.iter().map(Family::name).collect();
    let mut problems = Vec::new();
    if listed != declared {
        problems.push(format!("its README lists the families {listed:?}, expected {declared:?}"));
    }
    let listed: BTreeSet<&str> = rows(readme, "option").into_iter().collect();
    let known: BTreeSet<&str> = options.iter().copied().collect();
    if listed != known {
        problems.push(format!("its README lists the options {listed:?}, expected {known:?}"));
    }
    problems
}

/// The names in the first column of the tables that are headed so.
fn rows<'a>(readme: &'a str, head: &str) -> Vec<&'a str> {
    let head = format!("| {head} |");
    let mut names = Vec::new();
    let mut is_inside = false;
    for line in readme.lines() {
        is_inside = line.starts_with(&head) || (is_inside && line.starts_with('|'));
        let name = line.strip_prefix("| `").and_then(|line| line.split('`').next());
        names.extend(name.filter(|_| is_inside));
    }
    names
}
