//! A slot: the place of one key in its locked shard. **The only door for a write.**
//!
//! Each change made here does all of: mutate, account memory, keep an undo step (inside a
//! transaction's closure), and leave a notice from which the commit makes the effect, the event,
//! and the marks for watches and waiters. Operations (`ops`) decide what to change; they cannot
//! change it otherwise.

use larder_base::clock::Time;
use larder_collections::blob::Blob;
use larder_collections::sorted_set::SortedSet;
use larder_collections::table::Spot;

use crate::effect::{Content, Effect};
use crate::engine::Core;
use crate::entry::{ENTRY_BYTES, TIMER_BYTES};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::namespace::Keyspace;
use crate::shard::{Shard, ShardState};
use crate::txn::{Cx, Notice};
use crate::undo::{Step, Undo};
use crate::value::{Kind, Value};

/// See the module.
#[derive(Debug)]
pub(crate) struct Slot<'t> {
    core: &'t Core,
    keyspace: &'t Keyspace,
    shard: &'t Shard,
    state: &'t mut ShardState,
    cx: &'t mut Cx,
    at: usize,
    key: &'t [u8],
    hash: u64,
    spot: Option<Spot>,
}

/// What a write does to the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Keep,
    Never,
    /// Milliseconds since the Unix epoch.
    At(u64),
}

/// A value on its way from one key to another.
#[derive(Debug)]
pub(crate) struct Lifted {
    value: Value,
    due: Option<u64>,
    at: usize,
    key: Blob,
}

impl<'t> Slot<'t> {
    #[expect(clippy::too_many_arguments, reason = "called once; these are its fields")]
    #[inline]
    pub(crate) fn new(
        core: &'t Core,
        keyspace: &'t Keyspace,
        shard: &'t Shard,
        state: &'t mut ShardState,
        cx: &'t mut Cx,
        at: usize,
        key: &'t [u8],
        hash: u64,
    ) -> Self {
        let spot = state.locate(hash, key);
        Self { core, keyspace, shard, state, cx, at, key, hash, spot }
    }

    /// What the key holds.
    #[inline]
    pub(crate) fn value(&self) -> Option<&Value> {
        self.spot.map(|spot| &self.state.table.at(spot).value)
    }

    pub(crate) fn exists(&self) -> bool {
        self.spot.is_some()
    }

