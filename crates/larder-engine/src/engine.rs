//! The engine: one instance, its options, its handles and its end.
//!
//! [`Larder`] is the handle that programs hold. [`Core`] is what all handles share. [`Live`] counts
//! the handles: when the last one goes, the engine closes, whoever still holds a weak reference.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use larder_base::clock::{Clock, ManualClock, Time, Turn};
use larder_base::registry::Registry;
use larder_base::sync::Mutex;
use larder_base::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use larder_base::wake::Wake;

use crate::crowd::Crowd;
use crate::effect::EffectSink;
use crate::error::{Error, Result};
use crate::event::{Event, Outbox};
use crate::graveyard::Graveyard;
use crate::inside::{self, Place};
use crate::namespace::{Keyspace, Namespace, NamespaceOptions, check_like};
use crate::stats::{NamespaceStats, Stats};
use crate::timekeeper::{Background, Timekeeper};
use crate::timers::Timers;
use crate::txn::Txn;
use crate::wait::Waiting;
use crate::watch::Watch;

/// One engine. Clones are handles to the same one; two engines share nothing.
///
/// When the last handle goes (namespaces are handles too), or at [`close`](Self::close), waiters
/// get [`Error::Closed`] and the timekeeper ends.
///
/// ```
/// use larder_engine::Larder;
///
/// let larder = Larder::new();
/// let app = larder.namespace("app")?;
/// assert_eq!(app.counters().add("visits", 1)?, 1);
/// # Ok::<(), larder_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Larder {
    live: Arc<Live>,
}

/// See the module.
pub(crate) struct Live {
    pub(crate) core: Arc<Core>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Core {
    itself: Weak<Core>,
    pub(crate) clock: Clock,
    pub(crate) outbox: Outbox,
    pub(crate) graveyard: Graveyard,
    pub(crate) timers: Timers,
    pub(crate) timekeeper: Timekeeper,
    pub(crate) sink: Option<Arc<dyn EffectSink>>,
    limits: Limits,
    shards: usize,
    seed: ahash::RandomState,
    rng: Mutex<fastrand::Rng>,
    keyspaces: Registry<Arc<Keyspace>>,
    names: Mutex<HashMap<Arc<str>, u32>>,
    numbers: AtomicU64,
    fences: AtomicU64,
    is_closed: AtomicBool,
}

/// The largest key and value.
#[derive(Clone, Copy, Debug)]
struct Limits {
    key: usize,
    value: usize,
}

/// Options of an engine; see [`Larder::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing before `open`"]
pub struct Builder {
    clock: Clock,
    background: Background,
    shards: usize,
    limits: Limits,
    sink: Option<Arc<dyn EffectSink>>,
    seed: Option<u64>,
}

impl Builder {
    /// The clock (default: the machine's).
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// A clock that stands still until it is turned by hand; turning it runs what becomes due.
    pub fn manual_clock(self, clock: &ManualClock) -> Self {
        self.clock(clock.clock())
    }

    /// Who turns the wheels (default: a thread, once something has a deadline).
    pub fn background(mut self, background: Background) -> Self {
        self.background = background;
        self
    }

    /// How many locks each namespace has, rounded up to a power of two (default 64; at least 1, at
    /// most 4096). One shard has the least memory and one order for everything; many have the
    /// least contention.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards.clamp(1, 4096);
        self
    }

    /// The longest key in bytes (default 64 KiB).
    pub fn max_key_bytes(mut self, limit: usize) -> Self {
        self.limits.key = limit;
        self
    }

    /// The longest string value in bytes (default 512 MiB). Also the longest sorted-set member.
    pub fn max_value_bytes(mut self, limit: usize) -> Self {
        self.limits.value = limit;
        self
    }

