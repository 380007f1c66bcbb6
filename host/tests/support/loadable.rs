//! A plugin to load, for tests: what it does stands in its own bytes, where a test writes other words in the same
//! room. So each variant is a library of its own, as a new build would be, without a compiler's time.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, register};

/// `mark`, which shows in a label, and what to `do`.
static WORDS: [u8; 64] = *b"loadable: mark=0000 do=well                                    ;";

const MARK: Family = Family::gauge("loadable_1_mark", "Which variant this is.").labels(&["mark"]);

const BESIDE: Family = Family::counter("loadable_1_beside_total", "Collections of the collector beside it.");

fn words() -> (&'static str, &'static str) {
    let words = std::str::from_utf8(black_box(&WORDS)).unwrap_or_default();
    let behind = |key: &str| words.split_once(key).map_or("", |(_, rest)| rest);
    (&behind("mark=")[..4], behind("do=").trim_end_matches(';').trim_end())
}

thread_local! {
    static LOCAL: RefCell<Last> = const { RefCell::new(Last(Vec::new())) };
}

/// Its destructor runs when a thread ends, which may be long after the library has been replaced.
struct Last(Vec<u8>);

impl Drop for Last {
    fn drop(&mut self) {
        black_box(&self.0);
        println!("a thread of loadable ends");
    }
}

struct Loadable {
    mark: &'static str,
    collections: u64,
}

impl Collector for Loadable {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let (mark, what) = words();
        self.collections += 1;
        match what {
            "hang later" if self.collections > 2 => loop {
                std::thread::park();
            },
            "fail later" if self.collections > 2 => return Err(Error::new("as asked later")),
            "flood later" if self.collections > 2 => {
                (0..5_000).for_each(|at| out.push(&MARK, [&at.to_string()], 1.0));
                return Ok(());
            }
            "panic later" if self.collections > 2 => panic!("as asked by {mark}"),
            "panic in collect" => panic!("as asked by {mark}"),
            "fail in collect" => return Err(Error::new("as asked").hint("ask for something else")),
            "twice the same" => out.push(&MARK, [mark], 1.0),
            "hang in collect" => loop {
                std::thread::park();
            },
            "thread-locals" => LOCAL.with_borrow_mut(|last| last.0.push(1)),
            "print" => {
                println!("loadable says {mark}");
                eprintln!("loadable says {mark}");
            }
            "backtrace" => {
                black_box(std::backtrace::Backtrace::force_capture().to_string());
            }
            _ => {}
        }
        out.push(&MARK, [mark], 1.0);
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        out.push("mark", self.mark);
        Ok(())
    }
}

impl Drop for Loadable {
    fn drop(&mut self) {
        if words().1 == "panic in drop" {
            panic!("as asked");
        }
    }
}

fn new(_: &Paths) -> Result<Loadable, Error> {
    let (mark, what) = words();
    match what {
        "panic in create" => panic!("as asked by {mark}"),
        "fail in create" => return Err(Error::new("as asked").hint("ask for something else")),
        "hang in create" => loop {
            std::thread::park();
        },
        // It lives on when its library has been replaced, and beyond `main`.
        "thread" => {
            std::thread::Builder::new().name("loadable".to_owned()).spawn(|| {
                LOCAL.with_borrow_mut(|last| last.0.push(1));
                loop {
                    std::thread::park_timeout(Duration::from_millis(1));
                    black_box(format!("{:?}", words()));
                }
            })?;
        }
        _ => {}
    }
    Ok(Loadable { mark, collections: 0 })
}

/// Is well, whatever the other does.
struct Beside(f64);

impl Collector for Beside {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.0 += 1.0;
        out.push(&BESIDE, [], self.0);
        Ok(())
    }
}

register! {
    plugin: "loadable_1",
    help: "A plugin to load",
    collectors: [
        { name: "loadable_1", help: "A collector to load", families: [MARK], new: new },
        { name: "loadable_1_beside", help: "Is well", families: [BESIDE], new: |_: &Paths| Ok(Beside(0.0)) },
    ],
}
