//! How long a scrape may take.

use std::time::Duration;

/// The time for a collection: what the scraper allows (the value of `X-Prometheus-Scrape-Timeout-Seconds`), less
/// a share to send the answer, and never more than `most`.
///
/// The share is a tenth, half a second at the most: a fixed share as large as a short time-out would leave nothing.
pub(crate) fn allowed(header: Option<&str>, most: Duration) -> Duration {
    let seconds =
        header.and_then(|text| text.trim().parse::<f64>().ok()).filter(|s| s.is_finite() && *s > 0.0);
    match seconds {
        Some(seconds) => Duration::from_secs_f64((seconds - (seconds / 10.0).min(0.5)).min(3600.0)).min(most),
        None => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_its_answer_before_it_gives_up() {
        let most = Duration::from_secs(20);
        let allowed = |header| allowed(header, most).as_secs_f64();
        assert_eq!(allowed(Some("1")), 0.9);
        assert_eq!(allowed(Some("10")), 9.5);
        assert_eq!(allowed(Some("0.1")), 0.09);
        for header in
            [None, Some(""), Some("soon"), Some("-1"), Some("0"), Some("NaN"), Some("inf"), Some("1e300")]
        {
            assert_eq!(allowed(header), 20.0, "{header:?}");
        }
    }
}
