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
//! The end of a transaction, in this order: effects to the sink, events to the outbox, watches and
//! waiters marked, **unlock**; then, with nothing locked: waiters are served, events delivered,
//! replaced values dropped, durability awaited ([`After`]).
//!
//! # Invariants
//!
//! 1. Locks are released exactly once, and never with undone or unannounced changes.
//! 2. No code of the program's runs under a lock but a transaction's own closure.

use std::collections::{BTreeSet, VecDeque};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use larder_base::clock::{Clock, Time};
use larder_base::sync::RwLockWriteGuard;
use larder_base::wake::Wake;
use larder_collections::blob::Blob;

use crate::access::{Access, Room};
use crate::effect::Effect;
use crate::engine::{Core, run_wakes};
use crate::error::{Error, Result};
use crate::event::{Event, EventKind};
use crate::groups::{Counters, Keys, Leases, Objects, SortedSets, Strings};
use crate::inside::{self, Place};
use crate::namespace::{Keyspace, Namespace};
use crate::shard::ShardState;
use crate::slot::Slot;
use crate::undo::{Step, Undo};
use crate::value::Value;
use crate::watch::Watch;

/// Restarts after which a transaction locks whole namespaces.
const PATIENCE: u32 = 3;

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

/// The held shards in the order of acquisition, so that an index stays good. The first stands by
/// itself: most transactions have no other.
#[derive(Debug, Default)]
struct Locks<'e> {
    first: Option<Held<'e>>,
    more: Vec<Held<'e>>,
}

impl<'e> Locks<'e> {
    fn iter(&self) -> impl Iterator<Item = &Held<'e>> {
        self.first.iter().chain(&self.more)
    }

    fn push(&mut self, held: Held<'e>) -> usize {
        if self.first.is_none() {
            self.first = Some(held);
            return 0;
        }
        self.more.push(held);
        self.more.len()
    }

    /// Unlocks them all.
    fn release(&mut self) {
        self.first = None;
        self.more.clear();
    }
}

impl<'e> Index<usize> for Locks<'e> {
    type Output = Held<'e>;

    #[inline]
    fn index(&self, at: usize) -> &Held<'e> {
        match at {
            0 => self.first.as_ref().expect("a shard is held"),
            _ => &self.more[at - 1],
        }
    }
}

impl IndexMut<usize> for Locks<'_> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut Self::Output {
        match at {
            0 => self.first.as_mut().expect("a shard is held"),
            _ => &mut self.more[at - 1],
        }
    }
}

/// A locked shard.
#[derive(Debug)]
struct Held<'e> {
    keyspace: &'e Keyspace,
    shard: u32,
    state: RwLockWriteGuard<'e, ShardState>,
}

/// What a transaction gathers while it runs.
#[derive(Debug)]
pub(crate) struct Cx {
    now: Option<Time>,
    /// True inside a closure: changes can be taken back.
    pub(crate) is_undoable: bool,
    /// True while effects are replayed: nothing lapses, nothing is recorded again.
    pub(crate) is_replaying: bool,
    pub(crate) is_listening: bool,
    /// The least deadline given, in milliseconds.
    pub(crate) least_due: u64,
    /// `None` for the common write, which has nothing to tell, undo or bury: it pays one word.
    gathered: Option<Box<Gathered>>,
}

/// See [`Cx`].
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) undo: Vec<Undo>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) grave: Vec<Value>,
}

/// Something to tell at commit.
#[derive(Debug)]
pub(crate) struct Notice {
    /// Index of the held shard.
    pub(crate) at: usize,
    pub(crate) key: Blob,
    pub(crate) event: Option<EventKind>,
    pub(crate) effect: Option<Effect>,
    /// True for what holds even if the transaction rolls back: a key that lapsed has lapsed.
    pub(crate) lapsed: bool,
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

/// What remains to be done when nothing is locked any more.
#[derive(Debug, Default)]
pub(crate) struct After(Option<Box<Rest>>);

/// See [`After`].
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) owed: VecDeque<(u32, Blob)>,
    pub(crate) wakes: Vec<Wake>,
    grave: Vec<Value>,
    undo: Vec<Undo>,
    has_events: bool,
    settle: Option<u64>,
}

impl Rest {
    /// Takes over what another transaction left.
    pub(crate) fn absorb(&mut self, after: After) {
        let Some(mut other) = after.0 else { return };
        self.owed.append(&mut other.owed);
        self.wakes.append(&mut other.wakes);
        self.grave.append(&mut other.grave);
        self.undo.append(&mut other.undo);
        self.has_events |= other.has_events;
        self.settle = self.settle.max(other.settle);
    }
}

impl After {
    pub(crate) fn rest(&mut self) -> &mut Rest {
        self.0.get_or_insert_default()
    }
}

impl Cx {
    /// The transaction's one reading of the clock.
    pub(crate) fn now(&mut self, clock: &Clock) -> Time {
        *self.now.get_or_insert_with(|| clock.now())
    }

    pub(crate) fn gather(&mut self) -> &mut Gathered {
        self.gathered.get_or_insert_default()
    }

