//! Judging a library before it is loaded: loading already runs code of it, its constructors.

use std::fs::File;

use object::{Architecture, Object, ObjectKind, ObjectSection, ObjectSymbol, ReadCache, ReadRef};
use relink_core::{Context, Error, abi};

use relink_handover::Staged;

/// Prefixes of entry symbols of any version, for a refusal that says which.
const ANY_ENTRY: &str = "relink_plugin_v";

/// The name of the entry function of a library that may be loaded.
pub(super) fn entry(staged: &Staged) -> Result<String, Error> {
    let image = staged.image().fd.try_clone_to_owned().context("reading the private copy")?;
    // Reads the tables and not the code, which is most of it.
    entry_of(&ReadCache::new(File::from(image)))
}

fn entry_of<'data>(bytes: impl ReadRef<'data>) -> Result<String, Error> {
    let file = object::File::parse(bytes).map_err(|error| {
        Error::new(format!("is not a library: {error}")).hint("rebuild it: cargo xtask plugin build NAME")
    })?;
    if file.kind() != ObjectKind::Dynamic {
        return Err(Error::new(format!("is of kind {:?}, expected a dynamic library", file.kind()))
            .hint("build it with --crate-type cdylib"));
    }
    let own = own_architecture();
    if file.architecture() != own || file.is_little_endian() != cfg!(target_endian = "little") {
        return Err(Error::new(format!("is built for {:?}, expected {own:?}", file.architecture()))
            .hint("rebuild it on this machine: cargo xtask plugin build NAME"));
    }
    check_stamp(&file)?;
    let entries: Vec<String> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition() && symbol.is_global())
        .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
        .filter(|name| name.starts_with(ANY_ENTRY))
        .collect();
    match entries.as_slice() {
        [one] if one.starts_with(abi::ENTRY_PREFIX) => Ok(one.clone()),
        [other] => Err(Error::new(format!("exports {other}, expected {}NAME", abi::ENTRY_PREFIX))
            .hint("rebuild it with this relink: cargo xtask plugin build NAME")),
        [] => Err(Error::new(format!("exports no {}NAME, so it is not a relink plugin", abi::ENTRY_PREFIX))
            .hint("a plugin crate says relink_core::register!")),
        several => Err(Error::new(format!("exports {} entries ({})", several.len(), several.join(", ")))
            .hint("a library has one plugin; use register_linked! for those that are only linked in")),
    }
}

fn check_stamp<'data>(file: &object::File<'data, impl ReadRef<'data>>) -> Result<(), Error> {
    let missing = || {
        Error::new(format!("has no section {}, so it is not a relink plugin", abi::STAMP_SECTION))
            .hint("a plugin crate says relink_core::register!, and a C plugin RELINK_PLUGIN")
    };
    let section = file.section_by_name(abi::STAMP_SECTION).ok_or_else(missing)?;
    let stamp = section.data().map_err(|_| missing())?;
    let number = |at: usize| stamp.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_ne_bytes);
    match (stamp.get(..8), number(8), number(12)) {
        (Some(magic), Some(major), Some(minor)) if magic == abi::MAGIC => {
            relink_import::accepts(major, minor, usize::MAX)
        }
        _ => Err(missing()),
    }
}

fn own_architecture() -> Architecture {
    match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "x86" => Architecture::I386,
        "aarch64" => Architecture::Aarch64,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        "loongarch64" => Architecture::LoongArch64,
        _ => Architecture::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A library as a C compiler makes it, with the stamp and one entry; nothing where there is no compiler.
    fn library() -> Option<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let (source, library) = (dir.path().join("a.c"), dir.path().join("a.so"));
        let stamp: Vec<_> = [&abi::MAGIC[..], &abi::MAJOR.to_ne_bytes(), &abi::MINOR.to_ne_bytes()].concat();
        let stamp: Vec<_> = stamp.iter().map(u8::to_string).collect();
        let code = format!(
            "__attribute__((section(\"{}\"), used)) const unsigned char stamp[] = {{{}}};\nvoid *{}a(void) {{ return 0; }}\n",
            abi::STAMP_SECTION,
            stamp.join(","),
            abi::ENTRY_PREFIX
        );
        std::fs::write(&source, code).unwrap();
        let built =
            Command::new("cc").args(["-shared", "-s", "-o"]).args([&library, &source]).status().ok()?;
        assert!(built.success());
        Some(std::fs::read(&library).unwrap())
    }

    #[test]
    fn fuzz_library() {
        let Some(library) = library() else {
            return relink_testkit::skip("spoilt libraries", "there is no C compiler");
        };
        assert!(entry_of(&library[..]).unwrap().ends_with('a'));
        let words = [abi::STAMP_SECTION, abi::ENTRY_PREFIX, ".dynsym\0", "\u{7f}ELF"];
        relink_fuzz::fuzz(
            "library",
            &[&library[..], b"\x7fELF\x02\x01\x01", b"\xcf\xfa\xed\xfe", b"MZ"],
            &words,
            |input| {
                let _ = entry_of(input);
            },
        );
    }
}
