//! Time as a value that the engine is handed, never one that it reaches for.
//!
//! A [`Clock`] says what [`Time`] it is: nanoseconds since the Unix epoch on the
//! engine's own timeline. Either the machine turns it, or whoever holds the
//! [`ManualClock`] does.
//!
//! ```text
//! system   now = monotonic time since the clock was made + offset
//!          offset: what the wall clock showed then; resync() may only raise it
//! manual   now = what the last turn left
//! ```
//!
//! # Invariants
//!
//! 1. `now` never goes back, for any thread, whatever the wall clock does: the monotonic
//!    clock does not, and the offset only grows.
//! 2. At and after the instant that [`Clock::instant_of`] names, `now` has reached its time.
//!
//! # Costs
//!
//! `now`: one read of the OS clock (some 30 ns) and one relaxed load; on a manual
//! clock one load. `resync` reads two OS clocks.

mod manual;
mod time;

pub use manual::{ManualClock, Turn, TurnError};
pub use time::Time;

use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A clock: the machine's, or one that is turned by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Arc<System>),
    Manual(ManualClock),
}

impl Clock {
    /// A clock that follows the machine, set by the wall clock as it is now.
    pub fn system() -> Self {
        // A date before 1970 counts as 1970; a later `resync` follows the correction.
        let wall_ns = wall_ns();
        Self(Source::System(Arc::new(System {
            base: Instant::now(),
            offset_ns: AtomicU64::new(wall_ns),
        })))
    }

    /// What time it is.
    #[inline]
    pub fn now(&self) -> Time {
        match &self.0 {
            Source::System(system) => system.now(),
            Source::Manual(hand) => hand.now(),
        }
    }

    /// Compares with the wall clock, and follows it forward: a device that booted in
    /// 1970 has learned its date, a laptop has slept. A wall clock that was set back is
    /// ignored, and so is every wall clock by a manual clock.
    ///
    /// Call it from time to time. Whoever is parked until an [instant](Clock::instant_of)
    /// has to look again afterwards: its time may have come earlier.
    pub fn resync(&self) {
        if let Source::System(system) = &self.0 {
            // The wall clock first: should this thread lose the processor between the two
            // reads, the difference comes out too small, which changes nothing, and not too
            // great, which could never be taken back.
            let wall_ns = wall_ns();
            system.follow(wall_ns, system.elapsed_ns());
        }
    }

    /// True when the time stands still until somebody turns it.
    pub fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(_))
    }

    /// The hand that turns this clock, if it is a manual one.
    pub fn manual(&self) -> Option<ManualClock> {
        match &self.0 {
            Source::System(_) => None,
            Source::Manual(hand) => Some(hand.clone()),
        }
    }

    /// The monotonic instant at which this clock reaches `time`, to park a thread until
    /// then; one in the past for a time that has passed. `None` on a manual clock, which
    /// no waiting moves.
    ///
    /// A time too far away for the machine's clock gives an instant a century from now.
    pub fn instant_of(&self, time: Time) -> Option<Instant> {
        match &self.0 {
            Source::System(system) => Some(system.instant_of(time)),
            Source::Manual(_) => None,
        }
    }
}

impl Default for Clock {
    /// The machine's clock.
    fn default() -> Self {
        Self::system()
    }
}

/// The machine's clock, moved to the wall clock's date.
#[derive(Debug)]
struct System {
    base: Instant,
    /// The time at `base`. Only grows. Relaxed suffices: one atomic's values never
    /// appear to go back, and it guards nothing else.
    offset_ns: AtomicU64,
}

impl System {
    fn now(&self) -> Time {
        let offset_ns = self.offset_ns.load(Ordering::Relaxed);
        Time::from_nanos(offset_ns.saturating_add(self.elapsed_ns()))
    }

    fn elapsed_ns(&self) -> u64 {
        whole_ns(self.base.elapsed())
    }

    /// Takes note that the wall showed `wall_ns`, `elapsed_ns` after `base`.
    fn follow(&self, wall_ns: u64, elapsed_ns: u64) {
        self.offset_ns.fetch_max(wall_ns.saturating_sub(elapsed_ns), Ordering::Relaxed);
    }

