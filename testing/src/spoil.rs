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
        ("with absurd numbers", written(absurd(good))),
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

/// The same text with each number beyond what 64 bits hold.
fn absurd(good: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut in_number = false;
    for byte in good {
        if !byte.is_ascii_digit() {
            text.push(*byte);
        } else if !in_number {
            text.extend(b"99999999999999999999");
        }
        in_number = byte.is_ascii_digit();
    }
    text
}
