use relink_core::{Collector, Error, Family, Paths, Samples, register};

const LOAD: Family = Family::gauge("node_load1", "Load.");

struct Load;

impl Collector for Load {
    fn collect(&mut self, _: &mut Samples) -> Result<(), Error> {
        Ok(())
    }
}

register! {
    plugin: "load",
    collector: "loadavg",
    help: "Load averages",
    families: [LOAD, LOAD],
    new: |_: &Paths| Ok(Load),
}

fn main() {}
