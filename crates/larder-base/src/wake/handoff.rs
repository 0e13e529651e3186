//! One value, from one giver to one waiter, that is never lost on the way.
//!
//! A blocked reader registers a handoff; whoever has something for it claims it, takes
//! the thing from where it lies, and puts it in. The waiter may give up at any time:
//!
//! ```text
//!            claim            put              take
//! Waiting ─────────> Claimed ─────────> Full ─────────> Taken
//!   │  ^                │                 │
//!   │  └────────────────┘ claim dropped   │ cancel: Served(value)
//!   │ cancel: Unserved                    v
//!   └────────────────────────────────> Cancelled
//! ```
//!
//! # Invariants
//!
//! 1. Only one giver at a time holds a [`Claim`], and only the claim leaves `Claimed`, by
//!    `put` or by being dropped (a panic). `cancel` waits for that, so a value that is put
//!    is either taken or comes back from `cancel`.
//! 2. Threads wait as tasks do, by polling: a thread's waker notifies an event count.
//! 3. No waker is woken, cloned or dropped under a lock of the handoff: it is user's code.
//!
//! # Costs
//!
//! Each step is one short lock of its own. A thread allocates only when it really parks.

use super::EventCount;
use crate::sync::{Condvar, Mutex};
use crate::thread::is_panicking;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// A place where one giver leaves one value for one waiter.
///
/// ```
/// use larder_base::wake::{Cancelled, Handoff};
///
/// let handoff = Handoff::new();
/// std::thread::scope(|scope| {
///     let waiter = scope.spawn(|| handoff.wait());
///     let wake = handoff.offer("a job").unwrap();
///     wake.run(); // after unlocking whatever was locked
///     assert_eq!(waiter.join().unwrap(), "a job");
/// });
/// assert_eq!(handoff.offer("another").unwrap_err(), "another");
/// assert_eq!(handoff.cancel(), Cancelled::Unserved);
/// ```
pub struct Handoff<T> {
    state: Mutex<State<T>>,
    /// Notified when a claim ends.
    settled: Condvar,
}

enum State<T> {
    /// Whom to wake, if somebody is asleep already.
    Waiting(Option<Waker>),
    Claimed(Option<Waker>),
    Full(T),
    Taken,
    Cancelled,
}

/// The right to put the value, and the duty: until it is put, or the claim is dropped
/// (which reopens the handoff), a waiter that wants to leave is held up.
///
/// So lock nothing between claim and put that somebody who cancels might hold.
#[must_use = "a claim that is dropped reopens the handoff"]
pub struct Claim<'a, T> {
    /// `None` once the value is put.
    handoff: Option<&'a Handoff<T>>,
}

/// A wake-up that is still to be delivered.
///
/// [`Wake::run`] it after every lock is released: it runs a task's waker, which is
/// anybody's code. Dropping it wakes as well, so that a panic on the way loses no
/// wake-up; declare a collection of them *before* the guards, so that it is dropped after them.
#[derive(Debug, Default)]
#[must_use = "run it once all locks are released"]
pub struct Wake(Option<Waker>);

/// What became of a handoff whose waiter has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a value that was served has to be handed back"]
#[expect(clippy::exhaustive_enums, reason = "a caller that overlooks `Served` loses a value")]
pub enum Cancelled<T> {
    /// Nobody had put anything that was not taken, and nobody will.
    Unserved,
    /// The value that had already been put.
    Served(T),
}

impl<T> Handoff<T> {
    /// Creates a handoff that waits for its giver.
    pub fn new() -> Self {
        Self { state: Mutex::new(State::Waiting(None)), settled: Condvar::new() }
    }

    /// True while nobody has claimed, served or cancelled it. Another thread may change
    /// that at any moment: to act on it, [`claim`](Handoff::claim).
    pub fn is_waiting(&self) -> bool {
        matches!(*self.state.lock(), State::Waiting(_))
    }

