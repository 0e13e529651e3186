//! Any sequence of steps on a sorted set, in either form, answers as a map that is
//! sorted anew each time, and leaves a valid set.

use std::collections::BTreeMap;
use std::ops::Bound;

use arbitrary::{Arbitrary, Unstructured};
use larder_collections::sorted_set::SortedSet;

#[derive(Arbitrary, Debug)]
enum Step {
    Insert {
        member: Member,
        score: Score,
    },
    /// Many at once: the fuzzer should not have to find tall lists by itself.
    InsertMany {
        from: u8,
        count: u8,
        step: i8,
    },
    Remove {
        member: Member,
    },
    RemoveRange {
        start: u8,
        count: u8,
    },
    PopFirst,
    PopLast,
    Rank {
        member: Member,
    },
    ScoreRange {
        min: Score,
        max: Score,
        open: bool,
    },
    LexRange {
        min: Member,
        max: Member,
    },
    Random,
    Clone,
    Scan {
        count: u8,
    },
}

/// A number in as many bytes as the second says: short, long, too long to be packed.
#[derive(Arbitrary, Debug)]
struct Member(u8, u8);

impl Member {
    fn bytes(&self) -> Vec<u8> {
        name(u32::from(self.0), usize::from(self.1 % 80))
    }
}

fn name(n: u32, len: usize) -> Vec<u8> {
    let mut bytes = n.to_be_bytes().to_vec();
    bytes.resize(bytes.len().max(len), 7);
    bytes
}

#[derive(Arbitrary, Debug)]
enum Score {
    Small(i8),
    Any(f64),
}

impl Score {
    fn number(&self) -> f64 {
        match *self {
            Self::Small(n) => f64::from(n),
            Self::Any(n) if n.is_nan() => -0.0,
            Self::Any(n) => n,
        }
    }
}

type Model = BTreeMap<Vec<u8>, f64>;

fn sorted(model: &Model) -> Vec<(&[u8], f64)> {
    let mut pairs: Vec<_> = model.iter().map(|(member, score)| (&**member, *score)).collect();
    pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no NaN"));
    pairs
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let (mut set, mut model) = (SortedSet::new(), Model::new());
    while !bytes.is_empty() {
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        apply(&mut set, &mut model, &step);
        assert_eq!(set.len(), model.len());
    }
    set.assert_valid();
    let sorted = sorted(&model);
    assert!(set.iter().eq(sorted.iter().copied()));
    assert!(set.iter().rev().eq(sorted.iter().copied().rev()));
    while set.drop_some(10) > 0 {}
    assert_eq!(set.heap_bytes(), 0);
}

fn apply(set: &mut SortedSet, model: &mut Model, step: &Step) {
    match step {
        Step::Insert { member, score } => insert(set, model, member.bytes(), score.number()),
        &Step::InsertMany { from, count, step } => {
            for n in 0..u32::from(count) {
                let score = f64::from(n) * f64::from(step);
                insert(set, model, name(u32::from(from) + n, 0), score);
            }
        }
        Step::Remove { member } => {
            assert_eq!(set.remove(&member.bytes()), model.remove(&member.bytes()));
        }
        &Step::RemoveRange { start, count } => {
            remove_range(set, model, start.into(), count.into());
        }
        Step::PopFirst => {
            let popped = set.pop_first().map(|(member, score)| (member.to_vec(), score));
            assert_eq!(popped, take(model, 0));
        }
        Step::PopLast => {
            let popped = set.pop_last().map(|(member, score)| (member.to_vec(), score));
            assert_eq!(popped, take(model, model.len().wrapping_sub(1)));
        }
        Step::Rank { member } => {
            let rank = sorted(model).iter().position(|&(other, _)| other == member.bytes());
            assert_eq!(set.rank(&member.bytes()), rank);
            assert_eq!(set.score(&member.bytes()), model.get(&member.bytes()).copied());
            if let Some(rank) = rank {
                assert_eq!(set.nth(rank), Some(sorted(model)[rank]));
            }
        }
        Step::ScoreRange { min, max, open } => {
            let (min, max) = (min.number(), max.number());
            let inside = |score: f64| {
                if *open { min < score && score < max } else { min <= score && score <= max }
            };
            let bound = if *open { Bound::Excluded } else { Bound::Included };
            let ranks = set.score_range(bound(min), bound(max));
            let expected = sorted(model).into_iter().filter(|&(_, score)| inside(score));
            assert!(set.range(ranks).eq(expected));
        }
        Step::LexRange { min, max } => lex_range(set, model, &min.bytes(), &max.bytes()),
        Step::Random => {
            let drawn = set.random(&mut fastrand::Rng::with_seed(model.len() as u64));
            assert_eq!(drawn.is_none(), model.is_empty());
            assert!(drawn.is_none_or(|(member, score)| model[member] == score));
        }
        Step::Clone => {
            let copy = set.clone();
            assert!(copy == *set);
            copy.assert_valid();
            *set = copy;
        }
        &Step::Scan { count } => scan(set, model, count.into()),
    }
}

fn insert(set: &mut SortedSet, model: &mut Model, member: Vec<u8>, score: f64) {
    let old = set.insert(&member, score);
    assert_eq!(old, model.insert(member, score));
}

fn take(model: &mut Model, rank: usize) -> Option<(Vec<u8>, f64)> {
    let &(member, score) = sorted(model).get(rank)?;
    let member = member.to_vec();
    model.remove(&member);
    Some((member, score))
}

fn remove_range(set: &mut SortedSet, model: &mut Model, start: usize, count: usize) {
    let mut gone = Vec::new();
    set.remove_range(start..start + count, |member, score| gone.push((member.to_vec(), score)));
    for pair in gone {
        assert_eq!(Some(pair), take(model, start));
    }
    assert!(model.len() <= start || set.len() == model.len());
}

fn lex_range(set: &SortedSet, model: &Model, min: &[u8], max: &[u8]) {
    let ranks = set.lex_range(Bound::Included(min), Bound::Excluded(max));
    assert!(ranks.start <= ranks.end && ranks.end <= set.len());
    let sorted = sorted(model);
    if sorted.first().map(|pair| pair.1) == sorted.last().map(|pair| pair.1) {
        let expected = sorted.into_iter().filter(|&(member, _)| min <= member && member < max);
        assert!(set.range(ranks).eq(expected));
    }
}

fn scan(set: &SortedSet, model: &Model, count: usize) {
    let (mut seen, mut from) = (BTreeMap::new(), Some(0));
    while let Some(at) = from {
        from = set.scan(at, count, |member, score| {
            seen.insert(member.to_vec(), score);
        });
    }
    assert_eq!(seen, *model);
}
