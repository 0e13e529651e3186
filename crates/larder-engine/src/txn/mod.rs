//! Transactions: a set of locked shards with one reading of the clock.
//!
//! A single-key operation is a transaction over one shard. A closure's transaction locks shards as
//! the closure touches them:
//!
//! - a shard that comes after all held ones in the order (namespace, shard) is waited for;
//! - one that comes before is only *tried*; where that fails, the transaction rolls back and starts
//!   again with the union locked from the beginning;
//! - after a few restarts it locks every shard of the namespaces it touched.
//!
//! Waiting happens in ascending order only, so no two transactions wait for one another.
//!
//! The end of a transaction, in this order: watches and waiters marked, effects to the
//! sink, events to the outbox, **unlock**; then, with nothing locked: waiters are served, events delivered,
//! replaced values dropped, durability awaited ([`After`]).
//!
//! # Invariants
//!
//! 1. Locks are released exactly once, and never with undone or unannounced changes.
//! 2. No code of the program's runs under a lock but a transaction's own closure.

mod after;
mod gather;
mod locks;
mod run;

use std::sync::Arc;

use larder_base::clock::Time;
use larder_collections::blob::Blob;

pub(crate) use self::after::{After, Rest};
pub(crate) use self::gather::{Cx, Gathered, Notice, Savepoint};
use self::locks::{Held, Locks};
use crate::access::{Access, Room};
use crate::engine::Core;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::groups::{Counters, Keys, Leases, Objects, SortedSets, Strings};
use crate::namespace::{Keyspace, Namespace};
#[cfg(larder_loom)]
use crate::planted::{self, Bug};
use crate::shard::ShardState;
use crate::slot::Slot;
use crate::undo::{Step, Undo};
use crate::watch::Watch;

/// A transaction: see the module. Operations stand in the same groups as on [`Namespace`], each
/// taking the namespace it works in.
///
/// Its closure may run several times, so it should do nothing but operations (and what can be
/// repeated). An error rolls everything back, and so does a panic.
///
/// ```
/// use larder_engine::{Error, Larder};
///
/// let larder = Larder::new();
/// let bank = larder.namespace("bank")?;
/// bank.counters().set("ann", 10)?;
///
/// larder.transaction(|tx| {
///     tx.counters(&bank).add("ann", -4)?;
///     tx.counters(&bank).add("bob", 4)?;
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!(bank.counters().value("ann")? + bank.counters().value("bob")?, 10);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Txn<'e> {
    pub(crate) core: &'e Core,
    held: Locks<'e>,
    cx: Cx,
    want: Option<Box<Want<'e>>>,
    /// The one key whose waiters this transaction serves, and so may touch although it is owed.
    serving: Option<Box<(u32, Blob)>>,
}

