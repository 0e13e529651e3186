//! Leases: the value behind locks.

use std::time::Duration;

use larder_collections::blob::Blob;

use crate::access::{Access, Room};
use crate::error::Result;
use crate::lease::Lease;
use crate::ops::lease::{self, Grant};

/// Operations on leases: see [`Namespace::leases`](crate::Namespace::leases).
///
/// ```
/// use larder_engine::{Error, Grant, Larder, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let larder = Larder::builder().manual_clock(&clock).open();
/// let app = larder.namespace("app")?;
/// let minute = Duration::from_secs(60);
/// let Grant::Granted { fence } = app.leases().grant("printer", "ann", minute)? else { panic!() };
///
/// // Ann's write goes through while she holds the lease, and not when she has lost it.
/// app.guarded("printer", fence).strings().set("page", "one")?;
/// clock.advance(minute * 2).unwrap();
/// let late = app.guarded("printer", fence).strings().set("page", "two");
/// assert_eq!(late, Err(Error::StaleFence { given: fence, live: None }));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Leases<'a, 'e>(pub(crate) Access<'a, 'e>);

impl Leases<'_, '_> {
    /// Grants the lease for `ttl` if nobody holds it. `owner` is whatever the holder says of
    /// itself.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidExpiry`](crate::Error::InvalidExpiry) for a time of zero.
    pub fn grant(
        &mut self,
        key: impl AsRef<[u8]>,
        owner: impl Into<Blob>,
        ttl: Duration,
    ) -> Result<Grant> {
        let owner = owner.into();
        self.0.update(key.as_ref(), Room::Grows, |slot| lease::grant(slot, owner, ttl))
    }

    /// Lets the grant of this fence end `ttl` from now.
    ///
    /// # Errors
    ///
    /// [`Error::StaleFence`](crate::Error::StaleFence) when that is not the live grant.
    pub fn renew(&mut self, key: impl AsRef<[u8]>, fence: u64, ttl: Duration) -> Result<()> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| lease::renew(slot, fence, ttl))
    }

    /// Ends the grant of this fence.
    ///
    /// # Errors
    ///
    /// [`Error::StaleFence`](crate::Error::StaleFence) when that is not the live grant.
    pub fn release(&mut self, key: impl AsRef<[u8]>, fence: u64) -> Result<()> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| lease::release(slot, fence))
    }

    /// Who holds the lease, and under which fence.
    pub fn holder(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Lease>> {
        self.0.view(key.as_ref(), lease::holder)
    }
}