    pub(crate) fn core(&self) -> &'t Core {
        self.core
    }

    /// The key's deadline in milliseconds since the Unix epoch.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.spot.and_then(|spot| self.state.deadline(self.state.table.at(spot)))
    }

    /// The transaction's time.
    pub(crate) fn now(&mut self) -> Time {
        self.cx.now(&self.core.clock)
    }

    /// Counts an access for the eviction rule.
    #[inline]
    pub(crate) fn accessed(&mut self) {
        if let (Some(evictor), Some(spot)) = (&self.keyspace.evictor, self.spot) {
            let entry = self.state.table.at(spot);
            evictor.hit(entry, || self.cx.now(&self.core.clock).as_millis());
        }
    }

    /// Removes the entry if it is past its deadline.
    #[inline]
    pub(crate) fn lapse(&mut self) {
        if let Some(spot) = self.spot
            && !self.cx.is_replaying
            && self
                .state
                .is_past(self.keyspace, self.state.table.at(spot), || self.cx.now(&self.core.clock))
        {
            self.lapse_now();
        }
    }

    /// Removes what was just put here with a deadline that had passed already. Unlike a
    /// [lapse](Self::lapse) it is a part of the transaction, and taken back with it.
    pub(crate) fn lapse_if_past(&mut self) {
        if self.deadline().is_some_and(|due| self.now().as_millis() > due) {
            self.remove(EventKind::Expired);
        }
    }

    #[cold]
    fn lapse_now(&mut self) {
        let spot = self.spot.take().expect("an entry with a deadline");
        let (entry, _) = self.state.take(self.keyspace, self.hash, spot);
        self.state.expired += 1;
        self.cx.bury(entry.value);
        self.notice(Some(EventKind::Expired), true, |key| Effect::Delete { key });
    }

    /// Lets the key hold `value`.
    ///
    /// # Errors
    ///
    /// [`Error::EntryTooLarge`] where eviction could never make room for it.
    pub(crate) fn put(&mut self, mut value: Value, due: Due, event: EventKind) -> Result<()> {
        let result = self.exchange(&mut value, due, event);
        // Not here: dropping it may run the program's code.
        self.cx.bury(value);
        result
    }

    /// Like [`put`](Self::put), without moving the value about, which costs as much as finding its
    /// place. What the key held is left in `value`, for the caller to drop when nothing is locked;
    /// or, where it is kept or buried, nothing of worth.
    #[inline]
    pub(crate) fn exchange(&mut self, value: &mut Value, due: Due, event: EventKind) -> Result<()> {
        self.check_put(value, due)?;
        let mut has_timer = false;
        match self.spot {
            Some(spot) => {
                has_timer = self.state.table.at(spot).timer.is_some();
                self.state.exchange(self.keyspace, spot, value);
                if self.cx.is_undoable || value.drops_late() {
                    let was_due = self.deadline();
                    self.keep_or_bury(Some((std::mem::replace(value, Value::Int(0)), was_due)));
                }
            }
            None => {
                let value = std::mem::replace(value, Value::Int(0));
                let now = || self.cx.now(&self.core.clock).as_millis();
                let spot = self.state.insert(self.keyspace, self.hash, self.key.into(), value, now);
                self.spot = Some(spot);
                self.keep_or_bury(None);
            }
        }
        match due {
            Due::At(due) => self.file(Some(due)),
            Due::Never if has_timer => self.file(None),
            Due::Never | Due::Keep => {}
        }
        self.notice_put(event);
        Ok(())
    }

    /// `Err` for a value that eviction could never make room for.
    #[inline]
    fn check_put(&self, value: &Value, due: Due) -> Result<()> {
        self.keyspace.check_weight(|| {
            let is_timed = match due {
                Due::At(_) => true,
                Due::Keep => self.deadline().is_some(),
                Due::Never => false,
            };
            bytes_of(self.key, value.heap_bytes(), is_timed)
        })
    }

    /// Notices that the key holds another value.
    #[inline]
    fn notice_put(&mut self, event: EventKind) {
        if self.is_noticed() {
            self.notice_put_now(event);
        }
    }

    #[cold]
    fn notice_put_now(&mut self, event: EventKind) {
        let spot = self.spot.expect("it was just put there");
        let deadline_ms = self.deadline();
        let value = self.wants_effect().then(|| content(&self.state.table.at(spot).value));
        self.notice(Some(event), false, |key| Effect::Put {
            key,
            value: value.flatten().expect("a recorded value has content"),
            deadline_ms,
        });
    }

    /// Removes the key; false when there was none.
    pub(crate) fn remove(&mut self, event: EventKind) -> bool {
        let Some((value, due)) = self.unlink() else { return false };
        self.keep_or_bury(Some((value, due)));
        self.notice(Some(event), false, |key| Effect::Delete { key });
        true
    }

    /// Lifts the value and its deadline out, to be [landed](Self::land) under another key. A
    /// roll-back knows of it only once it has landed.
    pub(crate) fn lift(&mut self) -> Option<Lifted> {
        let (value, due) = self.unlink()?;
        self.notice(Some(EventKind::RenamedFrom), false, |key| Effect::Delete { key });
        Some(Lifted { value, due, at: self.at, key: self.key.into() })
    }

    /// `Err` for a value, with or without a deadline, that eviction could never make room for here.
    pub(crate) fn check_fits(&self, value_bytes: u64, is_timed: bool) -> Result<()> {
        self.keyspace.check_weight(|| bytes_of(self.key, value_bytes, is_timed))
    }

    /// Lets the key hold what was lifted elsewhere, with its deadline.
    pub(crate) fn land(&mut self, lifted: Lifted) {
        let Lifted { value, due, at, key } = lifted;
        let was = self.unlink();
        let now = || self.cx.now(&self.core.clock).as_millis();
        let spot = self.state.insert(self.keyspace, self.hash, self.key.into(), value, now);
        self.spot = Some(spot);
        self.file(due);
        if self.cx.is_undoable {
            self.undo(Step::Moved { from_at: at, from_key: key, due, was });
        } else if let Some((value, _)) = was {
            self.cx.bury(value);
        }
        self.notice_put(EventKind::RenamedTo);
    }

    /// Gives the key a deadline in milliseconds, or none. The key exists.
    pub(crate) fn set_deadline(&mut self, due: Option<u64>, event: EventKind) {
        if self.cx.is_undoable {
            let was = self.deadline();
            self.undo(Step::Deadline(was));
        }
        self.file(due);
        self.notice(Some(event), false, |key| Effect::Deadline { key, deadline_ms: due });
    }

    /// Replaces the string by `value`, of which only `bytes` at `at` are new.
    pub(crate) fn put_written(
        &mut self,
        value: Value,
        at: u64,
        bytes: &[u8],
        event: EventKind,
    ) -> Result<()> {
        let is_recorded = self.wants_effect();
        if !is_recorded {
            return self.put(value, Due::Keep, event);
        }
        self.put(value, Due::Keep, event)?;
        self.amend_effect(Effect::Write { key: self.key.into(), at, bytes: bytes.into() });
        Ok(())
    }

    /// Changes a rope in place; `change` gets it and says where it wrote what. The key holds one.
    pub(crate) fn edit_rope(&mut self, at: usize, bytes: &[u8], event: EventKind) -> Result<usize> {
        let spot = self.spot.expect("the caller saw a rope");
        let due = self.deadline();
        let Value::Rope(rope) = &mut self.state.table.at_mut(spot).value else {
            unreachable!("the caller saw a rope")
        };
        let before = rope.heap_bytes() as u64;
        let end = at.saturating_add(bytes.len());
        let on_probation = self.keyspace.check_weight(|| most(before, end)).is_err();
        // The copy shares every block; the write below clones the blocks that it changes.
        let saved = (self.cx.is_undoable || on_probation).then(|| rope.clone());
        rope.write(at, bytes);
        let (len, after) = (rope.len(), rope.heap_bytes() as u64);
        if on_probation && after > before {
            let fits = self.keyspace.check_weight(|| bytes_of(self.key, after, due.is_some()));
            if let Err(error) = fits {
                *rope = saved.expect("a change on probation is saved");
                let restored = rope.heap_bytes() as u64;
                self.state.resized(self.keyspace, spot, before, restored);
                return Err(error);
            }
        }
        self.state.resized(self.keyspace, spot, before, after);
        if let (Some(saved), true) = (saved, self.cx.is_undoable) {
            self.undo(Step::Entry(Some((Value::Rope(saved), due))));
        }
        self.notice(Some(event), false, |key| Effect::Write {
            key,
            at: at as u64,
            bytes: bytes.into(),
        });
        Ok(len)
    }

    /// Changes a sorted set member by member. A missing key is an empty set; a set that is empty
    /// afterwards is a missing key. `growth` is about how many bytes it adds, 0 if none.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`], [`Error::EntryTooLarge`], and whatever `edit` returns; an error of
    /// `edit` keeps what it changed before, so it checks first and changes then.
    pub(crate) fn edit_set<R>(
        &mut self,
        event: EventKind,
        growth: usize,
        edit: impl FnOnce(&mut SetEdit<'_>) -> Result<R>,
    ) -> Result<R> {
        let (undoable, recorded) = (self.cx.is_undoable, self.wants_effect());
        let Some(spot) = self.spot else {
            let mut set = SortedSet::new();
            let mut editing = SetEdit::new(&mut set, false, recorded);
            let result = edit(&mut editing);
            let changes = editing.changes;
            if !set.is_empty() {
                self.create_set(set, changes, event)?;
            }
            return result;
        };
        let value = &mut self.state.table.at_mut(spot).value;
        let found = value.kind();
        let Value::SortedSet(set) = value else {
            return Err(Error::WrongKind { expected: Kind::SortedSet, found });
        };
        let before = set.heap_bytes() as u64;
        // Where a set can come near to what its budget can hold at all, its growth is on probation.
        let on_probation =
            growth > 0 && self.keyspace.check_weight(|| most(before, growth)).is_err();
        let mut editing = SetEdit::new(set, undoable || on_probation, recorded);
        let result = edit(&mut editing);
        let SetEdit { was, changes, is_changed, .. } = editing;
        let (after, is_empty) = (set.heap_bytes() as u64, set.is_empty());
        if !is_changed {
            return result;
        }
        if on_probation && after > before {
            let fits =
                self.keyspace.check_weight(|| bytes_of(self.key, after, self.deadline().is_some()));
            if let Err(error) = fits {
                self.restore_set(spot, before, &was);
                return Err(error);
            }
        }
        self.state.resized(self.keyspace, spot, before, after);
        if undoable {
            self.undo(Step::Members(was));
        }
        self.notice(Some(event), false, |key| Effect::Members { key, changes });
        if is_empty {
            let (value, due) = self.unlink().expect("it is there");
            self.keep_or_bury(Some((value, due)));
            // The emptied set says it all to a replay; listeners still hear of the key's end.
            self.event_only(EventKind::Deleted);
        }
        result
    }

    /// Takes an edit back that would have made the set larger than its budget.
    fn restore_set(&mut self, spot: Spot, before: u64, was: &[(Blob, Option<f64>)]) {
        let Value::SortedSet(set) = &mut self.state.table.at_mut(spot).value else {
            unreachable!("the caller edited a sorted set")
        };
        restore_members(set, was);
        // Grown and shrunk again it would keep the room that it must not have.
        let mut fresh = SortedSet::new();
        for (member, score) in set.iter() {
            fresh.insert(member, score);
        }
        let after = fresh.heap_bytes() as u64;
        let grown = std::mem::replace(&mut **set, fresh);
        self.cx.bury(Value::SortedSet(Box::new(grown)));
        self.state.resized(self.keyspace, spot, before, after);
    }

    /// Leaves a notice that only listeners hear.
    #[inline]
    pub(crate) fn event_only(&mut self, event: EventKind) {
        if self.cx.is_listening {
            let key = self.key.into();
            let (at, event) = (self.at, Some(event));
            self.cx.gather().notices.push(Notice { at, key, event, effect: None, lapsed: false });
        }
    }

    fn create_set(
        &mut self,
        set: SortedSet,
        changes: Vec<(Blob, Option<f64>)>,
        event: EventKind,
    ) -> Result<()> {
        let recorded = self.wants_effect();
        self.put(Value::SortedSet(Box::new(set)), Due::Keep, event)?;
        if recorded {
            self.amend_effect(Effect::Members { key: self.key.into(), changes });
        }
        Ok(())
    }

    /// Says the change that was just noticed in fewer words.
    fn amend_effect(&mut self, effect: Effect) {
        let notice = self.cx.gather().notices.last_mut().expect("a recorded change is noticed");
        notice.effect = Some(effect);
    }

    fn unlink(&mut self) -> Option<(Value, Option<u64>)> {
        let spot = self.spot.take()?;
        let (entry, due) = self.state.take(self.keyspace, self.hash, spot);
        Some((entry.value, due))
    }

    #[inline]
    fn file(&mut self, due: Option<u64>) {
        let spot = self.spot.expect("the key exists");
        self.state.set_deadline(self.keyspace, self.hash, spot, due);
        if let Some(due) = due {
            self.shard.expect_due(due);
            self.cx.least_due = self.cx.least_due.min(due);
        }
    }

    fn undo(&mut self, step: Step) {
        self.cx.gather().undo.push(Undo { at: self.at, key: self.key.into(), step });
    }

    /// Keeps what the key held for a roll-back, or, where there can be none, lets it go.
    #[inline]
    fn keep_or_bury(&mut self, was: Option<(Value, Option<u64>)>) {
        if self.cx.is_undoable {
            self.undo(Step::Entry(was));
        } else if let Some((value, _)) = was {
            self.cx.bury(value);
        }
    }

    fn wants_effect(&self) -> bool {
        self.keyspace.is_recorded() && !self.cx.is_replaying
    }

    #[inline]
    fn is_noticed(&self) -> bool {
        self.cx.is_listening || self.state.crowd.is_some() || self.wants_effect()
    }

    fn notice(
        &mut self,
        event: Option<EventKind>,
        lapsed: bool,
        effect: impl FnOnce(Blob) -> Effect,
    ) {
        if self.is_noticed() {
            let key: Blob = self.key.into();
            let effect = self.wants_effect().then(|| effect(key.clone()));
            self.cx.gather().notices.push(Notice { at: self.at, key, event, effect, lapsed });
        }
    }
}

