//! Folders that are given as a pattern.

use std::path::{Path, PathBuf};

use relink_core::Samples;

/// The path as a pattern, if it is one.
pub(super) fn pattern(given: &Path) -> Option<String> {
    given.to_str().filter(|text| text.contains(['*', '?', '[', '\\'])).map(as_shells_write_it)
}

/// A pattern as Go's `filepath.Match` reads it, for a library that reads those of shells: `[^a]` is `[!a]` there, a
/// backslash takes the meaning of what follows, and `**` is no more than `*`.
fn as_shells_write_it(pattern: &str) -> String {
    let mut out = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let literal: String = letters.next().into_iter().collect();
                out.push_str(&glob::Pattern::escape(&literal));
            }
            '*' => {
                while letters.next_if_eq(&'*').is_some() {}
                out.push('*');
            }
            '[' => {
                out.push('[');
                match letters.peek() {
                    Some('^') => {
                        letters.next();
                        out.push('!');
                    }
                    // At the beginning it would mean all others; at the end it is one of them.
                    Some('!') => {
                        letters.next();
                        let members: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                        out.push_str(&format!("{members}!]"));
                    }
                    _ => {}
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The folders that a path stands for, by name: itself, or those that match if it is a pattern. A pattern that nothing
/// matches stands for itself as well: a name may have a bracket in it, and if there is none of that name the operator is
/// told.
pub(super) fn matching(given: &Path, out: &mut Samples) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in pattern(given).and_then(|pattern| glob::glob(&pattern).ok()).into_iter().flatten() {
        match path {
            Ok(path) => found.push(path),
            // Another user's folder on the way is no fault of those that match.
            Err(why) => out.warn(format!("{}: {}", why.path().display(), why.error())),
        }
    }
    if found.is_empty() { vec![given.to_owned()] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        for (go, shell) in [
            ("/a/*/b?", "/a/*/b?"),
            ("/a/[^ab].d", "/a/[!ab].d"),
            ("/a/[!a].d", "/a/[a!].d"),
            (r"/a/\[x\]", "/a/[[]x[]]"),
            (r"/a/\a", "/a/a"),
            ("/a/**/***", "/a/*/*"),
        ] {
            assert_eq!(as_shells_write_it(go), shell, "{go}");
        }
    }
}
