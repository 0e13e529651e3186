//! Single-threaded data structures with stated costs.
//!
//! **Lives here:** everything a key's value or the keyspace itself is made of.
//! Each structure states its picture, invariants and costs in its module header,
//! and checks its invariants with `assert_valid`.
//!
//! **Never here:** a lock, a clock, a key's meaning or a command.

pub mod eviction;
pub mod slab;
