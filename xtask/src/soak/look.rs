//! What the agent's process holds, as the kernel tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use super::end::until;
use crate::failure::{Doing, Failure, Result};

/// What the agent needs at most to notice that a client has closed its connection, to end a thread, to reap a child.
const SETTLES: Duration = Duration::from_secs(5);

/// One look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// By kind: `socket`, `anon_inode`, `/memfd` and so on; without connections.
    pub descriptors: BTreeMap<String, usize>,
    /// Those at the agent's own port.
    pub connections: usize,
    pub threads: usize,
    pub zombies: usize,
    /// Bytes.
    pub environment: usize,
}

impl Held {
    /// Looks once.
    pub(super) fn now(id: u32, port: u16) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{id}/{file}");
            fs::read(&path).doing(format_args!("reading {path}"))
        };
        let text = |file: &str| read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (tcp, status) = (text("net/tcp")?, text("status")?);
        let threads = field(&status, "Threads").and_then(|threads| threads.parse().ok());
        Ok(Held {
            descriptors: kinds(&links(id)?, &connections(&tcp, None)),
            connections: connections(&tcp, Some(port)).len(),
            threads: threads.ok_or_else(|| Failure::new(format!("/proc/{id}/status has no Threads")))?,
            zombies: zombies(id),
            environment: read("environ")?.len(),
        })
    }

    /// The same once the agent has settled: the least of several looks, or the first that holds no more than was held `before`.
    pub(super) fn settled(id: u32, port: u16, before: Option<&Held>) -> Result<Self> {
        let (began, mut least) = (Instant::now(), Held::now(id, port)?);
        let settled = until("the agent settles", SETTLES + SETTLES, || {
            let now = match Held::now(id, port) {
                Ok(now) => now,
                failure => return Some(failure),
            };
            if now.sum() < least.sum() {
                least = now;
            }
            let is_like_before = before.is_some_and(|before| least.more_than(before).is_empty());
            (is_like_before || began.elapsed() > SETTLES).then(|| Ok(least.clone()))
        });
        settled?
    }

    pub(super) fn count(&self) -> usize {
        self.descriptors.values().sum()
    }

    /// The least, or the most, that several looks saw of each.
    pub(super) fn together<'a>(
        held: impl Iterator<Item = &'a Held>,
        pick: fn(usize, usize) -> usize,
    ) -> Held {
        let held: Vec<_> = held.collect();
        let all =
            |of: &dyn Fn(&Held) -> usize| held.iter().map(|held| of(held)).reduce(pick).unwrap_or_default();
        let kinds = held.iter().flat_map(|held| held.descriptors.keys());
        let of_kind = |kind: &String| all(&|held| held.descriptors.get(kind).copied().unwrap_or_default());
        Held {
            descriptors: kinds.map(|kind| (kind.clone(), of_kind(kind))).collect(),
            connections: all(&|held| held.connections),
            threads: all(&|held| held.threads),
            zombies: all(&|held| held.zombies),
            environment: all(&|held| held.environment),
        }
    }

    fn sum(&self) -> usize {
        self.count() + self.connections + self.threads + self.zombies
    }

    /// What there is more of than there was.
    pub(super) fn more_than(&self, before: &Held) -> Vec<String> {
        let mut more = Vec::new();
        let mut compare = |what: &str, was: usize, is: usize| {
            if is > was {
                more.push(format!("{what} grew from {was} to {is}"));
            }
        };
        for (kind, is) in &self.descriptors {
            compare(
                &format!("descriptors ({kind})"),
                before.descriptors.get(kind).copied().unwrap_or_default(),
                *is,
            );
        }
        compare("connections", before.connections, self.connections);
        compare("threads", before.threads, self.threads);
        compare("zombies", before.zombies, self.zombies);
        compare("the environment", before.environment, self.environment);
        more
    }
}

