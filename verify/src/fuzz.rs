//! Texts that nobody meant, made from sound ones: whatever comes in, there is an answer.

use std::time::Instant;

use crate::compare::Differences;
use crate::on_a_deep_stack;
use crate::page::Page;
use crate::promql::LONGEST;
use crate::questions::Asked;
use crate::verdict::Verdict;

const PAGE: &str = "\
# HELP node_load1 Load \\\\ over a minute.
# TYPE node_load1 gauge
node_load1 0.25
# TYPE node_filesystem_readonly gauge
node_filesystem_readonly{device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/q\\\"\\\\134\"} 0
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile=\"0.5\"} 1e-05
go_gc_duration_seconds_sum NaN
go_gc_duration_seconds_count 3
# TYPE h histogram
h_bucket{le=\"1\"} 1
h_bucket{le=\"+Inf\"} 2
h_sum 2
h_count 2
node_scrape_collector_success{collector=\"dmi\"} 1
";

const RULES: &str = "\
kind: PrometheusRule
spec:
  groups: &groups
  - name: node
    rules:
    - alert: ReadOnly
      expr: |
        node_filesystem_readonly{mountpoint=\"/\",job=~\"node.*\"} == 1 unless on (device) node_x
      for: 1m
    - {record: 'instance:load:ratio', expr: 'sum without (cpu) (node_load1) / 2'}
---
groups: *groups
";

const DASHBOARD: &str = r#"{"title":"Board","templating":{"list":[
{"name":"node","type":"query","query":{"query":"label_values(node_load1{job=\"$job\"}, instance)"}},
{"name":"n","type":"custom","query":"1,5,a : 15"}]},"annotations":{"list":[{"name":"x","expr":"up == 0"}]},
"panels":[{"id":1,"title":"Load","datasource":{"type":"prometheus"},"targets":[{"expr":"node_load$n{instance=~\"${node:regex}\"}"},
{"expr":"sum by ([[label]]) (rate(node_load1[$__rate_interval])) > $limit"}]},
{"type":"row","panels":[{"title":"Old","targets":[{"expr":"topk($k, node_load1 offset $back)"}]}]}]}"#;

const EXPRESSIONS: [&str; 8] = [
    "histogram_quantile(0.9, sum by (le) (rate(h_bucket{le!=\"1\"}[5m])))",
    "(node_load1 + on (instance) group_left (nodename) 0 * node_uname_info) > bool 1 and absent(node_x)",
    "max_over_time(-node_load1[1h:5m] offset 5m) or vector(time()) ^ 2 % 3",
    "label_replace({__name__=~\"node_.+\",x!~\"(a|b)?c{2}\"}, \"a\", \"$1\", \"b\", \"(.*)\")",
    "count_values('v', node_load1 @ end()) / ignoring (v) fill (0) node_load1 == 0x1F",
    "quantile_over_time(0.5, node_load1[5m] @ 1.5e9) unless {\"node load\", x=\"\\u00e9\\\"\"}",
    "a{b=\"c\" or d=~\"e\"} # comment\n - 1_000 + Inf * NaN",
    "sum(node_load1) by (a) atan2 -+-1",
];

const WORDS: [&str; 46] = [
    "(", ")", "[", "]", "{", "}", "\"", "'", "`", "\\", ",", ":", "- ", "-", "+", "$", "${", "[[", "]]",
    "}}", "&a ", "*a", "<<: ", "|", "\n", "\n  ", "\t", "#", "=~", "!=", "== ", " or ", " unless ", " by (",
    "rate(", "sum(", "__any__", "1e999", "\u{0}", "\u{1b}", "é", "\\u0000", "# TYPE ", "_bucket", "expr",
    "targets",
];

/// Reads a spoilt text as each of what it may be, and gives what was read to all that follows.
fn read(kind: usize, bytes: &[u8], page: &Page) {
    let text = String::from_utf8_lossy(bytes);
    match kind {
        0 => {
            if let Ok(spoilt) = Page::parse("a page", bytes) {
                let _ = Differences::between(&spoilt, page);
                let _ = Differences::between(page, &spoilt);
                let _ = serde_json::to_string(&verdict(Asked::of(RULES, DASHBOARD), &spoilt, page));
            }
        }
        1 => drop(verdict(Asked::of(&text, ""), page, page)),
        2 => drop(verdict(Asked::of("", &text), page, page)),
        3 => {
            let rule = serde_json::json!({"alert": "a", "expr": text});
            drop(verdict(Asked::of(&rule.to_string(), ""), page, page));
        }
        _ => {
            let panel = serde_json::json!({"title": "p", "targets": [{"expr": text}], "templating": {"list": [
                {"name": "v", "type": "query", "query": text}, {"name": "n", "type": "custom", "query": text}]}});
            drop(verdict(Asked::of("", &panel.to_string()), page, page));
        }
    }
}

fn verdict(asked: Result<Asked, relink_core::Error>, theirs: &Page, ours: &Page) -> Option<Verdict> {
    Some(Verdict::of(&asked.ok()?.questions, theirs, ours))
}

#[test]
fn fuzz_verify() {
    on_a_deep_stack(|| {
        let page = Page::parse("a page", PAGE.as_bytes()).unwrap();
        relink_fuzz::fuzz_with("verify", relink_fuzz::RUNS, |dice, given| {
            let kind = dice.roll(5);
            let expression = dice.pick(&EXPRESSIONS).unwrap_or_default();
            let sound = [PAGE, RULES, DASHBOARD, expression, expression][kind];
            let other = dice.pick(&[PAGE, RULES, DASHBOARD, expression]).unwrap_or_default();
            let input = dice.spoil(sound.as_bytes(), other.as_bytes(), &WORDS);
            given(&[&[b'0' + kind as u8], &b": "[..], &input].concat());
            read(kind, &input, &page);
        });
    })
    .unwrap();
}

#[test]
fn deep_and_long_expressions_neither_overflow_nor_take_for_ever() {
    on_a_deep_stack(|| {
        let page = Page::parse("a page", PAGE.as_bytes()).unwrap();
        for (open, middle, close) in [
            ("(", "a", ")"),
            ("sum(", "a", ")"),
            ("-", "a", ""),
            ("a+", "a", ""),
            ("a or ", "a", ""),
            ("a^", "a", ""),
            ("absent(", "a", ")"),
            ("a unless (", "a", ")"),
            ("", "a", "[1m:]"),
            ("-{}", "", "-1"),
            ("(", "", ""),
            ("{x=~\"(a{1000}){1000}\"} or ", "a", ""),
            ("$a ", "a", ""),
            ("[[a]]", "a", ""),
        ] {
            for bytes in [LONGEST - 8, 1 << 20] {
                let times = bytes / (open.len() + close.len());
                let text = format!("{}{middle}{}", open.repeat(times), close.repeat(times));
                let began = Instant::now();
                read(3, text.as_bytes(), &page);
                read(4, text.as_bytes(), &page);
                println!("{:.12}: {bytes} bytes in {:?}", text, began.elapsed());
            }
        }
    })
    .unwrap();
}
