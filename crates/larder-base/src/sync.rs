//! The only file in larder that names a lock or an atomic.
//!
//! Ordinary builds get `parking_lot`; `--cfg larder_loom` swaps in loom's models
//! behind the *same* signatures (guards by value, no `LockResult`), so no other
//! file knows which one it runs on. The flag is ours alone: a bare `cfg(loom)`
//! would also flip unrelated dependencies that react to it.
//!
//! `Arc` is the standard one under both: nothing here depends on modelling a
//! reference count.
