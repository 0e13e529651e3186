//! Operations on leases: the value behind locks.
//!
//! A lease is granted to one holder for a time, under a fence that is greater than every one
//! before. It ends by its release or its deadline. A holder that lost it without knowing is stopped
//! by its fence: a guarded write is applied only if that is the live grant.

use std::time::Duration;

use larder_collections::blob::Blob;

use super::wrong_kind;
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::expiry::after;
use crate::lease::Lease;
use crate::slot::{Due, Slot};
use crate::value::{Kind, Value};

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// It is the caller's now.
    Granted {
        /// The grant's number.
        fence: u64,
    },
    /// Somebody holds it.
    Held {
        /// Who, and under which fence.
        lease: Lease,
        /// For how much longer, if nobody renews or releases it.
        left: Duration,
    },
}

/// Grants the lease if nobody holds it.
pub(crate) fn grant(slot: &mut Slot<'_>, owner: Blob, ttl: Duration) -> Result<Grant> {
    slot.core().check_value(owner.len())?;
    if let Some(lease) = holder(slot.value())? {
        let due = slot.deadline().expect("a lease has a deadline");
        let left = Duration::from_millis(due.saturating_sub(slot.now().as_millis()));
        return Ok(Grant::Held { lease, left });
    }
    let due = after(slot.now(), ttl)?;
    let fence = slot.core().next_fence();
    let lease = Value::Lease(Box::new(Lease { owner, fence }));
    slot.put(lease, Due::At(due), EventKind::LeaseGranted)?;
    Ok(Grant::Granted { fence })
}

/// Lets the live grant end `ttl` from now.
pub(crate) fn renew(slot: &mut Slot<'_>, fence: u64, ttl: Duration) -> Result<()> {
    check(slot, fence)?;
    let due = after(slot.now(), ttl)?;
    slot.set_deadline(Some(due), EventKind::LeaseRenewed);
    Ok(())
}

/// Ends the live grant.
pub(crate) fn release(slot: &mut Slot<'_>, fence: u64) -> Result<()> {
    check(slot, fence)?;
    slot.remove(EventKind::LeaseReleased);
    Ok(())
}

/// `Err` unless `fence` is the live grant.
pub(crate) fn check(slot: &Slot<'_>, fence: u64) -> Result<()> {
    let live = holder(slot.value())?.map(|lease| lease.fence);
    if live == Some(fence) { Ok(()) } else { Err(Error::StaleFence { given: fence, live }) }
}

pub(crate) fn holder(value: Option<&Value>) -> Result<Option<Lease>> {
    match value {
        None => Ok(None),
        Some(Value::Lease(lease)) => Ok(Some((**lease).clone())),
        Some(other) => wrong_kind(Kind::Lease, other.kind()),
    }
}
