//! The time of an entry's last access in 30 bits.
//!
//! Redis keeps seconds in 24 bits, which wrap round after 194 days. Here a tick is 128 ms (a
//! shift, no division) and 30 bits wrap round after 4.3 years; an entry that nobody touched for
//! longer seems younger than it is.
//!
//! ```text
//! stamp = now_ms / 128 mod 2^30          idle = (now - stamp) mod 2^30, in ticks
//! ```

/// The two highest bits of a word are not the stamp's.
pub const BITS: u32 = 30;
/// Milliseconds in a tick.
pub const TICK_MS: u64 = 128;

const MASK: u64 = (1 << BITS) - 1;

/// The stamp of an access at `now_ms`, less than 2^30.
pub fn stamp(now_ms: u64) -> u32 {
    ((now_ms / TICK_MS) & MASK) as u32
}

/// How long ago `stamp` was, in milliseconds, to within a tick. Bits from 30 up are ignored. The
/// more, the better a victim.
///
/// ```
/// use larder_collections::eviction::lru;
///
/// let stamp = lru::stamp(1_000_000);
/// assert_eq!(lru::idle_ms(stamp, 1_000_000), 0);
/// assert_eq!(lru::idle_ms(stamp, 1_060_000), 469 * lru::TICK_MS); // a minute, to a tick
/// ```
pub fn idle_ms(stamp: u32, now_ms: u64) -> u64 {
    let now = now_ms / TICK_MS;
    (now.wrapping_sub(u64::from(stamp)) & MASK) * TICK_MS
}

/// The stamp of an entry that is idle for `idle_ms` at `now_ms`, for restoring one.
pub fn stamp_of_idle(idle_ms: u64, now_ms: u64) -> u32 {
    ((now_ms / TICK_MS).wrapping_sub(idle_ms / TICK_MS) & MASK) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WRAP_MS: u64 = (MASK + 1) * TICK_MS;

    proptest! {
        #[test]
        fn idle_time_is_right_to_a_tick_across_the_wrap(
            at in 0..4 * WRAP_MS,
            idle in 0..WRAP_MS - TICK_MS,
            flags in 0u32..4,
        ) {
            let word = stamp(at) | flags << BITS;
            prop_assert!(idle_ms(word, at + idle).abs_diff(idle) < TICK_MS);
        }

        #[test]
        fn a_restored_stamp_is_as_idle_as_was_said(at in 0..4 * WRAP_MS, idle in 0..WRAP_MS) {
            let restored = idle_ms(stamp_of_idle(idle, at), at);
            prop_assert_eq!(restored, idle / TICK_MS * TICK_MS);
        }
    }
}
