//! The hand-over's format: sealed memory, made of sections with a name and a checksum each.
//!
//! The first section is this library's own [`State`], as JSON. It names the others, which are their owner's; of
//! these a damaged one is lost alone. Damage to the state is told, and the image rolls back.
//!
//! ```text
//! header   magic 8 | version 4 | process 4 | sections 4 | length of all 8 | crc32 of the 28 before 4
//! section  length of name 4 | length of content 8 | crc32 of the 12 before, name and content 4 | name | content
//! ```
//! Numbers are little-endian.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use rustix::fs::MemfdFlags;

use crate::sealed;
use crate::state::State;

/// The version of the format. To be raised with any change to what is above, or to what a field of the state means; an
/// image does not read another version's. New fields of the state need no new version, as long as `default` suits them.
const VERSION: u32 = 2;
const MAGIC: [u8; 8] = *b"relink>>";
const HEADER: usize = 32;
const SECTION: usize = 16;
/// Largest hand-over, in bytes. Reading it is part of the pause.
const LARGEST: usize = 64 << 20;

/// The state, and the bytes of others by name: `None` where they are damaged.
type Contents = (State, BTreeMap<String, Option<Vec<u8>>>);

/// Why a hand-over, or a part of it, can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected(pub String);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hand-over rejected: {}", self.0)
    }
}

impl std::error::Error for Rejected {}

impl From<Rejected> for io::Error {
    fn from(rejected: Rejected) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, rejected)
    }
}

fn rejected<T>(why: impl fmt::Display) -> Result<T, Rejected> {
    Err(Rejected(why.to_string()))
}

/// Writes a hand-over into sealed memory.
pub(crate) fn write(state: &State, bytes: &[(String, Vec<u8>)]) -> io::Result<OwnedFd> {
    let bytes = frame(VERSION, state, bytes)?;
    if bytes.len() > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("hand-over of {} bytes, expected at most {LARGEST}; hand over less", bytes.len()),
        ));
    }
    seal(&bytes)
}

