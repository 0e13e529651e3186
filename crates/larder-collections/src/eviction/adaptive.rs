//! [`AdaptiveS3Fifo`]: larder's own rule for caches, which a scan cannot flush.
//!
//! An entry is on probation in a small queue first, and reaches the main queue when it was hit
//! twice there, or when it comes back while its ghost, 32 bits of its hash, is remembered.
//! The main queue is a clock: its oldest entry is looked at; if it was hit, it goes round again and
//! its hits are put to its credit; if not, it pays for the lap with credit; else it is evicted.
//!
//! ```text
//!            no ghost            2 hits
//!  insert ------------> [ small ] ------> [  main  ] <--.
//!     |                    |                |   |       | hit, or credit
//!     |                    v                |   '-------'
//!     |                ghosts of small      v
//!     |  ghost of either             ghosts of main
//!     '---------------------------------> main
//! ```
//!
//! How much the small queue may weigh is learnt, as in ARC: a newcomer whose ghost left the small
//! queue shows that it was too short, one whose ghost left the main queue that it was too long.
//! So recency gets room where the past was recent, and a loop larger than the cache finds a main
//! queue that holds still. Until anything was evicted, what overflows from the small queue goes
//! to the main queue.
//!
//! The main queue may hold still too long: after a change of load that never brings a ghost back
//! in time, a scan or a loop, its entries would stay for ever. So after 64 looks at the
//! small queue alone, the main queue's oldest is looked at too, and if it is to go, whoever leaves
//! the small queue next takes its place unproven.
//!
//! **A hit tells the policy nothing.** The holder counts an entry's hits itself, up to
//! [`MAX_HITS`], say in two bits of an atomic, and hands them over when the entry is looked at:
//!
//! ```
//! use larder_collections::eviction::{AdaptiveS3Fifo, Verdict};
//!
//! let mut policy = AdaptiveS3Fifo::new();
//! for hash in 0..100 {
//!     let _slot = policy.insert(hash, 1); // the entry keeps its slot
//! }
//! let hits = |hash: u64| if hash % 2 == 0 { 2 } else { 0 };
//!
//! // Over budget: look at one entry after the other until enough went.
//! while policy.weight() > 90 {
//!     let candidate = policy.candidate().expect("there are entries");
//!     let hits = hits(candidate.hash()); // ...and set the entry's count to zero
//!     if policy.decide(candidate, hits) == Verdict::Evict {
//!         assert_eq!(hits, 0);
//!     }
//! }
//! assert_eq!(policy.len(), 90);
//! ```
//!
//! Between `candidate` and `decide` anything may happen, the removal of that entry included: the
//! verdict is then [`Verdict::Stale`]. A candidate stands aside until it is decided, so that two
//! threads that evict at the same time look at different entries; one that is never decided is
//! offered again after a few others.
//!
//! # Invariants
//!
//! 1. Every resident entry is in exactly one of: small, main, offered.
//! 2. The queues' weights add up to the entries' weights.
//! 3. At most eight entries stand aside.
//!
//! # Cost
//!
//! Every call is O(1). An eviction looks at some entries that stay; each was hit since its last
//! look or pays with credit that a hit earned, so looks are bounded by hits and inserts. An entry
//! that is not hit is kept at most seven times in a row. 24 bytes an entry and some 13 more for
//! the ghosts, of which there are about as many as entries.
//!
//! # Sources
//!
//! J. Yang et al., *FIFO Queues are All You Need for Cache Eviction*, SOSP 2023 (the queues and the
//! quick demotion); N. Megiddo and D. S. Modha, *ARC*, FAST 2003 (learning from two kinds of ghosts).

use super::ghosts::{Ghosts, Kind};
use super::list::{MOST_CREDIT, NONE, Node, Place, Queue};
use crate::slab::Slab;

/// The most hits that [`AdaptiveS3Fifo::decide`] tells apart.
pub const MAX_HITS: u8 = 3;

