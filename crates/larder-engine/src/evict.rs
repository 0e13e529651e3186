//! Eviction: who goes when a budget is exceeded.
//!
//! It belongs to a namespace, not to a shard: fifty entries over sixty-four shards have no recency.
//! It runs before a write locks anything and after it has unlocked, one shard locked at a time.
//! Two kinds of rule:
//!
//! - larder's own keeps the entries in queues ([`AdaptiveS3Fifo`]): it names a candidate, the
//!   candidate's shard is locked and its hits are read, and the rule decides;
//! - Redis' rules draw a few entries at random and evict the best victim seen lately ([`Pool`]).
//!
//! A hit never takes the rule's lock: it changes bits in the entry.

use larder_base::sync::Mutex;
use larder_base::sync::atomic::Ordering;
use larder_collections::blob::Blob;
use larder_collections::eviction::{
    Access, AdaptiveS3Fifo, Candidate, MAX_HITS, Pool, Slot, Verdict, lfu, lru,
};

pub use larder_collections::eviction::Eviction;

use crate::budget::Budget;
use crate::effect::Effect;
use crate::engine::Core;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::namespace::Keyspace;
use crate::shard::ShardState;
use crate::txn::{After, Cx, Notice, Txn};

/// Entries drawn at a time by Redis' rules.
const SAMPLE: usize = 5;
/// Candidates looked at, or samples drawn, before an eviction is given up. Far more than either
/// rule needs; it only bounds a writer's time when others undo its work.
const PATIENCE: usize = 4096;
/// Bits of the access word below the slot.
const HIT_BITS: u32 = 2;
const HIT_MASK: u32 = (1 << HIT_BITS) - 1;

/// The rule of a namespace, with what it remembers.
#[derive(Debug)]
pub(crate) struct Evictor {
    rule: Eviction,
    state: State,
}

#[derive(Debug)]
enum State {
    Queues(Mutex<AdaptiveS3Fifo>),
    /// Victims by shard and key.
    Sampled(Mutex<Pool<(u32, Blob)>>),
}

impl Evictor {
    /// `None` for the rule that evicts nobody.
    pub(crate) fn new(rule: Eviction) -> Option<Self> {
        let state = match rule.access() {
            _ if !rule.evicts() => return None,
            Access::Hits => State::Queues(Mutex::new(AdaptiveS3Fifo::new())),
            Access::Recency | Access::Frequency => State::Sampled(Mutex::new(Pool::default())),
        };
        Some(Self { rule, state })
    }

    /// The access word of an entry that is new.
    pub(crate) fn admit(&self, hash: u64, weight: u64, now_ms: impl FnOnce() -> u64) -> u32 {
        match &self.state {
            State::Queues(queues) => queues.lock().insert(hash, weight).to_bits() << HIT_BITS,
            State::Sampled(_) if self.rule.access() == Access::Frequency => lfu::fresh(now_ms()),
            State::Sampled(_) => lru::stamp(now_ms()),
        }
    }

    /// Notes an access in the entry's word. Takes no lock.
    #[inline]
    pub(crate) fn hit(&self, entry: &Entry, now_ms: impl FnOnce() -> u64) {
        let word = entry.access.load(Ordering::Relaxed);
        match self.rule.access() {
            Access::Hits => {
                // A hit that gets lost between two threads is a hit less, and a full count costs
                // no write at all.
                if word & HIT_MASK < u32::from(MAX_HITS) {
                    entry.access.store(word + 1, Ordering::Relaxed);
                }
            }
            Access::Recency => {
                let stamp = lru::stamp(now_ms());
                if stamp != word {
                    entry.access.store(stamp, Ordering::Relaxed);
                }
            }
            Access::Frequency => {
                let mut rng = fastrand::Rng::new();
                let word = lfu::touched(word, now_ms(), lfu::Rates::default(), &mut rng);
                entry.access.store(word, Ordering::Relaxed);
            }
        }
    }

    /// The entry weighs this much now.
    pub(crate) fn resize(&self, entry: &Entry, weight: u64) {
        if let State::Queues(queues) = &self.state {
            queues.lock().set_weight(slot_of(entry), weight);
        }
    }

    /// The entry left the keyspace otherwise than by this rule.
    pub(crate) fn forget(&self, entry: &Entry) {
        if let State::Queues(queues) = &self.state {
            queues.lock().remove(slot_of(entry));
        }
    }

