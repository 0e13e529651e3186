//! When a key shall go: what callers say, and what that is on the engine's clock.

use std::time::Duration;

use larder_base::clock::Time;

use crate::error::{Error, Result};
use crate::slot::{Due, Slot};

/// The last deadline there is, in milliseconds: Redis' numbers are signed.
const LAST_MS: u64 = i64::MAX as u64;

/// When a key that is written shall go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// Never: a deadline that the key had is cleared.
    #[default]
    Never,
    /// When it was to go before.
    Keep,
    /// After this long, in milliseconds, rounded up. Zero is an error.
    In(Duration),
    /// When this time has passed, in milliseconds since the Unix epoch. A time that has passed
    /// already is no error: the key is written and gone.
    AtMs(u64),
}

/// Under which condition a key's deadline is changed. A key without a deadline goes never, which
/// is later than any deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpireIf {
    /// Always.
    #[default]
    Always,
    /// Only if it has none.
    HasNone,
    /// Only if it has one.
    HasOne,
    /// Only if the new one is later.
    Later,
    /// Only if the new one is earlier.
    Earlier,
    /// Only if it has one and the new one is later.
    HasOneAndLater,
    /// Only if it has one and the new one is earlier.
    HasOneAndEarlier,
}

/// How long a key will live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeToLive {
    /// There is no such key.
    NoKey,
    /// It has no deadline.
    Unlimited,
    /// This long, in milliseconds.
    Left(Duration),
}

impl Expiry {
    /// Checks it and makes it a deadline.
    #[inline]
    pub(crate) fn due(self, slot: &mut Slot<'_>) -> Result<Due> {
        Ok(match self {
            Self::Never => Due::Never,
            Self::Keep => Due::Keep,
            Self::In(ttl) => Due::At(after(slot.now(), ttl)?),
            Self::AtMs(ms) => Due::At(checked(ms)?),
        })
    }
}

/// The deadline `ttl` from `now`, in milliseconds.
pub(crate) fn after(now: Time, ttl: Duration) -> Result<u64> {
    let ms = ttl.as_nanos().div_ceil(1_000_000);
    let ms = u64::try_from(ms).ok().filter(|&ms| ms > 0).ok_or(Error::InvalidExpiry)?;
    checked(now.as_millis().checked_add(ms).ok_or(Error::InvalidExpiry)?)
}

/// The deadline, if it is one.
pub(crate) fn checked(ms: u64) -> Result<u64> {
    if ms <= LAST_MS { Ok(ms) } else { Err(Error::InvalidExpiry) }
}

impl ExpireIf {
    /// True when a deadline may be changed from `was` to `due`.
    pub(crate) fn allows(self, was: Option<u64>, due: u64) -> bool {
        match self {
            Self::Always => true,
            Self::HasNone => was.is_none(),
            Self::HasOne => was.is_some(),
            Self::Later | Self::HasOneAndLater => was.is_some_and(|was| due > was),
            Self::Earlier => was.is_none_or(|was| due < was),
            Self::HasOneAndEarlier => was.is_some_and(|was| due < was),
        }
    }
}
