//! Operations on keys of every kind.

use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::expiry::{ExpireIf, TimeToLive};
use crate::namespace::Keyspace;
use crate::slot::{Due, Slot};
use crate::txn::Txn;
use crate::value::Value;
use std::time::Duration;

/// Gives the key a deadline, in milliseconds; false when there is no key or the condition does not
/// hold. A deadline that has passed deletes the key.
pub(crate) fn expire(slot: &mut Slot<'_>, due: u64, condition: ExpireIf) -> bool {
    let allowed = slot.exists() && condition.allows(slot.deadline(), due);
    if allowed {
        expire_now(slot, due);
    }
    allowed
}

/// Gives an existing key a deadline. One that has passed deletes it: that is a deletion, and no
/// expiry.
pub(crate) fn expire_now(slot: &mut Slot<'_>, due: u64) {
    if slot.now().as_millis() > due {
        slot.remove(EventKind::Deleted);
    } else {
        slot.set_deadline(Some(due), EventKind::DeadlineSet);
    }
}

/// Takes the deadline away; false when there is none.
pub(crate) fn persist(slot: &mut Slot<'_>) -> bool {
    let has_one = slot.deadline().is_some();
    if has_one {
        slot.set_deadline(None, EventKind::Persisted);
    }
    has_one
}

pub(crate) fn time_to_live(slot: &mut Slot<'_>) -> TimeToLive {
    match slot.deadline() {
        _ if !slot.exists() => TimeToLive::NoKey,
        None => TimeToLive::Unlimited,
        Some(due) => {
            let left = due.saturating_sub(slot.now().as_millis());
            TimeToLive::Left(Duration::from_millis(left))
        }
    }
}

/// Moves a value and its deadline to another key, over whatever was there.
pub(crate) fn rename<'e>(
    txn: &mut Txn<'e>,
    keyspace: &'e Keyspace,
    from: &[u8],
    to: &[u8],
    replace: bool,
) -> Result<bool> {
    // Both shards first: what follows changes both or neither.
    let target_exists = txn.slot(keyspace, to)?.exists();
    let mut source = txn.slot(keyspace, from)?;
    if !source.exists() {
        return Err(Error::NoSuchKey);
    }
    if from == to {
        return Ok(replace);
    }
    if target_exists && !replace {
        return Ok(false);
    }
    let lifted = source.lift().expect("it exists");
    txn.slot(keyspace, to).expect("its shard is held").land(lifted);
    Ok(true)
}

/// Copies a value and its deadline to another key, perhaps of another namespace. Strings and
/// objects are shared, sorted sets copied member by member under the lock.
pub(crate) fn copy<'e>(
    txn: &mut Txn<'e>,
    (from_space, from): (&'e Keyspace, &[u8]),
    (to_space, to): (&'e Keyspace, &[u8]),
    replace: bool,
) -> Result<bool> {
    if from_space.id == to_space.id && from == to {
        return Err(Error::Conflict { options: "a key cannot be copied onto itself" });
    }
    let target_exists = txn.slot(to_space, to)?.exists();
    let source = txn.slot(from_space, from)?;
    let Some(value) = source.value().filter(|_| replace || !target_exists) else {
        return Ok(false);
    };
    check_recordable(to_space, value)?;
    let (value, due) = (value.clone(), source.deadline().map_or(Due::Never, Due::At));
    txn.slot(to_space, to)?.put(value, due, EventKind::CopiedTo)?;
    Ok(true)
}

/// Moves a value and its deadline to the same key of another namespace, if that has no such key.
pub(crate) fn move_to<'e>(
    txn: &mut Txn<'e>,
    from: &'e Keyspace,
    to: &'e Keyspace,
    key: &[u8],
) -> Result<bool> {
    if from.id == to.id {
        return Err(Error::Conflict { options: "a key cannot be moved to its own namespace" });
    }
    if txn.slot(to, key)?.exists() {
        return Ok(false);
    }
    let mut source = txn.slot(from, key)?;
    let Some(value) = source.value() else { return Ok(false) };
    check_recordable(to, value)?;
    let lifted = source.lift().expect("it exists");
    txn.slot(to, key).expect("its shard is held").land(lifted);
    Ok(true)
}

/// `Err` for a value that a recorded namespace cannot hold.
pub(crate) fn check_recordable(keyspace: &Keyspace, value: &Value) -> Result<()> {
    match value {
        Value::Object(_) if keyspace.is_recorded() => Err(Error::NotRecordable),
        _ => Ok(()),
    }
}
