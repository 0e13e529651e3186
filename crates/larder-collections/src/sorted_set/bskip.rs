//! The B-skip list: an indexable skip list whose every level is unrolled into blocks.
//!
//! ```text
//! root      [ (a, 2, 120) (m, 7, 215) ]                                   height 2
//!              |             \
//! upper     [ (a, 0, 40) (d, 1, 90) (h, 4, 120) ]  [ (m, 3, 61) (s, 5, 95) ]
//!              |            |          |              |            |
//! bottom    [ a b c .. ]->[ d e .. ]->[ h .. ]  ->  [ m n .. ] ->[ s .. ]
//! ```
//!
//! A bottom block holds up to 63 entries (key, id); a block above holds (first
//! entry, child, entries so far) of blocks below: running sums, so that a rank is
//! one look a level. A level is a skip list's lane: entries
//! are promoted when a block splits, in place of by chance, so the cost is bound
//! and not just expected. The order is by key, then by the member's bytes, which
//! the list asks for ([`Names`]) only where keys tie. Blocks live in arenas.
//!
//! # Invariants
//!
//! 1. Entries are in strict order along the bottom level; `prev` and `next` chain
//!    its blocks in that order.
//! 2. No block is empty; only the list as a whole may be (no root then).
//! 3. An upper entry says exactly the first entry under its child and how many there
//!    are under it and its elder siblings, and every bottom block is `height` levels under the root.
//! 4. The root, if an upper block, has two children or more.
//!
//! # Cost
//!
//! Every operation is O(log n): one block a level. A million entries have two or
//! three levels of upper blocks, of which all but the lowest fit the cache. Random
//! inserts leave blocks 70 % full, appends and prepends nearly full. After removals,
//! a block and a neighbour under the same parent merge when they fit in 3/4 of one.

use super::block::{Below, Bottom, CAP, Key, NONE, Upper};
use super::bounds::{AfterEntry, Cut, Names};
use crate::slab::Slab;

/// Blocks in one allocation of an arena: some 24 or 40 KiB.
const CHUNK: usize = 32;
/// More levels than 2^32 entries can make.
pub(super) const MAX_HEIGHT: usize = 16;

/// An ordered list of (key, id) with ranks.
#[derive(Debug)]
pub(super) struct BSkip<K> {
    pub(super) bottoms: Slab<Bottom<K>, CHUNK>,
    pub(super) uppers: Slab<Upper<K>, CHUNK>,
    /// A bottom block at height 0, else an upper one.
    pub(super) root: u32,
    /// Levels of upper blocks.
    pub(super) height: usize,
    pub(super) len: usize,
}

/// A place in a bottom block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) block: u32,
    pub(super) at: usize,
}

/// The way from the root to a place.
#[derive(Clone, Copy)]
pub(super) struct Path {
    /// By level, the root last: an upper block, and which child was taken.
    pub(super) steps: [(u32, u32); MAX_HEIGHT],
    pub(super) block: u32,
    pub(super) at: usize,
}

impl Path {
    fn new(root: u32) -> Self {
        Self { steps: [(NONE, 0); MAX_HEIGHT], block: root, at: 0 }
    }
}

/// Entries that left the list together.
pub(super) struct Run {
    ids: [u32; CAP],
    len: usize,
}

impl Run {
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids[..self.len]
    }
}

impl<K> Default for BSkip<K> {
    fn default() -> Self {
        let (bottoms, uppers) = (Slab::default(), Slab::default());
        Self { bottoms, uppers, root: NONE, height: 0, len: 0 }
    }
}

