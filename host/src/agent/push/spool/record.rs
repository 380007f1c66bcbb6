//! The format of a segment, which is a file of the spool: a head that tells the version, then one record after the
//! other, each a request. Pure: bytes in, bytes out.
//!
//! Numbers are little-endian. A segment's head is `relinkq\n`, the version (4 bytes), and the CRC-32 of both. A record is
//!
//! | bytes | |
//! |---|---|
//! | 4 | a mark that no text in UTF-8 holds, to find the next record by |
//! | 4 | the length of the body |
//! | 8 | the record's number: each is by one greater than the one before |
//! | 8 | when its collection was due, in milliseconds since 1970 |
//! | 8 | how many samples all records before it had |
//! | 4 | how many samples it has |
//! | 4 | the CRC-32 of the body |
//! | 4 | the CRC-32 of the 40 bytes above |
//! | … | the body: what is sent |
//!
//! Head and body have a sum each: so a damaged body can be left out without a search, and the samples in it be counted.
//! The number and the samples before tell, of records that are gone with their heads, how many there were.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

/// To be raised when a field's meaning changes.
pub(super) const VERSION: u32 = 1;
/// The length of a segment's head.
pub(super) const SEGMENT_HEAD: usize = 16;
/// The length of a record's head.
pub(super) const RECORD_HEAD: usize = 44;

const SEGMENT_MAGIC: [u8; 8] = *b"relinkq\n";
const RECORD_MAGIC: [u8; 4] = [0xf5, b'r', b'q', 0xfa];
/// What is read at a time in the search for a record.
const SEARCHED: usize = 64 << 10;

/// Something that can be read at any place.
pub(super) trait ReadAt {
    /// Fills the buffer, or fails.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(buffer, at)
    }
}

/// A segment's head.
pub(super) fn segment_head() -> [u8; SEGMENT_HEAD] {
    let mut head = [0; SEGMENT_HEAD];
    head[..8].copy_from_slice(&SEGMENT_MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    seal(&mut head);
    head
}

/// The version that the beginning of a segment tells; nothing if that is damaged.
pub(super) fn version(head: &[u8]) -> Option<u32> {
    let head: &[u8; SEGMENT_HEAD] = head.get(..SEGMENT_HEAD)?.try_into().ok()?;
    (head[..8] == SEGMENT_MAGIC && is_sealed(head)).then(|| u32_at(head, 8))
}

/// All that is known of a record without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    /// When its collection was due, in milliseconds since 1970.
    pub(super) time: u64,
    /// How many samples all records before it had.
    pub(super) before: u64,
    pub(super) samples: u32,
    pub(super) length: u32,
    sum: u32,
}

impl Head {
    /// The head for a body.
    pub(super) fn of(number: u64, time: u64, before: u64, samples: u32, body: &[u8]) -> Self {
        // Far from 4 GiB: a request has 2000 samples at most.
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Head { number, time, before, samples, length, sum: crc32fast::hash(body) }
    }

    pub(super) fn bytes(&self) -> [u8; RECORD_HEAD] {
        let mut bytes = [0; RECORD_HEAD];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.time.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.before.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.samples.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.sum.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    fn read(bytes: &[u8; RECORD_HEAD]) -> Option<Self> {
        let head = Head {
            length: u32_at(bytes, 4),
            number: u64_at(bytes, 8),
            time: u64_at(bytes, 16),
            before: u64_at(bytes, 24),
            samples: u32_at(bytes, 32),
            sum: u32_at(bytes, 36),
        };
        // Numbers are given one by one: none has ever come near this one.
        (bytes[..4] == RECORD_MAGIC && is_sealed(bytes) && head.number < 1 << 62).then_some(head)
    }

    /// Whether it is the head of this body.
    pub(super) fn is_of(&self, time: u64, body: &[u8]) -> bool {
        let known = self.time == time && self.length as usize == body.len();
        known && self.sum == crc32fast::hash(body)
    }

    /// How many bytes the whole record takes.
    pub(super) fn size(&self) -> u64 {
        RECORD_HEAD as u64 + u64::from(self.length)
    }

    /// The number of the last record up to here, and the samples of all.
    pub(super) fn reached(&self) -> Reached {
        Reached { number: self.number, samples: self.before.saturating_add(u64::from(self.samples)) }
    }
}

/// A place in the queue: after the record with this number, up to which there were so many samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::agent::push) struct Reached {
    pub(in crate::agent::push) number: u64,
    pub(in crate::agent::push) samples: u64,
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A record. Its body may be damaged.
    Record(Head),
    /// The beginning of one whose body goes on behind the segment's end: it was cut off.
    Cut(Head),
    /// Nothing that can be read up to this place, where a record is, or the end.
    Damaged { until: u64 },
}

