//! Undo: how a transaction takes a change back.
//!
//! Each step is the inverse of one change, and steps are undone newest first. Nothing is copied
//! for it that could be moved: a replaced value goes into its step and, if the transaction
//! commits, from there to the graveyard.

use larder_collections::blob::Blob;

use crate::namespace::Keyspace;
use crate::shard::ShardState;
use crate::value::Value;

/// One step back.
#[derive(Debug)]
pub(crate) struct Undo {
    /// Index of the held shard.
    pub(crate) at: usize,
    pub(crate) key: Blob,
    pub(crate) step: Step,
}

#[derive(Debug)]
pub(crate) enum Step {
    /// The key held this value and deadline, or nothing.
    Entry(Option<(Value, Option<u64>)>),
    /// The value came from another key with its deadline, over this value and deadline.
    Moved { from_at: usize, from_key: Blob, due: Option<u64>, was: Option<(Value, Option<u64>)> },
    /// The key had this deadline.
    Deadline(Option<u64>),
    /// Members of the sorted set had these scores; applied last to first.
    Members(Vec<(Blob, Option<f64>)>),
}

impl Undo {
    pub(crate) fn apply(self, ks: &Keyspace, state: &mut ShardState, grave: &mut Vec<Value>) {
        let hash = ks.hash(&self.key);
        let spot = state.locate(hash, &self.key);
        match self.step {
            Step::Entry(was) => {
                if let Some(spot) = spot {
                    grave.push(state.take(ks, hash, spot).0.value);
                }
                if let Some((value, due)) = was {
                    // The access bits start anew: a roll-back is rare and recency is a hint.
                    let spot = state.insert(ks, hash, self.key, value, || 0);
                    state.set_deadline(ks, hash, spot, due);
                }
            }
            Step::Moved { .. } => unreachable!("a move spans two keys: see `Txn::roll_back`"),
            Step::Deadline(due) => {
                let spot = spot.expect("a key whose deadline changed exists");
                state.set_deadline(ks, hash, spot, due);
            }
            Step::Members(members) => {
                let spot = spot.expect("a set whose members changed exists");
                let entry = state.table.at_mut(spot);
                let Value::SortedSet(set) = &mut entry.value else {
                    unreachable!("members stand in a sorted set")
                };
                let before = set.heap_bytes() as u64;
                for (member, score) in members.iter().rev() {
                    match score {
                        Some(score) => _ = set.insert(member, *score),
                        None => _ = set.remove(member),
                    }
                }
                let after = set.heap_bytes() as u64;
                state.resized(ks, spot, before, after);
            }
        }
    }

    /// The value that the step kept, once it is not needed any more.
    pub(crate) fn into_value(self) -> Option<Value> {
        match self.step {
            Step::Entry(Some((value, _))) | Step::Moved { was: Some((value, _)), .. } => {
                Some(value)
            }
            _ => None,
        }
    }
}
