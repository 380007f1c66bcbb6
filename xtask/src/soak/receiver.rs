//! A real VictoriaMetrics, which tells what it has stored.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::judge::Stored;
use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::server::{Server, free_address};

const PROGRAM: &str = "victoria-metrics";
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

/// The receiver.
pub(super) struct Receiver {
    pub server: Server,
}

impl Receiver {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let program = crate::bench::on_path(PROGRAM).ok_or_else(|| {
            Failure::new(format!("{PROGRAM} is not on PATH, and takes the push; apt-get install {PROGRAM}"))
        })?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command.arg(format!("-storageDataPath={}", folder.join("data").display()));
        command.arg(format!("-httpListenAddr={address}"));
        // Without the last it shows nothing that is younger than 30 seconds. It stores each sample as often as it comes.
        command.args(["-memory.allowedBytes=64MB", "-retentionPeriod=100y", "-search.latencyOffset=0s"]);
        let log = folder.join("victoria-metrics.log");
        command.stderr(File::create(&log).doing(format_args!("making {}", log.display()))?);
        Ok(Receiver { server: Server::of(command, address, "/health")? })
    }

    /// What it has of a series, of which there is one, over so many seconds.
    pub(super) fn stored(&self, series: &str, seconds: u64, interval: i64) -> Result<Stored> {
        let path = format!("/api/v1/query?nocache=1&query={series}[{seconds}s]");
        let answer = Connection::open(&self.server.address, PATIENCE)?.request("GET", &path, "")?;
        let body: Value = serde_json::from_slice(&answer.body).doing("an answer of the receiver")?;
        let found = body["data"]["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        let times = match found {
            [] if answer.status == 200 => Vec::new(),
            [one] => times(one),
            _ => return Err(Failure::new(format!("{series} at the receiver: {} {body}", answer.status))),
        };
        Ok(Stored::of(times, interval))
    }
}

/// In milliseconds.
fn times(series: &Value) -> Vec<i64> {
    let samples = series["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    let milliseconds = |sample: &Value| (sample[0].as_f64().unwrap_or_default() * 1e3).round() as i64;
    samples.iter().map(milliseconds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds() {
        let series = serde_json::json!({"values": [[1764331200.001, "1"], [1764331201, "NaN"]]});
        assert_eq!(times(&series), [1_764_331_200_001, 1_764_331_201_000]);
    }
}
