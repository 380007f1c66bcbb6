//! `cargo xtask plugin add`: links a plugin crate from outside the workspace.

use std::path::Path;

use serde_json::Value;

use super::edit::{self, Change};
use super::{names, scaffold};
use crate::args::Origin;
use crate::build::AGENT;
use crate::failure::{Doing, Failure, Result};
use crate::workspace::{self, PLUGIN_PREFIX, Workspace};

/// Links the crate, and takes everything back if cargo can't find it or it is no plugin of this contract.
pub(crate) fn perform(package: &str, origin: &Origin) -> Result<()> {
    let workspace = Workspace::load()?;
    let name = plugin_name(package);
    names::check(name)?;
    names::check_free(&workspace, name)?;
    let keys = key(origin)?;
    let manifest = workspace.root.join("Cargo.toml");
    let mut changes = vec![Change::new(manifest, |text| edit::with_shared(text, package, &keys))?];
    changes.extend(scaffold::linked(&workspace, name, package, "workspace = true, optional = true")?);
    edit::write(&changes)?;
    // A manifest that cargo can't resolve would stop every command, this one included.
    let resolved = workspace::metadata(&["--all-features"]);
    if let Err(failure) = resolved.and_then(|metadata| check(&metadata, &workspace.root, package)) {
        edit::take_back(&changes)?;
        return Err(failure);
    }
    println!("{package}: linked into the agent as plugin {name:?}");
    eprintln!(
        "its register! has to say plugin: {name:?}, or the agent refuses to start; to put it live: cargo xtask reload"
    );
    Ok(())
}

/// `gpu` for `metrics-gpu` and `relink-plugin-gpu`.
fn plugin_name(package: &str) -> &str {
    [PLUGIN_PREFIX, "relink-plugin-"]
        .iter()
        .find_map(|prefix| package.strip_prefix(prefix))
        .unwrap_or(package)
}

/// The key of the manifest that says where the crate comes from.
fn key(origin: &Origin) -> Result<String> {
    Ok(match origin {
        Origin::Path(path) => {
            let folder = path.canonicalize().doing(format_args!("--path {}", path.display()))?;
            let folder = folder
                .to_str()
                .ok_or_else(|| Failure::usage(format!("--path {folder:?} is not UTF-8; move the crate")))?;
            format!("path = {folder:?}")
        }
        Origin::Git(url) => format!("git = {url:?}"),
        Origin::Registry(version) => format!("version = {:?}", version.as_deref().unwrap_or("*")),
    })
}

/// Whether the agent depends on the crate now, and the crate on the contract of this workspace: a plugin that was
/// compiled with another copy of it would register itself where nobody looks.
fn check(metadata: &Value, root: &Path, package: &str) -> Result<()> {
    let name_of = |id: &Value| -> &Value {
        let packages = metadata["packages"].as_array().into_iter().flatten();
        packages.into_iter().find(|package| package["id"] == *id).unwrap_or(&Value::Null)
    };
    let dependencies = |wanted: &dyn Fn(&Value) -> bool| -> Vec<&Value> {
        let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
        let node = nodes.into_iter().find(|node| wanted(&node["id"]));
        let ids = node.and_then(|node| node["dependencies"].as_array()).into_iter().flatten();
        ids.map(name_of).collect()
    };
    let of_agent = dependencies(&|id| name_of(id)["name"] == AGENT);
    let added = of_agent
        .into_iter()
        .find(|dependency| dependency["name"] == package)
        .ok_or_else(|| Failure::new(format!("cargo does not find a library in {package:?}")))?;
    let contracts = dependencies(&|id| *id == added["id"]);
    let contract = contracts.into_iter().find(|dependency| dependency["name"] == "relink-core");
    let Some(contract) = contract else {
        return Err(Failure::new(format!("{package} does not depend on relink-core, so it is no plugin")));
    };
    let here = root.join("core/Cargo.toml");
    if contract["manifest_path"].as_str().map(Path::new) == Some(&*here) {
        return Ok(());
    }
    let from = contract["source"].as_str().or(contract["manifest_path"].as_str()).unwrap_or("?");
    Err(Failure::new(format!(
        "{package} is made with the relink-core of {from}, expected this workspace's; \
         say in Cargo.toml where to take it from: [patch.crates-io] relink-core = {{ path = \"core\" }} \
         (for a git dependency [patch.\"its URL\"])"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plugin_is_called_as_its_crate_is_without_the_prefix() {
        for (package, name) in [
            ("metrics-gpu", "gpu"),
            ("relink-plugin-gpu", "gpu"),
            ("gpu", "gpu"),
            ("gpu-metrics-x", "gpu-metrics-x"),
        ] {
            assert_eq!(plugin_name(package), name);
        }
    }

    #[test]
    fn the_origin_becomes_a_key() {
        let key = |origin| key(&origin);
        assert_eq!(key(Origin::Git("file:///x".into())).unwrap(), "git = \"file:///x\"");
        assert_eq!(key(Origin::Registry(Some("1.2".into()))).unwrap(), "version = \"1.2\"");
        assert_eq!(key(Origin::Registry(None)).unwrap(), "version = \"*\"");
        assert_eq!(key(Origin::Path("/./usr".into())).unwrap(), "path = \"/usr\"");
        assert!(key(Origin::Path("/no/such/crate".into())).unwrap_err().message().contains("/no/such/crate"));
    }

    #[test]
    fn only_a_crate_of_this_contract_is_a_plugin() {
        let resolved = |contract: &str, needs: Value| {
            json!({
                "packages": [
                    {"id": "a", "name": "relink"},
                    {"id": "g", "name": "metrics-gpu"},
                    {"id": "c", "name": "relink-core", "source": null, "manifest_path": contract},
                ],
                "resolve": {"nodes": [{"id": "a", "dependencies": ["g"]}, {"id": "g", "dependencies": needs}]},
            })
        };
        let checked = |metadata: &Value, package| {
            check(metadata, Path::new("/ws"), package).map_err(|failure| failure.message().to_owned())
        };
        let good = resolved("/ws/core/Cargo.toml", json!(["c"]));
        assert_eq!(checked(&good, "metrics-gpu"), Ok(()));
        assert!(checked(&good, "metrics-net").unwrap_err().contains("does not find"));
        let other = resolved("/elsewhere/core/Cargo.toml", json!(["c"]));
        assert!(checked(&other, "metrics-gpu").unwrap_err().contains("/elsewhere/core"));
        let stranger = resolved("/ws/core/Cargo.toml", json!([]));
        assert!(checked(&stranger, "metrics-gpu").unwrap_err().contains("no plugin"));
    }
}
