//! Chance that is the same in every run.

/// Numbers drawn from a seed.
pub struct Dice(u64);

/// Numbers that parsers get wrong, as text.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "4294967296",
    "1e999",
    "-0",
    "nan",
    "0x",
    "+1",
    "00000000000000000000000000000000000000001",
];

impl Dice {
    /// Those of a run.
    pub fn of(run: u64) -> Self {
        // Neighbouring runs begin far from each other, and none with 0, where xorshift would stay.
        Dice(run.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One of so many sides, from 0; 0 where there is none.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.roll(all.len())).copied()
    }

    /// A sound input with some changes: bytes and pieces taken out, repeated, swapped for others, for words, or for pieces
    /// of another sound input. One in sixty is left sound.
    pub fn spoil(&mut self, sound: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        if self.roll(60) == 0 {
            return bytes;
        }
        for _ in 0..=self.roll(5) {
            let (from, to) = self.range(bytes.len());
            let put = match self.roll(12) {
                0 => Vec::new(),
                1 => {
                    bytes.truncate(from);
                    continue;
                }
                2 => {
                    if let Some(byte) = bytes.get_mut(from) {
                        *byte ^= 1 << self.roll(8);
                    }
                    continue;
                }
                3 => vec![self.roll(256) as u8],
                4 => bytes[from..to].repeat(2 + self.roll(7)),
                5 => {
                    let (begin, end) = self.range(other.len());
                    other[begin..end].to_vec()
                }
                6 => self.pick(&NUMBERS).unwrap_or_default().into(),
                // Deep, or long.
                7 => {
                    let times = self.pick(&[2, 20, 300, 3_000]).unwrap_or(2);
                    self.pick(words).unwrap_or("\n").repeat(times).into()
                }
                8 => {
                    // A length, or a count, of a binary format.
                    let width = 1 << self.roll(4);
                    let number = [0, 1, u64::MAX, u64::MAX >> 1, 255, 65_535][self.roll(6)];
                    number.to_le_bytes()[..width].to_vec()
                }
                _ => self.pick(words).unwrap_or_default().into(),
            };
            // In place of what was there, as often as beside it.
            let to = if self.roll(2) == 0 && !put.is_empty() { from } else { to };
            bytes.splice(from..to, put);
        }
        bytes
    }

    /// A piece, from here to there; most are short.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.roll(length + 1);
        let long = self.pick(&[0, 1, 2, 4, 8, 40, length]).unwrap_or(0);
        (from, (from + self.roll(long + 1)).min(length))
    }
}
