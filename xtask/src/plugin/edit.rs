//! The lines by which the agent links a plugin: a feature that is on by default, a dependency, and a `use`. What else
//! stands in those files stays as it is, to the last space.

use std::fs;
use std::path::PathBuf;

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

/// The agent's manifest with the feature `name`, on by default, that turns on the dependency `package`, which says
/// `keys`, such as `path = "../gpu"`.
pub(super) fn with_feature(manifest: &str, name: &str, package: &str, keys: &str) -> Result<String> {
    let mut text = Manifest::of(manifest);
    let dependencies = text.keys("dependencies")?;
    text.insert_sorted(&dependencies, format!("{package} = {{ {keys} }}"));
    // Among the features of plugins, which stand together. A comment above the first of them is about all of them.
    let mut features = text.keys("features")?;
    features.retain(|&at| text.lines[at].contains("[\"dep:"));
    text.insert_sorted(&features, format!("{name} = [\"dep:{package}\"]"));
    text.change_default(name, true)?;
    Ok(text.whole())
}

/// The agent's manifest without them.
pub(super) fn without_feature(manifest: &str, name: &str, package: &str) -> Result<String> {
    let mut text = Manifest::of(manifest);
    text.remove("dependencies", package)?;
    text.remove("features", name)?;
    text.change_default(name, false)?;
    Ok(text.whole())
}

/// The workspace's manifest with a crate from outside.
pub(super) fn with_shared(manifest: &str, package: &str, keys: &str) -> Result<String> {
    let mut text = Manifest::of(manifest);
    // At the end, as the list is in groups that this command knows nothing of.
    let last = text.keys("workspace.dependencies")?.pop();
    text.lines.insert(last.map_or(0, |last| last + 1), format!("{package} = {{ {keys} }}"));
    Ok(text.whole())
}

/// The workspace's manifest without it.
pub(super) fn without_shared(manifest: &str, package: &str) -> Result<String> {
    let mut text = Manifest::of(manifest);
    text.remove("workspace.dependencies", package)?;
    Ok(text.whole())
}

/// The lines of a manifest, in which a dependency and a feature have one each, as the rules of this project want it.
struct Manifest {
    lines: Vec<String>,
}

impl Manifest {
    fn of(text: &str) -> Self {
        Manifest { lines: text.lines().map(str::to_owned).collect() }
    }

    fn whole(self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// The key of a line; empty for one without, such as a comment.
    fn key(&self, at: usize) -> &str {
        let key = self.lines[at].split_once('=').map_or("", |(key, _)| key.trim_end());
        if key.starts_with(['#', ' ', '\t']) { "" } else { key }
    }

    /// The lines of a table that have a key; of a table without one, its head.
    fn keys(&self, table: &str) -> Result<Vec<usize>> {
        let head = format!("[{table}]");
        let head = self.lines.iter().position(|line| line.trim_end() == head);
        let head = head.ok_or_else(|| Failure::new(format!("there is no [{table}], expected one")))?;
        let end = (head + 1..self.lines.len()).find(|&at| self.lines[at].starts_with('['));
        let mut keys: Vec<usize> = (head + 1..end.unwrap_or(self.lines.len())).collect();
        keys.retain(|&at| !self.key(at).is_empty());
        Ok(if keys.is_empty() { vec![head] } else { keys })
    }

    /// Before the first of these lines whose key comes after it in the alphabet.
    fn insert_sorted(&mut self, among: &[usize], line: String) {
        let end = among.last().map_or(self.lines.len(), |last| last + 1);
        self.lines.insert(end, line);
        let next = among.iter().find(|&&at| self.key(at) > self.key(end));
        self.lines[*next.unwrap_or(&end)..=end].rotate_right(1);
    }

    /// Takes a key out that has one line. One that is not there needs nothing.
    fn remove(&mut self, table: &str, key: &str) -> Result<()> {
        if let Some(at) = self.keys(table)?.into_iter().find(|&at| self.key(at) == key) {
            let line = self.lines.remove(at);
            if line.matches(['[', '{']).count() != line.matches([']', '}']).count() {
                return Err(Failure::new(format!("{key} takes several lines under [{table}], expected one")));
            }
        }
        Ok(())
    }

    /// Puts a word into the list `default`, or takes it out. Over several lines the list has a word a line.
    fn change_default(&mut self, name: &str, on: bool) -> Result<()> {
        let Some(at) = self.keys("features")?.into_iter().find(|&at| self.key(at) == "default") else {
            return Ok(());
        };
        let word = format!("{name:?}");
        let change = |words: &mut Vec<String>, word: String| {
            let at = words.iter().position(|other| *other >= word);
            match at.filter(|&at| words[at] == word) {
                Some(at) if !on => drop(words.remove(at)),
                None if on => words.insert(at.unwrap_or(words.len()), word),
                _ => {}
            }
        };
        let Some((begin, list, end)) = one_line(&self.lines[at]) else {
            let end = (at..self.lines.len()).find(|&at| self.lines[at].starts_with(']')).unwrap_or(at + 1);
            let mut words: Vec<String> = self.lines.drain(at + 1..end).collect();
            change(&mut words, format!("    {word},"));
            self.lines.splice(at + 1..at + 1, words);
            return Ok(());
        };
        let mut words: Vec<String> =
            list.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        change(&mut words, word);
        self.lines[at] = format!("{begin}[{}]{end}", words.join(", "));
        Ok(())
    }
}

/// What stands before, in and behind the brackets of a list.
fn one_line(line: &str) -> Option<(&str, &str, &str)> {
    let (begin, rest) = line.split_once('[')?;
    let (list, end) = rest.split_once(']')?;
    Some((begin, list, end))
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
        let keys = format!("path = \"../{package}\", optional = true");
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
            let added = with_feature(&several, name, "x", "workspace = true").unwrap();
            assert!(added.contains(&format!("\n    \"{name}\",\n")), "{added}");
            assert_eq!(without_feature(&added, name, "x").unwrap(), several);
        }
        let long = MANIFEST.replace(r#"["dep:metrics-disk"]"#, "[\n    \"dep:metrics-disk\",\n]");
        let refused = without_feature(&long, "disk", "metrics-disk").unwrap_err();
        assert!(refused.message().contains("disk takes several lines"), "{refused:?}");
    }

    #[test]
    fn a_crate_from_outside_stands_at_the_end_of_the_workspaces_list() {
        let manifest = "[workspace.dependencies]\n# A group.\nb = \"1\" # why\n\na = \"2\"\n\n[profile.dev]\ndebug = 1\n";
        let added = with_shared(manifest, "gpu", "git = \"file:///x\"").unwrap();
        assert_eq!(added, manifest.replace("a = \"2\"\n", "a = \"2\"\ngpu = { git = \"file:///x\" }\n"));
        assert_eq!(without_shared(&added, "gpu").unwrap(), manifest);
        assert!(
            with_shared("[package]\n", "gpu", "").unwrap_err().message().contains("[workspace.dependencies]")
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
