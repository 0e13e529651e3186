//! The graveyard: where replaced and removed values are dropped, with no lock held.
//!
//! A large collection is freed in steps of bounded size, so that deleting a million members does
//! not make its caller wait for a million frees. Without a thread of its own the engine has it
//! done by those who use it: the remover frees the first [`STEP`] elements, every later write
//! frees another step while something is left, `tick` and the timekeeper free more, and closing
//! frees the rest.
//!
//! An object's `Drop` is the program's code: it may panic, which is its own affair, and it may
//! remove other objects, which are then dropped after it and not inside of it. However long a chain
//! of them is, it takes no more stack than one.

use std::cell::RefCell;
use std::collections::VecDeque;

use larder_base::sync::Mutex;
use larder_base::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::inside;
use crate::value::Value;

/// Elements freed by one write: some ten microseconds.
const STEP: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Graveyard {
    large: Mutex<VecDeque<Value>>,
    /// How many stand in `large`, so that a write need not take its lock to see that none does.
    waiting: AtomicUsize,
    panics: AtomicU64,
}

impl Graveyard {
    /// Drops the values, or, where one is large, begins to. Called with no lock held.
    pub(crate) fn take_in(&self, values: impl Iterator<Item = Value>) {
        for value in values {
            if value.elements() > STEP {
                let mut large = self.large.lock();
                large.push_back(value);
                self.waiting.store(large.len(), Ordering::Relaxed);
            } else if let Value::Object(_) = value {
                self.drop_after_others(value);
            }
        }
        self.help();
    }

    /// Drops an object; from inside of another one's `Drop`, after that.
    fn drop_after_others(&self, object: Value) {
        let is_nested = FALLING.with(|falling| {
            let mut falling = falling.borrow_mut();
            let is_nested = falling.is_some();
            falling.get_or_insert_default().push_back(object);
            is_nested
        });
        if is_nested {
            return;
        }
        let next = || FALLING.with(|falling| falling.borrow_mut().as_mut()?.pop_front());
        while let Some(object) = next() {
            if inside::quietly(|| drop(object)) {
                self.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
        FALLING.with(|falling| falling.take());
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

    /// How many values panicked when they were dropped.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn pop(&self) -> Option<Value> {
        let mut large = self.large.lock();
        let value = large.pop_front();
        self.waiting.store(large.len(), Ordering::Relaxed);
        value
    }
}

larder_base::thread_local! {
    /// Objects that wait for the thread to drop them; `None` while it drops none.
    static FALLING: RefCell<Option<VecDeque<Value>>> = const { RefCell::new(None) };
}
