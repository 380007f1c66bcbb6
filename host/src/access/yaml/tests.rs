//! What of YAML a web configuration may have.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shape {
    name: Option<String>,
    count: Option<u32>,
    on: Option<bool>,
    list: Option<Vec<String>>,
    map: Option<BTreeMap<String, String>>,
    within: Option<Box<Shape>>,
}

fn shape(text: &str) -> Shape {
    read::<Option<Shape>>(text).unwrap_or_else(|why| panic!("{text}: {why}")).unwrap_or_default()
}

fn error(text: &str) -> String {
    read::<Option<Shape>>(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn texts_numbers_and_truth_values() {
    for text in [
        "name: 'a: b'",
        "name: \"a: \\x62\"",
        "name: >-\n  a:\n  b\n",
        "name: !!str 'a: b'",
        "{name: 'a: b'}",
    ] {
        assert_eq!(shape(text).name.as_deref(), Some("a: b"), "{text}");
    }
    assert_eq!(shape("name: |\n  one\n  two\n").name.as_deref(), Some("one\ntwo\n"));
    // What a key is for decides what a word without quotes means.
    assert_eq!(shape("name: 0\n").name.as_deref(), Some("0"));
    assert_eq!(shape("name: \"null\"").name.as_deref(), Some("null"));
    for text in ["", "# nothing", "---\n", "---\n...\n", "name:", "name: ~\ncount: null # none\n", "{}"] {
        assert_eq!(shape(text), Shape::default(), "{text}");
    }
    assert_eq!(shape("map:\n  a:\n").map.unwrap()["a"], "");
    for (text, on) in [("on: true", true), ("on: Yes", true), ("\"on\": off", false), ("on: FALSE", false)] {
        assert_eq!(shape(text).on, Some(on), "{text}");
    }
    assert_eq!(shape("count: 20 # a comment\n").count, Some(20));
}

#[test]
fn lists_maps_anchors_and_merges() {
    let list = Some(vec!["a".to_owned(), "b".to_owned()]);
    for text in ["list: [a, b]", "list:\n- a\n- \"b\"\n", "list:\n  - &x a\n  - b\nwithin:\n  name: *x\n"] {
        assert_eq!(shape(text).list, list, "{text}");
    }
    let both =
        shape("within: &base\n  name: a\n  count: 1\n  within:\n    <<: {name: b, count: 2}\n    name: c\n");
    let inner = both.within.unwrap().within.unwrap();
    assert_eq!((inner.name.as_deref(), inner.count), (Some("c"), Some(2)));
    assert_eq!(shape("within: &x {name: a}\nmap:\n  <<: [*x, {name: b, c: d}]\n").map.unwrap().len(), 2);
    assert_eq!(shape("\u{feff}name: a\r\ncount: 1\r\n").count, Some(1));
}

#[test]
fn an_error_has_its_line_and_no_value() {
    for (text, said) in [
        ("name: a\nnmae: secret\n", "line 2: unknown field `nmae`, expected one of `name`, `count`"),
        ("count: secret", "line 1: expected a whole number"),
        ("count: \"1\"", "line 1: expected a whole number"),
        ("count: -1", "line 1: expected a whole number"),
        ("on: secret", "line 1: expected true or false"),
        ("\nname: [secret]", "line 2: expected a text"),
        ("list: secret", "line 1: expected a list"),
        ("map: secret", "line 1: expected keys and values"),
        ("map:\n  a: 1\n  b: {secret: 1}\n", "line 3: expected a text"),
        ("secret", "line 1: expected keys and values"),
        ("map: {a: secret,\n  a: y}", "line 2: duplicate key \"a\""),
        ("map: {[a]: secret}", "line 1: a key that is a list"),
        ("map: {<<: secret}", "line 1: <<: expected a map"),
        ("name: a\n---\nname: secret\n", "line 2: a second document"),
        ("name: a\n- secret\n", "line 2: "),
        ("list: [secret", "line 1: "),
        ("name: *secret", "line 1: "),
        ("name: \"secret", "line "),
    ] {
        let error = error(text);
        assert!(error.starts_with(said), "{text:?}: {error}");
        assert!(text.contains("*secret") || !error.contains("secret"), "{text:?}: {error}");
    }
}

#[test]
fn no_text_takes_all_memory_or_the_stack() {
    let deep = format!("list: {}", "[".repeat(100_000));
    assert!(error(&deep).contains("line 1: "), "{}", error(&deep));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let before = format!("*a{}, ", at - 1).repeat(10);
        laughs += &format!("a{at}: &a{at} [{}]\n", before.trim_end_matches(", "));
    }
    assert_eq!(error(&laughs), "line 4: more than 10000 values");
    let long = "x".repeat(100_000);
    assert_eq!(shape(&format!("name: &x {long}\nwithin: {{name: *x}}\n")).name.unwrap(), long);
    let often = "*x, ".repeat(1000);
    assert_eq!(error(&format!("name: &x {long}\nlist: [{often}]\n")), "line 2: more than 10000 values");
    // A value that holds itself has no end.
    assert!(error("list: &x [*x]\n").starts_with("line 1: "));
}
