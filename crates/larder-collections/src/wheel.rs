//! A hierarchical timing wheel: which timers are due by a given tick.
//!
//! Eleven levels of 64 slots cover every `u64`; a slot of level `l` is `64^l` ticks wide. A timer
//! is filed at the level of the highest 6-bit digit in which its due tick differs from `now`, and
//! moves to a lower level when the wheel reaches its slot. A slot is a doubly linked list through
//! the timers, which live in a slab; the ends of a list are links to the list itself, so that a
//! timer is unlinked without knowing where it is filed.
//!
//! ```text
//! now = .. 0 2 5                        one word a level says which slots are occupied
//! due       [ list ]                    timers with due <= now, and those set back since
//! level 0   [ 1 tick x 64 ]  slots > 5  .. 0 2 6   to  .. 0 2 63
//! level 1   [  64    x 64 ]  slots > 2  .. 0 3 0   to  .. 0 63 63
//! level 2   [ 4096   x 64 ]  slots > 0  .. 1 0 0   to  .. 63 63 63
//!   ...
//! list 67 (level 1, slot 3):  head -> timer <-> timer <-> timer <- tail
//! ```
//!
//! A timer that is put off only has its due tick rewritten; it is found too early in its old slot
//! and filed anew then. So a deadline that is pushed back at each access costs a store.
//!
//! A long slot is moved down over several calls. Meanwhile `now` is the tick *before* the slot
//! (`emptying`): what is filed for that slot still joins the end of its list, so timers that are
//! due together keep their order.
//!
//! # Invariants
//!
//! 1. `now` never moves back.
//! 2. A timer is never in a slot that begins after its due tick, so it never fires late.
//! 3. An occupied slot of level `l` begins after `now` and agrees with `now` in the digits above
//!    `l`. So the first occupied slot of the lowest occupied level is the next to open. While
//!    `emptying`, the levels below that slot hold only timers that came from it.
//! 4. A bit is set exactly where a list is not empty.
//!
//! # Cost
//!
//! `insert`, `cancel`, `reschedule`: O(1). `next`: O(1). `advance`: O(timers fired and moved,
//! slots opened), whatever the distance; a timer moves at most once a level. A timer of an 8-byte
//! payload takes 24 bytes, a level that is in use 520.

use std::num::NonZeroU32;

use crate::slab::{Cell, Slab};

/// Bits of a tick that one level tells apart.
const BITS: u32 = 6;
const SLOTS: u32 = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// The list of what is due; the lists below it are `level * 64 + slot`.
const DUE: u32 = LEVELS as u32 * SLOTS;

/// A link with this bit leads to a list, not to a timer.
const LIST: u32 = 1 << 31;
/// `prev` of a vacant cell; no list's number comes near.
const VACANT: u32 = 0b11 << 30;

const _: () = assert!(size_of::<Timer<u64>>() == 24);
const _: () = assert!(size_of::<Option<TimerId>>() == 4);

/// Names a timer until it fires or is cancelled; then the same id may name a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(NonZeroU32);

/// What [`Wheel::advance`] left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle both")]
#[must_use = "there may be more to do"]
pub enum Advance {
    /// All that was due has fired, and the wheel has reached the tick it was sent to.
    Done,
    /// The limit was reached first: the next call goes on.
    More,
}

/// Timers with payload `T`, fired in the order of their due ticks.
///
/// A tick is whatever the caller counts. The payload's default fills vacant cells of the slab and
/// is never handed out.
///
/// ```
/// use larder_collections::wheel::{Advance, Wheel};
///
/// let mut wheel = Wheel::new(1_000);
/// wheel.insert(1_500, 'b');
/// wheel.insert(1_200, 'a');
/// let late = wheel.insert(9_000, 'c');
/// assert_eq!(wheel.next(), Some(1_152), "nothing is due before");
///
/// let mut fired = String::new();
/// let left = wheel.advance(2_000, 256, |_, _, payload| fired.push(payload));
/// assert_eq!((left, fired.as_str()), (Advance::Done, "ab"));
/// assert_eq!(wheel.cancel(late), 'c');
/// assert_eq!(wheel.next(), None);
/// ```
#[derive(Debug)]
pub struct Wheel<T> {
    now: u64,
    timers: Slab<Timer<T>>,
    due: List,
    /// At most the least due tick of the `due` list; `u64::MAX` while nothing there is overdue.
    overdue: u64,
    /// The list that an unfinished `advance` is moving to lower levels; it begins at `now + 1`.
    emptying: Option<u32>,
    /// One bit a level that has an occupied slot.
    occupied: u16,
    levels: [Option<Box<Level>>; LEVELS],
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    lists: [List; SLOTS as usize],
}

