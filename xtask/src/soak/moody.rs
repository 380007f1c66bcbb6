//! The plugin that is loaded, misbehaves and is swapped: built once, each of its versions the same bytes with another number.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo;
use crate::failure::{Doing, Failure, Result};
use crate::workspace::Workspace;

const MANIFEST: &str = include_str!("../../templates/moody/Cargo.toml.in");
const SOURCE: &str = include_str!("../../templates/moody/lib.rs.in");
/// What stands before a version in the library, and how it goes on.
const BEFORE: &[u8] = b"soak version ";
const VERSION: usize = "0000000000 do=well;".len();

/// What a version does when it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Well,
    /// Fails, so that it is refused.
    Fail,
}

/// The built library.
pub(super) struct Moody {
    bytes: Vec<u8>,
    file: PathBuf,
}

impl Moody {
    /// Builds it in this folder.
    pub(super) fn built(workspace: &Workspace, folder: &Path) -> Result<Vec<u8>> {
        let core = format!("{:?}", workspace.root.join("core").display().to_string());
        let write = |file: &str, text: &str| {
            let path = folder.join(file);
            fs::write(&path, text).doing(format_args!("writing {}", path.display()))
        };
        fs::create_dir_all(folder.join("src")).doing(format_args!("making {}", folder.display()))?;
        write("Cargo.toml", &MANIFEST.replace("{core}", &core))?;
        write("src/lib.rs", SOURCE)?;
        let lock = workspace.root.join("Cargo.lock");
        fs::copy(&lock, folder.join("Cargo.lock")).doing(format_args!("copying {}", lock.display()))?;
        let mut command = cargo::command(&["build", "--release"]);
        command.arg("--manifest-path").arg(folder.join("Cargo.toml"));
        command.arg("--target-dir").arg(&workspace.target);
        let built = cargo::build(&mut command)?.file;
        fs::read(&built).doing(format_args!("reading {}", built.display()))
    }

    /// The library goes into this folder of plugins.
    pub(super) fn new(bytes: Vec<u8>, folder: &Path) -> Result<Self> {
        let moody = Moody { bytes, file: folder.join("libsoak_moody.so") };
        moody.install(0, Does::Well)?;
        Ok(moody)
    }

    /// Puts a version in the place of the one that is there, at once.
    pub(super) fn install(&self, version: u64, does: Does) -> Result<()> {
        let bytes = version_of(&self.bytes, version, does)?;
        let beside = self.file.with_extension("new");
        fs::write(&beside, bytes)
            .and_then(|()| fs::rename(&beside, &self.file))
            .doing(format_args!("writing {}", self.file.display()))
    }
}

fn version_of(library: &[u8], version: u64, does: Does) -> Result<Vec<u8>> {
    let does = match does {
        Does::Well => "well",
        Does::Fail => "fail",
    };
    let text = format!("{version:010} do={does};");
    let mut bytes = library.to_vec();
    let mut found = false;
    let mut at = 0;
    while let Some(next) = bytes[at..].windows(BEFORE.len()).position(|window| window == BEFORE) {
        at += next + BEFORE.len();
        // The words may stand elsewhere too, in what an error says.
        if bytes.get(at + VERSION - 1) == Some(&b';') {
            bytes[at..at + VERSION].copy_from_slice(text.as_bytes());
            found = true;
        }
    }
    match found {
        true => Ok(bytes),
        false => Err(Failure::new("the built plugin has no version in it, expected \"soak version …\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_differs_in_its_number_alone() {
        let library = b"\x7fELF soak version is soak version 0000000000 do=well;\0";
        let next = version_of(library, 12, Does::Fail).unwrap();
        assert_eq!(next, b"\x7fELF soak version is soak version 0000000012 do=fail;\0");
        assert_eq!(version_of(&next, 0, Does::Well).unwrap(), library);
        assert!(version_of(b"\x7fELF", 1, Does::Well).is_err());
        let source = SOURCE.split_once("b\"").and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
        assert_eq!(source.len(), BEFORE.len() + VERSION, "{source}");
        assert!(SOURCE.contains("[u8; 32]") && source.len() == 32);
    }
}
