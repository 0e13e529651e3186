//! A segmented hash table: a directory of small tables (extendible hashing).
//!
//! One big table stalls its owner while it doubles, and swings between 1.1 and 2.3
//! slots an entry. Here a *segment* of at most 256 buckets splits in two, alone, so
//! a pause is bounded by a segment; segments split at different times, so bytes an
//! entry stay near their mean.
//!
//! ```text
//! hash       [ 7 bits: tag ][ skip ][ directory, scan order ............. ][ 7 bits: bucket ]
//! order                             [ the same bits, moved to the top ........... ] 0 0 0
//!
//! directory  depth 2:   00 -> 0    01 -> 0    10 -> 2    11 -> 1
//! segments   0: prefix 0, depth 1     1: prefix 11, depth 2     2: prefix 10, depth 2
//! segment    a `hashbrown::HashTable` of 4..=256 buckets
//! ```
//!
//! `hashbrown` tags slots with the top 7 bits of the hash and chooses buckets with
//! the low ones, so the directory reads the middle; `skip` bits that the owner used
//! up already (to choose a shard) are left out. [`order`] moves these bits to the
//! top: a segment is a range of orders, and a walk in ascending order meets every
//! entry however segments split and merge meanwhile.
//!
//! The table stores no hash. Callers pass one, and a `hasher` where entries may move;
//! it must answer the same for an entry as long as that is in the table, and not panic.
//!
//! # Invariants
//!
//! 1. The directory has `2^depth` slots, none when the table is empty. Slot `s` leads
//!    to the one segment whose prefix is the first bits of `s`.
//! 2. An entry lies in the segment that its order's first bits lead to.
//! 3. A segment of more than 256 buckets could not be split when it was full: its
//!    entries share 32 bits, or agree so far that the directory would dwarf the segments.
//! 4. `heap` is the sum over the segments' allocations.
//!
//! # Cost
//!
//! `find`: the directory's slot, the segment's header, its tags, the entry: with the
//! first two mostly in cache, two misses. `insert`, `remove`: the same, and now and
//! then a move of at most 224 entries (more only under invariant 3); doubling or
//! halving the directory writes 4 bytes a slot, some 2 to 8 slots a segment. With 56-byte
//! entries, over counts of 11 to 28 thousand: 90 bytes an entry in the mean, 109 at worst.

mod resize;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt;

use hashbrown::HashTable;

/// The buckets of a segment that splits rather than grow.
const SEGMENT: usize = 256;

/// The bits that `hashbrown` takes from the top of a hash.
const TAG: u32 = 7;

/// The bits that choose a bucket, at the bottom; the directory leaves them alone.
const BUCKET: u32 = SEGMENT.trailing_zeros();

/// The greatest depth of the directory.
const MAX_DEPTH: u32 = 32;

/// The position of a hash in the order of a scan, where the owner used up `skip` bits below the
/// top seven.
#[inline]
pub const fn order(hash: u64, skip: u32) -> u64 {
    hash << (TAG + skip)
}

/// A segmented hash table: see the [module](self).
///
/// ```
/// use larder_collections::table::Table;
///
/// // Spread over all bits, as a good hash is.
/// let hash = |n: &u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
/// let mut table = Table::new(0);
/// for n in 0..1000_u64 {
///     table.insert(hash(&n), n, hash);
/// }
/// assert_eq!(table.find(hash(&7), |n| *n == 7), Some(&7));
///
/// let spot = table.locate(hash(&7), |n| *n == 7).expect("just found");
/// assert_eq!(table.remove(hash(&7), spot, hash), 7);
/// assert_eq!(table.find(hash(&7), |n| *n == 7), None);
/// ```
pub struct Table<T> {
    /// Indices into `segments`, by the first `depth` bits of the order.
    directory: Vec<u32>,
    /// Dense, in no order.
    segments: Vec<Segment<T>>,
    len: usize,
    /// The bytes of all segments' buckets.
    heap: usize,
    /// Where the directory's bits start in a hash: `57 - skip - depth`.
    shift: u32,
    skip: u32,
    /// How many segments are as deep as the directory.
    deepest: u32,
    /// No segment has more buckets.
    widest: u32,
}

struct Segment<T> {
    table: HashTable<T>,
    /// The first `depth` bits of the order of every entry.
    prefix: u32,
    depth: u32,
}

/// Where an entry lies, until the next insert or remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    segment: u32,
    bucket: u32,
}

impl<T> Table<T> {
    /// An empty table that holds no memory. It leaves out `skip` bits of each hash, those below
    /// the top seven.
    ///
    /// # Panics
    ///
    /// Panics when `skip` is greater than 32.
    pub const fn new(skip: u32) -> Self {
        assert!(skip <= 32, "a table needs some bits of its own");
        Self {
            directory: Vec::new(),
            segments: Vec::new(),
            len: 0,
            heap: 0,
            shift: u64::BITS - TAG - skip,
            skip,
            deepest: 0,
            widest: 0,
        }
    }

