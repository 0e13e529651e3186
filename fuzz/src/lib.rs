//! The bodies of the fuzz targets, one module each.
//!
//! A body takes bytes, makes steps of them, and checks a structure against the
//! simplest model after each. It runs in two ways: under libFuzzer (a file in
//! `fuzz_targets/` calls it), and as an ordinary test on stable Rust over the
//! seeds and over random bytes (`tests/bodies.rs` walks [`BODIES`]).

pub mod blob;
pub mod eviction;
pub mod extended;
pub mod glob;
pub mod rope;
pub mod slab;
pub mod sorted_set;
pub mod table;
pub mod wheel;

/// A body: it panics when a promise is broken.
pub type Body = fn(&[u8]);

/// Every body by the name of its target.
#[rustfmt::skip]
pub static BODIES: &[(&str, Body)] = &[
    ("blob", blob::run),
    ("eviction", eviction::run),
    ("extended", extended::run),
    ("glob", glob::run),
    ("rope", rope::run),
    ("slab", slab::run),
    ("sorted_set", sorted_set::run),
    ("table", table::run),
    ("wheel", wheel::run),
];
