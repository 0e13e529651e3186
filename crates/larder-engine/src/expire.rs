//! Expiry: reclaiming entries whose deadline has passed.
//!
//! *Access* is exact without any of this: no operation sees an entry past its deadline. *On-time*
//! reclaim, with its events, is done here, by whoever turns the wheels: the timekeeper, `tick`, or
//! a manual clock's `advance`. A shard is locked for at most [`STEP`] entries at a time.
//!
//! A deadline `d` (in milliseconds) is passed when `now > d`, so entries due at `d` go at `d + 1`.

use std::time::Duration;

use larder_base::clock::Time;
use larder_collections::wheel::Advance;

use crate::effect::Effect;
use crate::engine::Core;
use crate::event::EventKind;
use crate::namespace::Keyspace;
use crate::txn::{After, Notice, Txn};

/// Entries reclaimed under one lock: some twenty microseconds.
const STEP: usize = 128;

impl Core {
    /// The first instant at which something is due: an entry, or the end of a wait.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let entries = self.keyspaces().flat_map(|keyspace| keyspace.shards.iter());
        let entry = entries.filter_map(|shard| shard.next_due()).min();
        // Passed means later than the deadline, in its own unit; one at the end of time never is.
        let end_ms = Time::MAX.as_millis();
        let entry = entry.filter(|&due| due < end_ms).map(|due| Time::from_millis(due + 1));
        let wait = self.timers.next().and_then(|due| due.checked_add(Duration::from_nanos(1)));
        entry.into_iter().chain(wait).min()
    }

    /// Reclaims every entry past its deadline and ends every wait whose time is up; returns how
    /// many entries that were.
    pub(crate) fn run_due(&self) -> usize {
        let now = self.clock.now();
        let mut count = 0;
        for keyspace in self.keyspaces() {
            for shard in 0..keyspace.shards.len() as u32 {
                count += self.expire_shard(keyspace, shard, now);
            }
        }
        // Outside the timers' lock: a waker is foreign code.
        self.end_all(self.timers.take_due(now), &Ok(()));
        count
    }

    fn expire_shard(&self, keyspace: &Keyspace, shard: u32, now: Time) -> usize {
        let keyspace = self.keyspace(keyspace.id);
        let mut count = 0;
        // Deadlines before this millisecond have passed.
        let Some(until) = now.as_millis().checked_sub(1) else { return 0 };
        while keyspace.shards[shard as usize].next_due().is_some_and(|due| due <= until) {
            let mut after = After::default();
            let mut txn = Txn::new(self, false);
            count += expire_step(&mut txn, keyspace, shard, until);
            txn.commit_step(&mut after);
            self.conclude(after);
        }
        count
    }
}

/// One bounded step; the shard's `next_due` says whether there is more.
fn expire_step<'e>(txn: &mut Txn<'e>, keyspace: &'e Keyspace, shard: u32, until: u64) -> usize {
    let at = txn.hold(keyspace, shard).expect("the first lock of a transaction is waited for");
    let (_, _, state, cx) = txn.parts(at);
    let mut fired = Vec::new();
    let advance = state.wheel.advance(until, STEP, |timer, _, hash| fired.push((timer, hash)));
    let is_heard = cx.is_listening || state.crowd.is_some() || keyspace.is_recorded();
    for &(timer, hash) in &fired {
        let entry = state.take_fired(keyspace, hash, timer);
        state.expired += 1;
        cx.bury(entry.value);
        if is_heard {
            let effect = keyspace.is_recorded().then(|| Effect::Delete { key: entry.key.clone() });
            let event = Some(EventKind::Expired);
            cx.gather().notices.push(Notice { at, key: entry.key, event, effect, lapsed: true });
        }
    }
    let shard = &keyspace.shards[shard as usize];
    match advance {
        Advance::Done => shard.refresh_due(state),
        Advance::More => shard.expect_due(until),
    }
    fired.len()
}
