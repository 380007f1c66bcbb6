//! The lines by which the agent links a plugin: a feature that is on by default, a dependency, and a `use`. What else
//! stands in those files stays as it is, to the last space.

use std::fs;
use std::path::PathBuf;

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, Table, Value};

use crate::failure::{Doing, Failure, Result};
use crate::tidy;

/// A file with another text.
pub(super) struct Change {
    path: PathBuf,
    before: String,
    after: String,
}

impl Change {
    /// Nothing is written yet.
    pub(super) fn new(path: PathBuf, edit: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let before = fs::read_to_string(&path).doing(format_args!("reading {}", path.display()))?;
        let after = edit(&before)
            .map_err(|failure| Failure::new(format!("{}: {}", path.display(), failure.message())))?;
        Ok(Change { path, before, after })
    }
}

/// Writes all of them, or none.
pub(super) fn write(changes: &[Change]) -> Result<()> {
    for (done, change) in changes.iter().enumerate() {
        let written = fs::write(&change.path, &change.after);
        if written.is_err() {
            take_back(&changes[..=done])?;
        }
        written.doing(format_args!("writing {}", change.path.display()))?;
    }
    Ok(())
}

/// Puts the former texts back.
pub(super) fn take_back(changes: &[Change]) -> Result<()> {
    changes.iter().try_for_each(|change| {
        fs::write(&change.path, &change.before).doing(format_args!("writing {}", change.path.display()))
    })
}

/// What a dependency's line says behind its `=`.
pub(super) type Keys<'a> = &'a [(&'a str, Value)];

/// The agent's manifest with the feature `name`, on by default, that turns on `package`.
pub(super) fn with_feature(manifest: &str, name: &str, package: &str, keys: Keys<'_>) -> Result<String> {
    let mut document = parse(manifest)?;
    let dependencies = table(&mut document, &["dependencies"])?;
    insert_sorted(dependencies, package, inline(keys));
    let features = table(&mut document, &["features"])?;
    insert_feature(features, name, &format!("dep:{package}"));
    if let Some(default) = features.get_mut("default").and_then(Item::as_array_mut) {
        insert_word(default, name);
    }
    Ok(document.to_string())
}

/// The agent's manifest without them.
pub(super) fn without_feature(manifest: &str, name: &str, package: &str) -> Result<String> {
    let mut document = parse(manifest)?;
    table(&mut document, &["dependencies"])?.remove(package);
    let features = table(&mut document, &["features"])?;
    remove_feature(features, name);
    if let Some(default) = features.get_mut("default").and_then(Item::as_array_mut) {
        remove_word(default, name);
    }
    Ok(document.to_string())
}

/// The workspace's manifest with a crate from outside.
pub(super) fn with_shared(manifest: &str, package: &str, keys: Keys<'_>) -> Result<String> {
    let mut document = parse(manifest)?;
    // At the end, as the list is in groups that this command knows nothing of.
    table(&mut document, &["workspace", "dependencies"])?.insert(package, inline(keys));
    Ok(document.to_string())
}

/// The workspace's manifest without it.
pub(super) fn without_shared(manifest: &str, package: &str) -> Result<String> {
    let mut document = parse(manifest)?;
    table(&mut document, &["workspace", "dependencies"])?.remove(package);
    Ok(document.to_string())
}

fn parse(manifest: &str) -> Result<DocumentMut> {
    manifest.parse().doing("reading it as TOML")
}

fn table<'a>(document: &'a mut DocumentMut, path: &[&str]) -> Result<&'a mut Table> {
    let mut table = document.as_table_mut();
    for key in path {
        table = table
            .get_mut(key)
            .and_then(Item::as_table_mut)
            .ok_or_else(|| Failure::new(format!("there is no [{}], expected one", path.join("."))))?;
    }
    Ok(table)
}

fn inline(keys: Keys<'_>) -> Item {
    Item::Value(keys.iter().cloned().collect::<InlineTable>().into())
}

/// Before the first key that comes after it in the alphabet.
fn insert_sorted(table: &mut Table, key: &str, item: Item) {
    let at = keys(table).iter().position(|other| other.as_str() > key);
    insert_at(table, key, item, at);
}

/// `at` counts the keys that are there already; absent: the end.
fn insert_at(table: &mut Table, key: &str, item: Item, at: Option<usize>) {
    let mut order = keys(table);
    order.insert(at.unwrap_or(order.len()), key.to_owned());
    table.insert(key, item);
    let place = |key: &str| order.iter().position(|other| other == key);
    table.sort_values_by(|a, _, b, _| place(a.get()).cmp(&place(b.get())));
}

fn keys(table: &Table) -> Vec<String> {
    table.iter().map(|(key, _)| key.to_owned()).collect()
}

