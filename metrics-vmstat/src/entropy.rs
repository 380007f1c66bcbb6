//! The files of `/proc/sys/kernel/random`, a number each, which some containers hide.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

pub(crate) const FAMILIES: &[Family] = &[
    Family::gauge("node_entropy_available_bits", "Entropy that is available (random/entropy_avail)."),
    Family::gauge(
        "node_entropy_pool_size_bits",
        "Entropy that the kernel's pool can hold (random/poolsize).",
    ),
];

/// A file for each family, in their order.
pub(crate) struct Entropy([Source; 2]);

impl Entropy {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let random = paths.procfs("sys/kernel/random");
        Ok(Entropy(["entropy_avail", "poolsize"].map(|file| Source::new(random.join(file)))))
    }
}

impl Collector for Entropy {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for (family, source) in FAMILIES.iter().zip(&mut self.0) {
            match source.parse(bits) {
                Ok(bits) => bits.into_iter().for_each(|bits| out.push(family, [], f64::from(bits))),
                Err(why) => out.warn(why.to_string()),
            }
        }
        Ok(())
    }
}

fn bits(text: &str) -> Result<u32, Error> {
    text.trim_end().parse().map_err(|_| Error::expected("a number of bits", text))
}
