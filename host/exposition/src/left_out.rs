//! Families that are left out of a text, while the rest of it is taken.

use std::collections::BTreeMap;

use relink_core::Error;

use super::Exposition;
use super::groups::{push_header, push_line};

/// So many reasons are told of one text.
const TOLD: usize = 3;

impl Exposition {
    /// Why families of the text are left out of it, in one.
    pub(super) fn left_out(&self) -> Option<Error> {
        let mut told: Vec<_> = self.left_out.iter().take(TOLD).map(|why| why.message().to_owned()).collect();
        match self.left_out.len() {
            0 => return None,
            count if count > TOLD => told.push(format!("and {} more", count - TOLD)),
            _ => {}
        }
        Some(Error::new(told.join("; ")))
    }

    /// The same without the families at these places, and why it lacks them.
    pub(super) fn without(&self, bad: BTreeMap<usize, Error>) -> Exposition {
        let (mut text, mut families) = (Vec::with_capacity(self.text.len()), Vec::new());
        for (_, family) in self.families.iter().enumerate().filter(|(at, _)| !bad.contains_key(at)) {
            let mut family = family.clone();
            push_header(&family.name, family.help.as_deref(), family.kind, &mut text);
            for line in &mut family.lines {
                let series = self.series_text(line).as_bytes();
                *line = push_line(line.value, &mut text, |text| text.extend_from_slice(series));
            }
            families.push(family);
        }
        let left_out = self.left_out.iter().cloned().chain(bad.into_values()).collect();
        Exposition::of(&self.source, &text, families, left_out)
    }
}
