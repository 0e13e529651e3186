//! Models of transactions and fences: no deadlock, nothing half done, no stale holder. Run with
//! `RUSTFLAGS="--cfg larder_loom" LOOM_MAX_PREEMPTIONS=2 CARGO_TARGET_DIR=target/loom \
//! cargo test -p larder-engine --test 'loom_*'`.
#![cfg(larder_loom)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod planted;

use std::time::Duration;

use larder_engine::planted::Bug;
use larder_engine::{Error, Grant, Larder, Namespace};
use loom::thread;
use planted::{engine, fails, model};

/// Moves one from `from` to `to`, locking them in this order.
fn transfer(larder: &Larder, from: &Namespace, to: &Namespace) {
    larder
        .transaction(|tx| {
            tx.counters(from).add("k", -1)?;
            tx.counters(to).add("k", 1).map(drop)
        })
        .unwrap();
}

/// Two namespaces of one shard each: two locks, the first one's before the second one's.
fn two_that_lock_in_opposite_orders() {
    let (larder, one) = engine();
    let other = larder.namespace("other").unwrap();
    let (its_larder, from, to) = (larder.clone(), other.clone(), one.clone());
    let opposite = thread::spawn(move || transfer(&its_larder, &from, &to));
    transfer(&larder, &one, &other);
    opposite.join().unwrap();
    let both = [&one, &other].map(|ns| ns.counters().value("k").unwrap());
    assert_eq!(both, [0, 0]);
}

#[test]
fn transactions_that_lock_in_opposite_orders_do_not_wait_for_one_another() {
    model(two_that_lock_in_opposite_orders);
}

#[test]
fn planted_transactions_that_wait_in_any_order_deadlock() {
    let test = "planted_transactions_that_wait_in_any_order_deadlock";
    fails(test, Some(Bug::AnyOrder), "deadlock", two_that_lock_in_opposite_orders);
}

/// One moves in the way that `transfer` says; another looks at both accounts in one transaction,
/// the later one first.
fn one_moves_and_one_looks(transfer: fn(&Larder, &Namespace, &Namespace)) {
    let (larder, one) = engine();
    let other = larder.namespace("other").unwrap();
    let (its_larder, from, to) = (larder.clone(), one.clone(), other.clone());
    let mover = thread::spawn(move || transfer(&its_larder, &from, &to));
    let sum = larder.transaction(|tx| {
        Ok::<_, Error>(tx.counters(&other).value("k")? + tx.counters(&one).value("k")?)
    });
    assert_eq!(sum, Ok(0), "seen half done");
    mover.join().unwrap();
}

#[test]
fn nobody_sees_a_transaction_half_done() {
    model(|| one_moves_and_one_looks(transfer));
}

#[test]
fn planted_two_steps_outside_a_transaction_are_seen_half_done() {
    let test = "planted_two_steps_outside_a_transaction_are_seen_half_done";
    fails(test, None, "seen half done", || {
        one_moves_and_one_looks(|_, from, to| {
            from.counters().add("k", -1).unwrap();
            to.counters().add("k", 1).unwrap();
        });
    });
}

const MINUTE: Duration = Duration::from_secs(60);

fn grant(app: &Namespace, owner: &str) -> u64 {
    match app.leases().grant("lease", owner, MINUTE).unwrap() {
        Grant::Granted { fence } => fence,
        other => panic!("{other:?}"),
    }
}

/// One writes under its grant, in the way that `write` says, while that ends and another begins.
fn a_holder_writes_while_it_loses_the_lease(write: fn(&Namespace, u64) -> Result<(), Error>) {
    let (_larder, app) = engine();
    let first = grant(&app, "ann");
    let late = app.clone();
    let writer = thread::spawn(move || write(&late, first));
    app.leases().release("lease", first).unwrap();
    let second = grant(&app, "bob");
    app.guarded("lease", second).strings().set("page", "bob's").unwrap();
    if let Err(error) = writer.join().unwrap() {
        assert!(matches!(error, Error::StaleFence { .. }));
    }
    let page = app.strings().get("page").unwrap();
    assert_eq!(page.as_deref(), Some(&b"bob's"[..]), "a stale holder has written");
}

#[test]
fn a_stale_holder_writes_nothing() {
    model(|| {
        a_holder_writes_while_it_loses_the_lease(|app, fence| {
            app.guarded("lease", fence).strings().set("page", "ann's")
        });
    });
}

#[test]
fn planted_a_holder_that_looks_at_its_lease_and_then_writes_is_stale() {
    let test = "planted_a_holder_that_looks_at_its_lease_and_then_writes_is_stale";
    fails(test, None, "a stale holder has written", || {
        a_holder_writes_while_it_loses_the_lease(|app, fence| {
            let holds = app.leases().holder("lease")?.is_some_and(|lease| lease.fence == fence);
            if holds { app.strings().set("page", "ann's") } else { Ok(()) }
        });
    });
}
