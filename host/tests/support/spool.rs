//! A reader and a writer of the queue on disk, after the description of its format and not by the agent's own code.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of targets below a `[push] dir`.
pub fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

/// The files of a folder that can be damaged.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| fs::metadata(path).unwrap().len() > 0).collect();
    files.sort();
    files
}

/// A record: its number, when its collection was due, and its body.
#[derive(Clone, Debug)]
pub struct Record {
    pub number: u64,
    pub time: i64,
    pub body: Vec<u8>,
}

fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let mut number = [0; 8];
    number[..length].copy_from_slice(&bytes[at..at + length]);
    u64::from_le_bytes(number)
}

fn has_sum(bytes: &[u8]) -> bool {
    let (rest, sum) = bytes.split_at(bytes.len() - 4);
    number(sum, 0, 4) == u64::from(crc32fast::hash(rest))
}

/// The records that are whole and not marked as done, by number.
pub fn owed(folder: &Path) -> BTreeMap<u64, Record> {
    let mark = |name: &str| {
        let bytes = fs::read(folder.join(name)).unwrap_or_default();
        (bytes.len() == 32 && bytes.starts_with(b"relinkm\n") && has_sum(&bytes))
            .then(|| number(&bytes, 12, 8))
    };
    let done = mark("mark").max(mark("mark.copy")).unwrap_or(0);
    let mut records = BTreeMap::new();
    for path in files(folder).into_iter().filter(|path| path.extension() == Some("segment".as_ref())) {
        let bytes = fs::read(path).unwrap();
        for at in 0..bytes.len().saturating_sub(43) {
            let head = &bytes[at..at + 44];
            if head[..4] != [0xf5, b'r', b'q', 0xfa] || !has_sum(head) {
                continue;
            }
            let length = number(head, 4, 4) as usize;
            let Some(body) = bytes.get(at + 44..at + 44 + length) else { continue };
            if number(head, 36, 4) == u64::from(crc32fast::hash(body)) && number(head, 8, 8) > done {
                let (number, time) = (number(head, 8, 8), number(head, 16, 8) as i64);
                records.entry(number).or_insert(Record { number, time, body: body.to_vec() });
            }
        }
    }
    records
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The head of a segment of this version.
pub fn segment_head(version: u32) -> Vec<u8> {
    sealed([&b"relinkq\n"[..], &version.to_le_bytes()].concat())
}

/// Fills a folder with segments of records that all have this body and so many samples, about so many bytes in all and a
/// second apart up to this time. Returns how many there are.
pub fn fill(folder: &Path, bytes: u64, body: &[u8], samples: u32, until: u64) -> u64 {
    const SEGMENT: usize = 8 << 20;
    fs::create_dir_all(folder).unwrap();
    let count = bytes / (body.len() as u64 + 44);
    let sum = crc32fast::hash(body);
    let (mut segment, mut first) = (segment_head(1), 1);
    for number in 1..=count {
        let time = until - 1000 * (count - number);
        let before = u64::from(samples) * (number - 1);
        let mut head = vec![0xf5, b'r', b'q', 0xfa];
        head.extend_from_slice(&(body.len() as u32).to_le_bytes());
        for field in [number, time, before] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        head.extend_from_slice(&samples.to_le_bytes());
        head.extend_from_slice(&sum.to_le_bytes());
        segment.extend_from_slice(&sealed(head));
        segment.extend_from_slice(body);
        if segment.len() >= SEGMENT || number == count {
            fs::write(folder.join(format!("{first:020}.segment")), &segment).unwrap();
            (segment, first) = (segment_head(1), number + 1);
        }
    }
    count
}

/// Numbers that follow from the first, as if by chance.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// Cuts a file of a folder, or makes a byte of it another one. Returns which and how.
    pub fn damage(&mut self, folder: &Path) -> String {
        let mut all = files(folder);
        let path = all.swap_remove(self.below(all.len() as u64) as usize);
        let mut bytes = fs::read(&path).unwrap();
        let at = self.below(bytes.len() as u64) as usize;
        let how = if self.below(2) == 0 {
            bytes.truncate(at);
            "cut"
        } else {
            bytes[at] ^= 1 << self.below(8);
            "another byte"
        };
        fs::write(&path, bytes).unwrap();
        format!("{} {how} at {at}", path.display())
    }
}

/// How often to do what is done by chance: by this variable of the environment, or a few times.
pub fn times(variable: &str, few: u64) -> u64 {
    std::env::var(variable).map_or(few, |times| times.parse().expect("a number"))
}
