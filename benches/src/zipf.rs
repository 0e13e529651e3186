//! Skewed access patterns, drawn before anything is timed.
//!
//! Rank `r` is drawn with probability proportional to `1 / r^0.99`, exactly (a binary search in the
//! cumulative sum). Which key has which rank is shuffled, so hot keys are not neighbours in memory.

use fastrand::Rng;

/// The exponent of the YCSB benchmark.
const EXPONENT: f64 = 0.99;

/// Draws `count` numbers below `keys`.
///
/// # Panics
/// When `keys` is 0.
#[must_use]
pub fn draws(keys: u32, count: usize, seed: u64) -> Vec<u32> {
    assert!(keys > 0, "nothing to draw from");
    let mut total = 0.0;
    let cumulative: Vec<f64> = (1..=keys)
        .map(|rank| {
            total += f64::from(rank).powf(-EXPONENT);
            total
        })
        .collect();
    // One permutation for all seeds: several threads agree on which keys are hot.
    let mut key_of_rank: Vec<u32> = (0..keys).collect();
    Rng::with_seed(u64::from(keys)).shuffle(&mut key_of_rank);

    let mut rng = Rng::with_seed(seed);
    (0..count)
        .map(|_| {
            let draw = rng.f64() * total;
            let rank = cumulative.partition_point(|sum| *sum <= draw);
            key_of_rank[rank.min(key_of_rank.len() - 1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_key_gets_its_share() {
        let drawn = draws(1000, 200_000, 1);
        let mut counts = vec![0u32; 1000];
        drawn.iter().for_each(|key| counts[*key as usize] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // 1 / (sum of r^-0.99 for r in 1..=1000) = 0.1294.
        assert!((25_200..26_600).contains(&counts[0]), "hottest drawn {} times", counts[0]);
        assert!((12_500..13_600).contains(&counts[1]), "second drawn {} times", counts[1]);
    }

    #[test]
    fn seeds_agree_on_which_keys_are_hot() {
        let hottest = |seed| {
            let mut counts = vec![0u32; 100];
            draws(100, 50_000, seed).iter().for_each(|key| counts[*key as usize] += 1);
            (0..100).max_by_key(|key| counts[*key])
        };
        assert_eq!(hottest(1), hottest(2));
    }
}
