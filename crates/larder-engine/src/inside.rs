//! Where the calling thread stands: outside, in a transaction's closure, or in a listener.
//!
//! A thread in a transaction holds shard locks, so entering the engine by another door could
//! deadlock; it is an error instead. A listener may enter, but may not turn the clock.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Outside,
    Listener,
    Transaction,
}

larder_base::thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Outside) };
}

/// Puts the thread back where it was when dropped.
#[must_use]
pub(crate) struct Entered(Place);

/// Marks the thread as being in `place` until the result is dropped.
pub(crate) fn enter(place: Place) -> Entered {
    Entered(PLACE.with(|cell| cell.replace(place)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        PLACE.with(|cell| cell.set(self.0));
    }
}

/// Where the thread is.
pub(crate) fn place() -> Place {
    PLACE.with(Cell::get)
}

/// `Ok` unless the thread is in a transaction's closure.
#[inline]
pub(crate) fn outside() -> Result<()> {
    if place() == Place::Transaction { Err(Error::InsideTransaction) } else { Ok(()) }
}

/// Drops what a caught panic carried; its own `Drop` may panic again, which is where it ends.
pub(crate) fn discard_panic(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
