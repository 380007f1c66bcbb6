//! A plugin in a module: the load averages. One that others shall load or link stands in a crate of its own.

use relink_core::{Collector, Error, Family, Options, Samples, Source, register_linked};

const LOAD1: Family = Family::gauge("node_load1", "Load average of one minute.");

struct Load(Source);

impl Collector for Load {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let first = self.0.read()?.split_whitespace().next().unwrap_or_default();
        out.push(&LOAD1, [], first.parse()?);
        Ok(())
    }
}

register_linked! {
    name: "load",
    help: "Load average",
    families: [LOAD1],
    new: |options: &Options| Ok(Load(Source::new(options.procfs("loadavg")))),
}
