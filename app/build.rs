//! Tells the executable which plugins it was built with, and of which sources.
//!
//! A plugin crate that nothing refers to is left out by the linker without a word. With this list the agent can
//! tell that one is missing, and refuses to start; with the hashes a reload can tell which plugins it replaces.
//! Every feature but those named here is a plugin of that name.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::Path;

/// Features that are no plugins.
const OTHERS: [&str; 2] = ["default", "linkme"];

fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = std::fs::read_to_string("Cargo.toml").expect("a build script runs beside its Cargo.toml");
    let is_on = |name: &str| {
        std::env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase().replace('-', "_"))).is_some()
    };
    let (on, off): (Vec<_>, Vec<_>) = features(&manifest).into_iter().partition(|name| is_on(name));
    let on: Vec<_> = on.into_iter().map(with_hash).collect();
    // `cargo run` hands these to the program as well, so they are none of its own variables RELINK_….
    println!("cargo::rustc-env=BUILT_WITH={}", on.join(","));
    println!("cargo::rustc-env=BUILT_WITHOUT={}", off.join(","));
}

/// The keys of `[features]`: one a line, as cargo and xtask write them.
fn features(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .filter(|name| !name.starts_with('#') && !OTHERS.contains(name))
        .collect()
}

/// `cpu@1f2e…`; without a hash for a crate that is not in this workspace.
fn with_hash(name: &str) -> String {
    let folder = Path::new("..").join(format!("metrics-{name}"));
    if !folder.is_dir() {
        return name.to_owned();
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut hasher = DefaultHasher::new();
    match hash(&folder, &mut hasher) {
        Ok(()) => format!("{name}@{:016x}", hasher.finish()),
        Err(error) => panic!("reading the sources of plugin {name} in {}: {error}", folder.display()),
    }
}

/// Hashes names and contents of all files, folder by folder, in the order of their names.
fn hash(folder: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        hasher.write(entry.file_name().as_encoded_bytes());
        if path.is_dir() {
            hash(&path, hasher)?;
        } else {
            hasher.write(&std::fs::read(&path)?);
        }
    }
    Ok(())
}
