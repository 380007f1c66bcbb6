//! Families as the formats show them.

use relink_core::{Family, Kind};
use relink_exposition::{RuntimeFamily, RuntimeKind};

/// What is said of a family, whether its collector declared it or brought it as a text.
#[derive(Clone, Copy)]
pub(super) struct FamilyView<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) kind: RuntimeKind,
    /// Nothing where it is not known.
    pub(super) unit: &'static str,
}

impl<'a> From<&'a Family> for FamilyView<'a> {
    fn from(family: &'a Family) -> Self {
        let kind = match family.kind() {
            Kind::Counter => RuntimeKind::Counter,
            Kind::Gauge => RuntimeKind::Gauge,
            Kind::Unknown => RuntimeKind::Untyped,
        };
        FamilyView { name: family.name(), help: family.help(), kind, unit: family.unit() }
    }
}

impl<'a> From<RuntimeFamily<'a>> for FamilyView<'a> {
    fn from(family: RuntimeFamily<'a>) -> Self {
        FamilyView { name: family.name(), help: family.help(), kind: family.kind(), unit: "" }
    }
}
