//! The messages of rtnetlink (`linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_link.h`): numbers in the machine's byte
//! order, each part at a multiple of four bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

use relink_core::Error;

use crate::link::*;

const HEAD: usize = 16;
/// `struct ifinfomsg`.
const INTERFACE_HEAD: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`: one question, all interfaces in answer.
const DUMP: u16 = 0x301;
/// `NLM_F_DUMP_INTR`: interfaces came or went meanwhile, so that one may be missing.
const INTERRUPTED: u16 = 0x10;

// What the kernel adds to an interface's own flags, and what it takes from elsewhere.
const PROMISCUOUS: u32 = 0x100;
const ALL_MULTICAST: u32 = 0x200;
const DORMANT_FLAG: u32 = 0x20000;
const ADDED: u32 = 0x40 | 0x10000 | DORMANT_FLAG;

/// The operational states of RFC 2863, under sysfs' names.
const STATES: [&str; 7] = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// A part of the answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    /// An interface: `struct ifinfomsg` and attributes.
    Link(&'a [u8]),
    /// All interfaces were told.
    End,
    /// The kernel refuses, with this number of errno.
    Refused(i32),
    /// The answer is not of one moment.
    Interrupted,
}

/// The question for all interfaces.
pub(crate) fn question(sequence: u32) -> [u8; HEAD + INTERFACE_HEAD] {
    let mut message = [0; HEAD + INTERFACE_HEAD];
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&GET_LINK.to_ne_bytes());
    message[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    message[8..12].copy_from_slice(&sequence.to_ne_bytes());
    message
}

/// Takes the first part off an answer. Parts of an answer to an earlier question are passed over.
pub(crate) fn next_part<'a>(answer: &mut &'a [u8], sequence: u32) -> Result<Option<Part<'a>>, Error> {
    while !answer.is_empty() {
        let length = number(answer, 0).unwrap_or(0) as usize;
        if length < HEAD || length > answer.len() {
            let left = answer.len();
            return Err(Error::new(format!(
                "a netlink message of {length} bytes, expected {HEAD} to {left}"
            )));
        }
        let (message, rest) = answer.split_at(length);
        *answer = rest.get(length.next_multiple_of(4) - length..).unwrap_or(&[]);
        if number(message, 8) != Some(sequence) {
            continue;
        }
        if short(message, 6).is_some_and(|flags| flags & INTERRUPTED != 0) {
            return Ok(Some(Part::Interrupted));
        }
        let body = &message[HEAD..];
        // `DONE` tells with the same number whether the kernel could finish.
        let errno = -(number(body, 0).unwrap_or(0) as i32);
        match short(message, 4) {
            Some(NEW_LINK) => return Ok(Some(Part::Link(body))),
            Some(ERROR | DONE) if errno != 0 => return Ok(Some(Part::Refused(errno))),
            Some(DONE) => return Ok(Some(Part::End)),
            _ => {}
        }
    }
    Ok(None)
}

/// The name of an interface, what is no UTF-8 as U+FFFD, and the kernel's number of it.
pub(crate) fn identity(body: &[u8]) -> Result<(Cow<'_, str>, u32), Error> {
    let name = attributes(body).find(|(kind, _)| *kind == 3).map_or(&b""[..], |(_, name)| name);
    let name = String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name));
    match number(body, 4) {
        Some(index) if !name.is_empty() => Ok((name, index)),
        _ => Err(Error::new("an interface without a name in netlink's answer")),
    }
}

/// Takes over what the message tells.
pub(crate) fn fill(link: &mut Link, body: &[u8]) {
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
    for (kind, value) in attributes(body) {
        match kind {
            1 => push_address(&mut link.address, value),
            2 => push_address(&mut link.broadcast, value),
            4 => set(MTU, number(value, 0)),
            5 => set(BELOW, number(value, 0)),
            13 => set(QUEUE_LENGTH, number(value, 0)),
            16 => link.state.push_str(state(value)),
            17 => set(LINK_MODE, value.first().map(|mode| u32::from(*mode))),
            20 => link.alias.push_str(String::from_utf8_lossy(value).trim_end_matches('\0')),
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

fn push_address(text: &mut String, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02x}");
    }
}

/// As many as the kernel knows: older ones know fewer, newer ones more.
fn push_counts(counts: &mut Counts, value: &[u8]) {
    for (count, bytes) in counts.iter_mut().zip(value.chunks_exact(8)) {
        *count = bytes.try_into().ok().map(u64::from_ne_bytes);
    }
}

/// The attributes behind an interface's head: type and value. What is cut off ends them.
fn attributes(body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body.get(INTERFACE_HEAD..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let length = usize::from(short(rest, 0)?);
        let kind = short(rest, 2)? & 0x3fff;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

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

    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = (16 + body.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn parts(answer: &[u8]) -> Result<Vec<Part<'_>>, Error> {
        let mut answer = answer;
        std::iter::from_fn(|| next_part(&mut answer, 5).transpose()).collect()
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let body = interface(1, &[(3, b"eth0\0")]);
        let mut answer = message(NEW_LINK, 2, 4, b"an answer to an earlier question");
        answer.extend(message(NEW_LINK, 2, 5, &body));
        answer.extend(message(1, 2, 5, b"odd"));
        answer.extend(message(DONE, 2, 5, &[0; 4]));
        assert_eq!(parts(&answer).unwrap(), [Part::Link(&body), Part::End]);
        assert_eq!(parts(&message(ERROR, 0, 5, &(-1i32).to_ne_bytes())).unwrap(), [Part::Refused(1)]);
        assert_eq!(parts(&message(DONE, 2, 5, &(-90i32).to_ne_bytes())).unwrap(), [Part::Refused(90)]);
        assert_eq!(parts(&message(NEW_LINK, 0x12, 5, &body)).unwrap(), [Part::Interrupted]);
        assert_eq!(identity(&body).unwrap(), ("eth0".into(), 7));
        assert_eq!(identity(&interface(1, &[(3, b"e\xffh\0")])).unwrap(), ("e\u{fffd}h".into(), 7));
    }

    #[test]
    fn what_is_cut_off_is_told_and_never_panics() {
        let whole = message(NEW_LINK, 2, 5, &interface(1, &[(3, b"eth0\0"), (23, &[1; 100]), (4, &[1, 2])]));
        for length in 0..whole.len() {
            let mut answer = whole[..length].to_vec();
            assert_eq!(parts(&answer).is_err(), length > 0, "{length}");
            if length >= 4 {
                answer[..4].copy_from_slice(&(length as u32).to_ne_bytes());
                for part in parts(&answer).into_iter().flatten() {
                    let Part::Link(body) = part else { panic!("{part:?}") };
                    let _ = identity(body);
                    fill(&mut Link::default(), body);
                }
            }
        }
        assert!(identity(&interface(1, &[])).unwrap_err().message().contains("without a name"));
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
