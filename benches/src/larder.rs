//! larder's side of every comparison: the only file that knows its API.
//!
//! Everything goes through the public, typed API of an engine opened with its defaults: the keyspace,
//! the shard's lock, memory accounting and the clock are paid for.

use std::time::Duration;

use ::larder::{Budget, Larder, Namespace, NamespaceOptions, Result, Span};

use crate::data::Short;
use crate::rivals::maps::{Store, TTL};
use crate::rivals::policies::Policy;
use crate::rivals::rankings::{AROUND, Ranking, TOP};

/// The sorted set's key.
const BOARD: &str = "board";

/// A namespace of a new engine: the handle keeps it open.
fn namespace(larder: &Larder) -> Namespace {
    done(larder.namespace("bench"))
}

/// No operation of the suites may be refused.
#[inline]
fn done<T>(result: Result<T>) -> T {
    result.expect("within all limits")
}

/// String values in one namespace.
#[derive(Debug)]
pub struct Strings {
    namespace: Namespace,
    ttl: bool,
}

impl Strings {
    /// Without deadlines.
    #[must_use]
    pub fn open() -> Self {
        Self { namespace: namespace(&Larder::new()), ttl: false }
    }

    /// Every [`Store::set`] carries a TTL.
    #[must_use]
    pub fn open_with_ttls() -> Self {
        Self { ttl: true, ..Self::open() }
    }

    /// `SET key value PX ttl`.
    #[inline]
    pub fn set_for(&self, key: &[u8], value: &[u8], ttl: Duration) {
        done(self.namespace.strings().set_for(key, value, ttl));
    }

    /// `DEL key`.
    pub fn delete(&self, key: &[u8]) {
        assert!(done(self.namespace.keys().delete(key)), "deleted a key that was not there");
    }

    /// Entries that hold memory, those past their deadline included.
    #[must_use]
    pub fn held(&self) -> usize {
        self.namespace.len()
    }
}

impl Store for Strings {
    #[inline]
    fn set(&self, key: &[u8], value: &[u8]) {
        if self.ttl {
            self.set_for(key, value, TTL);
        } else {
            done(self.namespace.strings().set(key, value));
        }
    }

    #[inline]
    fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
        // Looked at where it lies: moving it first costs as much as finding it.
        matches!(&self.namespace.strings().get(key), Ok(Some(value)) if judge(value))
    }
}

/// One sorted set at one key.
#[derive(Debug)]
pub struct SortedSet(Namespace);

impl SortedSet {
    /// An engine with an empty sorted set.
    #[must_use]
    pub fn open() -> Self {
        Self(namespace(&Larder::new()))
    }

    fn range(&self, span: &Span, mut see: impl FnMut(&[u8], f64)) {
        for (member, score) in done(self.0.sorted_sets().range(BOARD, span)) {
            see(&member, score);
        }
    }
}

impl Ranking for SortedSet {
    fn put(&mut self, member: &Short, score: f64) {
        done(self.0.sorted_sets().add(BOARD, member, score));
    }

    fn rank(&self, member: &Short) -> Option<usize> {
        done(self.0.sorted_sets().rank(BOARD, member))
    }

    fn nth(&self, rank: usize, mut see: impl FnMut(&[u8], f64)) -> bool {
        let found = done(self.0.sorted_sets().nth(BOARD, rank));
        found.is_some_and(|(member, score)| {
            see(&member, score);
            true
        })
    }

    fn top(&self, see: impl FnMut(&[u8], f64)) {
        self.range(&Span::ranks(0, TOP as i64 - 1).reversed(), see);
    }

    fn around(&self, member: &Short, see: impl FnMut(&[u8], f64)) {
        let Some(rank) = self.rank(member) else { return };
        let (first, last) = (rank.saturating_sub(AROUND), rank + AROUND);
        self.range(&Span::ranks(first as i64, last as i64), see);
    }

    fn by_score(&self, low: f64, high: f64, see: impl FnMut(&[u8], f64)) {
        self.range(&Span::scores(low..=high), see);
    }
}

/// A namespace with the default cache policy and a budget of entries.
#[derive(Debug)]
pub struct Cache(Namespace);

impl Cache {
    /// Room for `capacity` keys.
    #[must_use]
    pub fn open(capacity: usize) -> Self {
        let options = NamespaceOptions::cache(Budget::entries(capacity as u64));
        Self(done(Larder::new().namespace_with("cache", options)))
    }
}

impl Policy for Cache {
    fn access(&mut self, key: u64) -> bool {
        let key = key.to_le_bytes();
        let hit = done(self.0.strings().get(key)).is_some();
        if !hit {
            done(self.0.strings().set(key, ""));
        }
        hit
    }
}

/// An engine of one shard that holds one key.
#[must_use]
pub fn one_shard_engine() -> Namespace {
    let namespace = namespace(&Larder::builder().shards(1).open());
    done(namespace.strings().set("key", "value"));
    namespace
}
