//! Answers that come over D-Bus, as bytes. No length and no offset that the other side sends is believed.

use relink_core::Error;

/// What stands before the fields of a message: byte order, kind, flags, version, lengths, serial.
pub(crate) const HEAD: usize = 16;
/// A list of 50,000 units is shorter. D-Bus allows four times this.
const LONGEST: usize = 32 << 20;

const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
/// How the names of errors begin that say: there is no such object or property.
const UNKNOWN: [&str; 2] = ["org.freedesktop.DBus.Error.Unknown", "org.freedesktop.systemd1.NoSuchUnit"];

/// A message that has arrived, as far as one who calls needs it.
pub(crate) struct Message<'a> {
    /// The serial of the call that it answers; a signal and a call have none.
    pub(crate) reply_to: Option<u32>,
    /// The name of the error that it is.
    error: Option<&'a [u8]>,
    signature: &'a [u8],
    body: Reader<'a>,
}

impl<'a> Message<'a> {
    /// How long the message is that these bytes begin, if that can be told yet.
    pub(crate) fn length(bytes: &[u8]) -> Result<Option<usize>, Error> {
        let Some(head) = bytes.get(..HEAD) else { return Ok(None) };
        let (mut head, fields) = Reader::of_message(head)?;
        let body = head.number(4)?;
        let length = (HEAD + fields.next_multiple_of(8)) as u64 + body;
        match usize::try_from(length) {
            Ok(length) if length <= LONGEST => Ok(Some(length)),
            _ => Err(Error::new(format!("a message of {length} bytes, expected {LONGEST} at most"))),
        }
    }

    /// A whole message.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (mut reader, fields) = Reader::of_message(bytes)?;
        let kind = bytes.get(1).copied();
        let end = HEAD + fields;
        let rest = bytes.get(end.next_multiple_of(8)..).ok_or_else(cut)?;
        let body = Reader { bytes: rest, at: 0, is_big: reader.is_big };
        let mut message = Message { reply_to: None, error: None, signature: b"", body };
        reader.bytes = &bytes[..end];
        reader.at = HEAD;
        while reader.at < end {
            reader.align(8)?;
            let code = reader.number(1)?;
            match (code, reader.variant()?) {
                (4, Value::Text(name)) if kind == Some(ERROR) => message.error = Some(name),
                (5, Value::Number(serial)) if matches!(kind, Some(METHOD_RETURN | ERROR)) => {
                    message.reply_to = u32::try_from(serial).ok();
                }
                (8, Value::Text(signature)) => message.signature = signature,
                _ => {}
            }
        }
        if kind == Some(ERROR) && message.error.is_none() {
            message.error = Some(b"an error without a name");
        }
        Ok(message)
    }

    /// Whether it is an error whose name has one of these beginnings.
    pub(crate) fn is_error(&self, beginnings: &[&str]) -> bool {
        self.error.is_some_and(|name| beginnings.iter().any(|begin| name.starts_with(begin.as_bytes())))
    }

    /// What it brings, which is of this signature, or why it does not.
    pub(crate) fn body(mut self, signature: &str) -> Result<Reader<'a>, Error> {
        if let Some(name) = self.error {
            let text = if self.signature.starts_with(b"s") { self.body.text()? } else { b"" };
            return Err(Error::new(format!("{}: {}", name.escape_ascii(), text.escape_ascii())));
        }
        if self.signature != signature.as_bytes() {
            let found = self.signature.escape_ascii().to_string();
            return Err(Error::expected(format_args!("an answer of the type {signature}"), &found));
        }
        Ok(self.body)
    }

    /// The value of a property; none if the object has no such property, or is no more.
    pub(crate) fn property(self) -> Result<Option<Value<'a>>, Error> {
        if self.is_error(&UNKNOWN) { Ok(None) } else { self.body("v")?.variant().map(Some) }
    }
}

/// A value of some type. Text need not be UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(&'a [u8]),
    Number(u64),
    /// A number that may be negative, or has a fraction: none of these is asked for.
    Other,
}

impl<'a> Value<'a> {
    pub(crate) fn text(self) -> Result<&'a str, Error> {
        match self {
            Value::Text(text) => utf8(text),
            other => Err(Error::expected("a text", &format!("{other:?}"))),
        }
    }

    pub(crate) fn number(self) -> Result<u64, Error> {
        match self {
            Value::Number(number) => Ok(number),
            other => Err(Error::expected("a number", &format!("{other:?}"))),
        }
    }
}

