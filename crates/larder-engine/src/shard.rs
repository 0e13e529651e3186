//! A shard: one lock over a segmented table, a timing wheel and the crowd of its keys.
//!
//! ```text
//! hash   [ 7 tag bits | shard | directory of the table ........ | slot in a segment ]
//! ```
//!
//! The functions here keep four things in step for every entry: its place in the table, its timer
//! in the wheel, its node in the eviction queue, and what it is charged. They know nothing of
//! transactions, effects or events; [`Slot`](crate::slot::Slot) is their only caller beside expiry
//! and eviction.
//!
//! # Invariants
//!
//! 1. An entry has a timer exactly if it has a deadline, and the timer's payload is its hash.
//! 2. `bytes` is the sum of [`Entry::bytes`].
//! 3. `next_due` is never later than the least deadline in the wheel.

use larder_base::clock::Time;
use larder_base::sync::RwLock;
use larder_base::sync::atomic::{AtomicU64, Ordering};
use larder_collections::blob::Blob;
use larder_collections::table::{Spot, Table};
use larder_collections::wheel::{TimerId, Wheel};

use crate::crowd::Crowd;
use crate::entry::{Entry, due_floor, is_before_floor};
use crate::namespace::Keyspace;
use crate::value::Value;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) state: RwLock<ShardState>,
    /// Milliseconds; `u64::MAX` when no timer is filed.
    next_due: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
}

/// What the shard's lock guards.
#[derive(Debug)]
pub(crate) struct ShardState {
    pub(crate) table: Table<Entry>,
    pub(crate) wheel: Wheel<u64>,
    /// Waiters and watches; `None` while nobody watches a key of this shard.
    pub(crate) crowd: Option<Box<Crowd>>,
    pub(crate) bytes: u64,
    pub(crate) expired: u64,
    pub(crate) evicted: u64,
}

