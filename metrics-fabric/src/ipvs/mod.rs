//! `/proc/net/ip_vs_stats` and `ip_vs`: the load balancer of the kernel (IPVS).

mod backends;

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use backends::Backends;

const ACTIVE: Family =
    Family::gauge("node_ipvs_backend_connections_active", "Connections to a server that are in use (ip_vs).")
        .labels(&LABELS);
const INACTIVE: Family = Family::gauge(
    "node_ipvs_backend_connections_inactive",
    "Connections to a server that are not in use, as those that end (ip_vs).",
)
.labels(&LABELS);
const WEIGHT: Family =
    Family::gauge("node_ipvs_backend_weight", "Share of the connections that a server gets (ip_vs).")
        .labels(&LABELS);
const CONNECTIONS: Family =
    Family::counter("node_ipvs_connections_total", "Connections that were made (ip_vs_stats).");
const BYTES_IN: Family =
    Family::counter("node_ipvs_incoming_bytes_total", "Bytes that came in (ip_vs_stats).");
const PACKETS_IN: Family =
    Family::counter("node_ipvs_incoming_packets_total", "Packets that came in (ip_vs_stats).");
const BYTES_OUT: Family =
    Family::counter("node_ipvs_outgoing_bytes_total", "Bytes that went out (ip_vs_stats).");
const PACKETS_OUT: Family =
    Family::counter("node_ipvs_outgoing_packets_total", "Packets that went out (ip_vs_stats).");

pub(crate) const FAMILIES: &[Family] =
    &[ACTIVE, INACTIVE, WEIGHT, CONNECTIONS, BYTES_IN, PACKETS_IN, BYTES_OUT, PACKETS_OUT];

/// The labels of a server.
const LABELS: [&str; 6] =
    ["local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark"];

/// In the order of the file's columns.
const TOTALS: [Family; 5] = [CONNECTIONS, PACKETS_IN, PACKETS_OUT, BYTES_IN, BYTES_OUT];

relink_core::options! {
    pub(crate) struct Settings {
        /// The labels to tell servers apart by, with commas in between. Servers that are alike in all of them are added up.
        backend_labels: String = LABELS.join(","),
    }
}

pub(crate) struct Ipvs {
    stats: Source,
    servers: Source,
    backends: Backends,
}

impl Ipvs {
    pub(crate) fn new(paths: &Paths, settings: Settings) -> Result<Self, Error> {
        let source = |file| Source::new(paths.procfs(file));
        let backends = Backends::new(chosen(&settings.backend_labels)?);
        Ok(Ipvs { stats: source("net/ip_vs_stats"), servers: source("net/ip_vs"), backends })
    }
}

impl Collector for Ipvs {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Both files come with the module, and without it there is neither.
        let totals = match self.stats.parse(totals) {
            Ok(None) => return Ok(()),
            Ok(Some(totals)) => {
                for (family, total) in TOTALS.iter().zip(totals) {
                    out.push(family, [], total as f64);
                }
                Ok(())
            }
            Err(why) => Err(why),
        };
        let backends = &mut self.backends;
        backends.begin();
        let servers = self.servers.lines(out, |line, _| backends.read(line));
        backends.push(out);
        match (totals, servers) {
            (Err(why), _) | (_, Err(why)) if out.is_empty() => Err(why),
            (totals, servers) => {
                // What stands in lines is told already.
                for why in [totals.err(), servers.err()].into_iter().flatten() {
                    if !out.warnings().contains(&why.to_string()) {
                        out.warn(why.to_string());
                    }
                }
                Ok(())
            }
        }
    }
}

/// Which of the labels are chosen.
fn chosen(option: &str) -> Result<[bool; LABELS.len()], Error> {
    let words = || option.split(',').map(str::trim).filter(|word| !word.is_empty());
    if let Some(word) = words().find(|word| !LABELS.contains(word)) {
        let expected = format!("some of {}", LABELS.join(", "));
        return Err(Error::expected(expected, word).context("[collectors.ipvs]: backend_labels"));
    }
    Ok(LABELS.map(|label| words().any(|word| word == label)))
}

/// The totals are hexadecimal, in the third line below two of names; the rates below them are not shown.
fn totals(text: &str) -> Result<[u64; TOTALS.len()], Error> {
    let line = text.lines().nth(2).unwrap_or_default();
    let mut words = line.split_ascii_whitespace();
    let mut totals = [0; TOTALS.len()];
    for total in &mut totals {
        let word = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
        let expected = format_args!("{} hexadecimal numbers in line 3", TOTALS.len());
        *total = word.ok_or_else(|| Error::expected(expected, line))?;
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_stand_in_the_third_line() {
        let text = "   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
 16AA370 E33656E5        0     51D8C8883AB3                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       4    1FB3C        0          1282A8F                0
";
        assert_eq!(totals(text).unwrap(), [23_765_872, 3_811_989_221, 0, 89_991_519_156_915, 0]);
        for odd in ["", "a\nb\n", "a\nb\n1 2 3 4\n", "a\nb\n1 2 3 4 x\n", "a\nb\n1 2 3 4 11111111111111111\n"]
        {
            let why = totals(odd).unwrap_err().to_string();
            assert!(why.starts_with("expected 5 hexadecimal numbers in line 3, found \""), "{why}");
        }
    }

    #[test]
    fn labels_are_chosen_by_name() {
        assert_eq!(chosen(&LABELS.join(",")).unwrap(), [true; 6]);
        assert_eq!(chosen("").unwrap(), [false; 6]);
        assert_eq!(chosen(" proto,local_port,,").unwrap(), [false, true, false, false, true, false]);
        let why = chosen("proto,port").unwrap_err().to_string();
        assert!(
            why.starts_with("[collectors.ipvs]: backend_labels: expected some of local_address, "),
            "{why}"
        );
        assert!(why.ends_with(", found \"port\""), "{why}");
    }
}
