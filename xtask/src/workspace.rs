//! What cargo knows about this workspace: its packages, their features, and where the target folder is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::build::AGENT;
use crate::cargo;
use crate::failure::{Doing, Failure, Result};

/// The folder names of plugin crates begin so; the rest is the plugin's name.
pub(crate) const PLUGIN_PREFIX: &str = "metrics-";

/// The workspace, as `cargo metadata` tells it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub root: PathBuf,
    /// The target folder; `CARGO_TARGET_DIR` is respected.
    pub target: PathBuf,
    pub packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    pub description: String,
    pub folder: PathBuf,
    pub features: BTreeMap<String, Vec<String>>,
    pub dependencies: Vec<Dependency>,
}

/// What a member depends on.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub name: String,
    /// `normal`, `dev` or `build`.
    pub kind: String,
    /// Whether it is a folder of this workspace.
    pub local: bool,
    /// Where it comes from: a folder, the URL of a repository, or the wanted version.
    pub origin: String,
}

/// A plugin crate from outside the workspace, linked by a feature of the agent.
#[derive(Debug)]
pub(crate) struct Added<'a> {
    /// The feature.
    pub name: &'a str,
    pub dependency: &'a Dependency,
}

/// A plugin crate of the workspace.
#[derive(Debug)]
pub(crate) struct Plugin<'a> {
    /// The folder without `metrics-`: what `--plugins` and the feature of the agent are called.
    pub name: &'a str,
    pub package: &'a Package,
}

/// The folder of this workspace. xtask is compiled in it, so that it is found from wherever the command is given.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

impl Workspace {
    /// Asks cargo. Dependencies outside the workspace are not resolved, which makes this take some 30 ms.
    pub(crate) fn load() -> Result<Self> {
        Ok(Self::from_metadata(&metadata(&["--no-deps"])?))
    }

    fn from_metadata(metadata: &Value) -> Self {
        let root = path(&metadata["workspace_root"]);
        let packages = list(&metadata["packages"]).map(|value| package(value, &root)).collect();
        Workspace { root, target: path(&metadata["target_directory"]), packages }
    }

    /// The package of this name.
    pub(crate) fn package(&self, name: &str) -> Result<&Package> {
        self.packages
            .iter()
            .find(|package| package.name == name)
            .ok_or_else(|| Failure::new(format!("the workspace has no package {name:?}")))
    }

    /// The plugin crates, by name.
    pub(crate) fn plugins(&self) -> Vec<Plugin<'_>> {
        let mut plugins: Vec<Plugin<'_>> = self
            .packages
            .iter()
            .filter(|package| package.folder.parent() == Some(&self.root))
            .filter_map(|package| {
                let name = package.folder.file_name()?.to_str()?.strip_prefix(PLUGIN_PREFIX)?;
                Some(Plugin { name, package })
            })
            .collect();
        plugins.sort_by_key(|plugin| plugin.name);
        plugins
    }

    /// The plugins from outside the workspace: those features of the agent that stand for one dependency which is no
    /// member, as `plugin add` writes them.
    pub(crate) fn added(&self) -> Vec<Added<'_>> {
        let Ok(agent) = self.package(AGENT) else { return Vec::new() };
        let mut added = Vec::new();
        for (name, on) in &agent.features {
            let [only] = &on[..] else { continue };
            let Some(package) = only.strip_prefix("dep:") else { continue };
            let outside =
                agent.dependencies.iter().find(|dependency| dependency.name == package && !dependency.local);
            added.extend(outside.map(|dependency| Added { name, dependency }));
        }
        added
    }

    /// The names of all plugins, and the package of each, by name.
    pub(crate) fn known(&self) -> Vec<(&str, &str)> {
        let members = self.plugins().into_iter().map(|plugin| (plugin.name, plugin.package.name.as_str()));
        let added = self.added().into_iter().map(|added| (added.name, added.dependency.name.as_str()));
        let mut known: Vec<_> = members.chain(added).collect();
        known.sort_unstable();
        known
    }

    /// A path as one writes it: relative to the workspace.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

impl Package {
    /// Whether the feature of that name is on by default.
    pub(crate) fn is_default(&self, feature: &str) -> bool {
        self.features.get("default").is_some_and(|on| on.iter().any(|name| name == feature))
    }
}

