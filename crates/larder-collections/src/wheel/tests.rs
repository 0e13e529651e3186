//! The wheel against the simplest thing that could be right, and its promises one by one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a filed timer looks like to the model.
#[derive(Clone, Copy, Debug)]
struct Filed {
    due: u64,
    /// When it counts as due: a timer that was filed too late is due at once.
    rank: u64,
    /// Its turn among those of one rank; `None` once it was put off (then it has no fixed turn).
    turn: Option<u64>,
}

/// Timers by id, each with the number that is its payload too.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<TimerId, (u64, Filed)>,
    ranks: BTreeSet<(u64, TimerId)>,
    turns: BTreeSet<(u64, u64)>,
    count: u64,
}

impl Model {
    fn put(&mut self, id: TimerId, payload: u64, filed: Filed) {
        assert!(self.waiting.insert(id, (payload, filed)).is_none(), "an id names one timer");
        self.ranks.insert((filed.rank, id));
        self.turns.extend(filed.turn.map(|turn| (filed.rank, turn)));
    }

    fn take(&mut self, id: TimerId) -> (u64, Filed) {
        let (payload, filed) = self.waiting.remove(&id).unwrap();
        self.ranks.remove(&(filed.rank, id));
        filed.turn.inspect(|&turn| assert!(self.turns.remove(&(filed.rank, turn))));
        (payload, filed)
    }

    fn file(&mut self, id: TimerId, payload: u64, due: u64, now: u64) {
        self.count += 1;
        self.put(id, payload, Filed { due, rank: due.max(now), turn: Some(self.count) });
    }

    fn reschedule(&mut self, id: TimerId, due: u64, now: u64) {
        let (payload, was) = self.take(id);
        if due < was.due {
            self.file(id, payload, due, now);
        } else if due <= was.rank {
            self.put(id, payload, Filed { due, ..was });
        } else {
            self.put(id, payload, Filed { due, rank: due, turn: None });
        }
    }

    /// Checks that `id` is the one to fire.
    fn fire(&mut self, id: TimerId, due: u64, payload: u64, to: u64) {
        let (first, _) = *self.ranks.first().unwrap();
        let first_turn = self.turns.first().copied();
        let (number, filed) = self.take(id);
        assert_eq!((payload, due), (number, filed.due));
        assert!(due <= to, "due at {due}, fired by {to}");
        assert_eq!(filed.rank, first, "another timer was due before");
        if let Some(turn) = filed.turn {
            assert_eq!(first_turn, Some((filed.rank, turn)), "out of turn");
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert {
        by: i64,
    },
    Cancel {
        nth: usize,
    },
    Reschedule {
        nth: usize,
        by: i64,
    },
    Advance {
        by: i64,
        limit: usize,
    },
    /// To a tick beside the next bound.
    AdvanceToNext {
        by: i64,
        limit: usize,
    },
}

/// A distance from now: behind, near, at the edges of a level, anywhere.
fn distance() -> impl Strategy<Value = i64> {
    let edge = (0..11u32, -3..4i64).prop_map(|(level, by)| 64i64.saturating_pow(level) + by);
    prop_oneof![
        1 => -100..0i64,
        4 => 0..10i64,
        4 => 0..200i64,
        3 => 4000..4200i64,
        2 => 0..300_000i64,
        3 => edge,
        1 => 0..i64::MAX,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let nth = || 0..1000usize;
    let limit = || prop_oneof![0..8usize, Just(usize::MAX)];
    prop_oneof![
        6 => distance().prop_map(|by| Step::Insert { by }),
        1 => nth().prop_map(|nth| Step::Cancel { nth }),
        3 => (nth(), distance()).prop_map(|(nth, by)| Step::Reschedule { nth, by }),
        2 => (distance(), limit()).prop_map(|(by, limit)| Step::Advance { by, limit }),
        2 => (-1..3i64, limit()).prop_map(|(by, limit)| Step::AdvanceToNext { by, limit }),
    ]
}

/// Where a wheel begins: zero, today, level edges, the end of time.
fn start() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1_790_000_000_000),
        (1..11u32, 0..70u64).prop_map(|(level, before)| (1 << (BITS * level)) - before.min(63)),
        (0..5000u64).prop_map(|before| u64::MAX - before),
        any::<u64>(),
    ]
}

