//! A slab: values in numbered cells that never move, in chunks of bounded size.
//!
//! Growing allocates one more chunk and copies nothing, so a pause is bounded by
//! a chunk; a chunk whose last value goes is given back. A vacant cell holds the
//! free list of its chunk *inside* the value's own space ([`Cell`]), so a cell
//! costs exactly `size_of::<T>()`.
//!
//! ```text
//! id = chunk * CHUNK + cell
//! chunks   [ chunk 0 ][ chunk 1 ][ released ][ chunk 3 ]
//! chunk    cells: [ v | v | vacant -> 5 | v | v | vacant -> none | .. ]  live: 4  free: 2
//! open     chunks that have a vacant or an unused cell
//! ```
//!
//! # Invariants
//!
//! 1. `live` of a chunk counts its occupied cells; a chunk at 0 holds no memory.
//! 2. A chunk stands in `open` exactly once if it has room, else not at all.
//! 3. `released` counts the chunks after the first that hold no memory.
//!
//! # Cost
//!
//! `insert`, `remove`, index: O(1), plus one chunk allocation every `CHUNK` inserts: 256
//! by default, fewer for values of many bytes.

use std::ops::{Index, IndexMut};

/// The end of a chunk's free list.
const NONE: u16 = u16::MAX;

/// What a slab can hold: a value whose space can also say "vacant".
pub trait Cell {
    /// A vacant cell that remembers `next`, any 16-bit number.
    fn vacant(next: u16) -> Self;
    /// What [`Cell::vacant`] was given, or `None` for an occupied cell.
    fn vacancy(&self) -> Option<u16>;
}

/// Values in numbered cells, `CHUNK` of them (at most 2^15) to an allocation.
#[derive(Debug)]
pub struct Slab<T, const CHUNK: usize = 256> {
    chunks: Vec<Chunk<T>>,
    open: Vec<u32>,
    len: usize,
    /// How many chunks hold memory, the first (which grows by doubling) not counted.
    whole: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    cells: Vec<T>,
    live: u16,
    /// The first vacant cell, or `NONE`.
    free: u16,
    is_open: bool,
}

impl<T, const CHUNK: usize> Default for Slab<T, CHUNK> {
    fn default() -> Self {
        const { assert!(CHUNK > 0 && CHUNK <= 1 << 15, "a cell's place in its chunk has 15 bits") };
        Self { chunks: Vec::new(), open: Vec::new(), len: 0, whole: 0 }
    }
}

impl<T: Cell, const CHUNK: usize> Slab<T, CHUNK> {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more than the greatest id that was in use since the slab was last empty.
    pub fn id_bound(&self) -> u32 {
        (self.chunks.len() * CHUNK) as u32
    }

    /// The bytes that the slab holds on the heap, itself not included.
    pub fn heap_bytes(&self) -> usize {
        let first = self.chunks.first().map_or(0, |first| first.cells.capacity());
        let cells = first + self.whole * CHUNK;
        cells * size_of::<T>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.open.capacity() * size_of::<u32>()
    }

    /// Puts `value` into a free cell and returns the cell's id.
    ///
    /// # Panics
    ///
    /// Panics when all 2^32 ids are in use.
    pub fn insert(&mut self, value: T) -> u32 {
        debug_assert!(value.vacancy().is_none(), "a value must not look vacant");
        let at = match self.open.last() {
            Some(&at) => at as usize,
            None => self.open_chunk(),
        };
        let chunk = &mut self.chunks[at];
        let cell = if chunk.free != NONE {
            let cell = chunk.free as usize;
            chunk.free = chunk.cells[cell].vacancy().expect("the free list holds vacant cells");
            chunk.cells[cell] = value;
            cell
        } else {
            if chunk.cells.capacity() == 0 && at > 0 {
                chunk.cells.reserve_exact(CHUNK);
                self.whole += 1;
            }
            chunk.cells.push(value);
            chunk.cells.len() - 1
        };
        chunk.live += 1;
        if usize::from(chunk.live) == CHUNK {
            chunk.is_open = false;
            self.open.pop();
        }
        self.len += 1;
        (at * CHUNK + cell) as u32
    }