    /// The number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that the table holds on the heap, itself and what entries own not included. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.heap
            + self.directory.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment<T>>()
    }

    /// The position of a hash in the order of [`scan`](Self::scan).
    #[inline]
    pub fn order(&self, hash: u64) -> u64 {
        order(hash, self.skip)
    }

    /// The entry of this hash that `eq` accepts.
    #[inline]
    pub fn find(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&T> {
        let at = self.segment_of(hash)?;
        self.segments[at].table.find(hash, eq)
    }

    /// The entry of this hash that `eq` accepts, to change. Its hash must stay what it is.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let at = self.segment_of(hash)?;
        self.segments[at].table.find_mut(hash, eq)
    }

    /// Where the entry of this hash that `eq` accepts lies.
    #[inline]
    pub fn locate(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<Spot> {
        let at = self.segment_of(hash)?;
        let bucket = self.segments[at].table.find_bucket_index(hash, eq)?;
        Some(Spot { segment: at as u32, bucket: bucket as u32 })
    }

    /// The entry at `spot`.
    ///
    /// # Panics
    ///
    /// Panics when there is none.
    #[inline]
    pub fn at(&self, spot: Spot) -> &T {
        let segment = &self.segments[spot.segment as usize];
        segment.table.get_bucket(spot.bucket as usize).expect("a spot holds an entry")
    }

    /// The entry at `spot`, to change. Its hash must stay what it is.
    ///
    /// # Panics
    ///
    /// Panics when there is none.
    #[inline]
    pub fn at_mut(&mut self, spot: Spot) -> &mut T {
        let segment = &mut self.segments[spot.segment as usize];
        segment.table.get_bucket_mut(spot.bucket as usize).expect("a spot holds an entry")
    }

    /// Puts in an entry that the caller knows to be absent; otherwise there are two.
    ///
    /// # Panics
    ///
    /// Panics when the table is being dismantled (see [`drop_some`](Self::drop_some)).
    #[inline]
    pub fn insert(&mut self, hash: u64, value: T, hasher: impl Fn(&T) -> u64) -> Spot {
        let at = match self.segment_of(hash) {
            Some(at) if !is_full(&self.segments[at].table) => at,
            _ => self.make_room(hash, &hasher),
        };
        let bucket = self.segments[at].table.insert_unique(hash, value, hasher).bucket_index();
        self.len += 1;
        Spot { segment: at as u32, bucket: bucket as u32 }
    }

    /// Takes out the entry at `spot`, whose hash is `hash`.
    ///
    /// # Panics
    ///
    /// Panics when there is none.
    #[inline]
    pub fn remove(&mut self, hash: u64, spot: Spot, hasher: impl Fn(&T) -> u64) -> T {
        let at = spot.segment as usize;
        debug_assert_eq!(self.segment_of(hash), Some(at), "the hash is another entry's");
        let table = &mut self.segments[at].table;
        let Ok(entry) = table.get_bucket_entry(spot.bucket as usize) else {
            panic!("a spot holds an entry");
        };
        let (value, _) = entry.remove();
        let sparse = resize::is_sparse(table);
        self.len -= 1;
        if sparse {
            self.give_back(at, &hasher);
        }
        value
    }

    /// The index of the segment where this hash belongs; `None` when the table is empty.
    #[inline]
    fn segment_of(&self, hash: u64) -> Option<usize> {
        // An empty directory makes a mask of all ones, and then there is no such slot.
        let mask = self.directory.len().wrapping_sub(1);
        let slot = hash.wrapping_shr(self.shift) as usize & mask;
        self.directory.get(slot).map(|&at| at as usize)
    }

    /// Checks the invariants. For tests and fuzzing only: O(n).
    #[doc(hidden)]
    pub fn assert_valid(&self, hasher: impl Fn(&T) -> u64) {
        let (mut len, mut heap, mut covered) = (0, 0, 0);
        for (at, segment) in self.segments.iter().enumerate() {
            let &Segment { ref table, prefix, depth } = segment;
            assert!(depth <= self.depth(), "segment {at} is too deep");
            let slots = self.slots(prefix, depth);
            covered += slots.len();
            assert!(self.directory[slots].iter().all(|&to| to as usize == at), "segment {at}");
            for entry in table {
                let hash = hasher(entry);
                assert_eq!(self.segment_of(hash), Some(at), "an entry lies astray");
                assert_eq!(self.slot(self.order(hash)) >> (self.depth() - depth), prefix as usize);
            }
            assert!(table.num_buckets() <= self.widest.max(1) as usize, "segment {at} is wider");
            len += table.len();
            heap += table.allocation_size();
        }
        assert_eq!(covered, self.directory.len(), "a slot leads nowhere");
        assert_eq!(self.len, len);
        assert_eq!(self.heap, heap);
        let deepest = self.segments.iter().filter(|s| s.depth == self.depth()).count();
        assert_eq!(self.deepest as usize, deepest);
        assert!(self.len > 0 || self.heap_bytes() == 0, "an empty table holds memory");
    }

    /// The depth of the directory, 0 when the table is empty.
    fn depth(&self) -> u32 {
        u64::BITS - TAG - self.skip - self.shift
    }

    /// The directory's slot for an order.
    fn slot(&self, order: u64) -> usize {
        // In two steps, since a shift by 64 is none.
        (order >> 1 >> (u64::BITS - 1 - self.depth())) as usize
    }

    /// The slots that lead to the segment of this prefix.
    fn slots(&self, prefix: u32, depth: u32) -> std::ops::Range<usize> {
        let spread = self.depth() - depth;
        (prefix as usize) << spread..(prefix as usize + 1) << spread
    }
}

/// True when an insert might make the table grow.
#[inline]
fn is_full<T>(table: &HashTable<T>) -> bool {
    table.len() == table.capacity()
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> fmt::Debug for Table<T> {
    /// The shape, not the entries: there may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("len", &self.len)
            .field("segments", &self.segments.len())
            .field("depth", &self.depth())
            .field("heap_bytes", &self.heap_bytes())
            .finish()
    }
}
