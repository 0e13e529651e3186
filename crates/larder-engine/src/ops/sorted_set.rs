//! Operations on sorted sets.

use std::collections::HashMap;
use std::ops::{Bound, Range, RangeBounds};

use larder_collections::blob::Blob;
use larder_collections::sorted_set::SortedSet;

use super::{positions, wrong_kind};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::namespace::Keyspace;
use crate::slot::{Due, Slot};
use crate::txn::Txn;
use crate::value::{Kind, Value};
use crate::wait::Take;

/// How to add to a sorted set.
///
/// ```
/// use larder_engine::AddOptions;
///
/// let best_only = AddOptions::new().if_greater();
/// # _ = best_only;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing by themselves"]
pub struct AddOptions {
    only_new: bool,
    only_present: bool,
    if_greater: bool,
    if_less: bool,
}

impl AddOptions {
    /// Add new members, update present ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only add new members. Excludes every other condition.
    pub fn only_new(mut self) -> Self {
        self.only_new = true;
        self
    }

    /// Only update members that are present.
    pub fn only_present(mut self) -> Self {
        self.only_present = true;
        self
    }

    /// Update a present member only to a greater score; new ones are added all the same.
    pub fn if_greater(mut self) -> Self {
        self.if_greater = true;
        self
    }

    /// Update a present member only to a lesser score; new ones are added all the same.
    pub fn if_less(mut self) -> Self {
        self.if_less = true;
        self
    }

    fn check(self) -> Result<()> {
        if self.if_greater && self.if_less {
            return Err(Error::Conflict { options: "if_greater, if_less" });
        }
        if self.only_new && (self.only_present || self.if_greater || self.if_less) {
            return Err(Error::Conflict {
                options: "only_new, and a condition on present members",
            });
        }
        Ok(())
    }

    fn allows(self, was: Option<f64>, score: f64) -> bool {
        match was {
            None => !self.only_present,
            Some(was) => {
                !self.only_new
                    && (!self.if_greater || score > was)
                    && (!self.if_less || score < was)
            }
        }
    }
}

/// What adding did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// Members that are new.
    pub added: usize,
    /// Members whose score changed.
    pub updated: usize,
}

/// A stretch of a sorted set: by rank, by score or by member, forwards or backwards.
///
/// ```
/// use larder_engine::Span;
///
/// let top_ten = Span::ranks(0, 9).reversed();
/// let passed = Span::scores(50.0..).limit(0, 100);
/// let from_a_to_c = Span::members("a".."c");   // where all scores are equal
/// # _ = (top_ten, passed, from_a_to_c);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a span does nothing by itself"]
pub struct Span {
    by: By,
    is_reversed: bool,
    skip: usize,
    take: usize,
}

#[derive(Clone, Debug)]
enum By {
    Ranks(i64, i64),
    Scores(Bound<f64>, Bound<f64>),
    Members(Bound<Blob>, Bound<Blob>),
}

impl Span {
    fn by(by: By) -> Self {
        Self { by, is_reversed: false, skip: 0, take: usize::MAX }
    }

    /// Every member.
    pub fn all() -> Self {
        Self::ranks(0, -1)
    }

    /// From one rank to another, both included; negative ranks count from the end. Reversed, rank 0
    /// is the member with the greatest score.
    pub fn ranks(start: i64, stop: i64) -> Self {
        Self::by(By::Ranks(start, stop))
    }

    /// The members whose scores lie in a range. A range with NaN is empty.
    pub fn scores(range: impl RangeBounds<f64>) -> Self {
        Self::by(By::Scores(range.start_bound().cloned(), range.end_bound().cloned()))
    }

    /// The members that lie in a range of bytes; meaningful where all scores are equal.
    pub fn members<T: AsRef<[u8]>>(range: impl RangeBounds<T>) -> Self {
        let blob = |bound: Bound<&T>| bound.map(|bytes| Blob::from(bytes.as_ref()));
        Self::by(By::Members(blob(range.start_bound()), blob(range.end_bound())))
    }

