//! A manual clock with engines that do nothing but take notes.

use super::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const ZERO: Time = Time::from_millis(5_000);

fn at(ns: u64) -> Time {
    ZERO.saturating_add(Duration::from_nanos(ns))
}

/// What a piece of work does, told the engine that it belongs to.
type Work = Box<dyn FnOnce(&Fake) + Send>;

/// An engine whose work is closures, with a log that several may share.
struct Fake {
    name: &'static str,
    clock: Clock,
    due: Mutex<BTreeMap<Time, Vec<Work>>>,
    log: Arc<Mutex<Vec<(&'static str, Time)>>>,
    refuses: Mutex<Option<&'static str>>,
}

impl Fake {
    fn schedule(&self, time: Time, work: impl FnOnce(&Fake) + Send + 'static) {
        self.due.lock().entry(time).or_default().push(Box::new(work));
    }

    fn note_at(&self, time: Time) {
        self.schedule(time, |_| ());
    }
}

impl Turn for Fake {
    fn next_due(&self) -> Option<Time> {
        self.due.lock().keys().next().copied()
    }

    fn run_due(&self) {
        loop {
            let due = {
                let mut due = self.due.lock();
                match due.first_entry() {
                    Some(first) if *first.key() <= self.clock.now() => first.remove(),
                    _ => return,
                }
            };
            for work in due {
                self.log.lock().push((self.name, self.clock.now()));
                work(self);
            }
        }
    }

    fn refusal(&self) -> Option<&'static str> {
        *self.refuses.lock()
    }
}

/// A clock at `ZERO` with engines "a" and "b" on it, and their common log.
struct Bench {
    hand: ManualClock,
    a: Arc<Fake>,
    b: Arc<Fake>,
}

impl Bench {
    fn new() -> Self {
        let hand = ManualClock::starting_at(ZERO);
        let log = Arc::default();
        let fake = |name| {
            let engine = Arc::new(Fake {
                name,
                clock: hand.clock(),
                due: Mutex::default(),
                log: Arc::clone(&log),
                refuses: Mutex::default(),
            });
            let weak = Arc::downgrade(&engine);
            hand.attach(weak);
            engine
        };
        Self { a: fake("a"), b: fake("b"), hand: hand.clone() }
    }

    /// Advances, and returns what was done on the way.
    fn advance(&self, ns: u64) -> Vec<(&'static str, Time)> {
        self.hand.advance(Duration::from_nanos(ns)).expect("nothing refuses the turn");
        std::mem::take(&mut self.a.log.lock())
    }
}

#[test]
fn a_clock_starts_at_a_real_date_and_stands_still() {
    let hand = ManualClock::default();
    assert_eq!(hand.now().as_millis(), 1_735_689_600_000);
    assert_eq!(hand.now(), hand.clock().now());
}

#[test]
fn work_is_done_in_the_order_of_time_across_engines() {
    let bench = Bench::new();
    bench.a.note_at(at(30));
    bench.b.note_at(at(20));
    bench.a.note_at(at(10));
    bench.b.note_at(at(30));
    bench.b.note_at(at(101));
    let done = bench.advance(100);
    assert_eq!(done, [("a", at(10)), ("b", at(20)), ("a", at(30)), ("b", at(30))]);
    assert_eq!(bench.hand.now(), at(100));
    assert_eq!(bench.advance(1), [("b", at(101))]);
}

#[test]
fn work_that_schedules_work_is_followed_within_one_turn() {
    let bench = Bench::new();
    let b = Arc::downgrade(&bench.b);
    bench.a.schedule(at(10), move |a| {
        a.note_at(at(40));
        // For an engine that has already had its go at this instant's work, or has yet to.
        b.upgrade().unwrap().schedule(at(15), |b| b.note_at(at(15)));
    });
    let done = bench.advance(40);
    assert_eq!(done, [("a", at(10)), ("b", at(15)), ("b", at(15)), ("a", at(40))]);
}

#[test]
fn engines_may_feed_each_other_at_one_instant() {
    let bench = Bench::new();
    let (a, b) = (Arc::downgrade(&bench.a), Arc::downgrade(&bench.b));
    bench.b.schedule(at(10), move |_| {
        a.upgrade().unwrap().schedule(at(10), move |_| b.upgrade().unwrap().note_at(at(10)));
    });
    assert_eq!(bench.advance(10), [("b", at(10)), ("a", at(10)), ("b", at(10))]);
}

#[test]
fn overdue_work_is_done_now_and_not_in_the_past() {
    let bench = Bench::new();
    bench.advance(50);
    bench.a.note_at(at(10));
    assert_eq!(bench.advance(0), [("a", at(50))]);
    assert_eq!(bench.hand.now(), at(50));
}

#[test]
fn time_never_goes_back() {
    let bench = Bench::new();
    bench.advance(50);
    let refused = bench.hand.advance_to(at(49));
    assert_eq!(refused, Err(TurnError::Backwards { now: at(50), asked: at(49) }));
    assert_eq!(bench.hand.advance_to(at(50)), Ok(()));
    assert_eq!(bench.hand.advance_to(at(60)), Ok(()));
    assert_eq!(bench.hand.now(), at(60));
}