/// What is resident, in bytes, without pages of files, which come and go as the kernel likes: `RssAnon` and `RssShmem`, in
/// which replaced libraries are.
pub(super) fn own_memory(id: u32) -> Result<f64> {
    let path = format!("/proc/{id}/status");
    let status = fs::read_to_string(&path).doing(format_args!("reading {path}"))?;
    let kib = |name| field(&status, name)?.strip_suffix(" kB")?.parse::<f64>().ok();
    let sum = kib("RssAnon").zip(kib("RssShmem")).map(|(anonymous, shared)| (anonymous + shared) * 1024.0);
    sum.ok_or_else(|| Failure::new(format!("{path} has no RssAnon and RssShmem in kB")))
}

fn links(id: u32) -> Result<Vec<String>> {
    let folder = format!("/proc/{id}/fd");
    let entries = fs::read_dir(&folder).doing(format_args!("reading {folder}"))?;
    // One may be closed between the listing and the reading.
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    Ok(links.map(|link| link.to_string_lossy().into_owned()).collect())
}

/// `/memfd`, `socket`, `anon_inode`, or the path of a file, with how many there are.
fn kinds(links: &[String], connections: &[&str]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for link in links {
        let inode = link.strip_prefix("socket:[").and_then(|link| link.strip_suffix(']'));
        if inode.is_some_and(|inode| connections.contains(&inode)) {
            continue;
        }
        // A segment of the queue has a number for a name.
        let kind = match link.split_once(':') {
            Some((kind, _)) => kind,
            None if link.ends_with(".segment") => "a segment",
            None => link,
        };
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}

/// The kernel's numbers of the sockets that do not listen: all, or those at this port of ours.
fn connections(tcp: &str, port: Option<u16>) -> Vec<&str> {
    let port = port.map(|port| format!(":{port:04X}"));
    let lines = tcp.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|fields| fields.len() > 9 && fields[3] != "0A" && fields[9] != "0")
        .filter(|fields| port.as_ref().is_none_or(|port| fields[1].ends_with(port.as_str())))
        .map(|fields| fields[9])
        .collect()
}

/// Children that have ended and that nobody has waited for.
fn zombies(id: u32) -> usize {
    let parent = id.to_string();
    let Ok(all) = fs::read_dir("/proc") else { return 0 };
    let stats = all.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let is_zombie = |stat: &String| {
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<_> = after_name.split_whitespace().take(2).collect();
        fields == ["Z", parent.as_str()]
    };
    stats.filter(is_zombie).count()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
           0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 11 1\n\
           1: 0100007F:1F40 0100007F:C000 01 00000000:00000000 00:00000000 00000000 0 0 12 1\n\
           2: 0100007F:C000 0100007F:1F41 01 00000000:00000000 00:00000000 00000000 0 0 13 1\n\
           3: 0100007F:1F40 0100007F:C001 06 00000000:00000000 00:00000000 00000000 0 0 0 1\n";

    #[test]
    fn connections_are_told_from_what_listens() {
        assert_eq!(connections(TCP, None), ["12", "13"]);
        assert_eq!(connections(TCP, Some(8000)), ["12"]);
    }

    #[test]
    fn descriptors_are_counted_by_kind() {
        let links = [
            "socket:[11]",
            "socket:[12]",
            "/memfd:relink (deleted)",
            "/a/1.segment",
            "/a/2.segment",
            "/proc/stat",
        ];
        let kinds = kinds(&links.map(str::to_owned), &["12", "13"]);
        let expected = [("/memfd", 1), ("/proc/stat", 1), ("a segment", 2), ("socket", 1)];
        assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    }

    #[test]
    fn what_grew_is_named_and_what_shrank_is_not() {
        let held = |sockets, threads, environment| Held {
            descriptors: [("socket".to_owned(), sockets)].into(),
            threads,
            environment,
            ..Held::default()
        };
        let before = held(3, 9, 100);
        assert_eq!(held(3, 8, 100).more_than(&before), [""; 0]);
        assert_eq!(
            held(4, 9, 103).more_than(&before),
            ["descriptors (socket) grew from 3 to 4", "the environment grew from 100 to 103"]
        );
    }

    #[test]
    fn this_process_can_be_looked_at() {
        let held = Held::now(std::process::id(), 1).unwrap();
        assert!(held.count() >= 3 && held.threads >= 1 && held.environment > 0, "{held:?}");
        assert!(own_memory(std::process::id()).unwrap() > 1e5);
    }
}