    /// Puts a value aside until no lock is held, if dropping it may take long or run foreign code.
    #[inline]
    pub(crate) fn bury(&mut self, value: Value) {
        if value.drops_late() {
            self.gather().grave.push(value);
        }
    }
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
    /// [`Error::WatchedKeyChanged`], which, passed on, rolls the transaction back.
    pub fn check(&mut self, watch: &Watch) -> Result<()> {
        for (id, key) in watch.places() {
            let keyspace = self.core.keyspace(*id);
            self.slot(keyspace, key)?;
            // A key that lapsed in this very transaction: nobody told the watch yet.
            let notices = self.cx.gathered.iter().flat_map(|gathered| &gathered.notices);
            if notices.into_iter().any(|notice| notice.lapsed && notice.key == *key) {
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

    /// Refuses to grow a namespace that is over its budget; where something may be evicted, the
    /// transaction starts again after that.
    pub(crate) fn need(&mut self, keyspace: &'e Keyspace, room: Room) -> Result<()> {
        match keyspace.budget() {
            Some(budget) if room == Room::Grows && budget.is_over() && !self.cx.is_replaying => {
                self.want = Some(Box::new(Want::Room(keyspace)));
                Err(Error::Restart)
            }
            _ => Ok(()),
        }
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
        if is_owed && !is_served {
            self.want = Some(Box::new(Want::Serve(held.keyspace, key.into())));
            return Err(Error::Restart);
        }
        Ok(())
    }

    /// The index of a held shard, locked now if it was not.
    #[inline]
    pub(crate) fn hold(&mut self, keyspace: &'e Keyspace, shard: u32) -> Result<usize> {
        if self.held.first.is_none() && self.want.is_none() {
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

    /// Takes every change back, but for keys that lapsed.
    pub(crate) fn roll_back(&mut self) {
        let Some(gathered) = &mut self.cx.gathered else { return };
        gathered.notices.retain(|notice| notice.lapsed);
        let mut undo = std::mem::take(&mut gathered.undo);
        while let Some(undo) = undo.pop() {
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
        undo.apply(held.keyspace, &mut held.state, &mut self.cx.gather().grave);
    }

    /// Announces the changes and unlocks. What is left to do comes back in `after`.
    #[inline]
    pub(crate) fn commit(&mut self, after: &mut After) {
        if let Some(gathered) = self.cx.gathered.take() {
            self.announce(*gathered, after.rest());
        }
        self.held.release();
        if self.cx.least_due != u64::MAX {
            self.core.nudge(std::mem::replace(&mut self.cx.least_due, u64::MAX));
        }
    }

    #[cold]
    fn announce(&mut self, gathered: Gathered, rest: &mut Rest) {
        let Gathered { undo, mut notices, grave } = gathered;
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
            self.core.outbox.push(events);
            rest.has_events = true;
        }
    }
}

/// A transaction that goes without being committed, because its closure panicked, rolls back.
impl Drop for Txn<'_> {
    fn drop(&mut self) {
        if self.held.first.is_some() {
            let mut after = After::default();
            self.roll_back();
            self.commit(&mut after);
            self.core.conclude(after);
        }
    }
}

impl Core {
    /// Runs a closure as one transaction; see [`Txn`].
    pub(crate) fn run<'e, R, E: From<Error>>(
        &'e self,
        mut closure: impl FnMut(&mut Txn<'e>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut after = After::default();
        let result = self.run_into(&mut after, &mut closure);
        self.conclude(after);
        self.do_deferred();
        result
    }

    /// Like [`run`](Self::run); what is left to do afterwards is the caller's.
    pub(crate) fn run_into<'e, R, E: From<Error>>(
        &'e self,
        after: &mut After,
        closure: &mut impl FnMut(&mut Txn<'e>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut plan = BTreeSet::new();
        for restarts in 0.. {
            let mut txn = Txn::new(self, true);
            for &(id, shard) in &plan {
                txn.hold(self.keyspace(id), shard).expect("an ascending plan can be waited for");
            }
            let outcome = {
                let _place = inside::enter(Place::Transaction);
                closure(&mut txn)
            };
            let want = txn.want.take();
            if outcome.is_ok() && want.is_none() {
                txn.commit(after);
                return outcome;
            }
            txn.roll_back();
            plan.extend(txn.held.iter().map(|held| (held.keyspace.id, held.shard)));
            txn.commit(after);
            let Some(want) = want else { return outcome };
            match *want {
                Want::Shard(keyspace, shard) => _ = plan.insert((keyspace.id, shard)),
                Want::Serve(keyspace, key) => self.serve_now(keyspace, key),
                Want::Room(keyspace) => self.make_room(keyspace).map_err(E::from)?,
            }
            if restarts >= PATIENCE {
                let ids: BTreeSet<u32> = plan.iter().map(|&(id, _)| id).collect();
                for id in ids {
                    plan.extend((0..self.keyspace(id).shards.len() as u32).map(|s| (id, s)));
                }
            }
        }
        unreachable!("the loop above ends by returning")
    }

    /// What follows a transaction when nothing is locked: waiters are served, events delivered,
    /// replaced values dropped, durability awaited.
    #[inline]
    pub(crate) fn conclude(&self, after: After) {
        match after.0 {
            Some(rest) => self.conclude_rest(rest),
            None => self.graveyard.help(),
        }
    }

    #[cold]
    fn conclude_rest(&self, mut rest: Box<Rest>) {
        while let Some((id, key)) = rest.owed.pop_front() {
            self.serve(&mut rest, id, &key);
        }
        run_wakes(rest.wakes.drain(..));
        if rest.has_events {
            self.outbox.deliver();
        }
        let replaced = rest.undo.drain(..).filter_map(Undo::into_value);
        self.graveyard.take_in(rest.grave.drain(..).chain(replaced));
        if let (Some(number), Some(sink)) = (rest.settle, &self.sink) {
            sink.settle(number);
        }
    }

    /// Serves the waiters of a key that somebody else fed and has not come to yet.
    pub(crate) fn serve_now(&self, keyspace: &Keyspace, key: Blob) {
        let mut after = After::default();
        after.rest().owed.push_back((keyspace.id, key));
        self.conclude(after);
    }
}
