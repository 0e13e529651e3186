//! Any sequence of inserts, removals, looks and late decisions leaves a valid policy that holds
//! exactly what a map holds; and a pool keeps the best of what it was offered.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use larder_collections::eviction::{AdaptiveS3Fifo, Candidate, POOL, Pool, Slot, Verdict};

#[derive(Arbitrary, Debug)]
enum Step {
    // A small key: returning ghosts are what matters.
    Insert { key: u8, weight: u16 },
    SetWeight { nth: u8, weight: u64 },
    Remove { nth: u8 },
    Look,
    Decide { nth: u8, hits: u8 },
    // To another end: the pool of the sampling rules.
    Offer { who: u8, score: u8 },
    PopBest,
}

#[derive(Default)]
struct Model {
    /// By slot: hash, weight, and the step at which the entry was last placed.
    entries: BTreeMap<u32, (u64, u64, u32)>,
    looked: Vec<(Candidate, u32)>,
    offers: BTreeMap<u8, u8>,
}

impl Model {
    fn nth(&self, nth: u8) -> Option<u32> {
        self.entries.keys().nth(usize::from(nth)).copied()
    }
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let (mut policy, mut pool, mut model) =
        (AdaptiveS3Fifo::new(), Pool::default(), Model::default());
    for now in 0.. {
        if bytes.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        match step {
            Step::Offer { who, score } => offer(&mut pool, &mut model, who, score),
            Step::PopBest => pop_best(&mut pool, &mut model),
            step => turn(&mut policy, &mut model, step, now),
        }
        assert_eq!(policy.len(), model.entries.len());
        let weight: u64 = model.entries.values().map(|(_, weight, _)| weight).sum();
        assert_eq!(policy.weight(), weight);
    }
    policy.assert_valid();
    pool.assert_valid();
}

fn turn(policy: &mut AdaptiveS3Fifo, model: &mut Model, step: Step, now: u32) {
    match step {
        Step::Insert { key, weight } => {
            let hash = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            if model.entries.values().all(|(known, ..)| *known != hash) {
                let slot = policy.insert(hash, u64::from(weight)).to_bits();
                let old = model.entries.insert(slot, (hash, u64::from(weight), now));
                assert_eq!(old, None, "a slot is handed out once");
            }
        }
        Step::SetWeight { nth, weight } => {
            let Some(slot) = model.nth(nth) else { return };
            policy.set_weight(Slot::from_bits(slot), weight);
            model.entries.get_mut(&slot).expect("it is resident").1 = weight.min((1 << 40) - 1);
        }
        Step::Remove { nth } => {
            let Some(slot) = model.nth(nth) else { return };
            policy.remove(Slot::from_bits(slot));
            model.entries.remove(&slot);
        }
        Step::Look => {
            let Some(candidate) = policy.candidate() else {
                return assert!(model.entries.is_empty());
            };
            let (hash, _, since) = model.entries[&candidate.slot().to_bits()];
            assert_eq!(candidate.hash(), hash);
            model.looked.push((candidate, since));
        }
        Step::Decide { nth, hits } => {
            let Some(nth) = usize::from(nth).checked_rem(model.looked.len()) else { return };
            let (candidate, since) = model.looked.swap_remove(nth);
            let slot = candidate.slot().to_bits();
            let is_current =
                model.entries.get(&slot).is_some_and(|e| (e.0, e.2) == (candidate.hash(), since));
            let verdict = policy.decide(candidate, hits);
            assert_eq!(verdict == Verdict::Stale, !is_current);
            match verdict {
                Verdict::Stale => {}
                Verdict::Evict => _ = model.entries.remove(&slot),
                Verdict::Keep => model.entries.get_mut(&slot).expect("it is resident").2 = now,
            }
        }
        Step::Offer { .. } | Step::PopBest => unreachable!("the pool's"),
    }
}

fn offer(pool: &mut Pool<u8>, model: &mut Model, who: u8, score: u8) {
    pool.offer(u64::from(score), who);
    model.offers.insert(who, score);
    if model.offers.len() > POOL {
        let worst = *model.offers.values().min().expect("it is full");
        assert_eq!(pool.len(), POOL);
        // Of equals, any may have gone: take the pool's word for it.
        let mut left: BTreeMap<u8, u8> = BTreeMap::new();
        let mut copy = pool.clone();
        while let Some((score, who)) = copy.pop_best() {
            left.insert(who, score as u8);
        }
        let gone = model.offers.iter().filter(|(who, _)| !left.contains_key(who));
        assert_eq!(gone.map(|(_, score)| *score).collect::<Vec<_>>(), [worst]);
        model.offers = left;
    }
    assert_eq!(pool.len(), model.offers.len());
}

fn pop_best(pool: &mut Pool<u8>, model: &mut Model) {
    let best = pool.pop_best();
    assert_eq!(best.map(|(score, _)| score as u8), model.offers.values().max().copied());
    if let Some((score, who)) = best {
        assert_eq!(model.offers.remove(&who), Some(score as u8));
    }
}
