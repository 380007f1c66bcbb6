//! Wireless interfaces in the messages of generic netlink (`linux/genetlink.h`, `linux/nl80211.h`).

use std::io;

use relink_core::Error;
use relink_netlink::{Question, Socket, attribute, attributes, long, number, push_address, short, text};
use rustix::io::Errno;
use rustix::net::netlink::GENERIC;

/// `struct genlmsghdr`: a command, its version and two bytes without meaning.
const HEAD: usize = 4;
/// The question for all families: `GENL_ID_CTRL` with `CTRL_CMD_GETFAMILY`.
const FAMILIES: Question<'_> =
    Question { what: "the families of generic netlink", kind: 16, answers: 16, body: &[3, 1, 0, 0] };

// Commands of nl80211, each with that of its answers.
const INTERFACES: (u8, u8) = (5, 7);
const STATIONS: (u8, u8) = (17, 19);
const NETWORKS: (u8, u8) = (32, 34);

/// What the kernel answers for an interface that has gone, is switched off, or is of a kind that does not have it.
const NOTHING: [Errno; 5] = [Errno::NOENT, Errno::NODEV, Errno::OPNOTSUPP, Errno::NETDOWN, Errno::NOTCONN];

/// What answers for the wireless interfaces.
pub(crate) struct Wireless(Socket);

/// A wireless interface.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interface {
    /// The kernel's number.
    pub(crate) index: u32,
    /// What is no UTF-8 as U+FFFD.
    pub(crate) name: String,
    /// In MHz; none where it is on no channel.
    pub(crate) frequency: Option<u32>,
}

/// The network that an interface is in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    pub(crate) address: String,
    /// What is no UTF-8 as U+FFFD.
    pub(crate) name: String,
    pub(crate) mode: &'static str,
}

/// What an interface talks with: the access point, or each of its clients. What a driver does not tell is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Station {
    pub(crate) address: String,
    pub(crate) connected_seconds: Option<u32>,
    pub(crate) inactive_milliseconds: Option<u32>,
    /// In 100 kbit/s.
    pub(crate) receive_rate: Option<u32>,
    pub(crate) transmit_rate: Option<u32>,
    pub(crate) receive_bytes: Option<u64>,
    pub(crate) transmit_bytes: Option<u64>,
    pub(crate) received_packets: Option<u32>,
    pub(crate) transmitted_packets: Option<u32>,
    pub(crate) signal: Option<i8>,
    pub(crate) retries: Option<u32>,
    pub(crate) failed: Option<u32>,
    pub(crate) beacon_loss: Option<u32>,
}

impl Wireless {
    pub(crate) fn open() -> Result<Self, Error> {
        Ok(Wireless(Socket::open(Some(GENERIC))?))
    }

    /// The number of nl80211 among the families, which it has as long as it is loaded; none without it. All are asked for, as
    /// a question for one that is not there has the kernel look for its module each time.
    pub(crate) fn family(&mut self) -> Result<Option<u16>, Error> {
        let mut found = None;
        let refused = self.0.dump(&FAMILIES, |body| {
            found = body.and_then(family).or(found);
            Ok(())
        })?;
        refused.map_or(Ok(found), |why| Err(FAMILIES.refused(why)))
    }

    pub(crate) fn interfaces(&mut self, family: u16) -> Result<Vec<Interface>, Error> {
        self.ask("the wireless interfaces", family, INTERFACES, None, interface)
    }

    /// The network that the interface is in.
    pub(crate) fn network(&mut self, family: u16, of: &Interface) -> Result<Option<Network>, Error> {
        let found = self.ask("the network", family, NETWORKS, Some(of.index), network)?;
        Ok(found.into_iter().next())
    }

    pub(crate) fn stations(&mut self, family: u16, of: &Interface) -> Result<Vec<Station>, Error> {
        self.ask("the stations", family, STATIONS, Some(of.index), station)
    }