    /// Checks the invariants against what the shards hold. For tests only.
    pub(crate) fn assert_valid(&self, entries: usize, weight: u64) {
        match &self.state {
            State::Queues(queues) => {
                let queues = queues.lock();
                queues.assert_valid();
                assert_eq!((queues.len(), queues.weight()), (entries, weight));
            }
            State::Sampled(pool) => pool.lock().assert_valid(),
        }
    }
}

fn slot_of(entry: &Entry) -> Slot {
    Slot::from_bits(entry.access.load(Ordering::Relaxed) >> HIT_BITS)
}

impl Core {
    /// Evicts until the namespace's budget is kept.
    ///
    /// # Errors
    ///
    /// [`Error::OverBudget`] when nothing can be evicted.
    #[inline]
    pub(crate) fn make_room(&self, keyspace: &Keyspace) -> Result<()> {
        match keyspace.budget() {
            Some(budget) if budget.is_over() => self.evict_until_kept(keyspace, budget),
            _ => Ok(()),
        }
    }

    /// Evicts what a write has made too much, if it can.
    #[inline]
    pub(crate) fn trim(&self, keyspace: &Keyspace) {
        if keyspace.budget().is_some_and(Budget::is_over) {
            // Where nothing can be evicted, the next write that needs room is told.
            _ = self.make_room(keyspace);
        }
    }

    #[cold]
    fn evict_until_kept(&self, keyspace: &Keyspace, budget: &Budget) -> Result<()> {
        while budget.is_over() {
            // Its own entries first, then those of the namespaces that share the budget. But its
            // only entry is the one that has just been written: a newcomer could never grow.
            let is_gone = match budget.is_shared() && keyspace.has_one_at_most() {
                true => self.evict_from_others(keyspace, budget) || self.evict_one(keyspace),
                false => self.evict_one(keyspace) || self.evict_from_others(keyspace, budget),
            };
            if !is_gone && budget.is_over() {
                return Err(Error::OverBudget { used: budget.used(), limit: budget.limit() });
            }
        }
        Ok(())
    }

    /// Evicts one entry of another namespace that shares the budget.
    fn evict_from_others(&self, keyspace: &Keyspace, budget: &Budget) -> bool {
        self.keyspaces()
            .filter(|other| other.id != keyspace.id)
            .filter(|other| other.budget().is_some_and(|b| b.is(budget)))
            .any(|other| self.evict_one(other))
    }

    /// Evicts one entry of the namespace; false when there is none that may go.
    fn evict_one(&self, keyspace: &Keyspace) -> bool {
        let Some(evictor) = &keyspace.evictor else { return false };
        let keyspace = self.keyspace(keyspace.id);
        match &evictor.state {
            State::Queues(queues) => (0..PATIENCE)
                .map_while(|_| {
                    let candidate = queues.lock().candidate();
                    Some(self.decide(keyspace, queues, candidate?))
                })
                .any(|is_gone| is_gone),
            State::Sampled(pool) => (0..PATIENCE)
                .map_while(|_| self.sample(keyspace, evictor.rule, pool))
                .any(|is_gone| is_gone),
        }
    }

    /// Looks at a candidate of the queues; true when it was evicted.
    fn decide(
        &self,
        keyspace: &Keyspace,
        queues: &Mutex<AdaptiveS3Fifo>,
        candidate: Candidate,
    ) -> bool {
        let hash = candidate.hash();
        self.in_shard(keyspace, keyspace.shard_of(hash), |state, cx, at| {
            let spot = state.table.locate(hash, |entry| slot_of(entry) == candidate.slot());
            let word = spot.map(|spot| &state.table.at(spot).access);
            let hits = word.map_or(0, |word| {
                let bits = word.load(Ordering::Relaxed);
                word.store(bits & !HIT_MASK, Ordering::Relaxed);
                (bits & HIT_MASK) as u8
            });
            // Bound first: the rule's lock is not held while the entry goes.
            let verdict = queues.lock().decide(candidate, hits);
            match (verdict, spot) {
                (Verdict::Evict, Some(spot)) => {
                    let (entry, _) = state.take_evicted(keyspace, hash, spot);
                    bury(keyspace, state, cx, at, entry);
                    true
                }
                // The rule forgets an entry only when it is told to, so it knows no other.
                (Verdict::Evict, None) => unreachable!("the queues hold an entry that is none"),
                (Verdict::Keep | Verdict::Stale, _) => false,
            }
        })
    }

