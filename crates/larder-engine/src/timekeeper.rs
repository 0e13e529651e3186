//! The timekeeper: a thread that turns the wheels on time.
//!
//! It starts when something first has a deadline, sleeps until the next one, and holds only a weak
//! reference, so it never keeps an engine alive. An engine on a manual clock, or with
//! [`Background::None`], never has one.
//!
//! # Why no deadline is slept through
//!
//! The thread takes a ticket, announces that it is awake (`wake_at` = the end of time), looks for
//! the least deadline, announces that, and sleeps on the ticket. A writer files its deadline first
//! and then looks at `wake_at`: either the thread sees the deadline, or the writer sees a later
//! `wake_at` and wakes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use larder_base::clock::Time;
use larder_base::sync::Mutex;
use larder_base::sync::atomic::{AtomicU64, Ordering};
use larder_base::thread;
use larder_base::wake::EventCount;

use crate::engine::Core;
use crate::inside;

/// The longest sleep while something has a deadline: then the clock's offset is read again.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Elements of removed collections freed between two looks at the clock.
const FREED_AT_ONCE: usize = 4096;

/// Who turns the wheels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Background {
    /// A thread of the engine's own, started when something first has a deadline.
    #[default]
    Thread,
    /// Nobody but who calls [`Larder::tick`](crate::Larder::tick). Access is exact all the same.
    None,
}

/// The engine's side of the thread.
#[derive(Debug)]
pub(crate) struct Timekeeper {
    background: Background,
    signal: Arc<EventCount>,
    /// Milliseconds; a deadline from here on needs no wake-up.
    wake_at: AtomicU64,
    is_running: Mutex<bool>,
}

impl Timekeeper {
    pub(crate) fn new(background: Background) -> Self {
        Self {
            background,
            signal: Arc::default(),
            wake_at: AtomicU64::new(u64::MAX),
            is_running: Mutex::new(false),
        }
    }

    /// Ends the thread, soon.
    pub(crate) fn stop(&self) {
        self.signal.notify();
    }

    pub(crate) fn is_running(&self) -> bool {
        *self.is_running.lock()
    }
}

impl Core {
    /// A deadline of `due_ms` was filed: somebody must be awake by then.
    #[inline]
    pub(crate) fn nudge(&self, due_ms: u64) {
        if due_ms < self.timekeeper.wake_at.load(Ordering::SeqCst) {
            self.nudge_now();
        }
    }

    #[cold]
    fn nudge_now(&self) {
        let keeper = &self.timekeeper;
        if keeper.background == Background::None || self.clock.is_manual() {
            return;
        }
        let mut is_running = keeper.is_running.lock();
        if *is_running {
            drop(is_running);
            keeper.signal.notify();
        } else if !self.is_closed() {
            let (core, signal) = (self.itself(), Arc::clone(&keeper.signal));
            // Without a thread, access stays exact and the next deadline tries again.
            *is_running = thread::spawn("larder-time", move || keep_time(&core, &signal)).is_ok();
        }
    }
}

fn keep_time(core: &Weak<Core>, signal: &EventCount) {
    loop {
        let ticket = signal.ticket();
        let Some(core) = core.upgrade() else { return };
        if core.is_closed() {
            *core.timekeeper.is_running.lock() = false;
            return;
        }
        // A value's `Drop` may panic; that must not end the time.
        let next = catch_unwind(AssertUnwindSafe(|| turn(&core)))
            .map_err(inside::discard_panic)
            .unwrap_or(Some(core.clock.now()));
        let until = next.and_then(|next| core.clock.instant_of(next));
        drop(core);
        signal.wait_until(ticket, until);
    }
}

/// Runs what is due; says when to come back, or `None` for not before being asked to.
fn turn(core: &Core) -> Option<Time> {
    let keeper = &core.timekeeper;
    keeper.wake_at.store(u64::MAX, Ordering::SeqCst);
    core.clock.resync();
    let mut now = core.clock.now();
    let mut next = core.next_due();
    while next.is_some_and(|next| next <= now) {
        core.run_due();
        now = core.clock.now();
        next = core.next_due();
    }
    if core.graveyard.step(FREED_AT_ONCE) {
        return Some(now);
    }
    keeper.wake_at.store(next.map_or(u64::MAX, Time::as_millis), Ordering::SeqCst);
    next.map(|next| next.min(now.saturating_add(LONGEST_SLEEP)))
}