#[test]
fn time_has_an_end() {
    let bench = Bench::new();
    bench.a.note_at(at(1));
    let by = Duration::from_nanos(u64::MAX);
    assert_eq!(bench.hand.advance(by), Err(TurnError::Overflow { now: ZERO, by }));
    assert_eq!(bench.hand.now(), ZERO, "a turn that fails does nothing");
    bench.a.note_at(Time::MAX);
    assert_eq!(bench.hand.advance_to(Time::MAX), Ok(()));
    assert_eq!(*bench.a.log.lock(), [("a", at(1)), ("a", Time::MAX)]);
}

#[test]
fn an_engine_may_refuse_and_then_nothing_happens() {
    let bench = Bench::new();
    bench.a.note_at(at(5));
    *bench.b.refuses.lock() = Some("inside a transaction");
    let refused = bench.hand.advance(Duration::from_nanos(10));
    assert_eq!(refused, Err(TurnError::Refused { why: "inside a transaction" }));
    assert_eq!(bench.hand.now(), ZERO);
    *bench.b.refuses.lock() = None;
    assert_eq!(bench.advance(10), [("a", at(5))]);
}

#[test]
fn a_turn_inside_a_turn_is_refused_and_not_a_deadlock() {
    let bench = Bench::new();
    let hand = bench.hand.clone();
    bench.a.schedule(at(5), move |_| {
        let inner = hand.advance(Duration::from_nanos(1));
        assert!(matches!(inner, Err(TurnError::Refused { .. })), "{inner:?}");
        let other = ManualClock::new().advance(Duration::from_nanos(1));
        assert!(matches!(other, Err(TurnError::Refused { .. })), "{other:?}");
    });
    assert_eq!(bench.advance(10), [("a", at(5))]);
}

#[test]
fn work_without_end_is_an_error_and_not_a_hang() {
    /// Due for ever, whatever it does.
    struct Stuck;
    impl Turn for Stuck {
        fn next_due(&self) -> Option<Time> {
            Some(at(7))
        }
        fn run_due(&self) {}
        fn refusal(&self) -> Option<&'static str> {
            None
        }
    }
    let bench = Bench::new();
    let stuck: Arc<dyn Turn> = Arc::new(Stuck);
    bench.hand.attach(Arc::downgrade(&stuck));
    bench.a.note_at(at(3));
    bench.a.note_at(at(7));
    let stalled = bench.hand.advance(Duration::from_nanos(10));
    assert_eq!(stalled, Err(TurnError::Stalled { at: at(7) }));
    assert_eq!(*bench.a.log.lock(), [("a", at(3)), ("a", at(7))]);
    drop(stuck);
    assert_eq!(bench.hand.advance_to(at(10)), Ok(()));
}

#[test]
fn a_panic_in_an_engine_leaves_the_clock_usable() {
    let bench = Bench::new();
    bench.a.schedule(at(10), |_| panic!("a listener"));
    bench.b.note_at(at(10));
    let panicked = catch_unwind(AssertUnwindSafe(|| bench.advance(20)));
    assert!(panicked.is_err());
    assert_eq!(bench.hand.now(), at(10));
    bench.a.log.lock().clear();
    assert_eq!(bench.advance(10), [("b", at(10))], "what the panic cut short is made up for");
    assert_eq!(bench.hand.now(), at(20));
}

#[test]
fn an_engine_that_is_gone_is_forgotten() {
    let bench = Bench::new();
    let gone = Arc::clone(&bench.b);
    let Bench { hand, a, b } = bench;
    gone.note_at(at(5));
    drop((gone, b));
    a.note_at(at(6));
    hand.advance(Duration::from_nanos(10)).unwrap();
    assert_eq!(*a.log.lock(), [("a", at(6))]);
    assert_eq!(hand.0.engines.lock().len(), 1);
}

#[test]
fn an_engine_attached_during_a_turn_takes_part_in_it() {
    let bench = Bench::new();
    let (hand, late) = (bench.hand.clone(), Arc::clone(&bench.b));
    // A second clock's engine, moved over: it is not on `hand` until the work attaches it.
    bench.hand.0.engines.lock().pop();
    late.note_at(at(20));
    let weak = Arc::downgrade(&late);
    bench.a.schedule(at(10), move |_| hand.attach(weak));
    assert_eq!(bench.advance(100), [("a", at(10)), ("b", at(20))]);
}

#[test]
fn a_turn_holds_off_other_threads_until_it_ends() {
    let bench = Bench::new();
    let hand = bench.hand.clone();
    bench.a.schedule(at(10), move |_| {
        let other = std::thread::spawn(move || hand.0.turn.try_lock().is_none());
        assert!(other.join().unwrap());
    });
    assert_eq!(bench.advance(10), [("a", at(10))]);
    assert!(bench.hand.0.turn.try_lock().is_some());
}

#[test]
fn two_threads_that_advance_add_up() {
    let bench = Bench::new();
    for ns in 1..=200 {
        bench.a.note_at(at(ns));
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..100 {
                    bench.hand.advance(Duration::from_nanos(1)).unwrap();
                }
            });
        }
    });
    assert_eq!(bench.hand.now(), at(200));
    let expected: Vec<_> = (1..=200).map(|ns| ("a", at(ns))).collect();
    assert_eq!(*bench.a.log.lock(), expected);
}

#[test]
fn an_error_says_what_was_wrong() {
    let error = TurnError::Backwards { now: at(1), asked: ZERO };
    assert_eq!(
        error.to_string(),
        "the clock is at 5.000000001 and does not go back to 5.000000000"
    );
}