    /// Takes the value out of cell `id`.
    ///
    /// # Panics
    ///
    /// Panics when the cell is vacant.
    pub fn remove(&mut self, id: u32) -> T {
        let (at, cell) = Self::split(id);
        let chunk = &mut self.chunks[at];
        assert!(chunk.cells[cell].vacancy().is_none(), "cell {id} is vacant");
        let value = std::mem::replace(&mut chunk.cells[cell], T::vacant(chunk.free));
        chunk.free = cell as u16;
        chunk.live -= 1;
        self.len -= 1;
        if chunk.live == 0 {
            chunk.cells = Vec::new();
            chunk.free = NONE;
            self.whole -= usize::from(at > 0);
        }
        if !chunk.is_open {
            chunk.is_open = true;
            self.open.push(at as u32);
        }
        if self.len == 0 {
            *self = Self::default();
        }
        value
    }

    /// The value in cell `id`, or `None` where the cell is vacant or was never used.
    pub fn get(&self, id: u32) -> Option<&T> {
        let (at, cell) = Self::split(id);
        self.chunks.get(at)?.cells.get(cell).filter(|value| value.vacancy().is_none())
    }

    /// Every value with its id, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let occupied = chunk.cells.iter().enumerate().filter(|(_, v)| v.vacancy().is_none());
            occupied.map(move |(cell, value)| ((at * CHUNK + cell) as u32, value))
        })
    }

    /// The id of any value, each as likely. O(1) expected while an eighth or more of the cells below
    /// [`id_bound`](Self::id_bound) are occupied; else up to O(chunks), by counting.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<u32> {
        /// Draws before counting is cheaper; an eighth full, one in 5000 calls needs more.
        const DRAWS: u32 = 64;
        if self.len == 0 {
            return None;
        }
        for _ in 0..DRAWS {
            let id = rng.u32(..self.id_bound());
            if self.get(id).is_some() {
                return Some(id);
            }
        }
        Some(self.nth(rng.usize(..self.len)))
    }

    /// The id of the `nth` value in the order of ids, of which there must be more than `nth`.
    fn nth(&self, mut nth: usize) -> u32 {
        for (at, chunk) in self.chunks.iter().enumerate() {
            let live = usize::from(chunk.live);
            if nth < live {
                let mut cells =
                    chunk.cells.iter().enumerate().filter(|(_, v)| v.vacancy().is_none());
                let (cell, _) = cells.nth(nth).expect("`live` counts the occupied cells");
                return (at * CHUNK + cell) as u32;
            }
            nth -= live;
        }
        unreachable!("`len` counts the values of all chunks")
    }

    /// Drops whole chunks of values, the last first, until at least `count` values are gone or
    /// none is left; returns how many went. For dismantling a large slab in bounded steps: ids in
    /// the chunks that went are vacant afterwards.
    pub fn drop_some(&mut self, count: usize) -> usize {
        let mut gone = 0;
        while gone < count
            && let Some(chunk) = self.chunks.pop()
        {
            gone += usize::from(chunk.live);
            self.len -= usize::from(chunk.live);
            // Not the first chunk, nor one that was given back.
            self.whole -= usize::from(!self.chunks.is_empty() && chunk.live > 0);
        }
        // Only chunks that still stand may be open.
        let left = self.chunks.len() as u32;
        self.open.retain(|&at| at < left);
        if self.len == 0 {
            *self = Self::default();
        }
        gone
    }

    /// Adds a chunk, or re-opens a released one, and returns its place.
    fn open_chunk(&mut self) -> usize {
        let at = self.chunks.len();
        assert!(at < u32::MAX as usize / CHUNK, "a slab has at most 2^32 cells");
        self.chunks.push(Chunk { cells: Vec::new(), live: 0, free: NONE, is_open: true });
        self.open.push(at as u32);
        at
    }

    /// Checks the invariants. For tests and fuzzing only: O(n).
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        let mut len = 0;
        for (at, chunk) in self.chunks.iter().enumerate() {
            let live = chunk.cells.iter().filter(|value| value.vacancy().is_none()).count();
            assert_eq!(live, usize::from(chunk.live), "chunk {at} miscounts");
            assert!(live > 0 || chunk.cells.capacity() == 0, "chunk {at} is empty and kept");
            let mut vacant = 0;
            let mut next = chunk.free;
            while next != NONE {
                vacant += 1;
                next = chunk.cells[next as usize].vacancy().expect("a free cell is vacant");
            }
            assert_eq!(vacant, chunk.cells.len() - live, "chunk {at} lost a vacant cell");
            let listed = self.open.iter().filter(|&&open| open as usize == at).count();
            assert_eq!(listed, usize::from(chunk.is_open), "chunk {at} is listed {listed} times");
            assert_eq!(chunk.is_open, live < CHUNK);
            len += live;
        }
        assert_eq!(len, self.len);
        let whole = self.chunks.iter().skip(1).filter(|chunk| chunk.live > 0).count();
        assert_eq!(whole, self.whole);
    }
}

