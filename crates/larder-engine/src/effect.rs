//! Effects: what a transaction did, key by key, so that doing it again gives the same state.
//!
//! An effect is canonical and deterministic: deadlines are absolute, scores are results and not
//! increments, a rename is a delete and a put. Replaying the effects of an engine into an empty one
//! ([`Namespace::apply`](crate::Namespace::apply)) gives an equal one. Only namespaces that are
//! *recorded* have effects; the others pay nothing.

use std::fmt;

use larder_base::clock::Time;
use larder_collections::blob::Blob;

/// A change to one key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// The key holds this value and deadline now, whatever it held before.
    Put {
        /// The key.
        key: Blob,
        /// The whole value.
        value: Content,
        /// Milliseconds since the Unix epoch, or never.
        deadline_ms: Option<u64>,
    },
    /// The key is gone.
    Delete {
        /// The key.
        key: Blob,
    },
    /// The key's deadline is this one now.
    Deadline {
        /// The key.
        key: Blob,
        /// Milliseconds since the Unix epoch, or never.
        deadline_ms: Option<u64>,
    },
    /// Bytes were written into a string, which grew with zeros as needed. A missing key is an empty
    /// string.
    Write {
        /// The key.
        key: Blob,
        /// Where, in bytes from the start.
        at: u64,
        /// What.
        bytes: Blob,
    },
    /// Members of a sorted set have these scores now; `None` is a member that went. A missing key
    /// is an empty set, and an emptied set is a missing key.
    Members {
        /// The key.
        key: Blob,
        /// Each member's score.
        changes: Vec<(Blob, Option<f64>)>,
    },
}

/// A whole value, as an effect carries it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A string.
    String(Blob),
    /// A string that is held as the integer it spells.
    Integer(i64),
    /// A sorted set, in its order.
    SortedSet(Vec<(Blob, f64)>),
    /// A lease.
    Lease {
        /// What the holder said of itself.
        owner: Blob,
        /// The grant's number.
        fence: u64,
    },
}

/// Where the effects of recorded namespaces go: a log, or a test's vector.
///
/// `append` is called with shard locks held, in the order in which transactions commit, so it must
/// not block, and must not enter the engine. `settle` is called afterwards with no lock held.
pub trait EffectSink: fmt::Debug + Send + Sync {
    /// Takes the effects of one transaction, each with its namespace's name, and numbers them.
    fn append(&self, now: Time, effects: &[(std::sync::Arc<str>, Effect)]) -> u64;

    /// Returns when what `append` numbered so is as durable as it is meant to be.
    fn settle(&self, number: u64);
}
