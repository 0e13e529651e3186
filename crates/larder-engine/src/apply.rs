//! Replay: doing again what effects say.

use larder_collections::blob::Blob;
use larder_collections::sorted_set::SortedSet;

use crate::effect::{Content, Effect};
use crate::error::Result;
use crate::event::EventKind;
use crate::lease::Lease;
use crate::namespace::Namespace;
use crate::ops::string;
use crate::slot::{Due, Slot};
use crate::value::Value;

impl Namespace {
    /// Does again what an effect says, through the same door as any write. Nothing lapses meanwhile
    /// and nothing is recorded again, so that replaying all effects of a namespace into an empty one
    /// makes it equal. Fences go on after the greatest that was seen.
    pub fn apply(&self, effect: &Effect) -> Result<()> {
        let core = self.core();
        core.enter()?;
        let key = match effect {
            Effect::Put { key, .. }
            | Effect::Delete { key }
            | Effect::Deadline { key, .. }
            | Effect::Write { key, .. }
            | Effect::Members { key, .. } => key,
        };
        core.check_key(key)?;
        core.run(|txn| {
            txn.set_replaying();
            let keyspace = txn.keyspace(self)?;
            apply(&mut txn.slot(keyspace, key)?, effect)
        })
    }
}

fn apply(slot: &mut Slot<'_>, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Put { value, deadline_ms, .. } => {
            if let Content::Lease { fence, .. } = value {
                slot.core().fences_after(*fence);
            }
            slot.put(value_of(value), due(*deadline_ms), EventKind::Set)
        }
        Effect::Delete { .. } => {
            slot.remove(EventKind::Deleted);
            Ok(())
        }
        Effect::Deadline { deadline_ms, .. } => {
            if slot.exists() {
                slot.set_deadline(*deadline_ms, EventKind::DeadlineSet);
            }
            Ok(())
        }
        Effect::Write { at, bytes, .. } => {
            let at = usize::try_from(*at).map_err(|_| crate::Error::Overflow)?;
            // An append of nothing makes an empty string of a missing key.
            if bytes.is_empty() && !slot.exists() {
                return slot.put(Value::Str(Blob::default()), Due::Never, EventKind::Set);
            }
            string::write_range(slot, at, bytes).map(drop)
        }
        Effect::Members { changes, .. } => slot.edit_set(EventKind::MemberAdded, |edit| {
            for (member, score) in changes {
                match score {
                    Some(score) => _ = edit.insert(member, *score),
                    None => _ = edit.remove(member),
                }
            }
            Ok(())
        }),
    }
}

fn due(deadline_ms: Option<u64>) -> Due {
    deadline_ms.map_or(Due::Never, Due::At)
}

fn value_of(content: &Content) -> Value {
    match content {
        Content::String(bytes) => Value::Str(bytes.clone()),
        Content::Integer(number) => Value::Int(*number),
        Content::SortedSet(members) => {
            let mut set = SortedSet::new();
            for (member, score) in members {
                set.insert(member, *score);
            }
            Value::SortedSet(Box::new(set))
        }
        Content::Lease { owner, fence } => {
            Value::Lease(Box::new(Lease { owner: owner.clone(), fence: *fence }))
        }
    }
}
