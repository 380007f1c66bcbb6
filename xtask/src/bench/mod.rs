//! `cargo xtask bench`: this agent beside its peers, on this machine, in one run. A file a section.

mod calls;
mod large;
mod libraries;
mod load;
mod reload;
mod scrape;
mod scratch;
mod table;

pub(crate) use scrape::on_path;

use std::process::Command;

use crate::args::Section;
use crate::failure::{Doing, Result};
use crate::{build, cargo};

/// Runs the sections and prints their tables as Markdown on stdout.
pub(crate) fn perform(sections: &[Section]) -> Result<()> {
    let agent = shipped()?;
    for section in sections {
        let tables = match section {
            Section::Scrape => {
                let measure = |work| scrape::measure(&agent, work);
                vec![measure(&scrape::CPU_AND_DISK)?, measure(&scrape::SEVEN)?, measure(&scrape::ALL)?]
            }
            Section::Reload => vec![reload::measure(&agent)?],
            Section::Large => {
                let table = large::files(&agent, &agent.with_file_name("relink-bench-large"))?;
                println!("{table}");
                large::interfaces_of_a_name_space()?;
                Vec::new()
            }
            Section::Interfaces => vec![large::interfaces(&agent)?],
        };
        tables.iter().for_each(|table| println!("{table}"));
    }
    Ok(())
}

/// The agent as it is shipped: a third smaller than `cargo build --release` makes it, on disk and in memory.
fn shipped() -> Result<std::path::PathBuf> {
    let mut command = cargo::command(&["build", "--profile", "dist", "--package", build::AGENT]);
    cargo::build(&mut command).map(|built| built.file)
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The middle value; of an even number of values, the lower of the two.
fn median(values: &mut [f64]) -> f64 {
    percentile(values, 50)
}

/// The smallest value that `percent` of all values do not exceed. Not a number if there is no value.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Today in UTC, as 2026-11-23.
fn today() -> Result<String> {
    let date = Command::new("date").args(["--utc", "+%F"]).output().doing("asking for the date")?;
    Ok(String::from_utf8_lossy(&date.stdout).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(median(&mut values), 3.0);
        assert_eq!(percentile(&mut values, 99), 5.0);
        assert_eq!(median(&mut [2.0, 1.0]), 1.0);
        assert!(median(&mut []).is_nan());
    }
}
