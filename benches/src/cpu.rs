//! Thread CPU time: what a pause costs, without what the neighbours on the machine cost.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds that this thread has run, user and system together.
#[inline]
#[must_use]
pub fn thread_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// What one call of [`thread_ns`] costs, in nanoseconds: the floor under every timed insert.
#[must_use]
pub fn thread_ns_cost() -> f64 {
    const CALLS: u32 = 20_000;
    let before = thread_ns();
    for _ in 0..CALLS {
        std::hint::black_box(thread_ns());
    }
    let total = (thread_ns() - before) as f64;
    total / f64::from(CALLS)
}

/// Sleeps until `instant`, if it lies ahead.
pub fn sleep_until(instant: Instant) {
    let ahead = instant.saturating_duration_since(Instant::now());
    if ahead > Duration::ZERO {
        std::thread::sleep(ahead);
    }
}