impl<T, const CHUNK: usize> Slab<T, CHUNK> {
    fn split(id: u32) -> (usize, usize) {
        (id as usize / CHUNK, id as usize % CHUNK)
    }
}

impl<T, const CHUNK: usize> Index<u32> for Slab<T, CHUNK> {
    type Output = T;

    fn index(&self, id: u32) -> &T {
        let (at, cell) = Self::split(id);
        &self.chunks[at].cells[cell]
    }
}

impl<T, const CHUNK: usize> IndexMut<u32> for Slab<T, CHUNK> {
    fn index_mut(&mut self, id: u32) -> &mut T {
        let (at, cell) = Self::split(id);
        &mut self.chunks[at].cells[cell]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    const CHUNK: usize = 256;

    /// The least thing that can be vacant: the sign says so.
    impl Cell for i64 {
        fn vacant(next: u16) -> Self {
            -1 - i64::from(next)
        }

        fn vacancy(&self) -> Option<u16> {
            (*self < 0).then(|| (-1 - *self) as u16)
        }
    }

    proptest! {
        #[test]
        fn a_slab_keeps_what_a_map_keeps(steps in prop::collection::vec((any::<bool>(), any::<u16>()), 1..2000)) {
            let (mut slab, mut model) = (<Slab<i64>>::default(), BTreeMap::new());
            for (n, (grow, pick)) in steps.into_iter().enumerate() {
                if grow || model.is_empty() {
                    let id = slab.insert(n as i64);
                    prop_assert_eq!(model.insert(id, n as i64), None, "an id is handed out once");
                } else {
                    let nth = usize::from(pick) % model.len();
                    let id = *model.keys().nth(nth).unwrap();
                    prop_assert_eq!(Some(slab.remove(id)), model.remove(&id));
                    prop_assert_eq!(slab.get(id), None);
                }
            }
            slab.assert_valid();
            prop_assert!(slab.iter().map(|(id, v)| (id, *v)).eq(model));
        }
    }

    #[test]
    fn an_emptied_slab_holds_no_memory() {
        let mut slab = <Slab<i64>>::default();
        let ids: Vec<u32> = (0..10_000).map(|n| slab.insert(n)).collect();
        assert!(slab.heap_bytes() >= 10_000 * size_of::<i64>());
        // The chunks in the middle are given back at once.
        for &id in &ids[1_000..9_000] {
            slab.remove(id);
        }
        slab.assert_valid();
        assert!(slab.heap_bytes() < 4_000 * size_of::<i64>());
        for &id in ids[..1_000].iter().chain(&ids[9_000..]) {
            slab.remove(id);
        }
        assert_eq!(slab.heap_bytes(), 0);
        slab.assert_valid();
    }

    #[test]
    fn a_random_value_is_any_of_them_with_equal_chance() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut slab = <Slab<i64>>::default();
        assert_eq!(slab.random(&mut rng), None);
        let ids: Vec<u32> = (0..20_000).map(|n| slab.insert(n)).collect();
        // Dense: every cell; sparse: five far apart, which takes counting.
        for keep in [1, 4_000] {
            ids.iter().filter(|&&id| id % keep != 0).for_each(|&id| {
                slab.remove(id);
            });
            let mut drawn = BTreeMap::<u32, u32>::new();
            let draws = 20 * slab.len().max(500) as u32;
            (0..draws).for_each(|_| *drawn.entry(slab.random(&mut rng).unwrap()).or_default() += 1);
            assert!(drawn.keys().all(|&id| slab.get(id).is_some()));
            let mean = draws / slab.len() as u32;
            assert_eq!(drawn.len(), slab.len(), "none is left out of 20 draws each");
            assert!(drawn.values().all(|&n| n < 3 * mean), "{drawn:?}");
        }
    }

    #[test]
    fn dropping_some_keeps_the_rest() {
        let mut slab = <Slab<i64>>::default();
        (0..1000).for_each(|n| {
            slab.insert(n);
        });
        assert_eq!(slab.drop_some(1), 1000 - 3 * CHUNK);
        slab.assert_valid();
        assert_eq!(slab[0], 0);
        assert_eq!(slab.insert(7) as usize, 3 * CHUNK, "the chunks left are full");
        assert_eq!(slab.drop_some(usize::MAX), 3 * CHUNK + 1);
        assert!(slab.is_empty());
    }
}
