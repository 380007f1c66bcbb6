//! The interface seen from C: the same layout, a plugin written in it, and versions that are to come.

#![allow(unsafe_code)]

mod c;
#[path = "../examples/simple_example/library.rs"]
mod library;

use std::ffi::c_void;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null_mut;

use library::{Instance, Library, simple_plugin};
use object::{Object, ObjectSection, ObjectSymbol};
use relink_core::abi::{
    self, CollectorTable, FAILED, FamilyTable, OK, OptionTable, PluginTable, Settings, Sink, Stamp, Text,
};
use relink_core::{Error, Family, Paths};

/// Compiles a file of `tests/c` into `dir`; nothing where there is no C compiler.
fn compiled(dir: &Path, source: &str, arguments: &[&str]) -> Option<PathBuf> {
    let made = dir.join(source).with_extension("made");
    let output = ["-std=c11", "-O2", "-o", made.to_str().expect("a path in UTF-8")];
    c::compile("cc", &[&output, arguments].concat(), source).then_some(made)
}

const LIBRARY: [&str; 2] = ["-shared", "-fPIC"];

/// Compiles `newer.c` with these arguments besides, and opens it.
fn newer(arguments: &[&str]) -> Option<Result<Library, Error>> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = compiled(dir.path(), "newer.c", &[&LIBRARY, arguments].concat())?;
    Some(Library::open(&path, "newer"))
}

fn paths(procfs: &Path) -> Paths {
    Paths { procfs: procfs.into(), ..Paths::default() }
}

macro_rules! layout {
    ($($type:ident { $($field:ident),* })*) => {
        [$(
            format!("Relink{} {}", stringify!($type), size_of::<$type>()),
            $(format!("Relink{}.{} {}", stringify!($type), stringify!($field), offset_of!($type, $field)),)*
        )*]
    };
}

#[test]
fn c_lays_the_structs_out_as_rust_does() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let Some(program) = compiled(dir.path(), "layout.c", &[]) else { return };
    let output = Command::new(program).output().expect("the program starts");
    let in_c = String::from_utf8(output.stdout).expect("text");
    let in_rust = layout! {
        Text { data, length }
        Stamp { magic, major, minor }
        PluginTable {
            magic, major, minor, size, name, version, help, package, collectors, collector_count, collector_size
        }
        CollectorTable {
            name, help, families, family_count, family_size, options, option_count, option_size, flags, create,
            collect, facts, destroy
        }
        FamilyTable { name, help, labels, label_count, kind }
        OptionTable { name, help, kind }
        Settings { size, options, procfs, sysfs, rootfs }
        Sink { size, context, sample, fact, error, exposition, warning, series, lines }
    };
    assert_eq!(in_c.lines().collect::<Vec<_>>(), in_rust);
}

#[test]
fn a_plugin_in_c_is_a_plugin() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let Some(path) = compiled(dir.path(), "uptime.c", &LIBRARY) else { return };
    let plugin = Library::open(&path, "uptime").expect("a plugin");
    assert_eq!(plugin.imported.about().name, "uptime");
    let family =
        Family::gauge("c_uptime_seconds", "Time since the machine started, suspended time included.");
    let [first, second] = plugin.imported.about().collectors else { panic!("it has two collectors") };
    assert_eq!((first.name, first.families, first.on), ("uptime", &[family][..], true));
    assert_eq!((second.name, second.on), ("load", false));

    std::fs::write(dir.path().join("loadavg"), "0.25 0.5 0.75 1/100 42\n").expect("a file");
    let mut load = Instance::new(plugin.collector("load"), &paths(dir.path()), "{}").expect("an instance");
    assert_eq!(load.collect().samples, [(0, vec![], 0.25)]);

    let uptime = dir.path().join("uptime");
    let mut instance = plugin.create(&paths(dir.path()), "{}").expect("an instance");
    for (content, value) in [("350735.47 234388.90\n", 350_735.47), ("0.01 0.00\n", 0.01)] {
        std::fs::write(&uptime, content).expect("a file");
        let answer = instance.collect();
        assert_eq!((answer.status, answer.samples), (OK, vec![(0, vec![], value)]));
    }
    assert_eq!(instance.facts().facts, [("file".to_owned(), uptime.display().to_string())]);

    std::fs::write(&uptime, "no number").expect("a file");
    let answer = instance.collect();
    assert_eq!((answer.status, answer.samples.len()), (FAILED, 0));
    assert_eq!(answer.errors[0].0, format!("{} does not begin with a number", uptime.display()));

    std::fs::remove_file(&uptime).expect("the file");
    let answer = instance.collect();
    assert_eq!((answer.status, answer.samples.len()), (FAILED, 0));
    let message = format!("reading {}: No such file or directory", uptime.display());
    assert_eq!(answer.errors, [(message, "set --path.procfs to where procfs is".to_owned())]);
}

