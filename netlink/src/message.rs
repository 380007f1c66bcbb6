//! The messages of netlink (`linux/netlink.h`): numbers in the machine's byte order, each part at a multiple of four bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

use relink_core::Error;

const HEAD: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`: one question, all there is in answer.
const DUMP: u16 = 0x301;
/// `NLM_F_DUMP_INTR`: some came or went meanwhile, so that one may be missing.
const INTERRUPTED: u16 = 0x10;

/// A question for all there is of something.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is asked for, in messages.
    pub what: &'a str,
    /// The kind of the message.
    pub kind: u16,
    /// That of its answers.
    pub answers: u16,
    /// What stands behind the message's head.
    pub body: &'a [u8],
}

/// A part of the answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    /// One of what was asked for: what stands behind the message's head.
    One(&'a [u8]),
    /// All were told.
    End,
    /// The kernel refuses, with this number of errno.
    Refused(i32),
    /// The answer is not of one moment.
    Interrupted,
}

impl Question<'_> {
    /// What to say if the kernel refuses.
    pub fn refused(&self, why: impl std::fmt::Display) -> Error {
        Error::new(format!("asking netlink for {}: {why}", self.what))
    }

    /// Writes it as a message.
    pub(super) fn write(&self, sequence: u32, message: &mut Vec<u8>) {
        message.clear();
        message.extend(((HEAD + self.body.len()) as u32).to_ne_bytes());
        message.extend(self.kind.to_ne_bytes());
        message.extend(DUMP.to_ne_bytes());
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(self.body);
    }

    /// Takes the first part off an answer. Parts of an answer to an earlier question are passed over.
    pub(super) fn next_part<'a>(
        &self,
        answer: &mut &'a [u8],
        sequence: u32,
    ) -> Result<Option<Part<'a>>, Error> {
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
            let errno = (number(body, 0).unwrap_or(0) as i32).wrapping_neg();
            match short(message, 4) {
                Some(kind) if kind == self.answers => return Ok(Some(Part::One(body))),
                Some(ERROR | DONE) if errno != 0 => return Ok(Some(Part::Refused(errno))),
                Some(DONE) => return Ok(Some(Part::End)),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// An attribute, as a part of a question.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Attributes in a row: type and value. What is cut off ends them.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(short(rest, 0)?);
        let kind = short(rest, 2)? & 0x3fff;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

/// A text without the zeros behind it, what is no UTF-8 as U+FFFD.
pub fn text(value: &[u8]) -> Cow<'_, str> {
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&value[..end])
}

/// Eight bytes from there on, if there are so many.
pub fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes)
}

/// Four bytes from there on.
pub fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// Writes a hardware's address.
pub fn push_address(text: &mut String, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02x}");
    }
}

/// Two bytes from there on.
pub fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: Question<'_> = Question { what: "tests", kind: 18, answers: 16, body: &[7; 4] };

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

    fn parts(mut answer: &[u8]) -> Result<Vec<Part<'_>>, Error> {
        std::iter::from_fn(|| QUESTION.next_part(&mut answer, 5).transpose()).collect()
    }

    #[test]
    fn a_question_is_a_message() {
        let mut bytes = vec![1];
        QUESTION.write(5, &mut bytes);
        assert_eq!(bytes, message(18, DUMP, 5, &[7; 4]));
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let mut answer = message(16, 2, 4, b"an answer to an earlier question");
        answer.extend(message(16, 2, 5, b"one"));
        answer.extend(message(1, 2, 5, b"odd"));
        answer.extend(message(DONE, 2, 5, &[0; 4]));
        assert_eq!(parts(&answer).unwrap(), [Part::One(b"one"), Part::End]);
        assert_eq!(parts(&message(ERROR, 0, 5, &(-1i32).to_ne_bytes())).unwrap(), [Part::Refused(1)]);
        assert_eq!(parts(&message(DONE, 2, 5, &(-90i32).to_ne_bytes())).unwrap(), [Part::Refused(90)]);
        assert!(matches!(
            parts(&message(DONE, 2, 5, &i32::MIN.to_ne_bytes())).unwrap()[..],
            [Part::Refused(_)]
        ));
        assert_eq!(parts(&message(16, 0x12, 5, b"one")).unwrap(), [Part::Interrupted]);
    }

    #[test]
    fn what_is_cut_off_is_told_and_never_panics() {
        let whole = message(16, 2, 5, &[attribute(3, b"eth0\0"), attribute(4, &[1, 2])].concat());
        for length in 0..whole.len() {
            let mut answer = whole[..length].to_vec();
            assert_eq!(parts(&answer).is_err(), length > 0, "{length}");
            if length >= 4 {
                answer[..4].copy_from_slice(&(length as u32).to_ne_bytes());
                for part in parts(&answer).into_iter().flatten() {
                    let Part::One(body) = part else { panic!("{part:?}") };
                    assert!(attributes(body).count() <= 2, "{body:?}");
                }
            }
        }
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0, "shorter than its own head");
    }

    #[test]
    fn a_text_ends_before_the_zeros() {
        assert_eq!([text(b"eth0\0\0"), text(b"e\xff"), text(b"\0")], ["eth0", "e\u{fffd}", ""]);
    }

    #[test]
    fn fuzz_netlink() {
        let attributes_of = |pairs: &[(u16, &[u8])]| -> Vec<u8> {
            pairs.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect()
        };
        let body =
            attributes_of(&[(3, b"eth0\0"), (4, &[1, 5, 0, 0]), (18, &attributes_of(&[(1, b"vlan")]))]);
        let whole =
            [message(16, 2, 4, b"early"), message(16, 2, 5, &body), message(DONE, 2, 5, &[0; 4])].concat();
        let refused = message(ERROR, 0, 5, &(-1i32).to_ne_bytes());
        relink_fuzz::fuzz("netlink", &[whole, refused], &["eth0\0"], |input| {
            let mut answer = input;
            // Each part is shorter than what was left, or this would not end.
            while let Ok(Some(part)) = QUESTION.next_part(&mut answer, 5) {
                let Part::One(body) = part else { continue };
                for (_, value) in attributes(body) {
                    let _ = (text(value), long(value, 0), number(value, 4), short(value, 1));
                    push_address(&mut String::new(), value);
                    let _ = attributes(value).count();
                }
            }
        });
    }
}
