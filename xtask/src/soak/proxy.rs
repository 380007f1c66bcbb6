//! What stands between the agent's push and the receiver, and fails now and then in one of the ways that networks and
//! receivers have. It knows which requests the receiver has taken, and of which of them the agent was told.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::end::End;
use crate::failure::{Doing, Failure, Result};
use crate::http::{Connection, line, read_exactly};

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Way {
    /// Hands them on, and the answers back.
    Open,
    /// Closes each connection.
    Refuse,
    /// Takes the head, and breaks the connection.
    Break,
    /// Takes them, and says nothing.
    Stall,
    /// Hands them on, and keeps the answers.
    Swallow,
    /// Hands the answers back later than a reload waits for them.
    Late,
}

const FAULTS: [Way; 5] = [Way::Refuse, Way::Break, Way::Stall, Way::Swallow, Way::Late];
/// Longer than the quarter of a second that a request on its way has for its answer at a reload.
const LATE: Duration = Duration::from_millis(400);
/// An answer that comes sooner counts, whatever the agent does. After that it may have come in the last moments of a reload, in
/// which the request had been handed over as one without an answer.
const SOON: Duration = Duration::from_millis(200);
/// The receiver's time for an answer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));
const LARGEST: usize = 64 << 20;

/// What came of the requests that the receiver took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub requests: usize,
    /// Came once more, as the agent could not know that they had been taken.
    pub again: usize,
    /// Came once more although the agent was told that they had been taken.
    pub twice: usize,
    pub faults: usize,
}

#[derive(Default)]
struct Book {
    /// Each request that was taken, and whether the agent was told.
    told: HashMap<u64, bool>,
    taken: Taken,
}

struct Shared {
    receiver: String,
    way: AtomicU8,
    book: Mutex<Book>,
}

/// A proxy that listens.
pub(super) struct Proxy {
    pub address: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Its threads end with this process.
    pub(super) fn start(receiver: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").doing("listening for the push")?;
        let address = listener.local_addr().doing("listening for the push")?.to_string();
        let (way, book) = (AtomicU8::new(Way::Open as u8), Mutex::default());
        let shared = Arc::new(Shared { receiver: receiver.to_owned(), way, book });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Proxy { address, shared })
    }

    /// Has it fail in each way in turn, a sixth of the time, until the end; then it is open.
    pub(super) fn flap(&self, end: &End) {
        for (turn, way) in (0_u64..).zip(FAULTS.into_iter().cycle()) {
            // 10 to 24 seconds without a fault, 2 to 6 with one: no two turns meet the reloads alike.
            if end.within(Duration::from_millis(10_000 + turn * 3_700 % 14_000)) {
                break;
            }
            self.shared.way.store(way as u8, Ordering::Relaxed);
            self.shared.book().taken.faults += 1;
            end.within(Duration::from_millis(2_000 + turn * 1_300 % 4_000));
            self.shared.way.store(Way::Open as u8, Ordering::Relaxed);
        }
    }

    pub(super) fn taken(&self) -> Taken {
        self.shared.book().taken.clone()
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, way: Way) -> bool {
        self.way.load(Ordering::Relaxed) == way as u8
    }

    fn serve(&self, stream: TcpStream) {
        // What fails here is a connection that has ended: the agent makes another one.
        let _ = self.requests(stream);
    }

    fn requests(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true).doing("setting up the connection")?;
        let mut agent = BufReader::new(stream);
        let mut receiver = Connection::open(&self.receiver, PATIENCE)?;
        loop {
            if self.is(Way::Refuse) {
                return Ok(());
            }
            let mut head = String::new();
            let length = read_head(&mut agent, &mut head)?;
            if self.is(Way::Break) {
                return agent.get_ref().shutdown(Shutdown::Both).doing("breaking the connection");
            }
            let body = read_exactly(&mut agent, length, LARGEST)?;
            let came = Instant::now();
            if self.is(Way::Stall) {
                // Until the agent has lost its patience.
                return read_exactly(&mut agent, 1, LARGEST).map(drop);
            }
            let answer = receiver.forward(&[head.as_bytes(), &body].concat())?;
            if !(200..300).contains(&answer.status) {
                return Err(Failure::new(format!("the receiver answered {}", answer.status)));
            }
            let key = self.took(&body);
            if self.is(Way::Swallow) {
                return Ok(());
            }
            if self.is(Way::Late) {
                // sleep: a late answer is what is asked for.
                std::thread::sleep(LATE);
            }
            let (after, told) = (came.elapsed(), tell(&mut agent));
            if told.counts(after) {
                self.book().told.insert(key, true);
            }
            if told != Told::GoesOn {
                return Ok(());
            }
        }
    }

    /// Takes note of a request that the receiver has taken, and of which the agent is not told yet.
    fn took(&self, body: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let key = hasher.finish();
        let Book { told, taken } = &mut *self.book();
        taken.requests += 1;
        match told.insert(key, false) {
            Some(true) => taken.twice += 1,
            Some(false) => taken.again += 1,
            None => {}
        }
        key
    }
}

