//! Limits and errors: what can be refused, and what that means.
//!
//! There is one [`Error`](crate::Error). Its variants carry facts. An operation that failed
//! **changed nothing**.
//!
//! | error | means |
//! |---|---|
//! | [`WrongKind`](crate::Error::WrongKind) | the key holds another kind of value; it stays |
//! | [`NotAnInteger`](crate::Error::NotAnInteger), [`NotAFloat`](crate::Error::NotAFloat), [`NotANumber`](crate::Error::NotANumber), [`Overflow`](crate::Error::Overflow) | the arithmetic cannot be done |
//! | [`InvalidExpiry`](crate::Error::InvalidExpiry) | a time to live of zero, or beyond the end of time |
//! | [`KeyTooLong`](crate::Error::KeyTooLong), [`ValueTooLong`](crate::Error::ValueTooLong) | over the engine's limits |
//! | [`OverBudget`](crate::Error::OverBudget), [`EntryTooLarge`](crate::Error::EntryTooLarge) | over the namespace's budget: see [`eviction`](super::eviction) |
//! | [`StaleFence`](crate::Error::StaleFence) | a late holder: see [`leases`](super::leases) |
//! | [`WatchedKeyChanged`](crate::Error::WatchedKeyChanged), [`InsideTransaction`](crate::Error::InsideTransaction) | see [`transactions`](super::transactions) |
//! | [`Closed`](crate::Error::Closed) | see [`closing`](super::closing) |
//!
//! ```
//! use larder::{Error, Kind, Larder};
//!
//! let larder = Larder::builder().max_key_bytes(100).max_value_bytes(1000).open();
//! let app = larder.namespace("app")?;
//!
//! let refused = app.strings().set("k".repeat(101), "v");
//! assert_eq!(refused, Err(Error::KeyTooLong { len: 101, limit: 100 }));
//! let refused = app.strings().write_range("k", 999_999, "v");
//! assert_eq!(refused, Err(Error::ValueTooLong { len: 1_000_000, limit: 1000 }));
//!
//! app.sorted_sets().add("board", "ann", 1.0)?;
//! let refused = app.strings().get("board");
//! assert_eq!(refused, Err(Error::WrongKind { expected: Kind::String, found: Kind::SortedSet }));
//! # Ok::<(), Error>(())
//! ```
//!
//! **Limits.** A key 64 KiB, a string or a member 512 MiB, both options of the
//! [`Builder`](crate::Builder). Nothing is allocated by a length that is refused.
//!
//! **The program's own code.** A panic in a transaction's closure rolls back and passes through;
//! nothing is poisoned. A value's `Drop` and `Clone`, and listeners, run with nothing locked and may
//! use the engine. A `Drop` that panics where the engine lets a value go is caught and counted
//! ([`Stats`](crate::Stats)), as is a listener's panic.
//!
//! **What it does not do.** Texts are for people and may change; match on variants.
