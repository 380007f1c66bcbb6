use relink_core::{Collector, Error, Family, Options, Samples, register};

const LOAD: Family = Family::gauge("node_load1", "Load.");

struct Load;

impl Collector for Load {
    fn collect(&mut self, _: &mut Samples) -> Result<(), Error> {
        Ok(())
    }
}

register! {
    name: "enabled",
    help: "Load averages",
    families: [LOAD],
    new: |_: &Options| Ok(Load),
}

fn main() {}
