//! What the agent says of itself on `/metrics`.

use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::http::Connection;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

/// The agent's own families.
pub(super) struct Page(String);

impl Page {
    /// Asks on a connection of its own, which is closed again.
    pub(super) fn of(address: &str) -> Result<Self> {
        let answer = Connection::open(address, PATIENCE)?.request(
            "GET",
            "/metrics?collect[]=loadavg",
            "Connection: close\r\n",
        )?;
        match answer.status {
            200 => Ok(Page(String::from_utf8_lossy(&answer.body).into_owned())),
            status => Err(Failure::new(format!("/metrics answered {status}"))),
        }
    }

    /// The sum over all series of a family; `None` without any.
    pub(super) fn sum(&self, family: &str) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(family)?;
            rest.starts_with([' ', '{']).then_some(rest)?.rsplit(' ').next()?.parse::<f64>().ok()
        });
        values.fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
    }

    /// Whether the push's queue is on disk: 1 or 0.
    pub(super) fn on_disk(&self) -> Option<f64> {
        self.sum("relink_push_queue_on_disk")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_summed_up() {
        let page = Page(
            "# TYPE a_total counter\na_total{r=\"x y\"} 2\na_total{r=\"z\"} 1\na_total_b 9\nc 7\n".into(),
        );
        assert_eq!([page.sum("a_total"), page.sum("c"), page.sum("d")], [Some(3.0), Some(7.0), None]);
    }
}
