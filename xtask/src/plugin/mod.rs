//! `cargo xtask plugin`: the plugins of the workspace and those added to it. A file a command.

pub(crate) mod add;
pub(crate) mod collector;
mod edit;
pub(crate) mod library;
mod names;
pub(crate) mod remove;
pub(crate) mod scaffold;
mod source;

use crate::build::AGENT;
use crate::failure::{Doing, Result};
use crate::tidy;
use crate::workspace::Workspace;

/// Prints a table: what there is, and whether the agent links it.
pub(crate) fn list() -> Result<()> {
    let workspace = Workspace::load()?;
    let agent = workspace.package(AGENT)?;
    let file = workspace.root.join(tidy::PLUGIN_LIST);
    let uses = std::fs::read_to_string(&file).doing(format_args!("reading {}", workspace.shown(&file)))?;
    let mut rows =
        vec![["name", "package", "version", "feature", "plugins.rs", "description"].map(str::to_owned)];
    for plugin in workspace.plugins() {
        rows.push([
            plugin.name.to_owned(),
            plugin.package.name.clone(),
            plugin.package.version.clone(),
            yes(agent.features.contains_key(plugin.name)),
            yes(tidy::names(&uses, plugin.name, &plugin.package.name)),
            plugin.package.description.clone(),
        ]);
    }
    for added in workspace.added() {
        let package = &added.dependency.name;
        rows.push([
            added.name.to_owned(),
            package.clone(),
            "-".to_owned(),
            yes(true),
            yes(tidy::names(&uses, added.name, package)),
            format!("from outside: {}", added.dependency.origin),
        ]);
    }
    print!("{}", table(&rows));
    Ok(())
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// Rows as lines, each column as wide as its widest cell.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut lines = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column))).collect();
        lines.push_str(cells.join("  ").trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["name", "version"], ["cpu", "0.1.0"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "name  version\ncpu   0.1.0\n");
    }
}
