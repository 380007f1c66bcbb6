//! How much of the agent a client may hold, and for how long.

use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::Seconds;

/// The `[limits]` table of `relink.toml`. Times are seconds, with fractions; sizes are bytes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// From a request head's first byte to its last. A head that begins in one packet with the request before has
    /// `idle_timeout` instead.
    pub(crate) header_timeout: Seconds<5_000>,
    /// From the end of a request's head to the end of its body.
    pub(crate) body_timeout: Seconds<10_000>,
    /// How long a connection may stay silent between two requests, or before its first.
    pub(crate) idle_timeout: Seconds<60_000>,
    /// How long one write of a response may wait for a client that does not read.
    pub(crate) write_timeout: Seconds<10_000>,
    /// The longest request body; it is held in memory whole.
    pub(crate) max_body: usize,
    /// The longest request head. Values below 8 KiB, hyper's smallest buffer, hold for the head but not for the buffer.
    pub(crate) max_head: usize,
    /// Connections open at once. Half of the process's limit of open files is a further bound.
    pub(crate) max_connections: usize,
    /// Event streams (`GET /events`) open at once.
    pub(crate) max_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_timeout: Seconds::default(),
            body_timeout: Seconds::default(),
            idle_timeout: Seconds::default(),
            write_timeout: Seconds::default(),
            max_body: 64 * 1024,
            max_head: 16 * 1024,
            max_connections: 256,
            max_streams: 32,
        }
    }
}

impl Limits {
    /// `max_connections`, or less where the process may not open that many files: the other half is for collectors'
    /// sources, logs and the reload.
    pub(crate) fn connections(&self) -> usize {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let half = usize::try_from(files / 2).unwrap_or(usize::MAX).max(1);
        if half < self.max_connections {
            tracing::warn!(
                "[limits] max_connections is {}, and {half} is used: half of the process's limit of open files (LimitNOFILE= \
                 in a unit, ulimit -n in a shell)",
                self.max_connections
            );
        }
        self.max_connections.min(half).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_what_differs_from_the_defaults() {
        let limits: Limits =
            toml::from_str("header_timeout = 0.25\nidle_timeout = 5\nmax_body = 10").unwrap();
        let expected = Limits {
            header_timeout: Seconds::ms(250),
            idle_timeout: Seconds::ms(5_000),
            max_body: 10,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn wrong_keys_and_times_are_refused() {
        for (text, expected) in [
            ("header_timeot = 1", "unknown field `header_timeot`"),
            ("header_timeout = -1", "-1 is out of range"),
            ("header_timeout = 0", "0 is out of range"),
            ("idle_timeout = inf", "inf is out of range"),
            ("idle_timeout = nan", "NaN is out of range"),
            ("max_body = -1", "invalid value"),
        ] {
            let error = toml::from_str::<Limits>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn open_files_bound_the_connections() {
        let greedy = Limits { max_connections: usize::MAX, ..Limits::default() };
        assert!(greedy.connections() < usize::MAX, "this process's own limit is read");
        assert_eq!(Limits { max_connections: 0, ..Limits::default() }.connections(), 1);
    }
}
