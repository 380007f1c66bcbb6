//! A plugin in a module: the load averages. One that others shall load or link stands in a crate of its own.

use relink_core::{Collector, Error, Family, Paths, Samples, Source, register_linked};

const LOAD1: Family = Family::gauge("node_load1", "Load average of one minute.");

struct Load(Source);

impl Load {
    fn new(paths: &Paths) -> Result<Self, Error> {
        Ok(Load(Source::new(paths.procfs("loadavg"))))
    }
}

impl Collector for Load {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let first = self.0.parse(|text| text.split_whitespace().next().unwrap_or_default().parse::<f64>())?;
        if let Some(first) = first {
            out.push(&LOAD1, [], first);
        }
        Ok(())
    }
}

register_linked! {
    plugin: "load",
    collector: "loadavg",
    help: "Load average",
    families: [LOAD1],
    new: Load::new,
}
