//! The only module in larder that names a lock or an atomic.
//!
//! Ordinary builds get `parking_lot`; `--cfg larder_loom` swaps in loom's models
//! behind the *same* signatures (guards by value, no `LockResult`), so no other
//! file knows which one it runs on. The flag is ours alone: a bare `cfg(loom)`
//! would also flip unrelated dependencies that react to it.
//!
//! `Arc` is the standard one under both: nothing here depends on modelling a
//! reference count.
//!
//! # Where the two builds differ
//!
//! | | ordinary | `larder_loom` |
//! |---|---|---|
//! | `new` of locks and atomics | `const` | not `const`, only inside a model |
//! | a panic under a lock | poisons nothing | fails the model |
//! | [`Condvar::wait_until`] | ends at its instant | never times out |
//!
//! # Costs
//!
//! Every wrapper is a newtype whose methods are inlined: what `parking_lot` costs
//! (one compare-and-swap to lock, one to unlock, when nobody else wants the lock).

use std::time::Instant;

#[cfg(not(larder_loom))]
use parking_lot as imp;

#[cfg(larder_loom)]
mod modelled;

#[cfg(larder_loom)]
mod imp {
    pub(super) use super::modelled::RwLock;
    pub use super::modelled::{RwLockReadGuard, RwLockWriteGuard};
    pub use loom::sync::MutexGuard;
    pub(super) use loom::sync::{Condvar, Mutex};
}

pub use imp::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
/// A cell that is written once: the standard one under both builds, since it guards nothing that
/// changes.
pub use std::sync::OnceLock;

/// Atomics: the standard library's, or loom's models of them.
pub mod atomic {
    #[cfg(larder_loom)]
    pub use loom::sync::atomic::{
        AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
    #[cfg(not(larder_loom))]
    pub use std::sync::atomic::{
        AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
}

/// Unlocks so that whoever waits gets the lock before this thread can take it again: for a thread
/// that takes the same lock over and over, and would else starve the others.
#[cfg(not(larder_loom))]
pub fn unlock_fairly<T>(guard: RwLockWriteGuard<'_, T>) {
    RwLockWriteGuard::unlock_fair(guard);
}

/// Unlocks; a model tries every order anyway.
#[cfg(larder_loom)]
pub fn unlock_fairly<T>(guard: RwLockWriteGuard<'_, T>) {
    drop(guard);
}

/// One owner at a time.
///
/// Not re-entrant: a thread that locks twice waits for itself for ever.
#[derive(Debug, Default)]
pub struct Mutex<T: ?Sized>(imp::Mutex<T>);

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    #[cfg(not(larder_loom))]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Creates an unlocked mutex.
    #[cfg(larder_loom)]
    pub fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> T {
        sound(self.0.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, blocking until the lock is free.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        sound(self.0.lock())
    }

    /// Locks if the lock is free at this moment; never blocks.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        free(self.0.try_lock())
    }

    /// The value, through the only reference there is: no locking.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        sound(self.0.get_mut())
    }
}

/// Many readers or one writer.
///
/// Not re-entrant, for readers either: a writer that waits between two reads of one
/// thread stops the second.
#[derive(Debug, Default)]
pub struct RwLock<T: ?Sized>(imp::RwLock<T>);

impl<T> RwLock<T> {
    /// Creates an unlocked lock.
    #[cfg(not(larder_loom))]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(imp::RwLock::new(value))
    }

    /// Creates an unlocked lock.
    #[cfg(larder_loom)]
    pub fn new(value: T) -> Self {
        Self(imp::RwLock::new(value))
    }

    /// Takes the value out.
    #[inline]
    pub fn into_inner(self) -> T {
        sound(self.0.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, blocking until no writer holds or awaits the lock.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        sound(self.0.read())
    }

    /// Locks for reading if that is possible at this moment; never blocks.
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        free(self.0.try_read())
    }

    /// Locks for writing, blocking until nobody else holds the lock.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        sound(self.0.write())
    }

    /// Locks for writing if that is possible at this moment; never blocks.
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        free(self.0.try_write())
    }

    /// The value, through the only reference there is: no locking.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        sound(self.0.get_mut())
    }
}

/// A place to sleep until another thread changes what a mutex guards.
///
/// Look again after every wake-up: someone may have been faster.
#[derive(Debug, Default)]
pub struct Condvar(imp::Condvar);

