//! The sorted set against a map that is sorted anew after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::packed::{MAX_LEN, MAX_MEMBER};
use super::*;

type Pairs = Vec<(Vec<u8>, f64)>;

/// The `n`-th member: most are short, some on the heap, one in 256 too long to be packed.
fn member(n: u16) -> Vec<u8> {
    let text = format!("{n:05}");
    match n % 256 {
        255 => text.repeat(14).into_bytes(),
        252..255 => text.repeat(5).into_bytes(),
        0 => text.into_bytes().repeat(usize::from(n > 0)),
        _ => text.into_bytes(),
    }
}

/// Scores that tie often, and the odd ones.
fn scores() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..4i8).prop_map(f64::from),
        2 => -1e9..1e9f64,
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 5e-324,
        ]),
    ]
}

fn bounds() -> impl Strategy<Value = Bound<f64>> {
    prop_oneof![
        scores().prop_map(Bound::Included),
        scores().prop_map(Bound::Excluded),
        Just(Bound::Unbounded)
    ]
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Up,
    Down,
    Mixed,
    Tied,
}

#[derive(Clone, Debug)]
enum Step {
    Insert {
        n: u16,
        score: f64,
    },
    /// Members from `from` on: many at once make tall lists.
    InsertMany {
        from: u16,
        count: u16,
        order: Order,
    },
    Remove {
        n: u16,
    },
    /// Every member whose number divides so.
    RemoveEvery {
        nth: u16,
        rest: u16,
    },
    RemoveRange {
        start: u16,
        count: u16,
    },
    PopFirst,
    PopLast,
    Clone,
    ScoreRange {
        min: Bound<f64>,
        max: Bound<f64>,
    },
    LexRange {
        min: u16,
        max: u16,
    },
    Range {
        start: u16,
        count: u16,
    },
}

impl Step {
    fn many(&self) -> Pairs {
        let Self::InsertMany { from, count, order } = *self else { return Vec::new() };
        let score = |n: u16| match order {
            Order::Up => f64::from(n),
            Order::Down => -f64::from(n),
            Order::Mixed => f64::from(n.wrapping_mul(40503)),
            Order::Tied => 1.0,
        };
        (from..from.saturating_add(count)).map(|n| (member(n), score(n))).collect()
    }
}

/// The model: members with scores, and what the last step returned.
#[derive(Clone, Debug, Default)]
struct Model {
    scores: BTreeMap<Vec<u8>, f64>,
    returned: Pairs,
}

impl Model {
    fn sorted(&self) -> Pairs {
        let mut pairs: Pairs = self.scores.clone().into_iter().collect();
        // Stable, so that members keep their order where scores tie.
        pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap());
        pairs
    }

    fn insert(&mut self, member: Vec<u8>, score: f64) {
        let old = self.scores.insert(member.clone(), score);
        if let Some(old) = old {
            self.returned.push((member.clone(), old));
            if old == score {
                self.scores.insert(member, old);
            }
        }
    }

    fn remove(&mut self, member: &[u8]) {
        if let Some(old) = self.scores.remove(member) {
            self.returned.push((member.to_vec(), old));
        }
    }

    fn remove_ranks(&mut self, start: usize, count: usize) {
        let gone = self.sorted().into_iter().skip(start).take(count);
        gone.for_each(|(member, _)| self.remove(&member));
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        let n = || prop_oneof![3 => 0..100u16, 1 => 0..6000u16];
        let count = || prop_oneof![3 => 0..80u16, 1 => 0..5000u16];
        let order = prop::sample::select(vec![Order::Up, Order::Down, Order::Mixed, Order::Tied]);
        prop_oneof![
            12 => (n(), scores()).prop_map(|(n, score)| Step::Insert { n, score }),
            3 => (n(), count(), order)
                .prop_map(|(from, count, order)| Step::InsertMany { from, count, order }),
            4 => n().prop_map(|n| Step::Remove { n }),
            1 => (2..9u16, 0..9u16).prop_map(|(nth, rest)| Step::RemoveEvery { nth, rest }),
            2 => (n(), count()).prop_map(|(start, count)| Step::RemoveRange { start, count }),
            1 => Just(Step::PopFirst),
            1 => Just(Step::PopLast),
            1 => Just(Step::Clone),
            2 => (bounds(), bounds()).prop_map(|(min, max)| Step::ScoreRange { min, max }),
            1 => (n(), n()).prop_map(|(min, max)| Step::LexRange { min, max }),
            2 => (n(), count()).prop_map(|(start, count)| Step::Range { start, count }),
        ]
        .boxed()
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.returned.clear();
        match *step {
            Step::Insert { n, score } => model.insert(member(n), score),
            Step::InsertMany { .. } => {
                step.many().into_iter().for_each(|(member, score)| model.insert(member, score));
            }
            Step::Remove { n } => model.remove(&member(n)),
            Step::RemoveEvery { nth, rest } => {
                (0..6000).filter(|n| n % nth != rest).for_each(|n| model.remove(&member(n)));
            }
            Step::RemoveRange { start, count } => model.remove_ranks(start.into(), count.into()),
            Step::PopFirst => model.remove_ranks(0, 1),
            Step::PopLast => model.remove_ranks(model.scores.len().saturating_sub(1), 1),
            Step::Clone | Step::ScoreRange { .. } | Step::LexRange { .. } | Step::Range { .. } => {}
        }
        model
    }
}

