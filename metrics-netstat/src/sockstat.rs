//! `/proc/net/sockstat` and `sockstat6`: how many sockets there are, and their memory.

use relink_core::{Context, Error, Options, Samples, Source};

use crate::families::FAMILIES;

const PREFIX: &str = "node_sockstat_";

pub(crate) struct Sockstat {
    ipv4: Source,
    /// A kernel without IPv6 has none.
    ipv6: Source,
    fields: Vec<Field>,
    page_size: f64,
}

/// A number that has a family.
struct Field {
    protocol: &'static str,
    key: &'static str,
    family: usize,
}

impl Sockstat {
    pub(crate) fn new(options: &Options) -> Self {
        let fields = FAMILIES.iter().enumerate().filter_map(|(family, described)| {
            let (protocol, key) = described.name().strip_prefix(PREFIX)?.split_once('_')?;
            Some(Field { protocol, key, family })
        });
        Sockstat {
            ipv4: Source::new(options.procfs("net/sockstat")),
            ipv6: Source::new(options.procfs("net/sockstat6")),
            fields: fields.collect(),
            page_size: rustix::param::page_size() as f64,
        }
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let pushed = push_lines(self.ipv4.read()?, &self.fields, self.page_size, out);
        pushed.context(self.ipv4.path().display())?;
        let Some(text) = self.ipv6.read_if_present(out)? else { return Ok(()) };
        let pushed = push_lines(text, &self.fields, self.page_size, out);
        pushed.context(self.ipv6.path().display())
    }
}

/// Lines such as `TCP: inuse 1 orphan 0 tw 1 alloc 1 mem 0`, with memory in pages.
fn push_lines(text: &str, fields: &[Field], page_size: f64, out: &mut Samples) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::new("the file is empty, expected lines such as TCP: inuse 1"));
    }
    for (at, line) in text.lines().enumerate() {
        push_line(line, fields, page_size, out).context(format_args!("line {}", at + 1))?;
    }
    Ok(())
}

fn push_line(line: &str, fields: &[Field], page_size: f64, out: &mut Samples) -> Result<(), Error> {
    let (protocol, rest) = line
        .split_once(": ")
        .ok_or_else(|| Error::expected("a protocol, a colon, names and numbers", line))?;
    let mut push = |key: &str, value: f64| {
        if let Some(field) = fields.iter().find(|field| field.protocol == protocol && field.key == key) {
            out.push_index(field.family, &[], value);
        }
    };
    let mut words = rest.split_ascii_whitespace();
    while let Some(key) = words.next() {
        let word = words.next().unwrap_or("");
        let number: i64 =
            word.parse().map_err(|_| Error::expected(format_args!("a number after {key}"), word))?;
        push(key, number as f64);
        if key == "mem" {
            push("mem_bytes", number as f64 * page_size);
        }
    }
    Ok(())
}
