//! Sorted sets: members in the order of their scores.

use std::time::Duration;

use larder_collections::blob::Blob;

use crate::access::{Access, Room};
use crate::error::{Error, Result};
use crate::ops::sorted_set::{
    self, AddOptions, Added, Combine, End, Popped, Scored, Span, TakeEnd,
};
use crate::wait::Wait;

/// Operations on sorted sets: see [`Namespace::sorted_sets`](crate::Namespace::sorted_sets).
///
/// Members are bytes, scores are floats; members of one score stand in the order of their bytes.
/// Ranks count from 0 at the least score. A set that loses its last member is gone. Costs: O(log n)
/// to find a place, and O(1) a member from there.
///
/// ```
/// use larder_engine::{Larder, Span};
///
/// let game = Larder::new().namespace("game")?;
/// for (name, points) in [("ann", 30.0), ("bob", 10.0), ("cid", 20.0)] {
///     game.sorted_sets().add("board", name, points)?;
/// }
/// game.sorted_sets().increment("board", "bob", 15.0)?;
/// assert_eq!(game.sorted_sets().rank_from_top("board", "bob")?, Some(1));
/// let top = game.sorted_sets().range("board", &Span::ranks(0, 1).reversed())?;
/// assert_eq!(top, [("ann".into(), 30.0), ("bob".into(), 25.0)]);
/// # Ok::<(), larder_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct SortedSets<'a, 'e>(pub(crate) Access<'a, 'e>);

impl SortedSets<'_, '_> {
    /// Gives a member a score; true when it is new.
    ///
    /// # Errors
    ///
    /// [`Error::NotANumber`].
    pub fn add(
        &mut self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
        score: f64,
    ) -> Result<bool> {
        let member = std::iter::once((member.as_ref(), score));
        let added = self.0.update(key.as_ref(), Room::Grows, |slot| {
            sorted_set::add(slot, member, AddOptions::new())
        })?;
        Ok(added.added == 1)
    }

    /// Gives members scores as `options` say. Every score is checked before any is written.
    ///
    /// # Errors
    ///
    /// [`Error::NotANumber`]; [`Error::Conflict`] for options that exclude one another.
    pub fn add_with<M: AsRef<[u8]>>(
        &mut self,
        key: impl AsRef<[u8]>,
        members: &[(M, f64)],
        options: AddOptions,
    ) -> Result<Added> {
        // What the program says its members are, it says before anything is locked.
        let members = members.iter().map(|(member, score)| (member.as_ref(), *score));
        let members: Vec<(&[u8], f64)> = members.collect();
        let members = members.iter().copied();
        self.0.update(key.as_ref(), Room::Grows, |slot| sorted_set::add(slot, members, options))
    }

    /// Adds to a member's score, from 0 for a new one, and returns the sum.
    ///
    /// # Errors
    ///
    /// [`Error::NotANumber`] also where infinities of both signs meet.
    pub fn increment(
        &mut self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
        delta: f64,
    ) -> Result<f64> {
        let sum = self.increment_with(key, member, delta, AddOptions::new())?;
        Ok(sum.expect("without conditions nothing is refused"))
    }

    /// Adds to a member's score as `options` say; `None` when they refuse.
    pub fn increment_with(
        &mut self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
        delta: f64,
        options: AddOptions,
    ) -> Result<Option<f64>> {
        let member = member.as_ref();
        self.0.update(key.as_ref(), Room::Grows, |slot| {
            sorted_set::increment(slot, member, delta, options)
        })
    }

