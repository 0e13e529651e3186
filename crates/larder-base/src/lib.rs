//! The ground larder stands on: locks, clocks and wake-ups.
//!
//! **Lives here:** the one shim that chooses between the real locks and loom's
//! ([`sync`]), time as a value ([`clock`]), and wake-ups for threads and tasks
//! that cannot be lost ([`wake`]). This is the only crate that names a lock, an
//! atomic, `Instant::now` or a thread park.
//!
//! **Never here:** anything that knows what a key is.

pub mod sync;
