//! larder beside its neighbours: one module a suite, one row a comparison.
//!
//! ```text
//!   main ── cli ── suites::{kv, growth, memory, ttl, sorted_set, hit_ratio, footprint}
//!                     │   every suite measures larder and its rivals in the same run,
//!                     │   round by round in turn, and reports medians
//!      larder.rs ─────┼───── rivals/      the two sides of each comparison
//!                     │
//!        data, zipf, rounds, cpu, heap    keys, access patterns, medians, timers, child processes
//! ```
//!
//! Rules of the house, so that a ratio means something:
//!
//! - **Same work.** Both sides see the same keys in the same order. The bytes of every value read are
//!   compared with what was written; a wrong answer stops the run.
//! - **As a user would.** Rivals run with their default hashers and options. A map with guards is read
//!   under its guard; a cache that hands out clones holds `Arc<[u8]>`. Nothing is batched or pinned
//!   over several operations.
//! - **Untimed set-up.** Keys are computed from their number in a few cycles; access patterns are
//!   drawn beforehand.
//! - **Timing under the plain allocator.** Memory is measured by a second binary,
//!   `larder-benches-heap`, whose global allocator counts; the suites start it as a child.

pub mod cli;
pub mod cpu;
pub mod data;
pub mod heap;
pub mod larder;
pub mod report;
pub mod rivals;
pub mod rounds;
pub mod suites;
pub mod zipf;
