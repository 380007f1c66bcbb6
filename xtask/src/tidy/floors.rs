//! The floors of the engine: a room of `host/src` imports rooms on lower floors only, never one on its own or a higher
//! floor. So whoever changes a room reads what is below it and nothing else, and no two rooms know each other.
//!
//! The table of rooms in ARCHITECTURE.md says the same; this is what it is checked against.

use proc_macro2::{TokenStream, TokenTree};

use super::File;

/// The rooms, from the ground up.
const FLOORS: [&[&str]; 9] = [
    &["duration", "journal", "lock", "memory", "names", "store", "systemd", "telemetry"],
    &["access", "expose", "failure"],
    &["settings"],
    &["plugins", "serve"],
    &["own"],
    &["schedule"],
    &["agent"],
    &["reload"],
    &["http"],
];
/// Above all of them: what `main` chooses among.
const TOP: &str = "commands";
/// The crate's face, which names every room.
const FACE: &str = "lib";
const ROOT: &str = "host/src/";
const DOCUMENT: &str = "ARCHITECTURE.md";

/// The floor of a room; `None` for one that the table does not have.
fn floor(room: &str) -> Option<usize> {
    if room == TOP {
        return Some(FLOORS.len());
    }
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// What breaks the rule in one file.
pub(super) fn problems(file: &File) -> Vec<String> {
    if file.path == DOCUMENT {
        return document(&file.text);
    }
    let Some(room) = file.path.strip_prefix(ROOT).and_then(|path| path.split(['/', '.']).next()) else {
        return Vec::new();
    };
    if room == FACE {
        return Vec::new();
    }
    let Some(own) = floor(room) else {
        return vec![format!(
            "{}: {room} is on no floor: add it to FLOORS in xtask/src/tidy/floors.rs",
            file.path
        )];
    };
    let problem = |(line, other): (usize, String)| {
        let place = format!("{}:{line}", file.path);
        match floor(&other) {
            Some(floor) if floor < own || other == room => None,
            Some(floor) => Some(format!(
                "{place}: {room} (floor {own}) imports {other} (floor {floor}); move what both need to a lower floor, \
                 or hand it in as an argument"
            )),
            // A macro or an item of the crate's root: there are none.
            None => Some(format!("{place}: imports {other} from the crate's root; put it into a room below")),
        }
    };
    imports(&file.text).into_iter().filter_map(problem).collect()
}

/// The rooms that a file names, with their lines, counted from 1. Its unit tests may name any.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // What is no Rust does not compile either.
    of_tokens(text.parse().unwrap_or_default(), &mut found);
    found
}

fn of_tokens(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = &tokens[..];
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            _ if is_tests(first, after) => rest = &after[4..],
            TokenTree::Group(group) => of_tokens(group.stream(), found),
            TokenTree::Ident(word) if word == "crate" => {
                let line = word.span().start().line;
                if let [TokenTree::Punct(a), TokenTree::Punct(b), path, ..] = after
                    && (a.as_char(), b.as_char()) == (':', ':')
                {
                    found.extend(rooms(path).into_iter().map(|room| (line, room)));
                }
            }
            _ => {}
        }
    }
}

/// `#[cfg(test)] mod tests { … }`
fn is_tests(first: &TokenTree, after: &[TokenTree]) -> bool {
    let words = [first].into_iter().chain(after.iter().take(3)).map(TokenTree::to_string);
    let words: String = words.collect::<String>().replace(' ', "");
    words == "#[cfg(test)]modtests" && matches!(after.get(3), Some(TokenTree::Group(_)))
}

/// The first segments of the paths behind `crate::`, of which a group has several.
fn rooms(path: &TokenTree) -> Vec<String> {
    let TokenTree::Group(group) = path else { return vec![path.to_string()] };
    let mut rooms = Vec::new();
    let mut begins = true;
    for token in group.stream() {
        if begins {
            rooms.push(token.to_string());
        }
        begins = matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',');
    }
    rooms
}

