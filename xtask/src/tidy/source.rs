//! Tells Rust's code from its comments and literals, so that a rule about code does not mind what a comment says.

/// The text with comments and the insides of string literals blanked out; the lines stay the lines.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (taken, shown) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (block_comment(rest), false),
            '"' => (string(rest), false),
            'r' if !ends_in_word(&code) => raw_string(rest).map_or((1, true), |taken| (taken, false)),
            'b' if rest.starts_with("br") && !ends_in_word(&code) => {
                raw_string(&rest[1..]).map_or((1, true), |taken| (1 + taken, false))
            }
            '\'' => character(rest).map_or((1, true), |taken| (taken, false)),
            other => (other.len_utf8(), true),
        };
        let part = &rest[..taken];
        if shown {
            code.push_str(part);
        } else {
            code.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = &rest[taken..];
    }
    code
}

/// Whether `word` stands in the code as a whole identifier.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn ends_in_word(code: &str) -> bool {
    code.chars().next_back().is_some_and(is_word)
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"` or `r#"…"#`, with any number of hashes.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let inside = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map_or(text.len(), |at| 1 + hashes + 1 + at + end.len()))
}

/// A character literal, and not the tick of a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut inside = text[1..].chars();
    match inside.next()? {
        '\\' => {
            // The escaped character may be a tick itself.
            let escaped = 2 + inside.next()?.len_utf8();
            Some(escaped + text[escaped..].find('\'')? + 1)
        }
        c => (inside.next()? == '\'').then(|| 1 + c.len_utf8() + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let code = code(text);
        assert_eq!(code.lines().count(), text.lines().count(), "{text}");
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_code_stays() {
        assert_eq!(shown("a // b\nc"), "a c");
        assert_eq!(shown("a /* b /* c */ d\n */ e"), "a e");
        assert_eq!(shown(r#"f("b \" c", x) "d"#), "f( , x)");
        assert_eq!(shown("f(r#\"b \" c\"#, br\"d\\\", x)"), "f( , , x)");
        assert_eq!(shown("f('\"', '\\'', 'é', x)"), "f( , , , x)");
        assert_eq!(shown("fn f<'a>(x: &'a str)"), "fn f<'a>(x: &'a str)");
        assert_eq!(shown("for_each(bar, r)"), "for_each(bar, r)");
        assert_eq!(shown("'"), "'");
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("a unsafe{", "unsafe"));
        assert!(!has_word("unsafe_code", "unsafe"));
        assert!(!has_word("my_unsafe", "unsafe"));
    }
}