/// What stands at this place of a segment that ends there.
pub(super) fn find(segment: &impl ReadAt, at: u64, end: u64) -> io::Result<Found> {
    if let Some(head) = head_at(segment, at, end)? {
        return Ok(if at + head.size() > end { Found::Cut(head) } else { Found::Record(head) });
    }
    let mut from = at + 1;
    let mut buffer = vec![0; SEARCHED];
    while from + RECORD_HEAD as u64 <= end {
        let length = (end - from).min(SEARCHED as u64) as usize;
        let searched = &mut buffer[..length];
        segment.read_at(searched, from)?;
        let places = searched.windows(RECORD_MAGIC.len()).enumerate();
        for (place, _) in places.filter(|(_, bytes)| *bytes == RECORD_MAGIC) {
            let until = from + place as u64;
            if head_at(segment, until, end)?.is_some() {
                return Ok(Found::Damaged { until });
            }
        }
        // The mark may lie across the border.
        from += (length - RECORD_MAGIC.len() + 1) as u64;
    }
    Ok(Found::Damaged { until: end })
}

fn head_at(segment: &impl ReadAt, at: u64, end: u64) -> io::Result<Option<Head>> {
    if at + RECORD_HEAD as u64 > end {
        return Ok(None);
    }
    let mut bytes = [0; RECORD_HEAD];
    segment.read_at(&mut bytes, at)?;
    Ok(Head::read(&bytes))
}

/// The body of the record at this place; nothing if it is damaged.
pub(super) fn body(segment: &impl ReadAt, at: u64, head: &Head) -> io::Result<Option<Bytes>> {
    let mut body = vec![0; head.length as usize];
    segment.read_at(&mut body, at + RECORD_HEAD as u64)?;
    Ok((crc32fast::hash(&body) == head.sum).then(|| body.into()))
}

/// Writes the sum of what stands before it into the last four bytes.
pub(super) fn seal(bytes: &mut [u8]) {
    let at = bytes.len() - 4;
    let sum = crc32fast::hash(&bytes[..at]);
    bytes[at..].copy_from_slice(&sum.to_le_bytes());
}

