//! `/proc/net/netstat`, `snmp` and `snmp6`: the counters of the protocols.

use relink_core::{Context, Error, Facts, Family, Options, Samples, Source};

use crate::families::FAMILIES;
use crate::fields::Fields;

const PREFIX: &str = "node_netstat_";

pub(crate) struct Protocols {
    /// Files of pairs of lines, names and numbers.
    pairs: [Pairs; 2],
    snmp6: Snmp6,
}

impl Protocols {
    pub(crate) fn new(options: &Options, fields: Fields) -> Self {
        let snmp6 = Snmp6::new(Source::new(options.procfs("net/snmp6")), &fields);
        let pairs = ["net/netstat", "net/snmp"].map(|file| {
            let source = Source::new(options.procfs(file));
            Pairs { source, protocols: Vec::new(), fields: fields.clone() }
        });
        Protocols { pairs, snmp6 }
    }

    /// What the option `fields` asks for and this plugin has no family of.
    pub(crate) fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let mut missing = Vec::new();
        for file in &mut self.pairs {
            let names = file.source.read()?.lines().step_by(2).filter_map(|line| line.split_once(": "));
            for (protocol, fields) in names {
                let asked = fields.split(' ').filter(|field| file.fields.ask_for(protocol, field));
                let without = asked.filter(|field| family_of(protocol, field).is_none());
                missing.extend(without.map(|field| format!("{protocol}_{field}")));
            }
        }
        if !missing.is_empty() {
            let more = if missing.len() > 3 { ", …" } else { "" };
            let first = missing.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            out.push("fields", format!("{} match and have no family here: {first}{more}", missing.len()));
        }
        Ok(())
    }

    pub(crate) fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        self.pairs.iter_mut().try_for_each(|file| file.collect(out))?;
        self.snmp6.collect(out)
    }
}

/// A file of pairs of lines such as `Tcp: ActiveOpens InSegs` and `Tcp: 5 7`.
struct Pairs {
    source: Source,
    protocols: Vec<Protocol>,
    fields: Fields,
}

/// A line of names, and which of its columns have a family.
struct Protocol {
    names: String,
    /// Column and place of the family, columns ascending.
    shown: Vec<(usize, usize)>,
}

impl Pairs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let pushed = push_pairs(self.source.read()?, &mut self.protocols, &self.fields, out);
        pushed.context(self.source.path().display())
    }
}

/// Names seldom change, so what was found for them is kept as long as they stay.
fn push_pairs(
    text: &str,
    protocols: &mut Vec<Protocol>,
    fields: &Fields,
    out: &mut Samples,
) -> Result<(), Error> {
    let mut lines = text.lines();
    let mut count = 0;
    while let Some(names) = lines.next() {
        let numbers = lines.next().unwrap_or("");
        if protocols.get(count).is_none_or(|known| known.names != names) {
            protocols.truncate(count);
            protocols.push(Protocol::new(names, fields).context(format_args!("line {}", 2 * count + 1))?);
        }
        protocols[count].push(numbers, out).context(format_args!("line {}", 2 * count + 2))?;
        count += 1;
    }
    if count == 0 {
        return Err(Error::new("no line such as Tcp: and its names, expected at least one protocol"));
    }
    Ok(())
}

impl Protocol {
    fn new(names: &str, chosen: &Fields) -> Result<Self, Error> {
        let (protocol, fields) =
            names.split_once(": ").ok_or_else(|| Error::expected("a protocol, a colon and names", names))?;
        let families = fields
            .split(' ')
            .map(|field| family_of(protocol, field).filter(|_| chosen.show(protocol, field)));
        // The protocol itself is the first word.
        let shown = families.enumerate().filter_map(|(at, family)| Some((at + 1, family?))).collect();
        Ok(Protocol { names: names.to_owned(), shown })
    }

    fn push(&self, numbers: &str, out: &mut Samples) -> Result<(), Error> {
        let mut words = numbers.split(' ').enumerate();
        let name = words.next().map_or("", |(_, word)| word);
        if self.names.split(' ').next() != Some(name) {
            return Err(Error::expected("the numbers of the line before", numbers));
        }
        for (column, family) in &self.shown {
            let word = words.find(|(at, _)| at == column).map_or("", |(_, word)| word);
            // A limit of -1 (MaxConn) means that there is none.
            let number: i64 = word.parse().map_err(|_| Error::expected("a number", word))?;
            out.push_index(*family, &[], number as f64);
        }
        Ok(())
    }
}

/// The place of the family of this field.
fn family_of(protocol: &str, field: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| protocol_and_field(family) == Some((protocol, field)))
}

/// Protocol and field of each family.
pub(crate) fn shown() -> impl Iterator<Item = (&'static str, &'static str)> {
    FAMILIES.iter().filter_map(protocol_and_field)
}

fn protocol_and_field(family: &Family) -> Option<(&'static str, &'static str)> {
    family.name().strip_prefix(PREFIX)?.split_once('_')
}

/// A file of lines such as `Udp6InDatagrams 5`. A kernel without IPv6 has none.
struct Snmp6 {
    source: Source,
    /// Names and the places of their families.
    shown: Vec<(String, usize)>,
}

impl Snmp6 {
    fn new(source: Source, fields: &Fields) -> Self {
        let shown = FAMILIES.iter().enumerate().filter_map(|(at, family)| {
            let (protocol, field) = protocol_and_field(family)?;
            (protocol.ends_with('6') && fields.show(protocol, field))
                .then(|| (format!("{protocol}{field}"), at))
        });
        Snmp6 { source, shown: shown.collect() }
    }

    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Some(text) = self.source.read_if_present(out)? else { return Ok(()) };
        let pushed = push_snmp6(text, &self.shown, out);
        pushed.context(self.source.path().display())
    }
}

fn push_snmp6(text: &str, shown: &[(String, usize)], out: &mut Samples) -> Result<(), Error> {
    for (at, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or("");
        let number = words.next().and_then(|word| word.parse::<u64>().ok());
        let number = number.ok_or_else(|| {
            Error::expected("a name and a number", line).context(format_args!("line {}", at + 1))
        })?;
        if let Some((_, family)) = shown.iter().find(|(known, _)| known == name) {
            out.push_index(*family, &[], number as f64);
        }
    }
    Ok(())
}
