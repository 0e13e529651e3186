//! Ghosts: fingerprints of entries that were evicted not long ago.
//!
//! A ghost is 8 bytes: 32 bits of a hash, and when it was born, counted in ghosts of its kind. It
//! is forgotten by age, so there is no queue to keep: as many as `limit` of the latest of a kind
//! are alive. They stand in buckets of eight; the number of buckets follows the limits by linear
//! hashing, one bucket split or merged at a time, so no call rebuilds the table.
//!
//! ```text
//! fingerprint & mask ->  bucket 0 [g g . g . . . .]
//!                        bucket 1 [g . . . . . . .]  <- bucket 5 was split from it
//!                        bucket 2 [g g g . . . . .]     (2 and 3 come next)
//!                        ...
//!                        bucket 5 [. g g . . . . .]
//! ```
//!
//! A full bucket forgets the ghost that has the least life left: a bucket holds five on average
//! at the limits, so few are lost early. Two hashes may share a fingerprint; then a newcomer
//! is taken for a returning one, about once in 2^32 / ghosts inserts.
//!
//! # Invariants
//!
//! 1. A ghost stands in the bucket that its fingerprint leads to.
//! 2. No ghost of an age far beyond its limit stands: every birth also sweeps one bucket, long
//!    before the counter of births can wrap round.
//!
//! # Cost
//!
//! `take`: one bucket, a cache line. `add`: one more for the sweep. `fit`: at most four. Some 13 bytes
//! a ghost.

/// Ghosts in a bucket: 64 bytes, a cache line.
const WAYS: usize = 8;
/// How many of them are meant to be in use.
const FILL: u64 = 5;
/// Buckets in a chunk of the table.
const CHUNK: usize = 32;
/// Births are counted modulo 2^31.
const AGES: u32 = (1 << 31) - 1;

/// The queue that an entry was evicted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Small = 0,
    Main = 1,
}

#[derive(Debug, Default)]
pub(super) struct Ghosts {
    /// Boxed, so that a longer list of chunks copies their addresses only.
    #[expect(clippy::vec_box, reason = "growing must not copy the ghosts")]
    chunks: Vec<Box<[Bucket; CHUNK]>>,
    buckets: usize,
    /// The last birth of each kind, 1..=AGES.
    births: [u32; 2],
    /// How many of the latest of each kind are alive.
    limits: [u32; 2],
    /// The bucket to sweep next.
    sweep: usize,
}

type Bucket = [Ghost; WAYS];

#[derive(Clone, Copy, Debug, Default)]
struct Ghost {
    fingerprint: u32,
    /// The birth's number, then a bit for the kind; 0 is no ghost.
    born: u32,
}

impl Ghost {
    fn kind(self) -> Kind {
        if self.born & 1 == 0 { Kind::Small } else { Kind::Main }
    }
}

impl Ghosts {
    /// Says how many of each kind may live from now on, and takes a step of the table's size
    /// towards it.
    pub(super) fn fit(&mut self, limits: [u32; 2]) {
        self.limits = limits;
        self.resize();
    }

    /// Remembers `hash` as evicted from `kind`.
    pub(super) fn add(&mut self, kind: Kind, hash: u64) {
        if self.buckets == 0 {
            return;
        }
        let birth = &mut self.births[kind as usize];
        *birth = *birth % AGES + 1;
        let ghost = Ghost { fingerprint: fingerprint(hash), born: *birth << 1 | kind as u32 };
        self.sweep = (self.sweep + 1) % self.buckets;
        self.sweep_bucket(self.sweep);
        self.put(self.address(ghost.fingerprint), ghost);
    }

    /// Forgets the ghost of `hash` and says whence it came, if it is still remembered.
    pub(super) fn take(&mut self, hash: u64) -> Option<Kind> {
        if self.buckets == 0 {
            return None;
        }
        let fingerprint = fingerprint(hash);
        let at = self.address(fingerprint);
        let (births, limits) = (self.births, self.limits);
        let bucket = self.bucket(at);
        let ghost = bucket.iter_mut().find(|ghost| {
            ghost.born != 0 && ghost.fingerprint == fingerprint && life(**ghost, births, limits) > 0
        })?;
        Some(std::mem::take(ghost).kind())
    }

