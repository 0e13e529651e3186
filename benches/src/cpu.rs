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

/// Runs `work` and returns the nanoseconds of CPU time that an item of it cost, of `items`.
pub fn ns_each(items: usize, work: impl FnOnce()) -> f64 {
    let before = thread_ns();
    work();
    (thread_ns() - before) as f64 / items as f64
}

/// What one call of [`thread_ns`] costs, in nanoseconds: the floor under every timed insert.
#[must_use]
pub fn thread_ns_cost() -> f64 {
    const CALLS: usize = 20_000;
    ns_each(CALLS, || {
        for _ in 0..CALLS {
            std::hint::black_box(thread_ns());
        }
    })
}

/// Sleeps until `instant`, if it lies ahead.
pub fn sleep_until(instant: Instant) {
    let ahead = instant.saturating_duration_since(Instant::now());
    if ahead > Duration::ZERO {
        std::thread::sleep(ahead);
    }
}
