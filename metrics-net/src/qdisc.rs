//! Queueing disciplines: how each interface queues the packets that it sends.

use relink_core::{Collector, Error, Family, Paths, Samples};
use relink_netlink::Socket;
use relink_pattern::Filter;
use rustix::io::Errno;

use crate::link::Link;
use crate::netlink::{QDISCS, Qdisc};
use crate::readings::Reader;

const LABELS: &[&str] = &["device", "kind"];

const BACKLOG: Family = Family::gauge("node_qdisc_backlog", "Bytes that are queued.").labels(LABELS);
const BYTES: Family = Family::counter("node_qdisc_bytes_total", "Bytes sent.").labels(LABELS);
const LENGTH: Family =
    Family::gauge("node_qdisc_current_queue_length", "Packets that are queued.").labels(LABELS);
const DROPS: Family = Family::counter("node_qdisc_drops_total", "Packets dropped.").labels(LABELS);
const OVERLIMITS: Family =
    Family::counter("node_qdisc_overlimits_total", "Packets over the limit of the discipline.")
        .labels(LABELS);
const PACKETS: Family = Family::counter("node_qdisc_packets_total", "Packets sent.").labels(LABELS);
const REQUEUES: Family =
    Family::counter("node_qdisc_requeues_total", "Packets queued again as they could not be sent.")
        .labels(LABELS);

pub(crate) const FAMILIES: &[Family] = &[BACKLOG, BYTES, LENGTH, DROPS, OVERLIMITS, PACKETS, REQUEUES];

relink_core::options! {
    pub(crate) struct Settings {
        /// Interfaces to leave out, as a pattern over their names.
        device_exclude: String = String::new(),
        /// The only interfaces to show, as a pattern over their names.
        device_include: String = String::new(),
    }
}

pub(crate) struct Qdiscs {
    /// For the names of the interfaces.
    reader: Reader,
    /// None until it is first used, and after it could not be opened.
    socket: Option<Socket>,
    devices: Filter,
    rows: Vec<Row>,
}

/// A discipline, of which the answer is still being read.
#[derive(Debug, PartialEq)]
struct Row {
    interface: u32,
    kind: String,
    /// In the order of the families.
    values: [Option<u64>; FAMILIES.len()],
}

impl Qdiscs {
    /// There is no file with the same, so that the paths do not matter.
    pub(crate) fn new(_: &Paths, settings: Settings) -> Result<Self, Error> {
        let devices = Filter::new("qdisc", "device", &settings.device_exclude, &settings.device_include, "")?;
        Ok(Qdiscs { reader: Reader::of_own_namespace(), socket: None, devices, rows: Vec::new() })
    }
}

impl Collector for Qdiscs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Qdiscs { reader, socket, devices, rows } = self;
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(Socket::open(None)?),
        };
        let mut count = 0;
        let refused = socket.dump(&QDISCS, |body| {
            match body {
                None => count = 0,
                Some(body) => {
                    count += usize::from(Qdisc::of_root(body).is_some_and(|one| place(rows, count, &one)))
                }
            }
            Ok(())
        })?;
        rows.truncate(count);
        match refused {
            // A kernel without queueing disciplines does not know the question.
            Some(why) if why.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) => return Ok(()),
            Some(why) => return Err(QDISCS.refused(why)),
            None => {}
        }
        let Some(links) = reader.links()? else { return Ok(()) };
        let mut at = 0;
        for row in rows {
            // An interface that has gone, or come since, has no name.
            let Some(link) = find(&links, &mut at, row.interface) else { continue };
            if !devices.ignores(&link.name) {
                for (family, value) in row.values.iter().enumerate() {
                    if let Some(value) = value {
                        out.push_index(family, &[&link.name, &row.kind], *value as f64);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Puts a discipline into its place, where it mostly is; `false` if the interface has such a one already, as a series can't
/// be there twice.
fn place(rows: &mut Vec<Row>, at: usize, one: &Qdisc<'_>) -> bool {
    let is_it = |row: &Row| row.interface == one.interface && row.kind == one.kind;
    if rows[..at].iter().rev().take_while(|row| row.interface == one.interface).any(is_it) {
        return false;
    }
    if !rows.get(at).is_some_and(is_it) {
        rows.truncate(at);
        rows.push(Row { interface: one.interface, kind: one.kind.to_string(), values: Default::default() });
    }
    let queue = |number: Option<u32>| number.map(u64::from);
    rows[at].values = [
        queue(one.backlog),
        one.bytes,
        queue(one.length),
        queue(one.drops),
        queue(one.overlimits),
        one.packets,
        queue(one.requeues),
    ];
    true
}

/// The interface of this number. They mostly come in the order of the disciplines.
fn find<'a>(links: &'a [Link], at: &mut usize, index: u32) -> Option<&'a Link> {
    let count = links.len();
    let place = (0..count).map(|step| (*at + step) % count).find(|&place| links[place].index == index)?;
    *at = place;
    links.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_each_discipline_once() {
        let mut rows = Vec::new();
        let mut one = Qdisc {
            interface: 4,
            kind: "fq".into(),
            bytes: Some(1),
            packets: None,
            length: Some(2),
            backlog: None,
            drops: None,
            requeues: Some(3),
            overlimits: None,
        };
        assert!(place(&mut rows, 0, &one) && !place(&mut rows, 1, &one));
        assert_eq!(rows[0].values, [None, Some(1), Some(2), None, None, None, Some(3)]);
        one.interface = 5;
        assert!(place(&mut rows, 1, &one));
        // The first has gone.
        assert!(place(&mut rows, 0, &one) && rows.len() == 1 && rows[0].interface == 5);
    }

    #[test]
    fn interfaces_are_found_in_whatever_order() {
        let link = |index| Link { index, ..Link::default() };
        let (links, mut at) = ([link(1), link(4), link(3)], 0);
        for index in [4, 3, 1, 3] {
            assert_eq!(find(&links, &mut at, index).unwrap().index, index);
        }
        assert!(find(&links, &mut at, 2).is_none() && find(&[], &mut 0, 1).is_none());
    }
}
