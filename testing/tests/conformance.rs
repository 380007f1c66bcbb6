//! The conformance suite on plugins that break one rule each: a suite that lets one of them pass is none.

use std::cell::Cell;

use relink_core::{Collector, Context, Error, Family, Paths, Samples, Source};
use relink_testing::{Case, Cost, CountingAllocator, Tree, conforms};

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

const VALUE: Family = Family::gauge("test_value", "What the file says.").labels(&["which"]);
const SECOND: Family = Family::gauge("test_second", "What the same file says.").labels(&["which"]);
const OTHER: Family = Family::gauge("test_other", "Declared by no plugin here.");
const MILLISECONDS: Family = Family::gauge("test_milliseconds", "In no base unit.");

thread_local! {
    static MADE: Cell<u32> = const { Cell::new(0) };
}

/// Shows the number in `/proc/value`, and breaks the rule that its name tells.
struct Plugin {
    breaks: &'static str,
    family: Family,
    source: Source,
    failed: bool,
    /// How many were made in this thread before it.
    number: u32,
}

impl Plugin {
    fn new(breaks: &'static str, family: Family, paths: &Paths) -> Result<Self, Error> {
        let number = MADE.replace(MADE.get() + 1);
        Ok(Plugin { breaks, family, source: Source::new(paths.procfs("value")), failed: false, number })
    }

    fn parse(&mut self) -> Result<Option<f64>, Error> {
        let breaks = self.breaks;
        let Some(text) = self.source.text()? else {
            return if breaks == "exacting" { Err(Error::new("value is not there")) } else { Ok(None) };
        };
        let value = if breaks == "panics" { Ok(text.trim().parse().unwrap()) } else { text.trim().parse() };
        drop(text);
        if breaks == "anonymous" {
            Ok(Some(value?))
        } else {
            value.map(Some).context(self.source.path().display())
        }
    }
}

impl Collector for Plugin {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        if self.breaks == "resentful" && self.failed {
            return Err(Error::new("value failed once, so it is not looked at again"));
        }
        let value = self.parse();
        self.failed |= value.is_err();
        let Some(value) = value? else { return Ok(()) };
        let label = if self.breaks == "unlike" { self.number.to_string() } else { String::new() };
        out.push(&self.family, [&label], value);
        match self.breaks {
            "undeclared" => out.push(&OTHER, [], 1.0),
            "twice" => out.push(&VALUE, [&label], value),
            "leaks" => std::mem::forget(Box::new(0u8)),
            "allocates" => drop(std::hint::black_box(Box::new(0u8))),
            "reads" => drop(self.source.text()?),
            _ => {}
        }
        Ok(())
    }
}

macro_rules! plugins {
    ($($name:ident: $families:expr;)*) => {
        $(mod $name {
            use super::*;
            relink_core::register_linked! {
                plugin: stringify!($name),
                collector: stringify!($name),
                help: "Breaks a rule",
                families: $families,
                new: |paths: &Paths| Plugin::new(stringify!($name), VALUE, paths),
            }
        })*
    };
}

/// Two collectors of which one file takes both along.
mod entangled {
    use super::*;
    relink_core::register_linked! {
        plugin: "entangled",
        help: "Breaks a rule",
        collectors: [
            { name: "entangled", help: "One", families: &[VALUE], new: |p: &Paths| Plugin::new("entangled", VALUE, p) },
            { name: "second", help: "Two", families: &[SECOND], new: |p: &Paths| Plugin::new("second", SECOND, p) },
        ],
    }
}

plugins! {
    good: &[VALUE];
    exacting: &[VALUE];
    panics: &[VALUE];
    anonymous: &[VALUE];
    resentful: &[VALUE];
    unlike: &[VALUE];
    undeclared: &[VALUE];
    twice: &[VALUE];
    leaks: &[VALUE];
    allocates: &[VALUE];
    reads: &[VALUE];
    named: &[VALUE, MILLISECONDS];
    unlisted: &[VALUE];
    unsaid: &[VALUE];
}

/// What the suite says of a plugin; nothing if it conforms.
fn verdict(name: &'static str, allocations: u64) -> Option<String> {
    let tree = Tree::new().file("proc/value", "42\n");
    let cost = Cost { reads: 2, allocations };
    let readme = match name {
        "named" => "| family |\n|---|\n| `test_value` |\n| `test_milliseconds` |\n",
        "entangled" => "| family |\n|---|\n| `test_value` |\n| `test_second` |\n",
        "unlisted" => "| option |\n|---|\n| `gone` |\n\n| `test_value` |\n",
        _ => "| family | type |\n|---|---|\n| `test_value` | gauge |\n",
    };
    let case = |collector| Case { collector, options: "{}", shares: None, nothing: false, cost };
    let cases = [case(name), case("second")];
    let given = if name == "unsaid" { &[] } else { &cases[..] };
    let outcome = std::panic::catch_unwind(|| conforms(name, &tree, given, readme));
    outcome.err().map(|words| *words.downcast::<String>().expect("the suite says why"))
}

#[test]
fn a_plugin_that_keeps_the_rules_conforms() {
    assert_eq!(verdict("good", 0), None);
}

#[test]
fn each_broken_rule_is_found() {
    for (name, expected) in [
        ("panics", "proc/value emptied, a running one of panics: panicked at testing/tests/conformance.rs:"),
        ("anonymous", "proc/value with garbage, a new one of anonymous: the error does not name the file"),
        ("exacting", "proc/value missing, a new one of exacting: what is missing is no error"),
        (
            "entangled",
            "proc/value emptied: it takes along more than one collector: [\"entangled\", \"second\"]",
        ),
        ("unsaid", "no case is given for its collector unsaid"),
        ("resentful", "proc/value emptied and restored: resentful still fails"),
        ("undeclared", "test_other, which the collector did not declare"),
        ("twice", "the series test_value{which=\"\"} twice"),
        ("allocates", "1 allocations a collection, expected at most 0"),
        ("reads", "4 reads a collection, expected at most 2"),
        ("unlisted", "README lists the families [], expected [\"test_value\"]"),
        ("unlisted", "README lists the options {\"gone\"}, expected {}"),
        ("named", "test_milliseconds: is in milliseconds, expected the base unit seconds"),
    ] {
        let words = verdict(name, 0).unwrap_or_else(|| panic!("{name} passes"));
        assert!(words.contains(expected), "{name}: {words}");
    }
    // A leak is found even where the allocations themselves are allowed.
    let words = verdict("leaks", 1).expect("a leak passes");
    assert!(words.contains("memory grew by 9900 bytes over 10000 collections"), "{words}");
    // Each instance of this one shows another series, so that behind the C interface is another one as well.
    let words = verdict("unlike", 1).expect("another series over the C interface passes");
    assert!(words.contains("other series over the C interface"), "{words}");
}
