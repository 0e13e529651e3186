//! Watches: has a key been changed since I looked?
//!
//! A watch is the optimistic half of a transaction: watch keys, read them, decide, and let the
//! transaction go on only if none was touched ([`Txn::check`](crate::Txn::check)). Writing the same
//! value touches; deleting a key that is not there does not; a key that lapses is touched.

use std::sync::{Arc, Weak};

use larder_base::sync::atomic::{AtomicBool, Ordering};
use larder_collections::blob::Blob;

use crate::engine::Core;
use crate::error::{Error, Result};
use crate::namespace::Namespace;

/// Keys under watch, until it is dropped.
///
/// ```
/// use larder_engine::{Error, Larder};
///
/// let larder = Larder::new();
/// let shop = larder.namespace("shop")?;
/// shop.counters().set("stock", 1)?;
///
/// let mut watch = larder.watch();
/// watch.key(&shop, "stock")?;
/// let stock = shop.counters().value("stock")?;
/// shop.counters().add("stock", -1)?; // somebody else was quicker
///
/// let sold = larder.transaction(|tx| {
///     tx.check(&watch)?;
///     tx.counters(&shop).set("stock", stock - 1)
/// });
/// assert_eq!(sold, Err(Error::WatchedKeyChanged));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Watch {
    core: Weak<Core>,
    flag: Arc<WatchFlag>,
    places: Vec<(u32, Blob)>,
}

/// What a change of a watched key sets.
#[derive(Debug, Default)]
pub(crate) struct WatchFlag(AtomicBool);

impl WatchFlag {
    pub(crate) fn mark(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Watch {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::downgrade(core), flag: Arc::default(), places: Vec::new() }
    }

    /// Watches one more key.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignNamespace`] for a key of another engine; [`Error::KeyTooLong`],
    /// [`Error::Closed`], [`Error::InsideTransaction`].
    pub fn key(&mut self, namespace: &Namespace, key: impl AsRef<[u8]>) -> Result<()> {
        let key = key.as_ref();
        let core = namespace.core();
        core.enter()?;
        if !self.is_of(core) {
            return Err(Error::ForeignNamespace);
        }
        core.check_key(key)?;
        // A key past its deadline goes first, so that its end does not count as a change.
        core.run(|txn| txn.slot(txn.keyspace(namespace)?, key).map(drop))?;
        core.run(|txn| {
            let keyspace = txn.keyspace(namespace)?;
            let at = txn.hold(keyspace, keyspace.shard_of(keyspace.hash(key)))?;
            let (_, _, state, _) = txn.parts(at);
            state.crowd.get_or_insert_default().watch(key.into(), Arc::clone(&self.flag));
            Ok::<_, Error>(())
        })?;
        self.places.push((namespace.keyspace.id, key.into()));
        Ok(())
    }

    /// True once a watched key was changed.
    pub fn is_changed(&self) -> bool {
        self.flag.0.load(Ordering::Acquire)
    }

    /// True when this is the engine whose keys it watches.
    pub(crate) fn is_of(&self, core: &Core) -> bool {
        std::ptr::eq(self.core.as_ptr(), core)
    }

    pub(crate) fn places(&self) -> &[(u32, Blob)] {
        &self.places
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(core) = self.core.upgrade() else { return };
        let (flag, places) = (Arc::clone(&self.flag), std::mem::take(&mut self.places));
        core.when_outside(move |core| {
            for (id, key) in &places {
                core.with_crowd(*id, key, |crowd| crowd.unwatch(key, &flag));
            }
        });
    }
}
