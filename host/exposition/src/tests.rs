//! Texts as scripts write them.

use std::sync::Arc;

use super::*;
use relink_core::{Family, Samples};

fn parsed(text: &str) -> Result<Exposition, Error> {
    Exposition::parse("a.prom", text, 1000)
}

fn text(text: &str) -> String {
    parsed(text).unwrap_or_else(|why| panic!("{text:?}: {why}")).text().to_owned()
}

const BACKUP: &str = "\
# HELP backup_ok Whether the last backup \\\\ succeeded.
# TYPE backup_ok gauge
backup_ok{job=\"home\"} 1
backup_ok{job=\"mail\"} 0
";

#[test]
fn a_text_has_one_form() {
    assert_eq!(text(BACKUP), BACKUP);
    assert_eq!(text(""), "");
    // Blanks, comments, the order of labels and of lines, empty labels, numbers of all sorts.
    let loose =
        "#\n# by hand\n\n  a { z = \"1\" , b=\"\\\"\\\\\\n\", none=\"\" , }\t+1e3 \nb -Inf\nc nan\na 0x\n"
            .replace("0x", "-0.5");
    let one = "# TYPE a untyped\na{b=\"\\\"\\\\\\n\",z=\"1\"} 1000\na -0.5\n# TYPE b untyped\nb -Inf\n# TYPE c untyped\nc NaN\n";
    assert_eq!(text(&loose), one);
    assert_eq!(text(one), one);
    // A family without samples is not shown.
    assert_eq!(
        text("# HELP a A.\n# TYPE a gauge\n#TYPE b counter\nb:c 1e300\n"),
        "# TYPE b:c untyped\nb:c 1e300\n"
    );
}

#[test]
fn histograms_and_summaries_are_put_in_order() {
    let histogram = "\
# TYPE h histogram
h_sum{x=\"1\"} 10.5
h_bucket{le=\"1.0\",x=\"1\"} 2
h_bucket{x=\"2\",le=\"+Inf\"} 0
h_bucket{le=\"0.1\",x=\"1\"} 1
h_count{x=\"1\"} 4
# TYPE s summary
s_count 3
s{quantile=\"0.50\"} NaN
s_sum 1
";
    let ordered = "\
# TYPE h histogram
h_bucket{x=\"1\",le=\"0.1\"} 1
h_bucket{x=\"1\",le=\"1\"} 2
h_bucket{x=\"1\",le=\"+Inf\"} 4
h_sum{x=\"1\"} 10.5
h_count{x=\"1\"} 4
h_bucket{x=\"2\",le=\"+Inf\"} 0
# TYPE s summary
s{quantile=\"0.5\"} NaN
s_sum 1
s_count 3
";
    assert_eq!(text(histogram), ordered);
    assert_eq!(text(ordered), ordered);
    assert_eq!(parsed(histogram).unwrap().series(), 9);
}

#[test]
fn what_would_break_the_page_is_refused_with_its_line() {
    for (bad, why) in [
        ("a 1", "line 1: the last line has no end"),
        ("a 1\nb", "line 2: the last line has no end"),
        ("a\n", "line 1: expected a number"),
        ("a one\n", "line 1: expected a number, found \"one\""),
        ("a 1 1700000000000\n", "line 1: a timestamp"),
        ("a 1 b\n", "line 1: expected nothing behind the value, found \"b\""),
        ("\n\na 1\r\n", "line 3: expected a number, found \"1\\r\""),
        ("1a 1\n", "expected a name"),
        ("é 1\n", "expected a name"),
        ("{\"a\"} 1\n", "expected a name"),
        ("a{ 1\n", "expected name="),
        ("a{b} 1\n", "expected name="),
        ("a{b=1} 1\n", "a value in quotes"),
        ("a{b=\"1} 1\n", "a closing quote"),
        ("a{b=\"1\" c=\"2\"} 1\n", "a comma or a closing brace"),
        ("a{b=\"1\",b=\"2\"} 1\n", "the label b twice"),
        ("a{b=\"\\t\"} 1\n", "the unknown escape \\t"),
        ("a{__name__=\"b\"} 1\n", "Prometheus' own"),
        ("a{1=\"b\"} 1\n", "expected a label name"),
        ("a 1\na 2\n", "the series a twice"),
        ("a{b=\"\"} 1\na 2\n", "the series a twice"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a second TYPE"),
        ("# HELP a A.\n# HELP a A.\n", "line 2: a second HELP"),
        ("a 1\n# TYPE a gauge\n", "line 2: the TYPE of a behind samples"),
        ("# TYPE a thing\n", "expected counter, gauge, histogram, summary or untyped, found \"thing\""),
        ("# TYPE h histogram\nh_count -1\n", "line 2: expected h_count to be 0 or more"),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} NaN\n", "line 2: expected h_bucket to be 0 or more"),
        ("# TYPE s summary\ns_count NaN\n", "line 2: expected s_count to be 0 or more"),
        ("# TYPE h histogram\nh 1\n", "expected a sample of the histogram"),
        ("# TYPE h histogram\nh_bucket 1\n", "h: a sample without the label le"),
        ("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", "a number as le"),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n", "neither _count nor"),
        (
            "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 1\nh_count 2\n",
            "more in the bucket le=1",
        ),
        ("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_count 3\n", "a count of 3 and 2"),
        ("# TYPE h histogram\nh_count 3\nh_count 3\n", "_count twice"),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_count 1\n", "twice"),
        ("# TYPE s summary\ns 1\n", "s: a sample without the label quantile"),
        ("# TYPE s summary\ns{quantile=\"99\"} 1\n", "a quantile between 0 and 1"),
        ("# TYPE s summary\ns_sum{quantile=\"0.5\"} 1\n", "_sum with the label quantile"),
    ] {
        let error = parsed(bad).map(|good| good.text().to_owned()).expect_err(bad).to_string();
        assert!(error.contains(why), "{bad:?}: {error}");
    }
}

#[test]
fn a_header_that_ends_early_is_a_comment() {
    assert_eq!(text("# TYPE\n# HELP\n# TYPE a\n# HELP a\n# TYPE a \na 1\n"), "# TYPE a untyped\na 1\n");
    assert_eq!(text("# TYPE a\n# HELP a A.\n# TYPE a gauge\na 1\n"), "# HELP a A.\n# TYPE a gauge\na 1\n");
}

#[test]
fn a_type_in_any_letters_and_a_counter_of_any_value_are_taken() {
    for (kind, one) in [("Gauge", "gauge"), ("COUNTER", "counter"), ("unTyped", "untyped")] {
        for value in ["1", "-1", "NaN", "-Inf", "+Inf"] {
            let shown = format!("# TYPE a {one}\na {value}\n");
            assert_eq!(text(&format!("# TYPE a {kind}\na {value}\n")), shown);
        }
    }
    let summary = "# TYPE s SUMMARY\ns{quantile=\"0.5\"} -1\ns_sum -2\ns_count 3\n";
    assert_eq!(text(summary), summary.replace("SUMMARY", "summary"));
    assert!(
        text("# TYPE h Histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n").starts_with("# TYPE h histogram\n")
    );
}

#[test]
fn a_flood_is_refused() {
    let flood: String = (0..1001).map(|at| format!("a{{b=\"{at}\"}} 1\n")).collect();
    assert!(parsed(&flood).unwrap_err().message().contains("line 1001: more than 1000 series"));
    let long = format!("# {}\n", "x".repeat(1000 * Samples::TEXT_BYTES));
    assert!(parsed(&long).unwrap_err().message().contains("expected 512000 at most"));
}

#[test]
fn any_text_is_refused_or_has_one_form() {
    // Pieces that mean something, put together at random.
    let pieces = [
        "a",
        "a_sum",
        "a_bucket",
        "a_count",
        "# TYPE a ",
        "histogram",
        "summary",
        "# HELP a ",
        "{",
        "}",
        "le=\"1\"",
        ",",
        "quantile=\"0.5\"",
        "b=\"\\n\"",
        " ",
        " 1",
        " NaN",
        "\n",
        "\n",
        "\"",
        "\\",
        "le=\"+Inf\"",
        "é",
        "counter",
    ];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut good = 0;
    for _ in 0..50_000 {
        let text: String = (0..random(16)).map(|_| pieces[random(pieces.len())]).chain(["\n"]).collect();
        if let Ok(first) = parsed(&text) {
            let again = parsed(first.text()).unwrap_or_else(|why| panic!("{text:?}: {why}"));
            assert_eq!(first.text(), again.text(), "{text:?}");
            good += usize::from(first.series() > 0);
        }
    }
    assert!(good > 100, "{good}");
}

const OWN: Family = Family::counter("own_total", "O.");
const OTHERS: &[Family] = &[Family::counter("node_forks_total", "F."), Family::gauge("node_load1", "L.")];
const LATE: &[Family] = &[Family::gauge("two", "T.")];

fn samples() -> Samples {
    Texts::samples(&[OWN], 10)
}

fn texts(out: &mut Samples) -> &mut Texts {
    Texts::of(out).unwrap()
}

fn claims(owner: &str, families: &'static [Family]) -> Arc<Claims> {
    Arc::new(Claims::new([(owner.to_owned(), families)]))
}

#[test]
fn texts_are_judged_beside_what_is_there() {
    let mut out = samples();
    texts(&mut out).set_claims(&claims("plugin others", OTHERS));
    out.push_text("first", BACKUP).unwrap();
    for (text, why) in [
        (BACKUP, "has backup_ok{job=\"home\"}, as first has"),
        ("backup_ok{job=\"x\"} 1\n", "has backup_ok as untyped, but first as gauge"),
        (
            "# TYPE backup_ok gauge\n# HELP backup_ok Else.\nbackup_ok{job=\"x\"} 1\n",
            "has another HELP of backup_ok",
        ),
        ("# TYPE backup_ok summary\nbackup_ok_sum 1\n", "has backup_ok as summary"),
        ("node_load1 1\n", "node_load1 is of plugin others"),
        ("node_forks 1\n", "node_forks is of plugin others"),
        ("# TYPE own counter\nown 1\n", "own is this plugin's own"),
    ] {
        let error = out.push_text("next", text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    out.push_text("next", "# TYPE backup_ok gauge\nbackup_ok{job=\"x\"} 1\nother_things 2\n").unwrap();
    out.push_text("third", "b 1\n").unwrap();
    assert_eq!(out.len(), 5);
    assert!(out.fault().is_none());
    let merged = texts(&mut out).merged();
    let shown: Vec<_> = merged.families().map(|f| (f.name(), f.kind(), f.help().to_owned())).collect();
    assert_eq!(
        shown,
        [
            ("b", RuntimeKind::Untyped, "Metric read from third".to_owned()),
            ("backup_ok", RuntimeKind::Gauge, "Whether the last backup \\ succeeded.".to_owned()),
            ("other_things", RuntimeKind::Untyped, "Metric read from next".to_owned()),
        ]
    );
    let backup = merged.families().nth(1).unwrap();
    let values: Vec<_> = backup.samples().map(|sample| (sample.labels, sample.value)).collect();
    assert_eq!(values, [("job=\"home\"", 1.0), ("job=\"mail\"", 0.0), ("job=\"x\"", 1.0)]);
}

#[test]
fn a_family_that_can_not_be_shown_is_left_out_alone() {
    let mut out = Texts::samples(&[OWN], 100);
    texts(&mut out).set_claims(&claims("plugin others", OTHERS));
    out.push_text("first", BACKUP).unwrap();
    let good = "# TYPE good gauge\ngood{at=\"AT\"} 1\n";
    let cases = [
        // In the text itself.
        ("bad 1\nbad 2\n", "the series bad twice"),
        ("# TYPE bad gauge\n# TYPE bad gauge\nbad 1\n", "line 4: a second TYPE of bad"),
        ("# HELP bad B.\n# HELP bad B.\nbad 1\n", "line 4: a second HELP of bad"),
        ("bad 1\n# TYPE bad gauge\n", "line 4: the TYPE of bad behind samples of it"),
        ("# TYPE bad summary\nbad_count NaN\n", "line 4: expected bad_count to be 0 or more"),
        ("# TYPE bad histogram\nbad 1\n", "line 4: expected a sample of the histogram"),
        (
            "# TYPE bad histogram\nbad_bucket{le=\"1\"} 2\nbad_count 1\n",
            "bad: a count of 1 and 2 in a bucket",
        ),
        ("a_count 1\n# TYPE a summary\na_sum 1\n", "both have a_count"),
        // Beside others.
        ("backup_ok{job=\"x\"} 1\n", "has backup_ok as untyped, but first as gauge"),
        (
            "# HELP backup_ok Else.\n# TYPE backup_ok gauge\nbackup_ok 1\n",
            "has another HELP of backup_ok than first",
        ),
        ("# TYPE backup_ok gauge\nbackup_ok{job=\"mail\"} 1\n", "has backup_ok{job=\"mail\"}, as first has"),
        ("node_load1 1\n", "node_load1 is of plugin others"),
        ("# TYPE node summary\nnode_sum 1\n# TYPE own counter\nown 1\n", "own is this plugin's own"),
    ];
    for _ in 0..2 {
        out.clear();
        out.push_text("first", BACKUP).unwrap();
        for (at, (bad, why)) in cases.iter().enumerate() {
            let text = format!("{}{bad}last{{at=\"{at}\"}} 1\n", good.replace("AT", &at.to_string()));
            let left_out = out.push_text("next", &text).unwrap().expect(bad);
            assert!(left_out.message().contains(why), "{text}: {left_out}");
        }
        let merged = texts(&mut out).merged();
        let shown: Vec<_> =
            merged.families().map(|family| (family.name(), family.samples().count())).collect();
        let all = cases.len();
        assert_eq!(shown, [("a_count", 1), ("backup_ok", 2), ("good", all), ("last", all), ("node", 1)]);
        assert_eq!(out.len(), 2 + 2 * all + 2);
        let last = merged.families().nth(3).unwrap();
        assert_eq!(last.samples().map(|sample| sample.labels).nth(3), Some("at=\"3\""));
    }
    let merged = texts(&mut out).merged();
    out.clear();
    out.push_text("first", BACKUP).unwrap();
    assert!(!texts(&mut out).are(&merged));
}

#[test]
fn a_text_of_which_a_family_is_left_out_stays_the_same() {
    let mut out = Texts::samples(&[OWN], 100);
    let push = |out: &mut Samples, text: &str| {
        out.clear();
        let why = out.push_text("x", text).unwrap().map(|why| why.message().to_owned());
        (why, Texts::of(out).unwrap().merged())
    };
    let twice = Some("the series bad twice".to_owned());
    let (why, first) = push(&mut out, "good 1\nbad 1\nbad 1\n");
    assert_eq!(why, twice);
    let (why, _) = push(&mut out, "good 1\nbad 1\nbad 1\n");
    assert!(why == twice && texts(&mut out).are(&first));
    // The same is left of it, and nothing is left out.
    let (why, second) = push(&mut out, "good 1\n");
    assert!(why.is_none() && second.series() == 1);
    let (why, _) = push(&mut out, "good 1\nbad 1\nbad 1\n");
    assert_eq!(why, twice);
    // Only a few of many are told.
    let many: String = (0..9).map(|at| format!("b{at} 1\nb{at} 1\n")).collect();
    let (why, _) = push(&mut out, &format!("good 1\n{}", &many[..5 * 10]));
    let three = "the series b0 twice; the series b1 twice; the series b2 twice; and 2 more";
    assert_eq!(why.unwrap(), three);
    out.clear();
    assert!(out.push_text("x", "bad 1\nbad 1\n").unwrap_err().message().contains("twice"), "nothing is left");
}

#[test]
fn two_texts_may_not_share_a_histogram() {
    let mut out = samples();
    let half = |rest: &str| format!("# TYPE h histogram\n{rest}");
    out.push_text("x", &half("h_bucket{a=\"1\",le=\"+Inf\"} 1\n")).unwrap();
    let error = out.push_text("x", &half("h_count{a=\"1\"} 1\nh_sum{a=\"1\"} 3\n")).unwrap_err();
    assert!(error.message().contains("has h{a=\"1\"}, as x has"), "{error}");
    out.push_text("x", &half("h_count{a=\"2\"} 1\n")).unwrap();
}

#[test]
fn the_same_texts_are_the_same_series_and_are_judged_once() {
    let mut out = samples();
    let given = [("one", "one 1\n"), ("bad", "own 1\n"), ("two", "two 1\n")];
    let push = |out: &mut Samples, given: &[(&str, &str)]| {
        out.clear();
        given.iter().map(|(source, text)| out.push_text(source, text).is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(push(&mut out, &given), [true, false, true]);
    let merged = texts(&mut out).merged();
    assert!(texts(&mut out).are(&merged));
    assert_eq!(push(&mut out, &given), [true, false, true]);
    assert!(texts(&mut out).are(&merged));
    // One less, and the others again.
    assert_eq!(push(&mut out, &given[..1]), [true]);
    assert!(!texts(&mut out).are(&merged));
    assert_eq!(push(&mut out, &given), [true, false, true]);
    let merged = texts(&mut out).merged();
    // A place further on, beside one that can't be read: the same texts.
    let moved = [("worse", "own\n"), given[0], given[1], given[2]];
    assert_eq!(push(&mut out, &moved), [false, true, false, true]);
    assert!(texts(&mut out).are(&merged));
    let changed = [given[0], ("bad", "one 2\n"), given[2], given[2]];
    assert_eq!(push(&mut out, &changed), [true, false, true, false]);
    assert!(texts(&mut out).are(&merged));
    // Another plugin has come and declares what a text has.
    texts(&mut out).set_claims(&claims("plugin late", LATE));
    assert_eq!(push(&mut out, &given), [true, false, false]);
    assert!(!texts(&mut out).are(&merged));
    assert!(merged.conflict_with(LATE).is_some());
    assert_eq!(merged.conflict_with(OTHERS), None);
}

#[test]
fn texts_count_against_the_limit_of_series() {
    let mut out = samples();
    let six: String = (0..6).map(|at| format!("a{{b=\"{at}\"}} 1\n")).collect();
    out.push_text("first", &six).unwrap();
    let error = out.push_text("second", &six.replace('a', "c")).unwrap_err();
    assert!(error.message().contains("more than 4 series"), "{error}");
    out.clear();
    // With less room the verdict is another one, though the text is the same; and with more room again.
    for _ in 0..5 {
        out.push(&OWN, [], 1.0);
    }
    assert!(out.push_text("first", &six).is_err());
    assert!(out.fault().is_none());
    out.clear();
    out.push_text("first", &six).unwrap();
    // What was declared finds its place beside any text.
    for _ in 0..10 {
        out.push(&OWN, [], 1.0);
    }
    assert!(out.fault().is_none());
}

#[test]
fn a_text_that_comes_again_in_other_words_is_kept() {
    let mut out = samples();
    let mut collect = |text: &str| {
        out.clear();
        out.push_text("x", text)?;
        Ok::<_, Error>(texts(&mut out).merged())
    };
    let first = collect("a NaN\n").unwrap();
    let again = collect("# TYPE a untyped\na NaN\n").unwrap();
    assert!(Arc::ptr_eq(&first.parts[0], &again.parts[0]));
    assert!(collect("a\n").is_err());
    assert_eq!(collect("a 2\n").unwrap().series(), 1);
}

#[test]
fn pages_as_an_agent_writes_them_pass() {
    for text in [
        "",
        "up 1\n",
        "# HELP a Some \"help\" \\n.\n# TYPE a gauge\na{x=\"1\",y=\"} \\\" \\\\ \\n é\"} 1.5e-7\na{x=\"\",y=\"\"} -Inf\n",
        "# TYPE a untyped\na NaN\n# TYPE b counter\nb +Inf\n",
        "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\n",
    ] {
        assert_eq!(check_page(text), Ok(()), "{text}");
    }
}

#[test]
fn pages_that_no_agent_writes_are_told() {
    for (text, why) in [
        ("up 1", "line 1: the last line has no end"),
        ("\n", "line 1: an empty line"),
        ("up\n", "line 1: expected a number"),
        ("up{ 1\n", "expected name="),
        ("up{} 1\n", "expected up 1, found"),
        ("up{a=\"1} 1\n", "expected a closing quote"),
        ("up{a=\"1\",} 1\n", "expected up{a=\"1\"} 1, found"),
        ("up{a=\"1\" b=\"2\"} 1\n", "expected a comma or a closing brace"),
        ("up{a=\"\\t\"} 1\n", "unknown escape"),
        ("up{a=\"1\",a=\"2\"} 1\n", "the label a twice"),
        ("up{a=\"1\"}1\n", "expected up{a=\"1\"} 1, found"),
        ("up one\n", "expected a number, found \"one\""),
        ("up nan\n", "expected a number, NaN"),
        ("up inf\n", "expected a number, NaN"),
        ("up 1 1700000000000\n", "line 1: a timestamp"),
        ("1up 1\n", "expected a name"),
        (" up 1\n", "expected up 1, found \" up 1\""),
        (" 1\n", "expected a name"),
        ("é 1\n", "expected a name"),
        ("up 1\nup 2\n", "the series up twice"),
        ("a 1\nb 1\na{x=\"1\"} 1\n", "line 3: the family a is not in one piece"),
        ("a 1\n# TYPE a gauge\n", "line 2: the TYPE of a behind samples"),
        ("a 1\n# HELP a A.\n", "line 2: the HELP of a behind samples"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a second TYPE"),
        ("# TYPE a Gauge\n", "expected counter, gauge"),
        ("#TYPE a gauge\n", "expected # TYPE a gauge"),
        ("# TYPE a thing\n", "expected counter, gauge"),
        ("# TYPE a summary\na_sum 1\nb 1\na_count 1\na{quantile=\"1\"} 1\n", "not in one piece"),
        ("# EOF\n", "expected # HELP"),
    ] {
        let error = check_page(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
}