/// Why a transaction has to start again.
#[derive(Debug)]
enum Want<'e> {
    Shard(&'e Keyspace, u32),
    /// Waiters of this key come first.
    Serve(&'e Keyspace, Blob),
    /// Something must be evicted first.
    Room(&'e Keyspace),
}

impl<'e> Txn<'e> {
    /// A transaction that holds nothing yet.
    #[inline]
    pub(crate) fn new(core: &'e Core, is_undoable: bool) -> Self {
        Self {
            core,
            held: Locks::default(),
            cx: Cx {
                now: None,
                is_undoable,
                is_replaying: false,
                is_listening: core.outbox.is_listening(),
                least_due: u64::MAX,
                gathered: None,
            },
            want: None,
            serving: None,
        }
    }

    /// Strings of `namespace`, in this transaction.
    pub fn strings<'a>(&'a mut self, namespace: &'a Namespace) -> Strings<'a, 'e> {
        Strings(Access::Within(self, namespace))
    }

    /// Counters of `namespace`, in this transaction.
    pub fn counters<'a>(&'a mut self, namespace: &'a Namespace) -> Counters<'a, 'e> {
        Counters(Access::Within(self, namespace))
    }

    /// Keys of `namespace`, in this transaction.
    pub fn keys<'a>(&'a mut self, namespace: &'a Namespace) -> Keys<'a, 'e> {
        Keys(Access::Within(self, namespace))
    }

    /// Sorted sets of `namespace`, in this transaction.
    pub fn sorted_sets<'a>(&'a mut self, namespace: &'a Namespace) -> SortedSets<'a, 'e> {
        SortedSets(Access::Within(self, namespace))
    }

    /// Leases of `namespace`, in this transaction.
    pub fn leases<'a>(&'a mut self, namespace: &'a Namespace) -> Leases<'a, 'e> {
        Leases(Access::Within(self, namespace))
    }

    /// Objects of `namespace`, in this transaction.
    pub fn objects<'a>(&'a mut self, namespace: &'a Namespace) -> Objects<'a, 'e> {
        Objects(Access::Within(self, namespace))
    }

    /// The transaction's time: read once, frozen until it ends.
    pub fn now(&mut self) -> Time {
        self.cx.now(&self.core.clock)
    }

    /// Goes on only if `fence` is the live grant of the lease under `key`: the guard of a holder
    /// that may have lost its lease without knowing.
    ///
    /// # Errors
    ///
    /// [`Error::StaleFence`], which, passed on, rolls the transaction back.
    pub fn guard(
        &mut self,
        namespace: &Namespace,
        key: impl AsRef<[u8]>,
        fence: u64,
    ) -> Result<()> {
        let keyspace = self.keyspace(namespace)?;
        crate::ops::lease::check(&self.slot(keyspace, key.as_ref())?, fence)
    }

    /// Goes on only if no key of `watch` was changed since it was watched.
    ///
    /// # Errors
    ///
    /// [`Error::WatchedKeyChanged`], which, passed on, rolls the transaction back;
    /// [`Error::ForeignNamespace`] for a watch of another engine.
    pub fn check(&mut self, watch: &Watch) -> Result<()> {
        if !watch.is_of(self.core) {
            return Err(Error::ForeignNamespace);
        }
        for (id, key) in watch.places() {
            let keyspace = self.core.keyspace(*id);
            self.slot(keyspace, key)?;
            // A key that lapsed in this very transaction: nobody told the watch yet.
            let is_it = |notice: &&Notice| {
                notice.lapsed
                    && notice.key == *key
                    && self.held[notice.at].keyspace.id == keyspace.id
            };
            let mut notices = self.cx.gathered.iter().flat_map(|gathered| &gathered.notices);
            if notices.any(|notice| is_it(&notice)) {
                return Err(Error::WatchedKeyChanged);
            }
        }
        if watch.is_changed() { Err(Error::WatchedKeyChanged) } else { Ok(()) }
    }

    /// The keyspace behind a handle, for as long as the engine lives.
    pub(crate) fn keyspace(&self, namespace: &Namespace) -> Result<&'e Keyspace> {
        if !std::ptr::eq(self.core, namespace.core()) {
            return Err(Error::ForeignNamespace);
        }
        Ok(self.core.keyspace(namespace.keyspace.id))
    }

    /// Lets the transaction touch a key that is owed to its waiters, in order to serve them.
    pub(crate) fn serve_key(&mut self, keyspace: &Keyspace, key: &[u8]) {
        self.serving = Some(Box::new((keyspace.id, key.into())));
    }

    pub(crate) fn set_replaying(&mut self) {
        self.cx.is_replaying = true;
    }

    /// Refuses to grow a namespace whose budget was over before this transaction; where something
    /// may be evicted, the transaction starts again after that.
    pub(crate) fn need(&mut self, keyspace: &'e Keyspace, room: Room) -> Result<()> {
        let Some(budget) = keyspace.budget() else { return Ok(()) };
        if room == Room::Shrinks || self.cx.is_replaying {
            return Ok(());
        }
        if self.want.is_some() {
            return Err(Error::Restart);
        }
        let growing = &mut self.cx.gather().growing;
        let shares = |id: &u32| self.core.keyspace(*id).budget().is_some_and(|b| b.is(budget));
        if budget.is_over() && !growing.iter().any(shares) {
            self.want = Some(Box::new(Want::Room(keyspace)));
            return Err(Error::Restart);
        }
        if !growing.contains(&keyspace.id) {
            growing.push(keyspace.id);
        }
        Ok(())
    }

    /// The place of `key`, in its locked shard; an entry past its deadline is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Restart`] when the transaction has to start again.
    #[inline]
    pub(crate) fn slot<'t>(
        &'t mut self,
        keyspace: &'e Keyspace,
        key: &'t [u8],
    ) -> Result<Slot<'t>> {
        let hash = keyspace.hash(key);
        let at = self.hold(keyspace, keyspace.shard_of(hash))?;
        if self.held[at].state.crowd.is_some() {
            self.yield_to_waiters(at, key)?;
        }
        let held = &mut self.held[at];
        let shard = &keyspace.shards[held.shard as usize];
        let mut slot =
            Slot::new(self.core, keyspace, shard, &mut held.state, &mut self.cx, at, key, hash);
        slot.lapse();
        Ok(slot)
    }

    #[cold]
    fn yield_to_waiters(&mut self, at: usize, key: &[u8]) -> Result<()> {
        let held = &self.held[at];
        let is_served =
            self.serving.as_ref().is_some_and(|it| it.0 == held.keyspace.id && *it.1 == *key);
        let is_owed = held.state.crowd.as_ref().is_some_and(|crowd| crowd.is_owed(key));
        #[cfg(larder_loom)]
        let is_owed = is_owed && !planted::has(Bug::Overtaking);
        if is_owed && !is_served {
            self.want = Some(Box::new(Want::Serve(held.keyspace, key.into())));
            return Err(Error::Restart);
        }
        Ok(())
    }

    /// The index of a held shard, locked now if it was not.
    #[inline]
    pub(crate) fn hold(&mut self, keyspace: &'e Keyspace, shard: u32) -> Result<usize> {
        if self.held.is_empty() && self.want.is_none() {
            let state = keyspace.shards[shard as usize].state.write();
            return Ok(self.held.push(Held { keyspace, shard, state }));
        }
        self.hold_another(keyspace, shard)
    }

    fn hold_another(&mut self, keyspace: &'e Keyspace, shard: u32) -> Result<usize> {
        if self.want.is_some() {
            return Err(Error::Restart);
        }
        let place = (keyspace.id, shard);
        let mut is_last = true;
        for (at, held) in self.held.iter().enumerate() {
            let other = (held.keyspace.id, held.shard);
            if other == place {
                return Ok(at);
            }
            is_last &= other < place;
        }
        #[cfg(larder_loom)]
        let is_last = is_last || planted::has(Bug::AnyOrder);
        let lock = &keyspace.shards[shard as usize].state;
        let state = if is_last { Some(lock.write()) } else { lock.try_write() };
        let Some(state) = state else {
            self.want = Some(Box::new(Want::Shard(keyspace, shard)));
            return Err(Error::Restart);
        };
        Ok(self.held.push(Held { keyspace, shard, state }))
    }

    /// The locked shard of this index, with what the transaction gathers.
    pub(crate) fn parts(&mut self, at: usize) -> (&'e Keyspace, u32, &mut ShardState, &mut Cx) {
        let held = &mut self.held[at];
        (held.keyspace, held.shard, &mut held.state, &mut self.cx)
    }

    /// Where the transaction stands, to be [taken back to](Self::roll_back_to).
    pub(crate) fn savepoint(&self) -> Savepoint {
        self.cx.gathered.as_ref().map_or_else(Savepoint::default, |gathered| Savepoint {
            undo: gathered.undo.len(),
            notices: gathered.notices.len(),
        })
    }

    /// Takes every change back, but for keys that lapsed.
    pub(crate) fn roll_back(&mut self) {
        self.roll_back_to(Savepoint::default());
    }

    /// Takes back what was changed since, but for keys that lapsed.
    pub(crate) fn roll_back_to(&mut self, since: Savepoint) {
        let Some(gathered) = &mut self.cx.gathered else { return };
        let mut place = 0;
        gathered.notices.retain(|notice| {
            place += 1;
            place <= since.notices || notice.lapsed
        });
        let undo = gathered.undo.split_off(since.undo);
        for undo in undo.into_iter().rev() {
            match undo.step {
                Step::Moved { from_at, from_key, due, was } => {
                    // Back to where it came from; then the target gets back what it held.
                    let target = &mut self.held[undo.at];
                    let hash = target.keyspace.hash(&undo.key);
                    let spot = target.state.locate(hash, &undo.key).expect("it landed there");
                    let (entry, _) = target.state.take(target.keyspace, hash, spot);
                    let source = Step::Entry(Some((entry.value, due)));
                    self.undo(Undo { at: from_at, key: from_key, step: source });
                    self.undo(Undo { at: undo.at, key: undo.key, step: Step::Entry(was) });
                }
                step => self.undo(Undo { step, ..undo }),
            }
        }
    }

    fn undo(&mut self, undo: Undo) {
        let held = &mut self.held[undo.at];
        let now_ms = self.cx.now(&self.core.clock).as_millis();
        undo.apply(held.keyspace, &mut held.state, &mut self.cx.gather().grave, now_ms);
    }

    /// Announces the changes and unlocks. What is left to do comes back in `after`.
    #[inline]
    pub(crate) fn commit(&mut self, after: &mut After) {
        self.tell(after);
        self.held.release();
        if self.cx.least_due != u64::MAX {
            self.core.nudge(std::mem::replace(&mut self.cx.least_due, u64::MAX));
        }
    }

    /// Like [`commit`](Self::commit), for one step of many over the same shard: whoever waits for
    /// the shard comes before the next step.
    pub(crate) fn commit_step(&mut self, after: &mut After) {
        self.tell(after);
        self.held.give_way();
    }

    #[inline]
    fn tell(&mut self, after: &mut After) {
        if let Some(gathered) = self.cx.gathered.take() {
            self.announce(*gathered, after.rest());
        }
    }

    #[cold]
    fn announce(&mut self, gathered: Gathered, rest: &mut Rest) {
        let Gathered { undo, mut notices, grave, growing } = gathered;
        rest.grew.extend(growing);
        rest.undo.extend(undo);
        rest.grave.extend(grave);
        let mut effects = Vec::new();
        for notice in &mut notices {
            let held = &mut self.held[notice.at];
            if let Some(effect) = notice.effect.take() {
                effects.push((Arc::clone(&held.keyspace.name), effect));
            }
            if let Some(crowd) = &mut held.state.crowd
                && crowd.touch(&notice.key)
            {
                rest.owed.push_back((held.keyspace.id, notice.key.clone()));
            }
        }
        if let (false, Some(sink)) = (effects.is_empty(), &self.core.sink) {
            let now = self.cx.now(&self.core.clock);
            rest.settle = Some(sink.append(now, &effects));
        }
        if self.cx.is_listening {
            let held = &self.held;
            let events = notices.into_iter().filter_map(|notice| {
                let namespace = Arc::clone(&held[notice.at].keyspace.name);
                Some(Event { namespace, key: notice.key, kind: notice.event? })
            });
            #[cfg(larder_loom)]
            let events: Vec<Event> = events.collect();
            #[cfg(larder_loom)]
            if planted::has(Bug::LateEvents) {
                self.held.release();
            }
            #[cfg(larder_loom)]
            let events = events.into_iter();
            self.core.outbox.push(events);
            rest.has_events = true;
        }
    }
}

/// A transaction that goes without being committed rolls back: a last resort, for a panic of the
/// engine's own.
impl Drop for Txn<'_> {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            let mut after = After::default();
            self.roll_back();
            self.commit(&mut after);
            self.core.conclude(after);
        }
    }
}
