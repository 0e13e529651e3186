//! The blocks of the B-skip list: fixed arrays with a length.
//!
//! ```text
//! bottom  keys [ k | k | k | .. ]   ids [ i | i | i | .. ]   prev, next
//! upper   keys [ k | k | .. ]       ids [ i | i | .. ]       children [ c | c | .. ]   counts [ n | n | .. ]
//! ```
//!
//! Keys stand apart from ids, so that a search reads keys only. 63 entries, and
//! not 64, leave room for the header: a bottom block of 8-byte keys is twelve
//! cache lines exactly and each line holds eight keys.
//!
//! An entry of an upper block is (first key, first id, child, entries below).

use std::fmt::Debug;
use std::ops::Range;

use crate::slab::Cell;

/// Entries in a full block.
pub(super) const CAP: usize = 63;
/// Two neighbours that together hold no more than this become one.
pub(super) const MERGE: usize = CAP * 3 / 4;
/// The end of the chain of bottom blocks.
pub(super) const NONE: u32 = u32::MAX;
/// The length that says "this cell of the arena is vacant".
const VACANT: u16 = u16::MAX;

/// What the list orders by, before the member's bytes decide.
pub(super) trait Key: Copy + Ord + Default + Debug {}

impl<K: Copy + Ord + Default + Debug> Key for K {}

/// A block of entries (key, id), in order.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Bottom<K> {
    keys: [K; CAP],
    ids: [u32; CAP],
    pub(super) prev: u32,
    pub(super) next: u32,
    len: u16,
}

const _: () = assert!(size_of::<Bottom<i64>>() == 12 * 64);

impl<K: Key> Bottom<K> {
    pub(super) fn new(prev: u32, next: u32) -> Self {
        Self { keys: [K::default(); CAP], ids: [0; CAP], prev, next, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(super) fn keys(&self) -> &[K] {
        &self.keys[..self.len()]
    }

    pub(super) fn ids(&self) -> &[u32] {
        &self.ids[..self.len()]
    }

    pub(super) fn first(&self) -> (K, u32) {
        (self.keys[0], self.ids[0])
    }

    /// Puts an entry at `at`; the block must have room.
    pub(super) fn insert(&mut self, at: usize, key: K, id: u32) {
        let len = self.len();
        open(&mut self.keys[..=len], at, key);
        open(&mut self.ids[..=len], at, id);
        self.len += 1;
    }

    /// Takes the entries of `range` out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let len = self.len();
        self.keys.copy_within(range.end..len, range.start);
        self.ids.copy_within(range.end..len, range.start);
        self.len -= range.len() as u16;
    }

    /// Moves the entry at `from` to `to`, counted without it, under another key.
    pub(super) fn shift(&mut self, from: usize, to: usize, key: K) {
        let id = self.ids[from];
        turn(&mut self.keys, from, to);
        turn(&mut self.ids, from, to);
        self.keys[to] = key;
        self.ids[to] = id;
    }

    /// Cuts the block in two before entry `at`; the neighbours are the caller's.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::new(NONE, NONE);
        let (len, tail) = (self.len(), self.len() - at);
        right.keys[..tail].copy_from_slice(&self.keys[at..len]);
        right.ids[..tail].copy_from_slice(&self.ids[at..len]);
        right.len = tail as u16;
        self.len = at as u16;
        right
    }

    /// Appends the entries of the next block, which must fit.
    pub(super) fn append(&mut self, right: &Self) {
        let whole = self.len()..self.len() + right.len();
        self.keys[whole.clone()].copy_from_slice(right.keys());
        self.ids[whole].copy_from_slice(right.ids());
        self.len += right.len;
    }
}

impl<K: Key> Cell for Bottom<K> {
    fn vacant(next: u16) -> Self {
        let mut cell = Self::new(u32::from(next), NONE);
        cell.len = VACANT;
        cell
    }

    fn vacancy(&self) -> Option<u16> {
        (self.len == VACANT).then_some(self.prev as u16)
    }
}

/// What an upper block says of one block below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Below<K> {
    /// The first entry under it.
    pub(super) first: (K, u32),
    /// The block's id in its arena.
    pub(super) child: u32,
    /// The entries of the bottom level under it.
    pub(super) count: u32,
}

/// A block of blocks below, in order.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Upper<K> {
    keys: [K; CAP],
    counts: [u32; CAP],
    children: [u32; CAP],
    ids: [u32; CAP],
    len: u16,
}

