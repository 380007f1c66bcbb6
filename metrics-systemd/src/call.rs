//! Calls that are made over D-Bus, as bytes.

use crate::wire::HEAD;

const METHOD_CALL: u8 = 1;
/// Nobody is started to answer.
const NO_AUTO_START: u8 = 2;

/// A method, and the texts that it is called with.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    /// None of them, or two.
    pub(crate) arguments: Option<[&'a str; 2]>,
}

impl Call<'_> {
    /// Appends the message.
    pub(crate) fn write(&self, serial: u32, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend([b'l', METHOD_CALL, NO_AUTO_START, 1, 0, 0, 0, 0]);
        out.extend(serial.to_le_bytes());
        out.extend([0; 4]);
        for (code, kind, text) in [
            (1, b'o', self.path),
            (2, b's', self.interface),
            (3, b's', self.member),
            (6, b's', self.destination),
        ] {
            pad(out, begin, 8);
            out.extend([code, 1, kind, 0]);
            put_text(out, begin, text);
        }
        if self.arguments.is_some() {
            pad(out, begin, 8);
            out.extend(b"\x08\x01g\0\x02ss\0");
        }
        let fields = out.len() - begin - HEAD;
        put_length(out, begin + 12, fields);
        pad(out, begin, 8);
        let body = out.len();
        self.arguments.iter().flatten().for_each(|text| put_text(out, begin, text));
        let body = out.len() - body;
        put_length(out, begin + 4, body);
    }
}

/// Fills up to a multiple of `alignment` bytes from where the message begins.
pub(crate) fn pad(out: &mut Vec<u8>, begin: usize, alignment: usize) {
    out.resize(begin + (out.len() - begin).next_multiple_of(alignment), 0);
}

pub(crate) fn put_text(out: &mut Vec<u8>, begin: usize, text: &str) {
    pad(out, begin, 4);
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
}

pub(crate) fn put_length(out: &mut [u8], at: usize, length: usize) {
    out[at..at + 4].copy_from_slice(&(length as u32).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;

    #[test]
    fn a_call_is_as_dbus_wants_it() {
        let arguments = Some(["i.f", "Name"]);
        let call = Call { destination: "d.e", path: "/p", interface: "i.g", member: "Get", arguments };
        let mut bytes = b"before".to_vec();
        call.write(7, &mut bytes);
        let expected = b"l\x01\x02\x01\x11\0\0\0\x07\0\0\0\x48\0\0\0\x01\x01o\0\x02\0\0\0/p\0\0\0\0\0\0\
            \x02\x01s\0\x03\0\0\0i.g\0\0\0\0\0\x03\x01s\0\x03\0\0\0Get\0\0\0\0\0\x06\x01s\0\x03\0\0\0d.e\0\0\0\0\0\
            \x08\x01g\0\x02ss\0\x03\0\0\0i.f\0\x04\0\0\0Name\0";
        assert_eq!(bytes[6..].escape_ascii().to_string(), expected.escape_ascii().to_string());
        assert_eq!(Message::length(&bytes[6..]).unwrap(), Some(bytes.len() - 6));
    }
}