    /// The bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.chunks.len() * size_of::<[Bucket; CHUNK]>()
            + self.chunks.capacity() * size_of::<Box<[Bucket; CHUNK]>>()
    }

    /// The most ghosts that there is room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.buckets * WAYS
    }

    /// Splits or merges at most two buckets on the way to the number that the limits ask for.
    fn resize(&mut self) {
        let wanted = self.limits.map(u64::from).iter().sum::<u64>().div_ceil(FILL) as usize;
        for _ in 0..2 {
            match self.buckets.cmp(&wanted) {
                std::cmp::Ordering::Less => self.split(),
                std::cmp::Ordering::Greater => self.merge(),
                std::cmp::Ordering::Equal => break,
            }
        }
    }

    fn split(&mut self) {
        let new = self.buckets;
        if new / CHUNK == self.chunks.len() {
            self.chunks.push(Box::default());
        }
        self.buckets += 1;
        if new == 0 {
            return;
        }
        let old = buddy(new);
        let moved = std::mem::take(self.bucket(old));
        for ghost in moved.into_iter().filter(|ghost| ghost.born != 0) {
            let at = self.address(ghost.fingerprint);
            self.put(at, ghost);
        }
    }

    fn merge(&mut self) {
        let last = self.buckets - 1;
        let moved = std::mem::take(self.bucket(last));
        self.buckets = last;
        self.sweep = self.sweep.min(last.saturating_sub(1));
        if last > 0 {
            for ghost in moved.into_iter().filter(|ghost| ghost.born != 0) {
                self.put(buddy(last), ghost);
            }
        }
        if last.is_multiple_of(CHUNK) {
            self.chunks.pop();
        }
        if last == 0 {
            self.chunks = Vec::new();
        }
    }

    /// Puts `ghost` into bucket `at`, in place of the one with the least life left: no ghost at all
    /// and one past its age have none.
    fn put(&mut self, at: usize, ghost: Ghost) {
        let (births, limits) = (self.births, self.limits);
        let cell = self.bucket(at).iter_mut().min_by_key(|ghost| life(**ghost, births, limits));
        *cell.expect("a bucket has cells") = ghost;
    }

    /// Clears the ghosts of bucket `at` that are past their age.
    fn sweep_bucket(&mut self, at: usize) {
        let (births, limits) = (self.births, self.limits);
        for ghost in self.bucket(at) {
            if life(*ghost, births, limits) == 0 {
                *ghost = Ghost::default();
            }
        }
    }

    fn bucket(&mut self, at: usize) -> &mut Bucket {
        &mut self.chunks[at / CHUNK][at % CHUNK]
    }

    /// Where a fingerprint lives while there are so many buckets.
    fn address(&self, fingerprint: u32) -> usize {
        let mask = self.buckets.next_power_of_two() - 1;
        let at = fingerprint as usize & mask;
        if at < self.buckets { at } else { at & (mask >> 1) }
    }

    /// Checks the invariants. For tests and fuzzing only: O(n).
    pub(super) fn assert_valid(&self) {
        assert_eq!(self.chunks.len(), self.buckets.div_ceil(CHUNK));
        for at in 0..self.chunks.len() * CHUNK {
            for ghost in self.chunks[at / CHUNK][at % CHUNK].iter().filter(|g| g.born != 0) {
                assert!(at < self.buckets, "bucket {at} is not in use and holds a ghost");
                assert_eq!(self.address(ghost.fingerprint), at, "a ghost is in the wrong bucket");
            }
        }
    }
}

