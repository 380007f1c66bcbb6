//! gzip of whole bodies.

use std::sync::Mutex;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::lock::lock;

/// A compressor that is kept. Its tables are 300 KB; to have them again from the system for each body takes as long as to
/// compress one, and longer when the caches are cold.
pub(crate) struct Packer(Mutex<Option<Compress>>);

/// RFC 1952: the magic, deflate, no flags, no time, no hint at the level, an unknown file system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

impl Packer {
    /// One that takes no memory before it is used.
    pub(crate) const fn new() -> Self {
        Packer(Mutex::new(None))
    }

    /// At the fastest level: a page of 12.5 KB becomes 3.7 KB in 48 µs, and in 77 µs with cold caches, as they are at one scrape
    /// every few seconds. The next level makes 3.0 KB of it in 108 and 130 µs, a quarter of the scrape.
    pub(super) fn pack(&self, text: &[u8]) -> Vec<u8> {
        let mut kept = lock(&self.0);
        let deflate = kept.get_or_insert_with(|| Compress::new(Compression::new(1), false));
        deflate.reset();
        let mut packed = Vec::with_capacity(HEADER.len() + text.len() / 4 + 64);
        packed.extend(HEADER);
        loop {
            let taken = usize::try_from(deflate.total_in()).expect("no more than the text");
            let status = deflate.compress_vec(&text[taken..], &mut packed, FlushCompress::Finish);
            match status.expect("the calls are in order") {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => packed.reserve(packed.len()),
            }
        }
        let mut crc = Crc::new();
        crc.update(text);
        packed.extend(crc.sum().to_le_bytes());
        packed.extend(crc.amount().to_le_bytes());
        packed
    }
}

impl Default for Packer {
    fn default() -> Self {
        Packer::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn each_body_is_whole_and_owes_nothing_to_the_one_before() {
        let packer = Packer::new();
        // Numbers without a pattern do not get shorter, so the buffer has to grow.
        let mut seed = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        })
        .take(300_000)
        .collect();
        let mut lengths = Vec::new();
        for text in [&b"a b c "[..].repeat(1000), &noise, &Vec::new(), &b"a b c "[..].repeat(1000)] {
            let packed = packer.pack(text);
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
            assert_eq!(plain, *text);
            lengths.push(packed.len());
        }
        assert_eq!(lengths[0], lengths[3]);
    }
}