    /// Removes a member; false when it is not there.
    pub fn remove(&mut self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<bool> {
        let member = std::iter::once(member.as_ref());
        let removed =
            self.0.update(key.as_ref(), Room::Shrinks, |slot| sorted_set::remove(slot, member))?;
        Ok(removed == 1)
    }

    /// Removes members; returns how many were there.
    pub fn remove_many<M: AsRef<[u8]>>(
        &mut self,
        key: impl AsRef<[u8]>,
        members: &[M],
    ) -> Result<usize> {
        let members: Vec<&[u8]> = members.iter().map(AsRef::as_ref).collect();
        self.0.update(key.as_ref(), Room::Shrinks, |slot| {
            sorted_set::remove(slot, members.iter().copied())
        })
    }

    /// Removes a span; returns how many members it had.
    pub fn remove_range(&mut self, key: impl AsRef<[u8]>, span: &Span) -> Result<usize> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| sorted_set::remove_span(slot, span))
    }

    /// The number of members.
    pub fn len(&mut self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.0.view(key.as_ref(), |value| Ok(sorted_set::set(value)?.map_or(0, |set| set.len())))
    }

    /// How many members a span has. O(log n).
    pub fn count(&mut self, key: impl AsRef<[u8]>, span: &Span) -> Result<usize> {
        self.0.view(key.as_ref(), |value| sorted_set::count(value, span))
    }

    /// A member's score.
    pub fn score(
        &mut self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<f64>> {
        let member = member.as_ref();
        self.0.view(key.as_ref(), |value| {
            Ok(sorted_set::set(value)?.and_then(|set| set.score(member)))
        })
    }

    /// The scores of several members.
    pub fn scores<M: AsRef<[u8]>>(
        &mut self,
        key: impl AsRef<[u8]>,
        members: &[M],
    ) -> Result<Vec<Option<f64>>> {
        let members: Vec<&[u8]> = members.iter().map(AsRef::as_ref).collect();
        self.0.view(key.as_ref(), |value| {
            let set = sorted_set::set(value)?;
            let score = |member: &&[u8]| set.and_then(|set| set.score(member));
            Ok(members.iter().map(score).collect())
        })
    }

    /// A member's rank, from 0 at the least score.
    pub fn rank(
        &mut self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<usize>> {
        let member = member.as_ref();
        self.0.view(key.as_ref(), |value| {
            Ok(sorted_set::set(value)?.and_then(|set| set.rank(member)))
        })
    }

    /// A member's rank, from 0 at the greatest score.
    pub fn rank_from_top(
        &mut self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<usize>> {
        let member = member.as_ref();
        self.0.view(key.as_ref(), |value| {
            let Some(set) = sorted_set::set(value)? else { return Ok(None) };
            Ok(set.rank(member).map(|rank| set.len() - 1 - rank))
        })
    }

    /// The member of a rank.
    pub fn nth(&mut self, key: impl AsRef<[u8]>, rank: usize) -> Result<Option<Scored>> {
        self.0.view(key.as_ref(), |value| {
            let found = sorted_set::set(value)?.and_then(|set| set.nth(rank));
            Ok(found.map(|(member, score)| (member.into(), score)))
        })
    }

    /// The members of a span, in its direction.
    pub fn range(&mut self, key: impl AsRef<[u8]>, span: &Span) -> Result<Vec<Scored>> {
        self.0.view(key.as_ref(), |value| sorted_set::read(value, span))
    }

    /// Lets `target` hold the members of a span of `source`; returns how many.
    pub fn store_range(
        &mut self,
        target: impl AsRef<[u8]>,
        source: impl AsRef<[u8]>,
        span: &Span,
    ) -> Result<usize> {
        let (target, source) = (target.as_ref(), source.as_ref());
        self.0.atomically(Room::Grows, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            txn.core.check_key(target)?;
            let members = sorted_set::read(txn.slot(keyspace, source)?.value(), span)?;
            let mut set = larder_collections::sorted_set::SortedSet::new();
            for (member, score) in &members {
                set.insert(member, *score);
            }
            sorted_set::store(&mut txn.slot(keyspace, target)?, set)
        })
    }

    /// Removes the member with the least score and returns it.
    pub fn pop_min(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Scored>> {
        Ok(self.pop(key, End::Min, 1)?.pop())
    }

    /// Removes the member with the greatest score and returns it.
    pub fn pop_max(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Scored>> {
        Ok(self.pop(key, End::Max, 1)?.pop())
    }

    /// Removes up to `count` members from an end and returns them, from that end inwards.
    pub fn pop(&mut self, key: impl AsRef<[u8]>, end: End, count: usize) -> Result<Vec<Scored>> {
        self.0.update(key.as_ref(), Room::Shrinks, |slot| sorted_set::pop(slot, end, count))
    }

    /// Removes up to `count` members from an end of the first of `keys` that has any, and returns
    /// which that is.
    pub fn pop_first_of<K: AsRef<[u8]>>(
        &mut self,
        keys: &[K],
        end: End,
        count: usize,
    ) -> Result<Option<(Blob, Vec<Scored>)>> {
        self.0.atomically(Room::Shrinks, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            for key in keys {
                let key = key.as_ref();
                let popped = sorted_set::pop(&mut txn.slot(keyspace, key)?, end, count)?;
                if !popped.is_empty() {
                    return Ok(Some((key.into(), popped)));
                }
            }
            Ok(None)
        })
    }

    /// Removes the member at an end of the first of `keys` that has any, or waits until one has.
    /// Waiters of a key are served in the order in which they came. Without a timeout it waits
    /// until the engine closes. With no keys there is nothing to wait for: that is `None` at once.
    ///
    /// ```
    /// use larder_engine::{End, Larder};
    ///
    /// let app = Larder::new().namespace("app")?;
    /// let wait = app.sorted_sets().pop_wait(&["urgent", "normal"], End::Min, None)?;
    /// app.sorted_sets().add("normal", "job 1", 1.0)?; // serves the waiter before it returns
    /// let popped = wait.wait()?.unwrap();             // a task would write `wait.await?`
    /// assert_eq!((&*popped.key, &*popped.member), (&b"normal"[..], &b"job 1"[..]));
    /// # Ok::<(), larder_engine::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InsideTransaction`]: a transaction cannot wait.
    pub fn pop_wait<K: AsRef<[u8]>>(
        &mut self,
        keys: &[K],
        end: End,
        timeout: Option<Duration>,
    ) -> Result<Wait<Popped>> {
        let namespace = match &self.0 {
            Access::Direct(namespace) => *namespace,
            Access::Within(..) | Access::Guarded(_) => return Err(Error::InsideTransaction),
        };
        let core = namespace.core().arc();
        let deadline = timeout.map(|timeout| core.clock.now().saturating_add(timeout));
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        core.wait_for(namespace, &keys, deadline, TakeEnd(end))
    }

    /// Members drawn at random: up to `count` different ones, or, for a negative count, exactly so
    /// many with repeats.
    ///
    /// # Errors
    ///
    /// [`Error::ValueTooLong`] where the result with repeats would be longer than any value may be.
    pub fn random(&mut self, key: impl AsRef<[u8]>, count: i64) -> Result<Vec<Scored>> {
        let core = self.0.namespace().core();
        if count < 0 {
            // A result with repeats can be as long as its caller says: no longer than any value.
            let drawn = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            core.check_value(drawn.saturating_mul(size_of::<Scored>()))?;
        }
        let mut rng = core.fork_rng();
        self.0.view(key.as_ref(), |value| sorted_set::random(value, count, &mut rng))
    }

    /// Walks through a set in steps: see [`Keys::scan`](crate::Keys::scan) for the guarantee. Start
    /// with cursor 0 and go on until it is 0 again.
    pub fn scan(
        &mut self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        count: usize,
    ) -> Result<(u64, Vec<Scored>)> {
        self.0.view(key.as_ref(), |value| {
            let mut found = Vec::new();
            let Some(set) = sorted_set::set(value)? else { return Ok((0, found)) };
            let next = set.scan(cursor, count.max(1), |m, score| found.push((m.into(), score)));
            Ok((next.unwrap_or(0), found))
        })
    }

    /// Combines sets, each with a weight that its scores are multiplied by; in the order of scores.
    pub fn combine<K: AsRef<[u8]>>(
        &mut self,
        sets: &[(K, f64)],
        how: Combine,
    ) -> Result<Vec<Scored>> {
        let sets: Vec<_> = sets.iter().map(|(key, weight)| (key.as_ref(), *weight)).collect();
        let result = self.0.atomically(Room::Shrinks, |txn, namespace| {
            sorted_set::combine(txn, txn.keyspace(namespace)?, &sets, how)
        })?;
        Ok(result.iter().map(|(member, score)| (member.into(), score)).collect())
    }

    /// Combines sets and lets `target` hold the result, or nothing if it is empty; returns how many
    /// members it has. The target may be one of the sets.
    pub fn combine_store<K: AsRef<[u8]>>(
        &mut self,
        target: impl AsRef<[u8]>,
        sets: &[(K, f64)],
        how: Combine,
    ) -> Result<usize> {
        let target = target.as_ref();
        let sets: Vec<_> = sets.iter().map(|(key, weight)| (key.as_ref(), *weight)).collect();
        self.0.atomically(Room::Grows, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            txn.core.check_key(target)?;
            let result = sorted_set::combine(txn, keyspace, &sets, how)?;
            sorted_set::store(&mut txn.slot(keyspace, target)?, result)
        })
    }
}
