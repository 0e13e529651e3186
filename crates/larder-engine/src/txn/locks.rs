//! The shards that a transaction has locked.

use std::ops::{Index, IndexMut};

use larder_base::sync::{RwLockWriteGuard, unlock_fairly};

use crate::namespace::Keyspace;
use crate::shard::ShardState;

/// The held shards in the order of acquisition, so that an index stays good. The first stands by
/// itself: most transactions have no other.
#[derive(Debug, Default)]
pub(super) struct Locks<'e> {
    first: Option<Held<'e>>,
    more: Vec<Held<'e>>,
}

impl<'e> Locks<'e> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Held<'e>> {
        self.first.iter().chain(&self.more)
    }

    pub(super) fn push(&mut self, held: Held<'e>) -> usize {
        if self.first.is_none() {
            self.first = Some(held);
            return 0;
        }
        self.more.push(held);
        self.more.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Unlocks the one shard that is held, giving way to whoever waits for it.
    pub(super) fn give_way(&mut self) {
        debug_assert!(self.more.is_empty(), "for a transaction over one shard");
        if let Some(held) = self.first.take() {
            unlock_fairly(held.state);
        }
    }

    /// Unlocks them all.
    pub(super) fn release(&mut self) {
        self.first = None;
        self.more.clear();
    }
}

impl<'e> Index<usize> for Locks<'e> {
    type Output = Held<'e>;

    #[inline]
    fn index(&self, at: usize) -> &Held<'e> {
        match at {
            0 => self.first.as_ref().expect("a shard is held"),
            _ => &self.more[at - 1],
        }
    }
}

impl IndexMut<usize> for Locks<'_> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut Self::Output {
        match at {
            0 => self.first.as_mut().expect("a shard is held"),
            _ => &mut self.more[at - 1],
        }
    }
}

/// A locked shard.
#[derive(Debug)]
pub(super) struct Held<'e> {
    pub(super) keyspace: &'e Keyspace,
    pub(super) shard: u32,
    pub(super) state: RwLockWriteGuard<'e, ShardState>,
}
