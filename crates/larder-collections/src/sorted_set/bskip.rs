//! The B-skip list: an indexable skip list whose every level is unrolled into blocks.
//!
//! ```text
//! root      [ (a, 2, 120) (m, 7, 95) ]                                    height 2
//!              |             \
//! upper     [ (a, 0, 40) (d, 1, 50) (h, 4, 30) ]   [ (m, 3, 61) (s, 5, 34) ]
//!              |            |          |              |            |
//! bottom    [ a b c .. ]->[ d e .. ]->[ h .. ]  ->  [ m n .. ] ->[ s .. ]
//! ```
//!
//! A bottom block holds up to 63 entries (key, id); a block above holds (first
//! entry, child, count) of blocks below. A level is a skip list's lane: entries
//! are promoted when a block splits, in place of by chance, so the cost is bound
//! and not just expected. The order is by key, then by the member's bytes, which
//! the list asks for ([`Names`]) only where keys tie. Blocks live in arenas.
//!
//! # Invariants
//!
//! 1. Entries are in strict order along the bottom level; `prev` and `next` chain
//!    its blocks in that order.
//! 2. No block is empty; only the list as a whole may be (no root then).
//! 3. An upper entry says exactly the first entry and the number of entries under
//!    its child, and every bottom block is `height` levels under the root.
//! 4. The root, if an upper block, has two children or more.
//!
//! # Cost
//!
//! Every operation is O(log n): one block a level. A million entries have two or
//! three levels of upper blocks, of which all but the lowest fit the cache. Random
//! inserts leave blocks 70 % full, appends and prepends nearly full. After removals,
//! a block and a neighbour under the same parent merge when they fit in 3/4 of one.

use std::ops::Range;

use super::block::{Below, Bottom, CAP, Key, MERGE, NONE, Upper};
use super::bounds::{AfterEntry, Cut, Names};
use crate::slab::Slab;

/// Blocks in one allocation of an arena: some 24 or 40 KiB.
const CHUNK: usize = 32;
/// More levels than 2^32 entries can make.
const MAX_HEIGHT: usize = 16;

/// An ordered list of (key, id) with ranks.
#[derive(Debug)]
pub(super) struct BSkip<K> {
    bottoms: Slab<Bottom<K>, CHUNK>,
    uppers: Slab<Upper<K>, CHUNK>,
    /// A bottom block at height 0, else an upper one.
    root: u32,
    /// Levels of upper blocks.
    height: usize,
    len: usize,
}

/// A place in a bottom block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) block: u32,
    pub(super) at: usize,
}

/// The way from the root to a place.
#[derive(Clone, Copy)]
struct Path {
    /// By level, the root last: an upper block, and which child was taken.
    steps: [(u32, u32); MAX_HEIGHT],
    block: u32,
    at: usize,
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

/// Where in the whole list a block was filled.
#[derive(Clone, Copy, PartialEq)]
enum Edge {
    Front,
    Middle,
    Back,
}

impl Edge {
    /// Where to split a full block: at an edge the old entries stay together, so
    /// that entries that come in order fill their blocks.
    fn split(self, at: usize) -> usize {
        match self {
            Self::Front => at,
            Self::Middle => CAP / 2,
            Self::Back => CAP,
        }
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
            let child = cut.before(upper.keys(), upper.ids()).saturating_sub(1);
            rank += upper.count_before(child);
            block = upper.children()[child];
        }
        let bottom = &self.bottoms[block];
        rank + cut.before(bottom.keys(), bottom.ids())
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
            block = upper.children()[child_of_rank(upper, &mut rest)];
        }
        Place { block, at: rest as usize }
    }

    pub(super) fn id_at(&self, place: Place) -> u32 {
        self.bottoms[place.block].ids()[place.at]
    }

    fn descend(&self, cut: &impl Cut<K>) -> Path {
        let mut path = Path { steps: [(NONE, 0); MAX_HEIGHT], block: self.root, at: 0 };
        for level in (0..self.height).rev() {
            let upper = &self.uppers[path.block];
            let child = cut.before(upper.keys(), upper.ids()).saturating_sub(1);
            path.steps[level] = (path.block, child as u32);
            path.block = upper.children()[child];
        }
        let bottom = &self.bottoms[path.block];
        path.at = cut.before(bottom.keys(), bottom.ids());
        path
    }

    fn descend_to_rank(&self, rank: usize) -> Path {
        let mut path = Path { steps: [(NONE, 0); MAX_HEIGHT], block: self.root, at: 0 };
        let mut rest = rank as u32;
        for level in (0..self.height).rev() {
            let upper = &self.uppers[path.block];
            let child = child_of_rank(upper, &mut rest);
            path.steps[level] = (path.block, child as u32);
            path.block = upper.children()[child];
        }
        path.at = rest as usize;
        path
    }
}

