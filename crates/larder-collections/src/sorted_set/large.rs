//! The large form of a sorted set: members in a slab, an index by hash, a list by order.
//!
//! ```text
//! index  hash -> id        (table, 4 bytes and a tag)
//! cells  id -> member, score        (slab, 32 bytes)
//! list   (score, id) in order       (B-skip list, 12 bytes)
//! ```
//!
//! # Invariants
//!
//! 1. Index, cells and list hold the same ids.
//! 2. The list's key of an id is the order of the cell's score.
//! 3. `member_bytes` is what the members hold on the heap.

use std::ops::{Bound, Range};

use ahash::RandomState;

use super::bounds::{AfterEntry, AfterKey, AtName, BeforeKey, Names};
use super::bskip::BSkip;
use super::order;
use super::walk::Walk;
use crate::blob::Blob;
use crate::slab::{Cell, Slab};
use crate::table::Table;

/// Many members.
#[derive(Debug)]
pub(super) struct Large {
    cells: Members,
    index: Table<u32>,
    list: BSkip<i64>,
    hasher: RandomState,
    member_bytes: usize,
}

type Members = Slab<Member>;

/// A member and its score. Aligned, so that no cell lies across two cache lines.
#[derive(Debug)]
#[repr(align(32))]
struct Member {
    name: Blob,
    score: f64,
}

const _: () = assert!(size_of::<Member>() == 32);

/// A NaN that is no result of arithmetic: scores are never NaN, so it can say "vacant".
const VACANT: u64 = 0x7ff8_6c61_7264_0000;

impl Cell for Member {
    fn vacant(next: u16) -> Self {
        Self { name: Blob::default(), score: f64::from_bits(VACANT | u64::from(next)) }
    }

    fn vacancy(&self) -> Option<u16> {
        let bits = self.score.to_bits();
        (bits & !0xffff == VACANT).then_some(bits as u16)
    }
}

impl Names for Members {
    fn name(&self, id: u32) -> &[u8] {
        &self[id].name
    }
}

/// What an entry looks like from outside.
fn entry(cells: &Members, id: u32) -> (&[u8], f64) {
    let member = &cells[id];
    (&member.name, member.score)
}

impl Large {
    pub(super) fn new() -> Self {
        Self {
            cells: Slab::default(),
            index: Table::new(0),
            list: BSkip::default(),
            hasher: RandomState::new(),
            member_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.cells.heap_bytes()
            + self.index.heap_bytes()
            + self.list.heap_bytes()
            + self.member_bytes
    }

    pub(super) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let hash = self.hasher.hash_one(member);
        match self.index.find(hash, |&id| *self.cells[id].name == *member) {
            Some(&id) => Some(self.rescore(id, member, score)),
            None => {
                self.add(hash, member.into(), score);
                None
            }
        }
    }

    /// Adds a member that is not there.
    pub(super) fn push(&mut self, name: Blob, score: f64) {
        self.add(self.hasher.hash_one(&*name), name, score);
    }

    fn add(&mut self, hash: u64, name: Blob, score: f64) {
        self.member_bytes += name.heap_bytes();
        let id = self.cells.insert(Member { name, score });
        let (cells, hasher) = (&self.cells, &self.hasher);
        self.index.insert(hash, id, |&id| hasher.hash_one(cells.name(id)));
        self.list.insert(order(score), id, cells.name(id), cells);
    }