/// How many births of its kind a ghost will outlive; 0 when it is past its age or none at all.
fn life(ghost: Ghost, births: [u32; 2], limits: [u32; 2]) -> u32 {
    if ghost.born == 0 {
        return 0;
    }
    let kind = ghost.kind() as usize;
    let age = (births[kind] + AGES - (ghost.born >> 1)) % AGES;
    limits[kind].saturating_sub(age)
}

/// The bucket that `new` is split from: `new` without its highest bit.
fn buddy(new: usize) -> usize {
    new & !(1 << new.ilog2())
}

/// The half of a hash that tables use least.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 32) as u32 ^ hash as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::VecDeque;

    use super::*;

    /// Spreads small numbers as a keyed hash would.
    fn spread(n: u64) -> u64 {
        n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    proptest! {
        #[test]
        fn a_ghost_is_remembered_for_so_many_births_of_its_kind(
            steps in prop::collection::vec((any::<bool>(), 0u64..300, 0u8..3), 1..1500),
            limits in (0u32..150, 0u32..150),
        ) {
            let limits = [limits.0, limits.1];
            let mut ghosts = Ghosts::default();
            // Both kinds from the latest on; a ghost that was taken leaves a gap.
            let mut model: [VecDeque<Option<u64>>; 2] = Default::default();
            let (mut lost, mut kept) = (0, 0);
            for (is_main, n, step) in steps {
                let kind = if is_main { Kind::Main } else { Kind::Small };
                let known = |of: &VecDeque<Option<u64>>| of.contains(&Some(n));
                if step == 0 {
                    let expected = [Kind::Small, Kind::Main].into_iter().find(|&k| known(&model[k as usize]));
                    let taken = ghosts.take(spread(n));
                    prop_assert!(taken.is_none() || taken == expected, "{taken:?} {expected:?}");
                    (lost, kept) = (lost + u32::from(taken != expected), kept + u32::from(taken.is_some()));
                    model.iter_mut().flatten().filter(|g| **g == Some(n)).for_each(|g| *g = None);
                } else if !model.iter().any(known) {
                    ghosts.fit(limits);
                    ghosts.add(kind, spread(n));
                    let of = &mut model[kind as usize];
                    of.push_front(Some(n));
                    of.truncate(limits[kind as usize] as usize);
                }
                prop_assert!(ghosts.room() <= 8 + 8 * (limits[0] + limits[1]) as usize / 5);
            }
            ghosts.assert_valid();
            // Full buckets forget some early, and the table starts small.
            prop_assert!(lost * 4 <= kept + 40, "{lost} of {} lost", lost + kept);
        }
    }

    #[test]
    fn the_table_follows_its_limits_up_and_down() {
        let mut ghosts = Ghosts::default();
        for n in 0..10_000 {
            ghosts.fit([3000, 0]);
            ghosts.add(Kind::Small, spread(n));
        }
        ghosts.assert_valid();
        let back = (7000..10_000).filter(|&n| ghosts.take(spread(n)).is_some()).count();
        assert!(back > 2850, "{back} of 3000");
        assert!((0..7000).all(|n| ghosts.take(spread(n)).is_none()));
        for n in 0..1000 {
            ghosts.fit([0, 100]);
            ghosts.add(Kind::Main, spread(n));
            ghosts.assert_valid();
        }
        assert_eq!(ghosts.room(), 100_usize.div_ceil(5) * WAYS);
        (0..20).for_each(|_| ghosts.fit([0, 0]));
        assert_eq!((ghosts.room(), ghosts.chunks.len()), (0, 0));
    }

    #[test]
    fn counting_births_past_the_wrap_revives_nobody() {
        let mut ghosts = Ghosts { births: [AGES - 500; 2], ..Ghosts::default() };
        for n in 0..2000 {
            ghosts.fit([100, 100]);
            ghosts.add(Kind::Main, spread(n));
            let expected = (n >= 10).then_some(Kind::Main);
            assert_eq!(ghosts.take(spread(n.wrapping_sub(10))), expected, "{n}");
        }
        ghosts.assert_valid();
    }
}
