//! Caches as the `hit_ratio` suite sees them, exact LRU, and the optimum.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A cache of a fixed number of keys.
pub trait Policy {
    /// Looks a key up, and caches it if it was not there. Whether it was.
    fn access(&mut self, key: u64) -> bool;
}

/// The share of hits over a trace, in percent.
pub fn hit_percent(policy: &mut dyn Policy, trace: &[u64]) -> f64 {
    let hits = trace.iter().filter(|key| policy.access(**key)).count();
    100.0 * hits as f64 / trace.len().max(1) as f64
}

/// Evicts the key that was used longest ago.
#[derive(Debug)]
pub struct ExactLru {
    capacity: usize,
    now: u64,
    used_at: HashMap<u64, u64>,
    by_use: BTreeMap<u64, u64>,
}

impl ExactLru {
    /// Room for `capacity` keys.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, now: 0, used_at: HashMap::new(), by_use: BTreeMap::new() }
    }
}

impl Policy for ExactLru {
    fn access(&mut self, key: u64) -> bool {
        self.now += 1;
        let before = self.used_at.insert(key, self.now);
        if let Some(before) = before {
            self.by_use.remove(&before);
        } else if self.by_use.len() == self.capacity
            && let Some((_, coldest)) = self.by_use.pop_first()
        {
            self.used_at.remove(&coldest);
        }
        self.by_use.insert(self.now, key);
        before.is_some()
    }
}

/// The hits of the best cache that knows the future, in percent: it keeps the keys that are needed
/// soonest, and need not take in a key that is needed last of all (L. A. Belady, "A study of replacement
/// algorithms for a virtual-storage computer", 1966).
#[must_use]
pub fn optimum_percent(trace: &[u64], capacity: usize) -> f64 {
    let mut seen = HashMap::new();
    let mut next_use = vec![usize::MAX; trace.len()];
    for (at, key) in trace.iter().enumerate().rev() {
        if let Some(next) = seen.insert(*key, at) {
            next_use[at] = next;
        }
    }
    // Every kept key is filed under its next use; the current one, if kept, is the least.
    let mut kept: BTreeSet<(usize, u64)> = BTreeSet::new();
    let mut hits = 0u64;
    for (at, key) in trace.iter().enumerate() {
        hits += u64::from(kept.remove(&(at, *key)));
        kept.insert((next_use[at], *key));
        if kept.len() > capacity {
            kept.pop_last();
        }
    }
    100.0 * hits as f64 / trace.len().max(1) as f64
}

/// `quick_cache` with its default options, as one shard: the form whose few shards do not cost it hits
/// at small capacities.
#[cfg(feature = "rivals")]
pub mod quick {
    use quick_cache::unsync::Cache;

    use super::Policy;

    /// See the module.
    #[derive(Debug)]
    pub struct QuickCache(Cache<u64, ()>);

    impl QuickCache {
        /// Room for `capacity` keys.
        #[must_use]
        pub fn new(capacity: usize) -> Self {
            Self(Cache::new(capacity))
        }
    }

    impl Policy for QuickCache {
        fn access(&mut self, key: u64) -> bool {
            let hit = self.0.get(&key).is_some();
            if !hit {
                self.0.insert(key, ());
            }
            hit
        }
    }
}

/// `moka`'s concurrent cache with its default policy.
///
/// It defers its bookkeeping and holds more than its capacity until then. Here its pending tasks run
/// every [`EVERY`](moka::EVERY) accesses: left to themselves they run after some 64 writes, and the
/// surplus of those flatters a cache of a hundred keys; after every access, its admission suffers.
#[cfg(feature = "rivals")]
pub mod moka {
    use moka::sync::Cache;

    use super::Policy;

    /// Accesses between two runs of the pending tasks.
    pub const EVERY: u32 = 16;

    /// See the module.
    #[derive(Debug)]
    pub struct Moka {
        cache: Cache<u64, ()>,
        accesses: u32,
    }

    impl Moka {
        /// Room for `capacity` keys.
        #[must_use]
        pub fn new(capacity: usize) -> Self {
            Self { cache: Cache::new(capacity as u64), accesses: 0 }
        }
    }

    impl Policy for Moka {
        fn access(&mut self, key: u64) -> bool {
            let hit = self.cache.get(&key).is_some();
            if !hit {
                self.cache.insert(key, ());
            }
            self.accesses += 1;
            if self.accesses.is_multiple_of(EVERY) {
                self.cache.run_pending_tasks();
            }
            hit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lru_forgets_the_key_used_longest_ago() {
        let mut lru = ExactLru::new(2);
        let hits: Vec<_> = [1, 2, 1, 3, 1, 2].map(|key| lru.access(key)).into();
        assert_eq!(hits, [false, false, true, false, true, false]);
    }

    #[test]
    fn the_optimum_of_a_loop_is_what_fits() {
        // 1 2 3 4, four times over, room for 2: the first pass misses; afterwards two of four hit.
        let trace: Vec<u64> = (0..16).map(|at| at % 4).collect();
        let hits = (optimum_percent(&trace, 2) * 16.0 / 100.0).round();
        assert_eq!(hits, 6.0);
        let mut lru = ExactLru::new(2);
        assert_eq!(hit_percent(&mut lru, &trace), 0.0);
    }
}