/// A sorted set being changed: what was and what is now are noted as far as somebody needs them.
#[derive(Debug)]
pub(crate) struct SetEdit<'s> {
    set: &'s mut SortedSet,
    is_undoable: bool,
    is_recorded: bool,
    was: Vec<(Blob, Option<f64>)>,
    changes: Vec<(Blob, Option<f64>)>,
    is_changed: bool,
}

impl<'s> SetEdit<'s> {
    fn new(set: &'s mut SortedSet, is_undoable: bool, is_recorded: bool) -> Self {
        let (was, changes) = (Vec::new(), Vec::new());
        Self { set, is_undoable, is_recorded, was, changes, is_changed: false }
    }

    /// The set as it is now.
    pub(crate) fn set(&self) -> &SortedSet {
        self.set
    }

    /// Gives `member` a score; returns the one it had.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let was = self.set.insert(member, score);
        if was.map(f64::to_bits) != Some(score.to_bits()) {
            self.note(member, was, Some(score));
        }
        was
    }

    /// Removes `member`; returns its score.
    pub(crate) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let was = self.set.remove(member)?;
        self.note(member, Some(was), None);
        Some(was)
    }

    /// Removes the members of these ranks, handing each out.
    pub(crate) fn remove_range(
        &mut self,
        ranks: std::ops::Range<usize>,
        mut removed: impl FnMut(Blob, f64),
    ) -> usize {
        let Self { set, was, changes, is_undoable, is_recorded, is_changed } = self;
        set.remove_range(ranks, |member, score| {
            *is_changed = true;
            if *is_undoable {
                was.push((member.clone(), Some(score)));
            }
            if *is_recorded {
                changes.push((member.clone(), None));
            }
            removed(member, score);
        })
    }

    fn note(&mut self, member: &[u8], was: Option<f64>, is: Option<f64>) {
        self.is_changed = true;
        if self.is_undoable {
            self.was.push((member.into(), was));
        }
        if self.is_recorded {
            self.changes.push((member.into(), is));
        }
    }
}

