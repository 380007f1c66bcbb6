use super::*;
use relink_core::guard::guarded;

const FAMILIES: &[Family] = &[Family::gauge("rude_mark", "Always 1.")];

static PLUGIN: Descriptor = Descriptor {
    name: "rude",
    version: "1",
    help: "Calls what it may not",
    package: "rude",
    collectors: &[CollectorDescriptor {
        name: "rude",
        help: "Calls what it may not",
        families: FAMILIES,
        options: &[OptionDescriptor { name: "how", help: "How.", kind: OptionKind::Number }],
        on: true,
        new: |_| Err(Error::new("not asked")),
    }],
};

/// Pushes a text and a sample at once, and tells why the text is not taken. How the instance behaves is its address.
unsafe extern "C" fn create(
    _: *const CollectorTable,
    settings: *const Settings,
    sink: *const Sink,
    instance: *mut *mut c_void,
) -> i32 {
    // SAFETY: all of it is `ImportedCollector::create`'s.
    unsafe {
        let (sink, options, mut reason) = (&*sink, (*settings).options.lossy(), Text::of(""));
        (sink.sample)(sink.context, 7, ptr::null(), 0, 1.0);
        let status = (sink.exposition)(sink.context, Text::of("x"), Text::of("a 1\n"), &mut reason);
        let how = options.chars().find_map(|letter| letter.to_digit(10)).unwrap_or(0);
        if how == 0 {
            (sink.error)(sink.context, reason, Text::of(""));
            return status;
        }
        *instance = ptr::without_provenance_mut(how as usize);
    }
    OK
}

unsafe extern "C" fn collect(instance: *mut c_void, sink: *const Sink) -> i32 {
    let labels = [Text { data: ptr::null(), length: 0 }; MOST_LABELS + 1];
    // SAFETY: the sink is `call`'s.
    unsafe {
        let sink = &*sink;
        match instance.addr() {
            1 => (sink.sample)(sink.context, 0, labels.as_ptr(), labels.len(), 1.0),
            2 => return (sink.exposition)(sink.context, Text::of("x"), Text::of("a"), ptr::null_mut()),
            3 => (sink.sample)(sink.context, 0, ptr::null(), 1, 1.0),
            5 | 6 => {
                // 5 says that these are lines, and a second end does no harm.
                (sink.lines)(sink.context, i32::from(instance.addr() == 5));
                (0..2).for_each(|_| (sink.sample)(sink.context, 0, ptr::null(), 0, 1.0));
                (0..2).for_each(|_| (sink.lines)(sink.context, 0));
            }
            _ => return BROKEN,
        }
    }
    OK
}

unsafe extern "C" fn destroy(_: *mut c_void) {}

fn imported(change: impl FnOnce(&mut PluginTable, &mut CollectorTable)) -> Result<ImportedCollector, Error> {
    // SAFETY: tables may be copied, and what `create` of `export` needs behind them is not called.
    let (mut table, mut collector) = unsafe {
        let table = ptr::read(export(&PLUGIN));
        let collector = ptr::read(table.collectors);
        (table, collector)
    };
    (collector.create, collector.collect) = (create, collect);
    (collector.facts, collector.destroy) = (None, destroy);
    change(&mut table, &mut collector);
    if !table.collectors.is_null() {
        table.collectors = Box::leak(Box::new(collector));
    }
    // SAFETY: it keeps to the interface, but for what is refused before it counts.
    let imported = unsafe { import(Box::leak(Box::new(table))) }?;
    Ok(imported.collectors()[0])
}

#[test]
fn a_table_that_is_none_is_refused() {
    type Change = fn(&mut PluginTable, &mut CollectorTable);
    let refused = |change: Change| imported(change).err().expect("a refusal").to_string();
    assert!(refused(|table, _| table.magic[7] = 0).contains("did not return a plugin table"));
    assert!(refused(|table, _| table.collectors = ptr::null()).contains("has 1 collectors"));
    assert!(refused(|table, _| table.collector_size = 112).contains("its collectors lie 112 bytes apart"));
    assert!(refused(|_, row| row.families = ptr::null()).contains("has 1 families"));
    assert!(refused(|_, row| row.option_size = 41).contains("its options lie 41 bytes apart"));
    let family = |change: fn(&mut FamilyTable)| {
        let refusal = imported(|_, row| {
            // SAFETY: it is `export`'s.
            let mut family = unsafe { ptr::read(row.families) };
            change(&mut family);
            row.families = Box::leak(Box::new(family));
        });
        refusal.err().expect("a refusal").to_string()
    };
    let many = "family rude_mark has 33 labels, expected 32 at most";
    assert_eq!(family(|family| family.label_count = MOST_LABELS + 1), many);
    assert!(family(|family| (family.label_count, family.labels) = (1, ptr::null())).contains("has 1 labels"));
    assert_eq!(family(|family| family.kind = 3), "family rude_mark is of kind 3, expected 0, 1 or 2");
}

#[test]
fn what_a_rude_plugin_does_is_its_own_error() {
    let imported = imported(|_, _| ()).expect("a table");
    let made = |how: u8| {
        let table = serde_json::json!({"how": how}).as_object().cloned().unwrap_or_default();
        imported.make(&Options::new("rude", Paths::default(), table))
    };
    let error = made(0).err().expect("a refusal");
    assert_eq!(error.message(), "a text is taken during a collection only");

    let collected = |how| {
        let mut out = Samples::new(FAMILIES, 10);
        let mut collector = made(how).expect("an instance");
        (guarded(|| collector.collect(&mut out)), out)
    };
    let (outcome, out) = collected(1);
    assert!(outcome.is_ok());
    assert!(out.fault().expect("a fault").message().contains("rude_mark with 32 label values"));
    // A count of labels without labels.
    let (outcome, out) = collected(3);
    assert!(outcome.is_ok() && out.len() == 1);
    // What lines say twice is shown once, and anything else that comes twice is a mistake.
    let mut lines = collected(5).1;
    assert!(lines.series_set().is_ok_and(|set| set.places().count() == 1) && lines.warned() == 1);
    assert!(collected(6).1.series_set().is_err());
    let words = |outcome| match outcome {
        Err(Failure::Said(why)) => format!("said {why}"),
        Err(Failure::Panicked(why)) => format!("panicked {why}"),
        Ok(()) => "nothing".to_owned(),
    };
    assert_eq!(words(collected(2).0), "said returned 1 without a word");
    assert_eq!(words(collected(4).0), "panicked returned 2 without a word");
}