/// Text that is UTF-8, as D-Bus has it.
pub(crate) fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text).map_err(|_| Error::expected("UTF-8", &text.escape_ascii().to_string()))
}

/// Takes values off bytes, each from a multiple of its size on.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_big: bool,
}

impl<'a> Reader<'a> {
    /// Behind the first four bytes of a message, and how long its fields are.
    fn of_message(bytes: &'a [u8]) -> Result<(Self, usize), Error> {
        let is_big = match bytes {
            [b'l', _, _, 1, ..] => false,
            [b'B', _, _, 1, ..] => true,
            _ => {
                let found = bytes[..bytes.len().min(4)].escape_ascii().to_string();
                return Err(Error::expected("a message of D-Bus, version 1", &found));
            }
        };
        let mut fields = Reader { bytes, at: 12, is_big };
        let length = fields.number(4)? as usize;
        if length > LONGEST {
            return Err(Error::new(format!("{length} bytes of fields, expected {LONGEST} at most")));
        }
        Ok((Reader { at: 4, ..fields }, length))
    }

    /// The same on a body that was kept.
    pub(crate) fn of_body(bytes: &'a [u8], is_big: bool) -> Self {
        Reader { bytes, at: 0, is_big }
    }

    /// The bytes, and their order.
    pub(crate) fn into_parts(self) -> (&'a [u8], bool) {
        (self.bytes, self.is_big)
    }

    pub(crate) fn align(&mut self, alignment: usize) -> Result<(), Error> {
        let at = self.at.next_multiple_of(alignment);
        self.take(at - self.at).map(drop)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(cut)?;
        self.at += count;
        Ok(taken)
    }

    /// An unsigned number of 1, 2, 4 or 8 bytes.
    pub(crate) fn number(&mut self, size: usize) -> Result<u64, Error> {
        self.align(size)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let bytes = self.take(size)?;
        Ok(if self.is_big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    /// A text, or the path of an object.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], Error> {
        let length = self.number(4)?;
        self.ended(length as usize)
    }

    /// Several texts in a row.
    pub(crate) fn texts<const N: usize>(&mut self) -> Result<[&'a [u8]; N], Error> {
        let mut texts = [&b""[..]; N];
        for text in &mut texts {
            *text = self.text()?;
        }
        Ok(texts)
    }

    fn signature(&mut self) -> Result<&'a [u8], Error> {
        let length = self.number(1)?;
        self.ended(length as usize)
    }

    /// So many bytes, and the 0 behind them.
    fn ended(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let taken = self.take(length)?;
        match self.take(1)? {
            [0] => Ok(taken),
            _ => Err(Error::new("a text that does not end where it says")),
        }
    }

    /// The elements of an array, which begin at a multiple of 8; this reader goes on behind them.
    pub(crate) fn array(&mut self) -> Result<Elements<'a>, Error> {
        let length = self.number(4)? as usize;
        self.align(8)?;
        let begin = self.at;
        self.take(length)?;
        Ok(Elements(Reader { bytes: &self.bytes[..self.at], at: begin, is_big: self.is_big }))
    }

    /// A value that says of which type it is.
    fn variant(&mut self) -> Result<Value<'a>, Error> {
        Ok(match self.signature()? {
            b"s" | b"o" => Value::Text(self.text()?),
            b"g" => Value::Text(self.signature()?),
            b"y" => Value::Number(self.number(1)?),
            b"q" => Value::Number(self.number(2)?),
            b"u" | b"b" => Value::Number(self.number(4)?),
            b"t" => Value::Number(self.number(8)?),
            b"n" => self.number(2).map(|_| Value::Other)?,
            b"i" => self.number(4).map(|_| Value::Other)?,
            b"x" | b"d" => self.number(8).map(|_| Value::Other)?,
            other => {
                let found = other.escape_ascii().to_string();
                return Err(Error::expected("a value of a simple type", &found));
            }
        })
    }
}

/// What is left of an array of structs.
pub(crate) struct Elements<'a>(Reader<'a>);

impl<'a> Elements<'a> {
    /// At the next struct, if there is one more. Whoever asks reads the struct whole.
    pub(crate) fn next(&mut self) -> Result<Option<&mut Reader<'a>>, Error> {
        if self.0.at >= self.0.bytes.len() {
            return Ok(None);
        }
        self.0.align(8)?;
        Ok(Some(&mut self.0))
    }
}

