//! The rules by name: Redis' eight, and larder's own.
//!
//! | rule | whose entries | the victim |
//! |---|---|---|
//! | `noeviction` | nobody's | none: a write over the budget is refused |
//! | `allkeys-lru`, `volatile-lru` | all; those with a deadline | longest not accessed, of a sample |
//! | `allkeys-lfu`, `volatile-lfu` | the same | least frequently accessed, of a sample |
//! | `allkeys-random`, `volatile-random` | the same | any |
//! | `volatile-ttl` | those with a deadline | the nearest deadline, of a sample |
//! | `scan-resistant` | all | by [`AdaptiveS3Fifo`](super::AdaptiveS3Fifo) |

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// Whom to evict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// Nobody: a write over the budget is refused.
    #[default]
    NoEviction,
    /// The entry that was longest not accessed, by sampling.
    AllKeysLru,
    /// The entry that is least frequently accessed, by sampling.
    AllKeysLfu,
    /// Any entry.
    AllKeysRandom,
    /// As [`AllKeysLru`](Self::AllKeysLru), of the entries with a deadline.
    VolatileLru,
    /// As [`AllKeysLfu`](Self::AllKeysLfu), of the entries with a deadline.
    VolatileLfu,
    /// Any entry with a deadline.
    VolatileRandom,
    /// The entry whose deadline is nearest, by sampling.
    VolatileTtl,
    /// Larder's own, for caches: see [`AdaptiveS3Fifo`](super::AdaptiveS3Fifo).
    ScanResistant,
}

/// What an entry has to remember of its accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "whoever keeps an access word must know them all")]
pub enum Access {
    /// When it was last accessed: [`lru`](super::lru).
    Recency,
    /// How often it is accessed: [`lfu`](super::lfu).
    Frequency,
    /// Hits since its last look, up to [`MAX_HITS`](super::MAX_HITS), and its slot.
    Hits,
}

impl Eviction {
    /// Every rule.
    pub const ALL: [Self; 9] = [
        Self::NoEviction,
        Self::AllKeysLru,
        Self::AllKeysLfu,
        Self::AllKeysRandom,
        Self::VolatileLru,
        Self::VolatileLfu,
        Self::VolatileRandom,
        Self::VolatileTtl,
        Self::ScanResistant,
    ];

    /// Its name, where Redis has one then Redis' name.
    ///
    /// ```
    /// use larder_collections::eviction::Eviction;
    ///
    /// assert_eq!(Eviction::AllKeysLru.name(), "allkeys-lru");
    /// assert_eq!("VOLATILE-TTL".parse(), Ok(Eviction::VolatileTtl));
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::NoEviction => "noeviction",
            Self::AllKeysLru => "allkeys-lru",
            Self::AllKeysLfu => "allkeys-lfu",
            Self::AllKeysRandom => "allkeys-random",
            Self::VolatileLru => "volatile-lru",
            Self::VolatileLfu => "volatile-lfu",
            Self::VolatileRandom => "volatile-random",
            Self::VolatileTtl => "volatile-ttl",
            Self::ScanResistant => "scan-resistant",
        }
    }

    /// True when it evicts anybody at all.
    pub fn evicts(self) -> bool {
        self != Self::NoEviction
    }

    /// True when it evicts only entries with a deadline.
    pub fn is_volatile(self) -> bool {
        matches!(
            self,
            Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl
        )
    }

    /// True when any entry that it may evict is as good a victim as another.
    pub fn is_random(self) -> bool {
        matches!(self, Self::AllKeysRandom | Self::VolatileRandom)
    }

    /// What it needs an entry to remember. As in Redis, entries remember their last access under
    /// the rules that do not ask for it.
    pub fn access(self) -> Access {
        match self {
            Self::AllKeysLfu | Self::VolatileLfu => Access::Frequency,
            Self::ScanResistant => Access::Hits,
            _ => Access::Recency,
        }
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no rule has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownEviction {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownEviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no eviction rule is named {:?}", self.name)
    }
}

impl Error for UnknownEviction {}

impl FromStr for Eviction {
    type Err = UnknownEviction;

    /// The rule of that name; case does not matter, as in Redis.
    fn from_str(name: &str) -> Result<Self, UnknownEviction> {
        let is_named = |rule: &Self| rule.name().eq_ignore_ascii_case(name);
        Self::ALL
            .into_iter()
            .find(is_named)
            .ok_or_else(|| UnknownEviction { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_name() {
        for rule in Eviction::ALL {
            assert_eq!(rule.to_string().parse(), Ok(rule));
            assert_eq!(rule.name().to_uppercase().parse(), Ok(rule));
            assert_eq!(rule.is_volatile(), rule.name().starts_with("volatile"));
            assert_eq!(rule.is_random(), rule.name().ends_with("random"));
        }
        let unknown = "allkeys".parse::<Eviction>().unwrap_err();
        assert_eq!(unknown.to_string(), r#"no eviction rule is named "allkeys""#);
    }

    #[test]
    fn a_rule_says_what_to_remember() {
        assert_eq!(Eviction::default().access(), Access::Recency);
        assert!(!Eviction::default().evicts());
        assert_eq!(Eviction::VolatileLfu.access(), Access::Frequency);
        assert_eq!(Eviction::VolatileTtl.access(), Access::Recency);
        assert_eq!(Eviction::ScanResistant.access(), Access::Hits);
    }
}
