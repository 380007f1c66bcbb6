//! The hand-over's format: sealed memory, made of sections with a checksum each.
//!
//! The sections are `state` (JSON, needed), `journal` (JSON), `history` and, where there is one, `push` (their owners'
//! own encodings). A damaged journal, history or push is dropped alone; damage to the state is told, and the image
//! rolls back.
//!
//! ```text
//! header   magic 8 | version 4 | process 4 | sections 4 | length of all 8 | crc32 of the 28 before 4
//! section  tag 4 | length 8 | crc32 of tag, length and content 4 | content
//! ```
//! Numbers are little-endian.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use rustix::fs::MemfdFlags;

use crate::handover::Handover;
use crate::sealed;

/// The version of the format. To be raised with any change to what the history's bytes or a field mean: the other
/// version's history is dropped then. New JSON fields need no new version, as long as `default` suits them.
pub const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"relink>>";
const HEADER: usize = 32;
const SECTION: usize = 16;
/// Largest hand-over, in bytes. Reading it is part of the pause.
const LARGEST: usize = 64 << 20;

const STATE: u32 = 1;
const JOURNAL: u32 = 2;
const HISTORY: u32 = 3;
const PUSH: u32 = 4;

/// A hand-over that was read.
#[derive(Debug, PartialEq)]
pub struct Read {
    /// What it holds; what was dropped is empty.
    pub handover: Handover,
    /// The sections that were dropped, and why, in words.
    pub dropped: Vec<String>,
}

/// Why a hand-over can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected(pub String);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hand-over rejected: {}", self.0)
    }
}

impl std::error::Error for Rejected {}

fn rejected<T>(why: impl fmt::Display) -> Result<T, Rejected> {
    Err(Rejected(why.to_string()))
}

/// Writes a hand-over into sealed memory.
pub(super) fn write(handover: &Handover) -> io::Result<OwnedFd> {
    let bytes = encode(handover)?;
    if bytes.len() > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("hand-over of {} bytes, expected at most {LARGEST}; keep less history", bytes.len()),
        ));
    }
    seal(&bytes)
}

fn encode(handover: &Handover) -> io::Result<Vec<u8>> {
    let state = serde_json::to_vec(handover)?;
    let mut sections = vec![(STATE, &state), (JOURNAL, &handover.journal), (HISTORY, &handover.history)];
    if handover.pushes {
        sections.push((PUSH, &handover.push));
    }
    Ok(frame(VERSION, &sections))
}

