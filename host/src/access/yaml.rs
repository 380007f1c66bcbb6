//! YAML as values. The crate that does so for serde, and shows where an error is with a picture of the text, is a twentieth
//! of the executable; of a web configuration no text may be shown, as there are secrets in it. The syntax is granit-parser's.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use relink_core::Error;
use serde::de::value::{Error as Why, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// How deep a value may lie, and how many there may be, those counted that an alias stands for: with aliases of aliases a
/// short text can stand for more than there is memory. So can many aliases of a long text, which counts as one value each
/// [`TEXT`] bytes there.
const DEPTH: usize = 32;
const VALUES: usize = 10_000;
const TEXT: usize = 64;

/// What the only document of a text says; an empty one says null. Errors tell the line and show nothing of the text but keys.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let events = Parser::new_from_str_with_options(text, granit_parser::options! { emit_comments: false });
    let mut reader = Reader { events, anchors: BTreeMap::new(), left: VALUES };
    let node = reader.document()?;
    T::deserialize(node).map_err(|why| Error::new(why.to_string()))
}

/// A value, and in which line it begins.
#[derive(Clone)]
struct Node {
    line: usize,
    value: Value,
}

#[derive(Clone)]
enum Value {
    /// A text; one without quotes and tag may also be a number, a truth value or null.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

struct Reader<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> {
    events: I,
    anchors: BTreeMap<usize, Node>,
    /// How many values there still may be.
    left: usize,
}

fn odd(line: usize, what: &str) -> Error {
    Error::new(format!("line {line}: {what}"))
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> Reader<'t, I> {
    fn next(&mut self) -> Result<(Event<'t>, usize), Error> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(why)) => Err(odd(why.marker().line(), &why.info())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn document(&mut self) -> Result<Node, Error> {
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd => {
                    let value = Value::Scalar { text: String::new(), is_plain: true };
                    return Ok(Node { line, value });
                }
                event => {
                    let node = self.node(event, line, DEPTH)?;
                    loop {
                        match self.next()? {
                            (Event::StreamEnd, _) => return Ok(node),
                            (Event::DocumentEnd, _) => {}
                            (_, line) => return Err(odd(line, "a second document, expected one")),
                        }
                    }
                }
            }
        }
    }

    /// The value that begins with this event.
    fn node(&mut self, event: Event<'t>, line: usize, depth: usize) -> Result<Node, Error> {
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                (Value::Scalar { text: text.into_owned(), is_plain }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (Value::List(self.list(line, depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (Value::Map(self.map(line, depth)?), anchor),
            Event::Alias(of) => {
                let node = self.anchors.get(&of).ok_or_else(|| odd(line, "an alias of nothing"))?.clone();
                self.take(node.values(), line)?;
                return Ok(node);
            }
            _ => return Err(odd(line, "expected a value")),
        };
        self.take(1, line)?;
        let node = Node { line, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, line: usize, depth: usize) -> Result<Vec<Node>, Error> {
        let depth = deeper(depth, line)?;
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, line) => list.push(self.node(event, line, depth)?),
            }
        }
    }

    fn map(&mut self, line: usize, depth: usize) -> Result<Vec<(String, Node)>, Error> {
        let depth = deeper(depth, line)?;
        let (mut map, mut merged): (Vec<(String, Node)>, _) = (Vec::new(), Vec::new());
        loop {
            let (event, line) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let Value::Scalar { text: key, is_plain } = self.node(event, line, depth)?.value else {
                return Err(odd(line, "a key that is a list or a map, expected a text"));
            };
            let (event, at) = self.next()?;
            let mut node = self.node(event, at, depth)?;
            if is_plain && key == "<<" {
                merged.push(node);
                continue;
            }
            if map.iter().any(|(known, _)| *known == key) {
                return Err(odd(line, &format!("duplicate key {key:?}")));
            }
            node.line = line;
            map.push((key, node));
        }
        // The keys of other maps, where this one does not have them.
        while let Some(node) = merged.pop() {
            match node.value {
                Value::List(list) => merged.extend(list.into_iter().rev()),
                Value::Map(other) => {
                    for (key, node) in other {
                        if map.iter().all(|(known, _)| *known != key) {
                            map.push((key, node));
                        }
                    }
                }
                Value::Scalar { .. } => return Err(odd(node.line, "<<: expected a map")),
            }
        }
        Ok(map)
    }

    fn take(&mut self, values: usize, line: usize) -> Result<(), Error> {
        let left = self.left.checked_sub(values);
        self.left = left.ok_or_else(|| odd(line, &format!("more than {VALUES} values")))?;
        Ok(())
    }
}

fn deeper(depth: usize, line: usize) -> Result<usize, Error> {
    depth.checked_sub(1).ok_or_else(|| odd(line, &format!("more than {DEPTH} values within each other")))
}

impl Node {
    /// What an alias of it counts for.
    fn values(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { text, .. } => text.len() / TEXT,
            Value::List(list) => list.iter().map(Node::values).sum(),
            Value::Map(map) => map.iter().map(|(_, node)| node.values()).sum(),
        }
    }

    fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, is_plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    fn expected(line: usize, what: &str) -> Why {
        Why::custom(format!("line {line}: expected {what}"))
    }

    /// A text without quotes as what `read` makes of it.
    fn plain<T>(self, read: impl FnOnce(&str) -> Option<T>, what: &str) -> Result<T, Why> {
        let value = match &self.value {
            Value::Scalar { text, is_plain: true } => read(text),
            _ => None,
        };
        value.ok_or_else(|| Self::expected(self.line, what))
    }
}

/// What YAML 1.1 takes for a truth value, as Go's exporters do.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Why;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        match self.value {
            Value::Scalar { .. } => self.deserialize_string(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_bool(self.plain(truth, "true or false")?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_u32(self.plain(|text| text.parse().ok(), "a whole number")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        let is_null = self.is_null();
        match self.value {
            Value::Scalar { .. } if is_null => visitor.visit_str(""),
            Value::Scalar { text, .. } => visitor.visit_string(text),
            _ => Err(Self::expected(self.line, "a text")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        self.deserialize_string(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        match self.value {
            Value::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter())),
            _ => Err(Self::expected(self.line, "a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        match self.value {
            Value::Map(map) => visitor.visit_map(Entries { entries: map.into_iter(), value: None }),
            _ => Err(Self::expected(self.line, "keys and values")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Why> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u64 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Why> for Node {
    type Deserializer = Node;

    fn into_deserializer(self) -> Node {
        self
    }
}

/// The entries of a map; an error of a key tells its line.
struct Entries {
    entries: std::vec::IntoIter<(String, Node)>,
    value: Option<Node>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Why;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Why> {
        let Some((key, node)) = self.entries.next() else { return Ok(None) };
        let line = node.line;
        self.value = Some(node);
        let key: Result<_, Why> = seed.deserialize(key.into_deserializer());
        key.map(Some).map_err(|why| Why::custom(format!("line {line}: {why}")))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Why> {
        let node = self.value.take().ok_or_else(|| Why::custom("a value without its key"))?;
        seed.deserialize(node)
    }
}

#[cfg(test)]
mod tests;
