//! The operations as programs see them, in groups by the kind of value.
//!
//! Each group is got from a [`Namespace`](crate::Namespace) (every operation is a step of its own),
//! from a [`Txn`](crate::Txn) (they are one step), or from a [`Guarded`](crate::Guarded) namespace
//! (each goes through only while a lease is held; leases themselves are not guarded). The methods are
//! the same.

mod counters;
mod keys;
mod leases;
mod objects;
mod sorted_sets;
mod strings;

pub use counters::Counters;
pub use keys::{Keys, Scan};
pub use leases::Leases;
pub use objects::Objects;
pub use sorted_sets::SortedSets;
pub use strings::Strings;
