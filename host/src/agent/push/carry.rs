//! What goes over to the next image: queues, counters, and which series are live.
//!
//! A protobuf message of its own, so that fields may come and go from version to version. Bodies that several targets
//! wait for are written once. A request that was on its way without an answer is among them: the same samples once
//! more, with the same times and values, are the same samples.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::lane::{Lane, LaneState, SpoolState, Tally};
use super::queue::Batch;
use super::series::Series;
use super::spool::{Depth, Reached};
use crate::settings::push::Kind;

/// The format. To be raised when a field's meaning changes; a new field needs no new number.
const FORMAT: u32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(super) struct CarriedPush {
    #[prost(uint32, tag = "1")]
    format: u32,
    /// When the last collection was due, in milliseconds since 1970.
    #[prost(uint64, tag = "2")]
    pub(super) last: u64,
    /// When the machine was booted and when the agent began, the same.
    #[prost(uint64, tag = "3")]
    pub(super) booted: u64,
    #[prost(uint64, tag = "4")]
    pub(super) began: u64,
    /// How often a state that was handed over could not be read.
    #[prost(uint64, tag = "5")]
    pub(super) lost: u64,
    #[prost(message, repeated, tag = "6")]
    pub(super) live: Vec<Series>,
    #[prost(bytes = "bytes", repeated, tag = "7")]
    bodies: Vec<Bytes>,
    #[prost(message, repeated, tag = "8")]
    lanes: Vec<CarriedLane>,
    /// When it was written, in milliseconds since 1970.
    #[prost(uint64, tag = "9")]
    written: u64,
}

#[derive(Clone, PartialEq, Message)]
struct CarriedLane {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    otlp: bool,
    #[prost(message, optional, tag = "3")]
    tally: Option<Tally>,
    #[prost(message, repeated, tag = "4")]
    queue: Vec<CarriedBatch>,
    /// How long the target has to be left alone after `written`, in milliseconds.
    #[prost(uint64, tag = "5")]
    wait: u64,
    /// Where the rest of the queue is on disk, if it is: only this, and nothing of what waits there.
    #[prost(message, optional, tag = "6")]
    spool: Option<CarriedSpool>,
}

#[derive(Clone, PartialEq, Message)]
struct CarriedSpool {
    #[prost(bytes = "vec", tag = "1")]
    folder: Vec<u8>,
    /// The record up to which all is done, and the samples up to there: the mark on disk may be older.
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(uint64, tag = "3")]
    samples_done: u64,
    /// What waits there, for `/metrics` until the next image has looked.
    #[prost(uint64, tag = "4")]
    requests: u64,
    #[prost(uint64, tag = "5")]
    samples: u64,
    #[prost(uint64, tag = "6")]
    bytes: u64,
    #[prost(uint64, optional, tag = "7")]
    oldest: Option<u64>,
}

impl CarriedSpool {
    fn of(state: SpoolState) -> Self {
        let SpoolState { folder, reached, depth, oldest } = state;
        CarriedSpool {
            folder: folder.into_os_string().into_vec(),
            number: reached.number,
            samples_done: reached.samples,
            requests: depth.requests,
            samples: depth.samples,
            bytes: depth.bytes,
            oldest,
        }
    }

    fn state(self) -> SpoolState {
        SpoolState {
            folder: OsString::from_vec(self.folder).into(),
            reached: Reached { number: self.number, samples: self.samples_done },
            depth: Depth { requests: self.requests, samples: self.samples, bytes: self.bytes },
            oldest: self.oldest,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Message)]
struct CarriedBatch {
    /// Which of the bodies.
    #[prost(uint32, tag = "1")]
    body: u32,
    #[prost(uint32, tag = "2")]
    samples: u32,
    /// When they were due, in milliseconds since 1970; 0 from an image that did not say.
    #[prost(uint64, tag = "3")]
    time: u64,
}

impl CarriedPush {
    pub(super) fn new(last: u64, live: Vec<Series>) -> Self {
        CarriedPush { format: FORMAT, last, live, written: super::unix_ms(), ..CarriedPush::default() }
    }

    /// Adds a target as it is now.
    pub(super) fn add(&mut self, lane: &Lane, known: &mut HashMap<*const u8, u32>) {
        let now = lane.current();
        let queue = now.batches.into_iter().map(|batch| {
            let body = *known.entry(batch.body.as_ptr()).or_insert_with(|| {
                self.bodies.push(batch.body.clone());
                self.bodies.len() as u32 - 1
            });
            CarriedBatch { body, samples: batch.samples, time: batch.time }
        });
        let queue = queue.collect();
        let wait = u64::try_from(now.wait.as_millis()).unwrap_or(0);
        let (name, otlp) = (lane.name.clone(), lane.kind == Kind::Otlp);
        let spool = now.spool.map(CarriedSpool::of);
        self.lanes.push(CarriedLane { name, otlp, tally: Some(now.tally), queue, wait, spool });
    }

    /// What another image has written.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let carried = CarriedPush::decode(bytes).map_err(|error| format!("it is damaged: {error}"))?;
        if carried.format != FORMAT {
            return Err(format!("of format {}, this image reads {FORMAT}", carried.format));
        }
        let bodies = carried.bodies.len();
        let queued = || carried.lanes.iter().flat_map(|lane| &lane.queue);
        if queued().any(|batch| batch.body as usize >= bodies) {
            return Err("it is damaged: a request without a body".to_owned());
        }
        Ok(carried)
    }