/// Hits on probation that lead to the main queue.
const PROMOTION: u8 = 2;
/// Laps without a hit that a hit in the main queue pays for.
const CREDIT_OF_HIT: u8 = 3;
/// The same for an entry that comes back after it was evicted from the main queue.
const CREDIT_OF_RETURN: u8 = 1;
/// Looks at the small queue without one at the main queue.
const PATIENCE: u8 = 64;
/// Candidates that may wait for a decision before the oldest is offered again.
const OFFERED: u32 = 8;
/// The latest evictions from a queue that are remembered, as a part of the resident entries: one
/// in so many.
const GHOSTS: usize = 2;

/// Parts of the whole weight are counted in 2^-32.
const WHOLE: u64 = 1 << 32;
/// The small queue's share at first, at the least and at the most.
const FIRST_SHARE: u64 = WHOLE / 50;
const LEAST_SHARE: u64 = WHOLE / 100;
const MOST_SHARE: u64 = WHOLE / 100 * 95;
/// By what part of an entry a returning ghost of the small and of the main queue moves the border.
/// An entry that had proven itself has the greater say.
const STEPS: [u64; 2] = [WHOLE / 8 * 4, WHOLE / 8 * 5];

/// Adaptive S3-FIFO: whom to evict, by two queues and two kinds of ghosts. See the
/// [module](self) for the picture, the protocol and the costs.
#[derive(Debug)]
pub struct AdaptiveS3Fifo {
    nodes: Slab<Node>,
    small: Queue,
    main: Queue,
    /// Candidates that wait for a decision, from either queue.
    offered: Queue,
    ghosts: Ghosts,
    /// What part of the whole weight the small queue may have.
    share: u64,
    /// Looks at the small queue since the last look at the main queue.
    waited: u8,
    /// Entries that left the main queue because they were in it too long, and have no successor.
    vacancies: u32,
    /// Counts moves: the next node's generation.
    moves: u16,
    /// Nothing was evicted yet: the small queue overflows into the main queue.
    is_filling: bool,
}

/// An entry's place in the policy; less than 2^30, so it fits beside two bits in a `u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(u32);

/// An entry to look at, for [`AdaptiveS3Fifo::decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    slot: Slot,
    generation: u16,
    /// Looked at out of turn: it has been in the main queue too long.
    is_overdue: bool,
    hash: u64,
}

/// What becomes of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the holder acts on each, and there is no fourth")]
pub enum Verdict {
    /// The policy has forgotten the entry; its holder removes it.
    Evict,
    /// The entry stays and will be looked at again; its hits are counted from zero.
    Keep,
    /// The entry was removed, or decided upon, since it became a candidate: nothing was done.
    Stale,
}

impl Slot {
    const LIMIT: u32 = 1 << 30;

    /// The number that stands for this slot, less than 2^30.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The slot of [`Slot::to_bits`]. Bits from 30 up are ignored.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits % Self::LIMIT)
    }
}

impl Candidate {
    /// Where the entry is in the policy.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The hash that the entry was inserted with.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl Default for AdaptiveS3Fifo {
    fn default() -> Self {
        Self {
            nodes: Slab::default(),
            small: Queue::default(),
            main: Queue::default(),
            offered: Queue::default(),
            ghosts: Ghosts::default(),
            share: FIRST_SHARE,
            waited: 0,
            vacancies: 0,
            moves: 0,
            is_filling: true,
        }
    }
}