struct SetMatchesModel;

impl StateMachineTest for SetMatchesModel {
    type SystemUnderTest = SortedSet;
    type Reference = Model;

    fn init_test(_: &Model) -> SortedSet {
        SortedSet::new()
    }

    fn apply(mut set: SortedSet, model: &Model, step: Step) -> SortedSet {
        let mut returned = Pairs::new();
        let mut insert = |set: &mut SortedSet, member: Vec<u8>, score| {
            let old = set.insert(&member, score);
            returned.extend(old.map(|old| (member, old)));
        };
        match step {
            Step::Insert { n, score } => insert(&mut set, member(n), score),
            Step::InsertMany { .. } => {
                step.many().into_iter().for_each(|(member, score)| insert(&mut set, member, score));
            }
            Step::Remove { n } => {
                returned.extend(set.remove(&member(n)).map(|old| (member(n), old)));
            }
            Step::RemoveEvery { nth, rest } => {
                for n in (0..6000).filter(|n| n % nth != rest) {
                    returned.extend(set.remove(&member(n)).map(|old| (member(n), old)));
                }
            }
            Step::RemoveRange { start, count } => {
                let ranks = usize::from(start)..usize::from(start) + usize::from(count);
                let gone = set
                    .remove_range(ranks, |member, score| returned.push((member.to_vec(), score)));
                assert_eq!(gone, returned.len());
            }
            Step::PopFirst => returned.extend(set.pop_first().map(|(m, s)| (m.to_vec(), s))),
            Step::PopLast => returned.extend(set.pop_last().map(|(m, s)| (m.to_vec(), s))),
            Step::Clone => {
                let copy = set.clone();
                assert!(copy == set);
                set = copy;
            }
            Step::ScoreRange { min, max } => {
                let expected = model.sorted().into_iter().filter(|(_, score)| {
                    let above = match min {
                        Bound::Included(min) => *score >= min,
                        Bound::Excluded(min) => *score > min,
                        Bound::Unbounded => true,
                    };
                    let below = match max {
                        Bound::Included(max) => *score <= max,
                        Bound::Excluded(max) => *score < max,
                        Bound::Unbounded => true,
                    };
                    above && below
                });
                let found = set.range(set.score_range(min, max)).map(own);
                assert!(found.eq(expected), "{min:?} to {max:?}");
            }
            Step::LexRange { min, max } => {
                // Scores differ here: it may answer what it likes, within the set.
                let (min, max) = (member(min), member(max));
                let ranks = set.lex_range(Bound::Included(&min), Bound::Excluded(&max));
                assert!(ranks.start <= ranks.end && ranks.end <= set.len());
            }
            Step::Range { start, count } => assert_range(&set, model, start.into(), count.into()),
        }
        assert_eq!(returned, model.returned);
        set
    }

