//! What must hold in each [`World`], after every step and at rest, whatever the order of its events. Faults that are planted
//! show that it would be found if it did not.

use super::super::queue::{Call, Runtime};
use super::world::{Fault, PATIENT, Place, Walker, World};

/// How many orders are tried. They take about a second together.
const RUNS: u64 = 4_000;

impl World {
    /// No collector is called while it is inside a call.
    pub(super) fn check_call(&self, call: &Call) -> Result<(), String> {
        let is_inside = |walker: &Walker| matches!(&walker.at, Place::Inside { call: other, .. } if other.serial == call.serial);
        if self.walkers.iter().any(is_inside) {
            return Err(format!("two calls of collector {} at the same time", call.name));
        }
        Ok(())
    }

    /// What holds at every moment.
    pub(super) fn check(&self) -> Result<(), String> {
        let inside = |walker: &&Walker| matches!(walker.at, Place::Inside { .. });
        let kept = self.walkers.iter().filter(|walker| walker.is_task).filter(inside).count();
        if kept > 1 {
            return Err("plugins keep both threads of the runtime: nobody answers".to_owned());
        }
        Ok(())
    }

    /// What holds when nothing can happen before time goes on.
    pub(super) fn check_at_rest(&self) -> Result<(), String> {
        let live = |walker: &&Walker| !matches!(walker.at, Place::Ended);
        let inside = self.walkers.iter().filter(|walker| matches!(walker.at, Place::Inside { .. })).count();
        if self.walkers.iter().filter(live).count() > inside + 1 {
            return Err("more than one walker beside those that plugins keep".to_owned());
        }
        let next = self.next_time();
        for scrape in self.scrapes.iter().filter(|scrape| !scrape.is_answered) {
            // Time may have gone on by a bit at each step.
            if self.now > scrape.deadline + PATIENT {
                return Err("a scrape waits past its deadline".to_owned());
            }
            if next.is_none() {
                return Err("a scrape waits for nobody".to_owned());
            }
        }
        if next.is_none() && inside == 0 && self.schedule.runtime == Runtime::ShortOfOne {
            return Err("the runtime is thought to be short of a thread that it has".to_owned());
        }
        Ok(())
    }
}

fn explore(fault: Fault) -> Option<(u64, String)> {
    (1..=RUNS).find_map(|seed| World::play(seed, fault).err().map(|error| (seed, error)))
}

#[test]
fn no_order_of_events_breaks_the_schedule() {
    assert_eq!(explore(Fault::None), None, "the seed, and what should not have been");
}

#[test]
fn planted_faults_are_found() {
    for fault in [Fault::StopsTheTimerLate, Fault::CallsUnderTheLock, Fault::ForgetsTheTimer] {
        let (_, found) = explore(fault).unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(found.contains("waits"), "{fault:?}: {found}");
    }
}
