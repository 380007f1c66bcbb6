//! Every plugin crate is linked: a folder, a feature that is on by default, a dependency, and a line in the list.

use super::File;
use super::rust::PLUGIN_LIST;
use crate::build::AGENT;
use crate::workspace::Workspace;

pub(super) fn problems(workspace: &Workspace, files: &[File]) -> Vec<String> {
    let Ok(agent) = workspace.package(AGENT) else {
        return vec![format!("Cargo.toml: no package {AGENT} among the members")];
    };
    let manifest = workspace.shown(&agent.folder.join("Cargo.toml"));
    let list = files.iter().find(|file| file.path == PLUGIN_LIST).map_or("", |file| file.text.as_str());
    let mut problems = Vec::new();
    for plugin in workspace.plugins() {
        let (name, package) = (plugin.name, &plugin.package.name);
        let enables = format!("dep:{package}");
        if !agent.features.get(name).is_some_and(|on| on.contains(&enables)) {
            problems.push(format!("{manifest}: add under [features]: {name} = [\"{enables}\"]"));
        }
        if !agent.is_default(name) {
            problems.push(format!("{manifest}: add {name:?} to the list `default` under [features]"));
        }
        if !agent.dependencies.iter().any(|dependency| dependency.name == *package) {
            let folder = plugin.package.folder.file_name().unwrap_or_default().to_string_lossy();
            problems.push(format!(
                "{manifest}: add under [dependencies]: {package} = {{ path = \"../{folder}\", optional = true }}"
            ));
        }
        if !names(list, name, package) {
            let [condition, line] = lines(name, package);
            problems.push(format!("{PLUGIN_LIST}: add these two lines: {condition} {line}"));
        }
        problems.extend(thread(&workspace.shown(&plugin.package.folder), files));
    }
    problems
}

/// A thread of a plugin runs on behind the back of the schedule, so its README has to say what it is for. One of a unit
/// test does not.
fn thread(folder: &str, files: &[File]) -> Option<String> {
    let (source, readme) = (format!("{folder}/src/"), format!("{folder}/README.md"));
    let starts = |line: &str| ["thread::spawn(", "thread::Builder"].iter().any(|start| line.contains(start));
    let is_started = |text: &str| text.lines().take_while(|line| line.trim() != "#[cfg(test)]").any(starts);
    let file = files.iter().find(|file| file.path.starts_with(&source) && is_started(&file.text))?;
    let told = files.iter().any(|file| file.path == readme && file.text.contains("thread"));
    (!told).then(|| format!("{}: starts a thread; {readme} has to say why", file.path))
}

/// Whether the list of plugins has this one, under its feature.
pub(crate) fn names(list: &str, plugin: &str, package: &str) -> bool {
    let [condition, line] = lines(plugin, package);
    let code: Vec<&str> = list.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    code.windows(2).any(|pair| pair == [condition.as_str(), line.as_str()])
}

/// The two lines by which the agent links a plugin.
pub(crate) fn lines(plugin: &str, package: &str) -> [String; 2] {
    [format!("#[cfg(feature = {plugin:?})]"), format!("use {} as _;", package.replace('-', "_"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    fn found(list: &str) -> Vec<String> {
        problems(&example(), &[File { path: PLUGIN_LIST.into(), text: list.into() }])
    }

    #[test]
    fn what_a_plugin_lacks_is_told_as_the_line_to_add() {
        assert_eq!(
            found("#[cfg(feature = \"cpu\")]\nuse metrics_cpu as _;\n"),
            [
                "app/Cargo.toml: add under [features]: disk = [\"dep:metrics-disk\"]",
                "app/Cargo.toml: add \"disk\" to the list `default` under [features]",
                "app/Cargo.toml: add under [dependencies]: metrics-disk = { path = \"../metrics-disk\", optional = true }",
                "app/src/plugins.rs: add these two lines: #[cfg(feature = \"disk\")] use metrics_disk as _;",
            ]
        );
    }

    #[test]
    fn a_line_without_its_feature_does_not_count() {
        let of_cpu =
            |list: &str| found(list).iter().filter(|problem| problem.contains("metrics_cpu")).count();
        assert_eq!(of_cpu("use metrics_cpu as _;\n"), 1);
        assert_eq!(of_cpu("// #[cfg(feature = \"cpu\")]\n// use metrics_cpu as _;\n"), 1);
        assert_eq!(of_cpu("#[cfg(feature = \"disk\")]\nuse metrics_cpu as _;\n"), 1);
        assert_eq!(of_cpu("\n#[cfg(feature = \"cpu\")]\nuse metrics_cpu as _;"), 0);
    }

    #[test]
    fn a_thread_needs_a_reason() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let mut files = vec![file("metrics-cpu/src/lib.rs", "fn f() {\n    thread::spawn(f);\n}\n")];
        let told = "metrics-cpu/src/lib.rs: starts a thread; metrics-cpu/README.md has to say why";
        assert!(problems(&example(), &files).contains(&told.to_owned()));
        let of_a_test = "#[cfg(test)]\nmod tests {\n    fn f() {\n        thread::spawn(f);\n    }\n}\n";
        let tested = [file("metrics-cpu/src/lib.rs", of_a_test)];
        assert!(!problems(&example(), &tested).contains(&told.to_owned()));
        files.push(file("metrics-cpu/README.md", "It has a thread, because reading may take long.\n"));
        assert!(!problems(&example(), &files).contains(&told.to_owned()));
    }
}
