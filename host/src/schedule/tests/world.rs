//! The real schedule in a world of its own: scrapes, walkers, the watchdog's timer, plugins that answer late or never, and
//! a system that is out of threads come in every order that a random number finds.
//!
//! A step of a walker is what [`worker`](super::super::worker) does between two points where another thread may come in.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use relink_core::guard::Failure;
use relink_core::registry::Options;
use relink_core::{Error, Paths};

use super::super::instance::{Instance, Notes};
use super::super::queue::{Call, Next, PATIENCE, Returned, Schedule, Selection, Stage, Start, Task, Walk};
use super::super::slot::{Done, Slot};
use crate::plugins::set::{Collector, Plugin};
use crate::plugins::status::Placement;
use crate::store::snapshot::Snapshot;

/// How long a scrape waits.
pub(super) const PATIENT: Duration = Duration::from_millis(40);
pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];

/// A fault that is planted, to see that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// A task lets go of the lock before it stops the timer.
    StopsTheTimerLate,
    /// A walker keeps the lock while it is inside a collector.
    CallsUnderTheLock,
    /// A task that goes on after a pause does not set the timer.
    ForgetsTheTimer,
}

/// What a collector does when it is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    AtOnce,
    After(Duration),
    Panics,
    Never,
}

pub(super) struct Walker {
    pub(super) number: u64,
    pub(super) is_task: bool,
    pub(super) at: Place,
}

pub(super) enum Place {
    /// It is about to ask what to do next.
    Asks {
        told: bool,
    },
    Inside {
        call: Call,
        manner: Manner,
        began: Instant,
    },
    Publishes(Vec<Arc<Walk>>),
    /// It has ended or pauses, and has yet to stop the timer: only with [`Fault::StopsTheTimerLate`].
    Stops {
        ends: bool,
    },
    /// A task that has let others run.
    Paused,
    /// A thread that waits for something to be queued.
    Waits,
    Ended,
}

pub(super) struct Scrape {
    pub(super) walk: Arc<Walk>,
    pub(super) deadline: Instant,
    /// When it looks at the clock; `None` while it trusts the watchdog.
    looks_at: Option<Instant>,
    pub(super) is_answered: bool,
}

pub(super) struct World {
    pub(super) schedule: Schedule,
    /// Who is inside a collector with the lock: only with [`Fault::CallsUnderTheLock`].
    locked: bool,
    pub(super) walkers: Vec<Walker>,
    pub(super) scrapes: Vec<Scrape>,
    timer: Option<Instant>,
    pub(super) now: Instant,
    has_watchdog: bool,
    threads_left: usize,
    scrapes_left: usize,
    swaps_left: usize,
    random: Random,
    fault: Fault,
}

/// Numbers that a seed decides, so that a run can be made again. (xorshift64*)
pub(super) struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

/// What can happen next.
#[derive(Clone, Copy)]
pub(super) enum Event {
    Walk(usize),
    Return(usize),
    Ring,
    Notice(usize),
    Look(usize),
    Scrape,
    Swap,
    Time,
}

/// A plugin with one collector, both of this name.
pub(super) fn plugin(name: &'static str) -> Arc<Plugin> {
    let collector = Collector {
        name,
        plugin: name,
        help: "Nothing.",
        families: &[],
        options: Options::new(name, Paths::default(), Default::default()),
        new: Box::new(|_| Err(Error::new("is never made: the world answers for it"))),
    };
    Arc::new(Plugin {
        name,
        version: "1",
        help: "Nothing.",
        placement: Placement::Linked,
        path: None,
        generation: 1,
        collectors: vec![Arc::new(collector)],
        off: Vec::new(),
    })
}

