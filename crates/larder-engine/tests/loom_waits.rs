//! Models of waits: what is added reaches exactly one waiter. Run with
//! `RUSTFLAGS="--cfg larder_loom" LOOM_MAX_PREEMPTIONS=2 CARGO_TARGET_DIR=target/loom \
//! cargo test -p larder-engine --test 'loom_*'`.
#![cfg(larder_loom)]

mod planted;

use larder_engine::planted::Bug;
use larder_engine::{End, Error, Namespace, Popped, Wait};
use loom::thread;
use planted::{engine, fails, model};

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
