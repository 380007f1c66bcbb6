//! What `/proc/self/mountstats` says of one mount before its operations.

use relink_core::{Error, Samples};

use super::families::{AGE, BYTES, EVENTS, TRANSPORT};

/// Seconds and milliseconds that the kernel has counted below 0 are near to 2^64. As node_exporter does, what is beyond the
/// numbers that a float has all of is cut off.
const FLOAT: u64 = 1 << 53;

/// A mount, and what was read of it so far.
#[derive(Default)]
pub(super) struct Mount {
    pub(super) export: String,
    pub(super) point: String,
    pub(super) address: String,
    age: Option<f64>,
    bytes: Vec<u64>,
    events: Vec<u64>,
    pub(super) transports: Vec<Transport>,
    /// How many lines of transports there were, those included that were odd.
    count: usize,
}

pub(super) struct Transport {
    number: String,
    pub(super) protocol: String,
    /// In the order of [`TRANSPORT`].
    values: [u64; TRANSPORT.len()],
}

impl Mount {
    /// What is mounted where, by a line such as `device server:/export mounted on /mnt with fstype nfs4 statvers=1.1`.
    /// Nothing if the kernel has no statistics of it.
    pub(super) fn of(line: &str) -> Result<Option<(&str, &str)>, Error> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["device", export, "mounted", "on", point, "with", "fstype", kind, ref rest @ ..] => {
                let is_nfs = matches!(kind, "nfs" | "nfs4") && !rest.is_empty();
                Ok(is_nfs.then_some((export, point)))
            }
            ["no", "device", "mounted", ..] => Ok(None),
            _ => Err(Error::expected("device … mounted on … with fstype …", line)),
        }
    }

    pub(super) fn new(export: &str, point: &str, address: String) -> Self {
        Mount { export: export.to_owned(), point: point.to_owned(), address, ..Mount::default() }
    }

    /// Takes a line; those that nothing is shown of are passed over.
    pub(super) fn read(&mut self, line: &str) -> Result<(), Error> {
        let (word, rest) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
        match word {
            "age:" => {
                let age = rest.trim_ascii().parse().ok().filter(|age: &f64| age.is_finite() && *age >= 0.0);
                self.age = Some(age.ok_or_else(|| Error::expected("an age in seconds", rest))?);
            }
            "bytes:" => self.bytes = counts(rest, BYTES.len())?,
            // Before pNFS there were two less.
            "events:" => self.events = counts(rest, EVENTS.len() - 2)?,
            "xprt:" => {
                let number = self.count.to_string();
                self.count += 1;
                self.transports.push(Transport::read(number, rest)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Pushes what was read, for one of the protocols.
    pub(super) fn push(&self, protocol: &str, out: &mut Samples) {
        let (export, address) = (self.export.as_str(), self.address.as_str());
        let labels = [export, protocol, address];
        if let Some(age) = self.age {
            out.push(&AGE, labels, age);
        }
        for (family, count) in BYTES.iter().zip(&self.bytes) {
            out.push(family, labels, *count as f64);
        }
        for (family, count) in EVENTS.iter().zip(&self.events) {
            if let Some(family) = family {
                out.push(family, labels, *count as f64);
            }
        }
        for transport in &self.transports {
            for (family, value) in TRANSPORT.iter().zip(transport.values) {
                out.push(family, [export, protocol, address, &transport.number], value as f64);
            }
        }
    }
}

impl Transport {
    /// A line such as `tcp 832 0 1 0 11 6428 6428 0 12154 0 24 26 5726`.
    ///
    /// The first numbers of TCP and RDMA are the port, binds, connections, ticks of connecting, seconds idle, sends,
    /// receives, bad transactions, requests under way, backlog; UDP has no connection and is never idle, and a local socket
    /// has no port. Since version 1.1 the most slots and two queues follow, but for RDMA, which has numbers of its own.
    fn read(number: String, line: &str) -> Result<Self, Error> {
        let (protocol, numbers) = line.trim_ascii().split_once(' ').unwrap_or((line.trim_ascii(), ""));
        /// Stands for a number that the protocol does not have.
        const NONE: usize = usize::MAX;
        let (places, fewest) = match protocol {
            "tcp" => ([1, 2, 4, 5, 6, 7, 9, 10, 11, 12], 10),
            "udp" => ([1, NONE, NONE, 2, 3, 4, 6, 7, 8, 9], 7),
            "rdma" => ([1, 2, 4, 5, 6, 7, 9, NONE, NONE, NONE], 10),
            "local" => ([0, 1, 3, 4, 5, 6, 8, 9, 10, 11], 9),
            _ => return Err(Error::expected("tcp, udp, rdma or local, and numbers", line)),
        };
        let numbers = counts(numbers, fewest)?;
        let mut values = places.map(|place| numbers.get(place).copied().unwrap_or(0));
        values[2] = seconds(values[2]);
        Ok(Transport { number, protocol: protocol.to_owned(), values })
    }
}

/// A time without what is beyond the numbers that a float has all of.
pub(super) fn seconds(time: u64) -> u64 {
    time % FLOAT
}

/// So many counts, and more if there are.
pub(super) fn counts(line: &str, fewest: usize) -> Result<Vec<u64>, Error> {
    let count = |word: &str| word.parse().map_err(|_| Error::expected("a count", word));
    let counts = line.split_ascii_whitespace().map(count).collect::<Result<Vec<u64>, Error>>()?;
    if counts.len() < fewest {
        return Err(Error::expected(format_args!("{fewest} numbers"), line.trim_ascii()));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nfs_has_statistics() {
        let of = |line| Mount::of(line).map_err(|why| why.to_string());
        let nfs = "device s:/a mounted on /mnt/a\\040b with fstype nfs statvers=1.1";
        assert_eq!(of(nfs), Ok(Some(("s:/a", "/mnt/a\\040b"))));
        assert_eq!(of("device s:/a mounted on /a with fstype nfs4 statvers=1.0"), Ok(Some(("s:/a", "/a"))));
        assert_eq!(of("device s:/a mounted on /a with fstype nfs4"), Ok(None));
        assert_eq!(of("device x mounted on /a with fstype other statvers=1.1"), Ok(None));
        assert_eq!(of("device proc mounted on /proc with fstype proc"), Ok(None));
        assert_eq!(of("no device mounted on / with fstype rootfs"), Ok(None));
        assert!(of("device s:/a mounted").unwrap_err().starts_with("expected device … mounted on"));
    }

    #[test]
    fn each_transport_has_its_own_line() {
        let read = |line| Transport::read("0".to_owned(), line).map(|read| read.values);
        let told = |line| Transport::read("0".to_owned(), line).err().unwrap().to_string();
        assert_eq!(read("tcp 832 1 2 3 4 5 6 7 8 9 10 11 12").unwrap(), [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]);
        assert_eq!(read("tcp 832 1 2 3 4 5 6 7 8 9").unwrap(), [1, 2, 4, 5, 6, 7, 9, 0, 0, 0], "version 1.0");
        assert_eq!(read("udp 832 1 2 3 4 5 6 7 8 9").unwrap(), [1, 0, 0, 2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(read("udp 832 1 2 3 4 5 6").unwrap(), [1, 0, 0, 2, 3, 4, 6, 0, 0, 0]);
        let rdma = read("rdma 0 1 2 3 4 5 6 7 8 9 90 91 92 93 94 95 96 97 98 99").unwrap();
        assert_eq!(rdma, [1, 2, 4, 5, 6, 7, 9, 0, 0, 0]);
        assert_eq!(read("local 1 2 3 4 5 6 7 8 9 10 11 12").unwrap(), [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]);
        assert_eq!(read("tcp 0 0 0 0 18446744073709551615 0 0 0 0 0").unwrap()[2], FLOAT - 1);
        assert_eq!(told("tcp 832 1"), "expected 10 numbers, found \"832 1\"");
        assert_eq!(told("sctp 1 2"), "expected tcp, udp, rdma or local, and numbers, found \"sctp 1 2\"");
        assert_eq!(told("tcp 1 2 3 4 5 6 7 8 9 -1"), "expected a count, found \"-1\"");
    }

    #[test]
    fn a_line_that_is_cut_is_not_taken() {
        let mut mount = Mount::new("s:/a", "/a", String::new());
        for (line, said) in [
            ("bytes:\t1 2 3 4 5 6 7", "expected 8 numbers"),
            ("events:\t1 2", "expected 25 numbers"),
            ("age:\tsoon", "expected an age in seconds"),
            ("age:\t-1", "expected an age in seconds"),
            ("age:\tinf", "expected an age in seconds"),
            ("xprt:", "expected tcp, udp"),
        ] {
            assert!(mount.read(line).unwrap_err().to_string().starts_with(said), "{line}");
        }
        for line in ["age:\t13968", "opts:\trw,vers=4.0", "RPC iostats version: 1.0  p/v: 100003/4 (nfs)", ""]
        {
            mount.read(line).unwrap();
        }
        mount.read(&format!("events:\t{}", "1 ".repeat(25))).unwrap();
        assert_eq!((mount.age, mount.bytes.len(), mount.events.len()), (Some(13968.0), 0, 25));
        mount.read("xprt:\tudp 832 1 2 3 4 5 6").unwrap();
        assert_eq!(mount.transports[0].number, "1", "the odd one has a number as well");
    }
}