/// The schedule of plugins with these names, each with one collector.
pub(super) fn schedule_of(names: &[&'static str]) -> Schedule {
    let plugins = names.iter().map(|&name| (name, plugin(name))).collect();
    Schedule::new(plugins, names.iter().map(|&name| (name, slot(name))).collect(), Vec::new())
}

pub(super) fn slot(name: &'static str) -> Slot {
    let collector = Arc::clone(&plugin(name).collectors[0]);
    let instance = Instance::new(&collector, 1);
    Slot::new(collector, instance)
}

impl World {
    pub(super) fn new(seed: u64, fault: Fault) -> World {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        World {
            schedule: schedule_of(&NAMES),
            locked: false,
            walkers: Vec::new(),
            scrapes: Vec::new(),
            timer: None,
            now: Instant::now(),
            has_watchdog: random.below(4) > 0,
            threads_left: [0, 1, 2, 100][random.below(4)],
            scrapes_left: 2 + random.below(5),
            swaps_left: random.below(2),
            random,
            fault,
        }
    }

    /// Plays one world to its end; an error says what should not have been.
    pub(super) fn play(seed: u64, fault: Fault) -> Result<(), String> {
        let mut world = World::new(seed, fault);
        for _ in 0..2_000 {
            let mut events = world.events();
            // Time is the last to go on: whoever can run has run by then. Else each machine that is busy would miss
            // deadlines. It may pass earlier by a bit, so that the timer can run out at any moment.
            let is_still = events.is_empty();
            if is_still {
                world.check_at_rest()?;
                match world.next_time() {
                    // Where a collector never returns and no thread can be had, the watchdog goes on ringing.
                    Some(then) if Some(then) != world.timer || world.somebody_waits() => {
                        world.now = world.now.max(then)
                    }
                    _ => return Ok(()),
                }
                continue;
            }
            events.push(Event::Time);
            let event = events[world.random.below(events.len())];
            // Rarer than the rest, so that some come late.
            if matches!(event, Event::Scrape | Event::Swap) && world.random.below(6) > 0 {
                continue;
            }
            world.happen(event)?;
        }
        Err("it goes on for ever".to_owned())
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (place, walker) in self.walkers.iter().enumerate() {
            match &walker.at {
                Place::Asks { .. } | Place::Publishes(_) if !self.locked => events.push(Event::Walk(place)),
                Place::Stops { .. } | Place::Paused => events.push(Event::Walk(place)),
                Place::Inside { manner, began, .. } => {
                    let returns = match manner {
                        Manner::AtOnce | Manner::Panics => true,
                        Manner::After(time) => self.now >= *began + *time,
                        Manner::Never => false,
                    };
                    if returns {
                        events.push(Event::Return(place));
                    }
                }
                _ => {}
            }
        }
        // What follows takes the lock.
        if self.locked {
            return events;
        }
        if self.timer.is_some_and(|timer| self.now >= timer) {
            events.push(Event::Ring);
        }
        for (place, scrape) in self.scrapes.iter().enumerate().filter(|(_, scrape)| !scrape.is_answered) {
            match (&*scrape.walk.stage.borrow(), scrape.looks_at) {
                (Stage::Made(_), _) | (Stage::Unwatched, None) => events.push(Event::Notice(place)),
                (_, Some(at)) if self.now >= at => events.push(Event::Look(place)),
                _ => {}
            }
        }
        if self.scrapes_left > 0 {
            events.push(Event::Scrape);
        }
        if self.swaps_left > 0 {
            events.push(Event::Swap);
        }
        events
    }

    fn somebody_waits(&self) -> bool {
        self.scrapes.iter().any(|scrape| !scrape.is_answered)
    }

    /// The next moment at which something can happen by itself.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let late = self.walkers.iter().filter_map(|walker| match walker.at {
            Place::Inside { manner: Manner::After(time), began, .. } => Some(began + time),
            _ => None,
        });
        if self.locked {
            return late.min();
        }
        let looks = self.scrapes.iter().filter(|scrape| !scrape.is_answered);
        late.chain(looks.filter_map(|scrape| scrape.looks_at)).chain(self.timer).min()
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Walk(place) => self.walk(place)?,
            Event::Return(place) => self.come_back(place),
            Event::Ring => self.ring(),
            Event::Notice(place) => self.notice(place),
            Event::Look(place) => self.look(place)?,
            Event::Scrape => self.scrape(),
            Event::Swap => self.swap(),
            Event::Time => self.now += Duration::from_micros(self.random.below(800) as u64),
        }
        self.check()
    }

    /// What the schedule wants started; a thread only while the system has some.
    fn with_starter<T>(&mut self, act: impl FnOnce(&mut Schedule, &mut dyn FnMut(Start) -> bool) -> T) -> T {
        let (walkers, threads_left) = (&mut self.walkers, &mut self.threads_left);
        let mut start = |start| {
            let (number, is_task) = match start {
                Start::Task(number) => (number, true),
                Start::Thread(_) if *threads_left == 0 => return false,
                Start::Thread(number) => {
                    *threads_left -= 1;
                    (number, false)
                }
            };
            // A task begins with the timer, as after a pause.
            let at = if is_task { Place::Paused } else { Place::Asks { told: false } };
            walkers.push(Walker { number, is_task, at });
            true
        };
        act(&mut self.schedule, &mut start)
    }

    fn scrape(&mut self) {
        self.scrapes_left -= 1;
        let names: Vec<_> = if self.random.below(3) == 0 { vec![NAMES[0]] } else { NAMES.to_vec() };
        let selection = Selection(names.into());
        let has_watchdog = self.has_watchdog;
        let walk = self
            .with_starter(|schedule, start| schedule.join(Task::Collect, &selection, has_watchdog, start));
        if !matches!(*walk.stage.borrow(), Stage::Watched) {
            self.wake_threads();
        }
        self.scrapes.push(Scrape { walk, deadline: self.now + PATIENT, looks_at: None, is_answered: false });
    }

    fn wake_threads(&mut self) {
        for walker in &mut self.walkers {
            if matches!(walker.at, Place::Waits) {
                walker.at = Place::Asks { told: false };
            }
        }
    }

    fn swap(&mut self) {
        self.swaps_left -= 1;
        let old = self.schedule.put(plugin(NAMES[1]), vec![slot(NAMES[1])]);
        old.into_iter().for_each(Slot::retire);
    }

    fn ring(&mut self) {
        self.timer = None;
        let now = self.now;
        if self.with_starter(|schedule, start| schedule.rang(now, start)) {
            self.timer = Some(self.now + PATIENCE);
        }
    }

    fn notice(&mut self, place: usize) {
        let scrape = &mut self.scrapes[place];
        match &*scrape.walk.stage.borrow() {
            Stage::Made(_) => scrape.is_answered = true,
            _ => scrape.looks_at = Some((self.now + PATIENCE).min(scrape.deadline)),
        }
    }

    fn look(&mut self, place: usize) -> Result<(), String> {
        let (walk, deadline) = (Arc::clone(&self.scrapes[place].walk), self.scrapes[place].deadline);
        if self.now >= deadline {
            let (readings, _) = self.schedule.cut_short(&walk, self.now);
            if readings.len() != walk.selection.0.len() {
                return Err("a snapshot that was cut short does not name every collector".to_owned());
            }
            self.scrapes[place].is_answered = true;
            return Ok(());
        }
        let now = self.now;
        self.with_starter(|schedule, start| schedule.relieve(now, start));
        self.scrapes[place].looks_at = Some((self.now + PATIENCE).min(deadline));
        Ok(())
    }

    fn walk(&mut self, place: usize) -> Result<(), String> {
        let (number, is_task) = (self.walkers[place].number, self.walkers[place].is_task);
        let told = match std::mem::replace(&mut self.walkers[place].at, Place::Ended) {
            Place::Asks { told } => told,
            Place::Publishes(walks) => {
                walks.iter().for_each(|walk| publish(walk));
                self.walkers[place].at = Place::Asks { told: true };
                return Ok(());
            }
            Place::Stops { ends } => {
                self.timer = None;
                self.walkers[place].at = if ends { Place::Ended } else { Place::Paused };
                return Ok(());
            }
            Place::Paused => {
                if self.fault != Fault::ForgetsTheTimer {
                    self.timer = Some(self.now + PATIENCE);
                }
                self.walkers[place].at = Place::Asks { told: false };
                return Ok(());
            }
            other => {
                self.walkers[place].at = other;
                return Ok(());
            }
        };
        let next = self.schedule.next(number, told, is_task || self.has_watchdog, self.now);
        let stops = is_task && matches!(next, Next::Pause | Next::End);
        if stops && self.fault != Fault::StopsTheTimerLate {
            self.timer = None;
        }
        self.walkers[place].at = match next {
            Next::Call(call) => {
                self.check_call(&call)?;
                self.locked |= self.fault == Fault::CallsUnderTheLock;
                Place::Inside { manner: self.manner(), began: self.now, call }
            }
            Next::Publish(walk) => Place::Publishes(vec![walk]),
            Next::Unwatch(walk) => Place::Asks { told: walk.unwatch() },
            Next::Pause | Next::End if stops && self.fault == Fault::StopsTheTimerLate => {
                Place::Stops { ends: matches!(next, Next::End) }
            }
            Next::Pause if is_task => Place::Paused,
            Next::Pause => Place::Asks { told: false },
            Next::Wait => Place::Waits,
            Next::End => Place::Ended,
            Next::Relieved => {
                if is_task {
                    self.schedule.task_is_back();
                    self.wake_threads();
                }
                Place::Ended
            }
        };
        Ok(())
    }

    fn manner(&mut self) -> Manner {
        match self.random.below(12) {
            0 => Manner::Never,
            1 => Manner::Panics,
            2..=4 => Manner::After(PATIENCE * (1 + self.random.below(4) as u32)),
            _ => Manner::AtOnce,
        }
    }

    fn come_back(&mut self, place: usize) {
        let number = self.walkers[place].number;
        let Place::Inside { call, manner, began } =
            std::mem::replace(&mut self.walkers[place].at, Place::Ended)
        else {
            return;
        };
        self.locked = false;
        let error = Error::new("has nothing to say");
        let frame =
            Err(if manner == Manner::Panics { Failure::Panicked(error) } else { Failure::Said(error) });
        let done = Done { facts: None, frame, notes: Notes::default() };
        let Call { name, serial, instance, .. } = call;
        let returned = Returned { name, serial, instance, done, began };
        let finished = self.schedule.finish(number, returned, self.now);
        if let Some(gone) = finished.gone {
            gone.retire();
        }
        let told = finished.is_news;
        self.walkers[place].at =
            if finished.whole.is_empty() { Place::Asks { told } } else { Place::Publishes(finished.whole) };
    }
}

pub(super) fn publish(walk: &Walk) {
    let snapshot = Snapshot::new(Vec::new());
    debug_assert!(snapshot.taken <= SystemTime::now());
    walk.stage.send_replace(Stage::Made(Arc::new(snapshot)));
}