    fn check_invariants(set: &SortedSet, model: &Model) {
        set.assert_valid();
        let sorted = model.sorted();
        assert_eq!(set.len(), sorted.len());
        assert_eq!(set.is_empty(), sorted.is_empty());
        assert_eq!(set.is_empty(), set.heap_bytes() == 0);
        for (rank, (found, expected)) in set.iter().zip(&sorted).enumerate() {
            assert_eq!(found.0, expected.0);
            assert_eq!(found.1.to_bits(), expected.1.to_bits(), "the sign of a zero is kept");
            if rank % 37 == sorted.len() % 37 {
                assert_eq!(set.nth(rank), Some(found));
                assert_eq!(set.rank(found.0), Some(rank));
                assert_eq!(set.score(found.0), Some(found.1));
            }
        }
        assert_eq!(set.nth(sorted.len()), None);
        assert_eq!(set.rank(b"nobody"), None);
        assert_eq!(set.score(b"nobody"), None);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_sorted_set_does_what_a_sorted_map_does(sequential 1..40 => SetMatchesModel);
}

fn own((member, score): (&[u8], f64)) -> (Vec<u8>, f64) {
    (member.to_vec(), score)
}

fn assert_range(set: &SortedSet, model: &Model, start: usize, count: usize) {
    let expected: Pairs = model.sorted().into_iter().skip(start).take(count).collect();
    let range = set.range(start..start + count);
    assert_eq!(range.len(), expected.len());
    assert!(range.clone().rev().map(own).eq(expected.iter().cloned().rev()));
    assert!(range.clone().map(own).eq(expected.iter().cloned()));
    // From both ends, and over some.
    let (mut range, mut expected) = (range, expected.into_iter());
    while let Some(first) = range.next() {
        assert_eq!(Some(own(first)), expected.next());
        assert_eq!(range.next_back().map(own), expected.next_back());
        assert_eq!(range.nth(2).map(own), expected.nth(2));
        assert_eq!(range.len(), expected.len());
    }
    assert_eq!(expected.next(), None);
}

/// The members 0 to `count` with their numbers as scores, in mixed order.
fn numbers(count: u32) -> SortedSet {
    let mut set = SortedSet::new();
    let mut numbers: Vec<u32> = (0..count).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut numbers);
    for n in numbers {
        set.insert(format!("member-{n:06}").as_bytes(), f64::from(n));
    }
    set
}

#[test]
fn a_set_is_packed_to_the_thresholds_and_not_beyond() {
    let mut set = numbers(MAX_LEN as u32);
    assert!(set.is_packed());
    let same = set.clone();
    set.insert(b"one more", 0.0);
    assert!(!set.is_packed());
    set.remove(b"one more");
    assert!(!set.is_packed(), "it stays large while it has members");
    assert!(set == same, "the form does not count");
    set.remove_range(0..MAX_LEN, |_, _| ());
    assert!(set.is_packed(), "emptied, it begins anew");
    assert_eq!(set.heap_bytes(), 0);

    let mut set = numbers(3);
    set.insert(&[b'x'; MAX_MEMBER], 1.0);
    assert!(set.is_packed());
    set.insert(&[b'x'; MAX_MEMBER + 1], 1.0);
    assert!(!set.is_packed());
    set.assert_valid();
}

#[test]
fn a_packed_set_costs_nine_bytes_a_member_and_one() {
    let set = numbers(100);
    assert_eq!(set.heap_bytes(), 1 + 100 * (9 + "member-000000".len()));
}

#[test]
fn a_lex_range_is_by_bytes_where_scores_tie() {
    for count in [100, 5000] {
        let mut set = SortedSet::new();
        for n in 0..count {
            set.insert(format!("{n:06}").as_bytes(), -0.0);
        }
        let at = |n: usize| format!("{n:06}").into_bytes();
        let (low, high) = (at(20), at(60));
        let range = |min, max| set.lex_range(min, max);
        use Bound::{Excluded, Included, Unbounded};
        assert_eq!(range(Included(&low), Included(&high)), 20..61);
        assert_eq!(range(Excluded(&low), Excluded(&high)), 21..60);
        assert_eq!(range(Unbounded, Excluded(&low)), 0..20);
        assert_eq!(range(Included(&high), Unbounded), 60..count);
        assert_eq!(range(Included(b"00002"), Included(b"00003")), 20..30, "between members");
        assert!(range(Included(&high), Included(&low)).is_empty());
        assert!(range(Excluded(&low), Excluded(&low)).is_empty());
    }
}

