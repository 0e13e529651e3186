//! A readers-writer lock for models, made of loom's mutex and condvar.
//!
//! Loom has one of its own, whose `try_write` blocks: a thread that is about to try is held up
//! like one that waits, as soon as another thread takes the lock. A protocol that tries because it
//! must not wait would then deadlock in the model and nowhere else.
//!
//! # Invariants
//!
//! 1. `held` says who may be at `data`, and only who may is there, so the standard library's lock
//!    around it is free whenever it is asked. It models nothing: the gate does.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, TryLockError, TryLockResult};

use loom::sync::{Condvar, Mutex};

/// See the module.
pub(super) struct RwLock<T: ?Sized> {
    held: Mutex<Held>,
    freed: Condvar,
    data: std::sync::RwLock<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    ByReaders(usize),
    ByWriter,
}

const FREE: Held = Held::ByReaders(0);

impl Held {
    fn with_reader(self) -> Option<Self> {
        match self {
            Self::ByReaders(count) => Some(Self::ByReaders(count + 1)),
            Self::ByWriter => None,
        }
    }

    fn with_writer(self) -> Option<Self> {
        (self == FREE).then_some(Self::ByWriter)
    }
}

/// A read lock; released when dropped.
#[derive(Debug)]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// `None` only while it is dropped.
    data: Option<std::sync::RwLockReadGuard<'a, T>>,
    release: Release<'a>,
}

/// A write lock; released when dropped.
#[derive(Debug)]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    /// `None` only while it is dropped.
    data: Option<std::sync::RwLockWriteGuard<'a, T>>,
    release: Release<'a>,
}

#[derive(Debug)]
struct Release<'a> {
    held: &'a Mutex<Held>,
    freed: &'a Condvar,
}

impl<T> RwLock<T> {
    pub(super) fn new(value: T) -> Self {
        let (held, freed) = (Mutex::new(FREE), Condvar::new());
        Self { held, freed, data: std::sync::RwLock::new(value) }
    }

    pub(super) fn into_inner(self) -> LockResult<T> {
        self.data.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    pub(super) fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.wait_for(Held::with_reader);
        Ok(self.reader())
    }

    pub(super) fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if self.try_for(Held::with_reader) {
            Ok(self.reader())
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    pub(super) fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.wait_for(Held::with_writer);
        Ok(self.writer())
    }

    pub(super) fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if self.try_for(Held::with_writer) {
            Ok(self.writer())
        } else {
            Err(TryLockError::WouldBlock)
        }
    }

    pub(super) fn get_mut(&mut self) -> LockResult<&mut T> {
        self.data.get_mut()
    }

    fn wait_for(&self, with_me: fn(Held) -> Option<Held>) {
        let mut held = super::sound(self.held.lock());
        loop {
            match with_me(*held) {
                Some(now) => return *held = now,
                None => held = super::sound(self.freed.wait(held)),
            }
        }
    }

    fn try_for(&self, with_me: fn(Held) -> Option<Held>) -> bool {
        // The gate is never held for long: to lock it is no waiting for a holder of the lock.
        let mut held = super::sound(self.held.lock());
        match with_me(*held) {
            Some(now) => *held = now,
            None => return false,
        }
        true
    }

    fn release(&self) -> Release<'_> {
        Release { held: &self.held, freed: &self.freed }
    }

    fn reader(&self) -> RwLockReadGuard<'_, T> {
        let data = self.data.try_read().expect("the gate lets nobody else in");
        RwLockReadGuard { data: Some(data), release: self.release() }
    }

    fn writer(&self) -> RwLockWriteGuard<'_, T> {
        let data = self.data.try_write().expect("the gate lets nobody else in");
        RwLockWriteGuard { data: Some(data), release: self.release() }
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}

impl Release<'_> {
    fn release(&self, without_me: impl FnOnce(Held) -> Held) {
        let mut held = super::sound(self.held.lock());
        *held = without_me(*held);
        if *held == FREE {
            self.freed.notify_all();
        }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.data = None;
        self.release.release(|held| match held {
            Held::ByReaders(count) => Held::ByReaders(count - 1),
            Held::ByWriter => unreachable!("a reader holds it"),
        });
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.data = None;
        self.release.release(|_| FREE);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.data.as_ref().expect("it is not dropped yet")
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.data.as_ref().expect("it is not dropped yet")
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.data.as_mut().expect("it is not dropped yet")
    }
}
