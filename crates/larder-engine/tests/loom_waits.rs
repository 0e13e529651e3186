//! Models of waits: what is added reaches exactly one waiter. Run with
//! `RUSTFLAGS="--cfg larder_loom" LOOM_MAX_PREEMPTIONS=2 CARGO_TARGET_DIR=target/loom \
//! cargo test -p larder-engine --test 'loom_*'`.
#![cfg(larder_loom)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod planted;

use std::time::Duration;

use larder_engine::planted::Bug;
use larder_engine::{End, Error, Larder, ManualClock, Namespace, Popped, Wait};
use loom::thread;
use planted::{engine, fails, model, model_within};

fn wait(app: &Namespace) -> Result<Wait<Popped>, Error> {
    app.sorted_sets().pop_wait(&["k"], End::Min, None)
}

fn add(app: &Namespace) {
    app.sorted_sets().add("k", "m", 1.0).unwrap();
}

fn one_pops_and_one_adds() {
    let (_larder, app) = engine();
    let fed = app.clone();
    let feeder = thread::spawn(move || add(&fed));
    let popped = wait(&app).unwrap().wait().unwrap().unwrap();
    assert_eq!(&*popped.member, b"m");
    feeder.join().unwrap();
    assert!(app.is_empty() && app.stats().waits == 0);
}

#[test]
fn what_is_added_while_another_begins_to_wait_is_not_lost() {
    model(one_pops_and_one_adds);
}

#[test]
fn planted_a_waiter_that_looks_and_then_joins_misses_what_is_added() {
    let test = "planted_a_waiter_that_looks_and_then_joins_misses_what_is_added";
    fails(test, Some(Bug::LateJoin), "deadlock", one_pops_and_one_adds);
}

/// Two waiters, the first of which goes away in the way that `leave` says.
fn one_adds_and_the_first_of_two_leaves(leave: fn(Wait<Popped>)) {
    let (_larder, app) = engine();
    let (first, second) = (wait(&app).unwrap(), wait(&app).unwrap());
    let fed = app.clone();
    let feeder = thread::spawn(move || add(&fed));
    leave(first);
    // Whatever the first one had, the second one gets.
    assert!(second.wait().unwrap().is_some());
    feeder.join().unwrap();
    assert!(app.is_empty() && app.stats().waits == 0);
}

#[test]
fn a_waiter_that_leaves_passes_on_what_it_was_served() {
    model(|| one_adds_and_the_first_of_two_leaves(drop));
}

#[test]
fn planted_a_waiter_that_leaves_without_a_word_keeps_what_it_was_served() {
    let test = "planted_a_waiter_that_leaves_without_a_word_keeps_what_it_was_served";
    fails(test, None, "deadlock", || one_adds_and_the_first_of_two_leaves(std::mem::forget));
}

/// One waiter, which leaves while it is served.
fn one_adds_and_the_only_one_leaves(leave: fn(Wait<Popped>)) {
    let (_larder, app) = engine();
    let only = wait(&app).unwrap();
    let fed = app.clone();
    let feeder = thread::spawn(move || add(&fed));
    leave(only);
    feeder.join().unwrap();
    let back = app.sorted_sets().pop_min("k").unwrap();
    assert!(back.is_some(), "the member was lost");
    assert_eq!(app.stats().waits, 0);
}

#[test]
fn a_waiter_that_leaves_puts_back_what_it_was_served() {
    model(|| one_adds_and_the_only_one_leaves(drop));
}

#[test]
fn planted_a_waiter_that_leaves_without_a_word_loses_a_member() {
    let test = "planted_a_waiter_that_leaves_without_a_word_loses_a_member";
    fails(test, None, "the member was lost", || one_adds_and_the_only_one_leaves(std::mem::forget));
}

fn one_waits_and_one_closes() {
    let (larder, app) = engine();
    let waiter = thread::spawn(move || wait(&app).and_then(Wait::wait));
    larder.close();
    assert_eq!(waiter.join().unwrap(), Err(Error::Closed));
}

#[test]
fn closing_ends_whoever_begins_to_wait_meanwhile() {
    model(one_waits_and_one_closes);
}

#[test]
fn planted_a_waiter_that_does_not_look_again_is_left_behind_by_a_close() {
    let test = "planted_a_waiter_that_does_not_look_again_is_left_behind_by_a_close";
    fails(test, Some(Bug::NoSecondLook), "deadlock", one_waits_and_one_closes);
}

