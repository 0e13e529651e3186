//! A clock that is turned by hand, and everything that is due on the way.
//!
//! Turning does not jump. It goes from one due instant to the next, over all engines
//! that hang on the clock, and lets them work at each:
//!
//! ```text
//! engine A   due at 10        due at 30, scheduled at 10
//! engine B        due at 20
//! now        0 ── 10 ── 20 ── 30 ──────── 100      advance(100)
//! ```
//!
//! So work that schedules work happens in the same turn, in the order of time, and
//! everyone who reads the clock meanwhile sees the instant of that work.
//!
//! # Invariants
//!
//! 1. Time never goes back.
//! 2. One thread at a time turns a clock; a second one waits, then turns from where the
//!    first has left it. A thread that turns any clock is refused a turn inside of it.
//! 3. After a turn nothing is due that the engines knew of; a turn that ended early (an
//!    engine panicked or stalled) has left the clock at the instant of that work.
//! 4. No engine's code runs under a lock of the clock but the turn itself.

use super::{Clock, Source, Time};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often engines may find new work at one and the same instant. Engines may feed each
/// other there, a few rounds deep; more is a circle.
const ROUNDS_AT_ONE_INSTANT: u32 = 1_000;

/// 2025-01-01T00:00:00Z, so that what tests see looks like a date.
const START: Time = Time::from_millis(1_735_689_600_000);

/// Something whose work is due at certain times of a manual clock: an engine.
///
/// All methods are called by the thread that turns the clock.
pub trait Turn: Send + Sync {
    /// The first instant at which something is due, if anything ever is.
    ///
    /// An instant in the past means that it is due now.
    fn next_due(&self) -> Option<Time>;

    /// Does everything that is due at the clock's present time, and whatever becomes
    /// due meanwhile; then [`Turn::next_due`] is later than now.
    ///
    /// Called at every due instant of any engine on the clock, so there may be nothing to do.
    fn run_due(&self);

    /// Why the calling thread may not turn the clock now, if it may not: it is inside a
    /// transaction, or a listener. Asked before any lock is taken.
    fn refusal(&self) -> Option<&'static str>;
}

/// Why a clock was not turned, or not all the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TurnError {
    /// The calling thread must not turn the clock where it is. Nothing has happened.
    #[error("the clock may not be turned here: {why}")]
    Refused {
        /// Where the thread is.
        why: &'static str,
    },
    /// The asked time has already passed. Nothing has happened.
    #[error("the clock is at {now} and does not go back to {asked}")]
    Backwards {
        /// The clock's time.
        now: Time,
        /// The time that was asked for.
        asked: Time,
    },
    /// The asked time lies beyond [`Time::MAX`]. Nothing has happened.
    #[error("{by:?} after {now} lies beyond the end of time")]
    Overflow {
        /// The clock's time.
        now: Time,
        /// How far it was to go.
        by: Duration,
    },
    /// Work at one instant never came to an end. The clock stands at that instant.
    #[error("the work due at {at} does not end")]
    Stalled {
        /// The instant.
        at: Time,
    },
}

/// The hand of a clock that stands still until it is turned. Clones turn the same clock.
///
/// ```
/// use larder_base::clock::ManualClock;
/// use std::time::Duration;
///
/// let hand = ManualClock::new();
/// let start = hand.now();
/// hand.advance(Duration::from_secs(3_600)).unwrap();
/// assert_eq!(hand.clock().now().since(start), Duration::from_secs(3_600));
/// assert!(hand.advance_to(start).is_err());
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Face>);

struct Face {
    now_ns: AtomicU64,
    /// Held for the whole of a turn.
    turn: Mutex<()>,
    /// Held for a moment, never while an engine's code runs.
    engines: Mutex<Vec<Weak<dyn Turn>>>,
}

impl ManualClock {
    /// A clock at 2025-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    /// A clock at `time`.
    pub fn starting_at(time: Time) -> Self {
        Self(Arc::new(Face {
            now_ns: AtomicU64::new(time.as_nanos()),
            turn: Mutex::new(()),
            engines: Mutex::new(Vec::new()),
        }))
    }