    fn instant_of(&self, time: Time) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        let after_base = time.since(Time::from_nanos(self.offset_ns.load(Ordering::Relaxed)));
        self.base.checked_add(after_base).unwrap_or_else(|| self.base + CENTURY)
    }
}

/// The wall clock in nanoseconds since 1970, which is also what it shows before.
fn wall_ns() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, whole_ns)
}

fn whole_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// Some day in 2020, in nanoseconds.
    const DATE_NS: u64 = 1_600_000_000_000_000_000;
    const HOUR_NS: u64 = 3_600_000_000_000;

    fn showing(offset_ns: u64) -> System {
        System { base: Instant::now(), offset_ns: AtomicU64::new(offset_ns) }
    }

    #[test]
    fn time_never_goes_back_while_others_resync() {
        let clock = Clock::system();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut last = clock.now();
                    for _ in 0..20_000 {
                        clock.resync();
                        let now = clock.now();
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                });
            }
        });
    }

    #[test]
    fn a_wall_clock_that_jumps_forward_is_followed() {
        let booted_in_1970 = showing(0);
        booted_in_1970.follow(DATE_NS + HOUR_NS, HOUR_NS);
        assert_eq!(booted_in_1970.offset_ns.load(Ordering::Relaxed), DATE_NS);
        assert!(booted_in_1970.now() >= Time::from_nanos(DATE_NS));
    }

    #[test]
    fn a_wall_clock_that_is_set_back_is_not_followed() {
        let clock = showing(DATE_NS);
        clock.follow(DATE_NS - HOUR_NS, 0);
        assert!(clock.now() >= Time::from_nanos(DATE_NS));
        clock.follow(0, HOUR_NS);
        assert!(clock.now() >= Time::from_nanos(DATE_NS));
    }

    #[test]
    fn a_resync_does_not_creep() {
        let clock = Clock::system();
        let (start, began) = (clock.now(), Instant::now());
        for _ in 0..10_000 {
            clock.resync();
        }
        let ahead = clock.now().since(start).saturating_sub(began.elapsed());
        assert!(ahead < Duration::from_millis(50), "{ahead:?} ahead of the machine");
    }

    #[test]
    fn time_stops_at_its_end_instead_of_wrapping() {
        let clock = showing(u64::MAX - 1);
        while clock.elapsed_ns() < 2 {}
        assert_eq!(clock.now(), Time::MAX);
    }

    #[test]
    fn at_the_instant_of_a_time_the_clock_has_reached_it() {
        let clock = Clock::system();
        let time = clock.now().saturating_add(Duration::from_micros(200));
        let instant = clock.instant_of(time).unwrap();
        while Instant::now() < instant {}
        assert!(clock.now() >= time);
        assert!(clock.instant_of(Time::ZERO).unwrap() <= Instant::now());
    }

    #[test]
    fn the_instant_of_a_time_comes_no_later_than_it_must() {
        let clock = showing(DATE_NS);
        let hour = clock.instant_of(Time::from_nanos(DATE_NS + HOUR_NS));
        assert_eq!(hour, clock.base + Duration::from_nanos(HOUR_NS));
        clock.follow(DATE_NS + HOUR_NS, 0);
        assert_eq!(clock.instant_of(Time::from_nanos(DATE_NS + HOUR_NS)), clock.base);
    }

    #[test]
    fn the_end_of_time_has_an_instant() {
        let far = Clock::system().instant_of(Time::MAX).unwrap();
        assert!(far > Instant::now() + Duration::from_secs(50 * 365 * 86_400));
    }

    #[test]
    fn clones_of_a_clock_are_one_clock() {
        let hand = ManualClock::new();
        let clock = hand.clock().clone();
        assert!(clock.is_manual() && !Clock::default().is_manual());
        clock.manual().unwrap().advance(Duration::from_secs(1)).unwrap();
        assert_eq!(clock.now(), hand.now());
        assert_eq!(clock.instant_of(clock.now()), None);
        assert!(Clock::system().manual().is_none());
        let before = clock.now();
        clock.resync();
        assert_eq!(clock.now(), before);
    }
}
