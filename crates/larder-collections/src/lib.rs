//! Single-threaded data structures with stated costs.
//!
//! **Lives here:** everything a key's value or the keyspace itself is made of.
//! Each structure states its picture, invariants and costs in its module header,
//! and checks its invariants with `assert_valid`.
//!
//! **Never here:** a lock, a clock, a key's meaning or a command.

pub mod blob;
pub mod eviction;
pub mod extended;
pub mod glob;
pub mod rope;
pub mod slab;
pub mod sorted_set;
pub mod table;
pub mod wheel;
