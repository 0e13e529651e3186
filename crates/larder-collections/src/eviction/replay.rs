//! Replays references against the policy, by the protocol that an engine follows: entries count
//! their own hits, in two bits, and the policy hears of them when it looks.
//!
//! Synthetic references pin down what the policy is for. Real ones, in files of one number a line,
//! compressed by gzip, come from the folder that `LARDER_TRACES` names.

use std::collections::HashMap;

use super::{AdaptiveS3Fifo, MAX_HITS, Slot, Verdict};

/// A cache of keys alone.
struct Cache {
    policy: AdaptiveS3Fifo,
    capacity: u64,
    weigh: fn(u64) -> u64,
    entries: HashMap<u64, (Slot, u8)>,
    hasher: ahash::RandomState,
}

impl Cache {
    /// Room for so many keys.
    fn new(capacity: u64) -> Self {
        Self::weighing(capacity, |_| 1)
    }

    /// Room for keys that weigh so much together.
    fn weighing(capacity: u64, weigh: fn(u64) -> u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let (policy, entries) = (AdaptiveS3Fifo::new(), HashMap::new());
        Self { policy, capacity, weigh, entries, hasher }
    }

    /// Reads `key`, or puts it in; true when it was there.
    fn refer(&mut self, key: u64) -> bool {
        let hash = self.hasher.hash_one(key);
        if let Some((_, hits)) = self.entries.get_mut(&hash) {
            *hits = (*hits + 1).min(MAX_HITS);
            return true;
        }
        self.entries.insert(hash, (self.policy.insert(hash, (self.weigh)(key)), 0));
        while self.policy.weight() > self.capacity {
            let candidate = self.policy.candidate().expect("it is over its capacity");
            let (slot, hits) = self.entries.get_mut(&candidate.hash()).expect("it is resident");
            assert_eq!(*slot, candidate.slot());
            match self.policy.decide(candidate, std::mem::take(hits)) {
                Verdict::Evict => _ = self.entries.remove(&candidate.hash()),
                Verdict::Keep => {}
                Verdict::Stale => unreachable!("nothing happened meanwhile"),
            }
        }
        false
    }

    /// The percentage of hits.
    fn replay(&mut self, keys: impl IntoIterator<Item = u64>) -> f64 {
        let (mut hits, mut all) = (0, 0);
        for key in keys {
            hits += u64::from(self.refer(key));
            all += 1;
        }
        self.policy.assert_valid();
        assert_eq!(self.policy.len(), self.entries.len());
        100.0 * hits as f64 / all as f64
    }
}

/// The percentage of hits of exact LRU.
fn lru(capacity: usize, keys: impl IntoIterator<Item = u64>) -> f64 {
    let (mut last, mut order) = (HashMap::new(), std::collections::BTreeMap::new());
    let (mut hits, mut all) = (0, 0);
    for key in keys {
        all += 1;
        let previous = last.insert(key, all);
        hits += u64::from(previous.is_some_and(|at| order.remove(&at).is_some()));
        order.insert(all, key);
        if order.len() > capacity {
            order.pop_first();
        }
    }
    100.0 * hits as f64 / all as f64
}

/// Keys 0.. by the Zipf distribution of exponent `skew`: inverse of the continuous one.
fn zipf(keys: u64, skew: f64, count: usize) -> impl Iterator<Item = u64> {
    let mut rng = fastrand::Rng::with_seed(keys ^ skew.to_bits());
    let power = 1.0 - skew;
    let span = ((keys + 1) as f64).powf(power) - 1.0;
    std::iter::repeat_with(move || (1.0 + span * rng.f64()).powf(1.0 / power) as u64 - 1)
        .take(count)
}

#[test]
fn a_scan_does_not_flush_the_hot_set() {
    let mut cache = Cache::new(1000);
    cache.replay((0..20_000).map(|n| n % 500));
    cache.replay(1_000_000..1_050_000);
    assert!(cache.replay(0..500) > 99.0);
}

#[test]
fn a_scan_between_hits_costs_little() {
    let hot = || zipf(10_000, 0.9, 100_000);
    let mut stranger = 1_000_000..;
    let scanned = hot().flat_map(|key| [key, stranger.next().expect("endless")]);
    let quiet = Cache::new(500).replay(hot());
    // Of the references, half are the scan's and cannot hit.
    let disturbed = 2.0 * Cache::new(500).replay(scanned);
    assert!(disturbed > 0.9 * quiet, "{disturbed} of {quiet}");
}

