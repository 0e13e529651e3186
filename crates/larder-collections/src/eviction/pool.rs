//! [`Pool`]: the best victims across samplings.
//!
//! One sample of five entries is a poor view of a million. As in Redis, what a sampling finds is
//! put beside what earlier ones found, and only the sixteen best stay; over time they come near
//! to the worst entries of all. The holder checks a victim when it is popped: it may have been
//! deleted or touched since.
//!
//! ```text
//! offer(score, who) -> [ 3 | 10 | 11 | .. | 400 ] -> pop_best
//!                       worst, first to go    best
//! ```

/// How many candidates a pool holds.
pub const POOL: usize = 16;

/// The best victims seen so far, by score; `T` says who it is.
#[derive(Clone, Debug)]
pub struct Pool<T> {
    /// In the order of scores.
    entries: Vec<(u64, T)>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T: PartialEq> Pool<T> {
    /// Puts a candidate in, unless the pool is full of better ones. One that is in it already gets
    /// its new score. O([`POOL`]).
    ///
    /// ```
    /// use larder_collections::eviction::Pool;
    ///
    /// let mut pool = Pool::default();
    /// pool.offer(20, "idle");
    /// pool.offer(50, "idler");
    /// pool.offer(5, "busy");
    /// assert_eq!(pool.pop_best(), Some((50, "idler")));
    /// assert_eq!(pool.pop_best(), Some((20, "idle")));
    /// ```
    pub fn offer(&mut self, score: u64, candidate: T) {
        if let Some(at) = self.entries.iter().position(|(_, known)| *known == candidate) {
            self.entries.remove(at);
        }
        let at = self.entries.partition_point(|(other, _)| *other < score);
        if self.entries.len() < POOL {
            self.entries.insert(at, (score, candidate));
        } else if at > 0 {
            // The worst goes, and the places below `at` move down.
            self.entries[..at].rotate_left(1);
            self.entries[at - 1] = (score, candidate);
        }
    }
}

impl<T> Pool<T> {
    /// Takes out the candidate with the greatest score.
    pub fn pop_best(&mut self) -> Option<(u64, T)> {
        self.entries.pop()
    }

    /// Forgets all candidates.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many candidates there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Checks the invariants. For tests and fuzzing only.
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        assert!(self.entries.len() <= POOL);
        assert!(self.entries.is_sorted_by_key(|(score, _)| *score), "a pool out of order");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    proptest! {
        #[test]
        fn a_pool_keeps_the_best_of_all_that_was_offered(
            offers in prop::collection::btree_map(any::<u16>(), 0u64..200, 0..100),
            order: u64,
        ) {
            let mut offers: Vec<(u16, u64)> = offers.into_iter().collect();
            fastrand::Rng::with_seed(order).shuffle(&mut offers);
            let mut pool = Pool::default();
            for &(who, score) in &offers {
                pool.offer(score, who);
                pool.assert_valid();
            }
            let mut best: Vec<u64> = offers.iter().map(|&(_, score)| score).collect();
            best.sort_unstable_by(|a, b| b.cmp(a));
            best.truncate(POOL);
            let scores: BTreeMap<u16, u64> = offers.into_iter().collect();
            let popped: Vec<(u64, u16)> = std::iter::from_fn(|| pool.pop_best()).collect();
            prop_assert!(popped.iter().all(|(score, who)| scores[who] == *score));
            prop_assert_eq!(popped.iter().map(|(score, _)| *score).collect::<Vec<_>>(), best);
        }
    }

    #[test]
    fn a_candidate_seen_again_has_its_latest_score_only() {
        let mut pool = Pool::default();
        for who in 0..POOL {
            pool.offer(100 + who as u64, who);
        }
        pool.offer(1, 7);
        assert_eq!(pool.len(), POOL);
        pool.offer(500, 7);
        pool.assert_valid();
        assert_eq!(pool.pop_best(), Some((500, 7)));
        assert_eq!(pool.len(), POOL - 1);
    }
}