/// The ends of a list; both are the list itself while it is empty.
#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
struct Timer<T> {
    due: u64,
    payload: T,
    prev: u32,
    next: u32,
}

impl<T: Copy + Default> Cell for Timer<T> {
    fn vacant(next: u16) -> Self {
        Self { due: 0, payload: T::default(), prev: VACANT | u32::from(next), next: 0 }
    }

    fn vacancy(&self) -> Option<u16> {
        (self.prev >= VACANT).then_some(self.prev as u16)
    }
}

impl<T: Copy + Default> Wheel<T> {
    /// A wheel that stands at `now`. Allocates nothing.
    pub fn new(now: u64) -> Self {
        Self {
            now,
            timers: Slab::default(),
            due: List::empty(DUE),
            overdue: u64::MAX,
            emptying: None,
            occupied: 0,
            levels: [const { None }; LEVELS],
        }
    }

    /// The tick that the wheel has reached: all that was due before it has fired.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The number of timers that have not fired.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// True when no timer is waiting.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// The bytes that the wheel holds on the heap, itself not included: none while it is empty.
    pub fn heap_bytes(&self) -> usize {
        self.timers.heap_bytes() + self.levels.iter().flatten().count() * size_of::<Level>()
    }

    /// Files a timer. One that is due already fires in the next [`advance`](Self::advance), even in
    /// one to [`now`](Self::now) itself.
    ///
    /// # Panics
    ///
    /// Panics when 2^31 timers are waiting.
    pub fn insert(&mut self, due: u64, payload: T) -> TimerId {
        let id = self.timers.insert(Timer { due, payload, prev: LIST, next: LIST });
        assert!(id < LIST, "a wheel has at most 2^31 timers");
        self.file(id);
        TimerId::new(id)
    }

    /// Takes a timer out before it fires.
    ///
    /// # Panics
    ///
    /// Panics when `id` names no timer.
    pub fn cancel(&mut self, id: TimerId) -> T {
        self.assert_alive(id);
        self.take(id.index()).payload
    }

    /// The tick at which a timer is to fire. Panics when `id` names no timer.
    pub fn due(&self, id: TimerId) -> u64 {
        self.assert_alive(id);
        self.timers[id.index()].due
    }

    /// What a timer will hand over. Panics when `id` names no timer.
    pub fn payload(&self, id: TimerId) -> &T {
        self.assert_alive(id);
        &self.timers[id.index()].payload
    }

    /// True when `id` names a timer; perhaps another one than it once named.
    pub fn contains(&self, id: TimerId) -> bool {
        self.timers.get(id.index()).is_some()
    }

    /// Sets another due tick. A later one costs a store: the timer is filed anew when its old slot
    /// opens, behind those that by then wait for the same tick.
    ///
    /// # Panics
    ///
    /// Panics when `id` names no timer.
    pub fn reschedule(&mut self, id: TimerId, due: u64) {
        self.assert_alive(id);
        let timer = &mut self.timers[id.index()];
        let earlier = due < timer.due;
        timer.due = due;
        if earlier {
            self.unlink(id.index());
            self.file(id.index());
        }
    }

    /// A tick before which no timer is due, or `None` when there is no timer: exact for what is due
    /// within 64 ticks and was not put off, else the beginning of a slot. An `advance` to it brings
    /// the bound closer. It lies behind [`now`](Self::now) when a timer was filed too late.
    pub fn next(&self) -> Option<u64> {
        if self.due.head != LIST | DUE {
            return Some(self.now.min(self.overdue));
        }
        self.upcoming().map(|(_, start)| start)
    }

