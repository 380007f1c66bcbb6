//! What a library's instances leave behind. A process of its own: the memory of other tests would count as well.

#[path = "../examples/simple_example/library.rs"]
mod library;

use library::{Library, simple_plugin};
use relink_core::Paths;

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn ten_thousand_instances_leave_no_memory_behind() {
    let path = simple_plugin().expect("cargo builds the library");
    let library = Library::open(&path, "simple_plugin").expect("the library opens");
    let cycles = |count| {
        for cycle in 0..count {
            let options = r#"{"ballast": 5000, "texts": ["a", "b"]}"#;
            let mut instance = library.create(&Paths::default(), options).expect("an instance");
            assert_eq!(instance.collect().samples.len(), 3);
            assert_eq!(instance.facts().facts.len(), 1);
            // A refusal leaves nothing behind either, nor does a panic.
            let fault = ["refuse-new", "panic-in-new"][cycle % 2];
            let refused = library.create(&Paths::default(), &format!(r#"{{"fault": "{fault}"}}"#));
            assert_eq!(refused.err().expect("a refusal").errors.len(), 1);
        }
    };
    cycles(500);
    let before = resident_bytes();
    cycles(10_000);
    // A leak of 64 bytes a cycle would be more; the allocator's own coming and going is less.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 512 << 10, "{grown} bytes more after 10,000 instances");
}
