//! What can go wrong in the engine, as facts.

use crate::value::Kind;

/// An engine operation's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An engine operation failed. Nothing was changed, unless a variant says otherwise.
///
/// Every variant carries what a caller needs in order to act on it; the text is for people. Wire
/// text of other systems is not here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key holds a value of another kind than the operation works on.
    #[error("the key holds a {found}, this operation works on a {expected}")]
    WrongKind {
        /// The kind that the operation works on.
        expected: Kind,
        /// The kind that the key holds.
        found: Kind,
    },
    /// The typed object under the key is of another Rust type than was asked for.
    #[error("the key holds an object of another type than {asked}")]
    WrongType {
        /// The Rust type that was asked for.
        asked: &'static str,
    },
    /// The string is no 64-bit integer in its canonical form (no sign `+`, no leading zeros).
    #[error("the value is not a 64-bit integer")]
    NotAnInteger,
    /// The string is no finite decimal number.
    #[error("the value is not a finite number")]
    NotAFloat,
    /// The result does not fit: integers are 64-bit, floats must stay finite.
    #[error("the result would overflow")]
    Overflow,
    /// A score was not a number, or infinities of both signs met in a sum.
    #[error("a score must be a number")]
    NotANumber,
    /// A time to live or a deadline is zero, negative, or beyond the end of time.
    #[error("the expiry is not a time that can be reached")]
    InvalidExpiry,
    /// These options exclude one another.
    #[error("these options exclude one another: {options}")]
    Conflict {
        /// The options that clash.
        options: &'static str,
    },
    /// The key does not exist, and the operation needs it.
    #[error("there is no such key")]
    NoSuchKey,
    /// The key is longer than the engine's limit.
    #[error("a key of {len} bytes is over the limit of {limit}")]
    KeyTooLong {
        /// The key's length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The value, or what it would grow to, is longer than the engine's limit.
    #[error("a value of {len} bytes is over the limit of {limit}")]
    ValueTooLong {
        /// The value's length in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The namespace's budget is exceeded and nothing can be evicted.
    #[error("the budget of {limit} is exceeded ({used} in use) and nothing can be evicted")]
    OverBudget {
        /// What is in use, in the budget's unit.
        used: u64,
        /// The budget's limit.
        limit: u64,
    },
    /// The entry alone is larger than the namespace's whole budget.
    #[error("an entry of {needs} can never fit a budget of {limit}")]
    EntryTooLarge {
        /// What the entry needs, in the budget's unit.
        needs: u64,
        /// The budget's limit.
        limit: u64,
    },
    /// A guarded write named a fence that is not the lease's live grant.
    #[error("fence {given} is not the live grant of this lease")]
    StaleFence {
        /// The fence that the write named.
        given: u64,
        /// The fence of the live grant, if the lease is held.
        live: Option<u64>,
    },
    /// A watched key was changed before the transaction began.
    #[error("a watched key was changed")]
    WatchedKeyChanged,
    /// The engine was entered from inside a transaction; use the transaction itself.
    #[error(
        "the engine was entered from inside a transaction; use the transaction's own operations"
    )]
    InsideTransaction,
    /// A namespace of another engine was used in a transaction.
    #[error("the namespace belongs to another engine")]
    ForeignNamespace,
    /// The name is taken by a namespace with other options.
    #[error("a namespace of this name exists with other options")]
    NamespaceExists,
    /// The engine holds as many namespaces as it can.
    #[error("an engine has at most {limit} namespaces")]
    TooManyNamespaces {
        /// How many there can be.
        limit: usize,
    },
    /// A program's own object cannot go into a recorded namespace: it has no bytes to record.
    #[error("an object cannot be kept in a recorded namespace")]
    NotRecordable,
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// Inside a transaction: it has to run again with more locked than before. Pass it on with `?`;
    /// the engine runs the closure again, and no caller of a transaction ever sees it.
    #[error("the transaction starts again")]
    Restart,
}

// An error that rides in every hot `Result` must stay small.
const _: () = assert!(size_of::<Error>() <= 24);
