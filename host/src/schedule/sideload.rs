//! Families that a plugin brings at run time stand beside those of all others: no name on a page has two owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use relink_core::{Claims, Error};

use super::own;
use super::slot::Slot;
use crate::store::snapshot::Reading;

/// The names of the families that the running plugins and the agent declare.
pub(super) fn claims(slots: &BTreeMap<&'static str, Slot>) -> Arc<Claims> {
    let plugins = slots.values().map(|slot| (format!("plugin {}", slot.plugin.name), slot.plugin.families));
    Arc::new(Claims::new(plugins.chain([(own::NAME.to_owned(), own::FAMILIES)])))
}

/// Turns the reading of a plugin into an error if it brought a name that another reading has.
///
/// A plugin's texts were judged beside the declared families when it pushed them. What is left are two plugins that both
/// bring families at run time, and a plugin that was put in during this very collection; where neither is the case, this
/// compares a few addresses.
pub(super) fn settle(readings: &mut [Reading]) {
    for at in 0..readings.len() {
        let Some(why) = conflict(at, readings) else { continue };
        readings[at].result = Err(why);
    }
}

fn conflict(at: usize, readings: &[Reading]) -> Option<Error> {
    let texts = readings[at].result.as_ref().ok()?.layout.series.expositions();
    if texts.is_empty() {
        return None;
    }
    for (place, other) in readings.iter().enumerate().filter(|(place, _)| *place != at) {
        let Ok(frame) = &other.result else { continue };
        let declared = texts.conflict_with(frame.layout.series.families());
        // Of two that bring a family, the first in order keeps it.
        let brought = || texts.common_name(frame.layout.series.expositions()).filter(|_| place < at);
        if let Some(name) = declared.or_else(brought) {
            return Some(Error::new(format!(
                "brought {name} at run time, which {} has as well",
                other.plugin
            )));
        }
    }
    None
}
