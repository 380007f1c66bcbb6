//! Load averages of the machine, from `/proc/loadavg`, under the names that node_exporter's dashboards ask for.

use relink_core::{Collector, Context, Error, Facts, Family, Options, Samples, Source, register};

const LOAD1: Family = Family::gauge(
    "node_load1",
    "Tasks that ran or waited, as a mean that weighs the last minute (/proc/loadavg).",
);
const LOAD5: Family = Family::gauge(
    "node_load5",
    "Tasks that ran or waited, as a mean that weighs the last 5 minutes (/proc/loadavg).",
);
const LOAD15: Family = Family::gauge(
    "node_load15",
    "Tasks that ran or waited, as a mean that weighs the last 15 minutes (/proc/loadavg).",
);

register! {
    name: "load",
    help: "Load averages",
    families: [LOAD1, LOAD5, LOAD15],
    new: |options: &Options| Load::new(options),
}

struct Load {
    source: Source,
}

impl Load {
    fn new(options: &Options) -> Result<Self, Error> {
        options.expect_none()?;
        Ok(Load { source: Source::new(options.procfs("loadavg")) })
    }

    fn read(&mut self) -> Result<[f64; 3], Error> {
        let loads = parse(self.source.read()?);
        loads.context(self.source.path().display())
    }
}

impl Collector for Load {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let loads = self.read()?;
        for (family, load) in [LOAD1, LOAD5, LOAD15].iter().zip(loads) {
            out.push(family, [], load);
        }
        Ok(())
    }

    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let [one, five, fifteen] = self.read()?;
        out.push("load", format!("{one} in 1 minute, {five} in 5, {fifteen} in 15"));
        Ok(())
    }
}

/// `0.90 0.76 1.39 2/78 115514`: the means over 1, 5 and 15 minutes; the rest is of no use here.
fn parse(text: &str) -> Result<[f64; 3], Error> {
    let mut words = text.lines().next().unwrap_or("").split_ascii_whitespace();
    let mut loads = [0.0; 3];
    for load in &mut loads {
        let word = words.next().unwrap_or("");
        *load = word
            .parse()
            .ok()
            .filter(|load: &f64| load.is_finite() && *load >= 0.0)
            .ok_or_else(|| Error::expected("a load average such as 0.25", word).context("line 1"))?;
    }
    Ok(loads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_begin_the_line() {
        assert_eq!(parse("0.90 0.76 12.00 2/78 115514\n").unwrap(), [0.9, 0.76, 12.0]);
        for (text, found) in [
            ("", "\"\""),
            ("1.0 2.0\n3.0", "\"\""),
            ("1.0 x 2.0", "\"x\""),
            ("-1 2 3", "\"-1\""),
            ("nan 1 1", "\"nan\""),
        ] {
            let message = parse(text).unwrap_err().message().to_owned();
            assert_eq!(message, format!("line 1: expected a load average such as 0.25, found {found}"));
        }
    }
}