/// The child that holds the entry `rest` of this block; `rest` becomes its rank in there.
fn child_of_rank<K: Key>(upper: &Upper<K>, rest: &mut u32) -> usize {
    let mut child = 0;
    for &count in upper.counts() {
        if *rest < count {
            break;
        }
        *rest -= count;
        child += 1;
    }
    child
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
        let path = self.descend(&AfterEntry { key, member, names });
        self.insert_at(&path, key, id);
    }

    /// Takes out the entry (`key`, `member`), which the list must hold.
    pub(super) fn remove(&mut self, key: K, member: &[u8], names: &impl Names) {
        let mut path = self.descend(&AfterEntry { key, member, names });
        path.at -= 1;
        self.remove_at(&path, 1);
    }

    /// Moves the entry (`from`, `member`), which the list must hold, to another key.
    pub(super) fn rekey(&mut self, from: K, to: K, id: u32, member: &[u8], names: &impl Names) {
        let mut path = self.descend(&AfterEntry { key: from, member, names });
        path.at -= 1;
        let bottom = &mut self.bottoms[path.block];
        debug_assert_eq!(bottom.ids()[path.at], id, "the list holds the entry");
        let target = AfterEntry { key: to, member, names };
        let before = target.before(bottom.keys(), bottom.ids());
        let stays =
            (before > 0 || bottom.prev == NONE) && (before < bottom.len() || bottom.next == NONE);
        if stays {
            let dest = if before > path.at { before - 1 } else { before };
            bottom.shift(path.at, dest, to);
            if path.at == 0 || dest == 0 {
                self.refresh_first(&path);
            }
        } else {
            self.remove_at(&path, 1);
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
            self.uppers[block].counts_mut()[child as usize] += 1;
        }
        if path.at == 0 {
            self.refresh_first(path);
        }
    }

    /// Splits the full bottom block of `path` and inserts into one of the two.
    fn split_bottom(&mut self, path: &Path, key: K, id: u32) {
        let bottom = &mut self.bottoms[path.block];
        let (prev, next) = (bottom.prev, bottom.next);
        let edge = match path.at {
            CAP if next == NONE => Edge::Back,
            0 if prev == NONE => Edge::Front,
            _ => Edge::Middle,
        };
        let cut = edge.split(path.at);
        let mut right = bottom.split_off(cut);
        if path.at < cut || edge == Edge::Front {
            bottom.insert(path.at, key, id);
        } else {
            right.insert(path.at - cut, key, id);
        }
        (right.prev, right.next) = (path.block, next);
        let (first, count) = (right.first(), right.len() as u32);
        let child = self.bottoms.insert(right);
        self.bottoms[path.block].next = child;
        if next != NONE {
            self.bottoms[next].prev = child;
        }
        if path.at == 0 {
            self.refresh_first(path);
        }
        self.add_above(path, Below { first, child, count }, edge);
    }

    /// Adds to the upper levels a block that was split off the one that `path` went
    /// through, and the one entry that was inserted.
    fn add_above(&mut self, path: &Path, right: Below<K>, edge: Edge) {
        let mut right = Some(right);
        for &(block, child) in &path.steps[..self.height] {
            let child = child as usize;
            let upper = &mut self.uppers[block];
            upper.counts_mut()[child] += 1;
            let Some(new) = right.take() else { continue };
            upper.counts_mut()[child] -= new.count;
            let at = child + 1;
            if upper.len() < CAP {
                upper.insert(at, new);
                continue;
            }
            // Uppers of an edge are split like their bottom blocks.
            let edge = if edge == Edge::Back && at < CAP { Edge::Middle } else { edge };
            let cut = edge.split(at);
            let mut split = upper.split_off(cut);
            if at < cut {
                upper.insert(at, new);
            } else {
                split.insert(at - cut, new);
            }
            let (first, count) = (split.first(), split.total());
            right = Some(Below { first, child: self.uppers.insert(split), count });
        }
        if let Some(right) = right {
            self.add_root(right);
        }
    }

    /// Puts a new root over the old one and the block that was split off it.
    fn add_root(&mut self, right: Below<K>) {
        let first = match self.height {
            0 => self.bottoms[self.root].first(),
            _ => self.uppers[self.root].first(),
        };
        let count = self.len as u32 - right.count;
        let mut root = Upper::new();
        root.insert(0, Below { first, child: self.root, count });
        root.insert(1, right);
        self.root = self.uppers.insert(root);
        self.height += 1;
        assert!(self.height < MAX_HEIGHT, "2^32 entries make fewer levels");
    }

    /// Takes `count` entries from the place on, all of one block.
    fn remove_at(&mut self, path: &Path, count: usize) {
        self.len -= count;
        let bottom = &mut self.bottoms[path.block];
        bottom.remove(path.at..path.at + count);
        let left = bottom.len();
        for &(block, child) in &path.steps[..self.height] {
            self.uppers[block].counts_mut()[child as usize] -= count as u32;
        }
        if left == 0 {
            self.unlink(path.block);
            self.remove_above(path, 0, path.steps[0].1 as usize);
        } else {
            if path.at == 0 {
                self.refresh_first(path);
            }
            self.merge_bottom(path);
        }
    }

    /// Takes a bottom block out of the chain and frees it.
    fn unlink(&mut self, block: u32) {
        let Bottom { prev, next, .. } = self.bottoms.remove(block);
        if prev != NONE {
            self.bottoms[prev].next = next;
        }
        if next != NONE {
            self.bottoms[next].prev = prev;
        }
    }

    /// Merges the bottom block of `path` with a neighbour under the same parent if they fit well.
    fn merge_bottom(&mut self, path: &Path) {
        if self.height == 0 {
            return;
        }
        let (parent, child) = (path.steps[0].0, path.steps[0].1 as usize);
        // The parent's counts are its children's lengths: no need to touch them.
        let Some(left) = pair_to_merge(child, self.uppers[parent].len(), |at| {
            self.uppers[parent].counts()[at] as usize
        }) else {
            return;
        };
        let (to, from) = pair(&self.uppers[parent], left);
        let right = self.bottoms.remove(from);
        let bottom = &mut self.bottoms[to];
        bottom.append(&right);
        bottom.next = right.next;
        if right.next != NONE {
            self.bottoms[right.next].prev = to;
        }
        self.join_counts(parent, left);
        self.remove_above(path, 0, left + 1);
    }

    /// Takes the entry at `child` out of the upper block of `path` at `level`, and
    /// restores the invariants from there up.
    fn remove_above(&mut self, path: &Path, level: usize, child: usize) {
        let mut child = child;
        for level in level..self.height {
            let (block, _) = path.steps[level];
            self.uppers[block].remove(child);
            if self.uppers[block].len() > 0 {
                if child == 0 {
                    self.refresh_above(path, level);
                }
                match self.merge_upper(path, level) {
                    Some(gone) => child = gone,
                    None => break,
                }
            } else {
                self.uppers.remove(block);
                child = path.steps[level + 1].1 as usize;
            }
        }
        self.lower_root();
    }

    /// Merges the upper block of `path` at `level` with a neighbour if they fit well;
    /// says which entry of the block above is to go.
    fn merge_upper(&mut self, path: &Path, level: usize) -> Option<usize> {
        if level + 1 == self.height {
            return None;
        }
        let (parent, child) = (path.steps[level + 1].0, path.steps[level + 1].1 as usize);
        let above = &self.uppers[parent];
        let left = pair_to_merge(child, above.len(), |at| self.uppers[above.children()[at]].len())?;
        let (to, from) = pair(above, left);
        let right = self.uppers.remove(from);
        self.uppers[to].append(&right);
        self.join_counts(parent, left);
        Some(left + 1)
    }

    /// Counts the entries of child `left + 1` to `left`.
    fn join_counts(&mut self, parent: u32, left: usize) {
        let counts = self.uppers[parent].counts_mut();
        counts[left] += counts[left + 1];
    }

    /// A root with one child gives way to it; an empty list has no root.
    fn lower_root(&mut self) {
        if self.len == 0 {
            *self = Self::default();
        }
        while self.height > 0 && self.uppers[self.root].len() == 1 {
            self.root = self.uppers.remove(self.root).children()[0];
            self.height -= 1;
        }
    }

    /// Tells the blocks above of a new first entry in the bottom block of `path`.
    fn refresh_first(&mut self, path: &Path) {
        let first = self.bottoms[path.block].first();
        for &(block, child) in &path.steps[..self.height] {
            self.uppers[block].set_first(child as usize, first);
            if child > 0 {
                break;
            }
        }
    }

    /// Tells the blocks above of a new first entry in the upper block of `path` at `level`.
    fn refresh_above(&mut self, path: &Path, level: usize) {
        let first = self.uppers[path.steps[level].0].first();
        for &(block, child) in &path.steps[level + 1..self.height] {
            self.uppers[block].set_first(child as usize, first);
            if child > 0 {
                break;
            }
        }
    }
}

