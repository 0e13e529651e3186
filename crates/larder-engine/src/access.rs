//! The three ways to reach a key, behind one interface: at once, at once under a lease's guard, or
//! inside a transaction. The groups of operations stand on it, so that each operation is written
//! once.

use crate::error::{Error, Result};
use crate::namespace::{Keyspace, Namespace};
use crate::slot::Slot;
use crate::txn::{After, Txn};
use crate::value::Value;

/// Whether an operation may make the namespace larger, and so needs room in its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Grows,
    Shrinks,
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Access<'a, 'e> {
    Direct(&'a Namespace),
    Guarded(&'a Guarded),
    Within(&'a mut Txn<'e>, &'a Namespace),
}

/// A namespace whose writes go through only while a lease is held: see
/// [`Namespace::guarded`].
#[derive(Clone, Debug)]
pub struct Guarded {
    namespace: Namespace,
    lease: Vec<u8>,
    fence: u64,
}

impl Namespace {
    /// A view of this namespace whose every operation is applied only if `fence` is the live grant
    /// of the lease under `lease_key` (of this namespace), and is refused with
    /// [`Error::StaleFence`] otherwise. For leases of another namespace, and for several
    /// operations, use [`Txn::guard`].
    pub fn guarded(&self, lease_key: impl AsRef<[u8]>, fence: u64) -> Guarded {
        Guarded { namespace: self.clone(), lease: lease_key.as_ref().into(), fence }
    }
}

impl Guarded {
    /// Strings, guarded.
    pub fn strings(&self) -> crate::groups::Strings<'_, '_> {
        crate::groups::Strings(Access::Guarded(self))
    }

    /// Counters, guarded.
    pub fn counters(&self) -> crate::groups::Counters<'_, '_> {
        crate::groups::Counters(Access::Guarded(self))
    }

    /// Keys, guarded.
    pub fn keys(&self) -> crate::groups::Keys<'_, '_> {
        crate::groups::Keys(Access::Guarded(self))
    }

    /// Sorted sets, guarded.
    pub fn sorted_sets(&self) -> crate::groups::SortedSets<'_, '_> {
        crate::groups::SortedSets(Access::Guarded(self))
    }

    /// Objects, guarded.
    pub fn objects(&self) -> crate::groups::Objects<'_, '_> {
        crate::groups::Objects(Access::Guarded(self))
    }

    fn keyspace<'e>(&self, txn: &Txn<'e>) -> Result<&'e Keyspace> {
        txn.keyspace(&self.namespace)
    }

    fn admit(&self, txn: &mut Txn<'_>) -> Result<()> {
        txn.guard(&self.namespace, &self.lease, self.fence)
    }
}

impl<'e> Access<'_, 'e> {
    /// Reads what `key` holds. A direct read takes the shard's lock for reading only.
    #[inline]
    pub(crate) fn view<R>(
        &mut self,
        key: &[u8],
        read: impl FnOnce(Option<&Value>) -> Result<R>,
    ) -> Result<R> {
        match self {
            Self::Direct(namespace) => namespace.view(key, read),
            _ => self.update(key, Room::Shrinks, |slot| {
                slot.accessed();
                read(slot.value())
            }),
        }
    }

    /// Changes what `key` holds. `change` either fails having changed nothing, or succeeds.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        key: &[u8],
        room: Room,
        change: impl FnOnce(&mut Slot<'_>) -> Result<R>,
    ) -> Result<R> {
        match self {
            Self::Direct(namespace) => namespace.update(key, room, change),
            Self::Guarded(guarded) => {
                let core = guarded.namespace.core();
                core.enter()?;
                core.check_key(key)?;
                let mut change = Some(change);
                core.run(|txn| {
                    guarded.admit(txn)?;
                    let keyspace = guarded.keyspace(txn)?;
                    txn.need(keyspace, room)?;
                    let mut slot = txn.slot(keyspace, key)?;
                    // Nothing restarts after the slot is there, so this comes once.
                    change.take().expect("the last step of the last run")(&mut slot)
                })
            }
            Self::Within(txn, namespace) => {
                txn.core.check_key(key)?;
                let keyspace = txn.keyspace(namespace)?;
                txn.need(keyspace, room)?;
                change(&mut txn.slot(keyspace, key)?)
            }
        }
    }

    /// Runs an operation over several keys as one step.
    pub(crate) fn atomically<R>(
        &mut self,
        room: Room,
        mut change: impl FnMut(&mut Txn<'_>, &Namespace) -> Result<R>,
    ) -> Result<R> {
        match self {
            Self::Direct(namespace) => {
                namespace.core().enter()?;
                namespace.core().run(|txn| {
                    txn.need(txn.keyspace(namespace)?, room)?;
                    change(txn, namespace)
                })
            }
            Self::Guarded(guarded) => {
                let core = guarded.namespace.core();
                core.enter()?;
                core.run(|txn| {
                    guarded.admit(txn)?;
                    txn.need(guarded.keyspace(txn)?, room)?;
                    change(txn, &guarded.namespace)
                })
            }
            Self::Within(txn, namespace) => {
                let keyspace = txn.keyspace(namespace)?;
                txn.need(keyspace, room)?;
                change(txn, namespace)
            }
        }
    }

    /// The namespace that it reaches.
    pub(crate) fn namespace(&self) -> &Namespace {
        match self {
            Self::Direct(namespace) | Self::Within(_, namespace) => namespace,
            Self::Guarded(guarded) => &guarded.namespace,
        }
    }

    /// The namespace, for an operation that looks at many keys one after the other and so cannot
    /// be a part of a transaction.
    pub(crate) fn outside(&self) -> Result<&Namespace> {
        let namespace = self.namespace();
        namespace.core().enter()?;
        Ok(namespace)
    }
}

impl Namespace {
    #[inline]
    fn view<R>(&self, key: &[u8], read: impl FnOnce(Option<&Value>) -> Result<R>) -> Result<R> {
        let core = self.core();
        core.enter()?;
        core.check_key(key)?;
        let keyspace = &*self.keyspace;
        let hash = keyspace.hash(key);
        let shard = &keyspace.shards[keyspace.shard_of(hash) as usize];
        let state = shard.state.read();
        if state.crowd.as_ref().is_none_or(|crowd| !crowd.is_owed(key)) {
            let entry = state.table.find(hash, |entry| entry.key.as_slice() == key);
            let Some(entry) = entry else {
                if keyspace.counts_reads() {
                    shard.missed();
                }
                return read(None);
            };
            if !state.is_past(keyspace, entry, || core.clock.now()) {
                if keyspace.counts_reads() {
                    shard.hit();
                }
                if let Some(evictor) = &keyspace.evictor {
                    evictor.hit(entry, || core.clock.now().as_millis());
                }
                return read(Some(&entry.value));
            }
        }
        drop(state);
        // The key lapsed, or is owed to its waiters: that takes the lock for writing.
        self.update(key, Room::Shrinks, |slot| read(slot.value()))
    }

    #[inline]
    fn update<R>(
        &self,
        key: &[u8],
        room: Room,
        change: impl FnOnce(&mut Slot<'_>) -> Result<R>,
    ) -> Result<R> {
        let core = self.core();
        core.enter()?;
        core.check_key(key)?;
        let keyspace = &*self.keyspace;
        if room == Room::Grows {
            core.make_room(keyspace)?;
        }
        let mut after = After::default();
        let result = loop {
            let mut txn = Txn::new(core, false);
            let slot = txn.slot(keyspace, key);
            match slot {
                Ok(mut slot) => {
                    let result = change(&mut slot);
                    txn.commit(&mut after);
                    break result;
                }
                Err(Error::Restart) => {
                    txn.commit(&mut after);
                    core.serve_now(keyspace, key.into());
                }
                Err(error) => return Err(error),
            }
        };
        core.conclude(after);
        if room == Room::Grows {
            core.trim(keyspace);
        }
        result
    }
}
