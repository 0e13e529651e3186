//! Keys: what works on values of every kind.

use std::time::Duration;

use larder_collections::blob::Blob;
use larder_collections::glob::Glob;

use crate::access::{Access, Room};
use crate::error::Result;
use crate::event::EventKind;
use crate::expiry::{ExpireIf, TimeToLive, after, checked};
use crate::namespace::Namespace;
use crate::ops::key;
use crate::value::Kind;

/// Operations on keys: see [`Namespace::keys`](crate::Namespace::keys).
///
/// ```
/// use larder_engine::{Larder, TimeToLive};
/// use std::time::Duration;
///
/// let app = Larder::new().namespace("app")?;
/// app.strings().set("draft", "text")?;
/// app.keys().rename("draft", "final")?;
/// app.keys().expire("final", Duration::from_secs(60))?;
/// assert!(matches!(app.keys().time_to_live("final")?, TimeToLive::Left(_)));
/// assert!(app.keys().delete("final")?);
/// # Ok::<(), larder_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct Keys<'a, 'e>(pub(crate) Access<'a, 'e>);

/// One step of a walk through a keyspace: see [`Keys::scan`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// Where to go on; 0 at the end.
    pub cursor: u64,
    /// The keys found in this step.
    pub keys: Vec<Blob>,
}

