//! A point in time, as a number.
//!
//! Nanoseconds, because a limiter of 10,000 a second needs them; milliseconds at the
//! edge, because Redis' deadlines are. 64 bits last until the year 2554, where
//! everything stops instead of wrapping.

use std::fmt;
use std::time::Duration;

const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Nanoseconds since 1970-01-01T00:00:00Z on the engine's timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The Unix epoch.
    pub const ZERO: Self = Self(0);
    /// The end of time, in the year 2554.
    pub const MAX: Self = Self(u64::MAX);

    /// The time `nanos` nanoseconds after the epoch.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The time `millis` milliseconds after the epoch, or the end of time.
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down: what turns by milliseconds
    /// never runs ahead of the clock.
    #[inline]
    pub const fn as_millis(self) -> u64 {
        self.0 / NANOS_PER_MILLI
    }

    /// `by` later, or the end of time.
    ///
    /// ```
    /// use larder_base::clock::Time;
    /// use std::time::Duration;
    ///
    /// let time = Time::from_millis(1).saturating_add(Duration::from_nanos(5));
    /// assert_eq!(time.as_nanos(), 1_000_005);
    /// assert_eq!(time.saturating_add(Duration::MAX), Time::MAX);
    /// ```
    #[inline]
    pub const fn saturating_add(self, by: Duration) -> Self {
        match self.checked_add(by) {
            Some(time) => time,
            None => Self::MAX,
        }
    }

    /// `by` later, or `None` past the end of time.
    #[inline]
    pub const fn checked_add(self, by: Duration) -> Option<Self> {
        let nanos = by.as_nanos();
        if nanos > u64::MAX as u128 {
            return None;
        }
        match self.0.checked_add(nanos as u64) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The time that passed from `earlier` until this, or zero if that is later.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Seconds since the epoch, with nine decimals.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / NANOS_PER_SEC, self.0 % NANOS_PER_SEC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_round_down() {
        assert_eq!(Time::from_nanos(1_999_999).as_millis(), 1);
        assert_eq!(Time::from_millis(2).as_nanos(), 2_000_000);
    }

    #[test]
    fn the_end_of_time_is_reached_and_never_passed() {
        assert_eq!(Time::from_millis(u64::MAX), Time::MAX);
        assert_eq!(Time::MAX.saturating_add(Duration::from_nanos(1)), Time::MAX);
        assert_eq!(Time::ZERO.saturating_add(Duration::MAX), Time::MAX);
        let one = Duration::from_nanos(1);
        assert_eq!(Time::from_nanos(u64::MAX - 1).checked_add(one), Some(Time::MAX));
        assert_eq!(Time::MAX.checked_add(one), None);
        assert_eq!(Time::ZERO.checked_add(Duration::MAX), None);
    }

    #[test]
    fn no_time_passes_backwards() {
        let (early, late) = (Time::from_nanos(3), Time::from_nanos(10));
        assert_eq!(late.since(early), Duration::from_nanos(7));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Time::MAX.since(Time::ZERO), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_time_prints_as_seconds() {
        assert_eq!(Time::from_nanos(12_000_000_345).to_string(), "12.000000345");
    }
}
