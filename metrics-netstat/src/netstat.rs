//! `/proc/net/netstat`, `snmp` and `snmp6`: the counters of the protocols, as far as the operator wants them.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};
use relink_pattern::Pattern;

use crate::files::each;
use crate::numbers::{decimal, is_word};

/// Which fields there are, and which of them only count up, is known to the kernel alone.
const FIELD: Family = Family::unknown("node_netstat_{}", "Field {} of /proc/net/netstat, snmp or snmp6.");
pub(crate) const FAMILIES: &[Family] = &[FIELD];

/// What node_exporter shows without an option, and `Tcp_MaxConn`, which its most used dashboard asks for.
const DEFAULT: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)\
    |TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)\
    |Tcp_(ActiveOpens|InSegs|MaxConn|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)\
    |Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

relink_core::options! {
    pub(crate) struct Settings {
        /// Which of the protocols' fields are shown, as a pattern over names such as Tcp_InSegs.
        fields: String = DEFAULT.to_owned(),
    }
}

pub(crate) struct Netstat {
    files: [File; 3],
    fields: Pattern,
}

enum File {
    Pairs(Pairs),
    Snmp6(Snmp6),
}

impl Netstat {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let fields = Pattern::new("[collectors.netstat]: fields", &settings.fields)?;
        let source = |file: &str| Source::new(paths.procfs(file));
        let pairs = |file| File::Pairs(Pairs { source: source(file), protocols: Vec::new() });
        let snmp6 = File::Snmp6(Snmp6 { source: source("net/snmp6"), known: Vec::new() });
        Ok(Netstat { files: [pairs("net/netstat"), pairs("net/snmp"), snmp6], fields })
    }
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Netstat { files, fields } = self;
        each(files, out, |file, out| match file {
            File::Pairs(pairs) => pairs.collect(fields, out),
            File::Snmp6(snmp6) => snmp6.collect(fields, out),
        })
    }
}

/// A file of pairs of lines such as `Tcp: ActiveOpens InSegs` and `Tcp: 5 7`.
struct Pairs {
    source: Source,
    /// Names seldom change, so what was found for them is kept as long as they stay.
    protocols: Vec<Protocol>,
}

/// A line of names, and which of its columns are shown.
struct Protocol {
    names: String,
    /// Column and family, as in `Tcp_InSegs`; columns ascending.
    shown: Vec<(usize, String)>,
    /// The first name that no family can have.
    odd: Option<String>,
}

impl Pairs {
    fn collect(&mut self, fields: &Pattern, out: &mut Samples) -> Result<bool, Error> {
        let Pairs { source, protocols } = self;
        // How many pairs were met, and whether the names of one more.
        let (mut count, mut has_names) = (0, false);
        source.lines(out, |line, out| {
            let (protocol, rest) = line
                .split_once(": ")
                .filter(|(protocol, _)| is_word(protocol))
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
    fn new(line: &str, chosen: &Pattern) -> Self {
        let mut protocol = Protocol { names: line.to_owned(), shown: Vec::new(), odd: None };
        let (name, fields) = line.split_once(": ").unwrap_or_default();
        for (column, field) in fields.split_ascii_whitespace().enumerate() {
            if !is_word(field) {
                protocol.odd.get_or_insert_with(|| field.to_owned());
                continue;
            }
            let family = format!("{name}_{field}");
            if chosen.is_match(&family) {
                protocol.shown.push((column, family));
            }
        }
        protocol
    }

    fn name(&self) -> &str {
        self.names.split(": ").next().unwrap_or_default()
    }

    /// The first name that is none, and the first number, is told, and the others are shown.
    fn push(&self, numbers: &str, out: &mut Samples) -> Result<(), Error> {
        let odd = self.odd.as_ref().map(|odd| Error::expected("names of fields in the line before", odd));
        let mut read = odd.map_or(Ok(()), Err);
        let mut words = numbers.split_ascii_whitespace().enumerate();
        for (column, family) in &self.shown {
            let word = words.find(|(at, _)| at == column).map_or("", |(_, word)| word);
            // A limit of -1 (MaxConn) means that there is none.
            match decimal(word) {
                Ok(number) => out.push(&FIELD, [family], number),
                Err(why) => read = read.and(Err(why)),
            }
        }
        read
    }
}

/// A file of lines such as `Udp6InDatagrams 5`. A kernel without IPv6 has none.
struct Snmp6 {
    source: Source,
    /// The name of each line, and its family if it is shown: to ask the pattern each time would cost more than the rest.
    known: Vec<(String, Option<String>)>,
}

impl Snmp6 {
    fn collect(&mut self, fields: &Pattern, out: &mut Samples) -> Result<bool, Error> {
        let Snmp6 { source, known } = self;
        let mut count = 0;
        source.lines(out, |line, out| {
            let words = line.split_once(|c: char| c.is_ascii_whitespace());
            let number = words.and_then(|(name, number)| Some((name, decimal(number.trim_ascii()).ok()?)));
            let (name, number) = number
                .filter(|(name, _)| is_word(name))
                .ok_or_else(|| Error::expected("a name and a number", line))?;
            if known.get(count).is_none_or(|(known, _)| known != name) {
                known.truncate(count);
                known.push((name.to_owned(), family(name).filter(|family| fields.is_match(family))));
            }
            if let (_, Some(family)) = &known[count] {
                out.push(&FIELD, [family], number);
            }
            count += 1;
            Ok(())
        })?;
        Ok(count > 0)
    }
}

/// `Udp6_NoPorts` for `Udp6NoPorts`: the protocol ends with the first 6. A name without one is of no protocol.
fn family(name: &str) -> Option<String> {
    let (protocol, field) = name.split_once('6')?;
    Some(format!("{protocol}6_{field}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_of_ipv6_ends_with_the_first_6() {
        assert_eq!(family("Icmp6InType135").as_deref(), Some("Icmp6_InType135"));
        assert_eq!(family("UdpLite6InErrors").as_deref(), Some("UdpLite6_InErrors"));
        assert_eq!(family("Ip6In6Pkts").as_deref(), Some("Ip6_In6Pkts"));
        assert_eq!(family("ifIndex"), None);
    }

    #[test]
    fn the_default_has_the_fields_of_node_exporter() {
        let fields = Pattern::new("fields", &Settings::default().fields).unwrap();
        for shown in [
            "Icmp_InErrors",
            "Icmp6_OutMsgs",
            "Ip_Forwarding",
            "Ip6_InOctets",
            "IpExt_OutOctets",
            "Tcp_CurrEstab",
            "Tcp_InErrs",
            "TcpExt_ListenDrops",
            "TcpExt_SyncookiesSent",
            "TcpExt_TCPOFOQueue",
            "TcpExt_TCPRcvQDrop",
            "TcpExt_TCPTimeouts",
            "Udp_NoPorts",
            "Udp6_SndbufErrors",
            "UdpLite_InErrors",
            "UdpLite6_InErrors",
        ] {
            assert!(fields.is_match(shown), "{shown}");
        }
        for hidden in ["Ip_DefaultTTL", "Udp_MemErrors", "Ip6_InReceives", "TcpExt_TCPOFODrop"] {
            assert!(!fields.is_match(hidden), "{hidden}");
        }
    }
}
