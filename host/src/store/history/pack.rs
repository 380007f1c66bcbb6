//! Columns of values in few bytes.
//!
//! A column is the values that one series had in a chunk. Each starts with its length in bytes, so that others can
//! be skipped, and the way in which it is packed. Then follow the steps from one value to the next as varints, and a
//! run of zero steps (a series that stands still) as a zero and the run's length.
//!
//! * decimals: every value is a whole number of units, hundredths or thousandths, as bytes, ticks and milliseconds
//!   are; a step is the difference.
//! * bits: any other value; a step is the difference in bits.
//!
//! Both give back the very bits that went in.

use std::sync::Arc;

/// The way a column is packed is an index into these, or [`BITS`].
const SCALES: [f64; 3] = [1.0, 100.0, 1000.0];
const BITS: u8 = 3;

/// Packs rows of equal length column by column.
pub(super) fn columns(rows: &[Arc<[f64]>]) -> Vec<u8> {
    let width = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    let mut out = Vec::new();
    let mut column = Vec::with_capacity(rows.len());
    let mut packed = Vec::new();
    for place in 0..width {
        column.clear();
        column.extend(rows.iter().map(|row| row[place]));
        packed.clear();
        pack(&column, &mut packed);
        push_varint(packed.len() as u64, &mut out);
        out.extend_from_slice(&packed);
    }
    out
}

fn pack(values: &[f64], out: &mut Vec<u8>) {
    let fits = |scale: f64| values.iter().all(|&value| decimal(value, scale).is_some());
    let way = SCALES.iter().position(|&scale| fits(scale));
    out.push(way.map_or(BITS, |way| way as u8));
    let mut last = 0_i64;
    let mut standing = 0_u64;
    for &value in values {
        let (next, step) = match way {
            Some(way) => {
                let next = decimal(value, SCALES[way]).unwrap_or_default();
                (next, zigzag(next - last))
            }
            None => (value.to_bits() as i64, value.to_bits() ^ last as u64),
        };
        last = next;
        if step == 0 {
            standing += 1;
        } else {
            push_run(&mut standing, out);
            push_varint(step, out);
        }
    }
    push_run(&mut standing, out);
}

/// The value as a whole number of 1/scale, if it is exactly that. Smaller than 2^53, so differences do not overflow.
fn decimal(value: f64, scale: f64) -> Option<i64> {
    let whole = (value * scale).round();
    let exact =
        whole.abs() < (1_u64 << 53) as f64 && (whole as i64 as f64 / scale).to_bits() == value.to_bits();
    exact.then_some(whole as i64)
}

fn push_run(standing: &mut u64, out: &mut Vec<u8>) {
    if *standing > 0 {
        out.push(0);
        push_varint(*standing, out);
        *standing = 0;
    }
}

/// Reads packed columns one after another; `None` means that these bytes were not packed here.
pub(super) struct Columns<'a>(&'a [u8]);

impl<'a> Columns<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Columns(bytes)
    }

    /// Whether all columns have been read.
    pub(super) fn at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn skip(&mut self) -> Option<()> {
        self.bytes().map(drop)
    }

    /// Unpacks the next column, which must have `count` values.
    pub(super) fn next(&mut self, count: usize, values: &mut Vec<f64>) -> Option<()> {
        values.clear();
        let (&way, mut steps) = self.bytes()?.split_first()?;
        if way > BITS {
            return None;
        }
        let mut last = 0_u64;
        while !steps.is_empty() {
            let step = varint(&mut steps)?;
            let times = if step == 0 { varint(&mut steps)? } else { 1 };
            if times == 0 || times > (count - values.len()) as u64 {
                return None;
            }
            for _ in 0..times {
                let value = match SCALES.get(way as usize) {
                    Some(scale) => {
                        last = last.wrapping_add(unzigzag(step) as u64);
                        last as i64 as f64 / scale
                    }
                    None => {
                        last ^= step;
                        f64::from_bits(last)
                    }
                };
                values.push(value);
            }
        }
        (values.len() == count).then_some(())
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(varint(&mut self.0)?).ok()?;
        let (column, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(column)
    }
}

/// Small numbers of either sign as small numbers.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
pub(super) fn push_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(values: &[f64]) -> Vec<u8> {
        let rows: Vec<Arc<[f64]>> = values.iter().map(|&value| [value].into()).collect();
        columns(&rows)
    }

    #[test]
    fn any_column_comes_back_bit_by_bit() {
        let mut state = 7_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let special = [
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::MIN,
            f64::MIN_POSITIVE,
            1e15,
            -9007199254740991.0,
            0.005,
        ];
        for round in 0..20_000 {
            let values: Vec<f64> = (0..random() % 61)
                .map(|_| match round % 5 {
                    0 => f64::from_bits(random()),
                    1 => (random() >> 11) as f64 / 100.0,
                    2 => (random() % 3) as f64 - 1.0,
                    3 => special[random() as usize % special.len()],
                    _ => (random() >> 40) as f64 / 1000.0,
                })
                .collect();
            let bytes = packed(&values);
            let mut back = Vec::new();
            if !values.is_empty() {
                let mut columns = Columns::new(&bytes);
                columns.next(values.len(), &mut back).unwrap();
                assert!(columns.at_end());
            }
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&back), bits(&values));
        }
    }

    #[test]
    fn what_machines_report_gets_small() {
        let still = packed(&[42.0; 60]);
        assert!(still.len() <= 6, "{}", still.len());
        let ticks: Vec<f64> = (0..60).map(|at| (1_234_567 + 97 * at) as f64 / 100.0).collect();
        assert!(packed(&ticks).len() <= 2 * 60 + 10, "{}", packed(&ticks).len());
        let load: Vec<f64> = (0..60).map(|at| f64::from(at % 7) / 100.0).collect();
        assert!(packed(&load).len() <= 60 + 10, "{}", packed(&load).len());
    }

    #[test]
    fn nonsense_is_refused() {
        let mut values = Vec::new();
        for bytes in [
            &[][..],
            &[0],
            &[5, 0, 1],
            &[2, 9, 1],
            &[3, 0, 0, 0],
            &[3, 0, 0, 200],
            &[12, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
            &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0],
        ] {
            assert_eq!(Columns::new(bytes).next(2, &mut values), None, "{bytes:?}");
        }
    }
}