/// Whether the last four bytes are the sum of the rest.
pub(super) fn is_sealed(bytes: &[u8]) -> bool {
    let at = bytes.len() - 4;
    u32_at(bytes, at) == crc32fast::hash(&bytes[..at])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ReadAt for [u8] {
        fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
            let end = at as usize + buffer.len();
            let bytes = self.get(at as usize..end).ok_or(io::ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(bytes);
            Ok(())
        }
    }

    impl ReadAt for Vec<u8> {
        fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
            self.as_slice().read_at(buffer, at)
        }
    }

    /// Bytes that follow from a number, as if by chance.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..length).map(next).collect()
    }

    /// A segment of records with bodies of several lengths, and where each begins.
    fn segment() -> (Vec<u8>, Vec<(u64, Head)>) {
        let mut bytes = segment_head().to_vec();
        let (mut places, mut before) = (Vec::new(), 7);
        for (number, length) in [0, 1, 50, 300, 44, 120].into_iter().enumerate() {
            let body = noise(number as u64, length);
            let head = Head::of(number as u64 + 1, 1000 + number as u64, before, 3, &body);
            before += 3;
            places.push((bytes.len() as u64, head));
            bytes.extend_from_slice(&head.bytes());
            bytes.extend_from_slice(&body);
        }
        (bytes, places)
    }

    /// The numbers of the records that can be read whole, and how many bytes lie between them.
    fn read(bytes: &Vec<u8>) -> (Vec<u64>, u64) {
        let (mut at, end, mut numbers, mut lost) = (SEGMENT_HEAD as u64, bytes.len() as u64, Vec::new(), 0);
        while at < end {
            match find(bytes, at, end).unwrap() {
                Found::Record(head) => {
                    match body(bytes, at, &head).unwrap() {
                        Some(_) => numbers.push(head.number),
                        None => lost += head.size(),
                    }
                    at += head.size();
                }
                Found::Cut(_) => return (numbers, lost + end - at),
                Found::Damaged { until } => {
                    assert!(until > at && until <= end);
                    lost += until - at;
                    at = until;
                }
            }
        }
        (numbers, lost)
    }

    #[test]
    fn what_is_written_is_read() {
        let (bytes, places) = segment();
        assert_eq!(version(&bytes), Some(VERSION));
        for (at, head) in &places {
            assert_eq!(find(&bytes, *at, bytes.len() as u64).unwrap(), Found::Record(*head));
        }
        assert_eq!(read(&bytes), ((1..=6).collect(), 0));
        assert_eq!(places[5].1.reached(), Reached { number: 6, samples: 25 });
    }

    /// Whatever byte is another one, the record that it belongs to is lost and no other.
    #[test]
    fn a_damaged_byte_costs_one_record() {
        let (bytes, places) = segment();
        for at in SEGMENT_HEAD..bytes.len() {
            let hit = places.iter().rposition(|(begin, _)| *begin <= at as u64).unwrap() as u64 + 1;
            for value in [!bytes[at], bytes[at] ^ 1, 0, 0xff, RECORD_MAGIC[0]] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let (numbers, lost) = read(&damaged);
                let expected: Vec<u64> = (1..=6).filter(|n| *n != hit || value == bytes[at]).collect();
                assert_eq!(numbers, expected, "byte {at} is {value}");
                assert_eq!(lost > 0, value != bytes[at]);
            }
        }
    }

    #[test]
    fn a_cut_end_costs_what_it_held() {
        let (bytes, places) = segment();
        for end in 0..=bytes.len() {
            let cut = bytes[..end].to_vec();
            let whole = places.iter().filter(|(begin, head)| begin + head.size() <= end as u64).count();
            assert_eq!(read(&cut).0, (1..=whole as u64).collect::<Vec<_>>(), "cut at {end}");
        }
    }

    /// Anything at any place, also over several records: what it does not touch is read, and nothing else.
    #[test]
    fn what_is_not_damaged_is_read() {
        let (bytes, places) = segment();
        for seed in 0..20_000 {
            let chance = noise(seed + 1, 8);
            let from = SEGMENT_HEAD + u64_at(&chance, 0) as usize % (bytes.len() - SEGMENT_HEAD);
            let length = (1 + chance[3] as usize).min(bytes.len() - from);
            let mut damaged = bytes.clone();
            damaged[from..from + length].copy_from_slice(&noise(seed + 7, length));
            let whole = |(begin, head): &&(u64, Head)| {
                let place = *begin as usize..(begin + head.size()) as usize;
                damaged[place.clone()] == bytes[place]
            };
            let expected: Vec<_> = places.iter().filter(whole).map(|(_, head)| head.number).collect();
            assert_eq!(read(&damaged).0, expected, "seed {seed}: {length} bytes at {from}");
        }
    }

    #[test]
    fn the_version_is_told_or_damaged() {
        let head = segment_head();
        for at in 0..head.len() {
            let mut damaged = head;
            damaged[at] ^= 0x10;
            assert_eq!(version(&damaged), None, "byte {at}");
            assert_eq!(version(&head[..at]), None, "cut at {at}");
        }
        let mut newer = head;
        newer[8] = 9;
        seal(&mut newer);
        assert_eq!(version(&newer), Some(9));
    }

    #[test]
    fn fuzz_segment() {
        let (bytes, _) = segment();
        let mark = super::super::mark::bytes(Reached { number: 7, samples: 1 << 40 }).to_vec();
        let seeds = [bytes, segment_head().to_vec(), mark];
        relink_fuzz::fuzz("segment", &seeds, &["relinkq\n", "\u{0}\u{0}\u{0}\u{0}"], |input| {
            let _ = (version(input), super::super::mark::read(input));
            let mut bytes = input.to_vec();
            read(&bytes);
            // With heads that are sound again, so that what they say is believed.
            for at in 0..bytes.len().saturating_sub(RECORD_HEAD) {
                if bytes[at..].starts_with(&RECORD_MAGIC) {
                    seal(&mut bytes[at..at + RECORD_HEAD]);
                }
            }
            read(&bytes);
        });
    }
}
