//! Waits: taking something from a key as soon as it is there.
//!
//! A waiter is a typed continuation: what to take ([`Take`]) and where to put it (a [`Handoff`]).
//! It stands in the queue of each of its keys, in the order of arrival. **Whoever feeds a key serves
//! its waiters**, before its own call returns: each service is a small transaction of its own that
//! takes the value and hands it over, so between two threads nothing can be lost and nobody can
//! push in (a fed key is *owed*, and whoever comes to it first serves it).
//!
//! One handle serves threads and tasks alike: [`Wait`] is waited for with [`Wait::wait`], or is a
//! future. A wait that is dropped leaves its queues at once; if it had been served meanwhile, it
//! hands back what it took.
//!
//! # Invariants
//!
//! 1. A value is taken only after the waiter was claimed, and a claimed waiter gets it.
//! 2. A waiter stands in a queue exactly while it was neither served nor ended.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use larder_base::clock::Time;
use larder_base::wake::{Cancelled, Handoff, Wake};
use larder_collections::blob::Blob;

use crate::engine::Core;
use crate::error::{Error, Result};
use crate::namespace::{Keyspace, Namespace};
use crate::txn::{After, Rest, Txn};

/// What a waiter takes from a key.
pub(crate) trait Take: fmt::Debug + Send + Sync {
    type Output: Send + 'static;

    /// Takes it; `None`, having changed nothing, when there is nothing to take.
    fn take<'e>(
        &self,
        txn: &mut Txn<'e>,
        keyspace: &'e Keyspace,
        key: &[u8],
    ) -> Result<Option<Self::Output>>;

    /// True when [`take`](Self::take) would find something.
    fn is_ready<'e>(&self, txn: &mut Txn<'e>, keyspace: &'e Keyspace, key: &[u8]) -> Result<bool>;

    /// Puts back what a cancelled waiter took.
    fn give_back<'e>(
        &self,
        txn: &mut Txn<'e>,
        keyspace: &'e Keyspace,
        taken: &Self::Output,
    ) -> Result<()>;
}

/// A waiter as its queues see it.
pub(crate) trait Waiting: fmt::Debug + Send + Sync {
    /// Its number; no two waiters of an engine share one.
    fn number(&self) -> u64;

    /// Serves it from `key`.
    fn serve<'e>(&self, txn: &mut Txn<'e>, keyspace: &'e Keyspace, key: &[u8]) -> Result<Service>;

    /// Ends it: with `Ok` its time is up, with an error that error.
    fn end(&self, why: Result<()>) -> Option<Wake>;

    /// Where it stands in queues: namespace and key.
    fn places(&self) -> &[(u32, Blob)];
}

/// How serving a waiter went.
#[derive(Debug)]
pub(crate) enum Service {
    /// It was served.
    Served(Wake),
    /// There is nothing for it to take.
    NotReady,
    /// It was served or ended elsewhere.
    Over,
}

#[derive(Debug)]
pub(crate) struct Waiter<K: Take> {
    number: u64,
    take: K,
    places: Vec<(u32, Blob)>,
    handoff: Handoff<Result<Option<Taken<K::Output>>>>,
}

/// What was taken, and from which of the places.
#[derive(Debug)]
struct Taken<T> {
    from: u32,
    what: T,
}

impl<K: Take> Waiting for Waiter<K>
where
    K::Output: fmt::Debug,
{
    fn number(&self) -> u64 {
        self.number
    }

    fn serve<'e>(&self, txn: &mut Txn<'e>, keyspace: &'e Keyspace, key: &[u8]) -> Result<Service> {
        if !self.handoff.is_waiting() {
            return Ok(Service::Over);
        }
        if !self.take.is_ready(txn, keyspace, key)? {
            return Ok(Service::NotReady);
        }
        let Some(claim) = self.handoff.claim() else { return Ok(Service::Over) };
        // A restart drops the claim, which opens the hand-off again.
        let what = match self.take.take(txn, keyspace, key) {
            Ok(Some(what)) => Ok(Some(Taken { from: keyspace.id, what })),
            Ok(None) => return Ok(Service::NotReady),
            Err(Error::Restart) => return Err(Error::Restart),
            Err(error) => Err(error),
        };
        Ok(Service::Served(claim.put(what)))
    }

    fn end(&self, why: Result<()>) -> Option<Wake> {
        self.handoff.offer(why.map(|()| None)).ok()
    }

    fn places(&self) -> &[(u32, Blob)] {
        &self.places
    }
}

/// A wait under way: block on it with [`wait`](Self::wait), or await it as a future.
///
/// `Ok(None)` means that its time was up. Dropping it cancels it.
#[must_use = "a wait does nothing unless it is waited for or awaited"]
pub struct Wait<T: 'static> {
    state: State<T>,
}

