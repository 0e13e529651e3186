//! Eviction: who goes when a budget is exceeded.
//!
//! | rule | whose entries | who goes |
//! |---|---|---|
//! | [`NoEviction`](crate::Eviction::NoEviction) (default) | | nobody: writes are refused |
//! | [`ScanResistant`](crate::Eviction::ScanResistant) (caches) | all | whoever was hardly used again since it came |
//! | [`AllKeysLru`](crate::Eviction::AllKeysLru), [`VolatileLru`](crate::Eviction::VolatileLru) | all; those with a deadline | the longest idle |
//! | [`AllKeysLfu`](crate::Eviction::AllKeysLfu), [`VolatileLfu`](crate::Eviction::VolatileLfu) | the same | the least frequently used |
//! | [`AllKeysRandom`](crate::Eviction::AllKeysRandom), [`VolatileRandom`](crate::Eviction::VolatileRandom) | the same | any |
//! | [`VolatileTtl`](crate::Eviction::VolatileTtl) | those with a deadline | the nearest deadline |
//!
//! The write that crosses the limit passes, and then evicts. Where nobody may go, the *next* write
//! that needs room is [`Error::OverBudget`](crate::Error::OverBudget); reading, deleting and
//! expiring go on.
//!
//! ```
//! use larder::{Budget, Error, Eviction, Larder, NamespaceOptions};
//!
//! let larder = Larder::new();
//! let strict = NamespaceOptions::new().budget(Budget::entries(1));
//! let jobs = larder.namespace_with("jobs", strict)?;
//! jobs.strings().set("a", "1")?;
//! jobs.strings().set("b", "2")?;                             // crosses
//! assert_eq!(jobs.strings().set("c", "3"), Err(Error::OverBudget { used: 2, limit: 1 }));
//! jobs.keys().delete("b")?;
//! jobs.strings().set("a", "3")?;                             // there is room again
//!
//! // A cache: what is used stays, however much passes by once.
//! let cache = larder.namespace_with("cache", NamespaceOptions::cache(Budget::entries(100)))?;
//! for n in 0..5000 {
//!     cache.strings().set(format!("/seldom/{n}"), "<html>")?;
//!     if cache.strings().get("/home")?.is_none() {
//!         cache.strings().set("/home", "<html>")?;           // comes once, and stays
//!     }
//! }
//! let stats = cache.stats();
//! assert_eq!((stats.keys, cache.keys().exists("/home")?), (100, true));
//! assert!(stats.misses < 10);
//!
//! // An entry that could never fit is refused, and nobody goes for it.
//! let small = NamespaceOptions::cache(Budget::bytes(1000));
//! let small = larder.namespace_with("small", small)?;
//! let refused = small.strings().set("k", vec![0; 2000]);
//! assert!(matches!(refused, Err(Error::EntryTooLarge { limit: 1000, .. })));
//! # Ok::<(), Error>(())
//! ```
//!
//! **Costs.** A hit sets bits in the entry and takes no lock. An eviction locks one shard. A budget
//! is exceeded by at most one write a thread, for as long as that write takes.
//!
//! **What it does not do.** Redis' rules go by samples, as in Redis: nearly, not exactly, the
//! longest idle goes. Waiting for a deadline to pass is not eviction: see [`time`](super::time).
