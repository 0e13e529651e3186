//! The keyspace engine: everything that happens under a shard's lock.
//!
//! **Lives here:** namespaces, shards, transactions, expiry, eviction, waits, watches, effects, and
//! the operations, which are *the only door for a write*: a value changes only through
//! `slot`, which mutates, accounts, records, keeps an undo step, and marks the key.
//!
//! **Never here:** a command's name or wire text, a socket, a file.
//!
//! ```text
//! Larder ── Namespace ── groups (Strings, Keys, ..)      what programs call
//!                           │
//!                         access ── Txn                  at once, guarded, or in a transaction
//!                           │        │
//!                          ops ─── slot                  what to change ─ the only way to change it
//!                                    │
//!                                  shard                 table + wheel + crowd, behind one lock
//! ```
//!
//! What happens when, at the end of every write: effects to the sink, events to the outbox, unlock,
//! serve waiters, deliver events, drop what was replaced, wait for durability.
//!
//! # Example
//!
//! ```
//! use larder_engine::{Error, Larder, ManualClock, Span};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let larder = Larder::builder().manual_clock(&clock).open();
//! let shop = larder.namespace("shop")?;
//!
//! larder.transaction(|tx| {
//!     tx.strings(&shop).set_for("session:7", "ann", Duration::from_secs(1800))?;
//!     tx.sorted_sets(&shop).increment("visitors", "ann", 1.0)?;
//!     Ok::<_, Error>(())
//! })?;
//!
//! clock.advance(Duration::from_secs(1801)).unwrap();
//! assert!(!shop.keys().exists("session:7")?);
//! assert_eq!(shop.sorted_sets().range("visitors", &Span::all())?.len(), 1);
//! # Ok::<(), Error>(())
//! ```

mod access;
mod apply;
mod budget;
mod crowd;
mod effect;
mod engine;
mod entry;
mod error;
mod event;
mod evict;
mod expire;
mod expiry;
mod graveyard;
mod groups;
mod inside;
mod lease;
mod namespace;
mod ops;
#[cfg(larder_loom)]
#[doc(hidden)]
pub mod planted;
mod shard;
mod slot;
mod stats;
mod timekeeper;
mod timers;
mod txn;
mod undo;
mod value;
mod wait;
mod walk;
mod watch;

pub use access::Guarded;
pub use budget::Budget;
pub use effect::{Content, Effect, EffectSink};
pub use engine::{Builder, Larder, Listening};
pub use error::{Error, Result};
pub use event::{Event, EventKind};
pub use evict::Eviction;
pub use expiry::{ExpireIf, Expiry, TimeToLive};
pub use groups::{Counters, Keys, Leases, Objects, Scan, SortedSets, Strings};
pub use larder_base::clock::{Clock, ManualClock, Time, TurnError};
pub use larder_collections::blob::Blob;
pub use larder_collections::extended::Extended;
pub use lease::Lease;
pub use namespace::{Namespace, NamespaceOptions};
pub use ops::lease::Grant;
pub use ops::sorted_set::{AddOptions, Added, Aggregate, Combine, End, Popped, Scored, Span};
pub use ops::string::SetOptions;
pub use stats::{NamespaceStats, Stats};
pub use timekeeper::Background;
pub use txn::Txn;
pub use value::{Kind, Object};
pub use wait::Wait;
pub use watch::Watch;
