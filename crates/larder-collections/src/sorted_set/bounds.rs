//! Cuts: where an ordered run of entries divides into "before" and "after".
//!
//! Every search of the list is for a cut; the number of entries before it is a
//! rank, so ranges by score and by member become ranges of ranks.

use super::block::{Entries, Key};

/// The member that an id stands for.
pub(super) trait Names {
    fn name(&self, id: u32) -> &[u8];
}

/// A place between two entries, told by looking at entries.
pub(super) trait Cut<K> {
    /// How many entries of an ordered run are before the cut.
    fn before(&self, entries: Entries<'_, K>) -> usize;
}

/// The cut just after (`key`, `member`), whether or not the list holds it.
pub(super) struct AfterEntry<'a, K, N> {
    pub(super) key: K,
    /// The member's id.
    pub(super) id: u32,
    pub(super) member: &'a [u8],
    pub(super) names: &'a N,
}

impl<K: Key, N: Names> Cut<K> for AfterEntry<'_, K, N> {
    #[inline]
    fn before(&self, entries: Entries<'_, K>) -> usize {
        let upto = entries.count_at_most(self.key);
        if upto == 0 || entries.key(upto - 1) < self.key {
            return upto;
        }
        // Keys tie: mostly the entry's with itself.
        let ids = &entries.ids()[..upto];
        let last = ids[upto - 1];
        if last == self.id || self.names.name(last) <= self.member {
            return upto;
        }
        let from = entries.count_below(self.key);
        let tied = &ids[from..upto - 1];
        from + tied.partition_point(|&id| self.names.name(id) <= self.member)
    }
}

/// The cut before the first entry with this key or a greater one.
pub(super) struct BeforeKey<K>(pub(super) K);

impl<K: Key> Cut<K> for BeforeKey<K> {
    fn before(&self, entries: Entries<'_, K>) -> usize {
        entries.count_below(self.0)
    }
}

/// The cut after the last entry with this key or a lesser one.
pub(super) struct AfterKey<K>(pub(super) K);

impl<K: Key> Cut<K> for AfterKey<K> {
    fn before(&self, entries: Entries<'_, K>) -> usize {
        entries.count_at_most(self.0)
    }
}

/// The cut before (or after) a member, where all keys are equal. Where they are
/// not, some cut.
pub(super) struct AtName<'a, N> {
    pub(super) member: &'a [u8],
    pub(super) after: bool,
    pub(super) names: &'a N,
}

impl<K: Key, N: Names> Cut<K> for AtName<'_, N> {
    fn before(&self, entries: Entries<'_, K>) -> usize {
        entries.ids().partition_point(|&id| {
            let name = self.names.name(id);
            if self.after { name <= self.member } else { name < self.member }
        })
    }
}
