//! How often an entry is accessed, in 24 bits: a logarithmic counter that decays.
//!
//! ```text
//! word    bits 8..24: minutes when it last decayed, mod 2^16    bits 0..8: counter
//! ```
//!
//! The counter starts at [`INITIAL`], so that a new entry is not the first to go. An access
//! raises it with probability `1 / ((counter - INITIAL) * log_factor + 1)`: with the default
//! factor of 10 about a million accesses fill it. Each `decay_minutes` without decay lower it by
//! one. Both rules are Redis', and so are the defaults. Minutes wrap round after 45 days; an entry
//! that nobody touched for longer decays less than it should.

/// The counter of a new entry.
pub const INITIAL: u8 = 5;

/// The rates of growth and decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "Redis has these two settings")]
pub struct Rates {
    /// Redis' `lfu-log-factor`: the more, the more accesses a step of the counter takes.
    pub log_factor: u32,
    /// Redis' `lfu-decay-time`: minutes a step; 0 for no decay.
    pub decay_minutes: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { log_factor: 10, decay_minutes: 1 }
    }
}

/// The word of a new entry.
///
/// ```
/// use larder_collections::eviction::lfu;
///
/// let (rates, mut rng) = (lfu::Rates::default(), fastrand::Rng::with_seed(7));
/// let mut word = lfu::fresh(0);
/// for _ in 0..1000 {
///     word = lfu::touched(word, 0, rates, &mut rng);
/// }
/// assert!((15..25).contains(&lfu::counter(word, 0, rates)));
/// assert_eq!(lfu::counter(word, 600_000, rates), lfu::counter(word, 0, rates) - 10);
/// ```
pub fn fresh(now_ms: u64) -> u32 {
    pack(minutes(now_ms), INITIAL)
}

/// The word of an entry whose counter is known, for restoring one.
pub fn with_counter(counter: u8, now_ms: u64) -> u32 {
    pack(minutes(now_ms), counter)
}

/// The word after an access: decayed, then perhaps raised.
pub fn touched(word: u32, now_ms: u64, rates: Rates, rng: &mut fastrand::Rng) -> u32 {
    let counter = counter(word, now_ms, rates);
    pack(minutes(now_ms), raised(counter, rates, rng))
}

/// The counter as decayed until now: what Redis' OBJECT FREQ reports.
pub fn counter(word: u32, now_ms: u64, rates: Rates) -> u8 {
    let counter = word as u8;
    let elapsed = minutes(now_ms).wrapping_sub((word >> 8) as u16);
    let steps = u32::from(elapsed).checked_div(rates.decay_minutes).unwrap_or(0);
    counter.saturating_sub(steps.min(u32::from(u8::MAX)) as u8)
}

/// How good a victim the entry is: the more, the better.
pub fn score(word: u32, now_ms: u64, rates: Rates) -> u64 {
    u64::from(u8::MAX - counter(word, now_ms, rates))
}

/// One more than `counter`, with a probability that falls as it grows.
fn raised(counter: u8, rates: Rates, rng: &mut fastrand::Rng) -> u8 {
    let above = u64::from(counter.saturating_sub(INITIAL));
    let odds = above * u64::from(rates.log_factor) + 1;
    if rng.u64(..odds) == 0 { counter.saturating_add(1) } else { counter }
}

fn pack(minutes: u16, counter: u8) -> u32 {
    u32::from(minutes) << 8 | u32::from(counter)
}

fn minutes(now_ms: u64) -> u16 {
    (now_ms / 60_000) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    /// The mean counter after so many accesses within a minute.
    fn after(accesses: u32, log_factor: u32) -> f64 {
        const RUNS: u32 = 20;
        let rates = Rates { log_factor, ..Rates::default() };
        let mut rng = fastrand::Rng::with_seed(1);
        let mut run = |_| {
            let word = (0..accesses).fold(fresh(0), |word, _| touched(word, 0, rates, &mut rng));
            f64::from(counter(word, 0, rates))
        };
        (0..RUNS).map(&mut run).sum::<f64>() / f64::from(RUNS)
    }

    #[test]
    fn the_counter_grows_as_redis_documents() {
        // From the table in redis.conf: factor, hits, counter.
        let table = [
            (0, 100, 104),
            (0, 1000, 255),
            (1, 100, 18),
            (1, 1000, 49),
            (10, 100, 10),
            (10, 1000, 18),
            (10, 100_000, 142),
            (100, 1000, 11),
        ];
        for (factor, hits, documented) in table {
            let counter = after(hits, factor);
            let ratio = counter / f64::from(documented);
            assert!((0.88..1.12).contains(&ratio), "factor {factor}, {hits} hits: {counter}");
        }
    }

    #[test]
    fn a_full_counter_stays_full() {
        let mut rng = fastrand::Rng::with_seed(1);
        let full = with_counter(u8::MAX, 0);
        let rates = Rates { log_factor: 0, ..Rates::default() };
        assert_eq!(counter(touched(full, 0, rates, &mut rng), 0, rates), u8::MAX);
    }

    #[test]
    fn no_decay_when_its_time_is_zero() {
        let rates = Rates { decay_minutes: 0, ..Rates::default() };
        assert_eq!(counter(fresh(0), 1000 * MINUTE, rates), INITIAL);
    }

    proptest! {
        #[test]
        fn a_counter_decays_by_one_a_period_across_the_wrap(
            start in 0u64..1 << 18,
            idle in 0u64..1 << 16,
            counted: u8,
            decay_minutes in 1u32..100,
        ) {
            let rates = Rates { decay_minutes, ..Rates::default() };
            let word = with_counter(counted, start * MINUTE);
            let steps = idle / u64::from(decay_minutes);
            let expected = u64::from(counted).saturating_sub(steps);
            let now = (start + idle) * MINUTE;
            prop_assert_eq!(u64::from(counter(word, now, rates)), expected);
            prop_assert_eq!(score(word, now, rates), 255 - expected);
            prop_assert!(word < 1 << 24);
        }
    }
}
