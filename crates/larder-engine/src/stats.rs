//! Figures: what the engine and its namespaces hold and did.

use larder_base::sync::atomic::Ordering;

use crate::namespace::Keyspace;

/// Figures of an engine at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Every namespace, in the order in which they were made.
    pub namespaces: Vec<NamespaceStats>,
    /// Large values that were removed and are not wholly freed yet.
    pub dropping: usize,
    /// How many times a listener panicked.
    pub listener_panics: u64,
}

/// Figures of a namespace at one moment; the counts are since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceStats {
    /// Its name.
    pub name: String,
    /// Keys, those past their deadline that nobody reclaimed yet included.
    pub keys: usize,
    /// Keys that have a deadline.
    pub keys_with_deadline: usize,
    /// What its entries are charged, in bytes: keys, values, and the engine's cost an entry.
    pub bytes: u64,
    /// Direct reads that found their key, where
    /// [reads are counted](crate::NamespaceOptions::count_reads).
    pub hits: u64,
    /// Direct reads that did not, where reads are counted.
    pub misses: u64,
    /// Keys that passed their deadline and were reclaimed.
    pub expired: u64,
    /// Keys that were evicted.
    pub evicted: u64,
    /// Waits: one for each key that a waiter waits for.
    pub waits: usize,
}

impl NamespaceStats {
    pub(crate) fn of(keyspace: &Keyspace) -> Self {
        let mut stats = Self { name: keyspace.name.to_string(), ..Self::default() };
        for shard in &keyspace.shards {
            let state = shard.state.read();
            stats.keys += state.table.len();
            stats.keys_with_deadline += state.wheel.len();
            stats.bytes += state.bytes;
            stats.expired += state.expired;
            stats.evicted += state.evicted;
            stats.waits += state.crowd.as_ref().map_or(0, |crowd| crowd.waits());
            stats.hits += shard.hits.load(Ordering::Relaxed);
            stats.misses += shard.misses.load(Ordering::Relaxed);
        }
        stats
    }
}
