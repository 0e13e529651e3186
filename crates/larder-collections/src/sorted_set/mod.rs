//! A sorted set: members, each with a score, in order of score and then of bytes.
//!
//! ```text
//! packed   one buffer, no pointers            to 128 members of 64 bytes
//! large    slab + hash index + B-skip list    beyond
//! ```
//!
//! A set starts packed, becomes large at the first member that does not fit, and is
//! packed again only once it was empty. Ranks count from 0 in ascending order. Ranges by
//! score and by member are asked for as ranges of ranks ([`SortedSet::score_range`],
//! [`SortedSet::lex_range`]), so counting costs no walk and every range has one form:
//!
//! ```
//! use std::ops::Bound::{Included, Unbounded};
//! use larder_collections::sorted_set::SortedSet;
//!
//! let mut set = SortedSet::new();
//! for (member, score) in [("ada", 3.0), ("bob", 1.0), ("cyd", 2.0)] {
//!     set.insert(member.as_bytes(), score);
//! }
//! assert_eq!(set.insert(b"bob", 9.0), Some(1.0));
//! assert_eq!(set.rank(b"bob"), Some(2));
//! let best = set.score_range(Included(2.5), Unbounded);
//! assert!(set.range(best).rev().eq([(&b"bob"[..], 9.0), (&b"ada"[..], 3.0)]));
//! ```
//!
//! # Scores
//!
//! Any `f64` but NaN, infinities included. `-0.0` equals `0.0`; the sign of a zero is kept
//! as it was first given, and an update to an equal score changes nothing.
//!
//! # Cost
//!
//! Packed, all is at most a walk over the buffer. Large, `score` is O(1), the rest is O(log n),
//! and a range costs O(log n) and O(1) an entry. No operation but a walk copies or moves more
//! than a few blocks, however large the set, except the one step from packed to large. A large
//! set of short members takes some 60 bytes a member; a member of more than 23 bytes is on the
//! heap besides.

mod block;
mod bounds;
mod bskip;
mod large;
mod packed;
mod rebalance;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::{Bound, Range};

use crate::blob::Blob;
use large::Large;
use packed::Packed;

/// Members with scores, in order. See the [module](self).
pub struct SortedSet {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Packed(Packed),
    Large(Box<Large>),
}

// A set lives in a keyspace by the million.
const _: () = assert!(size_of::<SortedSet>() == 2 * size_of::<usize>());

/// The number by which a score is ordered: as the scores, zeros equal.
fn order(score: f64) -> i64 {
    // Adding zero makes a negative zero positive.
    let bits = (score + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl Default for SortedSet {
    fn default() -> Self {
        Self { form: Form::Packed(Packed::default()) }
    }
}

/// Looking.
impl SortedSet {
    /// An empty set, which holds no heap.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.len(),
            Form::Large(large) => large.len(),
        }
    }

    /// True when there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True while the set is in its compact form.
    pub fn is_packed(&self) -> bool {
        matches!(self.form, Form::Packed(_))
    }

    /// The bytes that the set holds on the heap, itself not included. O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.heap_bytes(),
            Form::Large(large) => size_of::<Large>() + large.heap_bytes(),
        }
    }

    /// The score of `member`.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.form {
            Form::Packed(packed) => packed.find(member).map(|rank| packed.score(rank)),
            Form::Large(large) => large.score(member),
        }
    }

    /// How many members come before `member`.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.form {
            Form::Packed(packed) => packed.find(member),
            Form::Large(large) => large.rank(member),
        }
    }

    /// The member of this rank, and its score.
    pub fn nth(&self, rank: usize) -> Option<(&[u8], f64)> {
        match &self.form {
            Form::Packed(packed) if rank < packed.len() => {
                Some((packed.member(rank), packed.score(rank)))
            }
            Form::Packed(_) => None,
            Form::Large(large) => large.nth(rank),
        }
    }

    /// A uniformly random member, and its score.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<(&[u8], f64)> {
        if self.is_empty() { None } else { self.nth(rng.usize(..self.len())) }
    }

    /// All members in order.
    pub fn iter(&self) -> Entries<'_> {
        self.range(0..self.len())
    }

    /// The members of these ranks in order; ranks past the end have none.
    pub fn range(&self, ranks: Range<usize>) -> Entries<'_> {
        let ranks = self.clamp(ranks);
        let walk = match &self.form {
            Form::Packed(packed) => Either::Packed(packed.entries(ranks)),
            Form::Large(large) => Either::Large(large.entries(ranks)),
        };
        Entries { walk }
    }

    /// The ranks of the members with scores from `min` to `max`; none if `min` is above `max`.
    pub fn score_range(&self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let (start, end) = match &self.form {
            Form::Packed(packed) => {
                (packed_score_rank(packed, min, false), packed_score_rank(packed, max, true))
            }
            Form::Large(large) => (large.score_rank(min, false), large.score_rank(max, true)),
        };
        start..end.max(start)
    }

    /// The ranks of the members whose bytes lie from `min` to `max`, where all scores are equal;
    /// where they are not, some range.
    pub fn lex_range(&self, min: Bound<&[u8]>, max: Bound<&[u8]>) -> Range<usize> {
        let (start, end) = match &self.form {
            Form::Packed(packed) => {
                (packed_member_rank(packed, min, false), packed_member_rank(packed, max, true))
            }
            Form::Large(large) => (large.member_rank(min, false), large.member_rank(max, true)),
        };
        start..end.max(start)
    }

    /// Visits some `count` members in no order, from where `from` says (0: the start), and
    /// returns where to go on, or `None` at the end.
    ///
    /// A member that is there from the first call to the last is visited, whatever happens to
    /// others between the calls; some may be visited twice. A packed set is visited at once.
    pub fn scan(&self, from: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> Option<u64> {
        match &self.form {
            Form::Packed(packed) => {
                packed.entries(0..packed.len()).for_each(|(member, score)| visit(member, score));
                None
            }
            Form::Large(large) => large.scan(from, count, visit),
        }
    }

    fn clamp(&self, ranks: Range<usize>) -> Range<usize> {
        let end = ranks.end.min(self.len());
        ranks.start.min(end)..end
    }
}

