use super::*;

const A: Family = Family::counter("a_total", "A.").labels(&["x", "y"]);
const B: Family = Family::gauge("b", "B.");
const OTHER: Family = Family::gauge("other", "Not declared.");

fn samples() -> Samples {
    const FAMILIES: &[Family] = &[A, B];
    Samples::new(FAMILIES, 100)
}

#[test]
fn series_of_a_family_come_together_in_the_order_they_were_pushed() {
    let mut out = samples();
    out.push(&B, [], 1.0);
    out.push(&A, ["2", ""], 2.0);
    out.push(&A, ["1", "é"], 3.0);
    let set = out.series_set().unwrap();
    assert_eq!(set.places().collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(set.labels_of(2).collect::<Vec<_>>(), ["1", "é"]);
    assert_eq!(set.labels_of(1).collect::<Vec<_>>(), ["2", ""]);
    assert_eq!(set.family_of(0).1.name(), "b");
    assert!(out.has_series_of(&set));
    out.clear();
    assert!(!out.has_series_of(&set));
}

#[test]
fn labels_that_only_look_alike_when_joined_are_two_series() {
    let mut out = samples();
    out.push(&A, ["a", "bc"], 1.0);
    out.push(&A, ["ab", "c"], 1.0);
    assert!(out.series_set().is_ok());
    out.push(&A, ["ab", "c"], 1.0);
    let error = out.series_set().err().unwrap();
    assert_eq!(error.message(), r#"the series a_total{x="ab",y="c"} twice"#);
}

#[test]
fn series_of_the_last_collection_are_recognised_and_others_are_noticed() {
    let mut out = samples();
    let push = |out: &mut Samples, labels: &[&str]| {
        out.clear();
        out.push(&B, [], 1.0);
        labels.iter().for_each(|label| out.push(&A, [label, ""], 2.0));
    };
    push(&mut out, &["1", "2"]);
    let set = Arc::new(out.series_set().unwrap());
    out.follow(&set);
    push(&mut out, &["1", "2"]);
    assert!(out.follows && out.has_series_of(&set));
    let other = out.series_set().unwrap();
    assert!(out.has_series_of(&other), "the same series, another set");
    for (labels, expected) in [
        (&["1"][..], &["1"][..]),
        (&["1", "3"], &["1", "3"]),
        (&["1", "2", "3"], &["1", "2", "3"]),
        (&["12", ""], &["12", ""]),
        (&[], &[]),
    ] {
        push(&mut out, labels);
        assert!(!out.has_series_of(&set), "{labels:?}");
        let found = out.series_set().unwrap();
        let shown: Vec<_> = (1..found.len()).filter_map(|place| found.labels_of(place).next()).collect();
        assert_eq!(shown, expected);
        assert_eq!(out.len(), expected.len() + 1);
    }
    push(&mut out, &["1", "2"]);
    assert!(out.has_series_of(&set), "and again");
    push(&mut out, &["1", "1"]);
    assert!(out.series_set().is_err(), "twice");
}

#[test]
fn a_collection_that_shows_nothing_and_warns_has_failed() {
    let mut out = samples();
    assert!(out.outcome().is_ok(), "a machine without the hardware");
    out.warn("may not be read");
    assert_eq!(out.outcome().unwrap_err().message(), "may not be read");
    out.push(&B, [], 1.0);
    assert!(out.outcome().is_ok(), "the rest is shown");
    out.push(&A, ["only one label"], 1.0);
    assert!(out.outcome().unwrap_err().message().starts_with("a sample of a_total with 1 label"));
}

#[test]
fn what_a_file_says_twice_is_shown_once() {
    let mut out = samples();
    out.push(&B, [], 1.0);
    out.are_of_lines(true);
    for value in [2.0, 3.0] {
        out.push(&A, ["ab", "c"], value);
    }
    out.push(&A, ["d", ""], 4.0);
    out.are_of_lines(false);
    let set = out.series_set().unwrap();
    let shown = set.places().map(|place| (set.shown(place), out.values()[place])).collect::<Vec<_>>();
    let expected = [(r#"a_total{x="ab",y="c"}"#, 2.0), (r#"a_total{x="d",y=""}"#, 4.0), ("b", 1.0)];
    assert_eq!(shown, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(
        out.warnings(),
        [r#"the series a_total{x="ab",y="c"} stands there twice, the first is shown"#]
    );
}

#[test]
fn a_pattern_becomes_a_family_for_each_value_of_its_hole() {
    const FIELD: Family = Family::gauge("field_{}", "Field {}.").labels(&["x"]);
    const FAMILIES: &[Family] = &[FIELD, B];
    let mut out = Samples::new(FAMILIES, 100);
    for (round, names) in [["a", "b"], ["b", "a"], ["a", "c/d"]].into_iter().enumerate() {
        out.clear();
        out.push(&B, [], 0.0);
        out.push(&FIELD, [names[0], "1"], 1.0);
        out.push(&FIELD, [names[1], "1"], 2.0);
        out.push(&FIELD, [names[0], "2"], 3.0);
        let set = out.series_set().unwrap();
        let shown: Vec<_> = set
            .places()
            .map(|at| (set.family_of(at).1.name(), set.labels_of(at).collect::<String>(), out.values()[at]))
            .collect();
        let one = |hole: &str, label: &str, value: f64| match hole {
            "c/d" => ("field_c_d", label.to_owned(), value),
            "a" => ("field_a", label.to_owned(), value),
            _ => ("field_b", label.to_owned(), value),
        };
        let mut expected = vec![("b", String::new(), 0.0)];
        let first = [one(names[0], "1", 1.0), one(names[0], "2", 3.0)];
        let second = one(names[1], "1", 2.0);
        if round == 1 {
            expected.extend([second].into_iter().chain(first));
        } else {
            expected.extend(first.into_iter().chain([second]));
        }
        assert_eq!(shown, expected, "{names:?}");
        assert!(out.has_series_of(&set));
    }
    assert_eq!(out.families.len(), 2 + 3);
    out.push_index(0, &["only"], 1.0);
    assert!(
        out.fault().unwrap().message().contains("1 label values for the labels [\"x\"], and for the name")
    );
}

#[test]
fn the_first_mistake_is_kept() {
    let fault = |f: fn(&mut Samples)| {
        let mut out = samples();
        f(&mut out);
        out.push(&OTHER, [], 0.0);
        out.fault().unwrap().message().to_owned()
    };
    assert!(fault(|_| ()).contains("other, which the collector did not declare"));
    assert!(fault(|out| out.push(&A, ["x"], 0.0)).contains("1 label values"));
    assert!(fault(|out| out.push(&A, ["x", "y"], f64::NAN)).contains("NaN"));
    assert!(fault(|out| out.push(&A, ["x", "y"], -1.0)).contains("-1"));
    assert!(fault(|out| out.push_index(2, &[], 0.0)).contains("number 2"));
}

#[test]
#[cfg_attr(miri, ignore = "a million samples take the interpreter an hour")]
fn a_flood_is_cut_and_bounded_in_memory() {
    let mut out = samples();
    let long = "x".repeat(10_000);
    for _ in 0..1_000_000 {
        out.push(&A, [&long, "y"], 1.0);
    }
    assert!(out.labels.capacity() < 100 * LABELS * 4, "{}", out.labels.capacity());
    assert_eq!((out.len(), out.dropped()), (0, 1_000_000));
    out.clear();
    (0..101).for_each(|at| out.push(&A, [&at.to_string(), "y"], 1.0));
    assert_eq!((out.len(), out.dropped()), (100, 1));
    assert!(out.fault().is_none());
}

#[test]
#[cfg_attr(miri, ignore = "as many names take the interpreter an hour")]
fn names_beyond_what_patterns_may_become_are_counted_apart() {
    const FIELD: Family = Family::gauge("field_{}", "Field {}.");
    let mut out = Samples::new(&[FIELD], 10);
    out.push(&FIELD, ["a"], 1.0);
    out.completed.resize(Samples::NAMES, (0, "a".into()));
    out.push(&FIELD, ["a"], 1.0);
    out.push(&FIELD, ["b"], 1.0);
    assert_eq!((out.len(), out.dropped(), out.unnamed()), (2, 1, 1));
    out.clear();
    assert_eq!((out.dropped(), out.unnamed()), (0, 0));
}