    /// The clock that this hand turns.
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(self.clone()))
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Time {
        Time::from_nanos(self.0.now_ns.load(Ordering::Acquire))
    }

    /// Lets `engine` work at its due times from now on, until it is dropped. Engines that
    /// are due at the same instant work in the order in which they were attached.
    ///
    /// Attach an engine once. Cheap, and allowed during a turn, which then includes it.
    pub fn attach(&self, engine: Weak<dyn Turn>) {
        let mut engines = self.0.engines.lock();
        engines.retain(|engine| engine.strong_count() > 0);
        engines.push(engine);
    }

    /// Turns the clock forward by `by`, doing on the way what is due, on this thread.
    ///
    /// Blocks while another thread turns it, and starts from where that one ends.
    ///
    /// # Errors
    ///
    /// See [`TurnError`].
    ///
    /// # Panics
    ///
    /// Passes on a panic of an engine's work; the clock stays at that instant, usable.
    pub fn advance(&self, by: Duration) -> Result<(), TurnError> {
        self.turn_to(|now| now.checked_add(by).ok_or(TurnError::Overflow { now, by }))
    }

    /// Turns the clock forward to `asked`, like [`ManualClock::advance`].
    ///
    /// # Errors
    ///
    /// See [`TurnError`]. The present time is no error, and does what is due now.
    ///
    /// # Panics
    ///
    /// As [`ManualClock::advance`].
    pub fn advance_to(&self, asked: Time) -> Result<(), TurnError> {
        self.turn_to(
            |now| {
                if asked < now { Err(TurnError::Backwards { now, asked }) } else { Ok(asked) }
            },
        )
    }

    fn turn_to(
        &self,
        target: impl FnOnce(Time) -> Result<Time, TurnError>,
    ) -> Result<(), TurnError> {
        if let Some(why) = self.refusal() {
            return Err(TurnError::Refused { why });
        }
        let _turn = self.0.turn.lock();
        let _inside = Inside::enter();
        let target = target(self.now())?;
        self.run_until(target)?;
        self.set(target);
        Ok(())
    }

    /// Asked before the turn's lock is taken: a refused thread may hold locks that the
    /// turning thread is waiting for.
    fn refusal(&self) -> Option<&'static str> {
        if Inside::is_entered() {
            return Some("this thread is already turning a clock");
        }
        self.live().iter().find_map(|engine| engine.refusal())
    }

    /// Does everything that is due until `target`, instant by instant.
    fn run_until(&self, target: Time) -> Result<(), TurnError> {
        let mut rounds = 0;
        loop {
            let engines = self.live();
            let due = engines.iter().filter_map(|engine| engine.next_due()).min();
            let Some(due) = due.filter(|&due| due <= target) else { return Ok(()) };
            let now = self.now();
            let at = due.max(now);
            rounds = if at == now { rounds + 1 } else { 1 };
            if rounds > ROUNDS_AT_ONE_INSTANT {
                return Err(TurnError::Stalled { at });
            }
            self.set(at);
            for engine in &engines {
                engine.run_due();
            }
        }
    }

    /// The engines that still exist. The references go out of this lock before they are
    /// dropped: the last one drops an engine, and with it a user's values.
    fn live(&self) -> Vec<Arc<dyn Turn>> {
        let mut live = Vec::new();
        self.0.engines.lock().retain(|engine| match engine.upgrade() {
            Some(engine) => {
                live.push(engine);
                true
            }
            None => false,
        });
        live
    }

    /// Only for the thread that holds the turn.
    fn set(&self, now: Time) {
        self.0.now_ns.store(now.as_nanos(), Ordering::Release);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

crate::thread_local! {
    /// True while this thread turns a clock. One flag for all clocks: two threads that
    /// turn two clocks, each inside of the other's, would wait for each other.
    static TURNING: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread as turning, until dropped (by a panic, too).
struct Inside;

impl Inside {
    fn enter() -> Self {
        TURNING.with(|turning| turning.set(true));
        Self
    }

    fn is_entered() -> bool {
        TURNING.with(Cell::get)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        TURNING.with(|turning| turning.set(false));
    }
}

#[cfg(all(test, not(larder_loom)))]
#[path = "manual_tests.rs"]
mod tests;
