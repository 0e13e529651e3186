//! Where the calling thread stands: outside, in a transaction's closure, or in a listener.
//!
//! A thread in a transaction holds shard locks, so entering the engine by another door could
//! deadlock; it is an error instead. A listener may enter, but may not turn the clock.
//!
//! What cannot be an error, dropping a handle, is put off until the thread has left its
//! transaction. The list belongs to the thread, not to an engine: in the closure of one engine's
//! transaction the last handle of another one may go, which nobody would come to any more.

use std::any::Any;
use std::cell::{Cell, RefCell};
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
    static DEFERRED: RefCell<Vec<Job>> = const { RefCell::new(Vec::new()) };
}

type Job = Box<dyn FnOnce()>;

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

/// Puts `job` off until the thread has left its transaction.
pub(crate) fn defer(job: impl FnOnce() + 'static) {
    DEFERRED.with(|jobs| jobs.borrow_mut().push(Box::new(job)));
}

/// Does what was put off. Called with no lock held, outside of any transaction.
pub(crate) fn do_deferred() {
    for job in DEFERRED.with(RefCell::take) {
        quietly(job);
    }
}

/// Runs code of the program's that has nobody to tell of its panic, a waker, a `Drop`; true when
/// it panicked.
pub(crate) fn quietly(code: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(code)).map_err(discard_panic).is_err()
}

/// For what can neither be an error nor wait: looking at what the transaction may have locked.
#[track_caller]
pub(crate) fn assert_outside() {
    assert!(place() != Place::Transaction, "the engine was looked at from inside a transaction");
}

/// Drops what a caught panic carried; its own `Drop` may panic again, which is where it ends.
pub(crate) fn discard_panic(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
