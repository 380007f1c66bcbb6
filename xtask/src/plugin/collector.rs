//! `cargo xtask plugin collector`: one more collector in a crate of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use super::edit::{self, Change};
use super::{names, source};
use crate::failure::{Doing, Failure, Result};
use crate::workspace::Workspace;

const CODE: &str = include_str!("../../templates/plugin/collector.rs.in");
const SECTION: &str = include_str!("../../templates/plugin/section.md.in");

/// Its row in `register!`.
const ROW: &str = r#"        {
            name: "{collector}",
            help: "An example: the time since the machine started",
            families: {module}::FAMILIES,
            options: {module}::Settings,
            new: {module}::{type}::new,
        },
"#;

/// Its case in `conforms!`, with a file of its own: a file that is spoilt may take along one collector only.
const CASE: &str = r##"    "{collector}" => { options: r#"{"file": "{collector}.example"}"#, reads: 2, allocations: 0 },
"##;
const FILE: &str = r#".file("proc/{collector}.example", "350735.47 234388.90\n")"#;

/// Makes the file, and puts the collector into all lists of the crate.
pub(crate) fn perform(plugin: &str, collector: &str) -> Result<()> {
    let workspace = Workspace::load()?;
    let plugins = workspace.plugins();
    let Some(found) = plugins.iter().find(|found| found.name == plugin) else {
        let known: Vec<&str> = plugins.iter().map(|plugin| plugin.name).collect();
        return Err(Failure::usage(format!(
            "unknown plugin {plugin:?}; those of the workspace are {}",
            known.join(", ")
        )));
    };
    names::check_collectors(&workspace, &[collector.to_owned()])?;
    let folder = &found.package.folder;
    let file = place(&workspace, folder, collector)?;
    let mut changes = vec![
        Change::new(folder.join("src/lib.rs"), |text| registered(text, collector))?,
        Change::new(folder.join("README.md"), |text| Ok(described(text, collector)))?,
    ];
    for test in tests(folder)? {
        changes
            .push(Change::new(test, |text| Ok(tested(text, collector).unwrap_or_else(|| text.to_owned())))?);
    }
    fs::write(&file, code(collector)).doing(format_args!("writing {}", file.display()))?;
    edit::write(&changes).inspect_err(|_| {
        // A file that no `mod` names is nothing to the compiler; that it can't be removed is not the error to tell.
        let _ = fs::remove_file(&file);
    })?;
    println!("{}: a collector that shows an example", workspace.shown(&file));
    eprintln!("change what it shows; to put it live: cargo xtask reload");
    Ok(())
}

/// Where its file is to be; an error if the crate has a module of this name.
fn place(workspace: &Workspace, folder: &Path, collector: &str) -> Result<PathBuf> {
    let module = module(collector);
    let file = folder.join(format!("src/{module}.rs"));
    for taken in [&file, &folder.join("src").join(&module)] {
        if taken.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!(
                "{collector:?} can't name the collector: its module would be {}, which exists; rename that or choose another name",
                workspace.shown(taken)
            )));
        }
    }
    Ok(file)
}

fn tests(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join("tests");
    let doing = || format!("reading {}", folder.display());
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(doing())?,
    };
    let mut tests = Vec::new();
    for entry in entries {
        let path = entry.doing(doing())?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            tests.push(path);
        }
    }
    Ok(tests)
}

/// The crate's `src/lib.rs` with the collector.
pub(super) fn registered(lib: &str, collector: &str) -> Result<String> {
    source::registered(lib, &module(collector), &filled(ROW, collector))
}

/// The crate's README with the collector's tables.
pub(super) fn described(readme: &str, collector: &str) -> String {
    format!("{}\n{}", readme.trim_end(), filled(SECTION, collector))
}

/// A test of the crate with the collector's case; `None` where no case is.
pub(super) fn tested(test: &str, collector: &str) -> Option<String> {
    source::tested(test, &filled(CASE, collector), &filled(FILE, collector))
}

/// The collector's own file.
pub(super) fn code(collector: &str) -> String {
    filled(CODE, collector)
}

/// The module of a collector: its name where a dash can't stand.
pub(super) fn module(collector: &str) -> String {
    collector.replace('-', "_")
}

/// The struct of a collector: `ThermalZone` for `thermal_zone`.
pub(super) fn type_name(collector: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    collector.split(['-', '_']).filter(|word| !word.is_empty()).map(capital).collect()
}

/// A template with the names of a collector.
pub(super) fn filled(template: &str, collector: &str) -> String {
    template
        .replace("{collector}", collector)
        .replace("{module}", &module(collector))
        .replace("{type}", &type_name(collector))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    #[test]
    fn a_module_that_exists_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src/filesystem")).unwrap();
        fs::write(dir.path().join("src/my_filter.rs"), "").unwrap();
        let place = |collector| place(&example(), dir.path(), collector);
        for taken in ["filesystem", "my-filter"] {
            assert!(place(taken).unwrap_err().message().contains("which exists; rename"), "{taken}");
        }
        assert_eq!(place("nv-me").unwrap(), dir.path().join("src/nv_me.rs"));
    }

    #[test]
    fn a_struct_is_called_as_the_collector_is() {
        for (collector, name) in [("swap", "Swap"), ("thermal_zone", "ThermalZone"), ("a--b2-", "AB2")] {
            assert_eq!(type_name(collector), name);
        }
    }
}
