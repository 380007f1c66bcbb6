//! Versions stand once, in the manifest of the workspace, and so do the lints.

use super::File;

pub(super) fn problems(file: &File) -> Vec<String> {
    if file.path == "Cargo.toml" {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut section = String::new();
    for (number, line) in file.text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut problem = |what: &str| {
            problems.push(format!("{}:{}: {what}: {line}", file.path, number + 1));
        };
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            if section.rsplit('.').nth(1).is_some_and(is_dependencies) {
                problem("a dependency with a table of its own; expected one line");
            }
        } else if is_dependencies(section.rsplit('.').next().unwrap_or_default())
            && !line.is_empty()
            && !has_no_version(line)
        {
            problem(
                "a version here; expected `name.workspace = true` and the version in the workspace's Cargo.toml",
            );
        }
    }
    // Lints are cargo's and clippy's part of the rules. What stands below templates is the beginning of another project.
    if !file.path.contains("templates/") && !file.text.contains("[lints]\nworkspace = true\n") {
        problems.push(format!("{}: add these two lines: [lints] workspace = true", file.path));
    }
    problems
}

fn is_dependencies(table: &str) -> bool {
    matches!(table, "dependencies" | "dev-dependencies" | "build-dependencies")
}

/// From the workspace, or, as the agent has its plugins, a folder.
fn has_no_version(line: &str) -> bool {
    let value: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    value.contains("workspace=true") || (value.contains("path=\"") && !value.contains("version="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        problems(&File { path: "core/Cargo.toml".into(), text: format!("{text}[lints]\nworkspace = true\n") })
    }

    #[test]
    fn versions_stand_in_the_workspace() {
        let good = "[package]\nversion = \"1\"\n[dependencies]\na.workspace = true # why\n\
            b = { workspace = true, features = [\"x\"] }\nc = { path = \"../c\", optional = true }\n\n";
        assert_eq!(found(good), [""; 0]);
        for bad in [
            "[dependencies]\nserde = \"1\"\n",
            "[dev-dependencies]\nserde = { version = \"1\" }\n",
            "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n",
            "[build-dependencies]\nc = { path = \"../c\", version = \"1\" }\n",
            "[dependencies.serde]\nversion = \"1\"\n",
        ] {
            assert_eq!(found(bad).len(), 1, "{bad}");
        }
        assert!(found("[dependencies]\nserde = \"1\"\n")[0].starts_with("core/Cargo.toml:2: a version here"));
    }

    #[test]
    fn lints_are_the_workspaces() {
        let problems = |path: &str| problems(&File { path: path.into(), text: "[lints.rust]\n".into() });
        assert_eq!(
            problems("core/Cargo.toml"),
            ["core/Cargo.toml: add these two lines: [lints] workspace = true"]
        );
        assert_eq!(problems("xtask/templates/agent/Cargo.toml"), [""; 0]);
    }

    #[test]
    fn the_workspace_itself_has_versions() {
        let file =
            File { path: "Cargo.toml".into(), text: "[workspace.dependencies]\nserde = \"1\"\n".into() };
        assert_eq!(problems(&file), [""; 0]);
    }
}
