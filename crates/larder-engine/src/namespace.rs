//! Namespaces: named keyspaces, each with its own rules.
//!
//! [`Keyspace`] is the thing itself: shards, seed, budget, eviction. [`Namespace`] is the handle a
//! program holds; it opens the doors through which operations go.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use larder_collections::table::order;

use crate::access::Access;
use crate::budget::{Budget, Unit};
use crate::engine::{Core, Live};
use crate::error::{Error, Result};
use crate::evict::{Eviction, Evictor};
use crate::groups::{Counters, Keys, Leases, Objects, SortedSets, Strings};
use crate::inside;
use crate::shard::Shard;
use crate::stats::NamespaceStats;
use crate::value::Value;

/// How a namespace behaves. Given once, when it is made.
///
/// ```
/// use larder_engine::{Budget, Eviction, NamespaceOptions};
///
/// let plain = NamespaceOptions::new();                                // unbounded
/// let cache = NamespaceOptions::cache(Budget::entries(10_000));       // bounded, evicts
/// let redis = NamespaceOptions::new().budget(Budget::bytes(1 << 20)).eviction(Eviction::AllKeysLru);
/// # _ = (plain, cache, redis);
/// ```
#[derive(Clone, Debug, Default)]
pub struct NamespaceOptions {
    budget: Option<Budget>,
    eviction: Eviction,
    recorded: bool,
    count_reads: bool,
}

impl NamespaceOptions {
    /// No budget, nothing evicted, not recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// A cache: within `budget`, evicting by larder's scan-resistant rule, its hits counted.
    pub fn cache(budget: Budget) -> Self {
        Self::new().budget(budget).eviction(Eviction::ScanResistant).count_reads(true)
    }

    /// How much it may hold. Namespaces may share a budget.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Whom to evict when the budget is exceeded (default: nobody; writes are refused).
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// Whether the engine's [`EffectSink`](crate::EffectSink) gets this namespace's effects.
    pub fn recorded(mut self, recorded: bool) -> Self {
        self.recorded = recorded;
        self
    }

    /// Whether direct reads count as hits and misses in the statistics (default: not; it costs a
    /// read some nanoseconds, and threads that read the same shard a little more).
    pub fn count_reads(mut self, count_reads: bool) -> Self {
        self.count_reads = count_reads;
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        let budgets_match = match (&self.budget, &other.budget) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is(b),
            _ => false,
        };
        budgets_match
            && self.eviction == other.eviction
            && self.recorded == other.recorded
            && self.count_reads == other.count_reads
    }
}

/// A named keyspace: see the module.
#[derive(Debug)]
pub(crate) struct Keyspace {
    /// Its place in the engine's list; locks are taken in the order of (id, shard).
    pub(crate) id: u32,
    pub(crate) name: Arc<str>,
    pub(crate) options: NamespaceOptions,
    pub(crate) evictor: Option<Evictor>,
    pub(crate) shards: Box<[CachePadded<Shard>]>,
    seed: ahash::RandomState,
    shard_bits: u32,
    /// False for a budget of entries.
    weighs_bytes: bool,
}

impl Keyspace {
    pub(crate) fn new(
        id: u32,
        name: Arc<str>,
        options: NamespaceOptions,
        shards: usize,
        seed: ahash::RandomState,
        now_ms: u64,
    ) -> Self {
        let shard_bits = shards.next_power_of_two().trailing_zeros();
        options.budget.iter().for_each(Budget::join);
        Self {
            id,
            name,
            evictor: options.budget.as_ref().and_then(|_| Evictor::new(options.eviction)),
            shards: (0..1 << shard_bits).map(|_| Shard::new(shard_bits, now_ms).into()).collect(),
            seed,
            shard_bits,
            weighs_bytes: options.budget.as_ref().is_none_or(|b| b.unit() == Unit::Bytes),
            options,
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// The shard of a hash: the bits below the seven that the tables tag their slots with.
    #[inline]
    pub(crate) fn shard_of(&self, hash: u64) -> u32 {
        // Two shifts, so that a single shard (no bits) needs no case of its own.
        (order(hash, 0) >> 1 >> (63 - self.shard_bits)) as u32
    }

    pub(crate) fn shard_bits(&self) -> u32 {
        self.shard_bits
    }

    #[inline]
    pub(crate) fn budget(&self) -> Option<&Budget> {
        self.options.budget.as_ref()
    }

    /// True when a read leaves no trace: nothing counts it, nobody evicts by it.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !self.options.count_reads && self.evictor.is_none()
    }

    #[inline]
    pub(crate) fn counts_reads(&self) -> bool {
        self.options.count_reads
    }

    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.options.recorded
    }

    pub(crate) fn weighs_bytes(&self) -> bool {
        self.weighs_bytes
    }

    /// What an entry of `bytes` counts against the budget.
    pub(crate) fn weight_of(&self, bytes: u64) -> u64 {
        if self.weighs_bytes { bytes } else { 1 }
    }