/// The table of floors in the document has each room once, on its floor: rows such as ``| 3 | `own/`, `serve/` | … |``.
fn document(text: &str) -> Vec<String> {
    let shown: Vec<(usize, Vec<&str>)> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let floor = cells.next()?.trim().parse().ok()?;
            let rooms = cells.next()?.split('`').skip(1).step_by(2);
            Some((floor, rooms.map(|room| room.trim_end_matches('/').trim_end_matches(".rs")).collect()))
        })
        .collect();
    let rooms =
        FLOORS.iter().enumerate().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (floor, *room)));
    let rooms: Vec<_> = rooms.chain([(FLOORS.len(), TOP)]).collect();
    let missing = rooms
        .iter()
        .filter(|(floor, room)| !shown.iter().any(|(shown, rooms)| shown == floor && rooms.contains(room)));
    let foreign = shown.iter().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*floor, *room)));
    let foreign = foreign.filter(|shown| !rooms.contains(shown));
    missing
        .map(|(floor, room)| format!("{DOCUMENT}: the table of floors has no `{room}` on floor {floor}"))
        .chain(foreign.map(|(floor, room)| {
            format!("{DOCUMENT}: the table of floors has `{room}` on floor {floor}, xtask/src/tidy/floors.rs has not")
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        problems(&File { path: path.into(), text: text.into() })
    }

    #[test]
    fn an_import_points_down() {
        assert_eq!(found("host/src/http/scrape.rs", "use crate::expose::body;\nuse super::Site;\n"), [""; 0]);
        assert_eq!(found("host/src/store/mod.rs", "use crate::store::history::History;\n"), [""; 0]);
        let up = found("host/src/store/snapshot.rs", "//! Text.\n\nuse crate::expose::text::Lines;\n");
        assert_eq!(
            up,
            [
                "host/src/store/snapshot.rs:3: store (floor 0) imports expose (floor 1); move what both need to a lower \
              floor, or hand it in as an argument"
            ]
        );
        let level = found("host/src/plugins/mod.rs", "fn f() {\n    crate::serve::bind();\n}\n");
        assert!(
            level[0].starts_with("host/src/plugins/mod.rs:2: plugins (floor 3) imports serve (floor 3)"),
            "{level:?}"
        );
    }

    #[test]
    fn groups_are_taken_apart_and_what_is_no_code_does_not_count() {
        let text = "use crate::{commands, agent::{Agent, events}, store::snapshot::Snapshot};\n";
        let rooms: Vec<_> = imports(text).into_iter().map(|(_, room)| room).collect();
        assert_eq!(rooms, ["commands", "agent", "store"]);
        let text =
            "// crate::http\n/* crate::http */\nconst A: &str = \"crate::http\";\nuse relink_crate::http;\n";
        assert_eq!(imports(text), []);
        assert_eq!(imports("#[cfg(test)]\nmod tests {\n    use crate::http::Site;\n}\n"), []);
    }

    #[test]
    fn a_room_without_a_floor_and_an_item_of_the_root_are_told() {
        assert!(found("host/src/attic/mod.rs", "")[0].contains("attic is on no floor"));
        assert!(
            found("host/src/agent/mod.rs", "use crate::Failed;\n")[0]
                .contains("imports Failed from the crate's root")
        );
        assert_eq!(found("host/src/lib.rs", "use crate::http;\n"), [""; 0]);
        assert_eq!(found("core/src/lib.rs", "use crate::error::Error;\n"), [""; 0]);
    }

    #[test]
    fn the_document_says_the_same() {
        let row = |floor: usize, rooms: &[&str]| {
            let rooms: Vec<_> = rooms.iter().map(|room| format!("`{room}/`")).collect();
            format!("| {floor} | {} | what it does |\n", rooms.join(", "))
        };
        let table = |floors: &[&[&str]]| -> String {
            floors.iter().enumerate().map(|(floor, rooms)| row(floor, rooms)).collect()
        };
        let mut floors = FLOORS.to_vec();
        floors.push(&[TOP]);
        assert_eq!(document(&table(&floors)), [""; 0]);
        floors[1] = &["access", "attic", "failure"];
        let problems = document(&table(&floors));
        assert!(
            problems[0].contains("no `expose` on floor 1") && problems[1].contains("`attic` on floor 1"),
            "{problems:?}"
        );
    }
}