impl Condvar {
    /// Creates a condvar on which nobody sleeps.
    #[cfg(not(larder_loom))]
    #[inline]
    pub const fn new() -> Self {
        Self(imp::Condvar::new())
    }

    /// Creates a condvar on which nobody sleeps.
    #[cfg(larder_loom)]
    pub fn new() -> Self {
        Self(imp::Condvar::new())
    }

    /// Unlocks, sleeps until notified, and locks again. Blocks.
    #[cfg(not(larder_loom))]
    #[inline]
    pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    /// Unlocks, sleeps until notified, and locks again. Blocks.
    #[cfg(larder_loom)]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        sound(self.0.wait(guard))
    }

    /// As [`Condvar::wait`], but no longer than until `end`; true when it ended by time.
    #[cfg(not(larder_loom))]
    #[inline]
    pub fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        end: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        let timed_out = self.0.wait_until(&mut guard, end).timed_out();
        (guard, timed_out)
    }

    /// As [`Condvar::wait`]: a model has no time that could pass, so `end` never comes.
    #[cfg(larder_loom)]
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _end: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        (self.wait(guard), false)
    }

    /// Wakes one sleeper, if there is one.
    #[inline]
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every sleeper.
    #[inline]
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// `parking_lot` hands out guards as they are: there is nothing to unwrap.
#[cfg(not(larder_loom))]
#[inline(always)]
fn sound<G>(guard: G) -> G {
    guard
}

/// Loom speaks std's `LockResult`.
#[cfg(larder_loom)]
fn sound<G>(guard: std::sync::LockResult<G>) -> G {
    guard.expect("a panic under a lock has already failed the model")
}

/// The like of [`sound`] for attempts.
#[cfg(not(larder_loom))]
#[inline(always)]
fn free<G>(attempt: Option<G>) -> Option<G> {
    attempt
}

/// The like of [`sound`] for attempts.
#[cfg(larder_loom)]
fn free<G>(attempt: std::sync::TryLockResult<G>) -> Option<G> {
    attempt.ok()
}

/// Declares thread-local statics of loom's threads, in the syntax of `std::thread_local!`.
///
/// std's own would be shared by all threads of a model, which run on one OS thread.
#[cfg(larder_loom)]
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block $(; $($rest:tt)*)?) => {
        $crate::__loom::thread_local! { $(#[$attr])* $vis static $name: $t = $init }
        $($crate::thread_local! { $($rest)* })?
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $crate::__loom::thread_local! { $(#[$attr])* $vis static $name: $t = $init }
        $($crate::thread_local! { $($rest)* })?
    };
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// Locks can be statics, so a test or an engine needs no lazy cell for them.
    static COUNT: Mutex<u32> = Mutex::new(1);

    #[test]
    fn a_lock_that_is_held_is_not_taken_by_an_attempt() {
        let held = COUNT.lock();
        assert!(COUNT.try_lock().is_none());
        drop(held);
        assert_eq!(COUNT.try_lock().map(|guard| *guard), Some(1));

        let lock = RwLock::new(2);
        let reader = lock.read();
        assert!(lock.try_read().is_some());
        assert!(lock.try_write().is_none());
        drop(reader);
        *lock.write() += 1;
        assert_eq!(lock.into_inner(), 3);
    }

    #[test]
    fn a_lock_may_guard_an_unsized_value() {
        let lock: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
        lock.lock()[1] = 9;
        assert_eq!(*lock.lock(), [1, 9, 3]);
    }

    #[test]
    fn a_panic_under_a_lock_poisons_nothing() {
        let lock = Mutex::new(7);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = lock.lock();
            panic!("under the lock");
        }));
        assert!(panicked.is_err());
        assert_eq!(*lock.lock(), 7);
    }

    #[test]
    fn a_wait_ends_at_its_instant_and_says_so() {
        let lock = Mutex::new(());
        let (_guard, timed_out) = Condvar::new().wait_until(lock.lock(), Instant::now());
        assert!(timed_out);
    }

    #[test]
    fn the_wrappers_add_no_bytes() {
        assert_eq!(size_of::<Mutex<u64>>(), size_of::<parking_lot::Mutex<u64>>());
        assert_eq!(size_of::<RwLock<u64>>(), size_of::<parking_lot::RwLock<u64>>());
        assert_eq!(size_of::<Condvar>(), size_of::<parking_lot::Condvar>());
    }
}