/// Gives members the scores that they had before an edit: last change first.
pub(crate) fn restore_members(set: &mut SortedSet, was: &[(Blob, Option<f64>)]) {
    for (member, score) in was.iter().rev() {
        match score {
            Some(score) => _ = set.insert(member, *score),
            None => _ = set.remove(member),
        }
    }
}

/// More than a set of `before` bytes will have after growing by about so many, whichever form it
/// takes.
fn most(before: u64, growth: usize) -> u64 {
    before.saturating_add(growth as u64).saturating_mul(4).saturating_add(4096)
}

/// What an entry of this key is charged, in bytes, with a value of so many.
fn bytes_of(key: &[u8], value: u64, is_timed: bool) -> u64 {
    let timer = if is_timed { TIMER_BYTES } else { 0 };
    ENTRY_BYTES + Blob::heap_bytes_of(key.len()) as u64 + value + timer
}

/// The whole value as an effect carries it; `None` for what cannot be recorded.
fn content(value: &Value) -> Option<Content> {
    Some(match value {
        Value::Str(blob) => Content::String(blob.clone()),
        Value::Int(number) => Content::Integer(*number),
        Value::Rope(rope) => Content::String(rope.to_vec().into()),
        Value::SortedSet(set) => {
            Content::SortedSet(set.iter().map(|(member, score)| (member.into(), score)).collect())
        }
        Value::Lease(lease) => Content::Lease { owner: lease.owner.clone(), fence: lease.fence },
        Value::Object(_) => return None,
    })
}
