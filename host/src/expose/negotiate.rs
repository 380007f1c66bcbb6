//! Which format a client wants.

use super::Format;

/// The best of relink's formats for these headers, and whether the body may be compressed.
///
/// The format with the highest `q` wins; between equals the one that is named more exactly, then the one named
/// first, then plain Prometheus text, which is also the answer to headers that accept nothing relink has: a scrape
/// that fails tells nobody anything. Parts that can't be read are ignored.
pub(crate) fn negotiate(accept: Option<&str>, accept_encoding: Option<&str>) -> (Format, bool) {
    (format(accept.unwrap_or("")), takes_gzip(accept_encoding))
}

fn format(accept: &str) -> Format {
    let ranges: Vec<Range> = split(accept, ',').filter_map(Range::parse).collect();
    let mut best = (Format::Prometheus, Rank::default());
    for format in [Format::Prometheus, Format::OpenMetrics, Format::OpenMetricsDraft] {
        let rank = rank(&ranges, format);
        if rank.q > 0 && rank > best.1 {
            best = (format, rank);
        }
    }
    best.0
}

/// How much a client likes a format; compared from the first field to the last.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// In thousandths.
    q: u16,
    exactness: u8,
    position: std::cmp::Reverse<usize>,
}

/// The most exact range that matches decides, so that `text/plain;q=0, */*` refuses text.
fn rank(ranges: &[Range], format: Format) -> Rank {
    let matching = ranges.iter().enumerate().filter_map(|(at, range)| {
        let exactness = range.matches(format)?;
        Some(Rank { q: range.q, exactness, position: std::cmp::Reverse(at) })
    });
    matching.max_by_key(|rank| (rank.exactness, rank.position)).unwrap_or_default()
}

/// A media range of an `Accept` header.
struct Range<'a> {
    media: &'a str,
    version: Option<&'a str>,
    q: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split(text, ';');
        let mut range = Range { media: parts.next()?, version: None, q: 1000 };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim() {
                name if name.eq_ignore_ascii_case("version") => range.version = Some(value),
                name if name.eq_ignore_ascii_case("q") => range.q = quality(value)?,
                _ => {}
            }
        }
        Some(range)
    }

    /// How exactly this range names the format, if it does.
    fn matches(&self, format: Format) -> Option<u8> {
        let (group, media, version) = match format {
            Format::Prometheus => ("text/*", "text/plain", "0.0.4"),
            Format::OpenMetrics => ("application/*", "application/openmetrics-text", "1.0.0"),
            Format::OpenMetricsDraft => ("application/*", "application/openmetrics-text", "0.0.1"),
        };
        if self.media.eq_ignore_ascii_case(media) {
            return match self.version {
                Some(asked) => (asked == version).then_some(4),
                None => Some(3),
            };
        }
        if self.media.eq_ignore_ascii_case(group) {
            return Some(2);
        }
        (self.media == "*/*").then_some(1)
    }
}

/// Whether an answer to a request with this `Accept-Encoding` may be compressed with gzip.
pub(crate) fn takes_gzip(accept_encoding: Option<&str>) -> bool {
    let accept_encoding = accept_encoding.unwrap_or("");
    let mut named = None;
    let mut any = None;
    let mut identity = None;
    for item in split(accept_encoding, ',') {
        let mut parts = split(item, ';');
        let coding = parts.next().unwrap_or("");
        let q = match parts.next() {
            None => Some(1000),
            Some(part) => part
                .split_once('=')
                .filter(|(q, _)| q.trim().eq_ignore_ascii_case("q"))
                .and_then(|(_, q)| quality(q)),
        };
        let Some(q) = q else { continue };
        match coding {
            "*" => any = Some(q),
            c if c.eq_ignore_ascii_case("gzip") || c.eq_ignore_ascii_case("x-gzip") => named = Some(q),
            c if c.eq_ignore_ascii_case("identity") => identity = Some(q),
            _ => {}
        }
    }
    let gzip = named.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// A `q` in thousandths, or nothing when it is not between 0 and 1.
fn quality(text: &str) -> Option<u16> {
    let q: f32 = text.trim().parse().ok()?;
    (0.0..=1.0).contains(&q).then_some((q * 1000.0).round() as u16)
}

/// The parts of a header between separators that stand outside quotes, trimmed.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let outside = !quoted && c == separator;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        outside
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::{OpenMetrics, OpenMetricsDraft, Prometheus};

    #[test]
    fn clients_get_the_format_that_they_prefer() {
        let cases = [
            // Prometheus 3
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            // … with protobuf first, for native histograms
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            // … with scrape_protocols: [PrometheusText1.0.0, PrometheusText0.0.4]
            (
                "text/plain;version=1.0.0;escaping=underscores;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Prometheus,
            ),
            // Prometheus 2.40
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 2.20
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetricsDraft,
            ),
            // curl, Firefox, a scraper of old
            ("*/*", Prometheus),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Prometheus),
            ("text/plain; version=0.0.4; q=1, */*; q=0.1", Prometheus),
            ("text/plain", Prometheus),
            ("text/*", Prometheus),
            // OpenMetrics without a version is the published one
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", OpenMetrics),
            ("application/*", OpenMetrics),
            // q decides, not the order; between equals the order
            ("text/plain;q=0.2, application/openmetrics-text;q=0.3", OpenMetrics),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.3", Prometheus),
            ("application/openmetrics-text, text/plain", OpenMetrics),
            ("text/plain, application/openmetrics-text", Prometheus),
            // q=0 refuses
            ("application/openmetrics-text;q=0, */*;q=0.1", Prometheus),
            ("text/plain;q=0, */*", OpenMetrics),
            (
                "application/openmetrics-text;version=1.0.0;q=0, application/openmetrics-text",
                OpenMetricsDraft,
            ),
            // nothing that relink has, and nonsense
            ("", Prometheus),
            ("image/png", Prometheus),
            ("*/*;q=0", Prometheus),
            ("application/openmetrics-text;version=2.0.0", Prometheus),
            ("application/openmetrics-text;q=nan, text/plain;q=0.1", Prometheus),
            ("application/openmetrics-text;q=7", Prometheus),
            (",,;;==,;q=,\"", Prometheus),
            ("x;y=\"a,application/openmetrics-text\"", Prometheus),
            ("x;y=\"\\\",application/openmetrics-text\",*/*;q=0.1", Prometheus),
        ];
        for (accept, expected) in cases {
            assert_eq!(negotiate(Some(accept), None), (expected, false), "{accept}");
        }
        assert_eq!(negotiate(None, None), (Prometheus, false));
    }

    #[test]
    fn gzip_only_for_those_who_take_it() {
        let cases = [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("deflate, GZIP;q=1.0, *;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("gzip;q=0.001", true),
            ("identity", false),
            ("", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity, gzip;q=0.5", false),
            ("identity;q=0.5, gzip", true),
            ("gzip;q=x", false),
            ("gzip;level=9", false),
            (";;,=,gzipped", false),
        ];
        for (header, expected) in cases {
            assert_eq!(negotiate(None, Some(header)).1, expected, "{header}");
        }
    }

    #[test]
    fn fuzz_accept() {
        let seeds = [
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "gzip;q=1.0, identity; q=0.5, *;q=0",
        ];
        relink_fuzz::fuzz(
            "accept",
            &seeds,
            &[";", ",", "=", "q=", "*", "\"", "\\", " ", "1.0000"],
            |input| {
                let text = String::from_utf8_lossy(input);
                let _ = (negotiate(Some(&text), None), negotiate(None, Some(&text)));
            },
        );
    }
}