/// The left one of two neighbours, of which `child` is one, that fit into one block.
fn pair_to_merge(child: usize, len: usize, size: impl Fn(usize) -> usize) -> Option<usize> {
    let own = size(child);
    if child + 1 < len && own + size(child + 1) <= MERGE {
        Some(child)
    } else if child > 0 && own + size(child - 1) <= MERGE {
        Some(child - 1)
    } else {
        None
    }
}

fn pair<K: Key>(upper: &Upper<K>, left: usize) -> (u32, u32) {
    (upper.children()[left], upper.children()[left + 1])
}

/// A walk over ranks from both ends: each end is found when it is first needed.
#[derive(Debug)]
pub(super) struct Walk<'a, K> {
    list: &'a BSkip<K>,
    ranks: Range<usize>,
    front: Option<Place>,
    back: Option<Place>,
}

impl<K> Clone for Walk<'_, K> {
    fn clone(&self) -> Self {
        Self { list: self.list, ranks: self.ranks.clone(), front: self.front, back: self.back }
    }
}

impl<'a, K: Key> Walk<'a, K> {
    pub(super) fn new(list: &'a BSkip<K>, ranks: Range<usize>) -> Self {
        let end = ranks.end.min(list.len());
        Self { list, ranks: ranks.start.min(end)..end, front: None, back: None }
    }
}

