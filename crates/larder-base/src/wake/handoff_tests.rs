//! Handoffs with real threads and with tasks polled by hand.

use super::*;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A waker that counts.
#[derive(Default)]
struct Counter(AtomicUsize);

impl std::task::Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counter {
    fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll<T>(handoff: &Handoff<T>, waker: &Waker) -> Poll<T> {
    handoff.poll_take(&mut Context::from_waker(waker))
}

#[test]
fn a_thread_gets_what_was_put_before_it_waits() {
    let handoff = Handoff::new();
    let wake = handoff.offer(5).unwrap();
    assert!(wake.is_empty(), "nobody is asleep yet");
    assert_eq!(handoff.wait(), 5);
}

#[test]
fn a_parked_thread_is_woken_with_the_value() {
    for round in 0..2_000 {
        let handoff = Handoff::new();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| handoff.wait());
            handoff.offer(round).unwrap().run();
            assert_eq!(waiter.join().unwrap(), round);
        });
    }
}

#[test]
fn a_wait_that_runs_out_of_time_still_waits() {
    let handoff = Handoff::new();
    assert_eq!(handoff.wait_until(Instant::now()), None);
    assert!(handoff.is_waiting());
    handoff.offer(1).unwrap().run();
    assert_eq!(handoff.wait_until(Instant::now()), Some(1));
    assert!(!handoff.is_waiting());
}

#[test]
fn time_that_runs_out_during_a_claim_loses_nothing() {
    let handoff = Handoff::new();
    let claim = handoff.claim().unwrap();
    assert_eq!(handoff.wait_until(Instant::now()), None);
    claim.put(1).run();
    assert_eq!(handoff.cancel(), Cancelled::Served(1));
}

#[test]
fn a_handoff_is_claimed_once() {
    let handoff = Handoff::new();
    let claim = handoff.claim().unwrap();
    assert!(!handoff.is_waiting());
    assert!(handoff.claim().is_none());
    assert_eq!(handoff.offer(2).unwrap_err(), 2);
    claim.put(1).run();
    assert_eq!(handoff.offer(2).unwrap_err(), 2);
    assert_eq!(handoff.wait(), 1);
    assert_eq!(handoff.offer(2).unwrap_err(), 2);
}

#[test]
fn a_cancelled_handoff_takes_nothing_and_hands_back_what_it_had() {
    let empty = Handoff::new();
    assert_eq!(empty.cancel(), Cancelled::Unserved);
    assert_eq!(empty.offer(1).unwrap_err(), 1);
    assert_eq!(empty.cancel(), Cancelled::Unserved);

    let full = Handoff::new();
    full.offer(1).unwrap().run();
    assert_eq!(full.cancel(), Cancelled::Served(1));
    assert_eq!(full.cancel(), Cancelled::Unserved);

    let taken = Handoff::new();
    taken.offer(1).unwrap().run();
    assert_eq!(taken.wait(), 1);
    assert_eq!(taken.cancel(), Cancelled::Unserved);
}

#[test]
fn a_value_is_taken_or_comes_back_however_the_threads_race() {
    for round in 0..2_000 {
        let handoff = Handoff::new();
        std::thread::scope(|scope| {
            let giver = scope.spawn(|| match handoff.claim() {
                Some(claim) => {
                    std::hint::spin_loop();
                    claim.put(round).run();
                    true
                }
                None => false,
            });
            let served = match handoff.cancel() {
                Cancelled::Served(value) => {
                    assert_eq!(value, round);
                    true
                }
                Cancelled::Unserved => false,
            };
            assert_eq!(giver.join().unwrap(), served);
        });
    }
}

#[test]
fn a_giver_that_panics_reopens_the_handoff() {
    let handoff = Handoff::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _claim = handoff.claim().unwrap();
        panic!("between claim and put");
    }));
    assert!(panicked.is_err());
    assert!(handoff.is_waiting());
    handoff.offer(3).unwrap().run();
    assert_eq!(handoff.wait(), 3);
}

