//! Columns of values in few bytes.
//!
//! A column is what one series had in the rows of a chunk. Its first byte is the way in which it is packed. Then follow
//! the steps from one value to the next as varints, and a run of zero steps (a series that stands still) as a zero and
//! the run's length.
//!
//! * units: every value is a whole number of one of [`SCALES`], as kilobytes, bytes, ticks, milliseconds and
//!   nanoseconds are; a step is the difference.
//! * bits: any other value; a step is the difference in bits.
//! * quanta: of several snapshots a row. What was last, lowest and highest is rounded to a thousandth of the distance
//!   between the lowest and the highest of the chunk, which nobody sees in a picture; the mean to a 255th of that of its row.
//! * bits of bins: the same where no quantum fits, as four columns.
//!
//! All but quanta give back the very bits that went in.

use super::columns::Bins;

/// The way a column is packed is an index into these, or one of the constants below.
const SCALES: [f64; 6] = [1.0 / 1024.0, 1.0, 100.0, 1e3, 1e6, 1e9];
const BITS: u8 = 6;
const BITS_OF_BINS: u8 = 7;
/// Quanta are 1, 2 and 5 times the powers of ten from 10^-20 on.
const QUANTA: u8 = 64;
const LOWEST_POWER: i32 = -20;

/// So many quanta lie between the lowest and the highest value of a chunk, at most.
const RESOLUTION: f64 = 1000.0;

/// The whole numbers that are exact, and whose differences do not overflow.
const EXACT: f64 = (1_u64 << 53) as f64;

/// Packs a column.
pub(super) fn pack(bins: &Bins, out: &mut Vec<u8>) {
    if bins.mean.is_empty() {
        return pack_values(&bins.last, out);
    }
    let Some(quantum) = Quantum::of(bins) else {
        out.push(BITS_OF_BINS);
        let mut packed = Vec::new();
        for column in [&bins.last, &bins.mean, &bins.min, &bins.max] {
            packed.clear();
            pack_values(column, &mut packed);
            push_bytes(&packed, out);
        }
        return;
    };
    out.push(quantum.way);
    let whole = |column: &[f64]| column.iter().map(|value| quantum.whole(*value)).collect::<Vec<i64>>();
    let [last, min, max] = [&bins.last, &bins.min, &bins.max].map(|column| whole(column));
    let before = std::iter::once(&0).chain(&last);
    push_steps(last.iter().zip(before).map(|(next, last)| zigzag(next - last)), out);
    push_steps(last.iter().zip(&min).map(|(last, min)| (last - min).max(0) as u64), out);
    push_steps(last.iter().zip(&max).map(|(last, max)| (max - last).max(0) as u64), out);
    for (row, mean) in bins.mean.iter().enumerate() {
        let (low, high) = (quantum.value(min[row]), quantum.value(max[row]));
        if low < high {
            out.push(((mean - low) / (high - low) * 255.0).round().clamp(0.0, 255.0) as u8);
        }
    }
}

fn pack_values(values: &[f64], out: &mut Vec<u8>) {
    let fits = |scale: f64| values.iter().all(|&value| decimal(value, scale).is_some());
    match SCALES.iter().position(|&scale| fits(scale)) {
        Some(way) => {
            out.push(way as u8);
            let mut last = 0;
            let steps = values.iter().map(|&value| {
                let next = decimal(value, SCALES[way]).unwrap_or_default();
                zigzag(next - std::mem::replace(&mut last, next))
            });
            push_steps(steps, out);
        }
        None => {
            out.push(BITS);
            let mut last = 0;
            let steps = values.iter().map(|value| {
                let next = value.to_bits();
                next ^ std::mem::replace(&mut last, next)
            });
            push_steps(steps, out);
        }
    }
}

/// The value as a whole number of 1/scale, if it is exactly that.
fn decimal(value: f64, scale: f64) -> Option<i64> {
    let whole = (value * scale).round();
    let exact = whole.abs() < EXACT && (whole as i64 as f64 / scale).to_bits() == value.to_bits();
    exact.then_some(whole as i64)
}

/// What values are rounded to: 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy)]
struct Quantum {
    way: u8,
    times: f64,
    /// The power of ten, or what to divide by for one below 1.
    power: f64,
    is_below_one: bool,
}

impl Quantum {
    /// The finest that gives no more than [`RESOLUTION`] steps, but none finer than the values are.
    fn of(bins: &Bins) -> Option<Self> {
        let all = || bins.min.iter().chain(&bins.max).chain(&bins.last).copied();
        if !all().chain(bins.mean.iter().copied()).all(f64::is_finite) {
            return None;
        }
        let (low, high) = all()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let mut least = ((high - low) / RESOLUTION).max(low.abs().max(high.abs()) / (EXACT / 8.0));
        let natural = [1.0, 100.0, 1e3, 1e6, 1e9];
        if let Some(scale) = natural.iter().find(|scale| all().all(|value| decimal(value, **scale).is_some()))
        {
            least = least.max(1.0 / scale);
        }
        if !least.is_finite() {
            return None;
        }
        let power = least.log10().floor() as i32;
        let first = u8::try_from(power.checked_sub(LOWEST_POWER)?.checked_mul(3)?).ok()?;
        let found = (first..=first.checked_add(4)?).filter_map(|at| at.checked_add(QUANTA)).map(Quantum::new);
        found.into_iter().find(|quantum| quantum.size() >= least * (1.0 - 1e-9))
    }

