//! How a table grows and shrinks, one segment at a time.
//!
//! ```text
//! full, under 256 buckets   double, or clean up if many slots are only marked deleted
//! full, 256 buckets         split in two, each sized by its count; double the directory first
//!                           if no deeper slot tells them apart
//! sparse                    merge with the buddy if both fill 40 % of a segment, else halve
//! ```
//!
//! What a step gives back leaves room for many steps of the other kind before it is
//! undone: two halves of a full segment hold 224 entries and merge at 89; a halved
//! table is three quarters full.

use hashbrown::HashTable;

use super::{BUCKET, MAX_DEPTH, SEGMENT, Segment, TAG, Table, is_full};

/// Two buddies with no more entries become one segment: 40 % of what one takes.
const MERGE: usize = SEGMENT / 8 * 7 * 2 / 5;

/// Directory slots a segment, at most; more would cost more than they spread.
const SLOTS_A_SEGMENT: usize = 8;

/// True when [`Table::give_back`] may have something to do: three eighths full or less.
#[inline]
pub(super) fn is_sparse<T>(table: &HashTable<T>) -> bool {
    // A full table has seven entries in eight buckets.
    table.len() * 64 <= table.num_buckets() * 21
}

impl<T> Table<T> {
    /// Makes the segment of this hash take one more entry, and returns its index.
    #[cold]
    pub(super) fn make_room(&mut self, hash: u64, hasher: &impl Fn(&T) -> u64) -> usize {
        if self.directory.is_empty() {
            self.open_first();
        }
        loop {
            let at = self.segment_of(hash).expect("there is a segment");
            if !is_full(&self.segments[at].table) {
                return at;
            }
            if self.may_split(at) {
                self.split(at, hash, hasher);
            } else {
                self.grow(at, hasher);
            }
        }
    }

    /// After a removal from segment `at`: gives back what it no longer needs.
    #[cold]
    pub(super) fn give_back(&mut self, at: usize, hasher: &impl Fn(&T) -> u64) {
        if self.len == 0 {
            *self = Self::new(self.skip);
            return;
        }
        let mut at = at;
        let mut merged = false;
        while let Some(buddy) = self.buddy_to_merge(at) {
            at = self.merge(at, buddy, hasher);
            merged = true;
        }
        if merged {
            self.shrink_directory();
        } else {
            self.halve(at, hasher);
        }
    }

    fn open_first(&mut self) {
        assert!(self.segments.is_empty(), "a table that is being dismantled takes nothing");
        self.directory.reserve_exact(1);
        self.directory.push(0);
        self.segments.reserve_exact(1);
        self.segments.push(Segment { table: HashTable::new(), prefix: 0, depth: 0 });
        self.deepest = 1;
    }

    /// Replaces the buckets of a segment by `table`, in the books too, and returns the old ones.
    fn replace(&mut self, at: usize, table: HashTable<T>) -> HashTable<T> {
        self.heap += table.allocation_size();
        self.widest = self.widest.max(table.num_buckets() as u32);
        let old = std::mem::replace(&mut self.segments[at].table, table);
        self.heap -= old.allocation_size();
        old
    }

    /// Doubles the buckets of a full segment, or moves its entries to fresh ones as many where
    /// removals left a quarter of them unusable.
    fn grow(&mut self, at: usize, hasher: &impl Fn(&T) -> u64) {
        let table = &self.segments[at].table;
        let capacity = full_capacity(table);
        let wanted = if is_worn(table) { capacity } else { capacity + 1 };
        let old = self.replace(at, HashTable::with_capacity(wanted));
        refill(&mut self.segments[at].table, old, hasher);
    }

    /// True when a full segment is better split than grown.
    fn may_split(&self, at: usize) -> bool {
        let &Segment { ref table, depth, .. } = &self.segments[at];
        let most = MAX_DEPTH.min(u64::BITS - TAG - BUCKET - self.skip);
        let has_slot =
            depth < self.depth() || self.directory.len() < SLOTS_A_SEGMENT * self.segments.len();
        table.num_buckets() >= SEGMENT && !is_worn(table) && depth < most && has_slot
    }

    /// Splits a segment by the next bit of the order, to make room for `hash`. One side may get
    /// nothing.
    fn split(&mut self, at: usize, hash: u64, hasher: &impl Fn(&T) -> u64) {
        let Segment { prefix, depth, .. } = self.segments[at];
        if depth == self.depth() {
            self.double_directory();
        }
        let bit = u64::BITS - TAG - self.skip - depth - 1;
        let is_upper = |hash: u64| hash >> bit & 1 == 1;

        let total = self.segments[at].table.len();
        let uppers = self.segments[at].table.iter().filter(|entry| is_upper(hasher(entry))).count();
        // The side of `hash` takes one more, lest it be full again at once; but a side that got all
        // stays as large as it was, and is split again.
        let side = |count: usize, grows: bool| {
            HashTable::with_capacity((count + usize::from(grows)).min(total))
        };
        let lower = side(total - uppers, !is_upper(hash));
        let mut upper = side(uppers, is_upper(hash));
        let old = self.replace(at, lower);
        let lower = &mut self.segments[at].table;
        for entry in old {
            let hash = hasher(&entry);
            let side = if is_upper(hash) { &mut upper } else { &mut *lower };
            side.insert_unique(hash, entry, hasher);
        }

        let new = self.segments.len();
        let (prefix, depth) = (prefix << 1, depth + 1);
        self.segments[at].prefix = prefix;
        self.segments[at].depth = depth;
        self.segments.push(Segment { table: HashTable::new(), prefix: prefix | 1, depth });
        self.replace(new, upper);
        let slots = self.slots(prefix | 1, depth);
        self.directory[slots].fill(new as u32);
        self.deepest += if depth == self.depth() { 2 } else { 0 };
    }

