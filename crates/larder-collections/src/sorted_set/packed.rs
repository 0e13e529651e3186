//! The compact form of a small sorted set: one exact buffer, no pointer inside.
//!
//! ```text
//! [ n ][ score 0 | .. | score n-1 ][ len 0 | .. | len n-1 ][ member 0 .. | .. | member n-1 .. ]
//!  1 B   8 B each, little-endian      1 B each               in order of score, then bytes
//! ```
//!
//! Columns, not records: scores are searched by halving, and an iterator finds its
//! way in both directions from the lengths with no trailer in each entry. An empty
//! set has no buffer.
//!
//! # Invariants
//!
//! 1. Entries are in strict order of (score, member), and no member is there twice.
//! 2. At most [`MAX_LEN`] entries, members of at most [`MAX_MEMBER`] bytes.
//!
//! # Cost
//!
//! `1 + 9 n + bytes of the members` bytes. Looking by rank, score: O(log n) and a sum of
//! lengths; by member: O(n). A change moves the bytes behind it and reallocates.

use std::ops::Range;

use super::order;

/// The most entries that are packed (the default of Redis' `zset-max-listpack-entries`).
pub(super) const MAX_LEN: usize = 128;
/// The longest member that is packed (the default of Redis' `zset-max-listpack-value`).
pub(super) const MAX_MEMBER: usize = 64;
/// What an entry takes besides the member's bytes.
const FIXED: usize = SCORE + 1;
const SCORE: usize = size_of::<f64>();