    fn new(way: u8) -> Self {
        let at = way - QUANTA;
        let power = i32::from(at / 3) + LOWEST_POWER;
        let times = [1.0, 2.0, 5.0][usize::from(at % 3)];
        Quantum { way, times, power: 10_f64.powi(power.abs()), is_below_one: power < 0 }
    }

    fn size(self) -> f64 {
        if self.is_below_one { self.times / self.power } else { self.times * self.power }
    }

    fn whole(self, value: f64) -> i64 {
        (value / self.size()).round() as i64
    }

    /// As near to the decimal number as can be, so that 0.12 is not shown as 0.12000000000000001.
    fn value(self, whole: i64) -> f64 {
        let whole = whole as f64 * self.times;
        if self.is_below_one { whole / self.power } else { whole * self.power }
    }
}

/// Unpacks a column of so many rows; `None` means that these bytes were not packed here. What is no bin of several snapshots
/// has no mean, lowest and highest.
pub(super) fn unpack(bytes: &[u8], count: usize, bins: &mut Bins) -> Option<()> {
    bins.clear();
    let (&way, mut rest) = bytes.split_first()?;
    match way {
        BITS_OF_BINS => {
            for column in [&mut bins.last, &mut bins.mean, &mut bins.min, &mut bins.max] {
                let (&way, mut steps) = take_bytes(&mut rest)?.split_first()?;
                unpack_values(way, &mut steps, count, column)?;
                steps.is_empty().then_some(())?;
            }
        }
        0..=BITS => unpack_values(way, &mut rest, count, &mut bins.last)?,
        QUANTA.. => {
            let quantum = Quantum::new(way);
            let mut whole = Vec::with_capacity(count);
            let mut last = 0_i64;
            steps(&mut rest, count, |step| {
                last = last.wrapping_add(unzigzag(step));
                whole.push(last);
            })?;
            let mut row = 0;
            steps(&mut rest, count, |step| {
                bins.min.push(quantum.value(whole[row].wrapping_sub_unsigned(step)));
                row += 1;
            })?;
            row = 0;
            steps(&mut rest, count, |step| {
                bins.max.push(quantum.value(whole[row].wrapping_add_unsigned(step)));
                row += 1;
            })?;
            for (low, high) in bins.min.iter().zip(&bins.max) {
                let mut mean = *low;
                if low < high {
                    let (&share, after) = rest.split_first()?;
                    rest = after;
                    mean += (high - low) * f64::from(share) / 255.0;
                }
                bins.mean.push(mean);
            }
            bins.last.extend(whole.into_iter().map(|whole| quantum.value(whole)));
        }
        _ => return None,
    }
    rest.is_empty().then_some(())
}

fn unpack_values(way: u8, rest: &mut &[u8], count: usize, values: &mut Vec<f64>) -> Option<()> {
    let mut last = 0_u64;
    match SCALES.get(usize::from(way)) {
        Some(scale) => steps(rest, count, |step| {
            last = last.wrapping_add(unzigzag(step) as u64);
            values.push(last as i64 as f64 / scale);
        }),
        None if way == BITS => steps(rest, count, |step| {
            last ^= step;
            values.push(f64::from_bits(last));
        }),
        None => None,
    }
}

fn push_steps(steps: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
    let mut standing = 0_u64;
    let push_run = |standing: &mut u64, out: &mut Vec<u8>| {
        if *standing > 0 {
            out.push(0);
            push_varint(*standing, out);
            *standing = 0;
        }
    };
    for step in steps {
        if step == 0 {
            standing += 1;
        } else {
            push_run(&mut standing, out);
            push_varint(step, out);
        }
    }
    push_run(&mut standing, out);
}

