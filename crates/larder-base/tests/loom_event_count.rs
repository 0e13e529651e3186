//! Models of the event count. Run with
//! `RUSTFLAGS="--cfg larder_loom" LOOM_MAX_PREEMPTIONS=3 CARGO_TARGET_DIR=target/loom \
//! cargo test -p larder-base --release --test 'loom_*'`.
#![cfg(larder_loom)]

mod planted;

use larder_base::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use larder_base::sync::{Condvar, Mutex};
use larder_base::wake::EventCount;
use loom::thread;
use std::cell::Cell;
use std::sync::Arc;

/// Data, and the count that tells of it.
#[derive(Default)]
struct Shelf {
    full: AtomicBool,
    ready: EventCount,
}

impl Shelf {
    fn push(&self) {
        self.full.store(true, Ordering::Release);
        self.ready.notify();
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    fn pop_or_sleep(&self) {
        loop {
            let ticket = self.ready.ticket();
            if self.is_full() {
                return;
            }
            self.ready.wait(ticket);
        }
    }
}

#[test]
fn a_push_between_look_and_sleep_is_not_lost() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::default());
        let pushed = Arc::clone(&shelf);
        let pusher = thread::spawn(move || pushed.push());
        shelf.pop_or_sleep();
        pusher.join().unwrap();
    });
}

#[test]
fn planted_a_ticket_taken_after_the_look_loses_a_push() {
    planted::fails("planted_a_ticket_taken_after_the_look_loses_a_push", "deadlock", || {
        let shelf = Arc::new(Shelf::default());
        let pushed = Arc::clone(&shelf);
        let pusher = thread::spawn(move || pushed.push());
        while !shelf.is_full() {
            let ticket = shelf.ready.ticket();
            shelf.ready.wait(ticket);
        }
        pusher.join().unwrap();
    });
}

#[test]
fn two_sleepers_are_both_woken() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::default());
        let (one, other) = (Arc::clone(&shelf), Arc::clone(&shelf));
        let sleepers = [
            thread::spawn(move || one.pop_or_sleep()),
            thread::spawn(move || other.pop_or_sleep()),
        ];
        shelf.push();
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
    });
}

#[test]
fn a_sleeper_hears_the_second_notification_too() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::default());
        let pushed = Arc::clone(&shelf);
        let pusher = thread::spawn(move || {
            // Wakes the sleeper for nothing; it has to be asleep again in time.
            pushed.ready.notify();
            pushed.push();
        });
        shelf.pop_or_sleep();
        pusher.join().unwrap();
    });
}

/// An event count with its epoch and its sleepers in two words, so that each side may
/// miss what the other has just changed.
#[derive(Default)]
struct Torn {
    epoch: AtomicU64,
    asleep: AtomicBool,
    gate: Mutex<()>,
    grew: Condvar,
}

impl Torn {
    fn wait(&self, ticket: u64) {
        let mut gate = self.gate.lock();
        self.asleep.store(true, Ordering::Release);
        while self.epoch.load(Ordering::Acquire) == ticket {
            gate = self.grew.wait(gate);
        }
    }

    fn notify(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        if self.asleep.load(Ordering::Acquire) {
            drop(self.gate.lock());
            self.grew.notify_all();
        }
    }
}

#[test]
fn planted_a_count_in_two_words_loses_a_push() {
    planted::fails("planted_a_count_in_two_words_loses_a_push", "deadlock", || {
        let torn = Arc::new(Torn::default());
        let pushed = Arc::clone(&torn);
        let pusher = thread::spawn(move || pushed.notify());
        torn.wait(0);
        pusher.join().unwrap();
    });
}

larder_base::thread_local! {
    static MINE: Cell<u32> = const { Cell::new(0) };
    static LAZY: Cell<u32> = Cell::new(7);
}

#[test]
fn a_thread_local_belongs_to_one_simulated_thread() {
    loom::model(|| {
        let add = || {
            LAZY.with(|lazy| assert_eq!(lazy.get(), 7));
            MINE.with(|mine| {
                mine.set(mine.get() + 1);
                thread::yield_now();
                assert_eq!(mine.get(), 1);
            });
        };
        let other = thread::spawn(add);
        add();
        other.join().unwrap();
    });
}

thread_local! {
    static SHARED: Cell<u32> = const { Cell::new(0) };
}

#[test]
fn planted_a_thread_local_of_std_is_shared() {
    planted::fails("planted_a_thread_local_of_std_is_shared", "left: 2", || {
        let add = || {
            SHARED.with(|shared| {
                shared.set(shared.get() + 1);
                assert_eq!(shared.get(), 1);
            });
        };
        let other = thread::spawn(add);
        add();
        other.join().unwrap();
    });
}
