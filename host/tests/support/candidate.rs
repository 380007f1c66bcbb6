//! An agent for the tests of the reload: real candidates for a new image, that go wrong at a named point of their life.
//!
//! What goes wrong stands in the file named by `CANDIDATE_FAULT_FILE`, as `preflight segv` or `after hang`; a test
//! rewrites it between two reloads. No file, or other words: nothing goes wrong.

use std::process::ExitCode;
use std::sync::OnceLock;

/// Which part of its life this image is in.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Started by somebody, or come back after the next image failed.
    Serving,
    Preflight,
    /// Handed over to, and not ready yet.
    AfterExec,
}

static PHASE: OnceLock<Phase> = OnceLock::new();

fn main() -> ExitCode {
    // The agent takes these variables away, so they are looked at before it.
    let is_set = |name| std::env::var_os(name).is_some();
    let phase = match (is_set("RELINK_PREFLIGHT"), is_set("RELINK_HANDOVER"), is_set("RELINK_ROLLED_BACK")) {
        (true, _, _) => Phase::Preflight,
        (_, true, false) => Phase::AfterExec,
        _ => Phase::Serving,
    };
    PHASE.get_or_init(|| phase);
    relink_host::main()
}

/// What is to go wrong in this part of this image's life.
fn fault() -> Option<String> {
    let words = std::fs::read_to_string(std::env::var_os("CANDIDATE_FAULT_FILE")?).ok()?;
    let phase = match PHASE.get()? {
        Phase::Preflight => "preflight ",
        Phase::AfterExec => "after ",
        Phase::Serving => return None,
    };
    Some(words.trim().strip_prefix(phase)?.to_owned())
}

/// A counter that begins again in each image.
mod counter {
    use relink_core::{Collector, Error, Family, Paths, Samples, register_linked};

    const COLLECTIONS: Family =
        Family::counter("candidate_collections_total", "Collections of this image so far.");

    struct Counter(f64);

    impl Collector for Counter {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            self.0 += 1.0;
            out.push(&COLLECTIONS, [], self.0);
            Ok(())
        }
    }

    register_linked! { plugin: "counter", collector: "counter", help: "Counts its own collections", families: [COLLECTIONS], new: |_: &Paths| Ok(Counter(0.0)) }
}

/// A plugin to leave out and to bring back.
mod extra {
    use relink_core::{Collector, Error, Family, Paths, Samples, register_linked};

    const EXTRA: Family = Family::gauge("candidate_extra", "Always 1.");

    struct Extra;

    impl Collector for Extra {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            out.push(&EXTRA, [], 1.0);
            Ok(())
        }
    }

    register_linked! { plugin: "extra", collector: "extra", help: "Always there", families: [EXTRA], new: |_: &Paths| Ok(Extra) }
}

/// A plugin whose reading takes its time, 100 ms.
mod slow {
    use std::time::Duration;

    use relink_core::{Collector, Error, Family, Paths, Samples, register_linked};

    const SLOW: Family = Family::gauge("candidate_slow", "Always 1, after a while.");

    struct Slow;

    impl Collector for Slow {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            // sleep: being slow is what this plugin is for.
            std::thread::sleep(Duration::from_millis(100));
            out.push(&SLOW, [], 1.0);
            Ok(())
        }
    }

    register_linked! { plugin: "slow", collector: "slow", help: "Takes 100 ms", families: [SLOW], new: |_: &Paths| Ok(Slow) }
}

/// The plugin in which it goes wrong.
mod faulty {
    use std::time::Duration;

    use relink_core::{Collector, Error, Family, Paths, Samples, register_linked};
    use rustix::process::{Signal, getpid, kill_process};

    const FAULTY: Family = Family::gauge("candidate_faulty", "Always 1, where nothing goes wrong.");

    struct Faulty;

    impl Collector for Faulty {
        fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
            if super::fault().as_deref() == Some("collect fails") {
                return Err(Error::new("the sensor said no"));
            }
            out.push(&FAULTY, [], 1.0);
            Ok(())
        }
    }

    fn new(_: &Paths) -> Result<Faulty, Error> {
        match super::fault().as_deref() {
            Some("segv") => crash(),
            Some("segv in a thread") => _ = std::thread::spawn(crash).join(),
            Some("abort") => std::process::abort(),
            Some("exit") => std::process::exit(3),
            Some("panic") => panic!("as asked"),
            Some("panic in a panic") => {
                let _bomb = Bomb;
                panic!("as asked");
            }
            Some("hang") => loop {
                std::thread::park();
            },
            Some("overflow") => _ = overflow(0),
            Some("overflow in a thread") => _ = std::thread::spawn(|| overflow(0)).join(),
            Some("error") => return Err(Error::new("the sensor is not there")),
            _ => {}
        }
        Ok(Faulty)
    }

    /// As after a bad access, but without `unsafe`. Twice, because std's own handler takes the first for a touch of
    /// the end of the stack, and expects the access to be tried again. With a pause, because this signal may reach any
    /// thread, and a second one must not reach the thread that is on its way back to the old image.
    fn crash() {
        for _ in 0..2 {
            kill_process(getpid(), Signal::SEGV).expect("a process may signal itself");
            std::thread::park_timeout(Duration::from_millis(300));
        }
    }

    /// A panic while another one unwinds ends in `abort`.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as asked, once more");
        }
    }

    #[expect(unconditional_recursion, reason = "it is meant to exhaust the stack")]
    fn overflow(depth: u64) -> u64 {
        let frame = std::hint::black_box([depth; 64]);
        overflow(depth + 1) + frame[0]
    }

    register_linked! { plugin: "faulty", collector: "faulty", help: "Goes wrong when told to", families: [FAULTY], new: new }
}