/// Reads so many steps.
fn steps(bytes: &mut &[u8], count: usize, mut each: impl FnMut(u64)) -> Option<()> {
    let mut left = count as u64;
    while left > 0 {
        let step = varint(bytes)?;
        let times = if step == 0 { varint(bytes)? } else { 1 };
        if times == 0 || times > left {
            return None;
        }
        left -= times;
        (0..times).for_each(|_| each(step));
    }
    Some(())
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

/// Bytes behind their number.
pub(super) fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    push_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(from)?).ok()?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interpreter takes ten thousand times as long for each.
    const COLUMNS: usize = if cfg!(miri) { 60 } else { 20_000 };

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    fn packed(bins: &Bins) -> Vec<u8> {
        let mut out = Vec::new();
        pack(bins, &mut out);
        out
    }

    fn values(last: Vec<f64>) -> Bins {
        Bins { last, ..Bins::default() }
    }

    #[test]
    fn any_column_comes_back_bit_by_bit() {
        let mut state = 7_u64;
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
        let mut back = Bins::default();
        for round in 0..COLUMNS {
            let column: Vec<f64> = (0..1 + random(&mut state) % 60)
                .map(|_| match round % 6 {
                    0 => f64::from_bits(random(&mut state)),
                    1 => (random(&mut state) >> 11) as f64 / 100.0,
                    2 => (random(&mut state) % 3) as f64 - 1.0,
                    3 => special[random(&mut state) as usize % special.len()],
                    4 => (random(&mut state) >> 30) as f64 / 1e9,
                    _ => (random(&mut state) >> 40) as f64 * 1024.0,
                })
                .collect();
            unpack(&packed(&values(column.clone())), column.len(), &mut back).unwrap();
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&back.last), bits(&column));
            assert!(back.mean.is_empty());
        }
    }

    #[test]
    fn bins_come_back_to_a_thousandth_of_their_range() {
        let mut state = 11_u64;
        let mut back = Bins::default();
        for round in 0..COLUMNS {
            let mut bins = Bins::default();
            for _ in 0..1 + random(&mut state) % 60 {
                let mut three = [0; 3].map(|_| match round % 6 {
                    0 => random(&mut state) as f64 * 1e-9,
                    1 => (random(&mut state) % 1000) as f64 / 100.0,
                    2 => (random(&mut state) % 5) as f64 - 2.0,
                    3 => 1e15 + (random(&mut state) % 100) as f64,
                    4 => (random(&mut state) % (1 << 20)) as f64 * 4096.0,
                    _ => f64::from_bits(random(&mut state)),
                });
                three.sort_by(f64::total_cmp);
                bins.min.push(three[0]);
                bins.max.push(three[2]);
                bins.mean.push(three[1]);
                bins.last.push(three[(random(&mut state) % 3) as usize]);
            }
            unpack(&packed(&bins), bins.last.len(), &mut back).unwrap();
            let fold = |of: fn(f64, f64) -> f64, from: &[f64]| from.iter().copied().fold(from[0], of);
            let range = fold(f64::max, &bins.max) - fold(f64::min, &bins.min);
            for row in 0..bins.last.len() {
                for (was, is) in [(&bins.last, &back.last), (&bins.min, &back.min), (&bins.max, &back.max)]
                    .map(|(a, b)| (a[row], b[row]))
                {
                    assert!(
                        was.to_bits() == is.to_bits() || (was - is).abs() <= range / 390.0,
                        "{was} {is} of {range} in {round}"
                    );
                    // Whole numbers stay whole where there are few.
                    assert!(round % 6 != 2 || was == is, "{was} {is}");
                }
                let (was, is) = (bins.mean[row], back.mean[row]);
                assert!(
                    was.to_bits() == is.to_bits() || (was - is).abs() <= range / 100.0,
                    "{was} {is} of {range}"
                );
                assert!(back.min[row] <= back.last[row] || back.last[row].is_nan() || back.min[row].is_nan());
            }
        }
    }

    #[test]
    fn what_machines_report_gets_small() {
        let size = |column: Vec<f64>| packed(&values(column)).len();
        assert!(size(vec![42.0; 60]) <= 5);
        let ticks = (0..60).map(|at| f64::from(1_234_567 + 97 * at) / 100.0).collect();
        assert!(size(ticks) <= 2 * 60 + 5);
        let memory = (0..60).map(|at| 8e9_f64.round() + f64::from(at % 7) * 4096.0 + 384.0);
        assert!(size(memory.map(|bytes| (bytes / 1024.0).round() * 1024.0).collect()) <= 60 + 5);
        let load: Vec<f64> = (0..60).map(|at| f64::from(at % 7) / 100.0).collect();
        assert!(size(load.clone()) <= 60 + 5);
        let high = (0..60).map(|at| f64::from(20 + at % 7) / 100.0).collect();
        let bins = Bins { last: load.clone(), mean: load.clone(), min: load, max: high };
        assert!(packed(&bins).len() <= 3 * 60 + 10, "{}", packed(&bins).len());
    }

    #[test]
    fn nonsense_is_refused() {
        let mut bins = Bins::default();
        for bytes in [
            &[][..],
            &[0],
            &[0, 1],
            &[8, 1, 1],
            &[6, 0, 0],
            &[6, 0, 200],
            &[1, 2, 2, 2],
            &[7, 3, 1, 2, 2],
            &[64, 2, 2],
            &[64, 2, 2, 1, 1, 1, 1],
            &[3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert_eq!(unpack(bytes, 2, &mut bins), None, "{bytes:?}");
        }
    }
}