/// Looking.
impl<K: Key> BSkip<K> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bottoms.heap_bytes() + self.uppers.heap_bytes()
    }

    pub(super) fn block(&self, id: u32) -> &Bottom<K> {
        &self.bottoms[id]
    }

    /// How many entries are before the cut.
    pub(super) fn rank(&self, cut: &impl Cut<K>) -> usize {
        if self.len == 0 {
            return 0;
        }
        let (mut block, mut rank) = (self.root, 0);
        for _ in 0..self.height {
            let upper = &self.uppers[block];
            let child = cut.before(upper.entries()).saturating_sub(1);
            rank += upper.count_before(child) as usize;
            block = upper.child(child);
        }
        let bottom = &self.bottoms[block];
        rank + cut.before(bottom.entries())
    }

    /// Where the entry of this rank is.
    ///
    /// # Panics
    ///
    /// Panics when the rank is not below the length.
    pub(super) fn locate(&self, rank: usize) -> Place {
        assert!(rank < self.len, "rank {rank} of {}", self.len);
        let (mut block, mut rest) = (self.root, rank as u32);
        for _ in 0..self.height {
            let upper = &self.uppers[block];
            let child = upper.child_of_rank(rest);
            rest -= upper.count_before(child);
            block = upper.child(child);
        }
        Place { block, at: rest as usize }
    }

    pub(super) fn id_at(&self, place: Place) -> u32 {
        self.bottoms[place.block].id(place.at)
    }

    fn descend(&self, cut: &impl Cut<K>) -> Path {
        let mut path = Path::new(self.root);
        for level in (0..self.height).rev() {
            self.step(&mut path, level, cut);
        }
        self.arrive(&mut path, cut);
        path
    }

    /// Two ways at once, so that their cache misses overlap.
    fn descend_both(&self, a: &impl Cut<K>, b: &impl Cut<K>) -> (Path, Path) {
        let (mut to_a, mut to_b) = (Path::new(self.root), Path::new(self.root));
        for level in (0..self.height).rev() {
            self.step(&mut to_a, level, a);
            self.step(&mut to_b, level, b);
        }
        self.arrive(&mut to_a, a);
        self.arrive(&mut to_b, b);
        (to_a, to_b)
    }

    /// From an upper block to the child that holds the last entry before the cut.
    #[inline]
    fn step(&self, path: &mut Path, level: usize, cut: &impl Cut<K>) {
        let upper = &self.uppers[path.block];
        let child = cut.before(upper.entries()).saturating_sub(1);
        path.steps[level] = (path.block, child as u32);
        path.block = upper.child(child);
    }

    #[inline]
    fn arrive(&self, path: &mut Path, cut: &impl Cut<K>) {
        path.at = cut.before(self.bottoms[path.block].entries());
    }

    fn descend_to_rank(&self, rank: usize) -> Path {
        let mut path = Path::new(self.root);
        let mut rest = rank as u32;
        for level in (0..self.height).rev() {
            let upper = &self.uppers[path.block];
            let child = upper.child_of_rank(rest);
            rest -= upper.count_before(child);
            path.steps[level] = (path.block, child as u32);
            path.block = upper.child(child);
        }
        path.at = rest as usize;
        path
    }
}

/// Changing.
impl<K: Key> BSkip<K> {
    /// Adds an entry that the list does not hold.
    pub(super) fn insert(&mut self, key: K, id: u32, member: &[u8], names: &impl Names) {
        if self.len == 0 {
            let mut bottom = Bottom::new(NONE, NONE);
            bottom.insert(0, key, id);
            self.root = self.bottoms.insert(bottom);
            self.len = 1;
            return;
        }
        assert!(self.len < u32::MAX as usize, "counts are of 32 bits");
        let path = self.descend(&AfterEntry { key, id, member, names });
        self.insert_at(&path, key, id);
    }

    /// Takes out the entry (`key`, `member`), which the list must hold.
    pub(super) fn remove(&mut self, key: K, id: u32, member: &[u8], names: &impl Names) {
        let mut path = self.descend(&AfterEntry { key, id, member, names });
        path.at -= 1;
        self.remove_at(&path, 1);
    }

    /// Moves the entry (`from`, `member`), which the list must hold, to another key.
    pub(super) fn rekey(&mut self, from: K, to: K, id: u32, member: &[u8], names: &impl Names) {
        let source = AfterEntry { key: from, id, member, names };
        let target = AfterEntry { key: to, id, member, names };
        let (mut source, target) = self.descend_both(&source, &target);
        source.at -= 1;
        let bottom = &mut self.bottoms[source.block];
        debug_assert_eq!(bottom.ids()[source.at], id, "the list holds the entry");
        if source.block == target.block {
            let dest = target.at - usize::from(target.at > source.at);
            bottom.shift(source.at, dest, to);
            if source.at == 0 || dest == 0 {
                self.refresh_first(&source);
            }
        } else if self.bottoms[target.block].len() < CAP {
            // No split, so the other way stays good.
            self.insert_at(&target, to, id);
            self.remove_at(&source, 1);
        } else {
            self.remove_at(&source, 1);
            self.insert(to, id, member, names);
        }
    }

    /// Takes out up to `most` entries from rank `from` on, all of one block: at
    /// least one, if there is one.
    pub(super) fn remove_run(&mut self, from: usize, most: usize) -> Run {
        let mut run = Run { ids: [0; CAP], len: 0 };
        if from < self.len && most > 0 {
            let path = self.descend_to_rank(from);
            let ids = &self.bottoms[path.block].ids()[path.at..];
            let ids = &ids[..ids.len().min(most)];
            run.ids[..ids.len()].copy_from_slice(ids);
            run.len = ids.len();
            self.remove_at(&path, run.len);
        }
        run
    }

    /// Frees the blocks of about `count` entries; the list is of no use afterwards.
    pub(super) fn drop_some(&mut self, count: usize) {
        let blocks = count.div_ceil(CAP / 2);
        self.bottoms.drop_some(blocks);
        self.uppers.drop_some(blocks.div_ceil(CAP / 2));
        if self.bottoms.is_empty() && self.uppers.is_empty() {
            *self = Self::default();
        }
    }