    /// Gives `member` another score; returns the old one. An equal score changes nothing, so
    /// zero keeps its sign.
    fn rescore(&mut self, id: u32, member: &[u8], score: f64) -> f64 {
        let old = self.cells[id].score;
        if old != score {
            self.list.rekey(order(old), order(score), id, member, &self.cells);
            self.cells[id].score = score;
        }
        old
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.find(member).map(|id| self.cells[id].score)
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<usize> {
        let id = self.find(member)?;
        let key = order(self.cells[id].score);
        Some(self.list.rank(&AfterEntry { key, id, member, names: &self.cells }) - 1)
    }

    fn find(&self, member: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(member);
        self.index.find(hash, |&id| *self.cells[id].name == *member).copied()
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = self.hasher.hash_one(member);
        let spot = self.index.locate(hash, |&id| *self.cells[id].name == *member)?;
        let (cells, hasher) = (&self.cells, &self.hasher);
        let id = self.index.remove(hash, spot, |&id| hasher.hash_one(cells.name(id)));
        self.list.remove(order(cells[id].score), id, member, cells);
        let gone = self.cells.remove(id);
        self.member_bytes -= gone.name.heap_bytes();
        Some(gone.score)
    }

    /// Takes out up to `most` entries from rank `from` on, at least one if there is one.
    pub(super) fn remove_run(
        &mut self,
        from: usize,
        most: usize,
        removed: &mut impl FnMut(Blob, f64),
    ) -> usize {
        let run = self.list.remove_run(from, most);
        for &id in run.ids() {
            let (cells, hasher) = (&self.cells, &self.hasher);
            let hash = hasher.hash_one(cells.name(id));
            let spot = self.index.locate(hash, |&other| other == id).expect("invariant 1");
            self.index.remove(hash, spot, |&id| hasher.hash_one(cells.name(id)));
            let gone = self.cells.remove(id);
            self.member_bytes -= gone.name.heap_bytes();
            removed(gone.name, gone.score);
        }
        run.ids().len()
    }

    pub(super) fn nth(&self, rank: usize) -> Option<(&[u8], f64)> {
        (rank < self.len()).then(|| entry(&self.cells, self.list.id_at(self.list.locate(rank))))
    }

    pub(super) fn entries(&self, ranks: Range<usize>) -> Entries<'_> {
        Entries { cells: &self.cells, walk: Walk::new(&self.list, ranks) }
    }

    /// Every member with its score as blobs, in order.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (&Blob, f64)> {
        let walk = Walk::new(&self.list, 0..self.len());
        walk.map(|id| (&self.cells[id].name, self.cells[id].score))
    }

    pub(super) fn score_rank(&self, bound: Bound<f64>, is_end: bool) -> usize {
        match bound {
            Bound::Unbounded => {
                if is_end {
                    self.len()
                } else {
                    0
                }
            }
            Bound::Included(score) if is_end => self.list.rank(&AfterKey(order(score))),
            Bound::Included(score) => self.list.rank(&BeforeKey(order(score))),
            Bound::Excluded(score) if is_end => self.list.rank(&BeforeKey(order(score))),
            Bound::Excluded(score) => self.list.rank(&AfterKey(order(score))),
        }
    }

    pub(super) fn member_rank(&self, bound: Bound<&[u8]>, is_end: bool) -> usize {
        let cut = |member, after| AtName { member, after, names: &self.cells };
        match bound {
            Bound::Unbounded => {
                if is_end {
                    self.len()
                } else {
                    0
                }
            }
            Bound::Included(member) => self.list.rank(&cut(member, is_end)),
            Bound::Excluded(member) => self.list.rank(&cut(member, !is_end)),
        }
    }

    pub(super) fn scan(
        &self,
        from: u64,
        count: usize,
        mut visit: impl FnMut(&[u8], f64),
    ) -> Option<u64> {
        let hasher = |&id: &u32| self.hasher.hash_one(self.cells.name(id));
        self.index.scan(from, count, hasher, |&id| {
            let (member, score) = entry(&self.cells, id);
            visit(member, score);
        })
    }

    /// Frees at least `count` members, or all, with their part of index and list.
    pub(super) fn drop_some(&mut self, count: usize) -> usize {
        let gone = self.cells.drop_some(count);
        self.index.drop_some(gone);
        self.list.drop_some(gone);
        gone
    }

    /// Checks the invariants: O(n).
    pub(super) fn assert_valid(&self) {
        self.cells.assert_valid();
        self.list.assert_valid(&self.cells);
        assert_eq!((self.cells.len(), self.index.len()), (self.len(), self.len()), "invariant 1");
        let mut member_bytes = 0;
        for (key, id) in self.list.entries() {
            let Member { name, score } = &self.cells[id];
            assert_eq!(key, order(*score), "invariant 2");
            let found = self.index.find(self.hasher.hash_one(&**name), |&other| other == id);
            assert_eq!(found, Some(&id), "invariant 1");
            member_bytes += name.heap_bytes();
        }
        assert_eq!(member_bytes, self.member_bytes, "invariant 3");
    }
}

/// A walk over entries from both ends.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    cells: &'a Members,
    walk: Walk<'a, i64>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next().map(|id| entry(self.cells, id))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.walk.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.walk.nth(n).map(|id| entry(self.cells, id))
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.walk.next_back().map(|id| entry(self.cells, id))
    }
}

impl ExactSizeIterator for Entries<'_> {}