    /// From the greatest down.
    pub fn reversed(mut self) -> Self {
        self.is_reversed = true;
        self
    }

    /// Only `take` members, after skipping `skip`.
    pub fn limit(mut self, skip: usize, take: usize) -> Self {
        (self.skip, self.take) = (skip, take);
        self
    }

    /// The ranks that it covers in `set`, ascending.
    fn resolve(&self, set: &SortedSet) -> Range<usize> {
        let len = set.len();
        let ranks = match &self.by {
            By::Ranks(start, stop) if self.is_reversed => {
                let down = positions(*start, *stop, len);
                len - down.end..len - down.start
            }
            By::Ranks(start, stop) => positions(*start, *stop, len),
            By::Scores(min, max) if is_nan(min) || is_nan(max) => 0..0,
            By::Scores(min, max) => set.score_range(*min, *max),
            By::Members(min, max) => set.lex_range(as_slice(min), as_slice(max)),
        };
        let (count, is_reversed) = (ranks.len(), self.is_reversed);
        let (skip, left) = (self.skip.min(count), count - self.skip.min(count));
        let take = self.take.min(left);
        match is_reversed {
            true => ranks.end - skip - take..ranks.end - skip,
            false => ranks.start + skip..ranks.start + skip + take,
        }
    }

    fn removal(&self) -> EventKind {
        match self.by {
            By::Ranks(..) => EventKind::RankRangeRemoved,
            By::Scores(..) => EventKind::ScoreRangeRemoved,
            By::Members(..) => EventKind::LexRangeRemoved,
        }
    }
}

fn is_nan(bound: &Bound<f64>) -> bool {
    matches!(bound, Bound::Included(score) | Bound::Excluded(score) if score.is_nan())
}

fn as_slice(bound: &Bound<Blob>) -> Bound<&[u8]> {
    bound.as_ref().map(Blob::as_slice)
}

/// A member with its score.
pub type Scored = (Blob, f64);

/// The sorted set under a key, if there is one.
pub(crate) fn set(value: Option<&Value>) -> Result<Option<&SortedSet>> {
    match value {
        None => Ok(None),
        Some(Value::SortedSet(set)) => Ok(Some(set)),
        Some(other) => wrong_kind(Kind::SortedSet, other.kind()),
    }
}

/// The members of a span, in its direction.
pub(crate) fn read(value: Option<&Value>, span: &Span) -> Result<Vec<Scored>> {
    let Some(set) = set(value)? else { return Ok(Vec::new()) };
    let members = set.range(span.resolve(set)).map(|(member, score)| (member.into(), score));
    Ok(if span.is_reversed { members.rev().collect() } else { members.collect() })
}

pub(crate) fn count(value: Option<&Value>, span: &Span) -> Result<usize> {
    Ok(set(value)?.map_or(0, |set| span.resolve(set).len()))
}

/// Adds members; every score is checked before any is written.
pub(crate) fn add<'m>(
    slot: &mut Slot<'_>,
    members: impl Iterator<Item = (&'m [u8], f64)> + Clone,
    options: AddOptions,
) -> Result<Added> {
    options.check()?;
    for (member, score) in members.clone() {
        slot.core().check_value(member.len())?;
        if score.is_nan() {
            return Err(Error::NotANumber);
        }
    }
    slot.accessed();
    let plain =
        !(options.only_new || options.only_present || options.if_greater || options.if_less);
    slot.edit_set(EventKind::MemberAdded, |edit| {
        let mut added = Added::default();
        for (member, score) in members {
            if !plain && !options.allows(edit.set().score(member), score) {
                continue;
            }
            match edit.insert(member, score) {
                None => added.added += 1,
                Some(was) if was != score => added.updated += 1,
                Some(_) => {}
            }
        }
        Ok(added)
    })
}

