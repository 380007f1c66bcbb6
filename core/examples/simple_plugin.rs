//! A plugin as a library, for `simple_example` and the tests: its options say how it behaves, and misbehaves.
//!
//! `cargo build -p relink-core --example simple_plugin`

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, options, register};

const CALLS: Family = Family::counter("simple_calls_total", "Collections of this instance.");
const TEXTS: Family =
    Family::gauge("simple_text_bytes", "Length of a text of the options.").labels(&["text"]);
const SECOND: Family = Family::gauge("simple_second", "Always 2.");
const OTHER: Family = Family::gauge("simple_other", "Not declared.");

options! {
    struct Settings {
        /// The texts to show.
        texts: Vec<String> = vec!["hello".to_owned()],
        /// Bytes that the instance holds, so that one that is not freed is noticed.
        ballast: u64 = 0,
        /// What goes wrong.
        fault: String = String::new(),
        /// A text in the Prometheus format to hand on.
        exposition: String = String::new(),
    }
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
    fn new(_: &Paths, settings: Settings) -> Result<Self, Error> {
        match settings.fault.as_str() {
            "refuse-new" => Err(Error::new("no such device \"näh\"").hint("plug it in")),
            "panic-in-new" => panic!("in new"),
            _ => Ok(Simple { calls: 0, _ballast: vec![1; settings.ballast as usize], settings }),
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
        if !self.settings.exposition.is_empty()
            && let Err(why) | Ok(Some(why)) = out.push_text("the option", &self.settings.exposition)
        {
            out.warn(why.to_string());
        }
        match self.settings.fault.as_str() {
            "fail-collect" => return Err(Error::new("reading device: gone").hint("bring it back")),
            "panic-in-collect" => panic!("in collect number {}", self.calls),
            "panic-in-payload" => std::panic::panic_any(Payload),
            "undeclared-family" => out.push(&OTHER, [], 1.0),
            "label-too-many" => out.push(&CALLS, ["one"], 1.0),
            "negative-counter" => out.push(&CALLS, [], -1.0),
            _ => {}
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        out.push("calls", self.calls.to_string());
        assert!(self.settings.fault != "panic-in-facts", "in facts");
        Ok(())
    }
}

impl Drop for Simple {
    fn drop(&mut self) {
        assert!(self.settings.fault != "panic-in-drop", "in drop");
    }
}

/// A second collector, which has no options.
struct Second;

impl Second {
    fn new(_: &Paths) -> Result<Self, Error> {
        Ok(Second)
    }
}

impl Collector for Second {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        out.push(&SECOND, [], 2.0);
        Ok(())
    }
}

register! {
    plugin: "simple",
    help: "What its options say",
    collectors: [
        { name: "simple", help: "What its options say", families: [CALLS, TEXTS], options: Settings, new: Simple::new },
        { name: "second", help: "Always 2", families: [SECOND], new: Second::new, default: off },
    ],
}