/// Changing.
impl SortedSet {
    /// Gives `member` this score, adding it if it is not there; returns the score it had.
    ///
    /// # Panics
    ///
    /// The score must not be NaN: debug builds panic, others order it somewhere.
    pub fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        debug_assert!(!score.is_nan(), "callers check for NaN");
        match &mut self.form {
            Form::Large(large) => large.insert(member, score),
            Form::Packed(packed) => {
                if let Some(rank) = packed.find(member) {
                    let old = packed.score(rank);
                    if old != score {
                        packed.rescore(rank, score);
                    }
                    return Some(old);
                }
                if packed.has_room(member) {
                    packed.insert(member, score);
                    return None;
                }
                self.unpack().insert(member, score)
            }
        }
    }

    /// Takes `member` out; returns the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = match &mut self.form {
            Form::Packed(packed) => {
                let rank = packed.find(member)?;
                let score = packed.score(rank);
                packed.remove(rank..rank + 1);
                score
            }
            Form::Large(large) => large.remove(member)?,
        };
        self.repack_empty();
        Some(score)
    }

    /// Takes the first member out.
    pub fn pop_first(&mut self) -> Option<(Blob, f64)> {
        self.pop(0)
    }

    /// Takes the last member out.
    pub fn pop_last(&mut self) -> Option<(Blob, f64)> {
        self.pop(self.len().checked_sub(1)?)
    }

    fn pop(&mut self, rank: usize) -> Option<(Blob, f64)> {
        let mut popped = None;
        self.remove_range(rank..rank + 1, |member, score| popped = Some((member, score)));
        popped
    }

    /// Takes the members of these ranks out, hands each to `removed` in order, and returns
    /// how many they were. O(log n) a block and O(1) a member. `removed` must not panic: the
    /// set would be left invalid.
    pub fn remove_range(
        &mut self,
        ranks: Range<usize>,
        mut removed: impl FnMut(Blob, f64),
    ) -> usize {
        let ranks = self.clamp(ranks);
        match &mut self.form {
            Form::Packed(packed) => {
                let gone: Vec<(Blob, f64)> = packed
                    .entries(ranks.clone())
                    .map(|(member, score)| (member.into(), score))
                    .collect();
                if !ranks.is_empty() {
                    packed.remove(ranks.clone());
                }
                gone.into_iter().for_each(|(member, score)| removed(member, score));
            }
            Form::Large(large) => {
                let mut left = ranks.len();
                while left > 0 {
                    left -= large.remove_run(ranks.start, left, &mut removed);
                }
            }
        }
        self.repack_empty();
        ranks.len()
    }

    /// Frees at least `count` members, or all, and returns how many went: 0 when none was left.
    ///
    /// For dismantling a large set in bounded steps. Between the steps the set may only be
    /// dropped: which members are left is not said, and nothing finds them.
    pub fn drop_some(&mut self, count: usize) -> usize {
        match &mut self.form {
            Form::Packed(packed) => std::mem::take(packed).len(),
            Form::Large(large) => {
                let count = count.max(1);
                let gone = large.drop_some(count);
                if gone < count {
                    self.form = Form::Packed(Packed::default());
                }
                gone
            }
        }
    }

    /// Makes a packed set a large one.
    fn unpack(&mut self) -> &mut Large {
        let mut large = Large::new();
        for (member, score) in self.iter() {
            large.push(member.into(), score);
        }
        self.form = Form::Large(Box::new(large));
        match &mut self.form {
            Form::Large(large) => large,
            Form::Packed(_) => unreachable!("the form was just set"),
        }
    }

    fn repack_empty(&mut self) {
        if self.is_empty() {
            self.form = Form::Packed(Packed::default());
        }
    }

    /// Checks the invariants. For tests and fuzzing only: O(n).
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        match &self.form {
            Form::Packed(packed) => packed.assert_valid(),
            Form::Large(large) => {
                assert!(large.len() > 0, "an empty set is packed");
                large.assert_valid();
            }
        }
    }
}

