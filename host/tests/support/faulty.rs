//! An agent for the tests with one plugin that misbehaves when told to, between two that are always well.
//!
//! What the plugin `moody` does at its next call stands as a word in the file `mood` of the folder named by
//! `FAULTY_FOLDER`; a test rewrites it between two scrapes. Each call adds a byte to the file `calls` there.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    relink_host::main()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("FAULTY_FOLDER").unwrap_or_default()).join(name)
}

fn mood() -> String {
    std::fs::read_to_string(file("mood")).unwrap_or_default()
}

/// Is asked before `moody`.
mod good {
    use relink_core::{Collector, Error, Family, Paths, Samples, register_linked};

    pub(crate) const COLLECTIONS: Family =
        Family::counter("good_collections_total", "Collections of this plugin so far.");

    struct Good(f64);

    impl Collector for Good {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            self.0 += 1.0;
            out.push(&COLLECTIONS, [], self.0);
            Ok(())
        }
    }

    register_linked! { plugin: "good", collector: "good", help: "Is well", families: [COLLECTIONS], new: |_: &Paths| Ok(Good(0.0)) }
}

/// Is asked after `moody`.
mod nice {
    use relink_core::{Collector, Error, Family, Paths, Samples, register_linked};

    const COLLECTIONS: Family =
        Family::counter("nice_collections_total", "Collections of this plugin so far.");

    struct Nice(f64);

    impl Collector for Nice {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            self.0 += 1.0;
            out.push(&COLLECTIONS, [], self.0);
            Ok(())
        }
    }

    register_linked! { plugin: "nice", collector: "nice", help: "Is well", families: [COLLECTIONS], new: |_: &Paths| Ok(Nice(0.0)) }
}

/// Wants a family that another plugin has.
mod usurper {
    use relink_core::{Collector, Error, Paths, Samples, register_linked};

    use super::good::COLLECTIONS;

    struct Usurper;

    impl Collector for Usurper {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            out.push(&COLLECTIONS, [], -1.0);
            Ok(())
        }
    }

    register_linked! { plugin: "usurper", collector: "usurper", help: "Wants the family of another", families: [COLLECTIONS], new: |_: &Paths| Ok(Usurper) }
}

mod moody {
    use std::time::Duration;

    use relink_core::{Collector, Error, Facts, Family, Paths, Samples, register_linked};

    use super::*;

    const VALUE: Family = Family::gauge("moody_value", "Whatever comes to its mind.").labels(&["text"]);
    const COUNT: Family = Family::counter("moody_count_total", "Counts nothing.");
    const SIBLING: Family =
        Family::counter("sibling_collections_total", "Collections of this collector so far.");
    const FOREIGN: Family = Family::gauge("moody_foreign", "Not declared by this plugin.");

    struct Moody;

    fn new(_: &Paths) -> Result<Moody, Error> {
        match mood().as_str() {
            "new panics" => panic!("new panics as asked"),
            "new fails" => Err(Error::new("no such sensor").hint("plug it in")),
            _ => Ok(Moody),
        }
    }

    impl Drop for Moody {
        fn drop(&mut self) {
            assert!(mood() != "panics and drop panics", "drop panics as asked");
        }
    }

    impl Collector for Moody {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            let calls = std::fs::File::options().append(true).create(true).open(file("calls"));
            calls.and_then(|mut calls| calls.write_all(b"."))?;
            let text = "x".repeat(200);
            match mood().as_str() {
                "fails" => return Err(Error::new("the sensor says \"no\"\nand no again")),
                "panics" | "panics and drop panics" => panic!("collect panics as asked"),
                "panics oddly" => std::panic::panic_any(Moody),
                // Until somebody opens the other end.
                "hangs" => drop(std::fs::File::open(file("gate"))?),
                // sleep: being slow is what is asked for.
                "is slow" => std::thread::sleep(Duration::from_millis(200)),
                "floods" => (0..2_000_000).for_each(|n| out.push(&VALUE, [&n.to_string()], 1.0)),
                "floods with text" => {
                    let text = "y".repeat(100_000);
                    (0..10_000).for_each(|n| out.push(&VALUE, [&format!("{text}{n}")], 1.0));
                }
                "is big" => {
                    // Others each time: of what stands still, listeners are told nothing.
                    let calls = std::fs::metadata(file("calls"))?.len() as f64;
                    (0..15_000).for_each(|n| out.push(&VALUE, [&format!("{text}{n}")], calls));
                }
                "is no number" => {
                    out.push(&VALUE, ["nan"], f64::NAN);
                    out.push(&VALUE, ["inf"], f64::INFINITY);
                    out.push(&VALUE, ["-inf"], f64::NEG_INFINITY);
                    out.push(&VALUE, ["-0"], -0.0);
                    out.push(&VALUE, ["tiny"], f64::MIN_POSITIVE);
                    out.push(&VALUE, ["huge"], f64::MAX);
                    out.push(&COUNT, [], f64::INFINITY);
                }
                "counts no number" => out.push(&COUNT, [], f64::NAN),
                "counts backwards" => out.push(&COUNT, [], -1.0),
                "says odd texts" => {
                    for text in [
                        "\"",
                        "\\",
                        "\n",
                        "\r\n\t",
                        "\u{0}",
                        "é\u{2028}\u{fffd}",
                        "",
                        "a\"} 1\nb{c=\"",
                        "# EOF",
                    ] {
                        out.push(&VALUE, [text], 1.0);
                    }
                }
                "says what is not declared" => out.push(&FOREIGN, [], 1.0),
                "forgets a label" => out.push(&VALUE, [], 1.0),
                "has a label too many" => out.push(&VALUE, ["a", "b"], 1.0),
                "says it twice" => [1.0, 2.0].iter().for_each(|value| out.push(&VALUE, ["same"], *value)),
                _ => out.push(&VALUE, ["well"], 1.0),
            }
            Ok(())
        }

        fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
            assert!(mood() != "facts panic", "facts panic as asked");
            out.push("mood", mood());
            Ok(())
        }
    }

    /// Another collector of the same plugin, which is always well.
    struct Sibling(f64);

    impl Collector for Sibling {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            self.0 += 1.0;
            out.push(&SIBLING, [], self.0);
            Ok(())
        }
    }

    register_linked! {
        plugin: "moody",
        help: "Misbehaves when told to",
        collectors: [
            { name: "moody", help: "Misbehaves when told to", families: [VALUE, COUNT], new: new },
            { name: "sibling", help: "Is well", families: [SIBLING], new: |_: &Paths| Ok(Sibling(0.0)) },
        ],
    }
}