#[test]
fn a_loop_larger_than_the_cache_hits_nearly_as_often_as_can_be() {
    let mut cache = Cache::new(200);
    let turns = |n: u64| (0..n * 1000).map(|n| n % 1000);
    assert_eq!(lru(200, turns(10)), 0.0);
    cache.replay(turns(2));
    assert!(cache.replay(turns(20)) > 18.0);
}

#[test]
fn a_loop_that_follows_other_load_is_learnt() {
    let mut cache = Cache::new(500);
    cache.replay(zipf(20_000, 0.9, 50_000));
    let turns = |n: u64| (0..n * 1000).map(|n| 1 << 32 | (n % 1000));
    cache.replay(turns(100));
    // Of a loop twice the cache, half can hit; without patience, nothing would.
    let rate = cache.replay(turns(10));
    assert!(rate > 40.0, "{rate}");
}

#[test]
fn the_cache_follows_a_working_set_that_moves() {
    let mut cache = Cache::new(1000);
    for epoch in 0..10 {
        let keys = || zipf(900, 0.8, 20_000).map(|key| epoch * 1_000_000 + key);
        let rate = cache.replay(keys());
        assert!(rate > 90.0, "epoch {epoch}: {rate}");
    }
}

#[test]
fn zipf_is_served_better_than_by_lru() {
    for skew in [0.8, 0.99, 1.2] {
        let keys = || zipf(100_000, skew, 200_000);
        let (ours, lru) = (Cache::new(2000).replay(keys()), lru(2000, keys()));
        assert!(ours > lru + 1.0, "skew {skew}: {ours} {lru}");
    }
}

#[test]
fn weights_in_bytes_serve_as_well_as_counts() {
    let keys = || zipf(100_000, 0.9, 200_000);
    let counted = Cache::new(2000).replay(keys());
    // From 100 to 3900 bytes, whatever the key's popularity: 2000 in the mean.
    let mut cache = Cache::weighing(2000 * 2000, |key| 100 + key * 1009 % 3801);
    let weighed = cache.replay(keys());
    assert!((weighed - counted).abs() < 2.0, "{weighed} {counted}");
    assert!((1800..2300).contains(&cache.policy.len()), "{}", cache.policy.len());
}

/// Real traces: name, capacity, the best rival's percentage (`moka`, `quick_cache`, exact LRU).
const CASES: [(&str, u64, f64); 14] = [
    ("2_pools", 99, 48.5),
    ("2_pools", 496, 51.9),
    ("2_pools", 1987, 59.3),
    ("loop", 50, 4.9),
    ("loop", 202, 19.6),
    ("oltp", 1868, 44.0),
    ("oltp", 9344, 60.7),
    ("oltp", 37_376, 72.0),
    ("sprite", 70, 25.4),
    ("sprite", 353, 65.6),
    ("sprite", 1415, 92.2),
    ("web12", 137, 39.7),
    ("web12", 687, 63.5),
    ("web12", 2751, 77.4),
];
/// The best rival's mean over these cases.
const BEST_MEAN: f64 = 51.2;

#[test]
fn real_traces_are_served_as_well_as_by_the_best() {
    let Some(folder) = std::env::var_os("LARDER_TRACES") else {
        eprintln!("skipped: LARDER_TRACES does not name a folder of traces");
        return;
    };
    let (mut sum, mut failed) = (0.0, Vec::new());
    for (name, capacity, best) in CASES {
        let path = std::path::Path::new(&folder).join(format!("{name}.txt.gz"));
        let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
        let keys = text.lines().map(|line| line.parse().expect("a number a line"));
        let ours = Cache::new(capacity).replay(keys);
        println!("{name:8} {capacity:6}  {ours:5.1}  best rival {best:5.1}");
        sum += ours;
        if ours < best - 2.0 {
            failed.push((name, capacity));
        }
    }
    let mean = sum / CASES.len() as f64;
    println!("mean             {mean:5.2}  best rival {BEST_MEAN:5.2}");
    assert!(failed.is_empty(), "more than 2 points under the best: {failed:?}");
    assert!(mean > BEST_MEAN);
}
