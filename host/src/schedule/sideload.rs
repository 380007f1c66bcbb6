//! Families that a collector brings at run time stand beside those of all others: no name on a page has two owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use relink_core::Error;
use relink_exposition::Claims;

use super::slot::Slot;
use crate::own;
use crate::store::snapshot::Reading;

/// The names of the families that the running collectors and the agent declare.
pub(super) fn claims(slots: &BTreeMap<&'static str, Slot>) -> Arc<Claims> {
    let declared = slots.values().map(|slot| {
        let collector = &slot.collector;
        (format!("plugin {}", collector.plugin), collector.families)
    });
    Arc::new(Claims::new(declared.chain([(own::NAME.to_owned(), own::FAMILIES)])))
}

/// Turns the reading of a collector into an error if it brought a name that another reading has.
///
/// A collector's texts were judged beside the declared families when it pushed them. What is left are two that both bring
/// families at run time, and a plugin that was put in during this very collection; where neither is the case, this
/// compares a few addresses.
pub(super) fn settle(readings: &mut [Reading]) {
    for at in 0..readings.len() {
        let Some(why) = conflict(at, readings) else { continue };
        readings[at].result = Err(why);
    }
}

fn conflict(at: usize, readings: &[Reading]) -> Option<Error> {
    let texts = &readings[at].result.as_ref().ok()?.layout.texts;
    if texts.is_empty() {
        return None;
    }
    for (place, other) in readings.iter().enumerate().filter(|(place, _)| *place != at) {
        let Ok(frame) = &other.result else { continue };
        let declared = texts.conflict_with(frame.layout.series.declared());
        // Of two that bring a family, the first in order keeps it.
        let brought = || texts.common_name(&frame.layout.texts).filter(|_| place < at);
        if let Some(name) = declared.or_else(brought) {
            return Some(Error::new(format!(
                "brought {name} at run time, which {} has as well",
                other.collector
            )));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use relink_core::Family;
    use relink_exposition::Texts;

    use super::*;
    use crate::store::snapshot::{Frame, Layout, LeftOut};

    const LOAD: &[Family] = &[Family::gauge("node_load1", "L.")];
    const LATE: &[Family] = &[Family::counter("late_total", "L.")];

    /// The reading of a collector that declares these families, knew of these claims, and brought this text.
    fn reading(
        collector: &'static str,
        families: &'static [Family],
        known: &[&'static [Family]],
        text: &str,
    ) -> Reading {
        let mut samples = Texts::samples(families, 10);
        let claims = Claims::new(known.iter().map(|list| (String::new(), *list)));
        Texts::of(&mut samples).expect("its judge").set_claims(&Arc::new(claims));
        if !text.is_empty() {
            samples.push_text(collector, text).expect("a text beside which nothing is known");
        }
        let texts = Texts::of(&mut samples).expect("its judge").merged();
        let layout = Arc::new(Layout::new(samples.series_set().expect("each series once"), texts));
        let frame = Frame { layout, values: samples.values().into() };
        Reading { collector, duration: Duration::ZERO, result: Ok(frame), left_out: LeftOut::default() }
    }

    /// Why readings became errors, in order; nothing for those that did not.
    fn settled(mut readings: Vec<Reading>) -> Vec<String> {
        settle(&mut readings);
        readings
            .iter()
            .map(|r| r.result.as_ref().err().map(ToString::to_string).unwrap_or_default())
            .collect()
    }

    #[test]
    fn a_name_on_a_page_has_one_owner() {
        let apart = [reading("a", LOAD, &[LOAD], ""), reading("b", &[], &[LOAD], "b 1\n")];
        assert_eq!(settled(apart.into()), ["", ""]);
        // Two that bring it, of which the first keeps it.
        let both = [reading("a", &[], &[], "same 1\n"), reading("b", &[], &[], "same 2\n")];
        assert_eq!(settled(both.into()), ["", "brought same at run time, which a has as well"]);
        // One that was put in during the collection, after the text was judged.
        for text in ["late_total 1\n", "late 1\n"] {
            let late = [reading("a", &[], &[LOAD], text), reading("z", LATE, &[LOAD, LATE], "")];
            let errors = settled(late.into());
            assert!(errors[0].starts_with("brought late") && errors[1].is_empty(), "{errors:?}");
        }
    }
}
