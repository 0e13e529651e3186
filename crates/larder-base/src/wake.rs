//! Wake-ups that cannot be lost: how threads and tasks wait for each other.
//!
//! - [`EventCount`]: "something has changed, look again", for any number of threads.
//!   The timekeeper sleeps on one.
//! - [`Handoff`]: one value from one giver to one waiter, a thread or a task, which
//!   may stop waiting at any moment without the value being lost.
//!
//! Neither runs a user's code (a [`Waker`](std::task::Waker)) under a lock, its own or
//! the caller's: waking is a [`Wake`] that the caller runs when it has unlocked.

mod event_count;
mod handoff;

pub use event_count::{EventCount, Ticket};
pub use handoff::{Cancelled, Claim, Handoff, Wake};
