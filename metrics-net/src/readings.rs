//! The answers of netlink, which the collectors share: two of them must not ask the kernel twice in one scrape.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use relink_core::{Error, Paths};
use relink_netlink::{Socket, is_own};

use crate::link::Link;
use crate::netlink::read_links;

/// How old a reading may be that another collector has made.
const FRESH: Duration = Duration::from_millis(100);

/// How often it is tried to open netlink: there may have been no descriptor for it.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// The readings of this process, as long as a collector is there.
static SHARED: Mutex<Weak<Mutex<Readings>>> = Mutex::new(Weak::new());

/// One collector's access to the readings.
pub(crate) struct Reader {
    /// None: all is from sysfs.
    shared: Option<Arc<Mutex<Readings>>>,
    /// The number of the last reading that this collector has taken.
    taken: u64,
}

impl Reader {
    /// Another sysfs than `/sys` may be of another network namespace than the one that netlink shows.
    pub(crate) fn new(paths: &Paths) -> Self {
        Reader { shared: is_own(&paths.sysfs, "/sys").then(shared), taken: 0 }
    }

    /// For what has no other source than netlink.
    pub(crate) fn of_own_namespace() -> Self {
        Reader { shared: Some(shared()), taken: 0 }
    }

    /// The interfaces; nothing where there is no netlink.
    ///
    /// A reading is taken once by each collector, so one that is asked alone always gets a new one.
    pub(crate) fn links(&mut self) -> Result<Option<Arc<Vec<Link>>>, Error> {
        self.links_at(Instant::now())
    }

    fn links_at(&mut self, now: Instant) -> Result<Option<Arc<Vec<Link>>>, Error> {
        let Some(shared) = &self.shared else { return Ok(None) };
        // What a panic leaves is no reading, and the next one begins anew.
        let mut readings = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = readings.made.is_some_and(|at| now.saturating_duration_since(at) < FRESH);
        if (!is_fresh || readings.number == self.taken) && !readings.read(now)? {
            return Ok(None);
        }
        self.taken = readings.number;
        Ok(Some(readings.links.clone()))
    }
}

fn shared() -> Arc<Mutex<Readings>> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let made = Arc::new(Mutex::new(Readings::new()));
        *shared = Arc::downgrade(&made);
        made
    })
}

struct Readings {
    /// None where there are no such sockets, or where the agent may not have one.
    netlink: Option<Socket>,
    /// When it was last tried to open it.
    tried: Instant,
    /// A collector that is slow with it keeps the old one, and the next reading is another.
    links: Arc<Vec<Link>>,
    /// Counts the readings, from 1.
    number: u64,
    /// When the last one was made; none if it failed.
    made: Option<Instant>,
}

impl Readings {
    fn new() -> Self {
        let (netlink, tried) = (Socket::open(None).ok(), Instant::now());
        Readings { netlink, tried, links: Arc::default(), number: 0, made: None }
    }

    /// False if there is no netlink.
    fn read(&mut self, now: Instant) -> Result<bool, Error> {
        self.made = None;
        if self.netlink.is_none() && now.saturating_duration_since(self.tried) >= TRY_AGAIN {
            self.netlink = Socket::open(None).ok();
            self.tried = now;
        }
        let Some(netlink) = &mut self.netlink else { return Ok(false) };
        read_links(netlink, Arc::make_mut(&mut self.links))?;
        self.number += 1;
        self.made = Some(now);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two collectors on readings that no other test has.
    fn two() -> (Arc<Mutex<Readings>>, [Reader; 2]) {
        let shared = Arc::new(Mutex::new(Readings::new()));
        let reader = || Reader { shared: Some(shared.clone()), taken: 0 };
        let readers = [reader(), reader()];
        (shared, readers)
    }

    /// The number of the reading that this collector gets.
    fn number(reader: &mut Reader, now: Instant) -> u64 {
        let links = reader.links_at(now).unwrap().expect("this machine has netlink");
        assert!(links.iter().any(|link| link.name == "lo"), "{links:?}");
        reader.taken
    }

    #[test]
    fn collectors_of_one_agent_have_the_same_readings() {
        let own = || Reader::new(&Paths::default()).shared.unwrap();
        let one = own();
        assert!(Arc::ptr_eq(&one, &own()));
        let other = Paths { sysfs: "/host/sys".into(), ..Paths::default() };
        assert!(Reader::new(&other).links().unwrap().is_none(), "another machine's, so all is from sysfs");
    }

    #[test]
    fn each_collector_takes_a_reading_once_while_it_is_fresh() {
        let (_, [mut netdev, mut netclass]) = two();
        let now = Instant::now();
        assert_eq!([number(&mut netdev, now), number(&mut netclass, now)], [1, 1], "one scrape asks once");
        assert_eq!([number(&mut netclass, now), number(&mut netdev, now)], [2, 2]);
        assert_eq!([number(&mut netdev, now), number(&mut netdev, now)], [3, 4], "alone it is always fresh");
        assert_eq!(number(&mut netclass, now + FRESH), 5, "what is old is read anew");
    }

    #[test]
    fn a_panic_of_one_leaves_the_other() {
        let (shared, [mut netdev, mut netclass]) = two();
        let now = Instant::now();
        assert_eq!(number(&mut netdev, now), 1);
        let panicked = std::panic::catch_unwind(|| {
            let _held = shared.lock().unwrap();
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        assert_eq!([&mut netclass, &mut netdev].map(|reader| number(reader, now)), [1, 2]);
    }

    #[test]
    fn a_collector_that_is_slow_keeps_its_reading() {
        let (_, [mut netdev, mut netclass]) = two();
        let now = Instant::now();
        let slow = netdev.links_at(now).unwrap().unwrap();
        let same = netclass.links_at(now).unwrap().unwrap();
        assert!(Arc::ptr_eq(&slow, &same));
        drop(same);
        let next = netclass.links_at(now).unwrap().unwrap();
        assert!(!Arc::ptr_eq(&slow, &next));
        assert!(slow.iter().any(|link| link.name == "lo"));
    }

    #[test]
    fn netlink_that_could_not_be_opened_is_tried_again() {
        let (shared, [mut netdev, _]) = two();
        let tried = {
            let mut readings = shared.lock().unwrap();
            readings.netlink = None;
            readings.tried
        };
        let soon = tried + TRY_AGAIN - Duration::from_secs(1);
        assert!(netdev.links_at(soon).unwrap().is_none(), "it is not yet time");
        assert_eq!(number(&mut netdev, tried + TRY_AGAIN), 1);
    }
}