impl Keys<'_, '_> {
    /// Deletes a key; false when there is none. O(1) to the caller: a large value is freed in
    /// steps.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| Ok(slot.remove(EventKind::Deleted)))
    }

    /// Deletes keys as one step; returns how many there were.
    pub fn delete_many<K: AsRef<[u8]>>(&mut self, keys: &[K]) -> Result<usize> {
        self.0.atomically(Room::Shrinks, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            let mut count = 0;
            for key in keys {
                count += usize::from(txn.slot(keyspace, key.as_ref())?.remove(EventKind::Deleted));
            }
            Ok(count)
        })
    }

    /// True when there is such a key.
    pub fn exists(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.0.view(key.as_ref(), |value| Ok(value.is_some()))
    }

    /// The kind of value under a key.
    pub fn kind(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Kind>> {
        self.0.view(key.as_ref(), |value| Ok(value.map(|value| value.kind())))
    }

    /// Counts as an access for eviction; false when there is no such key.
    pub fn touch(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.exists(key)
    }

    /// Moves a value with its deadline to another key, over whatever that held.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchKey`](crate::Error::NoSuchKey).
    pub fn rename(&mut self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<()> {
        self.rename_key(from.as_ref(), to.as_ref(), true).map(drop)
    }

    /// Moves a value with its deadline to another key, if there is no such key; false if there is.
    pub fn rename_if_absent(
        &mut self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
    ) -> Result<bool> {
        self.rename_key(from.as_ref(), to.as_ref(), false)
    }

    fn rename_key(&mut self, from: &[u8], to: &[u8], replace: bool) -> Result<bool> {
        self.0.atomically(Room::Shrinks, |txn, namespace| {
            txn.core.check_key(to)?;
            key::rename(txn, txn.keyspace(namespace)?, from, to, replace)
        })
    }

    /// Copies a value with its deadline to another key; false when there is nothing to copy, or the
    /// target exists and is not to be replaced. A sorted set is copied under the lock, O(n).
    pub fn copy(
        &mut self,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        replace: bool,
    ) -> Result<bool> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.0.atomically(Room::Grows, |txn, namespace| {
            txn.core.check_key(to)?;
            let keyspace = txn.keyspace(namespace)?;
            key::copy(txn, (keyspace, from), (keyspace, to), replace)
        })
    }

    /// Like [`copy`](Self::copy), to a key of another namespace of the same engine.
    pub fn copy_to(
        &mut self,
        from: impl AsRef<[u8]>,
        target: &Namespace,
        to: impl AsRef<[u8]>,
        replace: bool,
    ) -> Result<bool> {
        let (from, to) = (from.as_ref(), to.as_ref());
        self.0.atomically(Room::Shrinks, |txn, namespace| {
            txn.core.check_key(to)?;
            let (source, target) = (txn.keyspace(namespace)?, txn.keyspace(target)?);
            txn.need(target, Room::Grows)?;
            key::copy(txn, (source, from), (target, to), replace)
        })
    }

    /// Moves a value with its deadline to the same key of another namespace of the same engine;
    /// false when there is nothing to move or the target exists.
    pub fn move_to(&mut self, key: impl AsRef<[u8]>, target: &Namespace) -> Result<bool> {
        let key = key.as_ref();
        self.0.atomically(Room::Shrinks, |txn, namespace| {
            let (source, target) = (txn.keyspace(namespace)?, txn.keyspace(target)?);
            txn.need(target, Room::Grows)?;
            key::move_to(txn, source, target, key)
        })
    }

    /// Lets a key go after `ttl`; false when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidExpiry`](crate::Error::InvalidExpiry) for zero or beyond the end of time.
    pub fn expire(&mut self, key: impl AsRef<[u8]>, ttl: Duration) -> Result<bool> {
        self.expire_if(key, ttl, ExpireIf::Always)
    }

    /// Lets a key go after `ttl` if a condition holds; false when it does not or there is no key.
    pub fn expire_if(
        &mut self,
        key: impl AsRef<[u8]>,
        ttl: Duration,
        condition: ExpireIf,
    ) -> Result<bool> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| {
            let due = after(slot.now(), ttl)?;
            Ok(key::expire(slot, due, condition))
        })
    }

    /// Lets a key go when a time has passed, in milliseconds since the Unix epoch. A time that has
    /// passed already deletes it.
    pub fn expire_at_ms(
        &mut self,
        key: impl AsRef<[u8]>,
        due_ms: u64,
        condition: ExpireIf,
    ) -> Result<bool> {
        let due = checked(due_ms)?;
        self.0.update(key.as_ref(), Room::Shrinks, |slot| Ok(key::expire(slot, due, condition)))
    }

    /// Lets a key stay; false when it had no deadline.
    pub fn persist(&mut self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| Ok(key::persist(slot)))
    }

    /// How long a key will live.
    pub fn time_to_live(&mut self, key: impl AsRef<[u8]>) -> Result<TimeToLive> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| Ok(key::time_to_live(slot)))
    }

    /// The key's deadline in milliseconds since the Unix epoch; `None` without one or a key.
    pub fn deadline_ms(&mut self, key: impl AsRef<[u8]>) -> Result<Option<u64>> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| Ok(slot.deadline()))
    }

    /// A key at random, each as likely. O(shards). Not in a transaction.
    pub fn random(&mut self) -> Result<Option<Blob>> {
        Ok(crate::walk::random(self.0.outside()?))
    }

    /// Walks through the keyspace in steps of about `count` keys, one shard locked at a time. Start
    /// with cursor 0 and go on until it is 0 again. Not in a transaction.
    ///
    /// Every key that exists from the first step to the last is found, whatever else is written
    /// meanwhile; one that comes or goes meanwhile may be found or not; one may be found twice.
    ///
    /// ```
    /// use larder_engine::Larder;
    ///
    /// let app = Larder::new().namespace("app")?;
    /// (0..100).try_for_each(|n| app.counters().set(format!("key:{n}"), n))?;
    /// let (mut cursor, mut found) = (0, 0);
    /// loop {
    ///     let step = app.keys().scan(cursor, 10)?;
    ///     (cursor, found) = (step.cursor, found + step.keys.len());
    ///     if cursor == 0 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(found, 100);
    /// # Ok::<(), larder_engine::Error>(())
    /// ```
    pub fn scan(&mut self, cursor: u64, count: usize) -> Result<Scan> {
        Ok(crate::walk::scan(self.0.outside()?, cursor, count.max(1), |_, _| true))
    }

    /// Like [`scan`](Self::scan), for keys that match a glob and hold a kind of value (any if
    /// `None`). A step may find nothing and yet not be the last.
    pub fn scan_matching(
        &mut self,
        cursor: u64,
        count: usize,
        pattern: &[u8],
        kind: Option<Kind>,
    ) -> Result<Scan> {
        let glob = Glob::new(pattern);
        Ok(crate::walk::scan(self.0.outside()?, cursor, count.max(1), |key, value| {
            kind.is_none_or(|kind| value.kind() == kind) && glob.matches(key)
        }))
    }

    /// Every key that matches a glob, such as `user:*`. O(keys), one step of a shard locked at a
    /// time. Not in a transaction.
    pub fn matching(&mut self, pattern: impl AsRef<[u8]>) -> Result<Vec<Blob>> {
        let mut found = Scan::default();
        let mut keys = Vec::new();
        loop {
            found = self.scan_matching(found.cursor, 1024, pattern.as_ref(), None)?;
            keys.append(&mut found.keys);
            if found.cursor == 0 {
                return Ok(keys);
            }
        }
    }

    /// Deletes every key as one step; returns how many there were. Locks every shard of the
    /// namespace, O(keys); large values are freed in steps afterwards.
    pub fn flush(&mut self) -> Result<usize> {
        self.0.atomically(Room::Shrinks, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            crate::walk::flush(txn, keyspace)
        })
    }
}
