//! The mark: up to which record all is done. A file of 32 bytes, and a second one with the same: whichever of the two is
//! damaged, the other tells.
//!
//! `relinkm\n`, the version (4 bytes), the number of the last record that is done, the samples of all up to it (8 bytes
//! each, little-endian), and the CRC-32 of these.

use super::record::{Reached, VERSION, is_sealed, seal, u32_at, u64_at};

pub(super) const LENGTH: usize = 32;
const MAGIC: [u8; 8] = *b"relinkm\n";

/// What a mark says.
#[derive(Debug, PartialEq)]
pub(super) enum Mark {
    Done(Reached),
    /// A later version has written it.
    Of(u32),
    /// Nothing: it is damaged, or not there.
    Nothing,
}

pub(super) fn bytes(done: Reached) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&done.number.to_le_bytes());
    bytes[20..28].copy_from_slice(&done.samples.to_le_bytes());
    seal(&mut bytes);
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Mark {
    let Some(bytes) = bytes.get(..LENGTH).filter(|bytes| bytes[..8] == MAGIC && is_sealed(bytes)) else {
        return Mark::Nothing;
    };
    match u32_at(bytes, 8) {
        VERSION => Mark::Done(Reached { number: u64_at(bytes, 12), samples: u64_at(bytes, 20) }),
        other => Mark::Of(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_what_was_written_or_nothing() {
        let done = Reached { number: 1 << 40, samples: 12345 };
        let whole = bytes(done);
        assert_eq!(read(&whole), Mark::Done(done));
        for bit in 0..8 * LENGTH {
            let mut damaged = whole;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&damaged), Mark::Nothing, "bit {bit}");
            assert_eq!(read(&whole[..bit / 8]), Mark::Nothing);
        }
        let mut newer = whole;
        newer[8] = 2;
        seal(&mut newer);
        assert_eq!(read(&newer), Mark::Of(2));
    }
}