    /// Where the effects of recorded namespaces go.
    pub fn effect_sink(mut self, sink: Arc<dyn EffectSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Makes the hashing of keys and the engine's random choices repeat from run to run, for tests;
    /// large sorted sets hash their members with a secret of their own all the same. Without it keys
    /// are hashed with a secret of the operating system's, which an attacker cannot aim at.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Opens the engine. Starts no thread.
    pub fn open(self) -> Larder {
        let (hash_seed, rng) = match self.seed {
            Some(seed) => (
                ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(17), 0x6c61_7264_6572),
                fastrand::Rng::with_seed(seed),
            ),
            None => (ahash::RandomState::new(), fastrand::Rng::new()),
        };
        // Fences of a later run of the program must be greater: wall time is, in microseconds.
        let fences = self.clock.now().as_nanos() / 1000;
        let core = Arc::new_cyclic(|itself| Core {
            itself: itself.clone(),
            clock: self.clock,
            outbox: Outbox::default(),
            graveyard: Graveyard::default(),
            timers: Timers::default(),
            timekeeper: Timekeeper::new(self.background),
            sink: self.sink,
            limits: self.limits,
            shards: self.shards,
            seed: hash_seed,
            rng: Mutex::new(rng),
            keyspaces: Registry::new(),
            names: Mutex::default(),
            numbers: AtomicU64::new(0),
            fences: AtomicU64::new(fences),
            is_closed: AtomicBool::new(false),
        });
        if let Some(manual) = core.clock.manual() {
            let turned: Weak<Core> = Arc::downgrade(&core);
            manual.attach(turned);
        }
        Larder { live: Arc::new(Live { core }) }
    }
}

impl Larder {
    /// An engine with the default options.
    pub fn new() -> Self {
        Self::builder().open()
    }

    /// Options for an engine.
    ///
    /// ```
    /// use larder_engine::{Larder, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let larder = Larder::builder().manual_clock(&clock).shards(1).open();
    /// let app = larder.namespace("app")?;
    /// app.strings().set_for("code", "1234", Duration::from_secs(30))?;
    ///
    /// clock.advance(Duration::from_secs(31)).unwrap();
    /// assert_eq!(app.strings().get("code")?, None);
    /// # Ok::<(), larder_engine::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder {
            clock: Clock::default(),
            background: Background::default(),
            shards: 64,
            limits: Limits { key: 64 << 10, value: 512 << 20 },
            sink: None,
            seed: None,
        }
    }

    /// The namespace of this name, made with the default options if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::TooManyNamespaces`], [`Error::InsideTransaction`].
    pub fn namespace(&self, name: &str) -> Result<Namespace> {
        self.open_namespace(name, None)
    }

    /// The namespace of this name, made with `options` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NamespaceExists`] if there is one with other options; else as
    /// [`namespace`](Self::namespace).
    pub fn namespace_with(&self, name: &str, options: NamespaceOptions) -> Result<Namespace> {
        self.open_namespace(name, Some(options))
    }

    fn open_namespace(&self, name: &str, options: Option<NamespaceOptions>) -> Result<Namespace> {
        let core = &self.live.core;
        core.enter()?;
        let keyspace = core.open_keyspace(name, options)?;
        Ok(Namespace { live: Arc::clone(&self.live), keyspace })
    }

    /// Runs a closure as one step that no other thread sees half done: see [`Txn`].
    ///
    /// # Errors
    ///
    /// The closure's, after taking everything back; [`Error::Closed`];
    /// [`Error::InsideTransaction`]; [`Error::OverBudget`].
    ///
    /// # Panics
    ///
    /// A panic of the closure passes through, after taking everything back.
    pub fn transaction<R, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut Txn<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let core = &self.live.core;
        core.enter()?;
        core.run(|txn| closure(txn))
    }

    /// A watch over no key yet.
    pub fn watch(&self) -> Watch {
        Watch::new(&self.live.core)
    }

    /// Calls `listener` for every event of every namespace, in commit order, until the result is
    /// dropped. It runs on whichever thread commits, after the locks are released, one thread at a
    /// time. It may enter the engine, but may not turn the clock. A panic in it is caught and
    /// counted.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Listening {
        let number = self.live.core.outbox.add(Arc::new(listener));
        Listening { core: Arc::downgrade(&self.live.core), number }
    }

    /// Does by hand what the timekeeper does: reclaims every entry past its deadline, ends every
    /// wait whose time is up, frees a step of large removed values. Returns how many entries were
    /// reclaimed.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::InsideTransaction`].
    pub fn tick(&self) -> Result<usize> {
        let core = &self.live.core;
        core.enter()?;
        core.clock.resync();
        let count = core.run_due();
        core.graveyard.step(TICK_FREES);
        Ok(count)
    }

    /// When `tick` next has something to do.
    pub fn next_due(&self) -> Option<Time> {
        self.live.core.next_due()
    }

    /// The engine's time.
    pub fn now(&self) -> Time {
        self.live.core.clock.now()
    }

    /// Figures of this moment. O(namespaces × shards).
    ///
    /// # Panics
    ///
    /// Panics inside a transaction, which may have locked what it would look at.
    pub fn stats(&self) -> Stats {
        inside::assert_outside();
        let core = &self.live.core;
        Stats {
            namespaces: core.keyspaces().map(NamespaceStats::of).collect(),
            dropping: core.graveyard.waiting(),
            listener_panics: core.outbox.panics(),
            drop_panics: core.graveyard.panics(),
        }
    }

    /// True while the engine has a thread of its own.
    pub fn has_thread(&self) -> bool {
        self.live.core.timekeeper.is_running()
    }

    /// Closes the engine for every handle: waiters get [`Error::Closed`], and so does every later
    /// operation. Closing twice is closing once; closing inside a transaction happens when that
    /// has ended.
    pub fn close(&self) {
        self.live.core.when_outside(Core::close);
    }
}

