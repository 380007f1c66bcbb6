//! What is known of one interface at one collection.

use std::time::Instant;

use relink_core::{Samples, Unread};

use crate::families::{ATTRIBUTES, CARRIER_CHANGES, FAMILIES, FLAGS, STATISTICS, TRAFFIC};

/// `IFF_UP`: the operator has switched the interface on.
pub(crate) const SWITCHED_ON: u32 = 1;

/// One interface. Its texts keep their memory from one collection to the next.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) name: String,
    /// The kernel's number, 0 if this is no interface yet.
    pub(crate) index: u32,
    /// Whether the filter leaves it out.
    pub(crate) ignored: bool,
    /// One of each of [`ATTRIBUTES`], as the file of sysfs shows it.
    pub(crate) numbers: [Option<i64>; ATTRIBUTES.len()],
    /// One of each of [`STATISTICS`].
    pub(crate) counts: [Option<u64>; STATISTICS.len()],
    pub(crate) address: String,
    pub(crate) broadcast: String,
    pub(crate) duplex: String,
    pub(crate) state: String,
    pub(crate) alias: String,
    /// When sysfs was last asked for what netlink does not tell, and what could have changed it since.
    pub(crate) looked: Option<(Instant, [Option<i64>; 2])>,
    /// What sysfs had and could not be read.
    pub(crate) unread: Unread,
}

impl Link {
    /// Whose change means that the link may have another speed now.
    pub(crate) fn marks(&self) -> [Option<i64>; 2] {
        [self.numbers[CARRIER_CHANGES], self.numbers[FLAGS]]
    }

    /// The traffic: what node_exporter's collector `netdev` shows.
    pub(crate) fn push_traffic(&self, out: &mut Samples) {
        for (at, traffic) in TRAFFIC.iter().enumerate() {
            if let Some(sum) = self.sum(traffic.of) {
                out.push_index(ATTRIBUTES.len() + at, &[&self.name], sum as f64);
            }
        }
    }

    /// Link and identity: what its collector `netclass` shows.
    pub(crate) fn push_class(&self, out: &mut Samples) {
        let name = self.name.as_str();
        for (at, (number, attribute)) in self.numbers.iter().zip(&ATTRIBUTES).enumerate() {
            if let Some(number) = number {
                out.push_index(at, &[name], *number as f64 * attribute.worth);
            }
        }
        let up = if self.state == "up" { 1.0 } else { 0.0 };
        out.push_index(FAMILIES.len() - 2, &[name], up);
        let admin = match self.numbers[FLAGS] {
            None => "unknown",
            Some(flags) if flags as u32 & SWITCHED_ON != 0 => "up",
            Some(_) => "down",
        };
        let labels = [name, &self.address, &self.broadcast, &self.duplex, &self.state, admin, &self.alias];
        out.push_index(FAMILIES.len() - 1, &labels, 1.0);
    }

    /// The first counter must be known; the others are added as far as they are.
    fn sum(&self, of: &[usize]) -> Option<u64> {
        let (first, others) = of.split_first()?;
        let mut sum = self.counts[*first]?;
        for other in others {
            sum = sum.saturating_add(self.counts[*other].unwrap_or(0));
        }
        Some(sum)
    }
}
