//! gzip: of whole bodies, and of streams that share their pieces.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

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
    pub(crate) fn pack(&self, text: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(HEADER.len() + text.len() / 4 + 64);
        packed.extend(HEADER);
        self.deflate(text, &mut packed, FlushCompress::Finish);
        packed.extend(trailer(&crc_of(text)));
        packed
    }

    /// A piece of a stream: it ends at a byte's border and looks back at nothing, so it can stand anywhere in any stream.
    fn piece(&self, text: &[u8]) -> Piece {
        let mut packed = Vec::with_capacity(text.len() / 4 + 64);
        self.deflate(text, &mut packed, FlushCompress::Sync);
        Piece { packed: packed.into(), crc: crc_of(text) }
    }

    fn deflate(&self, text: &[u8], packed: &mut Vec<u8>, flush: FlushCompress) {
        let fresh = || Compress::new(Compression::new(1), false);
        // A scrape does not wait until another one's megabytes are compressed.
        let (mut kept, mut own) = (self.0.try_lock(), None);
        let deflate = match &mut kept {
            Ok(kept) => kept.get_or_insert_with(fresh),
            Err(_) => own.insert(fresh()),
        };
        deflate.reset();
        loop {
            let taken = usize::try_from(deflate.total_in()).expect("no more than the text");
            let status = deflate.compress_vec(&text[taken..], packed, flush);
            // What is flushed is whole when there is room left behind it.
            match status.expect("the calls are in order") {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError
                    if flush == FlushCompress::Sync && packed.len() < packed.capacity() =>
                {
                    break;
                }
                Status::Ok | Status::BufError => packed.reserve(packed.len()),
            }
        }
    }
}

/// A text that never changes, compressed as well as can be.
pub(crate) fn packed_well(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    let packed = packer.write_all(text).and_then(|()| packer.finish());
    packed.expect("a vector takes all")
}

fn crc_of(text: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(text);
    crc
}

/// The end of a gzip file, or stream: checksum and length of all that was put in.
fn trailer(crc: &Crc) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&crc.amount().to_le_bytes());
    trailer
}

/// A text in the form in which it is put into gzip streams.
struct Piece {
    packed: Bytes,
    crc: Crc,
}

/// A text that is sent to several: compressed once, when the first of them wants it so.
#[derive(Clone)]
pub(crate) struct Text(Arc<(Bytes, OnceLock<Piece>)>);

impl Text {
    /// This text.
    pub(crate) fn new(text: impl Into<Bytes>) -> Self {
        Text(Arc::new((text.into(), OnceLock::new())))
    }

    fn piece(&self, packer: &Packer) -> &Piece {
        let (text, piece) = &*self.0;
        piece.get_or_init(|| packer.piece(text))
    }
}

/// What one listener is sent, text by text.
pub(crate) enum Flow {
    /// As it is.
    Plain,
    /// Compressed. What was put in so far is in the checksum; the header is not sent yet.
    Gzip { crc: Crc, begins: bool },
}

impl Flow {
    /// A stream that begins, compressed or not.
    pub(crate) fn new(gzip: bool) -> Self {
        if gzip { Flow::Gzip { crc: Crc::new(), begins: true } } else { Flow::Plain }
    }

    /// The bytes to send for a text.
    pub(crate) fn put(&mut self, text: &Text, packer: &Packer) -> Bytes {
        let Flow::Gzip { crc, begins } = self else { return text.0.0.clone() };
        let piece = text.piece(packer);
        crc.combine(&piece.crc);
        if std::mem::take(begins) {
            return [&HEADER[..], &piece.packed].concat().into();
        }
        piece.packed.clone()
    }

    /// The bytes of a last text.
    pub(crate) fn end(&mut self, text: &Text, packer: &Packer) -> Bytes {
        let last = self.put(text, packer);
        match self {
            Flow::Plain => last,
            // An empty block that says that it is the last.
            Flow::Gzip { crc, .. } => [&last[..], &[3, 0], &trailer(crc)].concat().into(),
        }
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

    #[test]
    fn streams_share_their_pieces_and_each_is_whole() {
        let packer = Packer::new();
        let long: String = (0..40_000).map(|n| format!("{},", n * 7919 % 10_007)).collect();
        let texts = ["a", "", "event:samples\n\n", &long, "b"].map(|text| Text::new(text.to_owned()));
        for first in 0..texts.len() {
            let (mut packed, mut plain) = (Vec::new(), Vec::new());
            let (mut gzip, mut as_it_is) = (Flow::new(true), Flow::new(false));
            for text in &texts[first..] {
                packed.extend(gzip.put(text, &packer));
                plain.extend(as_it_is.put(text, &packer));
                // What was sent so far can be read so far.
                let mut read = vec![0; plain.len()];
                flate2::read::GzDecoder::new(&packed[..]).read_exact(&mut read).unwrap();
                assert!(read == plain, "from text {first}");
            }
            let last = Text::new("end");
            packed.extend(gzip.end(&last, &packer));
            plain.extend(as_it_is.end(&last, &packer));
            let mut read = Vec::new();
            // The decoder holds checksum and length against what it read.
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut read).unwrap();
            assert!(read == plain, "from text {first}");
        }
    }
}
