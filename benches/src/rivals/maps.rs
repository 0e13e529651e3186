//! Maps and caches under one interface: store a value, compare a value.
//!
//! | rival | key | value | read |
//! |---|---|---|---|
//! | std `HashMap` in a mutex, `dashmap`, `papaya`, `scc` | `Box<[u8]>` | `Box<[u8]>` | in place, under lock, guard or pin |
//! | `dashmap` inline | `[u8; N]` | `Box<[u8]>` | in place |
//! | `quick_cache`, `moka` | `Box<[u8]>` | `Arc<[u8]>` | a clone, as they hand it out |
//!
//! With a TTL: `moka` has one of its own; the others hold an `Instant` beside the value and compare
//! it with the clock on every read.

use std::time::{Duration, Instant};

/// The TTL of every key, where keys have one: longer than any run.
pub const TTL: Duration = Duration::from_secs(3600);

/// A shared map from byte strings to byte strings.
pub trait Store: Sync {
    /// Stores or replaces a value.
    fn set(&self, key: &[u8], value: &[u8]);

    /// Finds a value and judges it.
    fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool;
}

/// A value as a map without TTLs of its own holds it.
pub trait Held: Send + Sync + 'static {
    /// Takes the bytes.
    fn hold(bytes: &[u8]) -> Self;

    /// The bytes, unless their time is over.
    fn live(&self) -> Option<&[u8]>;
}

impl Held for Box<[u8]> {
    fn hold(bytes: &[u8]) -> Self {
        bytes.into()
    }

    #[inline]
    fn live(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl Held for std::sync::Arc<[u8]> {
    fn hold(bytes: &[u8]) -> Self {
        bytes.into()
    }

    #[inline]
    fn live(&self) -> Option<&[u8]> {
        Some(self)
    }
}

/// A value with the instant at which it ends.
#[derive(Clone, Debug)]
pub struct Timed<V> {
    value: V,
    ends: Instant,
}

impl<V: Held> Held for Timed<V> {
    fn hold(bytes: &[u8]) -> Self {
        Self { value: V::hold(bytes), ends: Instant::now() + TTL }
    }

    #[inline]
    fn live(&self) -> Option<&[u8]> {
        (Instant::now() <= self.ends).then_some(&self.value).and_then(V::live)
    }
}

/// std `HashMap` in a std mutex.
pub mod std_mutex {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::{Held, Store};

    /// See the module.
    #[derive(Debug)]
    pub struct Map<V>(Mutex<HashMap<Box<[u8]>, V>>);

    impl<V> Default for Map<V> {
        fn default() -> Self {
            Self(Mutex::default())
        }
    }

    impl<V: Held> Store for Map<V> {
        fn set(&self, key: &[u8], value: &[u8]) {
            let value = V::hold(value);
            let mut map = self.0.lock().expect("no holder panics");
            if let Some(old) = map.get_mut(key) {
                *old = value;
            } else {
                map.insert(key.into(), value);
            }
        }

        #[inline]
        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            let map = self.0.lock().expect("no holder panics");
            map.get(key).and_then(V::live).is_some_and(judge)
        }
    }
}

/// `dashmap`, with boxed or inline keys.
#[cfg(feature = "rivals")]
pub mod dash {
    use std::borrow::Borrow;
    use std::hash::Hash;

    use dashmap::DashMap;

    use super::{Held, Store};

    /// See the module.
    #[derive(Debug)]
    pub struct Map<K: Eq + Hash, V>(DashMap<K, V>);

    impl<K: Eq + Hash, V> Default for Map<K, V> {
        fn default() -> Self {
            Self(DashMap::new())
        }
    }

    /// A key that the map holds.
    pub trait OwnedKey: Borrow<[u8]> + Eq + Hash + Send + Sync + 'static {
        /// Copies the bytes.
        fn own(bytes: &[u8]) -> Self;
    }

    impl OwnedKey for Box<[u8]> {
        fn own(bytes: &[u8]) -> Self {
            bytes.into()
        }
    }

