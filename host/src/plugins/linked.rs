//! The plugins that were linked in, and the check that none vanished on the way.

use relink_core::Error;
use relink_core::registry::{self, Descriptor};

use super::set::{Factory, Idle, Plugin, PluginSet};
use super::status::{Placement, State};
use crate::settings::Config;

/// Which plugins an executable was built with, as its build script tells.
///
/// A crate that nothing refers to is left out by the linker without a word. An executable that knows what it was
/// built with can tell, and refuses to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Built {
    /// The plugins whose features were on, separated by commas; behind each `@` and the hash of its sources.
    pub(crate) with: &'static str,
    /// The plugins whose features were off.
    pub(crate) without: &'static str,
}

pub(crate) fn names(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(',').filter_map(|item| item.split('@').next()).filter(|name| !name.is_empty())
}

impl Built {
    /// The hash of a plugin's sources.
    pub(crate) fn source_of(&self, plugin: &str) -> Option<&'static str> {
        self.with.split(',').find_map(|item| item.strip_prefix(plugin)?.strip_prefix('@'))
    }
}

/// The linked plugins that the configuration enables.
pub(crate) fn plugins(built: Option<Built>, config: &Config, generation: u64) -> Result<PluginSet, Error> {
    let registered = registry::plugins();
    check_registered(&registered, built)?;
    check_unique(&registered)?;
    let mut set = PluginSet::default();
    for descriptor in registered.iter().copied() {
        let new = |at: usize| -> Box<Factory> { Box::new(descriptor.collectors[at].new) };
        set.add(Plugin::new(descriptor, Placement::Linked, None, generation, config, new)?);
    }
    for name in built.into_iter().flat_map(|built| names(built.without)) {
        if !registered.iter().any(|descriptor| descriptor.name == name) {
            let all: Vec<_> = registered.iter().map(|d| d.name).chain([name]).collect();
            let error = Error::new("not linked in: this executable was built without it");
            // With a builder, a reload that names it builds it, as it switches on any other.
            let error = match &config.reload.builder {
                Some(_) => error,
                None => error.hint(format!("cargo xtask run --plugins {}", all.join(","))),
            };
            // Nothing could bring it: neither a build nor a library.
            let is_chosen = config.plugins.enabled.iter().flatten().any(|chosen| chosen == name);
            if is_chosen && config.reload.builder.is_none() && config.plugins.dir.is_empty() {
                return Err(error.context(format_args!("{} names {name:?}", config.who_chose())));
            }
            set.idle.push(not_linked(name, error));
        }
    }
    Ok(set)
}

fn not_linked(name: &str, error: Error) -> Idle {
    Idle {
        name: name.to_owned(),
        version: String::new(),
        help: String::new(),
        placement: Placement::Linked,
        path: None,
        state: State::Off,
        error,
        off: Vec::new(),
    }
}

/// No plugin vanishes silently.
fn check_registered(registered: &[&Descriptor], built: Option<Built>) -> Result<(), Error> {
    let Some(built) = built else { return Ok(()) };
    let missing: Vec<_> = names(built.with)
        .filter(|name| !registered.iter().any(|descriptor| descriptor.name == *name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing
        .iter()
        .map(|name| {
            format!("    #[cfg(feature = {name:?})]\n    use metrics_{} as _;", name.replace('-', "_"))
        })
        .collect();
    Err(Error::new(format!(
        "this executable was built with the feature of plugin {}, but no such plugin registered itself: \
         nothing refers to its crate, so the linker left it out",
        missing.join(", ")
    ))
    .hint(format!("add to app/src/plugins.rs:\n{}", lines.join("\n"))))
}

fn check_unique(registered: &[&Descriptor]) -> Result<(), Error> {
    for pair in registered.windows(2) {
        if pair[0].name == pair[1].name {
            return Err(Error::new(format!(
                "two crates register a plugin named {}: {} {} and {} {}",
                pair[0].name, pair[0].package, pair[0].version, pair[1].package, pair[1].version
            ))
            .hint("rename one in its register!, or link only one of them"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Descriptor =
        Descriptor { name: "cpu", version: "1.0.0", help: "CPU", package: "metrics-cpu", collectors: &[] };

    #[test]
    fn a_plugin_that_did_not_register_is_named_with_the_line_to_add() {
        let built = Some(Built { with: "cpu@1f,disk@2e", without: "" });
        let error = check_registered(&[&CPU], built).unwrap_err().to_string();
        assert!(error.contains("plugin disk,"), "{error}");
        assert!(error.contains("use metrics_disk as _;"), "{error}");
        assert!(!error.contains("metrics_cpu"), "{error}");
        assert!(check_registered(&[&CPU], Some(Built { with: "cpu", without: "disk" })).is_ok());
    }

    #[test]
    fn two_plugins_of_one_name_are_refused_by_both_packages() {
        let other = Descriptor { package: "my-cpu", ..CPU };
        let error = check_unique(&[&CPU, &other]).unwrap_err().to_string();
        assert!(error.contains("metrics-cpu 1.0.0 and my-cpu 1.0.0"), "{error}");
    }

    #[test]
    fn a_plugin_that_was_chosen_and_can_not_come_is_refused() {
        let built = Some(Built { with: "", without: "disk,gpu" });
        let mut config = Config::default();
        let off = |config: &Config| {
            plugins(built, config, 1).map(|set| set.idle.len()).map_err(|why| why.to_string())
        };
        assert_eq!(off(&config), Ok(2), "nobody asks for them");
        config.plugins.enabled = Some(vec!["gpu".to_owned()]);
        let refusal = off(&config).unwrap_err();
        assert!(refusal.contains("names \"gpu\": not linked in"), "{refusal}");
        assert!(refusal.contains("cargo xtask run --plugins "), "{refusal}");
        config.reload.builder = Some(vec!["make".to_owned()]);
        assert_eq!(off(&config), Ok(2), "a reload may build it");
        config.reload.builder = None;
        config.plugins.dir = vec!["libraries".into()];
        assert_eq!(off(&config), Ok(2), "it may be a library");
    }
}
