//! The ground larder stands on: locks, clocks and wake-ups.
//!
//! **Lives here:** the one shim that chooses between the real locks and loom's
//! ([`sync`], [`thread`], [`thread_local!`]), time as a value ([`clock`]), and
//! wake-ups for threads and tasks that cannot be lost ([`wake`]). This is the only
//! crate that names a lock, an atomic, `Instant::now` or a thread park.
//!
//! **Never here:** anything that knows what a key is.
//!
//! ```
//! use larder_base::clock::{ManualClock, Time};
//! use std::time::Duration;
//!
//! let hand = ManualClock::starting_at(Time::from_millis(1_000));
//! let clock = hand.clock();
//! hand.advance(Duration::from_millis(5)).unwrap();
//! assert_eq!(clock.now().as_millis(), 1_005);
//! ```

pub mod clock;
pub mod registry;
pub mod sync;
pub mod thread;
pub mod wake;

/// Declares thread-local statics, in the syntax of [`std::thread_local!`], which it
/// is on ordinary builds; under loom it is loom's, whose threads all share one OS thread.
///
/// Read the static with `with` or `try_with`: loom's keys offer nothing else.
///
/// ```
/// use std::cell::Cell;
///
/// larder_base::thread_local! {
///     static DEPTH: Cell<u32> = const { Cell::new(0) };
/// }
/// DEPTH.with(|depth| depth.set(depth.get() + 1));
/// assert_eq!(DEPTH.with(Cell::get), 1);
/// ```
#[cfg(not(larder_loom))]
pub use std::thread_local;

/// Loom itself, for the expansion of [`thread_local!`] in other crates.
#[cfg(larder_loom)]
#[doc(hidden)]
pub use loom as __loom;