impl<K: Key> Iterator for Walk<'_, K> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let rank = self.ranks.next()?;
        let mut place = match self.front {
            Some(place) => place,
            None => self.list.locate(rank),
        };
        let block = self.list.block(place.block);
        let id = block.ids()[place.at];
        place.at += 1;
        if place.at == block.len() {
            place = Place { block: block.next, at: 0 };
        }
        self.front = Some(place);
        Some(id)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<u32> {
        if n > 0 {
            self.front = None;
            self.ranks.start = self.ranks.start.saturating_add(n).min(self.ranks.end);
        }
        self.next()
    }
}

impl<K: Key> DoubleEndedIterator for Walk<'_, K> {
    fn next_back(&mut self) -> Option<u32> {
        let rank = self.ranks.next_back()?;
        let place = match self.back {
            // The block before, of which the last entry is next.
            Some(Place { block, at: 0 }) => {
                let block = self.list.block(block).prev;
                Place { block, at: self.list.block(block).len() - 1 }
            }
            Some(Place { block, at }) => Place { block, at: at - 1 },
            None => self.list.locate(rank),
        };
        self.back = Some(place);
        Some(self.list.id_at(place))
    }
}

impl<K: Key> ExactSizeIterator for Walk<'_, K> {}

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
                    let child = upper.children()[at];
                    let (first, count) = match height {
                        0 => (self.bottoms[child].first(), self.bottoms[child].len() as u32),
                        _ => (self.uppers[child].first(), self.uppers[child].total()),
                    };
                    let said = (upper.keys()[at], upper.ids()[at]);
                    assert_eq!((said, upper.counts()[at]), (first, count), "invariant 3");
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
