//! Models of the handoff. Run with
//! `RUSTFLAGS="--cfg larder_loom" LOOM_MAX_PREEMPTIONS=3 CARGO_TARGET_DIR=target/loom \
//! cargo test -p larder-base --release --test 'loom_*'`.
#![cfg(larder_loom)]

mod planted;

use larder_base::sync::Mutex;
use larder_base::sync::atomic::{AtomicBool, Ordering};
use larder_base::wake::{Cancelled, EventCount, Handoff, Wake};
use loom::thread;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A task's executor, of which only the waking is modelled.
#[derive(Default)]
struct Task {
    woken: EventCount,
}

impl std::task::Wake for Task {
    fn wake(self: Arc<Self>) {
        self.woken.notify();
    }
}

/// Polls with `task`'s waker, sleeping between polls until that is woken.
fn run_task<T>(task: &Arc<Task>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::clone(task));
    loop {
        let ticket = task.woken.ticket();
        match poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => task.woken.wait(ticket),
        }
    }
}

/// What a waiter that gives up came away with.
fn given_back<T>(cancelled: Cancelled<T>) -> Option<T> {
    match cancelled {
        Cancelled::Served(value) => Some(value),
        Cancelled::Unserved => None,
    }
}

#[test]
fn a_value_put_while_the_waiter_falls_asleep_wakes_it() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::new());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || filled.claim().unwrap().put(5).run());
        assert_eq!(handoff.wait(), 5);
        giver.join().unwrap();
    });
}

#[test]
fn planted_a_wake_that_is_never_run_leaves_the_waiter_asleep() {
    planted::fails("planted_a_wake_that_is_never_run_leaves_the_waiter_asleep", "deadlock", || {
        let handoff = Arc::new(Handoff::new());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || mem::forget(filled.offer(5).unwrap()));
        assert_eq!(handoff.wait(), 5);
        giver.join().unwrap();
    });
}

#[test]
fn a_value_is_either_put_and_given_back_or_never_put() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::new());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || filled.offer(5).map(Wake::run));
        let back = given_back(handoff.cancel());
        match giver.join().unwrap() {
            Ok(()) => assert_eq!(back, Some(5), "the value was lost"),
            Err(kept) => assert_eq!((kept, back), (5, None), "the value was doubled"),
        }
    });
}

#[test]
fn a_waiter_that_polls_once_and_leaves_loses_nothing() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::new());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || filled.offer(5).map(Wake::run).is_ok());
        let polled = handoff.poll_take(&mut Context::from_waker(Waker::noop()));
        let got = match polled {
            Poll::Ready(value) => Some(value),
            Poll::Pending => given_back(handoff.cancel()),
        };
        assert_eq!(giver.join().unwrap(), got.is_some());
    });
}

/// A handoff whose waiter does not wait for a claim to end before it leaves.
#[derive(Default)]
struct Hasty {
    is_gone: AtomicBool,
    value: Mutex<Option<u32>>,
}

impl Hasty {
    fn offer(&self, value: u32) -> Result<(), u32> {
        if self.is_gone.load(Ordering::Acquire) {
            return Err(value);
        }
        *self.value.lock() = Some(value);
        Ok(())
    }

    fn cancel(&self) -> Option<u32> {
        self.is_gone.store(true, Ordering::Release);
        self.value.lock().take()
    }
}

#[test]
fn planted_a_waiter_that_leaves_during_a_claim_loses_the_value() {
    planted::fails(
        "planted_a_waiter_that_leaves_during_a_claim_loses_the_value",
        "the value was lost",
        || {
            let handoff = Arc::new(Hasty::default());
            let filled = Arc::clone(&handoff);
            let giver = thread::spawn(move || filled.offer(5));
            let back = handoff.cancel();
            if giver.join().unwrap().is_ok() {
                assert_eq!(back, Some(5), "the value was lost");
            }
        },
    );
}

#[test]
fn of_two_givers_one_wins_and_the_other_keeps_its_value() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::new());
        let givers = [1, 2].map(|value| {
            let handoff = Arc::clone(&handoff);
            thread::spawn(move || handoff.offer(value).map(Wake::run))
        });
        let got = handoff.wait();
        for (value, giver) in [1, 2].into_iter().zip(givers) {
            let kept = giver.join().unwrap().err();
            assert_eq!(kept, (value != got).then_some(value));
        }
    });
}

#[test]
fn planted_two_givers_that_look_before_they_put_both_win() {
    planted::fails(
        "planted_two_givers_that_look_before_they_put_both_win",
        "both have won",
        || {
            let handoff = Arc::new(Handoff::new());
            let givers = [1, 2].map(|value| {
                let handoff = Arc::clone(&handoff);
                thread::spawn(move || {
                    let wins = handoff.is_waiting();
                    drop(handoff.offer(value));
                    wins
                })
            });
            let wins = givers.map(|giver| giver.join().unwrap());
            assert_ne!(wins, [true, true], "both have won");
        },
    );
}

#[test]
fn a_waker_replaced_during_the_put_is_the_one_that_is_woken() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::new());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || filled.claim().unwrap().put(5).run());
        // The task is polled once by one executor, and then moves to another.
        let old = Waker::from(Arc::new(Task::default()));
        let got = match handoff.poll_take(&mut Context::from_waker(&old)) {
            Poll::Ready(value) => value,
            Poll::Pending => run_task(&Arc::default(), |cx| handoff.poll_take(cx)),
        };
        assert_eq!(got, 5);
        giver.join().unwrap();
    });
}

/// A handoff that looks for the value first and only then leaves its waker.
#[derive(Default)]
struct Forgetful {
    value: Mutex<Option<u32>>,
    waker: Mutex<Option<Waker>>,
}

impl Forgetful {
    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<u32> {
        if let Some(value) = self.value.lock().take() {
            return Poll::Ready(value);
        }
        *self.waker.lock() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn put(&self, value: u32) {
        *self.value.lock() = Some(value);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[test]
fn planted_a_waker_left_after_the_look_is_not_woken() {
    planted::fails("planted_a_waker_left_after_the_look_is_not_woken", "deadlock", || {
        let handoff = Arc::new(Forgetful::default());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || filled.put(5));
        assert_eq!(run_task(&Arc::default(), |cx| handoff.poll_take(cx)), 5);
        giver.join().unwrap();
    });
}

#[test]
fn a_claim_that_is_dropped_holds_nobody_up() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::<u32>::new());
        let claimed = Arc::clone(&handoff);
        let giver = thread::spawn(move || drop(claimed.claim()));
        assert_eq!(handoff.cancel(), Cancelled::Unserved);
        giver.join().unwrap();
    });
}

#[test]
fn planted_a_claim_that_is_forgotten_holds_up_who_leaves() {
    planted::fails("planted_a_claim_that_is_forgotten_holds_up_who_leaves", "deadlock", || {
        let handoff = Arc::new(Handoff::<u32>::new());
        let claimed = Arc::clone(&handoff);
        let giver = thread::spawn(move || mem::forget(claimed.claim()));
        assert_eq!(handoff.cancel(), Cancelled::Unserved);
        giver.join().unwrap();
    });
}

#[test]
fn a_claim_dropped_before_another_puts_does_not_lose_the_wake_up() {
    loom::model(|| {
        let handoff = Arc::new(Handoff::new());
        let filled = Arc::clone(&handoff);
        let giver = thread::spawn(move || {
            drop(filled.claim());
            filled.offer(5).unwrap().run();
        });
        assert_eq!(handoff.wait(), 5);
        giver.join().unwrap();
    });
}
