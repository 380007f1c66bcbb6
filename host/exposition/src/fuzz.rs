//! Texts that no script means to write.

use super::*;

#[test]
fn fuzz_exposition() {
    const PAGE: &str = "# HELP a A \\\\ text.\n# TYPE a gauge\na{b=\"c\\\"\\n\",d=\"\"} 1\n# EOF\nx_total 1e5 1700000000000\n";
    const KINDS: &str = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 2\nh_count 2\n\
        # TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum 1\ns_count 1\n";
    let words = [
        "#", "# TYPE ", "# HELP ", "{", "}", "\"", "\\", ",", "=", " ", "\t", "\n", "le=\"", "_bucket",
        "NaN", "+Inf", "é", "\u{0}",
    ];
    relink_fuzz::fuzz("exposition", &[PAGE, KINDS], &words, |input| {
        let text = String::from_utf8_lossy(input);
        let _ = parse::check_page(&text);
        if let Ok(read) = Exposition::read("a.prom", &text, 1000) {
            // What is shown is read again as the same.
            let again = Exposition::parse("a.prom", read.text(), 1000)
                .unwrap_or_else(|why| panic!("{why}: {:?}", read.text()));
            assert_eq!(again.text(), read.text());
            assert_eq!(again.series(), read.series());
        }
    });
}
