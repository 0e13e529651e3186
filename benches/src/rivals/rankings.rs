//! Sorted sets under one interface. Members are 16 bytes, held inline; the set orders
//! `(score, member)`, and a hash map finds a member's score.
//!
//! | rival | rank, n-th | around a member |
//! |---|---|---|
//! | `BTreeSet` + `HashMap` | no | two ranges |
//! | `skiplist` + `HashMap` | yes | rank, then a walk |
//! | `indexset` + `HashMap` | yes | rank, then a range by rank |
//! | `crossbeam-skiplist` + `HashMap` | no | links both ways |
//!
//! They have one owner and no lock; larder's side pays for its keyspace and its lock.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::data::Short;

/// How many members on either side count as *around*.
pub const AROUND: usize = 5;

/// How many members count as *top*.
pub const TOP: usize = 10;

/// A sorted set. What the ranges find is folded by `see`, in the set's order.
pub trait Ranking {
    /// Inserts a member, or gives it another score.
    fn put(&mut self, member: &Short, score: f64);

    /// Ascending rank, from 0. `None` if the structure cannot say.
    fn rank(&self, member: &Short) -> Option<usize>;

    /// The member of a rank, and its score. `false` if the structure cannot say.
    fn nth(&self, rank: usize, see: impl FnMut(&[u8], f64)) -> bool;

    /// The [`TOP`] members, greatest first.
    fn top(&self, see: impl FnMut(&[u8], f64));

    /// The member, [`AROUND`] below and [`AROUND`] above, in ascending order.
    fn around(&self, member: &Short, see: impl FnMut(&[u8], f64));

    /// Scores from `low` to `high`, both included, in ascending order.
    fn by_score(&self, low: f64, high: f64, see: impl FnMut(&[u8], f64));
}

/// What the rivals order.
#[derive(Clone, Copy, Debug)]
struct Place {
    score: f64,
    member: Short,
}

impl Place {
    const fn first_of(score: f64) -> Self {
        Self { score, member: [0; 16] }
    }

    const fn last_of(score: f64) -> Self {
        Self { score, member: [0xFF; 16] }
    }
}

impl Ord for Place {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| self.member.cmp(&other.member))
    }
}

impl PartialOrd for Place {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}

/// The scores by member, shared by all rivals.
#[derive(Debug, Default)]
struct Scores(HashMap<Short, f64>);

impl Scores {
    fn place(&self, member: &Short) -> Option<Place> {
        self.0.get(member).map(|score| Place { score: *score, member: *member })
    }

    /// Files the new score; the old place, if it differs, is to be vacated.
    fn put(&mut self, new: Place) -> Option<Place> {
        let old = self.0.insert(new.member, new.score)?;
        Some(Place { score: old, member: new.member })
    }
}

/// `BTreeSet` beside a hash map.
#[derive(Debug, Default)]
pub struct BTree {
    scores: Scores,
    order: BTreeSet<Place>,
}

impl Ranking for BTree {
    fn put(&mut self, member: &Short, score: f64) {
        let new = Place { score, member: *member };
        if let Some(old) = self.scores.put(new) {
            self.order.remove(&old);
        }
        self.order.insert(new);
    }

    fn rank(&self, _: &Short) -> Option<usize> {
        None
    }

    fn nth(&self, _: usize, _: impl FnMut(&[u8], f64)) -> bool {
        false
    }

    fn top(&self, mut see: impl FnMut(&[u8], f64)) {
        self.order.iter().rev().take(TOP).for_each(|place| see(&place.member, place.score));
    }

    fn around(&self, member: &Short, mut see: impl FnMut(&[u8], f64)) {
        let Some(place) = self.scores.place(member) else { return };
        let mut below = [place; AROUND];
        let mut found = 0;
        for (slot, place) in below.iter_mut().zip(self.order.range(..place).rev()) {
            *slot = *place;
            found += 1;
        }
        below[..found].iter().rev().for_each(|place| see(&place.member, place.score));
        let from_here = self.order.range(place..).take(AROUND + 1);
        from_here.for_each(|place| see(&place.member, place.score));
    }

    fn by_score(&self, low: f64, high: f64, mut see: impl FnMut(&[u8], f64)) {
        let range = self.order.range(Place::first_of(low)..=Place::last_of(high));
        range.for_each(|place| see(&place.member, place.score));
    }
}

/// `skiplist`.
#[cfg(feature = "rivals")]
pub mod skip {
    use std::ops::Bound;

    use skiplist::OrderedSkipList;

    use super::{AROUND, Place, Ranking, Scores, Short, TOP};

    /// See the module.
    #[derive(Debug, Default)]
    pub struct SkipList {
        scores: Scores,
        order: OrderedSkipList<Place>,
    }

    impl Ranking for SkipList {
        fn put(&mut self, member: &Short, score: f64) {
            let new = Place { score, member: *member };
            if let Some(old) = self.scores.put(new) {
                self.order.take(&old);
            }
            self.order.insert(new);
        }

        fn rank(&self, member: &Short) -> Option<usize> {
            self.order.rank(&self.scores.place(member)?)
        }

        fn nth(&self, rank: usize, mut see: impl FnMut(&[u8], f64)) -> bool {
            let place = self.order.get_by_index(rank);
            place.is_some_and(|place| {
                see(&place.member, place.score);
                true
            })
        }

        fn top(&self, mut see: impl FnMut(&[u8], f64)) {
            self.order.iter().rev().take(TOP).for_each(|place| see(&place.member, place.score));
        }

