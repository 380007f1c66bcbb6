//! `/proc/net/netstat`, `snmp` and `snmp6`: the counters of the protocols.

mod families;
mod fields;

use relink_core::{Collector, Error, Facts, Family, Paths, Samples, Source};

use crate::files::each;
use crate::numbers::decimal;
pub(crate) use families::FAMILIES;
use fields::Fields;

const PREFIX: &str = "node_netstat_";

relink_core::options! {
    pub(crate) struct Settings {
        /// Which of the protocols' fields are shown, as a pattern over names such as Tcp_InSegs.
        fields: String = String::new(),
    }
}

pub(crate) struct Netstat {
    files: [File; 3],
    fields: Fields,
}

enum File {
    Pairs(Pairs),
    Snmp6(Snmp6),
}

impl Netstat {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let fields = Fields::new(&settings.fields)?;
        let pairs = |file| {
            let source = Source::new(paths.procfs(file));
            File::Pairs(Pairs { source, protocols: Vec::new() })
        };
        let snmp6 = File::Snmp6(Snmp6::new(Source::new(paths.procfs("net/snmp6")), &fields));
        Ok(Netstat { files: [pairs("net/netstat"), pairs("net/snmp"), snmp6], fields })
    }
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Netstat { files, fields } = self;
        each(files, out, |file, out| match file {
            File::Pairs(pairs) => pairs.collect(fields, out),
            File::Snmp6(snmp6) => snmp6.collect(out),
        })
    }

    /// What the option `fields` asks for and this collector has no family of.
    fn facts(&mut self, out: &mut Facts) -> Result<(), Error> {
        let mut missing = Vec::new();
        for file in &mut self.files {
            let File::Pairs(file) = file else { continue };
            let text = file.source.text()?.unwrap_or_default();
            for (protocol, names) in text.lines().step_by(2).filter_map(|line| line.split_once(": ")) {
                let asked = names.split(' ').filter(|field| self.fields.ask_for(protocol, field));
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
}

/// A file of pairs of lines such as `Tcp: ActiveOpens InSegs` and `Tcp: 5 7`.
struct Pairs {
    source: Source,
    /// Names seldom change, so what was found for them is kept as long as they stay.
    protocols: Vec<Protocol>,
}

/// A line of names, and which of its columns have a family.
struct Protocol {
    names: String,
    /// Column and place of the family, columns ascending.
    shown: Vec<(usize, usize)>,
}

impl Pairs {
    fn collect(&mut self, fields: &Fields, out: &mut Samples) -> Result<bool, Error> {
        let Pairs { source, protocols } = self;
        // How many pairs were met, and whether the names of one more.
        let (mut count, mut has_names) = (0, false);
        source.lines(out, |line, out| {
            let (protocol, rest) = line
                .split_once(": ")
                .ok_or_else(|| Error::expected("a protocol, a colon and names", line))?;
            if has_names && protocols[count].name() == protocol {
                (count, has_names) = (count + 1, false);
                return protocols[count - 1].push(rest, out);
            }
            if protocols.get(count).is_none_or(|known| known.names != line) {
                protocols.truncate(count);
                protocols.push(Protocol::new(line, fields));
            }
            // A line of names takes the place of one that has no numbers.
            match std::mem::replace(&mut has_names, true) {
                true => Err(Error::expected("the numbers of the line before", line)),
                false => Ok(()),
            }
        })?;
        if has_names {
            let (path, name) = (source.path().display(), protocols[count].name());
            out.warn(format!("{path}: expected the numbers of {name} behind its names, found none"));
        }
        Ok(count > 0)
    }
}

impl Protocol {
    fn new(names: &str, chosen: &Fields) -> Self {
        let mut protocol = Protocol { names: names.to_owned(), shown: Vec::new() };
        let fields = names[protocol.name().len() + 2..].split(' ');
        let families = fields
            .map(|field| family_of(protocol.name(), field).filter(|_| chosen.show(protocol.name(), field)));
        protocol.shown = families.enumerate().filter_map(|(at, family)| Some((at, family?))).collect();
        protocol
    }

    fn name(&self) -> &str {
        self.names.split(": ").next().unwrap_or_default()
    }

    /// The first number that is none is told, and the others are shown.
    fn push(&self, numbers: &str, out: &mut Samples) -> Result<(), Error> {
        let mut read = Ok(());
        let mut words = numbers.split(' ').enumerate();
        for (column, family) in &self.shown {
            let word = words.find(|(at, _)| at == column).map_or("", |(_, word)| word);
            // A limit of -1 (MaxConn) means that there is none.
            match decimal(word) {
                Ok(number) => out.push_index(*family, &[], number),
                Err(why) => read = read.and(Err(why)),
            }
        }
        read
    }
}

/// The place of the family of this field.
fn family_of(protocol: &str, field: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| protocol_and_field(family) == Some((protocol, field)))
}

/// Protocol and field of each family.
fn shown() -> impl Iterator<Item = (&'static str, &'static str)> {
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

    fn collect(&mut self, out: &mut Samples) -> Result<bool, Error> {
        let Snmp6 { source, shown } = self;
        let mut is_understood = false;
        source.lines(out, |line, out| {
            let words = line.split_once(|c: char| c.is_ascii_whitespace());
            let number = words.and_then(|(name, number)| Some((name, decimal(number.trim_ascii()).ok()?)));
            let (name, number) = number.ok_or_else(|| Error::expected("a name and a number", line))?;
            if let Some((_, family)) = shown.iter().find(|(known, _)| known == name) {
                out.push_index(*family, &[], number);
            }
            is_understood = true;
            Ok(())
        })?;
        Ok(is_understood)
    }
}