    /// Moves to `to` and hands each timer that is due by then to `fire` (its id, dead by now; its
    /// due tick; its payload) in the order of due ticks, those of one tick in the order in which
    /// they were filed. A timer that was filed after its due tick counts as due when it was filed.
    ///
    /// Fires and moves at most `limit` timers, so one call takes O(`limit`); a call with none to
    /// spend tells whether there is more. After [`Advance::More`] the wheel may be changed at will,
    /// and stands at the tick it got to; the next call goes on. A `to` before
    /// [`now`](Self::now) counts as `now`. A panic in `fire` loses only the timer it was given.
    pub fn advance(
        &mut self,
        to: u64,
        limit: usize,
        mut fire: impl FnMut(TimerId, u64, T),
    ) -> Advance {
        let mut left = limit;
        loop {
            while let Some(id) = self.first(DUE) {
                if left == 0 {
                    return Advance::More;
                }
                left -= 1;
                if self.timers[id].due > self.now {
                    self.unlink(id);
                    self.file(id);
                } else {
                    let timer = self.take(id);
                    fire(TimerId::new(id), timer.due, timer.payload);
                }
            }
            match self.upcoming() {
                Some((list, start)) if start <= to => {
                    if list >= SLOTS && !self.empty_slot(list, start, &mut left) {
                        return Advance::More;
                    }
                    self.now = start;
                    self.open_tick(start);
                }
                _ => break,
            }
        }
        self.now = self.now.max(to);
        Advance::Done
    }

    /// Any timer, each as likely. O(1) expected while an eighth or more of the slab's cells are in
    /// use, else up to a look at each chunk of 256 cells ([`Slab::random`]).
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<TimerId> {
        self.timers.random(rng).map(TimerId::new)
    }

    /// Forgets every timer and gives the memory back; `now` stays. One `free` every 256 timers.
    pub fn clear(&mut self) {
        *self = Self::new(self.now);
    }

    /// The slot that opens next, with the tick at which it begins.
    fn upcoming(&self) -> Option<(u32, u64)> {
        if let Some(list) = self.emptying {
            return Some((list, self.now + 1));
        }
        let at = self.occupied.trailing_zeros();
        let level = self.levels.get(at as usize)?.as_ref().expect("an occupied level exists");
        let slot = level.occupied.trailing_zeros();
        // The digits of `now` above the level, the slot, and zeros.
        let above = self.now.checked_shr(BITS * (at + 1)).unwrap_or(0);
        Some((at * SLOTS + slot, (above << BITS | u64::from(slot)) << (BITS * at)))
    }

    /// Moves the timers of a slot to the levels where they belong once `now` is `start`, its
    /// beginning; false when `left` ran out before.
    fn empty_slot(&mut self, list: u32, start: u64, left: &mut usize) -> bool {
        self.now = start - 1;
        self.emptying = Some(list);
        while let Some(id) = self.first(list) {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            self.unlink(id);
            self.link(list_of(self.timers[id].due, start), id);
        }
        self.emptying = None;
        true
    }

    /// Makes the list of one tick the list of what is due, which is empty.
    fn open_tick(&mut self, tick: u64) {
        let slot = tick as u32 % SLOTS;
        let Some(level) = &mut self.levels[0] else { return };
        if level.occupied >> slot & 1 == 0 {
            return;
        }
        let ends = std::mem::replace(&mut level.lists[slot as usize], List::empty(slot));
        self.vacate(slot);
        self.due = ends;
        self.timers[ends.head].prev = LIST | DUE;
        self.timers[ends.tail].next = LIST | DUE;
    }

    fn assert_alive(&self, id: TimerId) {
        assert!(self.contains(id), "{id:?} names no timer");
    }

    /// Removes a timer; the last one takes the levels with it.
    fn take(&mut self, id: u32) -> Timer<T> {
        self.unlink(id);
        let timer = self.timers.remove(id);
        if self.timers.is_empty() {
            self.emptying = None;
            self.levels = [const { None }; LEVELS];
        }
        timer
    }

    fn file(&mut self, id: u32) {
        let due = self.timers[id].due;
        if due <= self.now {
            self.overdue = self.overdue.min(due);
            self.link(DUE, id);
        } else {
            self.link(list_of(due, self.now), id);
        }
    }

    /// Appends a timer to a list.
    fn link(&mut self, list: u32, id: u32) {
        if list < DUE {
            self.occupy(list);
        }
        let tail = std::mem::replace(&mut self.list(list).tail, id);
        let timer = &mut self.timers[id];
        (timer.prev, timer.next) = (tail, LIST | list);
        *self.next_of(tail) = id;
    }

    /// Takes a timer out of its list, whichever that is.
    fn unlink(&mut self, id: u32) {
        let Timer { prev, next, .. } = self.timers[id];
        *self.next_of(prev) = next;
        *self.prev_of(next) = prev;
        if prev == next && prev & LIST != 0 {
            self.vacate(prev & !LIST);
        }
    }

    /// The first timer of a list.
    fn first(&mut self, list: u32) -> Option<u32> {
        let head = self.list(list).head;
        (head & LIST == 0).then_some(head)
    }

