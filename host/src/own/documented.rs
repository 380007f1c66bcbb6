//! `docs/own-metrics.md` lists the agent's own families.

use std::fmt::Write as _;
use std::path::Path;

use relink_core::Kind;

use super::FAMILIES;

const HEAD: &str = "\
# What the agent says of itself

The families on `/metrics` that are of no collector. Those of a history, a web configuration file, a certificate, a place to push to and
of the process in /proc are there where there is one; [push](push.md) has alerts. `RELINK_BLESS=1 cargo test -p relink-host --lib documented` writes this page.

| family | type | labels | meaning |
|---|---|---|---|
";

#[test]
fn the_page_lists_all_families() {
    let mut page = HEAD.to_owned();
    for family in FAMILIES {
        let kind = match family.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Unknown => "unknown",
        };
        let labels: Vec<_> = family.label_names().iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{}` | {kind} | {} | {} |", family.name(), labels.join(", "), family.help())
            .unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/own-metrics.md");
    if std::env::var("RELINK_BLESS").as_deref() == Ok("1") {
        std::fs::write(&path, &page).unwrap();
    }
    let shown = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shown == page,
        "docs/own-metrics.md is old; write it again with RELINK_BLESS=1 cargo test -p relink-host --lib documented"
    );
}