/// Adds to a member's score; a new member starts at zero. `None` when the options refused.
pub(crate) fn increment(
    slot: &mut Slot<'_>,
    member: &[u8],
    delta: f64,
    options: AddOptions,
) -> Result<Option<f64>> {
    options.check()?;
    slot.core().check_value(member.len())?;
    if delta.is_nan() {
        return Err(Error::NotANumber);
    }
    slot.accessed();
    slot.edit_set(EventKind::MemberIncremented, |edit| {
        let was = edit.set().score(member);
        let score = was.unwrap_or(0.0) + delta;
        if score.is_nan() {
            return Err(Error::NotANumber);
        }
        if !options.allows(was, score) {
            return Ok(None);
        }
        edit.insert(member, score);
        Ok(Some(score))
    })
}

/// Removes members; says how many were there.
pub(crate) fn remove<'m>(
    slot: &mut Slot<'_>,
    members: impl Iterator<Item = &'m [u8]>,
) -> Result<usize> {
    slot.edit_set(EventKind::MemberRemoved, |edit| {
        Ok(members.filter(|member| edit.remove(member).is_some()).count())
    })
}

/// Removes a span; says how many members it had.
pub(crate) fn remove_span(slot: &mut Slot<'_>, span: &Span) -> Result<usize> {
    slot.edit_set(span.removal(), |edit| {
        let ranks = span.resolve(edit.set());
        Ok(edit.remove_range(ranks, |_, _| {}))
    })
}

/// Which end of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a set has two ends")]
pub enum End {
    /// The member with the least score.
    Min,
    /// The member with the greatest.
    Max,
}

/// Removes up to `count` members from an end and returns them, from that end inwards.
pub(crate) fn pop(slot: &mut Slot<'_>, end: End, count: usize) -> Result<Vec<Scored>> {
    let event = match end {
        End::Min => EventKind::MinPopped,
        End::Max => EventKind::MaxPopped,
    };
    slot.edit_set(event, |edit| {
        let len = edit.set().len();
        let count = count.min(len);
        let ranks = match end {
            End::Min => 0..count,
            End::Max => len - count..len,
        };
        let mut popped = Vec::with_capacity(count);
        edit.remove_range(ranks, |member, score| popped.push((member, score)));
        if end == End::Max {
            popped.reverse();
        }
        Ok(popped)
    })
}

/// Draws members at random: up to `count` different ones, or exactly `-count`, repeats allowed.
pub(crate) fn random(
    value: Option<&Value>,
    count: i64,
    rng: &mut fastrand::Rng,
) -> Result<Vec<Scored>> {
    let Some(set) = set(value)? else { return Ok(Vec::new()) };
    let owned = |(member, score): (&[u8], f64)| (Blob::from(member), score);
    let wanted = usize::try_from(count.unsigned_abs()).map_err(|_| Error::Overflow)?;
    if count < 0 {
        // Nothing is reserved by a count that the caller made up.
        return Ok((0..wanted).filter_map(|_| set.random(rng).map(owned)).collect());
    }
    if wanted >= set.len() {
        return Ok(set.iter().map(owned).collect());
    }
    if wanted.saturating_mul(3) > set.len() {
        let ranks = rng.choose_multiple(0..set.len(), wanted);
        return Ok(ranks.into_iter().filter_map(|rank| set.nth(rank).map(owned)).collect());
    }
    // Few out of many: repeats are rare and drawn again.
    let mut drawn = HashMap::with_capacity(wanted);
    while drawn.len() < wanted {
        let (member, score) = set.random(rng).expect("the set is not empty");
        drawn.entry(Blob::from(member)).or_insert(score);
    }
    Ok(drawn.into_iter().collect())
}

/// How scores of one member in several sets become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aggregate {
    /// Their sum; infinities of both signs cancel to zero.
    #[default]
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Sum => number_or_zero(a + b),
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// How to combine sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Combine {
    /// Members of any set.
    Union(Aggregate),
    /// Members of every set.
    Intersection(Aggregate),
    /// Members of the first set that are in no other, with the score they have there.
    Difference,
}

