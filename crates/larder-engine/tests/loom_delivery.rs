//! Models of the outbox: every event is delivered once, in the order of the commits. Run with
//! `RUSTFLAGS="--cfg larder_loom" LOOM_MAX_PREEMPTIONS=2 CARGO_TARGET_DIR=target/loom \
//! cargo test -p larder-engine --test 'loom_*'`.
#![cfg(larder_loom)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod planted;

use std::sync::{Arc, Mutex};

use larder_engine::EventKind;
use larder_engine::planted::Bug;
use loom::thread;
use planted::{engine, fails, model};

/// One sets the key and one deletes it: the state at the end tells which came last.
fn two_that_commit() {
    let (larder, app) = engine();
    app.strings().set("k", "v").unwrap();
    // A plain mutex: loom does not switch threads inside a listener that touches none of its own.
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let _listening = larder.on_event(move |event| log.lock().unwrap().push(event.kind));
    let other = app.clone();
    let deleter = thread::spawn(move || assert!(other.keys().delete("k").unwrap()));
    app.strings().set("k", "w").unwrap();
    deleter.join().unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2, "an event was lost or doubled");
    let last = if app.is_empty() { EventKind::Deleted } else { EventKind::Set };
    assert_eq!(heard[1], last, "events out of order");
    assert_ne!(heard[0], heard[1]);
}

#[test]
fn every_event_is_delivered_once_and_in_the_order_of_the_commits() {
    model(two_that_commit);
}

#[test]
fn planted_a_deliverer_that_unlocks_before_it_stops_loses_an_event() {
    let test = "planted_a_deliverer_that_unlocks_before_it_stops_loses_an_event";
    fails(test, Some(Bug::TornDelivery), "an event was lost or doubled", two_that_commit);
}

#[test]
fn planted_events_queued_after_unlocking_are_out_of_order() {
    let test = "planted_events_queued_after_unlocking_are_out_of_order";
    fails(test, Some(Bug::LateEvents), "events out of order", two_that_commit);
}
