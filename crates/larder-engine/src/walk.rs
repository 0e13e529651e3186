//! Walks over all shards of a namespace: scan, a random key, flush.
//!
//! A scan goes through the keyspace in the order of the hash's bits below the tables' tags. The
//! topmost of these choose the shard, the next ones the segment, so one number is a place in the
//! whole keyspace, and neither a split nor a merge of segments changes what lies before it.

use larder_collections::blob::Blob;
use larder_collections::table::order;

use crate::error::Result;
use crate::event::EventKind;
use crate::groups::Scan;
use crate::namespace::{Keyspace, Namespace};
use crate::txn::Txn;
use crate::value::Value;

/// The distance between two neighbouring places: the tag bits are shifted out.
const STEP: u64 = 1 << 7;

/// About `count` keys from `cursor` on, of those that `wanted` wants.
pub(crate) fn scan(
    namespace: &Namespace,
    cursor: u64,
    count: usize,
    wanted: impl Fn(&[u8], &Value) -> bool,
) -> Scan {
    let keyspace = &*namespace.keyspace;
    let clock = &namespace.core().clock;
    let bits = keyspace.shard_bits();
    let mut found = Scan::default();
    let mut at = cursor;
    let mut seen = 0;
    loop {
        let shard = (at >> 1 >> (63 - bits)) as usize;
        let state = keyspace.shards[shard].state.read();
        let mut last = None;
        let next = state.table.scan(
            at << bits,
            count - seen,
            |entry| keyspace.hash(&entry.key),
            |entry| {
                seen += 1;
                last = Some(keyspace.hash(&entry.key));
                let is_past = state.is_past(keyspace, entry, || clock.now());
                if !is_past && wanted(&entry.key, &entry.value) {
                    found.keys.push(entry.key.clone());
                }
            },
        );
        // The place after the last entry, or the first place of the next shard.
        let next = match (next, last) {
            (Some(_), Some(hash)) => order(hash, 0).checked_add(STEP),
            _ if shard + 1 == keyspace.shards.len() => None,
            _ => Some((shard as u64 + 1) << (64 - bits)),
        };
        match next {
            None => return found,
            Some(place) => at = place,
        }
        if seen >= count {
            found.cursor = at;
            return found;
        }
    }
}

/// A key at random, each as likely.
pub(crate) fn random(namespace: &Namespace) -> Option<Blob> {
    let keyspace = &*namespace.keyspace;
    let clock = &namespace.core().clock;
    let mut rng = namespace.core().fork_rng();
    let mut lapsed = 0;
    loop {
        let mut nth = match keyspace.len() {
            0 => return None,
            len => rng.usize(0..len),
        };
        for shard in &keyspace.shards {
            let state = shard.state.read();
            if nth >= state.table.len() {
                nth -= state.table.len();
                continue;
            }
            let entry = state.table.random(&mut rng).expect("the shard is not empty");
            if !state.is_past(keyspace, entry, || clock.now()) {
                return Some(entry.key.clone());
            }
            break;
        }
        // It lapsed, or the shards changed meanwhile: draw again. Where there is hardly a key that
        // has not lapsed, reclaim those that have first.
        lapsed += 1;
        if lapsed % 32 == 0 {
            namespace.core().run_due();
        }
    }
}

/// Deletes every key, in a transaction that locks the whole namespace.
pub(crate) fn flush<'e>(txn: &mut Txn<'e>, keyspace: &'e Keyspace) -> Result<usize> {
    let mut count = 0;
    for shard in 0..keyspace.shards.len() as u32 {
        let at = txn.hold(keyspace, shard)?;
        let (_, _, state, _) = txn.parts(at);
        let keys: Vec<Blob> = state.table.iter().map(|entry| entry.key.clone()).collect();
        for key in keys {
            count += usize::from(txn.slot(keyspace, &key)?.remove(EventKind::Deleted));
        }
    }
    Ok(count)
}