/// Few entries in one buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed {
    columns: Box<[u8]>,
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.columns.first().map_or(0, |&n| usize::from(n))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.columns.len()
    }

    /// True when `member` may be added.
    pub(super) fn has_room(&self, member: &[u8]) -> bool {
        self.len() < MAX_LEN && member.len() <= MAX_MEMBER
    }

    /// The rank of `member`.
    pub(super) fn find(&self, member: &[u8]) -> Option<usize> {
        let mut rest = self.members();
        for (rank, &len) in self.lens().iter().enumerate() {
            let (other, after) = rest.split_at(usize::from(len));
            if other == member {
                return Some(rank);
            }
            rest = after;
        }
        None
    }

    pub(super) fn score(&self, rank: usize) -> f64 {
        let at = 1 + SCORE * rank;
        let bytes = self.columns[at..at + SCORE].try_into().expect("a score has 8 bytes");
        f64::from_le_bytes(bytes)
    }

    pub(super) fn member(&self, rank: usize) -> &[u8] {
        let at = self.offset(rank);
        &self.members()[at..at + usize::from(self.lens()[rank])]
    }

    /// How many entries have a score for which `before` holds, if it holds for a prefix.
    pub(super) fn count_scores(&self, before: impl Fn(f64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if before(self.score(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// How many leading members `before` holds for.
    pub(super) fn count_members(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        self.entries(0..self.len()).take_while(|(member, _)| before(member)).count()
    }

    /// Adds a member that is not there; there must be room.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        debug_assert!(self.has_room(member), "invariant 2");
        let n = self.len();
        let key = order(score);
        let mut rank = self.count_scores(|other| order(other) < key);
        while rank < n && order(self.score(rank)) == key && self.member(rank) < member {
            rank += 1;
        }
        let (offset, lens, members) = (self.offset(rank), 1 + SCORE * n, 1 + FIXED * n);
        let old = self.columns.len().max(1);
        let mut bytes = std::mem::take(&mut self.columns).into_vec();
        bytes.reserve_exact(old + FIXED + member.len() - bytes.len());
        bytes.resize(old + FIXED + member.len(), 0);
        // Open three gaps, the last column first.
        let at = members + offset;
        bytes.copy_within(at..old, at + FIXED + member.len());
        bytes.copy_within(members..at, members + FIXED);
        bytes[at + FIXED..][..member.len()].copy_from_slice(member);
        bytes.copy_within(lens + rank..members, lens + rank + FIXED);
        bytes.copy_within(lens..lens + rank, lens + SCORE);
        bytes[lens + SCORE + rank] = member.len() as u8;
        let at = 1 + SCORE * rank;
        bytes.copy_within(at..lens, at + SCORE);
        bytes[at..at + SCORE].copy_from_slice(&score.to_le_bytes());
        bytes[0] += 1;
        self.columns = bytes.into_boxed_slice();
    }

    /// Takes the entries of `ranks` out.
    pub(super) fn remove(&mut self, ranks: Range<usize>) {
        let n = self.len();
        if ranks.len() == n {
            *self = Self::default();
            return;
        }
        let (lens, members) = (1 + SCORE * n, 1 + FIXED * n);
        let (from, to) = (members + self.offset(ranks.start), members + self.offset(ranks.end));
        let mut bytes = std::mem::take(&mut self.columns).into_vec();
        // The last column first, so that the places of the others still hold.
        bytes.drain(from..to);
        bytes.drain(lens + ranks.start..lens + ranks.end);
        bytes.drain(1 + SCORE * ranks.start..1 + SCORE * ranks.end);
        bytes[0] -= ranks.len() as u8;
        self.columns = bytes.into_boxed_slice();
    }

    /// Gives the entry at `rank` another score and its place by it.
    pub(super) fn rescore(&mut self, rank: usize, score: f64) {
        let key = order(score);
        let after_left = rank == 0 || order(self.score(rank - 1)) < key;
        let before_right = rank + 1 == self.len() || key < order(self.score(rank + 1));
        if after_left && before_right {
            let at = 1 + SCORE * rank;
            self.columns[at..at + SCORE].copy_from_slice(&score.to_le_bytes());
        } else {
            let mut member = [0; MAX_MEMBER];
            let len = self.member(rank).len();
            member[..len].copy_from_slice(self.member(rank));
            self.remove(rank..rank + 1);
            self.insert(&member[..len], score);
        }
    }

    /// The entries of `ranks`, which must be within the length.
    pub(super) fn entries(&self, ranks: Range<usize>) -> Entries<'_> {
        let (front, back) = (self.offset(ranks.start), self.offset(ranks.end));
        Entries { packed: self, front, back, ranks }
    }

    fn lens(&self) -> &[u8] {
        let n = self.len();
        if n == 0 { &[] } else { &self.columns[1 + SCORE * n..1 + FIXED * n] }
    }

    fn members(&self) -> &[u8] {
        if self.columns.is_empty() { &[] } else { &self.columns[1 + FIXED * self.len()..] }
    }

    /// Where the member of this rank begins among the members.
    fn offset(&self, rank: usize) -> usize {
        self.lens()[..rank].iter().map(|&len| usize::from(len)).sum()
    }

    /// Checks the invariants.
    pub(super) fn assert_valid(&self) {
        assert!(self.len() <= MAX_LEN, "invariant 2");
        assert!(self.lens().iter().all(|&len| usize::from(len) <= MAX_MEMBER), "invariant 2");
        assert_eq!(self.offset(self.len()), self.members().len(), "lengths add up");
        assert_eq!(self.len() == 0, self.columns.is_empty(), "an empty set has no buffer");
        let entries: Vec<_> = self.entries(0..self.len()).collect();
        let in_order =
            |pair: &[(&[u8], f64)]| (order(pair[0].1), pair[0].0) < (order(pair[1].1), pair[1].0);
        assert!(entries.windows(2).all(in_order), "invariant 1");
        let mut members: Vec<_> = entries.iter().map(|entry| entry.0).collect();
        members.sort_unstable();
        assert!(members.windows(2).all(|pair| pair[0] != pair[1]), "invariant 1");
    }
}

/// A walk over entries from both ends.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    packed: &'a Packed,
    ranks: Range<usize>,
    /// Where the member at the start of `ranks` begins.
    front: usize,
    /// Where the member at the end of `ranks` begins.
    back: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next()?;
        let start = self.front;
        self.front += usize::from(self.packed.lens()[rank]);
        Some((&self.packed.members()[start..self.front], self.packed.score(rank)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        let end = self.back;
        self.back -= usize::from(self.packed.lens()[rank]);
        Some((&self.packed.members()[self.back..end], self.packed.score(rank)))
    }
}

impl ExactSizeIterator for Entries<'_> {}