        fn around(&self, member: &Short, mut see: impl FnMut(&[u8], f64)) {
            let Some(place) = self.scores.place(member) else { return };
            let mut cursor = self.order.lower_bound(Bound::Included(&place));
            let below = (0..AROUND).take_while(|_| cursor.prev().is_some()).count();
            for _ in 0..=below + AROUND {
                let Some(place) = cursor.next() else { break };
                see(&place.member, place.score);
            }
        }

        fn by_score(&self, low: f64, high: f64, mut see: impl FnMut(&[u8], f64)) {
            let mut cursor = self.order.lower_bound(Bound::Included(&Place::first_of(low)));
            while let Some(place) = cursor.next().filter(|place| place.score <= high) {
                see(&place.member, place.score);
            }
        }
    }
}

/// `indexset`.
#[cfg(feature = "rivals")]
pub mod index {
    use indexset::BTreeSet;

    use super::{AROUND, Place, Ranking, Scores, Short, TOP};

    /// See the module.
    #[derive(Debug, Default)]
    pub struct IndexSet {
        scores: Scores,
        order: BTreeSet<Place>,
    }

    impl Ranking for IndexSet {
        fn put(&mut self, member: &Short, score: f64) {
            let new = Place { score, member: *member };
            if let Some(old) = self.scores.put(new) {
                self.order.remove(&old);
            }
            self.order.insert(new);
        }

        fn rank(&self, member: &Short) -> Option<usize> {
            Some(self.order.rank(&self.scores.place(member)?))
        }

        fn nth(&self, rank: usize, mut see: impl FnMut(&[u8], f64)) -> bool {
            let place = self.order.get_index(rank);
            place.is_some_and(|place| {
                see(&place.member, place.score);
                true
            })
        }

        fn top(&self, mut see: impl FnMut(&[u8], f64)) {
            self.order.iter().rev().take(TOP).for_each(|place| see(&place.member, place.score));
        }

        fn around(&self, member: &Short, mut see: impl FnMut(&[u8], f64)) {
            let Some(rank) = self.rank(member) else { return };
            let end = (rank + AROUND + 1).min(self.order.len());
            let range = self.order.range_idx(rank.saturating_sub(AROUND)..end);
            range.for_each(|place| see(&place.member, place.score));
        }

        fn by_score(&self, low: f64, high: f64, mut see: impl FnMut(&[u8], f64)) {
            let range = self.order.range(Place::first_of(low)..=Place::last_of(high));
            range.for_each(|place| see(&place.member, place.score));
        }
    }
}

/// `crossbeam-skiplist`.
#[cfg(feature = "rivals")]
pub mod crossbeam {
    use crossbeam_skiplist::SkipSet;

    use super::{AROUND, Place, Ranking, Scores, Short, TOP};

    /// See the module.
    #[derive(Default)]
    pub struct Crossbeam {
        scores: Scores,
        order: SkipSet<Place>,
    }

    impl std::fmt::Debug for Crossbeam {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Crossbeam").field("members", &self.order.len()).finish()
        }
    }

    impl Ranking for Crossbeam {
        fn put(&mut self, member: &Short, score: f64) {
            let new = Place { score, member: *member };
            if let Some(old) = self.scores.put(new) {
                self.order.remove(&old);
            }
            self.order.insert(new);
        }

        fn rank(&self, _: &Short) -> Option<usize> {
            None
        }

        fn nth(&self, _: usize, _: impl FnMut(&[u8], f64)) -> bool {
            false
        }

        fn top(&self, mut see: impl FnMut(&[u8], f64)) {
            self.order.iter().rev().take(TOP).for_each(|entry| see(&entry.member, entry.score));
        }

        fn around(&self, member: &Short, mut see: impl FnMut(&[u8], f64)) {
            let Some(place) = self.scores.place(member) else { return };
            let Some(mut entry) = self.order.get(&place) else { return };
            let below = (0..AROUND).take_while(|_| entry.move_prev()).count();
            see(&entry.member, entry.score);
            for _ in 0..below + AROUND {
                if !entry.move_next() {
                    break;
                }
                see(&entry.member, entry.score);
            }
        }

        fn by_score(&self, low: f64, high: f64, mut see: impl FnMut(&[u8], f64)) {
            let range = self.order.range(Place::first_of(low)..=Place::last_of(high));
            range.for_each(|entry| see(&entry.member, entry.score));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{score, short};

    /// Everything the interface can be asked, in one transcript.
    fn transcript(mut ranking: impl Ranking) -> Vec<(Vec<u8>, f64)> {
        let mut seen = Vec::new();
        for id in 0..200 {
            ranking.put(&short(id), score(u64::from(id)));
        }
        for id in 0..100 {
            ranking.put(&short(id), score(u64::from(id) + 1000));
        }
        ranking.top(|member, score| seen.push((member.to_vec(), score)));
        for id in 0..200 {
            ranking.around(&short(id), |member, score| seen.push((member.to_vec(), score)));
        }
        ranking.by_score(250_000.0, 600_000.0, |member, score| seen.push((member.to_vec(), score)));
        for id in 0..200 {
            if let Some(rank) = ranking.rank(&short(id)) {
                let mut found = Vec::new();
                assert!(ranking.nth(rank, |member, _| found.extend_from_slice(member)));
                assert_eq!(found, short(id));
            }
        }
        seen
    }

    #[test]
    fn all_contestants_answer_alike() {
        let expected = transcript(BTree::default());
        assert!(expected.len() > 2000);
        assert!(expected == transcript(crate::larder::SortedSet::open()), "larder differs");
        #[cfg(feature = "rivals")]
        {
            assert!(expected == transcript(skip::SkipList::default()), "skiplist differs");
            assert!(expected == transcript(index::IndexSet::default()), "indexset differs");
            assert!(expected == transcript(crossbeam::Crossbeam::default()), "crossbeam differs");
        }
    }
}
