//! Which member of the workspace may depend on which: `metrics-* → relink-core ← relink-host ← relink → metrics-*`,
//! and `relink-verify → relink-core`. Host, verify and the tests of plugins read texts with `relink-exposition`; host and tests call
//! what came over the C interface with `relink-import`. The tests of a plugin use `relink-testing` besides.

use crate::build::AGENT;
use crate::workspace::{PLUGIN_PREFIX, Package, Workspace};

const CORE: &str = "relink-core";
const HOST: &str = "relink-host";
const FUZZ: &str = "relink-fuzz";
const EXPOSITION: &str = "relink-exposition";
const HANDOVER: &str = "relink-handover";
const IMPORT: &str = "relink-import";
const NETLINK: &str = "relink-netlink";
const ORDER: &str = "relink-order";
const PATTERN: &str = "relink-pattern";
const SYSFS: &str = "relink-sysfs";
const TESTING: &str = "relink-testing";
const TESTKIT: &str = "relink-testkit";
const VERIFY: &str = "relink-verify";

pub(super) fn problems(workspace: &Workspace) -> Vec<String> {
    workspace.packages.iter().flat_map(|package| of_package(workspace, package)).collect()
}

fn of_package(workspace: &Workspace, package: &Package) -> Vec<String> {
    let manifest = workspace.shown(&package.folder.join("Cargo.toml"));
    let local = package.dependencies.iter().filter(|dependency| dependency.local);
    local
        .filter(|dependency| !may_depend(&package.name, &dependency.name, &dependency.kind))
        .map(|dependency| {
            format!(
                "{manifest}: {} may not depend on {}; {}",
                package.name,
                dependency.name,
                rule(&package.name)
            )
        })
        .collect()
}

fn may_depend(from: &str, to: &str, kind: &str) -> bool {
    let dev = kind == "dev";
    // What feeds tests knows nothing of what is tested.
    if to == FUZZ {
        return dev || from == TESTING;
    }
    match from {
        CORE => dev && to == IMPORT,
        HOST => [CORE, EXPOSITION, HANDOVER, IMPORT, ORDER].contains(&to) || (dev && to == TESTKIT),
        AGENT => to == HOST || to.starts_with(PLUGIN_PREFIX) || (dev && to == TESTKIT),
        VERIFY => to == CORE || to == EXPOSITION,
        TESTING => [CORE, EXPOSITION, IMPORT].contains(&to),
        SYSFS | EXPOSITION => to == CORE || to == ORDER,
        NETLINK | PATTERN | IMPORT => to == CORE,
        plugin if plugin.starts_with(PLUGIN_PREFIX) => {
            [CORE, NETLINK, ORDER, PATTERN, SYSFS].contains(&to) || (dev && to == TESTING)
        }
        _ => false,
    }
}

fn rule(from: &str) -> &'static str {
    match from {
        CORE => "the contract stands alone; its tests of the C interface call it by relink-import",
        FUZZ => "it spoils bytes, whatever they mean",
        EXPOSITION => "it reads and judges texts beside declared families, and knows nothing of an agent",
        HANDOVER => "how a process becomes another image concerns no plugin, no HTTP and no setting",
        HOST => "the engine knows the contract, and no plugin by name",
        AGENT => "the executable links the engine and the plugins, nothing else",
        VERIFY => "it reads pages as the host does, and needs nothing of an agent",
        IMPORT => "it calls what the contract exports, and knows nothing of an agent",
        NETLINK => "asking the kernel needs the contract's errors, and nothing else",
        ORDER => "it sorts, whatever is sorted",
        PATTERN => "an option that is a regular expression needs the contract's errors, and nothing else",
        SYSFS => "small files need the contract's samples, and nothing else",
        TESTING => "it holds plugins against the contract, and needs nothing of an agent",
        plugin if plugin.starts_with(PLUGIN_PREFIX) => {
            "a plugin knows the contract only, netlink, order, patterns of options and small files"
        }
        "xtask" => "these commands must build when the rest does not",
        _ => "a new member needs a line in xtask/src/tidy/imports.rs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::example;

    #[test]
    fn the_arrows_point_one_way() {
        for (from, to, kind, allowed) in [
            ("metrics-cpu", "relink-core", "normal", true),
            ("metrics-cpu", "relink-testing", "dev", true),
            ("metrics-cpu", "relink-testing", "normal", false),
            ("relink-testing", "relink-core", "normal", true),
            ("relink-testing", "relink-host", "normal", false),
            ("metrics-cpu", "relink-pattern", "normal", true),
            ("relink-pattern", "relink-core", "normal", true),
            ("metrics-net", "relink-netlink", "normal", true),
            ("relink-netlink", "relink-core", "normal", true),
            ("relink-netlink", "relink-sysfs", "normal", false),
            ("metrics-cpu", "relink-order", "normal", true),
            ("relink-host", "relink-order", "normal", true),
            ("relink-order", "relink-core", "normal", false),
            ("relink-core", "relink-order", "normal", false),
            ("metrics-cpu", "relink-sysfs", "normal", true),
            ("relink-sysfs", "relink-core", "normal", true),
            ("relink-sysfs", "relink-pattern", "normal", false),
            ("relink-host", "relink-pattern", "normal", false),
            ("metrics-cpu", "relink-host", "dev", false),
            ("metrics-cpu", "metrics-disk", "normal", false),
            ("relink-core", "relink-host", "normal", false),
            ("relink-host", "relink-core", "normal", true),
            ("relink-host", "relink-handover", "normal", true),
            ("relink-host", "relink-exposition", "normal", true),
            ("relink-exposition", "relink-core", "normal", true),
            ("relink-host", "relink-import", "normal", true),
            ("relink-testing", "relink-import", "normal", true),
            ("relink-import", "relink-core", "normal", true),
            ("relink-import", "relink-host", "normal", false),
            ("relink-core", "relink-import", "dev", true),
            ("relink-core", "relink-import", "normal", false),
            ("metrics-cpu", "relink-import", "dev", false),
            ("relink-exposition", "relink-host", "normal", false),
            ("relink-testing", "relink-exposition", "normal", true),
            ("metrics-cpu", "relink-exposition", "dev", false),
            ("relink-handover", "relink-core", "normal", false),
            ("relink-handover", "relink-testkit", "dev", false),
            ("relink-host", "relink-testkit", "dev", true),
            ("relink-host", "relink-testkit", "normal", false),
            ("relink-host", "metrics-cpu", "dev", false),
            ("relink", "metrics-gpu", "normal", true),
            ("relink", "relink-core", "normal", false),
            ("relink-verify", "relink-core", "normal", true),
            ("relink-verify", "relink-exposition", "normal", true),
            ("relink-verify", "relink-host", "normal", false),
            ("relink", "relink-verify", "normal", false),
            ("xtask", "relink-core", "normal", false),
        ] {
            assert_eq!(may_depend(from, to, kind), allowed, "{from} → {to} ({kind})");
        }
    }

    #[test]
    fn a_wrong_arrow_names_the_manifest() {
        let mut workspace = example();
        assert_eq!(problems(&workspace), [""; 0]);
        workspace.packages[0].dependencies[0].name = "relink-host".into();
        assert_eq!(
            problems(&workspace),
            [
                "metrics-disk/Cargo.toml: metrics-disk may not depend on relink-host; a plugin knows the contract only, netlink, order, patterns of options and small files"
            ]
        );
    }
}
