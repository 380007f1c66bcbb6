//! Single turns of the schedule that are easy to get wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use relink_core::Error;
use relink_core::guard::Failure;

use super::super::instance::Notes;
use super::super::queue::{
    Call, Finished, Next, PATIENCE, Returned, Runtime, Schedule, Selection, Stage, Start, Task, Walk, Walker,
};
use super::super::slot::Done;
use super::world::{plugin, schedule_of, slot};

const ALL: [&str; 2] = ["a", "b"];

fn schedule() -> Schedule {
    schedule_of(&ALL)
}

fn join(schedule: &mut Schedule, names: &[&'static str], starts: &mut Vec<Start>) -> Arc<Walk> {
    let selection = Selection(names.into());
    schedule.join(Task::Collect, &selection, true, &mut |start| {
        starts.push(start);
        true
    })
}

fn call(schedule: &mut Schedule, number: u64, now: Instant) -> Call {
    match schedule.next(number, false, true, now) {
        Next::Call(call) => call,
        _ => panic!("expected a call"),
    }
}

fn returns(schedule: &mut Schedule, number: u64, call: Call, began: Instant, now: Instant) -> Finished {
    let Call { name, serial, instance, .. } = call;
    let frame = Err(Failure::Said(Error::new("nothing")));
    let done = Done { facts: None, frame, notes: Notes::default() };
    schedule.finish(number, Returned { name, serial, instance, done, began }, now)
}

#[test]
fn a_late_call_of_a_relieved_walker_says_nothing_of_its_successor() {
    let (mut schedule, mut starts, began) = (schedule(), Vec::new(), Instant::now());
    join(&mut schedule, &ALL, &mut starts);
    let late = call(&mut schedule, 1, began);
    let mut start = |start| {
        starts.push(start);
        true
    };
    schedule.relieve(began + PATIENCE / 2, &mut start);
    assert_eq!(schedule.runtime, Runtime::Whole, "it may take a few milliseconds");
    schedule.relieve(began + PATIENCE, &mut start);
    assert_eq!(starts, [Start::Task(1), Start::Thread(2)]);
    assert_eq!(schedule.runtime, Runtime::ShortOfOne);

    let then = began + PATIENCE * 2;
    let _other = call(&mut schedule, 2, then);
    returns(&mut schedule, 1, late, began, then);
    assert_eq!(schedule.walker, Walker::Thread { number: 2, inside: Some(then) }, "it is inside `b` still");
    assert!(matches!(schedule.next(1, false, true, then), Next::Relieved));
}

#[test]
fn a_plugin_that_is_replaced_in_a_call_answers_once_more_and_goes() {
    let (mut schedule, mut starts, now) = (schedule(), Vec::new(), Instant::now());
    let walk = join(&mut schedule, &["a"], &mut starts);
    let in_flight = call(&mut schedule, 1, now);
    assert!(schedule.put(plugin("a"), vec![slot("a")]).is_empty(), "it can't go while it is called");

    // Who comes now must not be served with what the old code says.
    let next = join(&mut schedule, &["a"], &mut starts);
    assert!(!Arc::ptr_eq(&walk, &next));
    assert!(matches!(schedule.next(1, false, true, now), Next::Unwatch(asked) if Arc::ptr_eq(&asked, &walk)));
    let of_the_new = call(&mut schedule, 1, now);
    let finished = returns(&mut schedule, 1, in_flight, now, now);
    assert!(finished.gone.is_some() && finished.whole.len() == 1);
    assert!(returns(&mut schedule, 1, of_the_new, now, now).gone.is_none());
}

#[test]
fn two_walks_share_the_call_of_a_plugin_that_both_want() {
    let (mut schedule, mut starts, now) = (schedule(), Vec::new(), Instant::now());
    let all = join(&mut schedule, &ALL, &mut starts);
    let one = join(&mut schedule, &["a"], &mut starts);
    assert!(Arc::ptr_eq(&all, &join(&mut schedule, &ALL, &mut starts)), "the same is asked once");
    assert_eq!(starts, [Start::Task(1)], "one walker for all");

    let a = call(&mut schedule, 1, now);
    let b = call(&mut schedule, 1, now);
    returns(&mut schedule, 1, b, now, now);
    assert!(matches!(schedule.next(1, false, true, now), Next::Unwatch(walk) if Arc::ptr_eq(&walk, &all)));
    assert!(matches!(schedule.next(1, false, true, now), Next::Unwatch(walk) if Arc::ptr_eq(&walk, &one)));
    let whole = returns(&mut schedule, 1, a, now, now).whole;
    assert_eq!(whole.len(), 2, "one call answers both");
}

#[test]
fn a_walk_that_was_cut_short_is_made_all_the_same() {
    let (mut schedule, mut starts, began) = (schedule(), Vec::new(), Instant::now());
    let walk = join(&mut schedule, &ALL, &mut starts);
    let a = call(&mut schedule, 1, began);
    let deadline = began + Duration::from_secs(1);
    let (readings, is_news) = schedule.cut_short(&walk, deadline);
    assert!(is_news && readings.len() == 2);
    let words = |place: usize| readings[place].result.as_ref().err().unwrap().to_string();
    assert!(words(0).contains("has not answered for 1.0 s"), "{}", words(0));
    assert!(words(1).contains("before it was asked"), "{}", words(1));

    returns(&mut schedule, 1, a, began, deadline);
    let b = call(&mut schedule, 1, deadline);
    returns(&mut schedule, 1, b, deadline, deadline);
    assert!(matches!(schedule.next(1, false, true, deadline), Next::Publish(_)));
    assert!(matches!(*walk.stage.borrow(), Stage::Watched), "it is the worker that publishes");
}

#[test]
fn without_a_thread_to_be_had_the_next_look_tries_again() {
    let (mut schedule, now) = (schedule(), Instant::now());
    let selection = Selection(ALL.into());
    let walk = schedule.join(Task::Collect, &selection, false, &mut |_| false);
    assert_eq!(schedule.walker, Walker::Nobody);
    assert!(matches!(*walk.stage.borrow(), Stage::Unwatched), "who waits looks at the clock");
    schedule.relieve(now, &mut |start| start == Start::Thread(1));
    assert_eq!(schedule.walker, Walker::Thread { number: 1, inside: None });
}
