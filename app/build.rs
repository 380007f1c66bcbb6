//! Tells the executable which plugins it was built with, and of which sources; and has the linker make it small.
//!
//! A plugin crate that nothing refers to is left out by the linker without a word. With this list the agent can
//! tell that one is missing, and refuses to start; with the hashes a reload can tell which plugins it replaces.
//! Every feature but those named here is a plugin of that name.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    for flag in LEAN.into_iter().filter(|flag| can_link(flag)) {
        println!("cargo::rustc-link-arg-bins={flag}");
    }
}

/// What makes an executable that is shipped smaller. Relocations as a bitmap: 350 kB, which it would read at each start; the
/// system that runs it needs glibc 2.36 or newer. And functions of the same instructions once, 90 kB, which not all linkers know.
const LEAN: [&str; 2] = ["-Wl,-z,pack-relative-relocs", "-Wl,--icf=all"];

/// Whether this is an optimised build, and an executable that is linked so runs here.
fn can_link(flag: &str) -> bool {
    let var = |name| std::env::var(name).unwrap_or_default();
    if var("OPT_LEVEL") == "0" || var("HOST") != var("TARGET") || var("CARGO_CFG_TARGET_OS") != "linux" {
        return false;
    }
    let folder = std::env::var_os("OUT_DIR").map(PathBuf::from).expect("cargo sets it");
    let (source, probe) = (folder.join("probe.rs"), folder.join("probe"));
    std::fs::write(&source, "fn main() {}").expect("the folder is this build's");
    let mut rustc = Command::new(var("RUSTC"));
    let flags = var("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        rustc.arg("-Clinker").arg(linker);
    }
    rustc.args(["-o".as_ref(), probe.as_os_str(), source.as_os_str(), format!("-Clink-arg={flag}").as_ref()]);
    let runs = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    runs(&mut rustc) && runs(&mut Command::new(&probe))
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