#[test]
fn a_claim_that_is_dropped_keeps_the_waker() {
    let (handoff, task) = (Handoff::new(), Arc::new(Counter::default()));
    assert!(poll(&handoff, &task.waker()).is_pending());
    drop(handoff.claim());
    assert_eq!(task.count(), 0);
    handoff.offer(1).unwrap().run();
    assert_eq!(task.count(), 1);
}

#[test]
fn a_task_is_woken_when_the_wake_is_run_and_not_before() {
    let (handoff, task) = (Handoff::new(), Arc::new(Counter::default()));
    assert!(poll(&handoff, &task.waker()).is_pending());
    let wake = handoff.offer(1).unwrap();
    assert_eq!(task.count(), 0);
    assert!(!wake.is_empty());
    wake.run();
    assert_eq!(task.count(), 1);
    assert_eq!(poll(&handoff, &task.waker()), Poll::Ready(1));
}

#[test]
fn the_last_waker_is_the_one_that_counts() {
    let handoff = Handoff::new();
    let (old, new) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    assert!(poll(&handoff, &old.waker()).is_pending());
    assert!(poll(&handoff, &new.waker()).is_pending());
    let claim = handoff.claim().unwrap();
    assert!(poll(&handoff, &old.waker()).is_pending());
    assert!(poll(&handoff, &new.waker()).is_pending());
    claim.put(1).run();
    assert_eq!((old.count(), new.count()), (0, 1));
}

#[test]
fn a_wake_that_is_dropped_wakes_too() {
    let (handoff, task) = (Handoff::new(), Arc::new(Counter::default()));
    assert!(poll(&handoff, &task.waker()).is_pending());
    let wake = handoff.offer(1).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _wake = wake;
        panic!("before the wake was run");
    }));
    assert!(panicked.is_err());
    assert_eq!(task.count(), 1);
}

#[test]
fn a_waker_that_panics_during_a_panic_does_not_end_the_process() {
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    let handoff = Handoff::new();
    assert!(poll(&handoff, &Waker::from(Arc::new(Bomb))).is_pending());
    let wake = handoff.offer(1).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _wake = wake;
        panic!("the first");
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the first"));
}

/// A waker whose end looks at the handoff, as a task that owns its own waiting might.
struct Nosy(Weak<Handoff<u8>>, Arc<Counter>);

impl std::task::Wake for Nosy {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(handoff) = self.0.upgrade() {
            // Not `is_waiting`: a failed test should fail and not hang.
            assert!(handoff.state.try_lock().is_some(), "a waker was dropped under the lock");
        }
        self.1.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn no_waker_is_dropped_under_the_lock() {
    let dropped = Arc::new(Counter::default());
    let handoff = Arc::new(Handoff::new());
    let nosy = || Waker::from(Arc::new(Nosy(Arc::downgrade(&handoff), Arc::clone(&dropped))));
    assert!(poll(&handoff, &nosy()).is_pending());
    assert!(poll(&handoff, &nosy()).is_pending());
    assert_eq!(dropped.count(), 1, "replaced");
    assert_eq!(handoff.cancel(), Cancelled::Unserved);
    assert_eq!(dropped.count(), 2, "cancelled");
}

#[test]
#[should_panic(expected = "one waiter, which has left")]
fn a_second_waiter_is_told_that_it_has_no_business_there() {
    let handoff = Handoff::new();
    handoff.offer(1).unwrap().run();
    assert_eq!(handoff.wait(), 1);
    handoff.wait();
}

#[test]
fn everything_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Handoff<u8>>();
    crosses::<Claim<'_, u8>>();
    crosses::<Wake>();
    crosses::<EventCount>();
}

#[test]
fn a_handoff_prints_its_state_and_needs_no_lock_for_it() {
    let handoff = Handoff::<u8>::new();
    assert_eq!(format!("{handoff:?}"), r#"Handoff { state: "Waiting", .. }"#);
    let _held = handoff.state.lock();
    assert_eq!(format!("{handoff:?}"), r#"Handoff { state: "locked", .. }"#);
}