impl AdaptiveS3Fifo {
    /// A policy with no entries. It allocates nothing.
    ///
    /// It has no capacity either: its holder knows when there is too much, perhaps because of
    /// other holders of the same budget, and then asks for candidates.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry that is new in the keyspace. The hash must be keyed or otherwise beyond an
    /// adversary's choice. A weight above 2^40 - 1 counts as that.
    ///
    /// # Panics
    ///
    /// Panics when 2^30 entries are resident.
    pub fn insert(&mut self, hash: u64, weight: u64) -> Slot {
        let ghost = self.ghosts.take(hash);
        if let Some(kind) = ghost {
            self.learn(kind);
        }
        let (place, credit) = match ghost {
            None => (Place::Small, 0),
            Some(Kind::Small) => (Place::Main, 0),
            Some(Kind::Main) => (Place::Main, CREDIT_OF_RETURN),
        };
        let id = self.nodes.insert(Node::new(hash, weight, place));
        assert!(id < Slot::LIMIT, "the policy holds at most 2^30 entries");
        self.enqueue(id, place, credit);
        if self.is_filling {
            self.overflow();
        }
        Slot(id)
    }

    /// Sets what an entry weighs; it keeps its place.
    ///
    /// # Panics
    ///
    /// Panics when the slot holds no entry.
    pub fn set_weight(&mut self, slot: Slot, weight: u64) {
        let (queue, nodes) = self.queue_of(slot.0);
        queue.set_weight(nodes, slot.0, weight);
    }

    /// Forgets an entry that was deleted or has expired. It leaves no ghost: should its key come
    /// back, it comes as a stranger.
    ///
    /// # Panics
    ///
    /// Panics when the slot holds no entry.
    pub fn remove(&mut self, slot: Slot) {
        let (queue, nodes) = self.queue_of(slot.0);
        queue.unlink(nodes, slot.0);
        self.nodes.remove(slot.0);
        self.fit_ghosts();
        self.is_filling |= self.is_empty();
    }

    /// The entry to look at next, or `None` when there is no entry. The caller reads how often the
    /// entry was hit, sets that count to zero, and says so to [`decide`](Self::decide).
    pub fn candidate(&mut self) -> Option<Candidate> {
        let fresh = if self.offered.len < OFFERED { self.next() } else { None };
        let is_overdue = fresh.is_some() && self.is_overdue();
        let id = fresh.or(self.offered.oldest())?;
        let (queue, nodes) = self.queue_of(id);
        queue.unlink(nodes, id);
        nodes[id].offer();
        self.offered.push(&mut self.nodes, id);
        let node = self.nodes[id];
        match node.place() {
            Place::Small => self.waited = self.waited.saturating_add(1),
            _ => self.waited = 0,
        }
        let Node { hash, generation, .. } = node;
        Some(Candidate { slot: Slot(id), generation, is_overdue, hash })
    }

    /// Decides on a candidate that was hit so often since its last look, or since it was inserted;
    /// [`MAX_HITS`] and more are the same.
    pub fn decide(&mut self, candidate: Candidate, hits: u8) -> Verdict {
        let id = candidate.slot.0;
        let is_same =
            |node: &&Node| node.hash == candidate.hash && node.generation == candidate.generation;
        let Some(&node) = self.nodes.get(id).filter(is_same) else { return Verdict::Stale };
        let (queue, nodes) = self.queue_of(id);
        queue.unlink(nodes, id);
        let credit = match (node.place(), hits.min(MAX_HITS)) {
            (Place::Small, PROMOTION..) => 0,
            (Place::Small, _) if self.vacancies > 0 => {
                self.vacancies -= 1;
                0
            }
            (Place::Small, _) => return self.evict(id, Some(Kind::Small)),
            (_, 0) if candidate.is_overdue => {
                self.vacancies += 1;
                return self.evict(id, None);
            }
            (_, 0) if node.credit() > 0 => node.credit() - 1,
            (_, 0) => return self.evict(id, Some(Kind::Main)),
            (_, hits) => (node.credit() + hits * CREDIT_OF_HIT).min(MOST_CREDIT),
        };
        self.enqueue(id, Place::Main, credit);
        Verdict::Keep
    }

    /// The number of resident entries.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True when no entry is resident.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What the resident entries weigh together.
    pub fn weight(&self) -> u64 {
        self.small.weight + self.main.weight + self.offered.weight
    }