fn apply(wheel: &mut Wheel<u64>, model: &mut Model, step: Step) {
    let now = wheel.now();
    let picked = |nth: usize, model: &Model| {
        let nth = nth.checked_rem(model.waiting.len())?;
        model.waiting.keys().nth(nth).copied()
    };
    match step {
        Step::Insert { by } => {
            let (due, payload) = (now.saturating_add_signed(by), model.count);
            let id = wheel.insert(due, payload);
            model.file(id, payload, due, now);
            assert_eq!((wheel.due(id), *wheel.payload(id)), (due, payload));
        }
        Step::Cancel { nth } => {
            let Some(id) = picked(nth, model) else { return };
            assert_eq!(wheel.cancel(id), model.take(id).0);
            assert!(!wheel.contains(id));
        }
        Step::Reschedule { nth, by } => {
            let Some(id) = picked(nth, model) else { return };
            let due = now.saturating_add_signed(by);
            wheel.reschedule(id, due);
            model.reschedule(id, due, now);
            assert_eq!(wheel.due(id), due);
        }
        Step::Advance { by, limit } => {
            advance(wheel, model, now.saturating_add_signed(by), limit);
        }
        Step::AdvanceToNext { by, limit } => {
            let Some(next) = wheel.next() else { return };
            advance(wheel, model, next.saturating_add_signed(by), limit);
        }
    }
}

fn advance(wheel: &mut Wheel<u64>, model: &mut Model, to: u64, limit: usize) {
    let now = wheel.now();
    let mut fired = 0;
    let left = wheel.advance(to, limit, |id, due, payload| {
        fired += 1;
        model.fire(id, due, payload, to.max(now));
    });
    assert!(fired <= limit);
    match left {
        Advance::Done => {
            assert_eq!(wheel.now(), to.max(now));
            assert!(model.ranks.first().is_none_or(|&(rank, _)| rank > wheel.now()));
        }
        Advance::More => assert!((now..=to.max(now)).contains(&wheel.now())),
    }
}