/// Combines sorted sets, each with a weight by which its scores are multiplied. The members come
/// in the order of their scores. O(members of all sets × log).
pub(crate) fn combine<'e>(
    txn: &mut Txn<'e>,
    keyspace: &'e Keyspace,
    sets: &[(&[u8], f64)],
    how: Combine,
) -> Result<SortedSet> {
    if sets.iter().any(|(_, weight)| weight.is_nan()) {
        return Err(Error::NotANumber);
    }
    // Kinds and shards first, so that nothing is computed twice.
    for (key, _) in sets {
        set(txn.slot(keyspace, key)?.value())?;
    }
    let mut result = SortedSet::new();
    for (nth, &(key, weight)) in sets.iter().enumerate() {
        let slot = txn.slot(keyspace, key)?;
        let source = set(slot.value())?;
        let weighed = |score: f64| number_or_zero(score * weight);
        let members = source.into_iter().flat_map(SortedSet::iter);
        match how {
            Combine::Union(aggregate) => {
                for (member, score) in members {
                    let score = weighed(score);
                    let was = result.score(member);
                    result.insert(member, was.map_or(score, |was| aggregate.of(was, score)));
                }
            }
            _ if nth == 0 => members.for_each(|(member, score)| {
                let score = if how == Combine::Difference { score } else { weighed(score) };
                result.insert(member, score);
            }),
            Combine::Intersection(aggregate) => {
                let mut both = SortedSet::new();
                for (member, was) in result.iter() {
                    if let Some(score) = source.and_then(|source| source.score(member)) {
                        both.insert(member, aggregate.of(was, weighed(score)));
                    }
                }
                result = both;
            }
            Combine::Difference => members.for_each(|(member, _)| {
                result.remove(member);
            }),
        }
    }
    Ok(result)
}

/// Lets a key hold a set, or nothing if it is empty; returns how many members that are.
pub(crate) fn store(slot: &mut Slot<'_>, set: SortedSet) -> Result<usize> {
    let len = set.len();
    if len == 0 {
        slot.remove(EventKind::Deleted);
    } else {
        slot.put(Value::SortedSet(Box::new(set)), Due::Never, EventKind::SetStored)?;
    }
    Ok(len)
}

/// What a wait for an end of several sets took.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Popped {
    /// The key that it came from.
    pub key: Blob,
    /// The member.
    pub member: Blob,
    /// Its score.
    pub score: f64,
}

/// Waits to pop from an end.
#[derive(Debug)]
pub(crate) struct TakeEnd(pub(crate) End);

impl Take for TakeEnd {
    type Output = Popped;

    fn is_ready<'e>(&self, txn: &mut Txn<'e>, keyspace: &'e Keyspace, key: &[u8]) -> Result<bool> {
        Ok(matches!(txn.slot(keyspace, key)?.value(), Some(Value::SortedSet(_))))
    }

    fn take<'e>(
        &self,
        txn: &mut Txn<'e>,
        keyspace: &'e Keyspace,
        key: &[u8],
    ) -> Result<Option<Popped>> {
        let popped = pop(&mut txn.slot(keyspace, key)?, self.0, 1)?;
        let first = popped.into_iter().next();
        Ok(first.map(|(member, score)| Popped { key: key.into(), member, score }))
    }

    fn give_back<'e>(
        &self,
        txn: &mut Txn<'e>,
        keyspace: &'e Keyspace,
        taken: &Popped,
    ) -> Result<()> {
        let members = std::iter::once((taken.member.as_slice(), taken.score));
        // Somebody may have added it anew meanwhile: that score is the later one.
        let options = AddOptions::new().only_new();
        add(&mut txn.slot(keyspace, &taken.key)?, members, options).map(drop)
    }
}