/// Among the features of plugins, which stand together. A comment above the first of them is about all of them.
fn insert_feature(features: &mut Table, name: &str, enables: &str) {
    let plugins = plugin_features(features);
    let keys = keys(features);
    let place = |key: &String| keys.iter().position(|other| other == key);
    let next = plugins.iter().find(|plugin| plugin.as_str() > name);
    let at = match next {
        Some(next) => place(next),
        None => plugins.last().and_then(place).map(|last| last + 1),
    };
    let is_first = next.is_some() && next == plugins.first();
    insert_at(features, name, Item::Value(Array::from_iter([enables]).into()), at);
    if is_first && let Some(next) = next {
        let above = take_prefix(features, next);
        add_prefix(features, name, &above);
    }
}

fn remove_feature(features: &mut Table, name: &str) {
    let plugins = plugin_features(features);
    if let [first, next, ..] = &plugins[..]
        && first == name
    {
        let above = take_prefix(features, name);
        add_prefix(features, next, &above);
    }
    features.remove(name);
}

fn plugin_features(features: &Table) -> Vec<String> {
    let enables_crate = |item: &Item| {
        let words = item.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.into_iter().any(|word| word.starts_with("dep:"))
    };
    features.iter().filter(|(_, item)| enables_crate(item)).map(|(key, _)| key.to_owned()).collect()
}

/// The comments and empty lines above a key.
fn take_prefix(table: &mut Table, key: &str) -> String {
    let Some(mut key) = table.key_mut(key) else { return String::new() };
    let decor = key.leaf_decor_mut();
    let above = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
    decor.set_prefix("");
    above
}

fn add_prefix(table: &mut Table, key: &str, above: &str) {
    let Some(mut key) = table.key_mut(key) else { return };
    let decor = key.leaf_decor_mut();
    let own = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let both = format!("{above}{own}");
    decor.set_prefix(both);
}

/// Into a list of words, spaced as its neighbours are.
fn insert_word(list: &mut Array, word: &str) {
    let at = list.iter().position(|other| other.as_str() > Some(word)).unwrap_or(list.len());
    let decor_of = |list: &Array, at: usize| list.get(at).map(|value| value.decor().clone());
    let spaced = decor_of(list, 1).unwrap_or_else(|| Decor::new(" ", ""));
    let first = decor_of(list, 0).unwrap_or_else(|| Decor::new("", ""));
    let mut value = Value::from(word);
    *value.decor_mut() = if at == 0 { first } else { spaced.clone() };
    list.insert_formatted(at, value);
    if at == 0
        && let Some(second) = list.get_mut(1)
    {
        *second.decor_mut() = spaced;
    }
}

fn remove_word(list: &mut Array, word: &str) {
    let Some(at) = list.iter().position(|other| other.as_str() == Some(word)) else { return };
    let removed = list.remove(at);
    if at == 0
        && let Some(first) = list.get_mut(0)
    {
        *first.decor_mut() = removed.decor().clone();
    }
}

/// The agent's list of plugins with the two lines of one, sorted by crate as rustfmt wants it.
pub(super) fn listed(list: &str, name: &str, package: &str) -> String {
    let [condition, line] = tidy::lines(name, package);
    let mut lines: Vec<&str> = list.lines().collect();
    let uses: Vec<usize> = (1..lines.len()).filter(|&at| is_plugin(lines[at - 1], lines[at])).collect();
    let next = uses.iter().find(|&&at| lines[at].trim() > line.as_str());
    let at = match (next, uses.last()) {
        (Some(next), _) => next - 1,
        (None, Some(last)) => last + 1,
        (None, None) => lines.len(),
    };
    lines.splice(at..at, [condition.as_str(), line.as_str()]);
    lines.join("\n") + "\n"
}

fn is_plugin(condition: &str, line: &str) -> bool {
    condition.trim().starts_with("#[cfg(feature = ") && line.trim().starts_with("use ")
}

