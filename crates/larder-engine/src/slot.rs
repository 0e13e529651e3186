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

    pub(crate) fn keyspace(&self) -> &'t Keyspace {
        self.keyspace
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
    #[inline]
    pub(crate) fn put(&mut self, value: Value, due: Due, event: EventKind) -> Result<()> {
        self.keyspace.check_weight(|| {
            let key = Blob::heap_bytes_of(self.key.len()) as u64;
            crate::entry::ENTRY_BYTES + key + value.heap_bytes()
        })?;
        let mut has_due = false;
        match self.spot {
            Some(spot) => {
                let was_due = self.deadline();
                has_due = was_due.is_some();
                let old = self.state.replace(self.keyspace, spot, value);
                self.keep_or_bury(Some((old, was_due)));
            }
            None => {
                let now = || self.cx.now(&self.core.clock).as_millis();
                let spot = self.state.insert(self.keyspace, self.hash, self.key.into(), value, now);
                self.spot = Some(spot);
                self.keep_or_bury(None);
            }
        }
        match due {
            Due::At(due) => self.file(Some(due)),
            Due::Never if has_due => self.file(None),
            Due::Never | Due::Keep => {}
        }
        self.notice_put(event);
        Ok(())
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

    /// Lets the key hold what was lifted elsewhere, with its deadline.
    pub(crate) fn land(&mut self, lifted: Lifted) {
        let Lifted { value, due, at, key } = lifted;
        let was = self.unlink();
        let (undoable, now) = (self.cx.is_undoable, || 0);
        let spot = self.state.insert(self.keyspace, self.hash, self.key.into(), value, now);
        self.spot = Some(spot);
        self.file(due);
        if undoable {
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
        // The copy shares every block; the write below clones the blocks that it changes.
        let saved = self.cx.is_undoable.then(|| rope.clone());
        rope.write(at, bytes);
        let (len, after) = (rope.len(), rope.heap_bytes() as u64);
        self.state.resized(self.keyspace, spot, before, after);
        if let Some(saved) = saved {
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
    /// afterwards is a missing key.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`], and whatever `edit` returns; an error of `edit` keeps what it changed
    /// before, so it checks first and changes then.
    pub(crate) fn edit_set<R>(
        &mut self,
        event: EventKind,
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
        let mut editing = SetEdit::new(set, undoable, recorded);
        let result = edit(&mut editing);
        let SetEdit { was, changes, is_changed, .. } = editing;
        let (after, is_empty) = (set.heap_bytes() as u64, set.is_empty());
        if !is_changed {
            return result;
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
