//! Which names are taken.

use std::collections::HashMap;

use super::RuntimeKind;
use relink_core::{Family, Kind};

/// The names of the declared families, of all plugins that run and of the agent, with their owners: what a text may
/// not bring once more. Made by the host whenever the plugins change.
#[derive(Debug, Default)]
pub struct Claims {
    /// Who has each name: a place in the list of owners.
    names: HashMap<&'static str, usize>,
    /// Patterns of names, each with the place of its owner.
    patterns: Vec<(Family, usize)>,
    owners: Vec<String>,
    /// Where the lists of families are that were claimed.
    lists: Vec<(usize, usize)>,
}

impl Claims {
    /// The claims of these owners, named as in `plugin cpu`.
    pub fn new(declared: impl IntoIterator<Item = (String, &'static [Family])>) -> Self {
        let mut claims = Claims::default();
        for (owner, families) in declared {
            claims.lists.push(place(families));
            let patterns = families.iter().filter(|family| family.is_pattern());
            claims.patterns.extend(patterns.map(|family| (*family, claims.owners.len())));
            for name in families.iter().flat_map(declared_names) {
                claims.names.entry(name).or_insert(claims.owners.len());
            }
            claims.owners.push(owner);
        }
        claims
    }

    /// Who has this name.
    pub fn owner_of(&self, name: &str) -> Option<&str> {
        let pattern =
            || self.patterns.iter().find(|(family, _)| family.stands_for(name)).map(|(_, place)| place);
        self.names.get(name).or_else(pattern).map(|&place| &*self.owners[place])
    }

    /// Whether these families are among the claims.
    pub fn cover(&self, families: &'static [Family]) -> bool {
        families.is_empty() || self.lists.contains(&place(families))
    }
}

fn place(families: &'static [Family]) -> (usize, usize) {
    (families.as_ptr().addr(), families.len())
}

/// The names that a declared family has on a page: in OpenMetrics a counter's family lacks the `_total` of its samples.
pub(super) fn declared_names(family: &Family) -> impl Iterator<Item = &'static str> + use<> {
    let without = match family.kind() {
        Kind::Counter => family.name().strip_suffix("_total"),
        Kind::Gauge | Kind::Unknown => None,
    };
    [Some(family.name()), without].into_iter().flatten()
}

/// The same for a family of a text: its own name, and those of its samples.
pub(super) fn runtime_names(name: &str, kind: RuntimeKind) -> impl Iterator<Item = String> + '_ {
    let without = match kind {
        RuntimeKind::Counter => name.strip_suffix("_total").map(str::to_owned),
        _ => None,
    };
    let suffixes = kind.suffixes().iter().filter(|suffix| !suffix.is_empty());
    std::iter::once(name.to_owned())
        .chain(suffixes.map(move |suffix| format!("{name}{suffix}")))
        .chain(without)
}