#[test]
fn a_zero_keeps_its_sign_and_equals_the_other() {
    for count in [0, 1000] {
        let mut set = numbers(count);
        set.insert(b"z", -0.0);
        assert_eq!(set.insert(b"z", 0.0).map(f64::to_bits), Some((-0.0_f64).to_bits()));
        assert_eq!(set.score(b"z").map(f64::to_bits), Some((-0.0_f64).to_bits()));
        let zeros = set.score_range(Bound::Included(0.0), Bound::Included(0.0));
        assert_eq!(zeros.len(), if count == 0 { 1 } else { 2 });
        set.assert_valid();
    }
}

#[test]
fn a_scan_visits_all_that_stay() {
    let mut set = numbers(5000);
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut seen, mut from, mut calls) = (BTreeSet::new(), Some(0), 0);
    while let Some(at) = from {
        from = set.scan(at, 10, |member, _| {
            seen.insert(member.to_vec());
        });
        // Half of the members come and go meanwhile.
        for _ in 0..20 {
            let n = rng.u32(..5000) | 1;
            set.remove(format!("member-{n:06}").as_bytes());
            set.insert(format!("other-{n:06}").as_bytes(), 0.5);
        }
        calls += 1;
    }
    assert!(calls > 100, "a scan of 10 at a time took {calls} calls");
    for n in (0..5000).step_by(2) {
        assert!(seen.contains(format!("member-{n:06}").as_bytes()), "{n} was not visited");
    }
    set.assert_valid();
}

#[test]
fn a_random_member_may_be_any() {
    for count in [50, 500] {
        let set = numbers(count);
        let mut rng = fastrand::Rng::with_seed(3);
        let drawn: BTreeSet<_> =
            (0..20 * count).filter_map(|_| set.random(&mut rng)).map(|(m, _)| m).collect();
        assert_eq!(drawn.len(), count as usize);
    }
    assert_eq!(SortedSet::new().random(&mut fastrand::Rng::new()), None);
}

#[test]
fn dismantling_drops_every_member_in_bounded_steps() {
    for count in [100, 20_000] {
        let mut set = numbers(count);
        let (mut gone, mut steps) = (0, 0);
        loop {
            match set.drop_some(500) {
                0 => break,
                some => gone += some,
            }
            steps += 1;
        }
        assert_eq!(gone, count as usize);
        assert!(steps >= count / 1000, "{steps} steps");
        assert_eq!(set.heap_bytes(), 0);
        set.assert_valid();
    }
}

#[test]
fn members_that_come_in_order_fill_their_blocks() {
    let mut sizes = Vec::new();
    for sign in [1.0, -1.0] {
        let mut set = SortedSet::new();
        for n in 0..100_000 {
            set.insert(format!("member-{n:06}").as_bytes(), sign * f64::from(n));
        }
        set.assert_valid();
        sizes.push(set.heap_bytes());
    }
    let mixed = numbers(100_000).heap_bytes();
    assert!(sizes.iter().all(|&size| size + 3 * 100_000 < mixed), "{sizes:?} against {mixed}");
}

#[test]
fn churn_keeps_blocks_filled() {
    let mut set = numbers(20_000);
    let before = set.heap_bytes();
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..200_000 {
        let n = rng.u32(..20_000);
        set.insert(format!("member-{n:06}").as_bytes(), rng.f64() * 20_000.0);
    }
    assert!(set.heap_bytes() < before * 11 / 10, "{} after {before}", set.heap_bytes());
    set.assert_valid();
}

#[test]
fn debug_shows_a_few_members() {
    assert!(format!("{:?}", numbers(5000)).len() < 1000);
}
