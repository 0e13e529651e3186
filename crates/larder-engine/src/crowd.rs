//! The crowd of a shard's keys: who waits for a key, and who watches one.
//!
//! A *waiter* wants to take something from a key as soon as it is there; waiters of a key are
//! served in the order in which they came. A *watch* only wants to know whether a key was changed.
//! A key that was fed while it has waiters is *owed* until they were served: whoever comes to it
//! first serves them, so nobody overtakes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use larder_collections::blob::Blob;

use crate::wait::Waiting;
use crate::watch::WatchFlag;

/// See the module. Guarded by its shard's lock.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    waiters: HashMap<Blob, VecDeque<Arc<dyn Waiting>>>,
    watches: HashMap<Blob, Vec<Arc<WatchFlag>>>,
    owed: Vec<Blob>,
}

impl Crowd {
    /// True when nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty() && self.watches.is_empty() && self.owed.is_empty()
    }

    /// A change of `key` was committed: its watches learn of it. True when it became owed.
    pub(crate) fn touch(&mut self, key: &Blob) -> bool {
        for watch in self.watches.get(key).into_iter().flatten() {
            watch.mark();
        }
        let owes = self.waiters.contains_key(key) && !self.is_owed(key);
        if owes {
            self.owed.push(key.clone());
        }
        owes
    }

    pub(crate) fn is_owed(&self, key: &[u8]) -> bool {
        self.owed.iter().any(|owed| owed.as_slice() == key)
    }

    /// The waiters of `key` were served.
    pub(crate) fn settle(&mut self, key: &[u8]) {
        self.owed.retain(|owed| owed.as_slice() != key);
    }

    /// The waiter of `key` at this place of its queue; 0 came first.
    pub(crate) fn waiter(&self, key: &[u8], place: usize) -> Option<Arc<dyn Waiting>> {
        self.waiters.get(key)?.get(place).cloned()
    }

    pub(crate) fn join(&mut self, key: Blob, waiter: Arc<dyn Waiting>) {
        self.waiters.entry(key).or_default().push_back(waiter);
    }

    /// Removes the waiter of this number from the queue of `key`.
    pub(crate) fn leave(&mut self, key: &[u8], number: u64) {
        if let Some(queue) = self.waiters.get_mut(key) {
            if queue.front().is_some_and(|first| first.number() == number) {
                queue.pop_front();
            } else {
                queue.retain(|waiter| waiter.number() != number);
            }
            if queue.is_empty() {
                self.waiters.remove(key);
            }
        }
    }

    pub(crate) fn watch(&mut self, key: Blob, flag: Arc<WatchFlag>) {
        self.watches.entry(key).or_default().push(flag);
    }

    pub(crate) fn unwatch(&mut self, key: &[u8], flag: &Arc<WatchFlag>) {
        if let Some(flags) = self.watches.get_mut(key) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            if flags.is_empty() {
                self.watches.remove(key);
            }
        }
    }

    /// Every waiter, in no order.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = &Arc<dyn Waiting>> {
        self.waiters.values().flatten()
    }

    /// How many waits there are, one for each key of a waiter.
    pub(crate) fn waits(&self) -> usize {
        self.waiters.values().map(VecDeque::len).sum()
    }
}
