//! Plugins as dynamic libraries in `target/plugins`, from where `run --dylib` loads them.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Result};
use crate::workspace::Workspace;
use crate::{build, cargo};

/// `cargo xtask plugin build`: prints where each library is, and what to do next.
pub(crate) fn perform(names: Option<&[String]>, release: bool) -> Result<()> {
    let workspace = Workspace::load()?;
    for name in build::chosen(&workspace, names)? {
        println!("{}", build(&workspace, &name, release)?.display());
    }
    eprintln!("an agent that loads from this folder takes it with: cargo xtask reload");
    Ok(())
}

/// The folder of the built libraries.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("plugins")
}

/// Builds one plugin and puts its library into the folder.
pub(crate) fn build(workspace: &Workspace, name: &str, release: bool) -> Result<PathBuf> {
    let built = cargo::build(&mut command(&package(workspace, name), release))?;
    install(&built.file, &folder(workspace))
}

/// What makes a library of a plugin crate; the crate says nothing about it.
pub(crate) fn command(package: &str, release: bool) -> Command {
    let mut command = cargo::command(&["rustc", "--package", package, "--lib", "--crate-type", "cdylib"]);
    if release {
        command.arg("--release");
    }
    command
}

/// Removes the libraries of other plugins, and says so.
pub(crate) fn only(workspace: &Workspace, names: &[String]) -> Result<()> {
    let kept: Vec<String> = names.iter().map(|name| file_name(&package(workspace, name))).collect();
    for file in others(&folder(workspace), &kept)? {
        eprintln!("{} is removed: its plugin is not asked for", file.display());
        fs::remove_file(&file).doing(format_args!("removing {}", file.display()))?;
    }
    Ok(())
}

/// The package of a plugin that is known.
fn package(workspace: &Workspace, name: &str) -> String {
    let known = workspace.known();
    known.iter().find(|(plugin, _)| *plugin == name).map_or(name, |(_, package)| package).to_owned()
}

/// What cargo calls the library of a package.
fn file_name(package: &str) -> String {
    let library = package.replace('-', "_");
    format!("{}{library}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The libraries in the folder that are not among the `kept` ones, by name.
fn others(folder: &Path, kept: &[String]) -> Result<Vec<PathBuf>> {
    let doing = || format!("reading {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(doing())?,
    };
    let mut others = Vec::new();
    for entry in entries {
        let path = entry.doing(doing())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(std::env::consts::DLL_SUFFIX) && !kept.iter().any(|kept| **kept == name) {
            others.push(path);
        }
    }
    others.sort();
    Ok(others)
}

/// Puts a library into the folder at once or not at all: an agent that looks meanwhile, or that has the old one open,
/// sees a whole file. Nobody but the owner may write there, or the agent would refuse the folder.
pub(crate) fn install(library: &Path, folder: &Path) -> Result<PathBuf> {
    let name = library.file_name().unwrap_or_default().to_string_lossy();
    let target = folder.join(&*name);
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o755)))
        .and_then(|()| fs::copy(library, &beside))
        .and_then(|_| fs::set_permissions(&beside, Permissions::from_mode(0o644)))
        .and_then(|()| File::open(&beside)?.sync_all())
        .and_then(|()| fs::rename(&beside, &target))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        // What is half written is of no use; that it can't be removed either is not the error to tell.
        let _ = fs::remove_file(&beside);
    }
    written.doing(format_args!("putting {} into {}", library.display(), folder.display()))?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    #[test]
    fn the_library_of_a_package_is_asked_for_by_its_crate_type() {
        let command = command("metrics-cpu", true);
        let words: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        assert_eq!(words.join(" "), "rustc --package metrics-cpu --lib --crate-type cdylib --release");
        assert_eq!(package(&example(), "disk"), "metrics-disk");
    }

    #[test]
    fn an_installed_library_is_whole_and_only_its_owners_to_write() {
        let dir = tempfile::tempdir().unwrap();
        let (built, folder) = (dir.path().join("libx.so"), dir.path().join("a/plugins"));
        fs::write(&built, "new").unwrap();
        fs::set_permissions(&built, Permissions::from_mode(0o777)).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.join("libx.so"), "old").unwrap();
        let old = File::open(folder.join("libx.so")).unwrap();
        let target = install(&built, &folder).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(std::io::read_to_string(old).unwrap(), "old", "who has the old file keeps it");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&target), mode(&folder)), (0o644, 0o755));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        let failure = install(&dir.path().join("gone.so"), &folder).unwrap_err();
        assert!(failure.message().contains("gone.so"), "{failure:?}");
    }

    #[test]
    fn what_is_not_asked_for_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let [cpu, disk] = ["metrics-cpu", "metrics-disk"].map(file_name);
        assert_eq!(others(&dir.path().join("absent"), &[]).unwrap(), [""; 0].map(PathBuf::from));
        for name in [cpu.as_str(), disk.as_str(), "readme.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(others(dir.path(), &[cpu]).unwrap(), [dir.path().join(disk)]);
    }
}
