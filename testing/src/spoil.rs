//! The ways in which a file of a tree may be bad.

use std::path::Path;

/// Spoils the file at a path.
pub(crate) type Spoil = Box<dyn Fn(&Path)>;

/// The ways to spoil a file.
pub(crate) fn spoilt(good: &[u8]) -> Vec<(&'static str, Spoil)> {
    let written = |content: Vec<u8>| -> Spoil {
        Box::new(move |path| std::fs::write(path, &content).expect("a file of the tree can be changed"))
    };
    let removed = |path: &Path| std::fs::remove_file(path).expect("a file of the tree can be removed");
    vec![
        ("missing", Box::new(removed)),
        ("emptied", written(Vec::new())),
        ("cut in half", written(good[..good.len() / 2].to_vec())),
        ("with garbage", written(b"garbage: all of it\n".to_vec())),
        ("with bytes that are no text", written(b"\xff\xfe\x00\x07\n\n\xc3".to_vec())),
        ("with bytes of 0 for blanks", written(good.iter().map(without_blank).collect())),
        ("twice over", written(good.repeat(2))),
        ("with absurd numbers", written(renumbered(good, |_| b"99999999999999999999".to_vec()))),
        ("with the largest numbers", written(renumbered(good, |_| b"18446744073709551615".to_vec()))),
        ("with negative numbers", written(renumbered(good, |number| [b"-", number].concat()))),
        (
            "that is a folder",
            Box::new(move |path| {
                removed(path);
                std::fs::create_dir(path).expect("a folder in the tree");
            }),
        ),
        // Nobody can open a link to itself, root no more than others.
        (
            "that can't be opened",
            Box::new(move |path| {
                removed(path);
                std::os::unix::fs::symlink(path, path).expect("a link in the tree");
            }),
        ),
    ]
}

fn without_blank(byte: &u8) -> u8 {
    if matches!(byte, b' ' | b'\t') { 0 } else { *byte }
}

/// The same text with another number for each.
fn renumbered(good: &[u8], other: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let parts = good.chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit());
    parts.flat_map(|part| if part[0].is_ascii_digit() { other(part) } else { part.to_vec() }).collect()
}
