//! Load averages, under the names that node_exporter's dashboards ask for.
use relink_core::{Collector, Error, Family, Paths, Samples, Source, register};

const LOAD: &[Family] = &[
    Family::gauge("node_load1", "Tasks that ran or waited, mean of about 1 minute (/proc/loadavg)."),
    Family::gauge("node_load5", "Tasks that ran or waited, mean of about 5 minutes (/proc/loadavg)."),
    Family::gauge("node_load15", "Tasks that ran or waited, mean of about 15 minutes (/proc/loadavg)."),
];

register! { plugin: "load", collector: "loadavg", help: "Load averages", families: LOAD, new: Load::new }

struct Load(Source);
impl Load {
    fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Load(Source::new(paths.procfs("loadavg"))))
    }
}

impl Collector for Load {
    /// `0.90 0.76 1.39 2/78 115514`: the means over 1, 5 and 15 minutes; the rest is of no use here.
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.0.lines(out, |line, out| {
            let mut words = line.split_ascii_whitespace();
            for family in LOAD {
                let word = words.next().unwrap_or("");
                let load = word.parse().map_err(|_| Error::expected("a load average such as 0.25", word))?;
                out.push(family, [], load);
            }
            Ok(())
        })
    }
}