fn check(wheel: &Wheel<u64>, model: &Model) {
    wheel.assert_valid();
    assert_eq!(wheel.len(), model.waiting.len());
    let least = model.waiting.values().map(|(_, filed)| filed.due).min();
    assert_eq!(wheel.next().is_none(), least.is_none());
    assert!(wheel.next() <= least, "a bound of {:?} for {least:?}", wheel.next());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_wheel_fires_what_a_sorted_map_fires(
        start in start(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (mut wheel, mut model) = (Wheel::new(start), Model::default());
        for step in steps {
            apply(&mut wheel, &mut model, step);
            check(&wheel, &model);
        }
        advance(&mut wheel, &mut model, u64::MAX, usize::MAX);
        check(&wheel, &model);
        prop_assert!(wheel.is_empty());
        prop_assert_eq!(wheel.heap_bytes(), 0);
    }
}

/// Files a timer for each number, which is its payload.
fn fill(wheel: &mut Wheel<u64>, numbers: std::ops::Range<u64>, due: impl Fn(u64) -> u64) {
    numbers.for_each(|n| {
        wheel.insert(due(n), n);
    });
}

/// Advances with `limit` until done; returns the payloads fired and the number of calls.
fn drain(wheel: &mut Wheel<u64>, to: u64, limit: usize) -> (Vec<u64>, usize) {
    let (mut fired, mut calls) = (Vec::new(), 1);
    while wheel.advance(to, limit, |_, _, payload| fired.push(payload)) == Advance::More {
        calls += 1;
    }
    (fired, calls)
}

#[test]
fn a_new_wheel_allocates_nothing() {
    let wheel = Wheel::<u64>::new(1_790_000_000_000);
    assert_eq!(wheel.heap_bytes(), 0);
    assert_eq!(wheel.next(), None);
}

#[test]
fn a_timer_fires_at_its_tick_and_not_before() {
    let day = 86_400_000;
    for due in [0, 1, 63, 64, 65, 4095, 4096, 4 * day, 400 * day, u64::MAX - 1] {
        let mut wheel = Wheel::new(0);
        wheel.insert(due, due);
        if due > 0 {
            assert_eq!(drain(&mut wheel, due - 1, 64), (vec![], 1), "early for {due}");
        }
        assert_eq!(drain(&mut wheel, due, 64).0, [due]);
    }
}

#[test]
fn an_overdue_timer_fires_in_an_advance_to_now() {
    let mut wheel = Wheel::new(1000);
    wheel.insert(1000, 0);
    wheel.insert(7, 1);
    assert_eq!(wheel.next(), Some(7));
    assert_eq!(drain(&mut wheel, 1000, 10).0, [0, 1], "both became due when they were filed");
    wheel.insert(3, 2);
    assert_eq!(drain(&mut wheel, 0, 10).0, [2], "a clock that stepped back stops nothing");
    assert_eq!(wheel.now(), 1000);
    wheel.insert(1000, 3);
    assert_eq!(wheel.next(), Some(1000), "the bound is not that of timers that fired");
}

#[test]
fn the_end_of_time_is_one_call_away() {
    let mut wheel = Wheel::new(0);
    for digit in 0..64 {
        wheel.insert(1 << digit, digit);
    }
    wheel.insert(u64::MAX, 64);
    // Every timer fires once, and moves down at most once a level.
    let mut fired = Vec::new();
    assert_eq!(wheel.advance(u64::MAX, 65 * 11, |_, _, n| fired.push(n)), Advance::Done);
    assert!(fired.into_iter().eq(0..=64));
    assert_eq!((wheel.now(), wheel.heap_bytes()), (u64::MAX, 0));
    wheel.insert(u64::MAX, 65);
    assert_eq!(drain(&mut wheel, u64::MAX, 1), (vec![65], 1));
}

#[test]
fn four_empty_days_cost_nothing() {
    let mut wheel = Wheel::new(0);
    wheel.insert(4 * 86_400_000 + 1, 0);
    // The timer is moved down a few times; that is all that happens in four days.
    let mut slots = 0;
    while let Some(next) = wheel.next().filter(|&next| next <= 4 * 86_400_000) {
        slots += 1;
        assert_eq!(wheel.advance(next, 1, |_, _, _| panic!("early")), Advance::Done);
    }
    assert!(slots <= 11, "{slots} slots were opened");
}

#[test]
fn timers_of_one_tick_fire_in_the_order_filed_however_far_they_were() {
    let due = (3 << 12) + (2 << 6);
    let mut wheel = Wheel::new(0);
    fill(&mut wheel, 0..10, |_| due);
    // Half of the slot was moved down when more are filed for the same tick.
    assert_eq!(wheel.advance(3 << 12, 5, |_, _, _| panic!("early")), Advance::More);
    fill(&mut wheel, 10..20, |_| due);
    wheel.assert_valid();
    assert_eq!(drain(&mut wheel, due - 1, 3).0, []);
    fill(&mut wheel, 20..30, |_| due);
    assert!(drain(&mut wheel, due, 7).0.into_iter().eq(0..30));
}

#[test]
fn a_half_fired_tick_survives_changes_between_calls() {
    let mut wheel = Wheel::new(0);
    let ids: Vec<TimerId> = (0..10).map(|n| wheel.insert(50, n)).collect();
    let mut fired = Vec::new();
    assert_eq!(wheel.advance(60, 3, |_, _, n| fired.push(n)), Advance::More);
    assert_eq!(wheel.now(), 50, "the wheel waits where it was stopped");
    assert_eq!(wheel.cancel(ids[3]), 3);
    assert_eq!(wheel.cancel(ids[9]), 9);
    wheel.reschedule(ids[4], 55);
    wheel.reschedule(ids[5], 1000);
    wheel.insert(52, 10);
    wheel.insert(49, 11);
    wheel.assert_valid();
    fired.extend(drain(&mut wheel, 60, 2).0);
    assert_eq!(fired, [0, 1, 2, 6, 7, 8, 11, 10, 4]);
    assert_eq!(drain(&mut wheel, 1000, 2).0, [5]);
}

#[test]
fn one_call_does_no_more_than_its_limit() {
    let mut wheel = Wheel::new(0);
    // All due in one tick, two levels up: each is moved once, then fired.
    fill(&mut wheel, 0..1000, |_| 5000);
    let (fired, calls) = drain(&mut wheel, 5000, 100);
    assert!(fired.into_iter().eq(0..1000));
    assert!((20..=31).contains(&calls), "{calls} calls");
}

#[test]
fn a_deadline_that_is_put_off_is_only_noted() {
    let mut wheel = Wheel::new(0);
    let id = wheel.insert(100, 0);
    for now in 0..50 {
        wheel.reschedule(id, 100 + now);
        assert_eq!(wheel.next(), Some(64), "still filed where it was");
    }
    assert_eq!(drain(&mut wheel, 148, 10).0, []);
    wheel.reschedule(id, 120);
    assert_eq!(drain(&mut wheel, 148, 10).0, [0], "an earlier one is filed anew");
}

#[test]
fn cancelled_timers_leave_no_memory_behind() {
    let mut wheel = Wheel::new(0);
    let mut most = 0;
    for n in 0..100_000u64 {
        let id = wheel.insert(n * 7919 % 1_000_000, n);
        most = most.max(wheel.heap_bytes());
        assert_eq!(wheel.cancel(id), n);
        assert_eq!(wheel.heap_bytes(), 0);
    }
    assert!(most < 1500, "one timer took {most} bytes");
}

#[test]
fn ids_that_are_dead_are_refused() {
    let mut wheel = Wheel::new(0);
    let (dead, _alive) = (wheel.insert(1, 0), wheel.insert(2, 1));
    wheel.cancel(dead);
    assert!(!wheel.contains(dead));
    for call in [
        |wheel: &mut Wheel<u64>, id| wheel.cancel(id),
        |wheel: &mut Wheel<u64>, id| wheel.due(id),
        |wheel: &mut Wheel<u64>, id| *wheel.payload(id),
        |wheel: &mut Wheel<u64>, id| {
            wheel.reschedule(id, 0);
            0
        },
    ] {
        let call = std::panic::AssertUnwindSafe(|| call(&mut wheel, dead));
        assert!(std::panic::catch_unwind(call).is_err());
        wheel.assert_valid();
    }
}

#[test]
fn a_panic_in_fire_loses_only_its_timer() {
    let mut wheel = Wheel::new(0);
    fill(&mut wheel, 0..10, |n| 50 + n);
    let mut fired = Vec::new();
    let call = std::panic::AssertUnwindSafe(|| {
        wheel.advance(100, 100, |_, _, n| {
            assert_ne!(n, 4, "planted");
            fired.push(n);
        })
    });
    assert!(std::panic::catch_unwind(call).is_err());
    wheel.assert_valid();
    fired.extend(drain(&mut wheel, 100, 100).0);
    assert_eq!(fired, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
}

#[test]
fn a_random_timer_is_one_that_waits() {
    let (mut wheel, mut rng) = (Wheel::new(0), fastrand::Rng::with_seed(1));
    assert_eq!(wheel.random(&mut rng), None);
    let ids: BTreeSet<TimerId> = (0..10).map(|n| wheel.insert(n * n * n, n)).collect();
    let drawn: BTreeSet<TimerId> = (0..1000).filter_map(|_| wheel.random(&mut rng)).collect();
    assert_eq!(drawn, ids);
    wheel.clear();
    assert_eq!((wheel.len(), wheel.heap_bytes()), (0, 0));
}