    fn double_directory(&mut self) {
        // In place, from the end: half as much fresh memory, whose first touch costs the most.
        let len = self.directory.len();
        self.directory.reserve_exact(len);
        self.directory.resize(len * 2, 0);
        for slot in (0..len).rev() {
            let at = self.directory[slot];
            self.directory[slot * 2..slot * 2 + 2].fill(at);
        }
        self.shift -= 1;
        self.deepest = 0;
    }

    /// The buddy of a segment, where both together hold little enough to be one.
    fn buddy_to_merge(&self, at: usize) -> Option<usize> {
        let &Segment { ref table, prefix, depth } = &self.segments[at];
        // The smaller of two such buddies is under half; so most removals look no further.
        if depth == 0 || table.len() > MERGE / 2 {
            return None;
        }
        let slots = self.slots(prefix ^ 1, depth);
        let buddy = self.directory[slots.start] as usize;
        let other = &self.segments[buddy];
        (other.depth == depth && table.len() + other.table.len() <= MERGE).then_some(buddy)
    }

    /// Moves the entries of both into one segment, and returns its index.
    fn merge(&mut self, at: usize, buddy: usize, hasher: &impl Fn(&T) -> u64) -> usize {
        let Segment { prefix, depth, .. } = self.segments[at];
        self.deepest -= if depth == self.depth() { 2 } else { 0 };
        let (prefix, depth) = (prefix >> 1, depth - 1);
        self.deepest += if depth == self.depth() { 1 } else { 0 };

        let count = self.segments[at].table.len() + self.segments[buddy].table.len();
        let old = self.replace(at, HashTable::with_capacity(count));
        let other = self.replace(buddy, HashTable::new());
        let segment = &mut self.segments[at];
        refill(&mut segment.table, old, hasher);
        refill(&mut segment.table, other, hasher);
        segment.prefix = prefix;
        segment.depth = depth;
        let slots = self.slots(prefix, depth);
        self.directory[slots].fill(at as u32);

        let last = self.segments.len() - 1;
        self.remove_segment(buddy);
        if at == last { buddy } else { at }
    }

    /// Removes a segment that nothing leads to; the last one takes its place.
    fn remove_segment(&mut self, at: usize) {
        self.segments.swap_remove(at);
        if let Some(&Segment { prefix, depth, .. }) = self.segments.get(at) {
            let slots = self.slots(prefix, depth);
            self.directory[slots].fill(at as u32);
        }
        if self.segments.len() * 4 <= self.segments.capacity() {
            self.segments.shrink_to(self.segments.len() * 2);
        }
    }

    /// Halves the directory once, where no segment needs its depth and it is large for them.
    ///
    /// It costs as much as the directory is long. It comes after the segments that filled it were
    /// merged, each after dozens of removals, so that a removal pays for a slot or two.
    fn shrink_directory(&mut self) {
        let is_large = self.directory.len() >= SLOTS_A_SEGMENT / 2 * self.segments.len();
        if self.deepest > 0 || self.depth() == 0 || !is_large {
            return;
        }
        self.directory = self.directory.iter().copied().step_by(2).collect();
        self.shift += 1;
        let depth = self.depth();
        self.deepest = self.segments.iter().filter(|segment| segment.depth == depth).count() as u32;
    }

    /// Halves the buckets of a sparse segment, or frees them.
    fn halve(&mut self, at: usize, hasher: &impl Fn(&T) -> u64) {
        let table = &mut self.segments[at].table;
        let half = if table.is_empty() { 0 } else { full_capacity(table) / 2 };
        self.heap -= table.allocation_size();
        table.shrink_to(half, hasher);
        self.heap += table.allocation_size();
    }
}

/// Moves every entry of `from` into `to`, which has room.
fn refill<T>(to: &mut HashTable<T>, from: HashTable<T>, hasher: &impl Fn(&T) -> u64) {
    for entry in from {
        to.insert_unique(hasher(&entry), entry, hasher);
    }
}

/// How many entries a table takes that was never removed from.
fn full_capacity<T>(table: &HashTable<T>) -> usize {
    match table.num_buckets() {
        _ if table.allocation_size() == 0 => 0,
        buckets @ ..8 => buckets - 1,
        buckets => buckets / 8 * 7,
    }
}

/// True when a full table is full of slots that removals left marked, a quarter of all.
fn is_worn<T>(table: &HashTable<T>) -> bool {
    table.len() * 4 < full_capacity(table) * 3
}
