//! The servers that connections are handed on to.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use relink_core::{Error, Samples};

use super::{ACTIVE, INACTIVE, LABELS, WEIGHT};

/// Stands behind each label value of a key.
const END: char = '\0';

/// Servers by their labels. What is known of one collection is kept for the next, as there may be thousands.
pub(super) struct Backends {
    chosen: [bool; LABELS.len()],
    /// The service of the lines that come.
    service: Service,
    key: String,
    sums: BTreeMap<String, Sum>,
}

/// What connections come to: an address and port of a protocol, or what the firewall has marked.
#[derive(Default)]
struct Service {
    /// Empty before the first service, and behind one that was not understood.
    proto: String,
    mark: String,
    at: Option<(IpAddr, u16)>,
}

#[derive(Default)]
struct Sum {
    is_there: bool,
    weight: u64,
    active: u64,
    inactive: u64,
}

impl Backends {
    pub(super) fn new(chosen: [bool; LABELS.len()]) -> Self {
        Backends { chosen, service: Service::default(), key: String::new(), sums: BTreeMap::new() }
    }

    /// Begins another collection.
    pub(super) fn begin(&mut self) {
        self.service.proto.clear();
        self.sums.values_mut().for_each(|sum| *sum = Sum::default());
    }

    /// Takes a line: three of names, a service such as `TCP  C0A80016:0CEA wlc`, or a server of it such as
    /// `  -> C0A85216:0CEA      Tunnel  100    248        2`.
    pub(super) fn read(&mut self, line: &str) -> Result<(), Error> {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("IP"), Some("Virtual")) | (Some("Prot"), _) | (Some("->"), Some("RemoteAddress:Port")) => {
                Ok(())
            }
            (Some("->"), server) => {
                let server = endpoint(server.unwrap_or_default());
                let server = server.ok_or_else(|| Error::expected("an address and a port", line))?;
                let _how_packets_are_handed_on = words.next();
                let mut count = || words.next().and_then(|word| word.parse::<u64>().ok());
                let (Some(weight), Some(active), Some(inactive)) = (count(), count(), count()) else {
                    return Err(Error::expected("a weight and two numbers of connections", line));
                };
                self.add(server, weight, active, inactive);
                Ok(())
            }
            (proto, at) => {
                let is_understood = self.service.read(proto.unwrap_or_default(), at.unwrap_or_default());
                let expected = "a protocol, an address and a port";
                is_understood.ok_or_else(|| Error::expected(expected, line))
            }
        }
    }

    fn add(&mut self, (address, port): (IpAddr, u16), weight: u64, active: u64, inactive: u64) {
        let service = &self.service;
        if service.proto.is_empty() {
            return;
        }
        self.key.clear();
        for (at, is_chosen) in self.chosen.into_iter().enumerate() {
            if is_chosen {
                // Writing into a text does not fail.
                let _ = match (LABELS[at], &service.at) {
                    ("local_address", Some((address, _))) => write!(self.key, "{address}"),
                    ("local_port", at) => write!(self.key, "{}", at.map_or(0, |(_, port)| port)),
                    ("remote_address", _) => write!(self.key, "{address}"),
                    ("remote_port", _) => write!(self.key, "{port}"),
                    ("proto", _) => self.key.write_str(&service.proto),
                    ("local_mark", _) => self.key.write_str(&service.mark),
                    _ => Ok(()),
                };
            }
            self.key.push(END);
        }
        if !self.sums.contains_key(&self.key) {
            self.sums.insert(self.key.clone(), Sum::default());
        }
        if let Some(sum) = self.sums.get_mut(&self.key) {
            sum.is_there = true;
            sum.weight = sum.weight.wrapping_add(weight);
            sum.active = sum.active.wrapping_add(active);
            sum.inactive = sum.inactive.wrapping_add(inactive);
        }
    }

    /// Pushes the servers, and forgets those that are gone.
    pub(super) fn push(&mut self, out: &mut Samples) {
        self.sums.retain(|_, sum| sum.is_there);
        for (key, sum) in &self.sums {
            let mut values = key.split(END);
            let labels = LABELS.map(|_| values.next().unwrap_or_default());
            out.push(&ACTIVE, labels, sum.active as f64);
            out.push(&INACTIVE, labels, sum.inactive as f64);
            out.push(&WEIGHT, labels, sum.weight as f64);
        }
    }
}

impl Service {
    /// A service of a protocol, or `FWM` and a mark.
    fn read(&mut self, proto: &str, at: &str) -> Option<()> {
        // Servers of what is not understood belong to nothing.
        self.proto.clear();
        self.mark.clear();
        if proto.is_empty() || !proto.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        self.at = match proto {
            "FWM" => {
                u32::from_str_radix(at, 16).ok()?;
                self.mark.push_str(at);
                None
            }
            _ => Some(endpoint(at)?),
        };
        self.proto.push_str(proto);
        Some(())
    }
}

/// An address and a port, both in hexadecimal: `C0A80016:0CEA`, or `[2001:0db8:0000:0000:0000:0000:0000:0001]:0050`. As
/// with node_exporter an address of IPv4 within IPv6 is shown as the former.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address = match address.strip_prefix('[').and_then(|address| address.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().ok()?.to_canonical(),
        None if address.len() == 8 => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).into(),
        None => return None,
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hexadecimal() {
        let shown = |text| endpoint(text).map(|(address, port)| format!("{address} {port}"));
        assert_eq!(shown("C0A80016:0CEA").as_deref(), Some("192.168.0.22 3306"));
        let long = "[2001:0db8:0000:0000:0000:0000:0000:0001]:0050";
        assert_eq!(shown(long).as_deref(), Some("2001:db8::1 80"));
        let mapped = "[0000:0000:0000:0000:0000:ffff:c000:0201]:0050";
        assert_eq!(shown(mapped).as_deref(), Some("192.0.2.1 80"));
        for odd in ["", "C0A80016", "C0A8001:0CEA", "C0A80016:", "C0A80016:10000", "[x]:0050", "2001::1:0050"]
        {
            assert_eq!(shown(odd), None, "{odd}");
        }
    }

    #[test]
    fn servers_of_a_service_that_is_not_understood_are_not_those_of_another() {
        let mut backends = Backends::new([true; LABELS.len()]);
        backends.begin();
        let server = "  -> C0A85216:0CEA      Tunnel  100    248        2";
        backends.read("TCP  C0A80016:0CEA wlc").unwrap();
        backends.read(server).unwrap();
        assert!(backends.read("TCP  nowhere wlc").is_err());
        backends.read(server).unwrap();
        backends.read("SCTP  C0A80016:0CEA rr ops").unwrap();
        backends.read(server).unwrap();
        assert_eq!(backends.sums.len(), 2);
        assert!(backends.sums.values().all(|sum| (sum.weight, sum.active, sum.inactive) == (100, 248, 2)));
        for odd in
            ["  -> C0A85216:0CEA Tunnel 100 248", "  ->", "  -> C0A85216:0CEA Tunnel x 1 2", "FWM x wlc", "x"]
        {
            assert!(backends.read(odd).is_err(), "{odd}");
        }
    }
}
