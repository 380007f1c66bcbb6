//! `/proc/net/sockstat` and `sockstat6`: how many sockets there are, and their memory.

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use crate::files::each;
use crate::numbers::decimal;

/// Found by name: `node_sockstat_TCP_inuse` is `inuse` of `TCP`.
pub(crate) const FAMILIES: &[Family] = &[
    Family::gauge("node_sockstat_FRAG_inuse", "How many fragment queues of IP are in use."),
    Family::gauge("node_sockstat_FRAG_memory", "Bytes of memory of fragment queues of IP."),
    Family::gauge("node_sockstat_RAW_inuse", "How many raw sockets are in use."),
    Family::gauge("node_sockstat_TCP_alloc", "How many TCP sockets are allocated."),
    Family::gauge("node_sockstat_TCP_inuse", "How many TCP sockets are in use."),
    Family::gauge("node_sockstat_TCP_mem", "Pages of memory of TCP sockets."),
    Family::gauge("node_sockstat_TCP_mem_bytes", "Bytes of memory of TCP sockets."),
    Family::gauge("node_sockstat_TCP_orphan", "How many TCP sockets belong to no process any more."),
    Family::gauge("node_sockstat_TCP_tw", "How many TCP sockets wait in state TIME_WAIT."),
    Family::gauge("node_sockstat_UDP_inuse", "How many UDP sockets are in use."),
    Family::gauge("node_sockstat_UDP_mem", "Pages of memory of UDP sockets."),
    Family::gauge("node_sockstat_UDP_mem_bytes", "Bytes of memory of UDP sockets."),
    Family::gauge("node_sockstat_UDPLITE_inuse", "How many UDP-Lite sockets are in use."),
    Family::gauge("node_sockstat_FRAG6_inuse", "How many fragment queues of IPv6 are in use."),
    Family::gauge("node_sockstat_FRAG6_memory", "Bytes of memory of fragment queues of IPv6."),
    Family::gauge("node_sockstat_RAW6_inuse", "How many raw sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_TCP6_inuse", "How many TCP sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_UDP6_inuse", "How many UDP sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_UDPLITE6_inuse", "How many UDP-Lite sockets of IPv6 are in use."),
    Family::gauge("node_sockstat_sockets_used", "How many sockets there are."),
];

const PREFIX: &str = "node_sockstat_";

pub(crate) struct Sockstat {
    /// A kernel without IPv6 has the first only.
    files: [Source; 2],
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
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let fields = FAMILIES.iter().enumerate().filter_map(|(family, described)| {
            let (protocol, key) = described.name().strip_prefix(PREFIX)?.split_once('_')?;
            Some(Field { protocol, key, family })
        });
        Ok(Sockstat {
            files: ["net/sockstat", "net/sockstat6"].map(|file| Source::new(paths.procfs(file))),
            fields: fields.collect(),
            page_size: rustix::param::page_size() as f64,
        })
    }
}

impl Collector for Sockstat {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        let Sockstat { files, fields, page_size } = self;
        each(files, out, |source, out| {
            let mut shown = false;
            source.lines(out, |line, out| {
                push_line(line, fields, *page_size, out)?;
                shown = true;
                Ok(())
            })?;
            Ok(shown)
        })
    }
}

/// A line such as `TCP: inuse 1 orphan 0 tw 1 alloc 1 mem 0`, with memory in pages. The first number that is none is
/// told, and the others are shown.
fn push_line(line: &str, fields: &[Field], page_size: f64, out: &mut Samples) -> Result<(), Error> {
    let (protocol, rest) = line
        .split_once(": ")
        .ok_or_else(|| Error::expected("a protocol, a colon, names and numbers", line))?;
    let mut push = |key: &str, value: f64| {
        if let Some(field) = fields.iter().find(|field| field.protocol == protocol && field.key == key) {
            out.push_index(field.family, &[], value);
        }
    };
    let mut read = Ok(());
    let mut words = rest.split_ascii_whitespace();
    while let Some(key) = words.next() {
        let word = words.next().unwrap_or("");
        let Ok(number) = decimal(word) else {
            read = read.and(Err(Error::expected(format_args!("a number after {key}"), word)));
            continue;
        };
        push(key, number);
        if key == "mem" {
            push("mem_bytes", number * page_size);
        }
    }
    read
}
