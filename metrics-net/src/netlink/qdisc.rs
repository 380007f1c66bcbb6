//! Queueing disciplines in the messages of rtnetlink (`linux/rtnetlink.h`, `linux/gen_stats.h`).

use std::borrow::Cow;

use relink_netlink::{Question, attributes, long, number, text};

/// `struct tcmsg`.
const HEAD: usize = 20;
/// `TC_H_ROOT`.
const ROOT: u32 = u32::MAX;

/// The question for all: `RTM_GETQDISC`, `RTM_NEWQDISC`.
pub(crate) const QDISCS: Question<'_> =
    Question { what: "the queueing disciplines", kind: 38, answers: 36, body: &[0; HEAD] };

/// What an interface queues its packets with.
#[derive(Debug, PartialEq)]
pub(crate) struct Qdisc<'a> {
    /// The kernel's number of the interface.
    pub(crate) interface: u32,
    /// What is no UTF-8 as U+FFFD.
    pub(crate) kind: Cow<'a, str>,
    pub(crate) bytes: Option<u64>,
    pub(crate) packets: Option<u64>,
    pub(crate) length: Option<u32>,
    pub(crate) backlog: Option<u32>,
    pub(crate) drops: Option<u32>,
    pub(crate) requeues: Option<u32>,
    pub(crate) overlimits: Option<u32>,
}

impl<'a> Qdisc<'a> {
    /// That of a whole interface. Nothing for one of a part of it, and for one of which the message does not say what it is.
    pub(crate) fn of_root(body: &'a [u8]) -> Option<Self> {
        let (interface, parent) = (number(body, 4)?, number(body, 12)?);
        if !matches!(parent, 0 | ROOT) {
            return None;
        }
        let (mut kind, mut old, mut new) = (Cow::Borrowed(""), &[][..], &[][..]);
        for (sort, value) in attributes(body.get(HEAD..)?) {
            match sort {
                1 => kind = text(value),
                3 => old = value,
                7 => new = value,
                _ => {}
            }
        }
        if kind.is_empty() {
            return None;
        }
        // `struct tc_stats`, which all kernels have. It does not know what was queued again.
        let mut qdisc = Qdisc {
            interface,
            kind,
            bytes: long(old, 0),
            packets: number(old, 8).map(u64::from),
            drops: number(old, 12),
            overlimits: number(old, 16),
            length: number(old, 28),
            backlog: number(old, 32),
            requeues: None,
        };
        qdisc.take(new);
        Some(qdisc)
    }

    /// Takes over what the newer attribute tells, which is made of several.
    fn take(&mut self, stats: &[u8]) {
        let mut all_packets = None;
        for (sort, value) in attributes(stats) {
            match sort {
                1 => {
                    self.bytes = long(value, 0).or(self.bytes);
                    self.packets = number(value, 8).map(u64::from).or(self.packets);
                }
                3 => {
                    self.length = number(value, 0).or(self.length);
                    self.backlog = number(value, 4).or(self.backlog);
                    self.drops = number(value, 8).or(self.drops);
                    self.requeues = number(value, 12);
                    self.overlimits = number(value, 16).or(self.overlimits);
                }
                // Told where they are more than 32 bits hold.
                8 => all_packets = long(value, 0),
                _ => {}
            }
        }
        self.packets = all_packets.or(self.packets);
    }
}

#[cfg(test)]
mod tests {
    use relink_netlink::attribute;

    use super::*;

    fn body(parent: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0; 4];
        for word in [4, 0x8001_0000, parent, 2] {
            body.extend(u32::to_ne_bytes(word));
        }
        body.extend(attributes.concat());
        body
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// 2^32 + 5 bytes.
    fn basic(packets: u32) -> Vec<u8> {
        [(1_u64 << 32 | 5).to_ne_bytes().to_vec(), words(&[packets])].concat()
    }

    #[test]
    fn the_newer_numbers_go_before_the_older_ones() {
        let kind = attribute(1, b"fq\0");
        let old = attribute(3, &[7_u64.to_ne_bytes().to_vec(), words(&[1, 2, 3, 0, 0, 4, 5])].concat());
        let whole = body(ROOT, &[kind.clone(), old.clone()]);
        let qdisc = Qdisc::of_root(&whole).unwrap();
        assert_eq!((qdisc.interface, &*qdisc.kind), (4, "fq"));
        assert_eq!((qdisc.bytes, qdisc.packets, qdisc.requeues), (Some(7), Some(1), None));
        assert_eq!(
            [qdisc.drops, qdisc.overlimits, qdisc.length, qdisc.backlog],
            [Some(2), Some(3), Some(4), Some(5)]
        );
        let queue = attribute(3, &words(&[10, 11, 12, 13, 14]));
        let new = attribute(7, &[attribute(1, &basic(9)), queue.clone()].concat());
        let whole = body(0, &[new, kind.clone(), old]);
        let qdisc = Qdisc::of_root(&whole).unwrap();
        assert_eq!((qdisc.bytes, qdisc.packets), (Some(4_294_967_301), Some(9)));
        assert_eq!(
            [qdisc.length, qdisc.backlog, qdisc.drops, qdisc.requeues, qdisc.overlimits],
            [Some(10), Some(11), Some(12), Some(13), Some(14)]
        );
        let many = attribute(8, &(1_u64 << 33).to_ne_bytes());
        let new = attribute(7, &[many, attribute(1, &basic(9))].concat());
        let whole = body(0, &[kind, new]);
        assert_eq!(Qdisc::of_root(&whole).unwrap().packets, Some(1 << 33));
    }

    #[test]
    fn parts_of_an_interface_and_what_is_cut_off_are_none() {
        let all = [attribute(1, b"mq\0"), attribute(7, &attribute(1, &basic(9)))];
        let whole = body(ROOT, &all);
        for length in 0..whole.len() {
            let qdisc = Qdisc::of_root(&whole[..length]);
            assert!(qdisc.is_none_or(|qdisc| qdisc.kind == "mq"), "{length}");
        }
        // A queue of mq; ingress.
        for parent in [0x8001_0001, 0xffff_fff1] {
            assert_eq!(Qdisc::of_root(&body(parent, &all)), None);
        }
    }
}