    impl<const N: usize> OwnedKey for [u8; N] {
        #[inline]
        fn own(bytes: &[u8]) -> Self {
            bytes.try_into().expect("the suite's keys have this length")
        }
    }

    impl<K: OwnedKey, V: Held> Store for Map<K, V> {
        fn set(&self, key: &[u8], value: &[u8]) {
            let value = V::hold(value);
            if let Some(mut old) = self.0.get_mut(key) {
                *old = value;
            } else {
                self.0.insert(K::own(key), value);
            }
        }

        #[inline]
        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            self.0.get(key).is_some_and(|held| held.live().is_some_and(judge))
        }
    }
}

/// `papaya`.
#[cfg(feature = "rivals")]
pub mod papaya {
    use papaya::HashMap;

    use super::{Held, Store};

    /// See the module.
    #[derive(Debug)]
    pub struct Map<V>(HashMap<Box<[u8]>, V>);

    impl<V> Default for Map<V> {
        fn default() -> Self {
            Self(HashMap::new())
        }
    }

    impl<V: Held> Store for Map<V> {
        fn set(&self, key: &[u8], value: &[u8]) {
            self.0.pin().insert(key.into(), V::hold(value));
        }

        #[inline]
        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            self.0.pin().get(key).and_then(V::live).is_some_and(judge)
        }
    }
}

/// `scc`.
#[cfg(feature = "rivals")]
pub mod scc {
    use scc::HashMap;

    use super::{Held, Store};

    /// See the module.
    #[derive(Debug)]
    pub struct Map<V>(HashMap<Box<[u8]>, V>);

    impl<V> Default for Map<V> {
        fn default() -> Self {
            Self(HashMap::new())
        }
    }

    impl<V: Held> Store for Map<V> {
        fn set(&self, key: &[u8], value: &[u8]) {
            let mut value = Some(V::hold(value));
            self.0.update_sync(key, |_, old| *old = value.take().expect("updated once"));
            if let Some(value) = value {
                self.0.upsert_sync(key.into(), value);
            }
        }

        #[inline]
        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            self.0.read_sync(key, |_, held| held.live().is_some_and(judge)).unwrap_or(false)
        }
    }
}

/// `quick_cache`, with twice the room that the keys need, so that nothing is evicted.
#[cfg(feature = "rivals")]
pub mod quick {
    use quick_cache::sync::Cache;

    use super::{Held, Store};

    /// See the module.
    #[derive(Debug)]
    pub struct Map<V: Clone>(Cache<Box<[u8]>, V>);

    impl<V: Clone> Map<V> {
        /// Room for `keys`.
        #[must_use]
        pub fn for_keys(keys: u32) -> Self {
            Self(Cache::new(keys as usize * 2))
        }
    }

    impl<V: Held + Clone> Store for Map<V> {
        fn set(&self, key: &[u8], value: &[u8]) {
            self.0.insert(key.into(), V::hold(value));
        }

        #[inline]
        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            self.0.get(key).is_some_and(|held| held.live().is_some_and(judge))
        }
    }
}

/// `moka`, with twice the room that the keys need, so that nothing is evicted.
#[cfg(feature = "rivals")]
pub mod moka {
    use std::sync::Arc;

    use moka::sync::Cache;

    use super::{Store, TTL};

    /// See the module.
    #[derive(Debug)]
    pub struct Map(Cache<Box<[u8]>, Arc<[u8]>>);

    impl Map {
        /// Room for `keys`; with the cache's own `time_to_live`, or without.
        #[must_use]
        pub fn for_keys(keys: u32, ttl: bool) -> Self {
            let builder = Cache::builder().max_capacity(u64::from(keys) * 2);
            Self(if ttl { builder.time_to_live(TTL).build() } else { builder.build() })
        }
    }

    impl Store for Map {
        fn set(&self, key: &[u8], value: &[u8]) {
            self.0.insert(key.into(), value.into());
        }

        #[inline]
        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            self.0.get(key).is_some_and(|held| judge(&held))
        }
    }
}