impl Shard {
    pub(crate) fn new(shard_bits: u32, now_ms: u64) -> Self {
        Self {
            state: RwLock::new(ShardState {
                table: Table::new(shard_bits),
                wheel: Wheel::new(now_ms),
                crowd: None,
                bytes: 0,
                expired: 0,
                evicted: 0,
            }),
            next_due: AtomicU64::new(u64::MAX),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// A lower bound of the least deadline, in milliseconds.
    pub(crate) fn next_due(&self) -> Option<u64> {
        match self.next_due.load(Ordering::SeqCst) {
            u64::MAX => None,
            due => Some(due),
        }
    }

    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn missed(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// Lowers the bound to `due`. Called with the lock held, so only the lock's owner writes it.
    pub(crate) fn expect_due(&self, due: u64) {
        if due < self.next_due.load(Ordering::Relaxed) {
            self.next_due.store(due, Ordering::SeqCst);
        }
    }

    /// Sets the bound to what the wheel says. Called with the lock held.
    pub(crate) fn refresh_due(&self, state: &ShardState) {
        self.next_due.store(state.wheel.next().unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl ShardState {
    /// The entry's deadline in milliseconds.
    #[inline]
    pub(crate) fn deadline(&self, entry: &Entry) -> Option<u64> {
        entry.timer.map(|id| self.wheel.due(id))
    }

    /// True when the entry's deadline has passed. Reads the clock only if there is one.
    #[inline]
    pub(crate) fn is_past(&self, ns: &Keyspace, entry: &Entry, now: impl FnOnce() -> Time) -> bool {
        let Some(timer) = entry.timer else { return false };
        let now_ms = now().as_millis();
        let is_surely_alive =
            ns.evictor.is_none() && is_before_floor(now_ms, entry.access.load(Ordering::Relaxed));
        !is_surely_alive && now_ms > self.wheel.due(timer)
    }

    #[inline]
    pub(crate) fn locate(&self, hash: u64, key: &[u8]) -> Option<Spot> {
        self.table.locate(hash, |entry| entry.key.as_slice() == key)
    }

    /// Adds an entry for a key that has none.
    pub(crate) fn insert(
        &mut self,
        ns: &Keyspace,
        hash: u64,
        key: Blob,
        value: Value,
        now_ms: impl FnOnce() -> u64,
    ) -> Spot {
        let mut entry = Entry { key, value, timer: None, access: Default::default() };
        let bytes = entry.bytes();
        if let Some(evictor) = &ns.evictor {
            entry.access = evictor.admit(hash, ns.weight_of(bytes), now_ms).into();
        }
        self.bytes += bytes;
        ns.charge(0, ns.weight_of(bytes));
        self.table.insert(hash, entry, |entry| ns.hash(&entry.key))
    }

    /// Puts another value in the entry's place and returns the old one.
    #[inline]
    pub(crate) fn replace(&mut self, ns: &Keyspace, spot: Spot, value: Value) -> Value {
        let entry = self.table.at_mut(spot);
        let before = entry.value.heap_bytes();
        let after = value.heap_bytes();
        let old = std::mem::replace(&mut entry.value, value);
        self.resized(ns, spot, before, after);
        old
    }

    /// Accounts a change of the entry's bytes from `before` to `after`.
    #[inline]
    pub(crate) fn resized(&mut self, ns: &Keyspace, spot: Spot, before: u64, after: u64) {
        if before != after {
            self.resized_now(ns, spot, before, after);
        }
    }

    fn resized_now(&mut self, ns: &Keyspace, spot: Spot, before: u64, after: u64) {
        self.bytes = self.bytes - before + after;
        if ns.weighs_bytes() {
            ns.charge(before, after);
            if let Some(evictor) = &ns.evictor {
                let entry = self.table.at(spot);
                evictor.resize(entry, entry.bytes());
            }
        }
    }

    /// Gives the entry a deadline in milliseconds, or none.
    pub(crate) fn set_deadline(&mut self, ns: &Keyspace, hash: u64, spot: Spot, due: Option<u64>) {
        let entry = self.table.at_mut(spot);
        let before = entry.bytes();
        if ns.evictor.is_none() {
            entry.access = due_floor(due.unwrap_or(0)).into();
        }
        match (entry.timer, due) {
            (None, None) => return,
            (None, Some(due)) => entry.timer = Some(self.wheel.insert(due, hash)),
            (Some(timer), Some(due)) => return self.wheel.reschedule(timer, due),
            (Some(timer), None) => {
                self.wheel.cancel(timer);
                entry.timer = None;
            }
        }
        let after = entry.bytes();
        self.resized(ns, spot, before, after);
    }

    /// Takes an entry out of the table, the wheel and the eviction queue; with its deadline.
    pub(crate) fn take(&mut self, ns: &Keyspace, hash: u64, spot: Spot) -> (Entry, Option<u64>) {
        let taken = self.take_evicted(ns, hash, spot);
        if let Some(evictor) = &ns.evictor {
            evictor.forget(&taken.0);
        }
        taken
    }

    /// Like [`take`](Self::take), for an entry that the eviction queue has forgotten already.
    pub(crate) fn take_evicted(
        &mut self,
        ns: &Keyspace,
        hash: u64,
        spot: Spot,
    ) -> (Entry, Option<u64>) {
        let entry = self.table.remove(hash, spot, |entry| ns.hash(&entry.key));
        let due = entry.timer.map(|timer| {
            let due = self.wheel.due(timer);
            self.wheel.cancel(timer);
            due
        });
        self.discharge(ns, &entry);
        (entry, due)
    }

    /// Takes out an entry whose timer has just fired.
    pub(crate) fn take_fired(&mut self, ns: &Keyspace, hash: u64, timer: TimerId) -> Entry {
        let spot = self.table.locate(hash, |entry| entry.timer == Some(timer));
        let spot = spot.expect("a timer belongs to an entry of its hash");
        let entry = self.table.remove(hash, spot, |entry| ns.hash(&entry.key));
        self.discharge(ns, &entry);
        if let Some(evictor) = &ns.evictor {
            evictor.forget(&entry);
        }
        entry
    }

    /// Ends the accounting of an entry that left the table.
    fn discharge(&mut self, ns: &Keyspace, entry: &Entry) {
        let bytes = entry.bytes();
        self.bytes -= bytes;
        ns.charge(ns.weight_of(bytes), 0);
    }

    /// Checks the invariants. For tests only: O(n).
    pub(crate) fn assert_valid(&self, ns: &Keyspace) {
        self.table.assert_valid(|entry| ns.hash(&entry.key));
        self.wheel.assert_valid();
        let (mut bytes, mut timers) = (0, 0);
        for entry in self.table.iter() {
            bytes += entry.bytes();
            if let Some(timer) = entry.timer {
                timers += 1;
                assert_eq!(*self.wheel.payload(timer), ns.hash(&entry.key), "invariant 1");
                let floor = due_floor(self.wheel.due(timer));
                let word = entry.access.load(Ordering::Relaxed);
                assert!(ns.evictor.is_some() || word == floor, "a wrong lower bound");
            }
        }
        assert_eq!(bytes, self.bytes, "invariant 2");
        assert_eq!(timers, self.wheel.len(), "a timer without an entry");
    }
}