    /// What `read` makes of each answer. An interface that can't answer this, or has gone, has none.
    fn ask<T>(
        &mut self,
        what: &str,
        family: u16,
        (command, answers): (u8, u8),
        interface: Option<u32>,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let mut body = vec![command, 0, 0, 0];
        if let Some(index) = interface {
            // `NL80211_ATTR_IFINDEX`.
            body.extend(attribute(3, &index.to_ne_bytes()));
        }
        let question = Question { what, kind: family, answers: family, body: &body };
        let mut found = Vec::new();
        let refused = self.0.dump(&question, |body| {
            match body {
                None => found.clear(),
                Some([command, _, _, _, rest @ ..]) if *command == answers => found.extend(read(rest)),
                Some(_) => {}
            }
            Ok(())
        })?;
        let is_nothing =
            |why: &io::Error| NOTHING.iter().any(|none| why.raw_os_error() == Some(none.raw_os_error()));
        match refused {
            Some(why) if !is_nothing(&why) => Err(question.refused(why)),
            _ => Ok(found),
        }
    }
}

/// The number of a family, if it is nl80211.
fn family(body: &[u8]) -> Option<u16> {
    let (mut number, mut is_it) = (None, false);
    for (kind, value) in attributes(body.get(HEAD..)?) {
        match kind {
            1 => number = short(value, 0),
            2 => is_it = text(value) == "nl80211",
            _ => {}
        }
    }
    number.filter(|_| is_it)
}

/// An interface. A virtual one may have no name, and is none.
fn interface(body: &[u8]) -> Option<Interface> {
    let (mut index, mut name, mut frequency) = (None, String::new(), None);
    for (kind, value) in attributes(body) {
        match kind {
            3 => index = number(value, 0),
            4 => name = text(value).into_owned(),
            38 => frequency = number(value, 0),
            _ => {}
        }
    }
    index.filter(|_| !name.is_empty()).map(|index| Interface { index, name, frequency })
}

/// A network, if it is the one that the interface is in: only that has a status.
fn network(body: &[u8]) -> Option<Network> {
    let (mut address, mut name, mut status) = (String::new(), String::new(), None);
    let (_, parts) = attributes(body).find(|(kind, _)| *kind == 47)?;
    for (kind, value) in attributes(parts) {
        match kind {
            1 => push_address(&mut address, value),
            6 => name = String::from_utf8_lossy(name_of(value)).into_owned(),
            9 => status = number(value, 0),
            _ => {}
        }
    }
    let mode = match status? {
        0 | 1 => "client",
        2 => "ad-hoc",
        _ => "unknown",
    };
    Some(Network { address, name, mode })
}

/// The name among the elements of a beacon: a kind and a length of one byte each, and so many bytes. That of the name is 0.
fn name_of(mut elements: &[u8]) -> &[u8] {
    while let [kind, length, rest @ ..] = elements {
        let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
        if *kind == 0 {
            return value;
        }
        elements = rest;
    }
    &[]
}

fn station(body: &[u8]) -> Option<Station> {
    let (mut station, mut parts) = (Station::default(), &[][..]);
    for (kind, value) in attributes(body) {
        match kind {
            6 => push_address(&mut station.address, value),
            21 => parts = value,
            _ => {}
        }
    }
    let (mut received, mut transmitted) = (None, None);
    for (kind, value) in attributes(parts) {
        match kind {
            1 => station.inactive_milliseconds = number(value, 0),
            2 => received = number(value, 0).map(u64::from),
            3 => transmitted = number(value, 0).map(u64::from),
            7 => station.signal = value.first().map(|signal| i8::from_ne_bytes([*signal])),
            8 => station.transmit_rate = rate(value),
            9 => station.received_packets = number(value, 0),
            10 => station.transmitted_packets = number(value, 0),
            11 => station.retries = number(value, 0),
            12 => station.failed = number(value, 0),
            14 => station.receive_rate = rate(value),
            16 => station.connected_seconds = number(value, 0),
            18 => station.beacon_loss = number(value, 0),
            23 => station.receive_bytes = long(value, 0),
            24 => station.transmit_bytes = long(value, 0),
            _ => {}
        }
    }
    // Those of 32 bits begin anew after 4 GB.
    station.receive_bytes = station.receive_bytes.or(received);
    station.transmit_bytes = station.transmit_bytes.or(transmitted);
    Some(station).filter(|station| !station.address.is_empty())
}