#[test]
fn a_library_can_be_judged_before_its_code_runs() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let in_c = compiled(dir.path(), "uptime.c", &LIBRARY);
    for path in [Some(simple_plugin().expect("cargo builds the library")), in_c].into_iter().flatten() {
        let bytes = std::fs::read(&path).expect("the library");
        let file = object::File::parse(&bytes[..]).expect("an object file");
        let section = file.section_by_name(abi::STAMP_SECTION).expect("a stamp");
        let mut stamp = abi::MAGIC.to_vec();
        stamp.extend(abi::MAJOR.to_ne_bytes());
        stamp.extend(abi::MINOR.to_ne_bytes());
        assert_eq!(section.data().expect("bytes"), stamp, "{path:?}");

        let entries = file.dynamic_symbols().filter(|symbol| {
            symbol.is_definition() && symbol.name().is_ok_and(|name| name.starts_with(abi::ENTRY_PREFIX))
        });
        assert_eq!(entries.count(), 1, "{path:?}");
    }
}

#[test]
fn a_library_of_a_newer_minor_works() {
    let Some(plugin) = newer(&[]) else { return };
    let plugin = plugin.expect("a newer minor is accepted");
    // The second collector is found only by the library's own length of one.
    let [first, second] = plugin.imported.collectors() else { panic!("it has two collectors") };
    assert_eq!(second.about.name, "second");
    assert!(first.table().family_size > size_of::<FamilyTable>());
    // The second family is found only by the library's own length of one.
    let family = Family::counter("c_second_total", "The second.").labels(&["side"]);
    assert_eq!(first.about.families[1], family);

    let option = first.about.options[1];
    assert_eq!((option.name, option.kind), ("b", relink_core::registry::OptionKind::Seconds));

    let mut instance = plugin.create(&Paths::default(), "{}").expect("an instance");
    assert_eq!(instance.collect().samples, [(0, vec![], 1.5), (1, vec!["left".to_owned()], 2.0)]);
    // It has no facts, and the absent function is not called.
    assert_eq!(instance.facts().status, OK);
}

#[test]
fn a_library_that_this_relink_can_not_read_is_refused() {
    for (argument, words) in [
        ("-DTABLE_MAJOR=1", "was built for ABI 1, this relink speaks ABI 2"),
        ("-DTABLE_MAJOR=3", "was built for ABI 3, this relink speaks ABI 2"),
        ("-DTABLE_SIZE=104", "a table of 104 bytes"),
        ("-DCOLLECTOR_SIZE=112", "collectors lie 112 bytes apart"),
        ("-DFAMILY_SIZE=60", "families lie 60 bytes apart"),
        ("-DFAMILY_SIZE=0", "families lie 0 bytes apart"),
    ] {
        let Some(plugin) = newer(&[argument]) else { return };
        let error = plugin.err().expect(argument);
        assert!(error.message().contains(words), "{error}");
    }
}

/// What an agent of a newer minor passes: more fields than the library knows.
#[repr(C)]
struct Newer<T> {
    known: T,
    more: [usize; 8],
}

unsafe extern "C" fn count_sample(context: *mut c_void, _: usize, _: *const Text, _: usize, _: f64) {
    // SAFETY: the test passes a count, and waits for the call to end.
    unsafe { *context.cast::<usize>() += 1 };
}

unsafe extern "C" fn ignore(_: *mut c_void, _: Text, _: Text) {}

unsafe extern "C" fn refuse(_: *mut c_void, _: Text, _: Text, _: *mut Text) -> i32 {
    FAILED
}

unsafe extern "C" fn drop_warning(_: *mut c_void, _: Text) {}
unsafe extern "C" fn drop_lines(_: *mut c_void, _: i32) {}

#[test]
fn a_library_works_with_an_agent_of_a_newer_minor() {
    let path = simple_plugin().expect("cargo builds the library");
    let library = Library::open(&path, "simple_plugin").expect("the library opens");
    let table = library.collector("simple").table();
    let mut samples = 0_usize;
    let context = (&raw mut samples).cast();
    let nothing = Text { data: std::ptr::null(), length: 0 };
    let more = [usize::MAX; 8];
    let sink = Newer {
        known: Sink {
            size: size_of::<Newer<Sink>>(),
            context,
            sample: count_sample,
            fact: ignore,
            error: ignore,
            exposition: refuse,
            warning: drop_warning,
            series: 10,
            lines: drop_lines,
        },
        more,
    };
    let settings = Newer {
        known: Settings {
            size: size_of::<Newer<Settings>>(),
            options: Text::of("{}"),
            // An empty text may have no address.
            procfs: nothing,
            sysfs: nothing,
            rootfs: nothing,
        },
        more,
    };
    let mut instance = null_mut();
    // SAFETY: the table is this library's, and settings and sink are valid for the calls.
    unsafe {
        assert_eq!((table.create)(table, &settings.known, &sink.known, &mut instance), OK);
        assert_eq!((table.collect)(instance, &sink.known), OK);
        (table.destroy)(instance);
    }
    assert_eq!(samples, 2);
    assert_eq!((sink.more, settings.more), (more, more));
}