    /// Takes out what belongs to a target.
    pub(super) fn take(&mut self, name: &str, kind: Kind) -> Option<LaneState> {
        let is_it = |lane: &CarriedLane| lane.name == name && lane.otlp == (kind == Kind::Otlp);
        let mut lane = self.lanes.swap_remove(self.lanes.iter().position(is_it)?);
        let batch = |queued: &CarriedBatch| Batch {
            body: self.bodies[queued.body as usize].clone(),
            samples: queued.samples,
            time: if queued.time == 0 { self.last } else { queued.time },
        };
        let passed = super::unix_ms().saturating_sub(self.written);
        Some(LaneState {
            tally: lane.tally.unwrap_or_default(),
            batches: lane.queue.iter().map(batch).collect(),
            wait: Duration::from_millis(lane.wait.saturating_sub(passed)),
            spool: lane.spool.take().map(CarriedSpool::state),
        })
    }

    /// The targets that nobody has taken: their names, and how many requests wait for them in memory.
    pub(super) fn left(&self) -> impl Iterator<Item = (&str, usize)> {
        self.lanes.iter().map(|lane| (lane.name.as_str(), lane.queue.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::settings::push::Settings;

    fn lane(kind: &str, name: &str) -> Lane {
        let text =
            format!("[[target]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"http://127.0.0.1:1/\"\n");
        let settings: Settings = toml::from_str(&text).unwrap();
        Lane::new(&settings.targets[0], &settings).unwrap()
    }

    fn sample() -> (CarriedPush, Vec<Batch>) {
        let batches: Vec<_> = (0..3_u8)
            .map(|number| Batch { body: vec![number; 1000].into(), samples: u32::from(number) + 1, time: 7 })
            .collect();
        let series = Series { name: "m".into(), counts: true, labels: Vec::new() };
        let mut carried = CarriedPush::new(5, vec![series]);
        let mut known = HashMap::new();
        for (kind, name) in [("remote_write", "a"), ("remote_write", "b"), ("otlp", "c")] {
            let lane = lane(kind, name);
            let from = usize::from(name == "b");
            batches[from..].iter().for_each(|batch| lane.push(batch.clone()));
            carried.add(&lane, &mut known);
        }
        (carried, batches)
    }

    #[test]
    fn what_is_written_is_read_and_bodies_are_shared() {
        let (carried, batches) = sample();
        let bytes = carried.encode_to_vec();
        assert!(bytes.len() < 3 * 1000 + 200, "{}", bytes.len());
        let mut read = CarriedPush::read(&bytes).unwrap();
        assert_eq!(read, carried);
        assert_eq!(read.take("a", Kind::Otlp).map(|taken| taken.batches), None, "another protocol");
        assert_eq!(read.take("a", Kind::RemoteWrite).unwrap().batches, batches);
        assert_eq!(read.take("b", Kind::RemoteWrite).unwrap().batches, batches[1..]);
        assert_eq!(read.left().collect::<Vec<_>>(), [("c", 3)]);
    }

    #[test]
    fn a_lane_goes_on_with_its_counters_and_its_wait() {
        let lane = lane("otlp", "c");
        let tally = Tally { sent: 7, failures: 2, ..Tally::default() };
        let wait = Duration::from_secs(100);
        let folder = "/nowhere/\u{e4}".into();
        let reached = Reached { number: 5, samples: 50 };
        let depth = Depth { requests: 2, samples: 20, bytes: 200 };
        let spool = Some(SpoolState { folder, reached, depth, oldest: Some(9) });
        lane.take_over(LaneState { tally, batches: sample().1, wait, spool: spool.clone() });
        let mut carried = CarriedPush::new(0, Vec::new());
        carried.add(&lane, &mut HashMap::new());
        carried.lanes[0].spool = spool.clone().map(CarriedSpool::of);
        let taken = CarriedPush::read(&carried.encode_to_vec()).unwrap().take("c", Kind::Otlp).unwrap();
        assert_eq!((taken.tally, taken.batches.len(), taken.spool), (tally, 3, spool));
        assert!(taken.wait > Duration::from_secs(90) && taken.wait <= wait, "{:?}", taken.wait);
        let figures = lane.figures();
        assert_eq!((figures.tally, figures.depth), (tally, Depth { requests: 3, samples: 6, bytes: 3000 }));
    }

    #[test]
    fn damaged_bytes_are_refused_and_never_harm() {
        let bytes = sample().0.encode_to_vec();
        assert!(CarriedPush::read(b"").unwrap_err().contains("format 0"));
        let try_all = |bytes: &[u8]| {
            if let Ok(mut read) = CarriedPush::read(bytes) {
                for name in ["a", "b", "c"] {
                    read.take(name, Kind::RemoteWrite);
                }
            }
        };
        for end in 0..bytes.len() {
            try_all(&bytes[..end]);
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            try_all(&flipped);
        }
    }

    /// `cargo test -p relink-host --release measure_carry -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn measure_carry() {
        let lane = lane("remote_write", "a");
        for number in 0..400_u32 {
            lane.push(Batch { body: vec![number as u8; 10_000].into(), samples: 500, time: 7 });
        }
        let start = Instant::now();
        let mut carried = CarriedPush::new(5, Vec::new());
        carried.add(&lane, &mut HashMap::new());
        let bytes = carried.encode_to_vec();
        println!("{} bytes written in {:?}", bytes.len(), start.elapsed());
        let start = Instant::now();
        CarriedPush::read(&bytes).unwrap();
        println!("read in {:?}", start.elapsed());
    }
}