/// A rate, in 100 kbit/s. That of 16 bits is left out where it is too large for them.
fn rate(parts: &[u8]) -> Option<u32> {
    let (mut narrow, mut wide) = (None, None);
    for (kind, value) in attributes(parts) {
        match kind {
            1 => narrow = short(value, 0).map(u32::from),
            5 => wide = number(value, 0),
            _ => {}
        }
    }
    wide.or(narrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: [u8; 6] = [2, 0xfc, 0, 0, 0, 1];

    fn all(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect()
    }

    #[test]
    fn the_family_is_known_by_its_name() {
        let of = |name: &[u8]| [vec![1, 2, 0, 0], all(&[(2, name), (1, &33_u16.to_ne_bytes())])].concat();
        let found = [family(&of(b"nl80211\0")), family(&of(b"nl80211x\0")), family(&[])];
        assert_eq!(found, [Some(33), None, None]);
    }

    #[test]
    fn an_interface_has_a_name() {
        let (index, frequency) = (3_u32.to_ne_bytes(), 5180_u32.to_ne_bytes());
        let whole = all(&[(3, &index), (4, b"wlan0\0"), (38, &frequency)]);
        let expected = Interface { index: 3, name: "wlan0".to_owned(), frequency: Some(5180) };
        assert_eq!(interface(&whole), Some(expected.clone()));
        let cut = interface(&whole[..whole.len() - 8]);
        assert_eq!(cut, Some(Interface { frequency: None, ..expected }));
        // A device of peer-to-peer.
        assert_eq!(interface(&all(&[(3, &index)])), None);
    }

    #[test]
    fn the_network_is_the_one_with_a_status() {
        let elements = [&[1, 2, 0x82, 0x84][..], &[0, 5], b"caf\xc3\xa9", &[3, 1]].concat();
        let of = |status: Option<u32>| {
            let mut parts = all(&[(1, &ADDRESS), (6, &elements)]);
            parts.extend(status.iter().flat_map(|status| attribute(9, &status.to_ne_bytes())));
            network(&attribute(47, &parts))
        };
        let expected =
            |mode| Some(Network { address: "02:fc:00:00:00:01".to_owned(), name: "café".to_owned(), mode });
        assert_eq!([of(Some(0)), of(Some(1))], [expected("client"), expected("client")]);
        assert_eq!([of(Some(2)), of(Some(9)), of(None)], [expected("ad-hoc"), expected("unknown"), None]);
        assert_eq!(network(&[]), None);
        assert!(name_of(&[1, 0, 0]).is_empty() && name_of(&[0, 9, 1]).is_empty());
    }

    #[test]
    fn a_station_tells_what_its_driver_knows() {
        let word = |number: u32| number.to_ne_bytes();
        let fast = all(&[(1, &u16::MAX.to_ne_bytes()), (5, &word(70_000))]);
        let slow = all(&[(1, &1300_u16.to_ne_bytes()), (3, &[])]);
        let parts = all(&[
            (1, &word(400)),
            (2, &word(7)),
            (3, &word(8)),
            (7, &[0xcc]),
            (8, &fast),
            (9, &word(1)),
            (10, &word(2)),
            (11, &word(3)),
            (12, &word(4)),
            (14, &slow),
            (16, &word(30)),
            (18, &word(5)),
            (24, &(1_u64 << 40).to_ne_bytes()),
        ]);
        let whole = all(&[(3, &word(3)), (6, &ADDRESS), (21, &parts)]);
        let expected = Station {
            address: "02:fc:00:00:00:01".to_owned(),
            connected_seconds: Some(30),
            inactive_milliseconds: Some(400),
            receive_rate: Some(1300),
            transmit_rate: Some(70_000),
            receive_bytes: Some(7),
            transmit_bytes: Some(1 << 40),
            received_packets: Some(1),
            transmitted_packets: Some(2),
            signal: Some(-52),
            retries: Some(3),
            failed: Some(4),
            beacon_loss: Some(5),
        };
        assert_eq!(station(&whole), Some(expected));
        for length in 0..whole.len() {
            let cut = &whole[..length];
            let _ = (station(cut), network(cut), interface(cut), family(cut));
        }
        assert_eq!(station(&attribute(21, &parts)), None);
    }
}
