//! The blocks of the B-skip list: fixed arrays with a length.
//!
//! ```text
//! bottom  keys [ k | k | k | .. ]   ids [ i | i | i | .. ]   prev, next
//! upper   keys [ k | k | .. ]       ids [ i | i | .. ]       children [ c | c | .. ]   ends [ n | n | .. ]
//! ```
//!
//! Keys stand apart from ids, so that a search reads keys only. 63 entries, and
//! not 64, leave room for the header: a bottom block of 8-byte keys is twelve
//! cache lines exactly and each line holds eight keys.
//!
//! An entry of an upper block is (first key, first id, child, end), where the end is
//! the number of list entries under this child and those before it: a running sum, so
//! that a rank is one load and finding a rank is a search like that for a key.

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

    /// The id at `at`. (Looks at no length, which would be one more cache line.)
    #[inline]
    pub(super) fn id(&self, at: usize) -> u32 {
        self.ids[at]
    }

    pub(super) fn entries(&self) -> Entries<'_, K> {
        Entries { keys: &self.keys, ids: &self.ids, len: self.len() }
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
    ends: [u32; CAP],
    children: [u32; CAP],
    ids: [u32; CAP],
    len: u16,
}

impl<K: Key> Upper<K> {
    pub(super) fn new() -> Self {
        let nothing = [0; CAP];
        let keys = [K::default(); CAP];
        Self { keys, ends: nothing, children: nothing, ids: nothing, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The block below at `at`. (Looks at no length, which would be one more cache line.)
    #[inline]
    pub(super) fn child(&self, at: usize) -> u32 {
        self.children[at]
    }

    pub(super) fn entries(&self) -> Entries<'_, K> {
        Entries { keys: &self.keys, ids: &self.ids, len: self.len() }
    }

    pub(super) fn first(&self) -> (K, u32) {
        (self.keys[0], self.ids[0])
    }

    pub(super) fn set_first(&mut self, at: usize, (key, id): (K, u32)) {
        self.keys[at] = key;
        self.ids[at] = id;
    }

    /// List entries under the children before child `at`.
    #[inline]
    pub(super) fn count_before(&self, at: usize) -> u32 {
        if at == 0 { 0 } else { self.ends[at - 1] }
    }

    /// List entries under child `at`.
    pub(super) fn count(&self, at: usize) -> u32 {
        self.ends[at] - self.count_before(at)
    }

    /// List entries under this block.
    pub(super) fn total(&self) -> u32 {
        self.count_before(self.len())
    }

    /// The child that holds the list entry of this rank within the block.
    #[inline]
    pub(super) fn child_of_rank(&self, rank: u32) -> usize {
        count_while(&self.ends, self.len(), |end| end <= rank)
    }

    /// Counts list entries that came to child `at`.
    #[inline]
    pub(super) fn add(&mut self, at: usize, count: u32) {
        let len = self.len();
        self.ends[at..len].iter_mut().for_each(|end| *end += count);
    }

    /// Counts list entries that left child `at`.
    #[inline]
    pub(super) fn subtract(&mut self, at: usize, count: u32) {
        let len = self.len();
        self.ends[at..len].iter_mut().for_each(|end| *end -= count);
    }

    /// Moves the last list entries of child `at - 1` to a new child `at`: the total
    /// stays. The block must have room.
    pub(super) fn insert(&mut self, at: usize, below: Below<K>) {
        let len = self.len();
        let end = self.count_before(at);
        open(&mut self.keys[..=len], at, below.first.0);
        open(&mut self.ids[..=len], at, below.first.1);
        open(&mut self.children[..=len], at, below.child);
        open(&mut self.ends[..=len], at, end);
        self.ends[at - 1] -= below.count;
        self.len += 1;
    }

    /// Appends a child with its list entries. The block must have room.
    pub(super) fn push(&mut self, below: Below<K>) {
        let (at, end) = (self.len(), self.total() + below.count);
        self.set_first(at, below.first);
        self.children[at] = below.child;
        self.ends[at] = end;
        self.len += 1;
    }

    /// Puts a child with its list entries before the others. The block must have room.
    pub(super) fn unshift(&mut self, below: Below<K>) {
        let len = self.len();
        open(&mut self.keys[..=len], 0, below.first.0);
        open(&mut self.ids[..=len], 0, below.first.1);
        open(&mut self.children[..=len], 0, below.child);
        open(&mut self.ends[..=len], 0, 0);
        self.len += 1;
        self.add(0, below.count);
    }

    /// Counts the list entries of child `at + 1` to child `at`.
    pub(super) fn join(&mut self, at: usize) {
        self.ends[at] = self.ends[at + 1];
    }

    /// Takes the child at `at` out, under which no list entry is counted any more.
    pub(super) fn remove(&mut self, at: usize) {
        debug_assert_eq!(self.count(at), 0, "a child goes when it is empty");
        let len = self.len();
        self.keys.copy_within(at + 1..len, at);
        self.ids.copy_within(at + 1..len, at);
        self.children.copy_within(at + 1..len, at);
        self.ends.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    /// Cuts the block in two before child `at`.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::new();
        (at..self.len()).for_each(|child| right.push(self.below(child)));
        self.len = at as u16;
        right
    }

    /// Appends the children of the next block, which must fit.
    pub(super) fn append(&mut self, right: &Self) {
        (0..right.len()).for_each(|child| self.push(right.below(child)));
    }

    /// What the block says of child `at`.
    pub(super) fn below(&self, at: usize) -> Below<K> {
        let first = (self.keys[at], self.ids[at]);
        Below { first, child: self.children[at], count: self.count(at) }
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

/// The ordered entries of a block of any level.
#[derive(Clone, Copy)]
pub(super) struct Entries<'a, K> {
    keys: &'a [K; CAP],
    ids: &'a [u32; CAP],
    len: usize,
}

impl<'a, K: Key> Entries<'a, K> {
    pub(super) fn key(&self, at: usize) -> K {
        self.keys[at]
    }

    pub(super) fn ids(&self) -> &'a [u32] {
        &self.ids[..self.len]
    }

    /// How many keys are at most `key`.
    #[inline]
    pub(super) fn count_at_most(&self, key: K) -> usize {
        count_while(self.keys, self.len, |other| other <= key)
    }

    /// How many keys are less than `key`.
    #[inline]
    pub(super) fn count_below(&self, key: K) -> usize {
        count_while(self.keys, self.len, |other| other < key)
    }
}

/// How many of the first `len` numbers `before` holds for, if it holds for a prefix.
///
/// It asks for the last number of each group of eight, then for the others of one group,
/// as often for a short block as for a full one: so there is no branch to mispredict, and
/// the cache misses of the groups overlap.
#[inline]
fn count_while<T: Copy>(numbers: &[T; CAP], len: usize, before: impl Fn(T) -> bool) -> usize {
    const GROUP: usize = 8;
    const { assert!(CAP % GROUP == GROUP - 1, "the last group lacks its last number") };
    let mut groups = 0;
    for group in 0..CAP / GROUP {
        let at = group * GROUP + GROUP - 1;
        groups += usize::from((at < len) & before(numbers[at]));
    }
    let start = groups * GROUP;
    let mut count = start;
    for (at, &number) in numbers[start..start + GROUP - 1].iter().enumerate() {
        count += usize::from((start + at < len) & before(number));
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counting_agrees_with_a_binary_search(
            mut keys in prop::collection::vec(0..40i64, 0..=CAP),
            stale in 0..40i64,
            key in -1..41i64,
        ) {
            keys.sort_unstable();
            let mut block = Bottom::new(NONE, NONE);
            block.keys = [stale; CAP];
            keys.iter().enumerate().for_each(|(at, &key)| block.insert(at, key, 0));
            let entries = block.entries();
            prop_assert_eq!(entries.count_at_most(key), keys.partition_point(|&k| k <= key));
            prop_assert_eq!(entries.count_below(key), keys.partition_point(|&k| k < key));
        }
    }
}