fn cut() -> Error {
    Error::new("a message that is shorter than it says")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{pad, put_length, put_text};

    /// What systemd 252 answers to `Get` of `NAccepted`, behind a bus: byte order, kind, fields, a `u` in a variant.
    fn answer(is_big: bool) -> Vec<u8> {
        let number = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
        let mut bytes = vec![if is_big { b'B' } else { b'l' }, METHOD_RETURN, 1, 1];
        bytes.extend([number(8), number(4711), number(43)].concat());
        bytes.extend(b"\x06\x01s\0");
        bytes.extend(number(4));
        bytes.extend(b":1.9\0\0\0\0\x05\x01u\0");
        bytes.extend(number(260));
        bytes.extend(b"\x08\x01g\0\x01v\0\0\x07\x01s\0");
        bytes.extend(number(2));
        bytes.extend(b":1\0\0\0\0\0\0\x01u\0\0");
        bytes.extend(number(3));
        bytes
    }

    /// The same, as an error with a text.
    fn error(name: &str) -> Vec<u8> {
        let mut bytes = vec![b'l', ERROR, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x08\x01g\0\x01s\0\0\x04\x01s\0");
        put_text(&mut bytes, 0, name);
        let fields = bytes.len() - HEAD;
        put_length(&mut bytes, 12, fields);
        pad(&mut bytes, 0, 8);
        let body = bytes.len();
        put_text(&mut bytes, 0, "No such thing.");
        let length = bytes.len() - body;
        put_length(&mut bytes, 4, length);
        bytes
    }

    #[test]
    fn both_byte_orders_are_read() {
        for bytes in [answer(false), answer(true)] {
            assert_eq!(Message::length(&bytes).unwrap(), Some(bytes.len()));
            assert_eq!(Message::length(&bytes[..15]).unwrap(), None);
            let message = Message::parse(&bytes).unwrap();
            assert_eq!((message.reply_to, message.signature), (Some(260), &b"v"[..]));
            assert_eq!(message.property().unwrap(), Some(Value::Number(3)));
        }
        // The length is that of one order, and the byte says the other.
        let mut wrong = answer(false);
        wrong[0] = b'B';
        assert!(Message::length(&wrong).unwrap_err().message().contains("expected 33554432 at most"));
    }

    #[test]
    fn errors_are_told_from_what_is_not_there() {
        let gone = error("org.freedesktop.DBus.Error.UnknownProperty");
        assert_eq!(Message::parse(&gone).unwrap().property().unwrap(), None);
        let denied = error("org.freedesktop.DBus.Error.AccessDenied");
        let why = Message::parse(&denied).unwrap().property().unwrap_err();
        assert_eq!(why.message(), "org.freedesktop.DBus.Error.AccessDenied: No such thing.");
        let other = answer(false);
        let why = Message::parse(&other).unwrap().body("a(ssssssouso)").unwrap_err();
        assert_eq!(why.message(), r#"expected an answer of the type a(ssssssouso), found "v""#);
    }

    #[test]
    fn no_bytes_are_believed() {
        for good in [answer(false), answer(true), error("x.y")] {
            for cut in 0..good.len() {
                let read = Message::parse(&good[..cut]).and_then(Message::property);
                assert!(read.is_err(), "{cut} of {} bytes: {read:?}", good.len());
            }
            for at in 0..good.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff, good[at].wrapping_add(1)] {
                    let mut bytes = good.clone();
                    bytes[at] = byte;
                    let _ = Message::length(&bytes);
                    if let Ok(message) = Message::parse(&bytes) {
                        let _ = message.property();
                    }
                }
            }
        }
    }

    #[test]
    fn fuzz_dbus() {
        let seeds = [answer(false), answer(true), error("org.freedesktop.DBus.Error.NoReply")];
        relink_fuzz::fuzz("dbus", &seeds, &["\x08\x01g\0", "a(ssssssouso)", "v", "(", "a{sv}"], |input| {
            if Message::length(input).is_ok_and(|length| length.is_some_and(|length| length <= input.len())) {
                for kind in ["v", "a(ssssssouso)", "s"] {
                    let Ok(message) = Message::parse(input) else { continue };
                    let _ = message.is_error(&["org."]);
                    let _ = message.body(kind).map(|mut body| (body.texts::<2>(), body.number(4)));
                }
                let _ = Message::parse(input).and_then(Message::property);
            }
            let _ = Message::parse(input);
        });
    }
}