/// What `cargo metadata` with these arguments says of this workspace.
pub(crate) fn metadata(args: &[&str]) -> Result<Value> {
    let mut command = cargo::command(&["metadata", "--format-version", "1"]);
    let output = command.args(args).output().doing("cargo metadata")?;
    if !output.status.success() {
        return Err(Failure::new(String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    serde_json::from_slice(&output.stdout).doing("the answer of cargo metadata")
}

fn package(value: &Value, root: &Path) -> Package {
    let manifest = path(&value["manifest_path"]);
    Package {
        name: text(&value["name"]),
        version: text(&value["version"]),
        description: text(&value["description"]),
        folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        features: value["features"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, on)| (name.clone(), list(on).map(text).collect()))
            .collect(),
        dependencies: list(&value["dependencies"])
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                kind: dependency["kind"].as_str().unwrap_or("normal").to_owned(),
                local: dependency["path"].as_str().is_some_and(|path| Path::new(path).starts_with(root)),
                origin: origin(dependency),
            })
            .collect(),
    }
}

fn origin(dependency: &Value) -> String {
    let source = dependency["source"].as_str();
    let git = source.and_then(|source| source.strip_prefix("git+"));
    dependency["path"].as_str().or(git).or(dependency["req"].as_str()).unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn path(value: &Value) -> PathBuf {
    text(value).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A workspace of an agent and two plugins, of which the agent knows one.
    pub(crate) fn example() -> Workspace {
        let member = |folder: &str, name: &str, features: Value, dependencies: Value| {
            json!({
                "name": name, "version": "0.1.0", "description": null, "features": features,
                "manifest_path": format!("/ws/{folder}/Cargo.toml"), "dependencies": dependencies,
            })
        };
        let on = |name: &str| json!({"name": name, "kind": null, "path": format!("/ws/{name}")});
        Workspace::from_metadata(&json!({
            "workspace_root": "/ws",
            "target_directory": "/elsewhere/target",
            "packages": [
                member("metrics-disk", "metrics-disk", json!({}), json!([on("relink-core")])),
                member("metrics-cpu", "metrics-cpu", json!({}), json!([on("relink-core")])),
                member("app", "relink",
                    json!({"default": ["cpu", "dashboard"], "cpu": ["dep:metrics-cpu"], "dashboard": [], "linkme": []}),
                    json!([on("metrics-cpu"), on("relink-host"), {"name": "tempfile", "kind": "dev"}])),
            ],
        }))
    }

    #[test]
    fn plugins_are_the_folders_that_are_called_so() {
        let workspace = example();
        let names: Vec<&str> = workspace.plugins().iter().map(|plugin| plugin.name).collect();
        assert_eq!(names, ["cpu", "disk"]);
        assert!(workspace.package("relink").unwrap().is_default("cpu"));
        assert!(!workspace.package("relink").unwrap().is_default("linkme"));
        assert_eq!(workspace.shown(Path::new("/ws/app/Cargo.toml")), "app/Cargo.toml");
        assert!(workspace.package("nginx").unwrap_err().message().contains("nginx"));
    }

    #[test]
    fn a_crate_from_elsewhere_is_a_plugin_by_its_feature() {
        let mut workspace = example();
        let added = workspace.added().iter().map(|added| added.name.to_owned()).collect::<Vec<_>>();
        assert_eq!(added, [""; 0], "a member is none, nor is a feature without dependency");
        let agent = workspace.packages.iter_mut().find(|package| package.name == AGENT).unwrap();
        agent.features.insert("gpu".into(), vec!["dep:relink-plugin-gpu".into()]);
        let outside =
            json!({"name": "relink-plugin-gpu", "kind": null, "path": "/elsewhere/gpu", "req": "*"});
        agent
            .dependencies
            .extend(package(&json!({"dependencies": [outside]}), Path::new("/ws")).dependencies);
        assert_eq!(workspace.added()[0].dependency.origin, "/elsewhere/gpu");
        let known = [("cpu", "metrics-cpu"), ("disk", "metrics-disk"), ("gpu", "relink-plugin-gpu")];
        assert_eq!(workspace.known(), known);
    }

    #[test]
    fn a_dependencys_origin_is_its_folder_its_repository_or_its_version() {
        assert_eq!(origin(&json!({"path": "/x", "source": null, "req": "*"})), "/x");
        assert_eq!(origin(&json!({"source": "git+https://x/y", "req": "*"})), "https://x/y");
        assert_eq!(origin(&json!({"source": "registry+https://x", "req": "^1.2"})), "^1.2");
    }

    #[test]
    fn this_workspace_can_be_loaded() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(workspace.root, root());
        assert!(workspace.plugins().iter().any(|plugin| plugin.name == "cpu"));
    }
}
