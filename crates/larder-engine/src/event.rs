//! Events: what happened to a key, for listeners.
//!
//! Events enter the outbox while the shard is still locked, so their order is that of the changes.
//! They are delivered after unlocking, by one thread at a time: a thread that finds another one
//! delivering leaves its events to it and goes on.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use larder_base::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use larder_base::sync::{Mutex, RwLock};
use larder_collections::blob::Blob;

use crate::inside::{self, Place};
#[cfg(larder_loom)]
use crate::planted::{self, Bug};

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The namespace's name.
    pub namespace: Arc<str>,
    /// The key.
    pub key: Blob,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum EventKind {
    Set,
    Appended,
    RangeWritten,
    Incremented,
    FloatIncremented,
    Deleted,
    Expired,
    Evicted,
    DeadlineSet,
    Persisted,
    RenamedFrom,
    RenamedTo,
    CopiedTo,
    MemberAdded,
    MemberIncremented,
    MemberRemoved,
    MinPopped,
    MaxPopped,
    RankRangeRemoved,
    ScoreRangeRemoved,
    LexRangeRemoved,
    SetStored,
    LeaseGranted,
    LeaseRenewed,
    LeaseReleased,
}

/// A listener: called for every event, in commit order, with no lock held.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// See the module.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    listeners: RwLock<Vec<(u64, Listener)>>,
    next_number: AtomicU64,
    listening: AtomicBool,
    panics: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// True while a thread delivers.
    is_delivering: bool,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("panics", &self.panics).finish_non_exhaustive()
    }
}

impl Outbox {
    /// True when somebody listens; one relaxed load.
    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, listener: Listener) -> u64 {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let mut listeners = self.listeners.write();
        listeners.push((number, listener));
        self.listening.store(true, Ordering::Relaxed);
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        let removed = {
            let mut listeners = self.listeners.write();
            let at = listeners.iter().position(|(other, _)| *other == number);
            let removed = at.map(|at| listeners.remove(at));
            self.listening.store(!listeners.is_empty(), Ordering::Relaxed);
            removed
        };
        // A listener's captures are the program's: they drop with no lock held.
        drop(removed);
    }

    /// How many times a listener panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Queues events, in order. Called with shard locks held.
    pub(crate) fn push(&self, events: impl Iterator<Item = Event>) {
        self.queue.lock().events.extend(events);
    }

    /// Delivers what is queued, unless another thread is at it. Called with no lock held.
    pub(crate) fn deliver(&self) {
        {
            let mut queue = self.queue.lock();
            if queue.is_delivering || queue.events.is_empty() {
                return;
            }
            queue.is_delivering = true;
        }
        loop {
            let batch = {
                let mut queue = self.queue.lock();
                if queue.events.is_empty() {
                    #[cfg(larder_loom)]
                    if planted::has(Bug::TornDelivery) {
                        drop(queue);
                        queue = self.queue.lock();
                    }
                    queue.is_delivering = false;
                    return;
                }
                std::mem::take(&mut queue.events)
            };
            let listeners = self.listeners.read().clone();
            let _place = inside::enter(Place::Listener);
            for event in &batch {
                for (_, listener) in &listeners {
                    // A listener's panic is its own: the change is committed, the others hear it.
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(event))) {
                        self.panics.fetch_add(1, Ordering::Relaxed);
                        inside::discard_panic(panic);
                    }
                }
            }
            // One may have been removed meanwhile; then what it captured goes here.
            for listener in listeners {
                inside::quietly(|| drop(listener));
            }
        }
    }
}
