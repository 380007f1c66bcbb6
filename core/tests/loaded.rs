//! What `register!` exports, called as an agent calls it: through the table of a library.

#[path = "../examples/simple_example/library.rs"]
mod library;

use std::sync::OnceLock;

use library::{Answer, Instance, Library, simple_plugin};
use relink_core::abi::{BROKEN, FAILED, OK};
use relink_core::registry::{OptionKind, Options};
use relink_core::{Family, Paths, Samples};
use serde_json::json;

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = simple_plugin().expect("cargo builds the library");
        Library::open(&path, "simple_plugin").expect("the library opens")
    })
}

fn create(options: &serde_json::Value) -> Result<Instance, Box<Answer>> {
    library().create(&Paths::default(), &options.to_string())
}

/// What the plugin's first collector declares.
const FAMILIES: &[Family] = &[
    Family::counter("simple_calls_total", "Collections of this instance."),
    Family::gauge("simple_text_bytes", "Length of a text of the options.").labels(&["text"]),
];

/// An instance that misbehaves.
fn with_fault(fault: &str) -> Instance {
    create(&json!({ "fault": fault })).expect("an instance")
}

/// The one error of an answer. What was pushed before it counts for nothing.
fn only_error(answer: &Answer) -> (i32, &str, &str) {
    let [(message, hint)] = &answer.errors[..] else { panic!("one error was expected: {answer:?}") };
    (answer.status, message, hint)
}

#[test]
fn the_table_says_what_register_says() {
    let library = library();
    assert_eq!(library.imported.about().name, "simple");
    let [first, second] = library.imported.about().collectors else { panic!("it has two collectors") };
    assert_eq!((first.name, first.on, second.name, second.on), ("simple", true, "second", false));
    let options: Vec<_> =
        first.options.iter().map(|option| (option.name, option.help, option.kind)).collect();
    assert_eq!(options[0], ("texts", "The texts to show.", OptionKind::List));
    assert_eq!((options.len(), second.options.len()), (4, 0));
    let mut instance =
        Instance::new(library.collector("second"), &Paths::default(), "{}").expect("an instance");
    assert_eq!(instance.collect().samples, [(0, vec![], 2.0)]);
    assert_eq!(first.families, FAMILIES);
}

#[test]
fn label_values_arrive_byte_for_byte() {
    let texts =
        ["", "plain", "a \"quoted\" \\ one", "two\nlines\r\t", "näh 🦀 日本", "nul\0inside", "\u{10ffff}"];
    let mut instance = create(&json!({ "texts": texts })).expect("an instance");
    for call in 1..=2 {
        let answer = instance.collect();
        assert_eq!((answer.status, &answer.errors[..]), (OK, &[][..]));
        let mut expected = vec![(0, vec![], f64::from(call))];
        expected.extend(texts.map(|text| (1, vec![text.to_owned()], text.len() as f64)));
        assert_eq!(answer.samples, expected);
    }
    let answer = instance.facts();
    assert_eq!((answer.status, answer.facts), (OK, vec![("calls".to_owned(), "2".to_owned())]));
}

#[test]
fn what_an_instance_can_not_be_made_of_is_told() {
    let refused = |options: serde_json::Value| create(&options).err().expect("a refusal");
    assert_eq!(
        only_error(&refused(json!({"fault": "refuse-new"}))),
        (FAILED, "no such device \"näh\"", "plug it in")
    );
    let answer = refused(json!({"colour": 1}));
    let (status, message, _) = only_error(&answer);
    assert_eq!(status, FAILED);
    assert_eq!(
        message,
        "[collectors.simple]: unknown option colour, expected texts, ballast, fault, exposition"
    );
    for broken in ["", "no JSON", "[]", "{\"texts\":"] {
        let answer = library().create(&Paths::default(), broken).err().expect("a refusal");
        let (status, message, _) = only_error(&answer);
        assert_eq!(status, FAILED);
        assert!(message.starts_with("the agent's options are no JSON object"), "{message}");
    }
}