    /// Draws a sample into the pool and evicts the best victim known; `None` when there is nothing
    /// to draw.
    fn sample(
        &self,
        keyspace: &Keyspace,
        rule: Eviction,
        pool: &Mutex<Pool<(u32, Blob)>>,
    ) -> Option<bool> {
        let mut rng = self.fork_rng();
        let now_ms = self.clock.now().as_millis();
        let mut drawn = 0;
        for _ in 0..SAMPLE {
            let shard = random_shard(keyspace, rule, &mut rng)?;
            let state = keyspace.shards[shard as usize].state.read();
            if let Some(entry) = draw(&state, rule, &mut rng) {
                drawn += 1;
                let score = score(&state, entry, rule, now_ms, &mut rng);
                pool.lock().offer(score, (shard, entry.key.clone()));
            }
        }
        let victim = pool.lock().pop_best();
        let Some((_, (shard, key))) = victim else { return (drawn > 0).then_some(false) };
        Some(self.in_shard(keyspace, shard, |state, cx, at| {
            let hash = keyspace.hash(&key);
            let Some(spot) = state.locate(hash, &key) else { return false };
            if rule.is_volatile() && state.table.at(spot).timer.is_none() {
                return false;
            }
            let (entry, _) = state.take(keyspace, hash, spot);
            bury(keyspace, state, cx, at, entry);
            true
        }))
    }

    /// Runs `f` as a transaction over one shard.
    fn in_shard<R>(
        &self,
        keyspace: &Keyspace,
        shard: u32,
        f: impl FnOnce(&mut ShardState, &mut Cx, usize) -> R,
    ) -> R {
        let mut after = After::default();
        let mut txn = Txn::new(self, false);
        let at = txn
            .hold(self.keyspace(keyspace.id), shard)
            .expect("the first lock of a transaction is waited for");
        let (_, _, state, cx) = txn.parts(at);
        let result = f(state, cx, at);
        txn.commit(&mut after);
        self.conclude(after);
        result
    }
}

/// Tells of an evicted entry and lets it go.
fn bury(keyspace: &Keyspace, state: &mut ShardState, cx: &mut Cx, at: usize, entry: Entry) {
    state.evicted += 1;
    cx.bury(entry.value);
    if cx.is_listening || state.crowd.is_some() || keyspace.is_recorded() {
        let key = entry.key;
        let effect = keyspace.is_recorded().then(|| Effect::Delete { key: key.clone() });
        cx.gather().notices.push(Notice {
            at,
            key,
            event: Some(EventKind::Evicted),
            effect,
            lapsed: true,
        });
    }
}

/// A shard, each as likely as it has entries that may go.
fn random_shard(keyspace: &Keyspace, rule: Eviction, rng: &mut fastrand::Rng) -> Option<u32> {
    let len = |shard: u32| {
        let state = keyspace.shards[shard as usize].state.read();
        if rule.is_volatile() { state.wheel.len() } else { state.table.len() }
    };
    let shards = keyspace.shards.len() as u32;
    // Hashing spreads entries evenly, so any shard will do, if it has some.
    let first = rng.u32(0..shards);
    (first..shards).chain(0..first).find(|&shard| len(shard) > 0)
}

fn draw<'s>(state: &'s ShardState, rule: Eviction, rng: &mut fastrand::Rng) -> Option<&'s Entry> {
    if !rule.is_volatile() {
        return state.table.random(rng);
    }
    let timer = state.wheel.random(rng)?;
    state.table.find(*state.wheel.payload(timer), |entry| entry.timer == Some(timer))
}

/// How good a victim the entry is.
fn score(
    state: &ShardState,
    entry: &Entry,
    rule: Eviction,
    now_ms: u64,
    rng: &mut fastrand::Rng,
) -> u64 {
    let word = entry.access.load(Ordering::Relaxed);
    match rule {
        Eviction::VolatileTtl => u64::MAX - state.deadline(entry).unwrap_or(u64::MAX),
        _ if rule.is_random() => rng.u64(..),
        _ if rule.access() == Access::Frequency => lfu::score(word, now_ms, lfu::Rates::default()),
        _ => lru::idle_ms(word, now_ms),
    }
}
