//! An event count: a condition variable for conditions that live elsewhere.
//!
//! A waiter takes a [`Ticket`] *before* it looks at the data, looks, and only then
//! sleeps; a writer changes the data, lets go of its locks, and notifies.
//!
//! ```text
//! state   [ epoch: 63 bits | somebody sleeps: 1 bit ]
//! notify  epoch += 1; only if the bit was set: clear it and wake everybody
//! wait    under the gate: set the bit, and sleep if the epoch is still the ticket's
//! ```
//!
//! # Invariants
//!
//! 1. A ticket taken before a `notify` does not sleep through it. Both sides change the one
//!    word `state`, so either the waiter's change comes first and `notify` sees the bit,
//!    or `notify`'s does and the waiter sees the epoch.
//! 2. The bit is set and cleared only under the gate, and whoever sleeps has set it
//!    after the last time that it was cleared.
//!
//! # Costs
//!
//! `ticket` is a load, `notify` with nobody asleep one atomic addition: it may stand on a
//! hot path. 63 bits of epochs do not run out.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use std::time::Instant;

/// The bit of `state` that says that somebody sleeps, or did.
const SLEEPERS: u64 = 1;
/// One epoch, above that bit.
const EPOCH: u64 = 2;

/// A counter that only grows, and threads that sleep until it grows.
///
/// ```
/// use larder_base::wake::EventCount;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// let (ready, changed) = (AtomicBool::new(false), EventCount::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         ready.store(true, Ordering::Release);
///         changed.notify();
///     });
///     loop {
///         let ticket = changed.ticket();
///         if ready.load(Ordering::Acquire) {
///             break;
///         }
///         changed.wait(ticket);
///     }
/// });
/// ```
#[derive(Debug, Default)]
pub struct EventCount {
    state: AtomicU64,
    gate: Mutex<()>,
    grew: Condvar,
}

/// The epoch that a waiter saw before it looked at the data.
#[derive(Clone, Copy, Debug)]
#[must_use = "a ticket that is not waited on does nothing"]
pub struct Ticket(u64);

impl EventCount {
    /// Creates a count on which nobody sleeps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a ticket. Call this *before* looking at what you may wait for.
    #[inline]
    pub fn ticket(&self) -> Ticket {
        Ticket(self.state.load(Ordering::Acquire))
    }

    /// Sleeps until somebody has notified since `ticket` was taken. Blocks.
    pub fn wait(&self, ticket: Ticket) {
        self.wait_until(ticket, None);
    }

    /// As [`EventCount::wait`], but no longer than until `end`, if there is one. True when
    /// somebody has notified, false when only time has passed. Blocks.
    pub fn wait_until(&self, ticket: Ticket, end: Option<Instant>) -> bool {
        let mut gate = self.gate.lock();
        while self.mark_sleeper() == ticket.epoch() {
            gate = match end {
                None => self.grew.wait(gate),
                Some(end) => {
                    let (gate, timed_out) = self.grew.wait_until(gate, end);
                    if timed_out {
                        return self.ticket().epoch() != ticket.epoch();
                    }
                    gate
                }
            };
        }
        true
    }

    /// Wakes everyone whose ticket is older than this call. Never blocks for long.
    #[inline]
    pub fn notify(&self) {
        let before = self.state.fetch_add(EPOCH, Ordering::AcqRel);
        if before & SLEEPERS != 0 {
            self.wake_sleepers();
        }
    }

    /// Says that somebody is about to sleep, and returns the latest epoch. It has to be a
    /// change, not a load, which might return an epoch that has passed.
    fn mark_sleeper(&self) -> u64 {
        Ticket(self.state.fetch_or(SLEEPERS, Ordering::AcqRel)).epoch()
    }

    #[cold]
    fn wake_sleepers(&self) {
        // The gate: a waiter that has set the bit sleeps before it lets go of it.
        let gate = self.gate.lock();
        self.state.fetch_and(!SLEEPERS, Ordering::AcqRel);
        drop(gate);
        self.grew.notify_all();
    }
}

impl Ticket {
    fn epoch(self) -> u64 {
        self.0 & !SLEEPERS
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_notification_before_the_wait_ends_it_at_once() {
        let count = EventCount::new();
        let ticket = count.ticket();
        count.notify();
        count.wait(ticket);
        assert!(count.wait_until(ticket, Some(Instant::now())));
    }

    #[test]
    fn a_wait_ends_with_its_time() {
        let count = EventCount::new();
        assert!(!count.wait_until(count.ticket(), Some(Instant::now())));
        let soon = Instant::now() + Duration::from_millis(1);
        assert!(!count.wait_until(count.ticket(), Some(soon)));
        assert!(Instant::now() >= soon);
    }

    #[test]
    fn a_ticket_after_the_notification_does_not_see_it() {
        let count = EventCount::new();
        count.notify();
        assert!(!count.wait_until(count.ticket(), Some(Instant::now())));
    }

    #[test]
    fn threads_that_take_turns_never_miss_one() {
        const TURNS: u64 = 5_000;
        let (turn, changed) = (AtomicU64::new(0), EventCount::new());
        std::thread::scope(|scope| {
            for me in 0..2 {
                let (turn, changed) = (&turn, &changed);
                scope.spawn(move || {
                    for mine in (me..TURNS).step_by(2) {
                        loop {
                            let ticket = changed.ticket();
                            if turn.load(Ordering::Acquire) == mine {
                                break;
                            }
                            changed.wait(ticket);
                        }
                        turn.store(mine + 1, Ordering::Release);
                        changed.notify();
                    }
                });
            }
        });
        assert_eq!(turn.into_inner(), TURNS);
    }
}