enum State<T: 'static> {
    /// It was answered without waiting.
    Ready(Option<Result<Option<T>>>),
    Waiting(Pending<T>),
}

struct Pending<T: 'static> {
    core: Weak<Core>,
    waiter: Arc<dyn Awaited<T>>,
    deadline: Option<Time>,
    has_timer: bool,
}

/// A waiter as its owner sees it.
trait Awaited<T>: Send + Sync {
    fn waiting(self: Arc<Self>) -> Arc<dyn Waiting>;
    fn block(&self) -> Result<Option<T>>;
    fn block_until(&self, instant: std::time::Instant) -> Option<Result<Option<T>>>;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Option<T>>>;
    /// Ends it from the owner's side: what had been taken, if anything.
    fn withdraw(&self) -> Option<Result<Option<T>>>;
    /// Ends it and puts back what had been taken.
    fn abandon(&self, core: &Core);
}

impl<K: Take + 'static> Awaited<K::Output> for Waiter<K>
where
    K::Output: fmt::Debug,
{
    fn waiting(self: Arc<Self>) -> Arc<dyn Waiting> {
        self
    }

    fn block(&self) -> Result<Option<K::Output>> {
        unpack(self.handoff.wait())
    }

    fn block_until(&self, instant: std::time::Instant) -> Option<Result<Option<K::Output>>> {
        self.handoff.wait_until(instant).map(unpack)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Option<K::Output>>> {
        self.handoff.poll_take(cx).map(unpack)
    }

    fn withdraw(&self) -> Option<Result<Option<K::Output>>> {
        match self.handoff.cancel() {
            Cancelled::Served(result) => Some(unpack(result)),
            _ => None,
        }
    }

    fn abandon(&self, core: &Core) {
        let Cancelled::Served(Ok(Some(taken))) = self.handoff.cancel() else { return };
        // The engine may be closed or the key's kind another by now; then there is nowhere to put
        // it back to, as after any take whose taker ends.
        let _lost =
            core.run(|txn| self.take.give_back(txn, core.keyspace(taken.from), &taken.what));
    }
}

fn unpack<T>(result: Result<Option<Taken<T>>>) -> Result<Option<T>> {
    result.map(|taken| taken.map(|taken| taken.what))
}

impl<T: 'static> Wait<T> {
    /// Blocks the thread until there is something to take, its time is up (`None`), or the engine
    /// closes.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`]; [`Error::InsideTransaction`] when called from inside a transaction.
    pub fn wait(mut self) -> Result<Option<T>> {
        let pending = match &mut self.state {
            State::Ready(result) => return result.take().expect("it is answered once"),
            State::Waiting(pending) => pending,
        };
        crate::inside::outside()?;
        let instant = pending.deadline.and_then(|deadline| {
            // On a manual clock, and for what no thread can wait for so long, the timer ends it.
            let core = pending.core.upgrade()?;
            core.clock.instant_of(deadline)
        });
        let result = match instant {
            Some(instant) => pending
                .waiter
                .block_until(instant)
                .or_else(|| pending.waiter.withdraw())
                .unwrap_or(Ok(None)),
            None => {
                pending.arm();
                pending.waiter.block()
            }
        };
        pending.leave();
        self.state = State::Ready(None);
        result
    }
}

impl<T: 'static> Future for Wait<T> {
    type Output = Result<Option<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let pending = match &mut self.state {
            State::Ready(result) => {
                return Poll::Ready(result.take().expect("a future is not polled after its end"));
            }
            State::Waiting(pending) => pending,
        };
        pending.arm();
        let Poll::Ready(result) = pending.waiter.poll(cx) else { return Poll::Pending };
        pending.leave();
        self.state = State::Ready(None);
        Poll::Ready(result)
    }
}

// Nothing in it is self-referential.
impl<T: 'static> Unpin for Wait<T> {}

impl<T: 'static> Drop for Wait<T> {
    fn drop(&mut self) {
        let State::Waiting(pending) = &self.state else { return };
        pending.leave();
        if let Some(core) = pending.core.upgrade() {
            let waiter = Arc::clone(&pending.waiter);
            core.when_outside(move |core| waiter.abandon(core));
        }
    }
}