/// What the agent does after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It sends another request.
    GoesOn,
    /// It has read the answer, and closes the connection.
    Closed,
    /// It has closed the connection before, or with the answer unread, which resets it.
    Unread,
}

impl Told {
    /// Whether the agent has to know of an answer that came so long after the request.
    fn counts(self, after: Duration) -> bool {
        match self {
            Told::GoesOn => true,
            Told::Closed => after < SOON,
            Told::Unread => false,
        }
    }
}

/// Hands the answer over, and waits for what follows.
fn tell(agent: &mut BufReader<TcpStream>) -> Told {
    let answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
    if is_closed(agent.get_ref()) || agent.get_mut().write_all(answer).is_err() {
        return Told::Unread;
    }
    match agent.fill_buf() {
        Ok([]) => Told::Closed,
        Ok(_) => Told::GoesOn,
        Err(_) => Told::Unread,
    }
}

/// Whether the other side has closed it. Between two requests there is nothing else to come.
fn is_closed(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let is_open = peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    !is_open || stream.set_nonblocking(false).is_err()
}

/// Reads the head of a request as it is, and returns the length of its body.
fn read_head(agent: &mut BufReader<TcpStream>, head: &mut String) -> Result<usize> {
    let mut length = 0;
    loop {
        let line = line(agent)?;
        head.push_str(&line);
        head.push_str("\r\n");
        if line.is_empty() {
            return Ok(length);
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().doing("the length of a push")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver that takes all.
    fn receiver() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut from = BufReader::new(stream);
                    while let Ok(length) = read_head(&mut from, &mut String::new()) {
                        read_exactly(&mut from, length, LARGEST).unwrap();
                        from.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                    }
                });
            }
        });
        address
    }

    fn push(to: &Proxy, body: &str) -> Result<u16> {
        let request = format!("POST /w HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Connection::open(&to.address, PATIENCE)?.forward(request.as_bytes()).map(|answer| answer.status)
    }

    #[test]
    fn it_tells_what_was_sent_again_for_a_reason_from_what_was_not() {
        let proxy = Proxy::start(&receiver()).unwrap();
        let way = |way: Way| proxy.shared.way.store(way as u8, Ordering::Relaxed);
        for fault in [Way::Refuse, Way::Break] {
            way(fault);
            assert!(push(&proxy, "a").is_err(), "{fault:?}");
        }
        assert_eq!(proxy.taken().requests, 0);
        way(Way::Swallow);
        assert!(push(&proxy, "a").is_err());
        way(Way::Open);
        assert_eq!(push(&proxy, "a"), Ok(204));
        super::super::end::until("the answer is known to be read", Duration::from_secs(20), || {
            proxy.shared.book().told.values().all(|told| *told).then_some(())
        })
        .unwrap();
        assert_eq!(proxy.taken(), Taken { requests: 2, again: 1, ..Taken::default() });
        assert_eq!(push(&proxy, "a"), Ok(204));
        assert_eq!(push(&proxy, "b"), Ok(204));
        assert_eq!(proxy.taken(), Taken { requests: 4, again: 1, twice: 1, ..Taken::default() });
    }

    #[test]
    fn an_answer_that_comes_as_the_agent_hands_over_may_be_lost_and_a_prompt_one_may_not() {
        assert!(Told::GoesOn.counts(LATE) && Told::Closed.counts(Duration::ZERO));
        assert!(!Told::Closed.counts(LATE) && !Told::Unread.counts(Duration::ZERO));
    }

    #[test]
    fn an_answer_that_nobody_read_is_known() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut agent = BufReader::new(listener.accept().unwrap().0);
        std::thread::scope(|scope| {
            let told = scope.spawn(|| tell(&mut agent));
            // It has come, and is not read.
            client.peek(&mut [0]).unwrap();
            drop(client);
            assert_eq!(told.join().unwrap(), Told::Unread);
        });
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut agent = BufReader::new(listener.accept().unwrap().0);
        drop(client);
        // The end has come when it can be read.
        agent.get_ref().peek(&mut [0]).unwrap();
        assert_eq!(tell(&mut agent), Told::Unread);
    }
}