fn packed_score_rank(packed: &Packed, bound: Bound<f64>, is_end: bool) -> usize {
    match bound {
        Bound::Unbounded => {
            if is_end {
                packed.len()
            } else {
                0
            }
        }
        Bound::Included(bound) if is_end => packed.count_scores(|score| score <= bound),
        Bound::Included(bound) => packed.count_scores(|score| score < bound),
        Bound::Excluded(bound) if is_end => packed.count_scores(|score| score < bound),
        Bound::Excluded(bound) => packed.count_scores(|score| score <= bound),
    }
}

fn packed_member_rank(packed: &Packed, bound: Bound<&[u8]>, is_end: bool) -> usize {
    match bound {
        Bound::Unbounded => {
            if is_end {
                packed.len()
            } else {
                0
            }
        }
        Bound::Included(bound) if is_end => packed.count_members(|member| member <= bound),
        Bound::Included(bound) => packed.count_members(|member| member < bound),
        Bound::Excluded(bound) if is_end => packed.count_members(|member| member < bound),
        Bound::Excluded(bound) => packed.count_members(|member| member <= bound),
    }
}

impl Clone for SortedSet {
    /// A copy with its own structure, made in order: its blocks are nearly full. Members of more than 23 bytes
    /// share their bytes.
    fn clone(&self) -> Self {
        let form = match &self.form {
            Form::Packed(packed) => Form::Packed(packed.clone()),
            Form::Large(large) => {
                let mut copy = Large::new();
                large.blobs().for_each(|(member, score)| copy.push(member.clone(), score));
                Form::Large(Box::new(copy))
            }
        };
        Self { form }
    }
}

impl PartialEq for SortedSet {
    /// Equal members with equal scores, whatever the form.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for SortedSet {
    /// The size and the first few members.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let first: Vec<(Blob, f64)> =
            self.range(0..SHOWN).map(|(member, score)| (member.into(), score)).collect();
        f.debug_struct("SortedSet")
            .field("len", &self.len())
            .field("packed", &self.is_packed())
            .field("first", &first)
            .finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a SortedSet {
    type Item = (&'a [u8], f64);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// A walk over members and scores from both ends: see [`SortedSet::range`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    walk: Either<'a>,
}

#[derive(Clone, Debug)]
enum Either<'a> {
    Packed(packed::Entries<'a>),
    Large(large::Entries<'a>),
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.walk {
            Either::Packed(walk) => walk.next(),
            Either::Large(walk) => walk.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.walk {
            Either::Packed(walk) => walk.size_hint(),
            Either::Large(walk) => walk.size_hint(),
        }
    }

    /// O(log n).
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        match &mut self.walk {
            Either::Packed(walk) => walk.nth(n),
            Either::Large(walk) => walk.nth(n),
        }
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.walk {
            Either::Packed(walk) => walk.next_back(),
            Either::Large(walk) => walk.next_back(),
        }
    }
}

impl ExactSizeIterator for Entries<'_> {}