impl<T: 'static> Pending<T> {
    /// Files the end of its time with the engine's timers, once.
    fn arm(&mut self) {
        let (Some(deadline), false) = (self.deadline, self.has_timer) else { return };
        self.has_timer = true;
        if let Some(core) = self.core.upgrade() {
            core.end_at(deadline, Arc::clone(&self.waiter).waiting());
        }
    }

    fn leave(&self) {
        if let Some(core) = self.core.upgrade() {
            let (waiter, deadline) = (Arc::clone(&self.waiter).waiting(), self.deadline);
            let has_timer = self.has_timer;
            core.when_outside(move |core| {
                core.leave_queues(&*waiter);
                if let (Some(deadline), true) = (deadline, has_timer) {
                    core.forget_end(deadline, waiter.number());
                }
            });
        }
    }
}

impl<T: 'static> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Wait");
        match &self.state {
            State::Ready(_) => out.field("answered", &true),
            State::Waiting(pending) => {
                out.field("answered", &false).field("deadline", &pending.deadline)
            }
        };
        out.finish_non_exhaustive()
    }
}

impl Core {
    /// Takes from the first of `keys` that has something, or waits for one.
    pub(crate) fn wait_for<K: Take + 'static>(
        self: &Arc<Self>,
        namespace: &Namespace,
        keys: &[&[u8]],
        deadline: Option<Time>,
        take: K,
    ) -> Result<Wait<K::Output>>
    where
        K::Output: fmt::Debug,
    {
        self.enter()?;
        for key in keys {
            self.check_key(key)?;
        }
        let id = namespace.keyspace.id;
        let waiter = Arc::new(Waiter {
            number: self.next_number(),
            take,
            places: keys.iter().map(|key| (id, Blob::from(*key))).collect(),
            handoff: Handoff::new(),
        });
        let taken = self.run(|txn| {
            let keyspace = txn.keyspace(namespace)?;
            for key in keys {
                if let Some(what) = waiter.take.take(txn, keyspace, key)? {
                    return Ok(Some(what));
                }
            }
            // Every shard is locked now, so joining the queues cannot restart.
            for key in keys {
                let at = txn.hold(keyspace, keyspace.shard_of(keyspace.hash(key)))?;
                let waiting: Arc<dyn Waiting> = Arc::<Waiter<K>>::clone(&waiter);
                let (_, _, state, _) = txn.parts(at);
                state.crowd.get_or_insert_default().join(Blob::from(*key), waiting);
            }
            Ok::<_, Error>(None)
        })?;
        if let Some(what) = taken {
            return Ok(Wait { state: State::Ready(Some(Ok(Some(what)))) });
        }
        // Closing looks through the queues once; one that came too late ends itself.
        if self.is_closed() {
            self.leave_queues(&*waiter);
            return Err(Error::Closed);
        }
        let core = Arc::downgrade(self);
        Ok(Wait { state: State::Waiting(Pending { core, waiter, deadline, has_timer: false }) })
    }

    /// Serves the waiters of an owed key; what that feeds in turn is left in `rest`.
    pub(crate) fn serve(&self, rest: &mut Rest, id: u32, key: &Blob) {
        let keyspace = self.keyspace(id);
        let mut after = After::default();
        while let Some((waiter, service)) = self.serve_one(&mut after, keyspace, key) {
            if let Service::Served(wake) = service {
                rest.wakes.push(wake);
            }
            self.leave_queues(&*waiter);
        }
        rest.absorb(after);
    }

    /// Serves the first waiter of `key` that can be served or is over; `None`, and the key is owed
    /// no more, when there is none.
    fn serve_one(
        &self,
        after: &mut After,
        keyspace: &Keyspace,
        key: &Blob,
    ) -> Option<(Arc<dyn Waiting>, Service)> {
        let outcome = self.run_into(after, &mut |txn| {
            txn.serve_key(keyspace, key);
            let at = txn.hold(keyspace, keyspace.shard_of(keyspace.hash(key)))?;
            for place in 0.. {
                let (_, _, state, _) = txn.parts(at);
                let waiter = state.crowd.as_ref().and_then(|crowd| crowd.waiter(key, place));
                let Some(waiter) = waiter else { break };
                match waiter.serve(txn, keyspace, key)? {
                    Service::NotReady => {}
                    service => return Ok(Some((waiter, service))),
                }
            }
            let (_, _, state, _) = txn.parts(at);
            if let Some(crowd) = &mut state.crowd {
                crowd.settle(key);
                if crowd.is_empty() {
                    state.crowd = None;
                }
            }
            Ok::<_, Error>(None)
        });
        outcome.expect("serving a waiter hands every error to the waiter")
    }

    /// Takes a waiter out of every queue, one shard after the other.
    pub(crate) fn leave_queues(&self, waiter: &dyn Waiting) {
        for (id, key) in waiter.places() {
            self.with_crowd(*id, key, |crowd| crowd.leave(key, waiter.number()));
        }
    }
}