/// Elements of removed collections that one `tick` frees.
const TICK_FREES: usize = 16 * 1024;

impl Default for Larder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Larder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.live.core;
        f.debug_struct("Larder")
            .field("namespaces", &core.keyspaces.len())
            .field("clock", &core.clock)
            .field("is_closed", &core.is_closed())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.core.when_outside(Core::close);
    }
}

/// A listener that hears events until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the listening"]
pub struct Listening {
    core: Weak<Core>,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let number = self.number;
        if let Some(core) = self.core.upgrade() {
            core.when_outside(move |core| core.outbox.remove(number));
        }
    }
}

impl Core {
    /// `Ok` if the calling thread may enter by an outer door.
    #[inline]
    pub(crate) fn enter(&self) -> Result<()> {
        inside::outside()?;
        if self.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    #[inline]
    pub(crate) fn check_key(&self, key: &[u8]) -> Result<()> {
        let (len, limit) = (key.len(), self.limits.key);
        if len > limit { Err(Error::KeyTooLong { len, limit }) } else { Ok(()) }
    }

    #[inline]
    pub(crate) fn check_value(&self, len: usize) -> Result<()> {
        let limit = self.limits.value;
        if len > limit { Err(Error::ValueTooLong { len, limit }) } else { Ok(()) }
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(crate) fn itself(&self) -> Weak<Self> {
        self.itself.clone()
    }

    pub(crate) fn arc(&self) -> Arc<Self> {
        self.itself.upgrade().expect("a core in use is alive")
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A number greater than any before.
    pub(crate) fn next_fence(&self) -> u64 {
        self.fences.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Lets no later fence be `fence` or less.
    pub(crate) fn fences_after(&self, fence: u64) {
        self.fences.fetch_max(fence, Ordering::Relaxed);
    }

    /// A random-number generator that nobody else draws from.
    pub(crate) fn fork_rng(&self) -> fastrand::Rng {
        self.rng.lock().fork()
    }

    /// The namespace of this id.
    #[inline]
    pub(crate) fn keyspace(&self, id: u32) -> &Keyspace {
        self.keyspaces.at(id as usize).expect("an id is given out with its namespace")
    }

    pub(crate) fn keyspaces(&self) -> impl Iterator<Item = &Keyspace> {
        self.keyspaces.iter().map(|keyspace| &**keyspace)
    }

    fn open_keyspace(
        &self,
        name: &str,
        options: Option<NamespaceOptions>,
    ) -> Result<Arc<Keyspace>> {
        let mut names = self.names.lock();
        if let Some(&id) = names.get(name) {
            let keyspace = self.keyspaces.at(id as usize).expect("a named namespace exists");
            if let Some(options) = options {
                check_like(keyspace, &options)?;
            }
            return Ok(Arc::clone(keyspace));
        }
        let (id, name) = (self.keyspaces.len() as u32, Arc::<str>::from(name));
        let seed = self.seed.clone();
        let options = options.unwrap_or_default();
        let now_ms = self.clock.now().as_millis();
        let keyspace =
            Arc::new(Keyspace::new(id, Arc::clone(&name), options, self.shards, seed, now_ms));
        if self.keyspaces.push(Arc::clone(&keyspace)).is_err() {
            return Err(Error::TooManyNamespaces { limit: Registry::<Arc<Keyspace>>::LIMIT });
        }
        names.insert(name, id);
        Ok(keyspace)
    }

    /// Lets `f` at the crowd of a key's shard, if there is one.
    pub(crate) fn with_crowd(&self, id: u32, key: &[u8], f: impl FnOnce(&mut Crowd)) {
        let keyspace = self.keyspace(id);
        let shard = &keyspace.shards[keyspace.shard_of(keyspace.hash(key)) as usize];
        let mut state = shard.state.write();
        let Some(crowd) = &mut state.crowd else { return };
        f(crowd);
        let emptied = if crowd.is_empty() { state.crowd.take() } else { None };
        drop(state);
        drop(emptied);
    }

    /// Ends waiters, takes them out of their queues, and wakes them. Called with no lock held.
    pub(crate) fn end_all(
        &self,
        waiters: impl IntoIterator<Item = Arc<dyn Waiting>>,
        why: &Result<()>,
    ) {
        let mut wakes = Vec::new();
        for waiter in waiters {
            wakes.extend(waiter.end(why.clone()));
            self.leave_queues(&*waiter);
        }
        run_wakes(wakes);
    }

    /// Ends `waiter` when its time is up.
    pub(crate) fn end_at(&self, deadline: Time, waiter: Arc<dyn Waiting>) {
        self.timers.add(deadline, Arc::clone(&waiter));
        // The clock may have passed it before it was filed; a manual one looks no more then.
        if self.clock.now() > deadline {
            self.timers.remove(deadline, waiter.number());
            self.end_all([waiter], &Ok(()));
        }
        self.nudge(deadline.as_millis());
    }

    pub(crate) fn forget_end(&self, deadline: Time, number: u64) {
        self.timers.remove(deadline, number);
    }

    /// Runs `work` now, or, if the thread is in a transaction, when it has left it.
    pub(crate) fn when_outside(&self, work: impl FnOnce(&Core) + 'static) {
        if inside::place() != Place::Transaction {
            return work(self);
        }
        let core = self.arc();
        inside::defer(move || work(&core));
    }

    fn close(&self) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut waiters = Vec::new();
        for shard in self.keyspaces().flat_map(|keyspace| keyspace.shards.iter()) {
            let state = shard.state.read();
            waiters.extend(state.crowd.iter().flat_map(|crowd| crowd.everyone()).cloned());
        }
        self.end_all(waiters, &Err(Error::Closed));
        self.timekeeper.stop();
        self.outbox.deliver();
        while self.graveyard.step(TICK_FREES) {}
    }
}

/// Wakes everybody: a waker that panics keeps no other from being woken.
pub(crate) fn run_wakes(wakes: impl IntoIterator<Item = Wake>) {
    for wake in wakes {
        inside::quietly(|| wake.run());
    }
}

impl Turn for Core {
    fn next_due(&self) -> Option<Time> {
        Core::next_due(self)
    }

    fn run_due(&self) {
        Core::run_due(self);
    }

    fn refusal(&self) -> Option<&'static str> {
        match inside::place() {
            Place::Outside => None,
            Place::Listener => Some("a listener cannot turn the clock"),
            Place::Transaction => Some("a transaction cannot turn the clock"),
        }
    }
}