#[test]
fn a_failed_collection_says_why_and_the_next_one_starts_afresh() {
    let mut instance = with_fault("fail-collect");
    for _ in 0..2 {
        assert_eq!(only_error(&instance.collect()), (FAILED, "reading device: gone", "bring it back"));
    }
}

#[test]
fn samples_that_break_the_rules_are_an_error() {
    for (fault, words) in [
        ("undeclared-family", "simple_other, which the collector did not declare"),
        ("label-too-many", "simple_calls_total with 1 label values"),
        ("negative-counter", "the counter simple_calls_total with the value -1"),
    ] {
        let (simple, mut out) = (library().collector("simple"), Samples::new(FAMILIES, 1000));
        let options = json!({ "fault": fault }).as_object().cloned().expect("a table");
        let options = Options::new("simple", Paths::default(), options);
        let outcome = simple.make(&options).expect("an instance").collect(&mut out);
        let error = outcome.err().or_else(|| out.fault().cloned()).expect("an error");
        assert!(error.message().contains(words), "{fault}: {error}");
    }
}

#[test]
fn a_text_is_judged_by_the_agent_while_the_plugin_collects() {
    let mut instance =
        create(&json!({"texts": [], "exposition": "a{y=\"\",x=\"1\"} 1\n"})).expect("an instance");
    for _ in 0..2 {
        let answer = instance.collect();
        let text = "a{y=\"\",x=\"1\"} 1\n".to_owned();
        assert_eq!(answer.expositions, [("the option".to_owned(), text)]);
        assert_eq!((answer.status, answer.warnings.len()), (OK, 0));
    }
    let mut instance = create(&json!({"texts": [], "exposition": "taken 1\n"})).expect("an instance");
    let answer = instance.collect();
    assert_eq!((answer.status, answer.samples.len(), answer.expositions.len()), (OK, 1, 0));
    assert_eq!(answer.warnings, ["taken is somebody else's"]);
}

#[test]
fn no_panic_leaves_the_library() {
    let answer = create(&json!({"fault": "panic-in-new"})).err().expect("a refusal");
    let (status, message, _) = only_error(&answer);
    assert_eq!(status, BROKEN);
    assert!(message.starts_with("panicked at ") && message.ends_with(": in new"), "{message}");
    assert!(message.contains("simple_plugin.rs:"), "{message}");

    for (fault, words) in
        [("panic-in-collect", ": in collect number 1"), ("panic-in-payload", ": (no message)")]
    {
        let mut instance = with_fault(fault);
        let answer = instance.collect();
        let (status, message, _) = only_error(&answer);
        assert_eq!(status, BROKEN, "{fault}");
        assert!(message.ends_with(words), "{fault}: {message}");
    }
    let answer = with_fault("panic-in-facts").facts();
    assert_eq!(answer.status, BROKEN);
    assert!(answer.errors[0].0.ends_with(": in facts"), "{answer:?}");
    drop(with_fault("panic-in-drop"));

    // The library works on.
    assert_eq!(create(&json!({})).expect("an instance").collect().status, OK);
}

#[test]
fn an_instance_goes_from_thread_to_thread() {
    let mut instance = create(&json!({})).expect("an instance");
    for call in 1..=50 {
        let work = std::thread::spawn(move || {
            let answer = instance.collect();
            (instance, answer)
        });
        let answer;
        (instance, answer) = work.join().expect("no panic");
        assert_eq!(answer.samples[0], (0, vec![], f64::from(call)));
    }
    // It ends on another thread than it began on.
    std::thread::spawn(move || drop(instance)).join().expect("no panic");
}

#[test]
fn instances_do_not_know_of_each_other() {
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            scope.spawn(move || {
                let text = "x".repeat(thread);
                let mut instance = create(&json!({ "texts": [text] })).expect("an instance");
                for call in 1..=500 {
                    let answer = instance.collect();
                    let expected = [(0, vec![], f64::from(call)), (1, vec![text.clone()], thread as f64)];
                    assert_eq!(answer.samples, expected);
                }
            });
        }
    });
}
