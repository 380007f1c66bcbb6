//! `relink.h` says what `abi.rs` says, and C and C++ compilers take it.
//!
//! After a change of `abi.rs` that is meant, `RELINK_BLESS=1 cargo test -p relink-core --test header` writes it anew.

mod c;

use std::path::{Path, PathBuf};

/// A file of this crate.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The header as cbindgen makes it, with links of Rust's documentation turned into C names.
fn generated() -> String {
    let config = cbindgen::Config::from_file(file("cbindgen.toml")).expect("cbindgen.toml is sound");
    let names = config.export.rename.clone();
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(file("src/abi.rs"))
        .generate()
        .expect("cbindgen understands abi.rs");
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = String::from_utf8(header).expect("the header is text");
    let c_name = |link: &str| {
        let (item, member) = link.split_once("::").unwrap_or((link, ""));
        let item = names.get(item).cloned().unwrap_or_else(|| format!("Relink{item}"));
        if member.is_empty() { item } else { format!("{item}.{member}") }
    };
    let mut parts = header.split("[`");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (link, rest) = part.split_once("`]").expect("a link of a comment has an end");
        text + &c_name(link) + rest
    })
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let (path, generated) = (file("relink.h"), generated());
    if std::env::var_os("RELINK_BLESS").is_some() {
        std::fs::write(&path, &generated).expect("relink.h can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("relink.h is there");
    assert!(
        committed == generated,
        "core/relink.h differs from core/src/abi.rs; write it anew: \
         RELINK_BLESS=1 cargo test -p relink-core --test header"
    );
}

/// Whether a compiler takes a file of `tests/c`.
fn compiles(compiler: &str, arguments: &[&str], source: &str) {
    c::compile(compiler, &[arguments, &["-fsyntax-only"]].concat(), source);
}

#[test]
fn c_compilers_take_the_header() {
    for standard in ["-std=c11", "-std=c17", "-std=gnu11"] {
        compiles("cc", &[standard, "-Wmissing-prototypes", "-Wstrict-prototypes"], "uptime.c");
        compiles("cc", &[standard], "layout.c");
    }
}

#[test]
fn cpp_compilers_take_the_header() {
    for standard in ["-std=c++11", "-std=c++20"] {
        compiles("c++", &["-x", "c++", standard], "constant.c");
    }
    // The smallest plugin is written so that it is C as well.
    compiles("cc", &["-std=c11"], "constant.c");
    compiles("c++", &["-x", "c++", "-std=c++11"], "layout.c");
}

#[test]
fn the_document_shows_the_plugin_that_is_tested() {
    let read = |path| std::fs::read_to_string(file(path)).expect("a file of the project");
    let document = read("../docs/plugins-in-other-languages.md");
    assert!(
        document.contains(&format!("```c\n{}```", read("tests/c/uptime.c"))),
        "docs/plugins-in-other-languages.md does not show core/tests/c/uptime.c as it is"
    );
}
