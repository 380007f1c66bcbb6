//! The spool on real files: in order, once, bounded, and whatever is damaged costs itself only.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// Numbers that follow from the first, as if by chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A segment has 4 KiB.
const LIMITS: Limits = Limits { bytes: 64 << 10, sync_interval: Duration::from_secs(3600) };

fn open(folder: &TempDir) -> Spool {
    // A test beside this one may start a program: until its exec, the child has the lock as well.
    relink_testkit::until("the folder is free", || Spool::open(folder.path(), LIMITS, None, &[]).ok()).0
}

/// A batch that tells which it is by its time and its length, which is 100 bytes and more.
fn batch(number: u64) -> Batch {
    let mut chance = Chance(number * 7919 + 1);
    let body: Vec<u8> = (0..100 + number * 37 % 900).map(|_| chance.next() as u8).collect();
    Batch { body: body.into(), samples: 1 + number as u32 % 5, time: 1000 * number }
}

fn write(spool: &mut Spool, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        spool.append(&[batch(number)]).unwrap();
    }
}

/// Takes all that waits and says that it is done; returns the batches' times in seconds, which are their names.
fn deliver(spool: &mut Spool, most: usize) -> Vec<u64> {
    let mut names = Vec::new();
    while names.len() < most
        && let Some((number, found)) = spool.front().unwrap()
    {
        let name = found.time / 1000;
        assert_eq!(found, batch(name));
        spool.acknowledge(number, found.samples).unwrap();
        names.push(name);
    }
    names
}

fn samples(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.map(|number| u64::from(batch(number).samples)).sum()
}

fn files(folder: &TempDir, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}

#[test]
fn what_is_put_in_comes_out_once_and_in_order_also_over_processes() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = 1;
    let mut delivered = Vec::new();
    for (put, taken) in [(3, 1), (0, 1), (40, 10), (5, 0), (0, 100), (1, 1), (0, 3)] {
        let mut spool = open(&folder);
        write(&mut spool, next..next + put);
        next += put;
        delivered.extend(deliver(&mut spool, taken));
        let waiting = delivered.len() as u64 + 1..next;
        let depth = spool.depth();
        assert_eq!((depth.requests, depth.samples), (waiting.end - waiting.start, samples(waiting)));
        assert_eq!(spool.take_damage(), Damage::default());
    }
    assert_eq!(delivered, (1..next).collect::<Vec<_>>());
    assert!(files(&folder, "segment").len() <= 1, "what is done is deleted");
}

#[test]
fn past_the_bound_the_oldest_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder);
    let mut dropped = Vec::new();
    for number in 1..=400 {
        let batch = batch(number);
        dropped.extend(spool.make_room(Spool::size(&batch)).unwrap());
        spool.append(&[batch]).unwrap();
        let sizes =
            files(&folder, "segment").iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
        assert!(sizes <= LIMITS.bytes, "{sizes}");
    }
    let first = dropped.len() as u64 + 1;
    assert!(first > 200 && spool.depth().bytes > LIMITS.bytes * 3 / 4, "{first}: {:?}", spool.depth());
    assert_eq!(dropped.iter().map(|one| u64::from(one.samples)).sum::<u64>(), samples(1..first));
    let mut spool = {
        drop(spool);
        open(&folder)
    };
    assert_eq!(deliver(&mut spool, 1000), (first..=400).collect::<Vec<_>>());
    // One that is larger than all of it drops the rest, and is there.
    let large = Batch { body: vec![1; 80 << 10].into(), samples: 1, time: 5 };
    write(&mut spool, 1..=3);
    assert_eq!(spool.make_room(Spool::size(&large)).unwrap().len(), 3);
    spool.append(&[large]).unwrap();
    assert_eq!(spool.depth().requests, 1);
}

#[test]
fn what_is_too_old_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder);
    write(&mut spool, 1..=30);
    assert_eq!(spool.oldest(), Some(1000));
    assert_eq!(spool.drop_older(20_000).unwrap().len(), 19);
    assert_eq!(spool.oldest(), Some(20_000));
    drop(spool);
    assert_eq!(deliver(&mut open(&folder), 100), (20..=30).collect::<Vec<_>>());
}

#[test]
fn what_was_dropped_on_its_way_is_done_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder);
    write(&mut spool, 1..=3);
    let (number, first) = spool.front().unwrap().unwrap();
    assert_eq!(spool.drop_older(3000).unwrap().len(), 2);
    spool.acknowledge(number, first.samples).unwrap();
    assert_eq!(deliver(&mut spool, 9), [3]);
}

/// The image before was writing when it ended: what it had in memory may be on disk as well.
#[test]
fn what_was_being_written_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder);
    write(&mut spool, 1..=8);
    deliver(&mut spool, 3);
    drop(spool);
    let written: Vec<_> = (7..=10).map(batch).collect();
    let (_, already) = Spool::open(folder.path(), LIMITS, None, &written).unwrap();
    assert_eq!(already, Already { count: 2, first: 7 });
}

/// A mark that could not be written does not send anything again in the next image.
#[test]
fn what_the_image_before_has_done_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder);
    write(&mut spool, 1..=8);
    drop(spool);
    let done = Some(Reached { number: 5, samples: samples(1..6) });
    let (mut spool, _) = Spool::open(folder.path(), LIMITS, done, &[]).unwrap();
    assert_eq!(spool.depth().requests, 3);
    assert_eq!(deliver(&mut spool, 9), [6, 7, 8]);
    assert_eq!(spool.take_damage(), Damage::default());
}