/// The list without them.
pub(super) fn unlisted(list: &str, name: &str, package: &str) -> String {
    let pair = tidy::lines(name, package);
    let mut lines: Vec<&str> = list.lines().collect();
    let is_it = |at: &usize| lines[*at].trim() == pair[0] && lines[at + 1].trim() == pair[1];
    if let Some(at) = (0..lines.len().saturating_sub(1)).find(is_it) {
        lines.drain(at..at + 2);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"[package]
name = "relink"  # odd   spacing stays

[features]
default = ["cpu", "disk"]
# One feature a plugin.
cpu = ["dep:metrics-cpu"]
disk = ["dep:metrics-disk"]
# About linkme.
linkme = ["relink-host/linkme"]

[dependencies]
metrics-cpu = { path = "../metrics-cpu", optional = true }
metrics-disk = { path = "../metrics-disk", optional = true }
relink-host.workspace = true

[dev-dependencies]
tempfile.workspace = true
"#;

    fn added(name: &str) -> String {
        let package = format!("metrics-{name}");
        let keys = [("path", format!("../{package}").into()), ("optional", true.into())];
        with_feature(MANIFEST, name, &package, &keys).unwrap()
    }

    #[test]
    fn a_plugin_stands_in_its_place_and_nothing_else_moves() {
        for (name, default, feature_after, dependency_after) in [
            ("abc", r#"["abc", "cpu", "disk"]"#, "# One feature a plugin.", "[dependencies]"),
            ("cpx", r#"["cpu", "cpx", "disk"]"#, r#"cpu = ["dep:metrics-cpu"]"#, "metrics-cpu = "),
            ("swap", r#"["cpu", "disk", "swap"]"#, r#"disk = ["dep:metrics-disk"]"#, "metrics-disk = "),
        ] {
            let text = added(name);
            let lines: Vec<&str> = text.lines().collect();
            let above = |line: &str| lines[lines.iter().position(|other| *other == line).expect(&text) - 1];
            assert!(lines.contains(&&*format!("default = {default}")), "{text}");
            assert_eq!(above(&format!("{name} = [\"dep:metrics-{name}\"]")), feature_after, "{text}");
            let dependency = format!("metrics-{name} = {{ path = \"../metrics-{name}\", optional = true }}");
            assert!(above(&dependency).starts_with(dependency_after), "{text}");
            let rest: Vec<&&str> =
                lines.iter().filter(|line| !line.contains(name) || line.starts_with("cpu")).collect();
            assert_eq!(
                rest.len(),
                MANIFEST.lines().count() - 1,
                "the line `default` apart, all are there: {text}"
            );
        }
    }

    #[test]
    fn removing_is_the_exact_reverse() {
        for name in ["abc", "cpx", "swap", "zz-top"] {
            assert_eq!(without_feature(&added(name), name, &format!("metrics-{name}")).unwrap(), MANIFEST);
        }
        let several = MANIFEST.replace(r#"["cpu", "disk"]"#, "[\n    \"cpu\",\n    \"disk\",\n]");
        for name in ["abc", "cpx", "swap"] {
            let added = with_feature(&several, name, "x", &[("workspace", true.into())]).unwrap();
            assert!(added.contains(&format!("\n    \"{name}\",\n")), "{added}");
            assert_eq!(without_feature(&added, name, "x").unwrap(), several);
        }
    }

    #[test]
    fn a_crate_from_outside_stands_at_the_end_of_the_workspaces_list() {
        let manifest = "[workspace.dependencies]\n# A group.\nb = \"1\" # why\n\na = \"2\"\n\n[profile.dev]\ndebug = 1\n";
        let added = with_shared(manifest, "gpu", &[("git", "file:///x".into())]).unwrap();
        assert_eq!(added, manifest.replace("a = \"2\"\n", "a = \"2\"\ngpu = { git = \"file:///x\" }\n"));
        assert_eq!(without_shared(&added, "gpu").unwrap(), manifest);
        assert!(
            with_shared("[package]\n", "gpu", &[])
                .unwrap_err()
                .message()
                .contains("[workspace.dependencies]")
        );
    }

    #[test]
    fn the_list_is_sorted_and_gets_its_lines_back() {
        let pair = |name: &str| format!("#[cfg(feature = \"{name}\")]\nuse metrics_{name} as _;\n");
        let list = format!("//! The plugins.\n\n{}{}", pair("cpu"), pair("disk"));
        for (name, expected) in [
            ("abc", ["abc", "cpu", "disk"]),
            ("cpx", ["cpu", "cpx", "disk"]),
            ("swap", ["cpu", "disk", "swap"]),
        ] {
            let added = listed(&list, name, &format!("metrics-{name}"));
            assert_eq!(added, format!("//! The plugins.\n\n{}", expected.map(pair).concat()));
            assert_eq!(unlisted(&added, name, &format!("metrics-{name}")), list);
        }
        assert_eq!(listed("//! None.\n\n", "cpu", "metrics-cpu"), format!("//! None.\n\n{}", pair("cpu")));
        assert_eq!(unlisted(&list, "gone", "metrics-gone"), list);
    }

    #[test]
    fn either_all_files_are_written_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, "old").unwrap();
            Change::new(path, |text| Ok(format!("{text}, new"))).unwrap()
        };
        let changes = [file("a"), file("b")];
        write(&changes).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "old, new");
        take_back(&changes).unwrap();
        // A folder can't be written as a file.
        fs::remove_file(dir.path().join("b")).unwrap();
        fs::create_dir(dir.path().join("b")).unwrap();
        assert!(write(&changes).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "old");
    }
}