fn frame(version: u32, sections: &[(u32, &Vec<u8>)]) -> Vec<u8> {
    let length = HEADER + sections.iter().map(|(_, content)| SECTION + content.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    bytes.extend(version.to_le_bytes());
    bytes.extend(std::process::id().to_le_bytes());
    bytes.extend((sections.len() as u32).to_le_bytes());
    bytes.extend((length as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    for (tag, content) in sections {
        let start = bytes.len();
        bytes.extend(tag.to_le_bytes());
        bytes.extend((content.len() as u64).to_le_bytes());
        let crc = section_crc(&bytes[start..], content);
        bytes.extend(crc.to_le_bytes());
        bytes.extend(*content);
    }
    bytes
}

fn section_crc(head: &[u8], content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(content);
    crc.finalize()
}

fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Before Linux 6.3 all memory could be executed, and the flag against it is not known.
    let memory = rustix::fs::memfd_create(c"relink-handover", flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| rustix::fs::memfd_create(c"relink-handover", flags))?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    // Requests wait meanwhile, so not for long.
    sealed::seal(&file, Duration::from_millis(500))?;
    Ok(file.into())
}

/// Reads a hand-over that [`Handover::write`] wrote in this process.
pub fn read(fd: BorrowedFd<'_>) -> Result<Read, Rejected> {
    let file = File::from(fd.try_clone_to_owned().map_err(|error| Rejected(error.to_string()))?);
    match sealed::is_sealed(fd) {
        Ok(true) => {}
        Ok(false) => return rejected("its memory is not sealed"),
        Err(_) => return rejected("its descriptor is no sealed memory"),
    }
    let meta = file.metadata().map_err(|error| Rejected(error.to_string()))?;
    let user = std::fs::metadata("/proc/self").map_err(|error| Rejected(error.to_string()))?.uid();
    if meta.uid() != user {
        return rejected(format_args!("it belongs to user {}, expected {user}", meta.uid()));
    }
    if meta.len() > LARGEST as u64 {
        return rejected(format_args!("{} bytes, expected at most {LARGEST}", meta.len()));
    }
    let mut bytes = vec![0; meta.len() as usize];
    file.read_exact_at(&mut bytes, 0).map_err(|error| Rejected(error.to_string()))?;
    decode(&bytes)
}

fn decode(bytes: &[u8]) -> Result<Read, Rejected> {
    let mut rest = bytes;
    let head =
        take(&mut rest, HEADER).ok_or_else(|| Rejected(format!("{} bytes, too short", bytes.len())))?;
    if head[..8] != MAGIC {
        return rejected("it does not begin like one");
    }
    if crc32fast::hash(&head[..28]) != u32_at(head, 28) {
        return rejected("its header is damaged");
    }
    let (version, process, sections) = (u32_at(head, 8), u32_at(head, 12), u32_at(head, 16));
    if u64_at(head, 20) != bytes.len() as u64 {
        return rejected(format_args!("{} bytes, its header says {}", bytes.len(), u64_at(head, 20)));
    }
    // A child that was left the variable and the descriptors must not take itself for the next image.
    if process != std::process::id() {
        return rejected(format_args!("written by process {process}"));
    }

    let (mut state, mut journal, mut history, mut push) = (None, None, None, None);
    let mut dropped = Vec::new();
    for number in 0..sections {
        match section(&mut rest) {
            Some((STATE, content)) => state = content,
            Some((JOURNAL, content)) => journal = content,
            Some((HISTORY, content)) => history = content,
            Some((PUSH, content)) => push = content,
            Some((tag, _)) => dropped.push(format!("section of the unknown kind {tag}")),
            None => {
                dropped.push(format!("section {number} and all after it: cut short"));
                break;
            }
        }
    }
    let Some(state) = state else { return rejected("its state is missing or damaged") };
    let mut handover: Handover = serde_json::from_slice(state)
        .map_err(|error| Rejected(format!("its state, of format version {version}: {error}")))?;
    match journal {
        Some(journal) => handover.journal = journal.to_vec(),
        None => dropped.push("journal: damaged or missing".to_owned()),
    }
    match history {
        Some(history) if version == VERSION => handover.history = history.to_vec(),
        Some(_) => dropped.push(format!("history: of format version {version}, this image reads {VERSION}")),
        None => dropped.push("history: damaged or missing".to_owned()),
    }
    match push {
        Some(push) => handover.push = push.to_vec(),
        None if handover.pushes => dropped.push("push: damaged or missing".to_owned()),
        None => {}
    }
    Ok(Read { handover, dropped })
}

/// The next section's tag, and its content unless its checksum is wrong. `None` when not that much is left.
fn section<'a>(rest: &mut &'a [u8]) -> Option<(u32, Option<&'a [u8]>)> {
    let head = take(rest, SECTION)?;
    let content = take(rest, usize::try_from(u64_at(head, 4)).ok()?)?;
    let intact = section_crc(&head[..12], content) == u32_at(head, 12);
    Some((u32_at(head, 0), intact.then_some(content)))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::{Connection, Listener};
    use std::os::fd::AsFd;

    fn sample() -> Handover {
        Handover {
            generation: 7,
            reload_id: "r7".into(),
            listeners: ["127.0.0.1:8000", "[::1]:9100"]
                .map(|address| Listener { fd: 5, address: address.parse().unwrap() })
                .into(),
            connections: vec![Connection {
                fd: 6,
                peer: "127.0.0.1:40000".parse().unwrap(),
                opened: true,
                unread: b"GET /\xff\x00\"".to_vec(),
                owed: Some("r7".into()),
                keep_alive: true,
            }],
            children: vec![41],
            journal: b"[{}]".to_vec(),
            history: (0..=255).collect(),
            pushes: true,
            push: b"queues".to_vec(),
            ..Handover::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let fd = sample().write().unwrap();
        assert_eq!(read(fd.as_fd()).unwrap(), Read { handover: sample(), dropped: vec![] });
    }

    /// Whatever was done to the bytes: the state is exact or it is refused; the others are exact or empty, and then it is
    /// told.
    fn exact_or_told(damaged: &[u8]) {
        let Ok(read) = decode(damaged) else { return };
        let whole = sample();
        let mut kept = 0;
        for (part, original) in [
            (&read.handover.journal, &whole.journal),
            (&read.handover.history, &whole.history),
            (&read.handover.push, &whole.push),
        ] {
            assert!(part == original || part.is_empty(), "changed content");
            kept += usize::from(part == original);
        }
        assert!(kept == 3 || !read.dropped.is_empty(), "lost in silence");
        let Handover { journal, history, push, .. } = whole.clone();
        assert_eq!(Handover { journal, history, push, ..read.handover }, whole);
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_noticed() {
        let bytes = encode(&sample()).unwrap();
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            exact_or_told(&flipped);
            let read = decode(&flipped);
            assert!(read.is_err() || read.is_ok_and(|read| !read.dropped.is_empty()), "bit {bit}");
        }
    }

    #[test]
    fn noise_never_panics() {
        let bytes = encode(&sample()).unwrap();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        for _ in 0..20_000 {
            let mut noisy = bytes.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() % noisy.len();
                noisy[at] = random() as u8;
            }
            // A header that is right again lets the noise through to the sections.
            let length = (noisy.len() as u64).to_le_bytes();
            noisy[20..28].copy_from_slice(&length);
            let crc = crc32fast::hash(&noisy[..28]).to_le_bytes();
            noisy[28..32].copy_from_slice(&crc);
            exact_or_told(&noisy);
        }
    }

    #[test]
    fn a_flipped_history_is_dropped_alone() {
        let whole = Handover { pushes: false, push: vec![], ..sample() };
        let mut bytes = encode(&whole).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let read = decode(&bytes).unwrap();
        assert_eq!(read.dropped, ["history: damaged or missing"]);
        assert_eq!(read.handover, Handover { history: vec![], ..whole });
    }

    #[test]
    fn flipped_push_queues_are_dropped_alone() {
        let mut bytes = encode(&sample()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let read = decode(&bytes).unwrap();
        assert_eq!(read.dropped, ["push: damaged or missing"]);
        assert_eq!(read.handover, Handover { push: vec![], ..sample() });
    }

    #[test]
    fn another_version_keeps_the_sockets_and_drops_the_history() {
        let whole = Handover { pushes: false, push: vec![], ..sample() };
        let state = serde_json::to_vec(&whole).unwrap();
        for version in [VERSION - 1, VERSION + 1] {
            let bytes = frame(version, &[(STATE, &state), (JOURNAL, &sample().journal), (HISTORY, &vec![1])]);
            let read = decode(&bytes).unwrap();
            assert_eq!(
                read.dropped,
                [format!("history: of format version {version}, this image reads {VERSION}")]
            );
            assert_eq!(read.handover, Handover { history: vec![], ..whole.clone() });
        }
    }

    #[test]
    fn fields_and_sections_may_come_and_go() {
        let state = br#"{"generation":3,"colour":"green"}"#.to_vec();
        let read = decode(&frame(VERSION, &[(9, &vec![1]), (STATE, &state)])).unwrap();
        assert_eq!(read.handover, Handover { generation: 3, ..Handover::default() });
        assert_eq!(
            read.dropped,
            ["section of the unknown kind 9", "journal: damaged or missing", "history: damaged or missing"]
        );
    }

    #[test]
    fn a_forged_descriptor_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(read(file.as_fd()).unwrap_err().0, "its descriptor is no sealed memory");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(read(socket.as_fd()).unwrap_err().0, "its descriptor is no sealed memory");
        let open = rustix::fs::memfd_create(c"open", MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(read(open.as_fd()).unwrap_err().0, "its memory is not sealed");
        let mut other = encode(&sample()).unwrap();
        other[12..16].copy_from_slice(&1_u32.to_le_bytes());
        let crc = crc32fast::hash(&other[..28]).to_le_bytes();
        other[28..32].copy_from_slice(&crc);
        let other = seal(&other).unwrap();
        assert_eq!(read(other.as_fd()).unwrap_err().0, "written by process 1");
        let empty = seal(b"").unwrap();
        assert_eq!(read(empty.as_fd()).unwrap_err().0, "0 bytes, too short");
    }

    #[test]
    fn too_much_is_refused_when_it_is_written() {
        let error = Handover { history: vec![0; LARGEST], ..sample() }.write().unwrap_err().to_string();
        assert!(error.ends_with("expected at most 67108864; keep less history"), "{error}");
    }
}