fn frame(version: u32, state: &State, others: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let state = serde_json::to_vec(state)?;
    let others = others.iter().map(|(name, content)| (name.as_str(), content));
    let sections: Vec<_> = [("", &state)].into_iter().chain(others).collect();
    let length =
        HEADER + sections.iter().map(|(name, content)| SECTION + name.len() + content.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    bytes.extend(version.to_le_bytes());
    bytes.extend(std::process::id().to_le_bytes());
    bytes.extend((sections.len() as u32).to_le_bytes());
    bytes.extend((length as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    for (name, content) in sections {
        let start = bytes.len();
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((content.len() as u64).to_le_bytes());
        let crc = section_crc(&bytes[start..], name.as_bytes(), content);
        bytes.extend(crc.to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(content);
    }
    Ok(bytes)
}

fn section_crc(head: &[u8], name: &[u8], content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    [head, name, content].into_iter().for_each(|part| crc.update(part));
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

/// Reads a hand-over that [`write`] wrote in this process.
pub(crate) fn read(fd: BorrowedFd<'_>) -> Result<Contents, Rejected> {
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

fn decode(bytes: &[u8]) -> Result<Contents, Rejected> {
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
    if version != VERSION {
        return rejected(format_args!("of format version {version}, this image reads {VERSION}"));
    }
    // A child that was left the variable and the descriptors must not take itself for the next image.
    if process != std::process::id() {
        return rejected(format_args!("written by process {process}"));
    }

    let mut sections = std::iter::from_fn(|| section(&mut rest)).take(sections as usize);
    let Some(Some((_, state))) = sections.next() else { return rejected("its state is missing or damaged") };
    // One whose name is damaged is none of those that the state names.
    let mut intact: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    intact.extend(sections.flatten());
    let state: State =
        serde_json::from_slice(state).map_err(|error| Rejected(format!("its state: {error}")))?;
    let mut others = BTreeMap::new();
    others.extend(
        state.bytes.iter().map(|name| (name.clone(), intact.remove(name.as_bytes()).map(<[u8]>::to_vec))),
    );
    Ok((state, others))
}

/// The next section's name and content, unless its checksum is wrong. `None` when not that much is left.
fn section<'a>(rest: &mut &'a [u8]) -> Option<Option<(&'a [u8], &'a [u8])>> {
    let head = take(rest, SECTION)?;
    let name = take(rest, u32_at(head, 0) as usize)?;
    let content = take(rest, usize::try_from(u64_at(head, 4)).ok()?)?;
    let intact = section_crc(&head[..12], name, content) == u32_at(head, 12);
    Some(intact.then_some((name, content)))
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
    use crate::state::Kept;
    use std::os::fd::AsFd;

    fn sample() -> (State, Vec<(String, Vec<u8>)>) {
        let kept = |fd, note: &[u8]| Kept { fd, inode: 77, device: 8, note: note.to_vec() };
        let kept = [
            ("http".to_owned(), vec![kept(5, b""), kept(7, b"")]),
            ("client".to_owned(), vec![kept(6, b"GET /\xff\x00\"")]),
        ];
        let bytes =
            [("journal", b"[{}]".to_vec()), ("history", (0..=255).collect()), ("push", b"queues".to_vec())];
        let bytes = bytes.map(|(name, content)| (name.to_owned(), content)).to_vec();
        let names = bytes.iter().map(|(name, _)| name.clone()).collect();
        (State { bytes: names, kept: kept.into(), ..State::default() }, bytes)
    }

    fn encoded() -> Vec<u8> {
        let (state, bytes) = sample();
        frame(VERSION, &state, &bytes).unwrap()
    }

    fn whole() -> Contents {
        let (state, bytes) = sample();
        (state, bytes.into_iter().map(|(name, content)| (name, Some(content))).collect())
    }

    #[test]
    #[cfg_attr(miri, ignore = "the interpreter knows no seals")]
    fn what_is_written_is_read() {
        let (state, bytes) = sample();
        let fd = write(&state, &bytes).unwrap();
        assert_eq!(read(fd.as_fd()).unwrap(), whole());
    }

    /// One of so many inputs is enough for the interpreter, which takes ten thousand times as long for each.
    const STEP: usize = if cfg!(miri) { 397 } else { 1 };

    /// Whatever was done to the bytes: the state is exact or it is refused; the others are exact or told to be damaged.
    fn exact_or_told(damaged: &[u8]) {
        let Ok((state, others)) = decode(damaged) else { return };
        let (whole, originals) = whole();
        assert_eq!(state, whole);
        assert_eq!(others.len(), originals.len(), "lost in silence");
        for (name, content) in others {
            assert!(content.is_none() || content == originals[&name], "changed content");
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_noticed() {
        let bytes = encoded();
        for length in (0..bytes.len()).step_by(STEP) {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        for bit in (0..8 * bytes.len()).step_by(STEP) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            exact_or_told(&flipped);
            let noticed = decode(&flipped).map_or(true, |(_, others)| others.values().any(Option::is_none));
            assert!(noticed, "bit {bit}");
        }
    }

    #[test]
    fn noise_never_panics() {
        let bytes = encoded();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        for _ in 0..20_000 / STEP {
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
    fn a_flipped_section_is_lost_alone() {
        let mut bytes = encoded();
        *bytes.last_mut().unwrap() ^= 1;
        let (state, mut others) = whole();
        others.insert("push".to_owned(), None);
        assert_eq!(decode(&bytes).unwrap(), (state, others));
    }

    #[test]
    fn another_version_is_refused() {
        let (state, bytes) = sample();
        for version in [VERSION - 1, VERSION + 1] {
            let bytes = frame(version, &state, &bytes).unwrap();
            let words = format!("of format version {version}, this image reads {VERSION}");
            assert_eq!(decode(&bytes).unwrap_err().0, words);
        }
    }

    #[test]
    fn fields_of_the_state_may_come_and_go() {
        let state: State = serde_json::from_slice(br#"{"bytes":["a"],"colour":"green"}"#).unwrap();
        assert_eq!(state, State { bytes: vec!["a".to_owned()], ..State::default() });
    }

    #[test]
    #[cfg_attr(miri, ignore = "the interpreter knows no seals")]
    fn a_forged_descriptor_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(read(file.as_fd()).unwrap_err().0, "its descriptor is no sealed memory");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(read(socket.as_fd()).unwrap_err().0, "its descriptor is no sealed memory");
        let open = rustix::fs::memfd_create(c"open", MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(read(open.as_fd()).unwrap_err().0, "its memory is not sealed");
        let mut other = encoded();
        other[12..16].copy_from_slice(&1_u32.to_le_bytes());
        let crc = crc32fast::hash(&other[..28]).to_le_bytes();
        other[28..32].copy_from_slice(&crc);
        let other = seal(&other).unwrap();
        assert_eq!(read(other.as_fd()).unwrap_err().0, "written by process 1");
        let empty = seal(b"").unwrap();
        assert_eq!(read(empty.as_fd()).unwrap_err().0, "0 bytes, too short");
    }

    #[test]
    #[cfg_attr(miri, ignore = "a gibibyte takes the interpreter hours")]
    fn too_much_is_refused_when_it_is_written() {
        let error =
            write(&State::default(), &[("history".to_owned(), vec![0; LARGEST])]).unwrap_err().to_string();
        assert!(error.ends_with("expected at most 67108864; hand over less"), "{error}");
    }

    #[test]
    fn fuzz_handover() {
        let (state, bytes) = sample();
        let (empty, grown) = (frame(VERSION, &State::default(), &[]), frame(VERSION + 1, &state, &bytes));
        let seeds = [encoded(), empty.unwrap(), grown.unwrap()];
        relink_fuzz::fuzz(
            "handover",
            &seeds,
            &["{", "\"kept\":", "[[", "null", "\u{0}\u{0}\u{0}\u{0}"],
            |input| {
                let _ = decode(input);
                // With a header that is right, so that what stands behind it is read.
                if input.len() >= HEADER {
                    let mut input = input.to_vec();
                    let length = input.len() as u64;
                    input[20..28].copy_from_slice(&length.to_le_bytes());
                    let checksum = crc32fast::hash(&input[..28]);
                    input[28..32].copy_from_slice(&checksum.to_le_bytes());
                    let _ = decode(&input);
                }
            },
        );
    }
}
