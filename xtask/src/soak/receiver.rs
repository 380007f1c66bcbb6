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
        let found = self.query(&format!("{series}[{seconds}s]"))?;
        let times = match &found[..] {
            [] => Vec::new(),
            [one] => times(one),
            _ => return Err(Failure::new(format!("{} series at the receiver are {series}", found.len()))),
        };
        Ok(Stored::of(times, interval))
    }

    /// The families of which a series has ended meanwhile, but for those of this name, with how often.
    pub(super) fn ended(&self, but: &str, seconds: u64) -> Result<Vec<String>> {
        let markers = format!("stale_samples_over_time({{__name__!=\"{but}\"}}[{seconds}s])");
        let found = self.query(&format!("sum({markers}keep_metric_names)by(__name__)>0"))?;
        Ok(found
            .iter()
            .map(|one| format!("{} {} times", text(&one["metric"]["__name__"]), text(&one["value"][1])))
            .collect())
    }

    fn query(&self, query: &str) -> Result<Vec<Value>> {
        let path = format!("/api/v1/query?nocache=1&query={query}");
        let answer = Connection::open(&self.server.address, PATIENCE)?.request("GET", &path, "")?;
        let body: Value = serde_json::from_slice(&answer.body).doing("an answer of the receiver")?;
        match body["data"]["result"].as_array() {
            Some(found) if answer.status == 200 => Ok(found.clone()),
            _ => Err(Failure::new(format!("{query} at the receiver: {} {body}", answer.status))),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
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