    /// The link that leads on from `link`, which is a timer or the list (whose first it is).
    fn next_of(&mut self, link: u32) -> &mut u32 {
        if link & LIST == 0 { &mut self.timers[link].next } else { &mut self.list(link).head }
    }

    /// The link that leads back from `link`, which is a timer or the list (whose last it is).
    fn prev_of(&mut self, link: u32) -> &mut u32 {
        if link & LIST == 0 { &mut self.timers[link].prev } else { &mut self.list(link).tail }
    }

    /// A list by its number, or by a link to it.
    fn list(&mut self, list: u32) -> &mut List {
        let list = list & !LIST;
        if list == DUE {
            return &mut self.due;
        }
        let level = self.levels[(list / SLOTS) as usize].as_mut();
        &mut level.expect("a list in use has its level").lists[(list % SLOTS) as usize]
    }

    /// Notes that a slot is no longer empty.
    fn occupy(&mut self, list: u32) {
        let at = list / SLOTS;
        let level = self.levels[at as usize].get_or_insert_with(|| Level::empty(at));
        level.occupied |= 1 << (list % SLOTS);
        self.occupied |= 1 << at;
    }

    /// Notes that a list is empty.
    fn vacate(&mut self, list: u32) {
        if list == DUE {
            self.overdue = u64::MAX;
            return;
        }
        let at = list / SLOTS;
        let level = self.levels[at as usize].as_mut().expect("a list in use has its level");
        level.occupied &= !(1 << (list % SLOTS));
        if level.occupied == 0 {
            self.occupied &= !(1 << at);
        }
    }

    /// Checks the invariants. For tests and fuzzing only: O(n).
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        self.timers.assert_valid();
        let mut seen = self.assert_list(DUE, self.due, self.overdue.min(self.now));
        for (at, level) in (0u32..).zip(&self.levels) {
            let bits = level.as_ref().map_or(0, |level| level.occupied);
            assert_eq!(bits != 0, self.occupied >> at & 1 == 1, "level {at}: invariant 4");
            let Some(level) = level else { continue };
            assert!(!self.is_empty(), "an empty wheel keeps level {at}");
            // While a slot is emptied, the levels below stand at its beginning already.
            let below = self.emptying.is_some_and(|list| at < list / SLOTS);
            let now = if below { self.now + 1 } else { self.now };
            for (slot, &ends) in (0u32..).zip(&level.lists) {
                let above = now.checked_shr(BITS * (at + 1)).unwrap_or(0);
                let start = u128::from(above << BITS | u64::from(slot)) << (BITS * at);
                let count = self.assert_list(at * SLOTS + slot, ends, start as u64);
                assert_eq!(count > 0, bits >> slot & 1 == 1, "{at}/{slot}: invariant 4");
                let opens = start > u128::from(now) || below && start == u128::from(now);
                assert!(count == 0 || opens, "{at}/{slot} was not opened: invariant 3");
                seen += count;
            }
        }
        assert_eq!(seen, self.len());
    }

    /// Checks the links of a list whose timers are due at `start` or later, and counts them.
    fn assert_list(&self, list: u32, ends: List, start: u64) -> usize {
        let (mut count, mut prev, mut link) = (0, LIST | list, ends.head);
        while link & LIST == 0 {
            let timer = self.timers.get(link).expect("a list holds timers");
            assert_eq!(timer.prev, prev, "timer {link} of list {list}");
            assert!(timer.due >= start, "timer {link} of list {list} is late: invariant 2");
            (count, prev, link) = (count + 1, link, timer.next);
        }
        assert_eq!((link, ends.tail), (LIST | list, prev), "the ends of list {list}");
        count
    }
}

/// The list where a timer waits for `due` once the wheel stands at `now`. For `due == now` that is
/// the tick's own slot, which [`Wheel::open_tick`] opens.
fn list_of(due: u64, now: u64) -> u32 {
    let level = (due ^ now).checked_ilog2().unwrap_or(0) / BITS;
    level * SLOTS + (due >> (BITS * level)) as u32 % SLOTS
}

impl TimerId {
    fn new(index: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index))
    }

    fn index(self) -> u32 {
        self.0.get() - 1
    }
}

impl List {
    fn empty(list: u32) -> Self {
        Self { head: LIST | list, tail: LIST | list }
    }
}

impl Level {
    fn empty(at: u32) -> Box<Self> {
        let lists = std::array::from_fn(|slot| List::empty(at * SLOTS + slot as u32));
        Box::new(Self { occupied: 0, lists })
    }
}

#[cfg(test)]
mod tests;
