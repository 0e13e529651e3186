//! Whom to evict when a keyspace outgrows its budget.
//!
//! Two families. [`AdaptiveS3Fifo`] is larder's own rule for caches: it keeps queues of its own,
//! resists scans, and never has to be told of a hit. Redis' rules keep no queue at all: the entry
//! carries its last access ([`lru`]) or its frequency ([`lfu`]) in a word, the engine samples
//! entries, and [`Pool`] remembers the best victims across samplings.
//!
//! ```text
//! ScanResistant            AllKeys*, Volatile*
//! entry: slot | hits       entry: last access, or frequency
//!        |                        | sampled
//! AdaptiveS3Fifo           score -> Pool -> best victim
//! ```
//!
//! Everything here is arithmetic and queues: no lock, no clock (`now` is an argument), no key
//! (an entry is its hash and its slot, or whatever the pool's type parameter says).

pub mod adaptive;
mod ghosts;
pub mod lfu;
mod list;
pub mod lru;
mod pool;
mod rule;

#[cfg(test)]
mod replay;

pub use adaptive::{AdaptiveS3Fifo, Candidate, MAX_HITS, Slot, Verdict};
pub use pool::{POOL, Pool};
pub use rule::{Access, Eviction, UnknownEviction};