    /// Replaces a share of the budget by another.
    pub(crate) fn charge(&self, before: u64, after: u64) {
        if let Some(budget) = self.budget() {
            budget.charge(before, after);
        }
    }

    /// `Err` for an entry of so many bytes that no eviction could make room for it.
    #[inline]
    pub(crate) fn check_weight(&self, bytes: impl FnOnce() -> u64) -> Result<()> {
        if let (Some(budget), true) = (self.budget(), self.evictor.is_some()) {
            let (needs, limit) = (self.weight_of(bytes()), budget.limit());
            if needs > limit {
                return Err(Error::EntryTooLarge { needs, limit });
            }
        }
        Ok(())
    }

    /// True when it holds one key or none. O(1) as a rule.
    pub(crate) fn has_one_at_most(&self) -> bool {
        let mut keys = 0;
        self.shards.iter().all(|shard| {
            keys += shard.state.read().table.len();
            keys <= 1
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.state.read().table.len()).sum()
    }

    /// Checks every shard's invariants. For tests only: O(n).
    pub(crate) fn assert_valid(&self) {
        let mut weight = 0;
        for shard in &self.shards {
            let state = shard.state.read();
            state.assert_valid(self);
            weight += if self.weighs_bytes { state.bytes } else { state.table.len() as u64 };
            let least = state.table.iter().filter_map(|entry| state.deadline(entry)).min();
            if let Some(least) = least {
                assert!(shard.next_due().is_some_and(|due| due <= least), "a deadline is missed");
            }
        }
        if let Some(evictor) = &self.evictor {
            evictor.assert_valid(self.len(), weight);
        }
    }
}

/// What is left when the engine goes: a value's `Drop` that panics keeps no other from being
/// dropped, and ends no process.
impl Drop for Keyspace {
    fn drop(&mut self) {
        for shard in &mut self.shards {
            shard.state.get_mut().table.pop_some(usize::MAX, |entry| {
                if let Value::Object(object) = entry.value {
                    inside::quietly(|| drop(object));
                }
            });
        }
    }
}

/// A handle to a namespace. Clones are cheap and are the same namespace.
///
/// Operations stand in groups by the kind of value that they work on; each is one step that no
/// other thread sees half done. Every group stands on [`Txn`](crate::Txn) too, where many
/// operations are one step.
///
/// ```
/// use larder_engine::Larder;
///
/// let larder = Larder::new();
/// let shop = larder.namespace("shop")?;
/// shop.strings().set("greeting", "hello")?;
/// assert_eq!(shop.strings().get("greeting")?.as_deref(), Some(&b"hello"[..]));
/// # Ok::<(), larder_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Namespace {
    pub(crate) live: Arc<Live>,
    pub(crate) keyspace: Arc<Keyspace>,
}

impl Namespace {
    /// The name it was made under.
    pub fn name(&self) -> &str {
        &self.keyspace.name
    }

    /// Strings: bytes under a key.
    pub fn strings(&self) -> Strings<'_, '_> {
        Strings(self.access())
    }

    /// Counters: strings that spell 64-bit integers.
    pub fn counters(&self) -> Counters<'_, '_> {
        Counters(self.access())
    }

    /// What works on keys of every kind: delete, expire, rename, scan.
    pub fn keys(&self) -> Keys<'_, '_> {
        Keys(self.access())
    }

    /// Sorted sets: members in the order of their scores.
    pub fn sorted_sets(&self) -> SortedSets<'_, '_> {
        SortedSets(self.access())
    }

    /// Leases: the value behind locks.
    pub fn leases(&self) -> Leases<'_, '_> {
        Leases(self.access())
    }

    /// Objects: values of the program's own types, kept as they are.
    pub fn objects(&self) -> Objects<'_, '_> {
        Objects(self.access())
    }

    /// The number of keys. O(shards). Keys past their deadline that nobody reclaimed yet count.
    ///
    /// # Panics
    ///
    /// Panics inside a transaction, which may have locked what it would look at.
    pub fn len(&self) -> usize {
        crate::inside::assert_outside();
        self.keyspace.len()
    }

    /// True when there is no key.
    ///
    /// # Panics
    ///
    /// As [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Figures of this moment. O(shards).
    ///
    /// # Panics
    ///
    /// As [`len`](Self::len).
    pub fn stats(&self) -> NamespaceStats {
        crate::inside::assert_outside();
        NamespaceStats::of(&self.keyspace)
    }

    /// Checks every invariant of its shards. For tests and fuzzing only: O(n).
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        self.keyspace.assert_valid();
    }

    pub(crate) fn core(&self) -> &Core {
        &self.live.core
    }

    fn access(&self) -> Access<'_, '_> {
        Access::Direct(self)
    }
}

/// Looks a namespace's options over when it is asked for a second time.
pub(crate) fn check_like(keyspace: &Keyspace, options: &NamespaceOptions) -> Result<()> {
    if keyspace.options.is_like(options) { Ok(()) } else { Err(Error::NamespaceExists) }
}
