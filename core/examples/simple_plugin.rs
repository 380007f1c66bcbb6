//! A plugin as a library, for `simple_example` and the tests: its options say how it behaves, and misbehaves.
//!
//! `cargo build -p relink-core --example simple_plugin`

use relink_core::{Collector, Error, Facts, Family, Options, Samples, register};
use serde::Deserialize;

const CALLS: Family = Family::counter("simple_calls_total", "Collections of this instance.");
const TEXTS: Family =
    Family::gauge("simple_text_bytes", "Length of a text of the options.").labels(&["text"]);
const OTHER: Family = Family::gauge("simple_other", "Not declared.");

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "lowercase")]
struct Settings {
    texts: Vec<String>,
    /// Bytes that the instance holds, so that one that is not freed is noticed.
    ballast: usize,
    fault: Option<Fault>,
    /// A text in the Prometheus format to hand on.
    exposition: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { texts: vec!["hello".into()], ballast: 0, fault: None, exposition: None }
    }
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    RefuseNew,
    PanicInNew,
    FailCollect,
    PanicInCollect,
    PanicInPayload,
    PanicInFacts,
    PanicInDrop,
    UndeclaredFamily,
    LabelTooMany,
    NegativeCounter,
    Flood,
}

struct Simple {
    settings: Settings,
    calls: u64,
    _ballast: Vec<u8>,
}

/// A panic's payload that panics itself when it is dropped.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("in the payload's drop");
    }
}

impl Simple {
    fn new(options: &Options) -> Result<Self, Error> {
        let settings: Settings = options.parse()?;
        match settings.fault {
            Some(Fault::RefuseNew) => Err(Error::new("no such device \"näh\"").hint("plug it in")),
            Some(Fault::PanicInNew) => panic!("in new"),
            _ => Ok(Simple { calls: 0, _ballast: vec![1; settings.ballast], settings }),
        }
    }
}

impl Collector for Simple {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.calls += 1;
        out.push(&CALLS, [], self.calls as f64);
        for text in &self.settings.texts {
            out.push(&TEXTS, [text], text.len() as f64);
        }
        if let Some(text) = &self.settings.exposition {
            if let Err(why) | Ok(Some(why)) = out.push_text("the option", text) {
                out.warn(why.to_string());
            }
        }
        match self.settings.fault {
            Some(Fault::FailCollect) => return Err(Error::new("reading device: gone").hint("bring it back")),
            Some(Fault::PanicInCollect) => panic!("in collect number {}", self.calls),
            Some(Fault::PanicInPayload) => std::panic::panic_any(Payload),
            Some(Fault::UndeclaredFamily) => out.push(&OTHER, [], 1.0),
            Some(Fault::LabelTooMany) => out.push(&CALLS, ["one"], 1.0),
            Some(Fault::NegativeCounter) => out.push(&CALLS, [], -1.0),
            Some(Fault::Flood) => (0..1_000_000).for_each(|_| out.push(&CALLS, [], 1.0)),
            _ => {}
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        out.push("calls", self.calls.to_string());
        assert!(self.settings.fault != Some(Fault::PanicInFacts), "in facts");
        Ok(())
    }
}

impl Drop for Simple {
    fn drop(&mut self) {
        assert!(self.settings.fault != Some(Fault::PanicInDrop), "in drop");
    }
}

register! {
    name: "simple",
    help: "What its options say",
    families: [CALLS, TEXTS],
    new: Simple::new,
}
