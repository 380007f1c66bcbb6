//! A receiver of pushes that answers as it is told, and keeps what it took.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use prost::Message;

/// What to answer to a request.
#[derive(Clone, Debug)]
pub enum Say {
    /// This status, with these header lines and this body.
    Status(u16, &'static str, &'static [u8]),
    /// Nothing, until the receiver stops.
    Hang,
    /// The same, but the request counts as taken.
    TakeAndHang,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
    pub status: u16,
    taken: bool,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Say>>,
    received: Mutex<Vec<Received>>,
    open: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

/// The receiver. It can be stopped, and started again on the same port.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepts: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that answers 204 when its script has ended.
    pub fn start(script: &[Say]) -> Receiver {
        let shared = Arc::<Shared>::default();
        shared.script.lock().unwrap().extend(script.iter().cloned());
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut receiver = Receiver { address: nowhere, shared, accepts: None };
        receiver.start_again();
        receiver
    }

    /// Listens again where it listened before.
    pub fn start_again(&mut self) {
        // Somebody else's connection may have the port for a moment, while nobody listens there.
        let listener = relink_testkit::until("the port is free", || TcpListener::bind(self.address).ok());
        self.address = listener.local_addr().unwrap();
        self.shared.stopped.store(false, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        self.accepts = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                shared.open.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        }));
    }

    /// Closes the port and all connections: who connects now is refused.
    pub fn stop(&mut self) {
        let Some(accepts) = self.accepts.take() else { return };
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        accepts.join().unwrap();
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// What it shall answer to the next requests.
    pub fn script(&self, script: &[Say]) {
        let mut current = self.shared.script.lock().unwrap();
        current.clear();
        current.extend(script.iter().cloned());
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.shared.received.lock().unwrap().clear();
    }

    /// The samples of all remote-write requests that it took, as a store would have them.
    pub fn stored(&self) -> Stored {
        let mut stored = Stored::default();
        for request in self.received().iter().filter(|request| request.taken) {
            for (series, time, bits) in request.samples() {
                stored.requests_with.entry(series.clone()).or_default().push(time);
                if let Some(before) = stored.series.entry(series.clone()).or_default().insert(time, bits) {
                    assert_eq!(before, bits, "{series} at {time} came twice with two values");
                }
            }
        }
        stored
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Received {
    /// A request that the test has read itself.
    pub fn new(path: String, headers: BTreeMap<String, String>, body: Vec<u8>) -> Received {
        Received { path, headers, body, at: Instant::now(), status: 200, taken: true }
    }
}

/// Samples as a store would have them.
#[derive(Default)]
pub struct Stored {
    /// The bits of the values, by series and time.
    pub series: BTreeMap<String, BTreeMap<i64, u64>>,
    /// The times in the order in which they came.
    pub requests_with: BTreeMap<String, Vec<i64>>,
}

/// The value that ends a series.
pub const STALE: u64 = 0x7ff0_0000_0000_0002;

impl Stored {
    /// The series whose text holds all of these words.
    pub fn like(&self, words: &[&str]) -> Vec<&String> {
        self.series.keys().filter(|series| words.iter().all(|word| series.contains(word))).collect()
    }

    /// The times of a series, ends left out.
    pub fn times(&self, series: &str) -> Vec<i64> {
        let samples = self.series.get(series).into_iter().flatten();
        samples.filter(|(_, bits)| **bits != STALE).map(|(time, _)| *time).collect()
    }

    /// When a series ended.
    pub fn ends(&self, series: &str) -> Vec<i64> {
        let samples = self.series.get(series).into_iter().flatten();
        samples.filter(|(_, bits)| **bits == STALE).map(|(time, _)| *time).collect()
    }

    /// Fails unless a series' samples came in order, and stand just an interval apart: none missing, none doubled.
    pub fn is_whole(&self, series: &str, interval: i64) {
        let times = self.times(series);
        for pair in times.windows(2) {
            assert_eq!(pair[1] - pair[0], interval, "{series}: {times:?}");
        }
        let came = &self.requests_with[series];
        assert!(came.is_sorted(), "{series} came in this order: {came:?}");
    }
}

impl Received {
    /// Its samples: series, milliseconds, and the value's bits.
    pub fn samples(&self) -> Vec<(String, i64, u64)> {
        let plain = snap::raw::Decoder::new().decompress_vec(&self.body).expect("Snappy's block format");
        let request = WriteRequest::decode(&plain[..]).expect("a WriteRequest");
        let samples = request.timeseries.into_iter().flat_map(|series| {
            let mut name = String::new();
            for label in &series.labels {
                name += &format!("{}={:?},", label.name, label.value);
            }
            let names: Vec<_> = series.labels.iter().map(|label| &label.name).collect();
            assert!(names.is_sorted_by(|a, b| a < b), "labels sorted, each once: {name}");
            assert!(series.labels.iter().all(|label| !label.value.is_empty()), "no empty label: {name}");
            let samples = series.samples.into_iter();
            samples
                .map(move |sample| (name.clone(), sample.timestamp, sample.value.to_bits()))
                .collect::<Vec<_>>()
        });
        samples.collect()
    }
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Answers the requests of one connection, up to its end.
fn serve(stream: &TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some((path, headers)) = head(&mut reader) {
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let at = Instant::now();
        let say = shared.script.lock().unwrap().pop_front().unwrap_or(Say::Status(204, "", b""));
        let (status, taken) = match say {
            Say::Status(status, ..) => (status, status < 300),
            Say::Hang => (0, false),
            Say::TakeAndHang => (0, true),
        };
        shared.received.lock().unwrap().push(Received { path, headers, body, at, status, taken });
        let Say::Status(status, headers, body) = say else {
            // Until either side closes the connection.
            let _ = reader.read(&mut [0]);
            return;
        };
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("HTTP/1.1 {status} So\r\n{length}{headers}\r\n");
        let mut stream = stream;
        if stream.write_all(&[head.as_bytes(), body].concat()).is_err() {
            return;
        }
    }
}

/// The path and the headers of the next request; nothing at the end of the connection.
pub fn head(reader: &mut impl BufRead) -> Option<(String, BTreeMap<String, String>)> {
    let mut line = String::new();
    let mut next = |line: &mut String| -> Option<()> {
        line.clear();
        (reader.read_line(line).ok()? > 0).then_some(())
    };
    next(&mut line)?;
    let path = line.strip_prefix("POST ").unwrap_or_else(|| panic!("{line}")).split(' ').next()?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        next(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Some((path, headers)) };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}
