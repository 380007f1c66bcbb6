//! What the documents tell the reader to type exists.

use super::File;
use crate::args;

pub(super) fn problems(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (_, after) in
            line.match_indices("cargo xtask ").map(|(at, found)| (at, &line[at + found.len()..]))
        {
            let word: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
            if !word.is_empty() && !args::is_command(&word) {
                problems.push(format!("{}:{}: there is no `cargo xtask {word}`", file.path, number + 1));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_documents_exist() {
        let text = "`cargo xtask run --release`, `cargo xtask plugin list`\n`cargo xtask`, cargo xtask <command>\n\
            then cargo xtask dance\n";
        let file = File { path: "README.md".into(), text: text.into() };
        assert_eq!(problems(&file), ["README.md:3: there is no `cargo xtask dance`"]);
    }
}