/// Cuts or spoils one file, and returns which and how.
fn damage(folder: &TempDir, chance: &mut Chance) -> (PathBuf, String) {
    let mut all = files(folder, "segment");
    all.extend(files(folder, "mark"));
    all.extend(files(folder, "mark.copy"));
    all.retain(|path| fs::metadata(path).unwrap().len() > 0);
    let path = all.swap_remove(chance.below(all.len() as u64) as usize);
    let mut bytes = fs::read(&path).unwrap();
    let at = chance.below(bytes.len() as u64) as usize;
    let how = match chance.below(4) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            bytes[at] ^= 1 << chance.below(8);
            format!("a bit of byte {at}")
        }
        2 => {
            let end = bytes.len().min(at + 1 + chance.below(2000) as usize);
            bytes[at..end].fill(0);
            format!("zeroes from {at} to {end}")
        }
        _ => {
            let end = bytes.len().min(at + 1 + chance.below(500) as usize);
            bytes[at..end].fill_with(|| chance.next() as u8);
            format!("noise from {at} to {end}")
        }
    };
    fs::write(&path, bytes).unwrap();
    (path, how)
}

/// The names of batches that stand whole on disk, as a search for their bytes finds them.
fn on_disk(folder: &TempDir, names: impl Iterator<Item = u64>) -> Vec<u64> {
    let bytes: Vec<Vec<u8>> = files(folder, "segment").iter().map(|path| fs::read(path).unwrap()).collect();
    let is_there = |name: &u64| {
        let Batch { body, .. } = batch(*name);
        bytes.iter().any(|bytes| {
            bytes.windows(body.len()).enumerate().any(|(at, window)| {
                // With its head, whose sum says that it is whole.
                let head = at.checked_sub(record::RECORD_HEAD).map(|head| &bytes[head..at]);
                window == body && head.is_some_and(record::is_sealed)
            })
        })
    };
    names.filter(is_there).collect()
}

/// The number of rounds; `RELINK_SPOOL_ROUNDS` asks for more.
fn rounds() -> u64 {
    std::env::var("RELINK_SPOOL_ROUNDS").map_or(300, |rounds| rounds.parse().expect("a number of rounds"))
}

#[test]
fn whatever_is_damaged_costs_itself_and_is_counted_once() {
    for round in 1..=rounds() {
        let mut chance = Chance(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(&folder);
        let count = 1 + chance.below(40);
        write(&mut spool, 1..count + 1);
        let done = chance.below(count + 1);
        let mut delivered = deliver(&mut spool, done as usize);
        drop(spool);
        let (path, how) = damage(&folder, &mut chance);
        let about = format!("round {round}: {done} of {count} done, {how} in {}", path.display());
        let whole = on_disk(&folder, done + 1..count + 1);

        // It is opened again and again, and more comes.
        let (mut found, mut next) = (Damage::default(), count + 1);
        for _ in 0..3 {
            let mut spool = open(&folder);
            let more = chance.below(3);
            write(&mut spool, next..next + more);
            next += more;
            delivered.extend(deliver(&mut spool, chance.below(8) as usize));
            let damage = spool.take_damage();
            found.samples += damage.samples;
            found.bytes += damage.bytes;
        }
        let mut spool = open(&folder);
        write(&mut spool, next..next + 1);
        delivered.extend(deliver(&mut spool, usize::MAX));
        let damage = spool.take_damage();
        found.samples += damage.samples;
        found.bytes += damage.bytes;

        let expected: Vec<_> = (1..=done).chain(whole.iter().copied()).chain(count + 1..=next).collect();
        assert_eq!(delivered, expected, "{about}");
        let lost: Vec<_> = (done + 1..=count).filter(|name| !whole.contains(name)).collect();
        // What was cut off with its head is nowhere told but by the bytes that are left, if any are.
        let is_cut = how.starts_with("cut") || lost.last() == Some(&count);
        let expected = samples(lost.iter().copied());
        assert!(found.samples == expected || is_cut && found.samples < expected, "{about}: {found:?}");
        assert!(lost.is_empty() || found.bytes > 0 || is_cut, "{about}: {found:?}");
        assert!(!lost.is_empty() || found.samples == 0, "{about}: {found:?}");
    }
}

/// A process that is killed while it writes leaves a torn end.
#[test]
fn a_torn_end_is_cut_off_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder);
    write(&mut spool, 1..=3);
    drop(spool);
    let path = files(&folder, "segment").swap_remove(0);
    let whole = fs::read(&path).unwrap();
    let torn = Spool::size(&batch(3));
    for left in 1..torn {
        fs::write(&path, &whole[..whole.len() - (torn - left) as usize]).unwrap();
        let copy = tempfile::tempdir().unwrap();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        let mut spool = open(&copy);
        write(&mut spool, 4..=4);
        assert_eq!(deliver(&mut spool, 9), [1, 2, 4], "{left} bytes are left");
        let head_is_whole = left >= record::RECORD_HEAD as u64;
        let samples = if head_is_whole { samples(3..4) } else { 0 };
        assert_eq!(spool.take_damage(), Damage { samples, bytes: left });
    }
}
