//! How the blocks of the list split and merge.
//!
//! ```text
//! full block, an entry comes     half moves to a new block; at the list's front or back the
//!                                old entries stay together, and the new block starts with one
//! root split                     a new root over both
//! block and neighbour fit 3/4    one takes the entries of both
//! block empty                    it goes, and its entry above
//! root with one child            the child is the root
//! ```
//!
//! Each of these adds an entry to the level above, or takes one out, and so may go on
//! there. What a merge leaves has room for a quarter of a block before it splits again.

use std::cmp::Ordering;

use super::block::{Below, Bottom, CAP, Key, MERGE, NONE, Upper};
use super::bskip::{BSkip, MAX_HEIGHT, Path};

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

/// Splitting.
impl<K: Key> BSkip<K> {
    /// Splits the full bottom block of `path` and inserts into one of the two.
    pub(super) fn split_bottom(&mut self, path: &Path, key: K, id: u32) {
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
            upper.add(child, 1);
            let Some(new) = right.take() else { continue };
            let at = child + 1;
            if upper.len() < CAP {
                upper.insert(at, new);
                continue;
            }
            // Uppers of an edge are split like their bottom blocks.
            let edge = if edge == Edge::Back && at < CAP { Edge::Middle } else { edge };
            let cut = edge.split(at);
            let mut split = upper.split_off(cut);
            match at.cmp(&cut) {
                Ordering::Less => upper.insert(at, new),
                Ordering::Equal => {
                    upper.subtract(child, new.count);
                    split.unshift(new);
                }
                Ordering::Greater => split.insert(at - cut, new),
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
        root.push(Below { first, child: self.root, count });
        root.push(right);
        self.root = self.uppers.insert(root);
        self.height += 1;
        assert!(self.height < MAX_HEIGHT, "2^32 entries make fewer levels");
    }
}

/// Merging.
impl<K: Key> BSkip<K> {
    /// Takes `count` entries from the place on, all of one block.
    pub(super) fn remove_at(&mut self, path: &Path, count: usize) {
        self.len -= count;
        let bottom = &mut self.bottoms[path.block];
        bottom.remove(path.at..path.at + count);
        let left = bottom.len();
        for &(block, child) in &path.steps[..self.height] {
            self.uppers[block].subtract(child as usize, count as u32);
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
            self.uppers[parent].count(at) as usize
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
        self.uppers[parent].join(left);
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
        let left = pair_to_merge(child, above.len(), |at| self.uppers[above.child(at)].len())?;
        let (to, from) = pair(above, left);
        let right = self.uppers.remove(from);
        self.uppers[to].append(&right);
        self.uppers[parent].join(left);
        Some(left + 1)
    }

    /// A root with one child gives way to it; an empty list has no root.
    fn lower_root(&mut self) {
        if self.len == 0 {
            *self = Self::default();
        }
        while self.height > 0 && self.uppers[self.root].len() == 1 {
            self.root = self.uppers.remove(self.root).child(0);
            self.height -= 1;
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
    (upper.child(left), upper.child(left + 1))
}