    fn insert_at(&mut self, path: &Path, key: K, id: u32) {
        self.len += 1;
        let bottom = &mut self.bottoms[path.block];
        if bottom.len() == CAP {
            return self.split_bottom(path, key, id);
        }
        bottom.insert(path.at, key, id);
        for &(block, child) in &path.steps[..self.height] {
            self.uppers[block].add(child as usize, 1);
        }
        if path.at == 0 {
            self.refresh_first(path);
        }
    }

    /// Tells the blocks above of a new first entry in the bottom block of `path`.
    pub(super) fn refresh_first(&mut self, path: &Path) {
        let first = self.bottoms[path.block].first();
        for &(block, child) in &path.steps[..self.height] {
            self.uppers[block].set_first(child as usize, first);
            if child > 0 {
                break;
            }
        }
    }
}

/// Checking.
impl<K: Key> BSkip<K> {
    /// Every entry in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (K, u32)> {
        let first = (self.len > 0).then(|| self.locate(0).block);
        let next = |&block: &u32| Some(self.block(block).next).filter(|&next| next != NONE);
        std::iter::successors(first, next).flat_map(|block| {
            let block = self.block(block);
            block.keys().iter().copied().zip(block.ids().iter().copied())
        })
    }

    /// Checks the invariants: O(n).
    pub(super) fn assert_valid(&self, names: &impl Names) {
        self.bottoms.assert_valid();
        self.uppers.assert_valid();
        if self.len == 0 {
            assert_eq!((self.bottoms.len(), self.uppers.len(), self.height), (0, 0, 0));
            return;
        }
        let mut level = vec![self.root];
        for height in (0..self.height).rev() {
            assert!(height + 1 < self.height || self.uppers[self.root].len() > 1, "invariant 4");
            let mut below = Vec::new();
            for &block in &level {
                let upper = &self.uppers[block];
                assert!(upper.len() > 0, "invariant 2");
                for at in 0..upper.len() {
                    let child = upper.child(at);
                    let (first, count) = match height {
                        0 => (self.bottoms[child].first(), self.bottoms[child].len() as u32),
                        _ => (self.uppers[child].first(), self.uppers[child].total()),
                    };
                    assert_eq!(upper.below(at), Below { first, child, count }, "invariant 3");
                    below.push(child);
                }
            }
            level = below;
        }
        self.assert_chain(&level, names);
    }

    fn assert_chain(&self, chain: &[u32], names: &impl Names) {
        assert_eq!(chain.len(), self.bottoms.len());
        let (mut len, mut prev) = (0, NONE);
        let mut last: Option<(K, &[u8])> = None;
        for (n, &block) in chain.iter().enumerate() {
            let bottom = &self.bottoms[block];
            assert!(bottom.len() > 0, "invariant 2");
            let next = chain.get(n + 1).copied().unwrap_or(NONE);
            assert_eq!((bottom.prev, bottom.next), (prev, next), "invariant 1");
            for (&key, &id) in bottom.keys().iter().zip(bottom.ids()) {
                let entry = (key, names.name(id));
                assert!(last.is_none_or(|last| last < entry), "invariant 1");
                last = Some(entry);
            }
            prev = block;
            len += bottom.len();
        }
        assert_eq!(len, self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::super::walk::Walk;
    use super::*;

    /// Ids whose bytes order as they do.
    struct Bytes(Vec<[u8; 4]>);

    impl Names for Bytes {
        fn name(&self, id: u32) -> &[u8] {
            &self.0[id as usize]
        }
    }

    #[test]
    fn any_ordered_key_will_do_with_ties_or_without() {
        let names = Bytes((0..30_000_u32).map(u32::to_be_bytes).collect());
        // Two columns, the second descending; all pairs tie four times.
        let key = |id: u32| (id % 75, std::cmp::Reverse(id / 75 % 100));
        let mut ids: Vec<u32> = (0..30_000).collect();
        fastrand::Rng::with_seed(11).shuffle(&mut ids);
        let mut list = BSkip::default();
        for &id in &ids {
            list.insert(key(id), id, names.name(id), &names);
        }
        list.assert_valid(&names);
        let mut sorted = ids.clone();
        sorted.sort_by_key(|&id| (key(id), id));
        assert!(Walk::new(&list, 0..list.len()).eq(sorted.iter().copied()));

        // Half go, in another order; the rest keep their ranks.
        for &id in ids.iter().filter(|&&id| id % 2 == 0) {
            list.remove(key(id), id, names.name(id), &names);
        }
        list.assert_valid(&names);
        sorted.retain(|&id| id % 2 == 1);
        for (rank, &id) in sorted.iter().enumerate() {
            let cut = AfterEntry { key: key(id), id, member: names.name(id), names: &names };
            assert_eq!(list.rank(&cut), rank + 1);
            assert_eq!(list.id_at(list.locate(rank)), id);
        }
        while !list.remove_run(list.len() / 2, usize::MAX).ids().is_empty() {
            list.assert_valid(&names);
        }
    }
}