    /// The bytes that the policy holds on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.nodes.heap_bytes() + self.ghosts.heap_bytes()
    }

    /// The entry whose turn it is: the small queue's oldest if that queue is over its share and
    /// the main queue is not overdue.
    fn next(&self) -> Option<u32> {
        // A single entry on probation is the newcomer itself: it gets a chance to be hit.
        let is_over = self.small.len > 1 && self.small.weight > self.probation();
        let (first, second) = if is_over && !self.is_overdue() {
            (&self.small, &self.main)
        } else {
            (&self.main, &self.small)
        };
        first.oldest().or(second.oldest())
    }

    /// True when the main queue has entries and was not looked at for long.
    fn is_overdue(&self) -> bool {
        self.waited >= PATIENCE && self.main.len > 0
    }

    /// What the small queue may weigh.
    fn probation(&self) -> u64 {
        (u128::from(self.weight()) * u128::from(self.share) / u128::from(WHOLE)) as u64
    }

    /// Moves the small queue's oldest on to the main queue while the small queue is over its share
    /// without it. It stays just over, so that it is the first to be looked at.
    fn overflow(&mut self) {
        while let Some(id) = self.small.oldest()
            && self.small.weight - self.nodes[id].weight() > self.probation()
        {
            self.small.unlink(&mut self.nodes, id);
            self.enqueue(id, Place::Main, 0);
        }
    }

    /// Shifts the border between the queues by one entry, the way that a returning ghost shows.
    fn learn(&mut self, kind: Kind) {
        let step = STEPS[kind as usize] / (self.len() as u64).max(1);
        self.share = match kind {
            Kind::Small => (self.share + step).min(MOST_SHARE),
            Kind::Main => self.share.saturating_sub(step).max(LEAST_SHARE),
        };
    }

    /// Puts node `id`, which is in no queue, into `place`.
    fn enqueue(&mut self, id: u32, place: Place, credit: u8) {
        self.moves = self.moves.wrapping_add(1);
        let node = &mut self.nodes[id];
        node.generation = self.moves;
        node.assign(place, credit);
        let (queue, nodes) = self.queue_of(id);
        queue.push(nodes, id);
    }

    /// Forgets node `id`, which is in no queue, but for a ghost of that kind.
    fn evict(&mut self, id: u32, ghost: Option<Kind>) -> Verdict {
        self.fit_ghosts();
        let node = self.nodes.remove(id);
        if let Some(kind) = ghost {
            self.ghosts.add(kind, node.hash);
        }
        self.is_filling = self.is_empty();
        Verdict::Evict
    }

    /// Lets so many ghosts live as the resident entries allow.
    fn fit_ghosts(&mut self) {
        let limit = self.nodes.len().div_ceil(GHOSTS) as u32;
        self.ghosts.fit([limit; 2]);
    }

    /// The queue that node `id` is in, and the slab.
    fn queue_of(&mut self, id: u32) -> (&mut Queue, &mut Slab<Node>) {
        let node = &self.nodes[id];
        let queue = match node.place() {
            _ if node.is_offered() => &mut self.offered,
            Place::Small => &mut self.small,
            Place::Main => &mut self.main,
            Place::Vacant => panic!("slot {id} holds no entry"),
        };
        (queue, &mut self.nodes)
    }

    /// Checks the invariants. For tests and fuzzing only: O(n).
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        self.nodes.assert_valid();
        self.ghosts.assert_valid();
        assert!(self.offered.len <= OFFERED);
        assert!((LEAST_SHARE..=MOST_SHARE).contains(&self.share));
        let mut seen = 0;
        for (queue, place) in [
            (&self.small, Some(Place::Small)),
            (&self.main, Some(Place::Main)),
            (&self.offered, None),
        ] {
            let (mut len, mut weight, mut newest) = (0, 0, NONE);
            for (id, node) in queue.iter(&self.nodes) {
                assert!(len < queue.len, "a queue is longer than it says, or a ring");
                assert!(place.is_none_or(|place| node.place() == place), "{id} is astray");
                assert_eq!(node.is_offered(), place.is_none());
                (len, weight, newest) = (len + 1, weight + node.weight(), id);
            }
            assert_eq!((len, weight), (queue.len, queue.weight), "a queue is miscounted");
            assert!(queue.ends_at(newest));
            seen += len as usize;
        }
        assert_eq!(seen, self.nodes.len(), "an entry is in no queue");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert { hash: u64, weight: u64 },
        SetWeight { nth: usize, weight: u64 },
        Remove { nth: usize },
        Look,
        Decide { nth: usize, hits: u8 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0u64..60, 0u64..1000).prop_map(|(hash, weight)| Step::Insert { hash, weight }),
            1 => (0usize..99, 0u64..1000).prop_map(|(nth, weight)| Step::SetWeight { nth, weight }),
            1 => (0usize..99).prop_map(|nth| Step::Remove { nth }),
            3 => Just(Step::Look),
            3 => (0usize..99, 0u8..=4).prop_map(|(nth, hits)| Step::Decide { nth, hits }),
        ];
        prop::collection::vec(step, 1..600)
    }

    proptest! {
        #[test]
        fn entries_stay_until_evicted_and_a_moved_candidate_is_stale(steps in steps()) {
            let mut policy = AdaptiveS3Fifo::new();
            // By slot: hash, weight, and how often the entry was inserted or kept.
            let mut model: BTreeMap<u32, (u64, u64, u32)> = BTreeMap::new();
            let mut looked: Vec<(Candidate, u32)> = Vec::new();
            for (now, step) in steps.into_iter().enumerate() {
                let nth = |nth: usize, model: &BTreeMap<u32, _>| {
                    model.keys().nth(nth % model.len().max(1)).copied()
                };
                match step {
                    Step::Insert { hash, weight } => {
                        if model.values().all(|(known, ..)| *known != hash) {
                            let slot = policy.insert(hash, weight);
                            let old = model.insert(slot.to_bits(), (hash, weight, now as u32));
                            prop_assert_eq!(old, None, "a slot is handed out once");
                        }
                    }
                    Step::SetWeight { nth: n, weight } => {
                        if let Some(slot) = nth(n, &model) {
                            policy.set_weight(Slot::from_bits(slot), weight);
                            model.get_mut(&slot).unwrap().1 = weight;
                        }
                    }
                    Step::Remove { nth: n } => {
                        if let Some(slot) = nth(n, &model) {
                            policy.remove(Slot::from_bits(slot));
                            model.remove(&slot);
                        }
                    }
                    Step::Look => match policy.candidate() {
                        None => prop_assert!(model.is_empty()),
                        Some(candidate) => {
                            let (hash, _, since) = model[&candidate.slot().to_bits()];
                            prop_assert_eq!(candidate.hash(), hash);
                            looked.push((candidate, since));
                        }
                    },
                    Step::Decide { nth: n, hits } => {
                        if looked.is_empty() { continue }
                        let (candidate, since) = looked.remove(n % looked.len());
                        let slot = candidate.slot().to_bits();
                        let current = model.get(&slot).is_some_and(|e| e.2 == since && e.0 == candidate.hash());
                        match policy.decide(candidate, hits) {
                            Verdict::Stale => prop_assert!(!current),
                            Verdict::Keep => {
                                prop_assert!(current);
                                model.get_mut(&slot).unwrap().2 = now as u32;
                            }
                            Verdict::Evict => {
                                prop_assert!(current && hits < PROMOTION);
                                model.remove(&slot);
                            }
                        }
                    }
                }
                prop_assert_eq!(policy.len(), model.len());
                prop_assert_eq!(policy.weight(), model.values().map(|(_, weight, _)| weight).sum::<u64>());
            }
            policy.assert_valid();
        }

        #[test]
        fn every_entry_is_looked_at_sooner_or_later(
            hashes in prop::collection::btree_set(any::<u64>(), 1..200),
            hits: u64,
            undecided in 0usize..20,
        ) {
            let mut policy = AdaptiveS3Fifo::new();
            let hashes: Vec<u64> = hashes.into_iter().collect();
            hashes.iter().for_each(|&hash| _ = policy.insert(hash, 1));
            // Some callers look and never decide.
            (0..undecided).for_each(|_| _ = policy.candidate());
            let (mut gone, mut looks) = (Vec::new(), 0);
            let mut rng = fastrand::Rng::with_seed(hits);
            while let Some(candidate) = policy.candidate() {
                looks += 1;
                // Each entry is hit a few times in all.
                let hits = if looks < 3 * hashes.len() { rng.u8(0..4) } else { 0 };
                if policy.decide(candidate, hits) == Verdict::Evict {
                    gone.push(candidate.hash());
                }
            }
            gone.sort_unstable();
            prop_assert_eq!(gone, hashes.clone());
            let bound = (3 + 3 + usize::from(MOST_CREDIT)) * (hashes.len() + 1);
            prop_assert!(looks <= bound, "{} looks for {} entries", looks, hashes.len());
        }
    }

    #[test]
    fn threads_that_evict_at_once_look_at_different_entries() {
        let mut policy = AdaptiveS3Fifo::new();
        (0..100).for_each(|hash| _ = policy.insert(hash, 1));
        let looked: Vec<Candidate> = (0..OFFERED).filter_map(|_| policy.candidate()).collect();
        let mut slots: Vec<u32> = looked.iter().map(|c| c.slot().to_bits()).collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), OFFERED as usize);
        // One that nobody decided comes again, and then only one decision counts.
        let again = policy.candidate().unwrap();
        assert_eq!(again, looked[0]);
        assert_eq!(policy.decide(again, 3), Verdict::Keep);
        assert_eq!(policy.decide(looked[0], 0), Verdict::Stale);
        policy.assert_valid();
    }

    #[test]
    fn a_removed_entry_comes_back_as_a_stranger_and_an_evicted_one_does_not() {
        let mut policy = AdaptiveS3Fifo::new();
        let slots: Vec<Slot> = (0..100).map(|hash| policy.insert(hash << 20, 1)).collect();
        let evicted = policy.candidate().unwrap();
        assert_eq!(policy.decide(evicted, 0), Verdict::Evict);
        let removed = slots.iter().find(|slot| **slot != evicted.slot()).unwrap();
        let hash = policy.nodes[removed.0].hash;
        policy.remove(*removed);
        let slot = policy.insert(hash, 1);
        assert_eq!(policy.nodes[slot.0].place(), Place::Small);
        let slot = policy.insert(evicted.hash(), 1);
        assert_eq!(policy.nodes[slot.0].place(), Place::Main);
    }

    #[test]
    fn an_entry_takes_few_bytes_and_an_emptied_policy_none() {
        let mut policy = AdaptiveS3Fifo::new();
        let mut rng = fastrand::Rng::with_seed(3);
        for n in 0..300_000 {
            policy.insert(rng.u64(..), 100);
            if n >= 100_000 {
                let candidate = policy.candidate().unwrap();
                policy.decide(candidate, 0);
            }
        }
        let each = policy.heap_bytes() / policy.len();
        assert!(each <= 24 + 16, "{each} bytes an entry");
        let slots: Vec<u32> = policy.nodes.iter().map(|(id, _)| id).collect();
        slots.into_iter().for_each(|id| policy.remove(Slot(id)));
        assert_eq!((policy.heap_bytes(), policy.weight()), (0, 0));
    }

    #[test]
    fn a_weight_beyond_forty_bits_counts_as_the_heaviest() {
        let mut policy = AdaptiveS3Fifo::new();
        let slot = policy.insert(1, u64::MAX);
        assert_eq!(policy.weight(), (1 << 40) - 1);
        policy.set_weight(slot, 5 << 32);
        assert_eq!(policy.weight(), 5 << 32);
    }
}