/// A waiter is there; one adds and one pops without waiting.
fn one_adds_and_one_pushes_in() {
    let (_larder, app) = engine();
    let first = wait(&app).unwrap();
    let (fed, robbed) = (app.clone(), app.clone());
    let feeder = thread::spawn(move || add(&fed));
    let thief = thread::spawn(move || robbed.sorted_sets().pop_min("k").unwrap());
    assert_eq!(thief.join().unwrap(), None, "somebody overtook");
    feeder.join().unwrap();
    assert!(first.wait().unwrap().is_some());
}

#[test]
fn nobody_overtakes_a_waiter() {
    model_within(3, one_adds_and_one_pushes_in);
}

#[test]
fn planted_somebody_overtakes_where_nobody_minds_that_a_key_is_owed() {
    let test = "planted_somebody_overtakes_where_nobody_minds_that_a_key_is_owed";
    fails(test, Some(Bug::Overtaking), "somebody overtook", one_adds_and_one_pushes_in);
}

/// A waiter over keys of two shards, which two threads feed, in the way that `feed` says.
fn one_waits_over_two_shards_and_two_add(feed: fn(&Namespace, &[u8])) {
    let larder = Larder::builder().manual_clock(&ManualClock::new()).shards(2).seed(7).open();
    let app = larder.namespace("app").unwrap();
    // A walk goes through the shards in order: the first key and the last lie in different ones.
    for n in 0..8 {
        app.counters().set(n.to_string(), 0).unwrap();
    }
    let keys = app.keys().matching("*").unwrap();
    let keys = [keys[0].clone(), keys[7].clone()];
    app.keys().flush().unwrap();
    let wait = app.sorted_sets().pop_wait(&keys, End::Min, None).unwrap();
    let [mine, its] = keys.clone();
    let fed = app.clone();
    let feeder = thread::spawn(move || feed(&fed, &its));
    feed(&app, &mine);
    feeder.join().unwrap();
    let popped = wait.wait().unwrap().unwrap();
    let [left] = &*app.keys().matching("*").unwrap() else { panic!("one was lost or doubled") };
    assert!(keys.contains(left) && *left != popped.key);
    assert_eq!(app.stats().waits, 0);
}

fn add_one(app: &Namespace, key: &[u8]) {
    assert!(app.sorted_sets().add(key, "m", 1.0).unwrap());
}

#[test]
fn a_waiter_over_two_shards_takes_one_of_two_members() {
    model(|| one_waits_over_two_shards_and_two_add(add_one));
}

#[test]
fn planted_a_feeder_that_serves_by_hand_serves_twice() {
    let test = "planted_a_feeder_that_serves_by_hand_serves_twice";
    fails(test, None, "one was lost or doubled", || {
        one_waits_over_two_shards_and_two_add(|app, key| {
            // It sees a waiter, and keeps for it what the other one may have given it.
            let is_awaited = app.stats().waits > 0;
            add_one(app, key);
            if is_awaited {
                app.keys().delete(key).unwrap();
            }
        });
    });
}

/// The time of a wait is up while its key is fed.
fn one_adds_and_the_time_is_up() {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).shards(1).seed(7).open();
    let app = larder.namespace("app").unwrap();
    let second = Duration::from_secs(1);
    let fed = app.clone();
    let feeder = thread::spawn(move || add(&fed));
    let hand = thread::spawn(move || clock.advance(2 * second).unwrap());
    let wait = app.sorted_sets().pop_wait(&["k"], End::Min, Some(second)).unwrap();
    let popped = wait.wait().unwrap();
    feeder.join().unwrap();
    hand.join().unwrap();
    assert_eq!(popped.is_some(), app.is_empty(), "the member was lost");
    assert_eq!((app.stats().waits, larder.next_due()), (0, None));
}

#[test]
fn a_member_that_is_added_as_the_time_is_up_is_taken_or_stays() {
    model_within(2, one_adds_and_the_time_is_up);
}

#[test]
fn planted_a_waiter_that_joins_late_and_has_more_time_than_the_clock_is_left_behind() {
    let test = "planted_a_waiter_that_joins_late_and_has_more_time_than_the_clock_is_left_behind";
    fails(test, Some(Bug::LateJoin), "deadlock", one_adds_and_the_time_is_up);
}
