//! Interfaces in the messages of rtnetlink (`linux/rtnetlink.h`, `linux/if_link.h`).

use std::borrow::Cow;

use relink_core::Error;
use relink_netlink::{Question, attributes, number, push_address, short, text};

use crate::link::*;

/// `struct ifinfomsg`.
const INTERFACE_HEAD: usize = 16;

/// The question for all interfaces: `RTM_GETLINK`, `RTM_NEWLINK`.
pub(super) const INTERFACES: Question<'_> =
    Question { what: "the interfaces", kind: 18, answers: 16, body: &[0; INTERFACE_HEAD] };

// What the kernel adds to an interface's own flags, and what it takes from elsewhere.
const PROMISCUOUS: u32 = 0x100;
const ALL_MULTICAST: u32 = 0x200;
const DORMANT_FLAG: u32 = 0x20000;
const ADDED: u32 = 0x40 | 0x10000 | DORMANT_FLAG;

/// The operational states of RFC 2863, under sysfs' names.
const STATES: [&str; 7] = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// The name of an interface, what is no UTF-8 as U+FFFD, and the kernel's number of it.
pub(super) fn identity(body: &[u8]) -> Result<(Cow<'_, str>, u32), Error> {
    let name = parts(body).find(|(kind, _)| *kind == 3).map_or(Cow::Borrowed(""), |(_, name)| text(name));
    match number(body, 4) {
        Some(index) if !name.is_empty() => Ok((name, index)),
        _ => Err(Error::new("an interface without a name in netlink's answer")),
    }
}

/// Takes over what the message tells.
pub(super) fn fill(link: &mut Link, body: &[u8]) {
    link.counts = Default::default();
    link.numbers = Default::default();
    for text in [&mut link.address, &mut link.broadcast, &mut link.state, &mut link.alias] {
        text.clear();
    }
    let shown = number(body, 8).unwrap_or(0);
    let mut flags = shown & !(ADDED | PROMISCUOUS | ALL_MULTICAST);
    let mut has_carrier = None;
    let mut set = |at: usize, value: Option<u32>| link.numbers[at] = value.map(i64::from);
    set(INTERFACE, number(body, 4));
    set(HARDWARE, short(body, 2).map(u32::from));
    // Told only where it is another.
    set(BELOW, number(body, 4));
    for (kind, value) in parts(body) {
        match kind {
            1 => push_address(&mut link.address, value),
            2 => push_address(&mut link.broadcast, value),
            4 => set(MTU, number(value, 0)),
            5 => set(BELOW, number(value, 0)),
            13 => set(QUEUE_LENGTH, number(value, 0)),
            16 => link.state.push_str(state(value)),
            17 => set(LINK_MODE, value.first().map(|mode| u32::from(*mode))),
            20 => link.alias.push_str(&text(value)),
            23 => push_counts(&mut link.counts, value),
            27 => set(GROUP, number(value, 0)),
            30 if number(value, 0) > Some(0) => flags |= PROMISCUOUS,
            33 => has_carrier = value.first().map(|carrier| u32::from(*carrier)),
            35 => set(CARRIER_CHANGES, number(value, 0)),
            47 => set(CARRIER_UP_CHANGES, number(value, 0)),
            48 => set(CARRIER_DOWN_CHANGES, number(value, 0)),
            61 if number(value, 0) > Some(0) => flags |= ALL_MULTICAST,
            _ => {}
        }
    }
    set(FLAGS, Some(flags));
    // As in sysfs, an interface that is switched off tells nothing of its link.
    if flags & SWITCHED_ON != 0 {
        set(CARRIER, has_carrier);
        set(DORMANT, Some(u32::from(shown & DORMANT_FLAG != 0)));
    }
}

fn state(value: &[u8]) -> &'static str {
    value.first().and_then(|state| STATES.get(usize::from(*state))).unwrap_or(&"unknown")
}

/// As many as the kernel knows: older ones know fewer, newer ones more.
fn push_counts(counts: &mut Counts, value: &[u8]) {
    for (count, bytes) in counts.iter_mut().zip(value.chunks_exact(8)) {
        *count = bytes.try_into().ok().map(u64::from_ne_bytes);
    }
}

/// The attributes behind an interface's head.
fn parts(body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    attributes(body.get(INTERFACE_HEAD..).unwrap_or(&[]))
}

#[cfg(test)]
mod tests {
    use relink_netlink::attribute;

    use super::*;

    /// An interface of Ethernet with number 7 and these flags.
    fn interface(flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0, 0];
        body.extend(1u16.to_ne_bytes());
        for word in [7, flags, 0] {
            body.extend(u32::to_ne_bytes(word));
        }
        body.extend(attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)));
        body
    }

    #[test]
    fn a_name_need_be_no_text_and_must_be_there() {
        assert_eq!(identity(&interface(1, &[(3, b"eth0\0")])).unwrap(), ("eth0".into(), 7));
        assert_eq!(identity(&interface(1, &[(3, b"e\xffh\0")])).unwrap(), ("e\u{fffd}h".into(), 7));
        assert!(identity(&interface(1, &[])).unwrap_err().message().contains("without a name"));
        let whole = interface(1, &[(3, b"eth0\0"), (23, &[1; 100]), (4, &[1, 2])]);
        for length in 0..whole.len() {
            let _ = identity(&whole[..length]);
            fill(&mut Link::default(), &whole[..length]);
        }
    }

    #[test]
    fn attributes_become_what_sysfs_shows() {
        let counts: Vec<u8> = (0..25).flat_map(|at: u64| (at * 10).to_ne_bytes()).collect();
        let body = interface(
            0x11043 | PROMISCUOUS,
            &[
                (3, b"eth0\0"),
                (1, &[2, 0xfc, 0, 0, 0, 1]),
                (4, &1400u32.to_ne_bytes()),
                (16, &[6]),
                (20, b"uplink\0"),
                (23, &counts),
                (0x8000 | 26, b"nested"),
                (33, &[1]),
                (35, &2u32.to_ne_bytes()),
            ],
        );
        let mut link = Link { alias: "of before".to_owned(), ..Link::default() };
        fill(&mut link, &body);
        assert_eq!((link.address.as_str(), link.state.as_str()), ("02:fc:00:00:00:01", "up"));
        assert_eq!((link.alias.as_str(), link.broadcast.as_str()), ("uplink", ""));
        assert_eq!(link.numbers[FLAGS], Some(0x1003), "without what the kernel adds");
        assert_eq!(
            [CARRIER, DORMANT, MTU, CARRIER_CHANGES].map(|at| link.numbers[at]),
            [1, 0, 1400, 2].map(Some)
        );
        assert_eq!([INTERFACE, BELOW, HARDWARE].map(|at| link.numbers[at]), [7, 7, 1].map(Some));
        assert_eq!(link.numbers[GROUP], None);
        assert_eq!((link.counts[0], link.counts[23]), (Some(0), Some(230)));

        fill(&mut link, &interface(0x1002, &[(3, b"eth0\0"), (33, &[1]), (23, &counts[..23 * 8])]));
        assert_eq!((link.numbers[CARRIER], link.numbers[DORMANT]), (None, None), "switched off");
        assert_eq!((link.counts[22], link.counts[23]), (Some(220), None), "an older kernel");
    }
}
