//! The graveyard: where replaced and removed values are dropped, with no lock held.
//!
//! A large collection is freed in steps of bounded size, so that deleting a million members does
//! not make its caller wait for a million frees. Without a thread of its own the engine has it
//! done by those who use it: the remover frees the first [`STEP`] elements, every later write
//! frees another step while something is left, `tick` and the timekeeper free more, and closing
//! frees the rest.

use std::collections::VecDeque;

use larder_base::sync::Mutex;
use larder_base::sync::atomic::{AtomicUsize, Ordering};

use crate::value::Value;

/// Elements freed by one write: some ten microseconds.
const STEP: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Graveyard {
    large: Mutex<VecDeque<Value>>,
    /// How many stand in `large`, so that a write need not take its lock to see that none does.
    waiting: AtomicUsize,
}

impl Graveyard {
    /// Drops the values, or, where one is large, begins to. Called with no lock held.
    pub(crate) fn take_in(&self, values: impl Iterator<Item = Value>) {
        for value in values {
            if value.elements() > STEP {
                let mut large = self.large.lock();
                large.push_back(value);
                self.waiting.store(large.len(), Ordering::Relaxed);
            }
            // Any other is dropped here, and it may enter the engine.
        }
        self.help();
    }

    /// Frees a step of what waits, if anything does.
    #[inline]
    pub(crate) fn help(&self) {
        if self.waiting() > 0 {
            self.step(STEP);
        }
    }

    /// Frees about `count` elements of what waits; true when something is left.
    pub(crate) fn step(&self, count: usize) -> bool {
        // The value is out of the queue while it is worked on: no lock is held meanwhile.
        let Some(mut value) = self.pop() else { return false };
        let is_done = value.dismantle(count);
        if !is_done {
            let mut large = self.large.lock();
            large.push_front(value);
            self.waiting.store(large.len(), Ordering::Relaxed);
        }
        self.waiting() > 0
    }

    /// How many large values are not freed yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn pop(&self) -> Option<Value> {
        let mut large = self.large.lock();
        let value = large.pop_front();
        self.waiting.store(large.len(), Ordering::Relaxed);
        value
    }
}