    /// Claims the right to put the value; `None` if it is claimed, full, taken or cancelled.
    pub fn claim(&self) -> Option<Claim<'_, T>> {
        let mut state = self.state.lock();
        let State::Waiting(waker) = &mut *state else { return None };
        *state = State::Claimed(waker.take());
        Some(Claim { handoff: Some(self) })
    }

    /// Claims and puts at once.
    ///
    /// # Errors
    ///
    /// Gives the value back if it cannot be claimed.
    pub fn offer(&self, value: T) -> Result<Wake, T> {
        match self.claim() {
            Some(claim) => Ok(claim.put(value)),
            None => Err(value),
        }
    }

    /// Stops waiting: nothing can be put from now on, and a value that was put and not
    /// taken comes back.
    ///
    /// Blocks while a giver is between claim and put, so hold no lock that it may need.
    pub fn cancel(&self) -> Cancelled<T> {
        let mut state = self.state.lock();
        while matches!(*state, State::Claimed(_)) {
            state = self.settled.wait(state);
        }
        let before = match *state {
            State::Taken => State::Taken,
            _ => mem::replace(&mut *state, State::Cancelled),
        };
        // What was there may be a waker: unlock before it is dropped.
        drop(state);
        match before {
            State::Full(value) => Cancelled::Served(value),
            _ => Cancelled::Unserved,
        }
    }

    /// Takes the value, parking the thread until it is there. Blocks.
    ///
    /// # Panics
    ///
    /// Panics when the value was already taken or the handoff cancelled: there is one
    /// waiter, and it has left.
    pub fn wait(&self) -> T {
        self.park(None).expect("without an end only a value ends the wait")
    }

    /// As [`Handoff::wait`], but no longer than until `end`: then `None`, and the handoff
    /// still waits. [`Handoff::cancel`] it to leave.
    ///
    /// # Panics
    ///
    /// As [`Handoff::wait`].
    pub fn wait_until(&self, end: Instant) -> Option<T> {
        self.park(Some(end))
    }

    /// Takes the value for a task, or remembers whom to wake when it is there. Only the
    /// waker of the last call is remembered.
    ///
    /// # Panics
    ///
    /// As [`Handoff::wait`].
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<T> {
        // Declared before the guard, so dropped after it.
        let mut fresh: Option<Waker> = None;
        loop {
            let mut state = self.state.lock();
            if let Some(value) = state.take() {
                return Poll::Ready(value);
            }
            let waker = state.waker().expect("a handoff has one waiter, which has left");
            if waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if fresh.is_some() {
                mem::swap(waker, &mut fresh);
                return Poll::Pending;
            }
            // Cloning is the user's code too: unlock for it, then look again.
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }

    fn park(&self, end: Option<Instant>) -> Option<T> {
        if let Some(value) = self.take_now() {
            return Some(value);
        }
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(Arc::clone(&parker));
        let mut cx = Context::from_waker(&waker);
        loop {
            let ticket = parker.woken.ticket();
            if let Poll::Ready(value) = self.poll_take(&mut cx) {
                return Some(value);
            }
            if !parker.woken.wait_until(ticket, end) {
                return self.take_now();
            }
        }
    }

    fn take_now(&self) -> Option<T> {
        self.state.lock().take()
    }
}

impl<T> State<T> {
    /// Takes the value if it is there.
    fn take(&mut self) -> Option<T> {
        if !matches!(self, Self::Full(_)) {
            return None;
        }
        match mem::replace(self, Self::Taken) {
            Self::Full(value) => Some(value),
            _ => unreachable!("the state was matched above"),
        }
    }

    /// The waker's place, while a value is awaited.
    fn waker(&mut self) -> Option<&mut Option<Waker>> {
        match self {
            Self::Waiting(waker) | Self::Claimed(waker) => Some(waker),
            Self::Full(_) | Self::Taken | Self::Cancelled => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "Waiting",
            Self::Claimed(_) => "Claimed",
            Self::Full(_) => "Full",
            Self::Taken => "Taken",
            Self::Cancelled => "Cancelled",
        }
    }
}

impl<T> Claim<'_, T> {
    /// Puts the value. The waiter may take it at once; it wakes when the result is run.
    pub fn put(mut self, value: T) -> Wake {
        let handoff = self.handoff.take().expect("a claim is used once");
        handoff.settle(State::Full(value))
    }
}

/// Reopens the handoff for other givers. One that found it claimed meanwhile has passed
/// it by, so whoever drops a claim sees to it that what lies there is offered again.
impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        if let Some(handoff) = self.handoff.take() {
            handoff.reopen();
        }
    }
}

impl<T> Handoff<T> {
    /// Ends a claim with `next`, and returns whom to wake.
    fn settle(&self, next: State<T>) -> Wake {
        let mut state = self.state.lock();
        let claimed = mem::replace(&mut *state, next);
        drop(state);
        self.settled.notify_all();
        match claimed {
            State::Claimed(waker) => Wake(waker),
            _ => unreachable!("only a claim leaves Claimed"),
        }
    }

    /// Ends a claim without a value. The waiter sleeps on.
    fn reopen(&self) {
        let mut state = self.state.lock();
        if let State::Claimed(waker) = &mut *state {
            *state = State::Waiting(waker.take());
        }
        drop(state);
        self.settled.notify_all();
    }
}

impl Wake {
    /// Wakes whoever waits, if it is asleep.
    ///
    /// # Panics
    ///
    /// Passes on a panic of a task's waker.
    pub fn run(mut self) {
        self.deliver();
    }

    /// True when nobody was asleep: running it does nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn deliver(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        if !is_panicking() {
            return self.deliver();
        }
        // A second panic would end the process; the first one is already being told.
        let _ = catch_unwind(AssertUnwindSafe(|| self.deliver()));
    }
}

/// A thread that waits, dressed as a task.
#[derive(Default)]
struct Parker {
    woken: EventCount,
}

impl std::task::Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.woken.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.notify();
    }
}

impl<T> Default for Handoff<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Handoff<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.try_lock();
        let name = state.as_ref().map_or("locked", |state| state.name());
        f.debug_struct("Handoff").field("state", &name).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Claim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(larder_loom)))]
#[path = "handoff_tests.rs"]
mod tests;
