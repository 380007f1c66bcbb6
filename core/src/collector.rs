//! The one trait that a plugin implements.

use crate::{Error, Samples};

/// Reads one part of the machine.
///
/// The life of a collector:
///
/// 1. **declared**: [`register!`](crate::register) says name, help and families; no code of the plugin runs.
/// 2. **made**: `new` gets the paths and its options and returns the collector, or says why it can't.
/// 3. **probed**: at start, and for a new version before it replaces the old one, one collection is tried.
/// 4. **collected**: once a scrape that asks for it, one call at a time, from whatever thread. One that has shown nothing
///    ten times in a row is asked once in ten seconds.
/// 5. **retired**: dropped when its plugin is replaced or the agent ends, after the call in flight.
///
/// The host times each call, limits it and catches its panics, each collector for itself. A collector therefore starts no
/// threads without a reason that its README gives, and needs no clock but to look again later, no runtime and no locks: it
/// reads, and pushes what it has read.
pub trait Collector: Send {
    /// Reads the machine and pushes a sample a series.
    ///
    /// What is missing on this machine (no such file, no such feature) is no error: push nothing for it. What is odd (a line,
    /// a value) is passed over, and told with [`Samples::warn`]; [`Source::lines`](crate::Source::lines) does both. An error
    /// is for a source of which nothing can be understood, or that may not be read: it, a panic, or a mistake in a sample
    /// makes this collection of this collector count as failed, and none of it is shown; the next one starts afresh.
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error>;

    /// Facts for people, for the console and `GET /plugins/<name>`: never called for a scrape.
    ///
    /// May take some milliseconds. It is called a second time at least 200 ms after the first before anything of
    /// it is shown, so that usage can be told from two readings.
    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }
}

/// Facts for people: rows of a name and a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    rows: Vec<(String, String)>,
}

impl Facts {
    /// Adds a row, as in `("model", "AMD EPYC 7B13, 2 cores")`.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.rows.push((name.into(), value.into()));
    }

    /// The rows.
    pub fn rows(&self) -> &[(String, String)] {
        &self.rows
    }
}