impl<K: Key> Upper<K> {
    pub(super) fn new() -> Self {
        let nothing = [0; CAP];
        let keys = [K::default(); CAP];
        Self { keys, counts: nothing, children: nothing, ids: nothing, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    pub(super) fn keys(&self) -> &[K] {
        &self.keys[..self.len()]
    }

    pub(super) fn ids(&self) -> &[u32] {
        &self.ids[..self.len()]
    }

    pub(super) fn children(&self) -> &[u32] {
        &self.children[..self.len()]
    }

    pub(super) fn counts(&self) -> &[u32] {
        &self.counts[..self.len()]
    }

    pub(super) fn counts_mut(&mut self) -> &mut [u32] {
        &mut self.counts[..usize::from(self.len)]
    }

    pub(super) fn first(&self) -> (K, u32) {
        (self.keys[0], self.ids[0])
    }

    pub(super) fn set_first(&mut self, at: usize, (key, id): (K, u32)) {
        self.keys[at] = key;
        self.ids[at] = id;
    }

    /// Entries of the bottom level before child `at`.
    pub(super) fn count_before(&self, at: usize) -> usize {
        self.counts()[..at].iter().sum::<u32>() as usize
    }

    /// Entries of the bottom level under this block.
    pub(super) fn total(&self) -> u32 {
        self.counts().iter().sum()
    }

    /// Puts an entry at `at`; the block must have room.
    pub(super) fn insert(&mut self, at: usize, below: Below<K>) {
        let len = self.len();
        open(&mut self.keys[..=len], at, below.first.0);
        open(&mut self.ids[..=len], at, below.first.1);
        open(&mut self.children[..=len], at, below.child);
        open(&mut self.counts[..=len], at, below.count);
        self.len += 1;
    }

    /// Takes the entry at `at` out.
    pub(super) fn remove(&mut self, at: usize) {
        let len = self.len();
        self.keys.copy_within(at + 1..len, at);
        self.ids.copy_within(at + 1..len, at);
        self.children.copy_within(at + 1..len, at);
        self.counts.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    /// Cuts the block in two before entry `at`.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::new();
        let (len, tail) = (self.len(), self.len() - at);
        right.keys[..tail].copy_from_slice(&self.keys[at..len]);
        right.ids[..tail].copy_from_slice(&self.ids[at..len]);
        right.children[..tail].copy_from_slice(&self.children[at..len]);
        right.counts[..tail].copy_from_slice(&self.counts[at..len]);
        right.len = tail as u16;
        self.len = at as u16;
        right
    }

    /// Appends the entries of the next block, which must fit.
    pub(super) fn append(&mut self, right: &Self) {
        let whole = self.len()..self.len() + right.len();
        self.keys[whole.clone()].copy_from_slice(right.keys());
        self.ids[whole.clone()].copy_from_slice(right.ids());
        self.children[whole.clone()].copy_from_slice(right.children());
        self.counts[whole].copy_from_slice(right.counts());
        self.len += right.len;
    }
}

impl<K: Key> Cell for Upper<K> {
    fn vacant(next: u16) -> Self {
        let mut cell = Self::new();
        cell.len = VACANT;
        cell.ids[0] = u32::from(next);
        cell
    }

    fn vacancy(&self) -> Option<u16> {
        (self.len == VACANT).then_some(self.ids[0] as u16)
    }
}

/// Moves the entries from `at` on one to the right, over the last, and sets entry `at`.
fn open<T: Copy>(entries: &mut [T], at: usize, value: T) {
    let last = entries.len() - 1;
    entries.copy_within(at..last, at + 1);
    entries[at] = value;
}

/// Closes the gap at `from` and opens one at `to`.
fn turn<T: Copy>(entries: &mut [T], from: usize, to: usize) {
    if from < to {
        entries.copy_within(from + 1..to + 1, from);
    } else {
        entries.copy_within(to..from, to + 1);
    }
}

/// How many of the ordered `keys` are at most `key`.
///
/// It looks at the last key of each group of eight, then into one group: no
/// branch to mispredict, and the groups' cache misses overlap.
pub(super) fn count_at_most<K: Key>(keys: &[K], key: K) -> usize {
    count_while(keys, |other| other <= key)
}

/// How many of the ordered `keys` are less than `key`.
pub(super) fn count_below<K: Key>(keys: &[K], key: K) -> usize {
    count_while(keys, |other| other < key)
}

#[inline]
fn count_while<K: Key>(keys: &[K], before: impl Fn(K) -> bool) -> usize {
    const GROUP: usize = 8;
    let groups: usize =
        keys.chunks_exact(GROUP).map(|group| usize::from(before(group[GROUP - 1]))).sum();
    let rest = &keys[groups * GROUP..];
    let rest = &rest[..rest.len().min(GROUP)];
    groups * GROUP + rest.iter().map(|&other| usize::from(before(other))).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counting_agrees_with_a_binary_search(
            mut keys in prop::collection::vec(0..40i64, 0..=CAP),
            key in -1..41i64,
        ) {
            keys.sort_unstable();
            prop_assert_eq!(count_at_most(&keys, key), keys.partition_point(|&k| k <= key));
            prop_assert_eq!(count_below(&keys, key), keys.partition_point(|&k| k < key));
        }
    }
}
