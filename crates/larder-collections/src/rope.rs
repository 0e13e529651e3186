//! A rope: a long byte string in reference-counted blocks, changed in place.
//!
//! A blob that is shared or long costs a copy of the whole to change one byte. A rope copies
//! the one block that the byte is in, and that only while another clone still reads it: a
//! snapshot or an undo step keeps the old string at the price of a list of pointers.
//!
//! ```text
//! blocks   [ 16 KiB ][ 16 KiB ][ 16 KiB ][ 1..=16 KiB ]
//!              |         \         |            |
//!            shared     zeros   zeros       grows by doubling
//!         with a clone     (one block, twice)
//! ```
//!
//! Zeros that a write far beyond the end leaves behind are one block, named many times: setting
//! the last bit of an empty 512 MiB bitmap fills two blocks and a list of 256 KiB.
//!
//! # Invariants
//!
//! 1. Every block but the last holds exactly 16 KiB, in space of exactly that size.
//! 2. The last block is not empty; an empty rope holds no memory.
//!
//! # Cost
//!
//! With `n` the length: `len`, `byte`, `heap_bytes` O(1). `append` and `write` O(bytes written),
//! amortised, plus one block for each shared block that they touch; a gap of `g` zeros O(g / 16 KiB).
//! `clone` O(n / 16 KiB). Dropping a rope frees n / 16 KiB blocks: see [`Rope::drop_some`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes in a full block.
const BLOCK: usize = 16 * 1024;
/// What a block costs beside its bytes: the counts of its `Arc`, and its `Vec`.
const BLOCK_OVERHEAD: usize = 2 * size_of::<usize>() + size_of::<Vec<u8>>();

/// A growable byte string of shared blocks.
///
/// ```
/// use larder_collections::rope::Rope;
///
/// let mut rope = Rope::from(b"Hello World".as_slice());
/// let before = rope.clone();
/// rope.write(6, b"Redis");
/// rope.append(b"!");
/// assert_eq!(rope, *b"Hello Redis!");
/// assert_eq!(before, *b"Hello World");
/// ```
#[derive(Clone, Default)]
pub struct Rope {
    blocks: Vec<Arc<Vec<u8>>>,
}

impl Rope {
    /// An empty rope, which holds no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        match self.blocks.last() {
            None => 0,
            Some(last) => (self.blocks.len() - 1) * BLOCK + last.len(),
        }
    }

    /// True when there is no byte.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The bytes held on the heap, the rope itself not included. A block that is shared, with a
    /// clone or as zeros, counts in full wherever it is named: what is written to it later does
    /// not make the figure grow.
    pub fn heap_bytes(&self) -> usize {
        let blocks = match self.blocks.last() {
            None => 0,
            Some(last) => {
                (self.blocks.len() - 1) * (BLOCK_OVERHEAD + BLOCK)
                    + BLOCK_OVERHEAD
                    + last.capacity()
            }
        };
        blocks + self.blocks.capacity() * size_of::<Arc<Vec<u8>>>()
    }

    /// The byte at `at`, or `None` at or beyond the end.
    pub fn byte(&self, at: usize) -> Option<u8> {
        self.blocks.get(at / BLOCK)?.get(at % BLOCK).copied()
    }

    /// The pieces that make up `range`, none empty, in order. What lies beyond the end is left out.
    pub fn chunks(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let blocks = start / BLOCK..end.div_ceil(BLOCK);
        let pieces = blocks.map(move |block| {
            let first = block * BLOCK;
            let (from, to) = (start.max(first) - first, (end - first).min(BLOCK));
            &self.blocks[block][from..to]
        });
        pieces.filter(|piece| !piece.is_empty())
    }

    /// Adds the bytes of `range` to `out`. What lies beyond the end is left out.
    pub fn copy_to(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let end = range.end.min(self.len());
        out.reserve(end.saturating_sub(range.start));
        self.chunks(range).for_each(|piece| out.extend_from_slice(piece));
    }

    /// A copy of the bytes of `range`. What lies beyond the end is left out.
    pub fn read(&self, range: Range<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        self.copy_to(range, &mut out);
        out
    }

    /// A copy of the whole.
    pub fn to_vec(&self) -> Vec<u8> {
        self.read(0..self.len())
    }

    /// Adds `bytes` to the end.
    pub fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let last = self.blocks.last().map_or(BLOCK, |last| last.len());
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - last % BLOCK));
            match last {
                BLOCK => self.blocks.push(Arc::new(now.to_vec())),
                _ => self.grow_last(now.len()).extend_from_slice(now),
            }
            bytes = later;
        }
    }

    /// Writes `bytes` from `at` on, over what is there; the string grows as needed, with zeros
    /// between its old end and `at`. No bytes change nothing, wherever `at` is.
    ///
    /// # Panics
    ///
    /// Panics when `at + bytes.len()` does not fit a `usize`.
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = at.checked_add(bytes.len()).expect("a string's length fits a usize");
        let len = self.len();
        if at > len {
            self.append_zeros(at - len);
        }
        let (mut over, beyond) = bytes.split_at(end.min(self.len()) - at);
        let mut at = at;
        while !over.is_empty() {
            let block = Arc::make_mut(&mut self.blocks[at / BLOCK]);
            let room = &mut block[at % BLOCK..];
            let (now, later) = over.split_at(over.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            at += now.len();
            over = later;
        }
        self.append(beyond);
    }

    /// Cuts the string down to `len` bytes and gives back the space of the rest; a string that
    /// is no longer than that stays as it is.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        self.cut_blocks(len.div_ceil(BLOCK));
        let kept = len - self.blocks.len().saturating_sub(1) * BLOCK;
        let Some(last) = self.blocks.last_mut().filter(|last| last.len() > kept) else { return };
        match Arc::get_mut(last) {
            Some(block) => {
                block.truncate(kept);
                block.shrink_to_fit();
            }
            None => *last = Arc::new(last[..kept].to_vec()),
        }
    }

    /// Drops the last `blocks` blocks, or as many as there are; returns how many went. For
    /// dismantling a long string in bounded steps of 16 KiB each.
    pub fn drop_some(&mut self, blocks: usize) -> usize {
        let gone = blocks.min(self.blocks.len());
        self.cut_blocks(self.blocks.len() - gone);
        gone
    }

    /// Keeps the first `count` blocks.
    fn cut_blocks(&mut self, count: usize) {
        self.blocks.truncate(count);
        if count <= self.blocks.capacity() / 4 {
            self.blocks.shrink_to_fit();
        }
    }

    /// The last block with room for `more` bytes, which fit; its own, no longer shared.
    fn grow_last(&mut self, more: usize) -> &mut Vec<u8> {
        let last = self.blocks.last_mut().expect("there is a last block");
        let needed = last.len() + more;
        let wanted = needed.max((last.len() * 2).min(BLOCK));
        if Arc::get_mut(last).is_none() {
            let mut own = Vec::with_capacity(wanted);
            own.extend_from_slice(last);
            *last = Arc::new(own);
        }
        let block = Arc::get_mut(last).expect("the block is not shared");
        if needed > block.capacity() {
            block.reserve_exact(wanted - block.len());
        }
        block
    }

    fn append_zeros(&mut self, count: usize) {
        let end = self.len() + count;
        if let Some(last) = self.blocks.last().map(|last| last.len()) {
            let here = count.min(BLOCK - last);
            if here > 0 {
                self.grow_last(here).resize(last + here, 0);
            }
        }
        let left = end - self.len();
        if left >= BLOCK {
            let zeros = Arc::new(vec![0; BLOCK]);
            self.blocks.extend(std::iter::repeat_n(zeros, left / BLOCK));
        }
        if !left.is_multiple_of(BLOCK) {
            self.blocks.push(Arc::new(vec![0; left % BLOCK]));
        }
    }

    /// Checks the invariants. For tests and fuzzing only: O(blocks).
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        let Some((last, full)) = self.blocks.split_last() else {
            assert_eq!(self.blocks.capacity(), 0, "an empty rope holds a list");
            return;
        };
        for (at, block) in full.iter().enumerate() {
            assert_eq!(block.len(), BLOCK, "block {at} is not full");
            assert_eq!(block.capacity(), BLOCK, "block {at} has other space than it needs");
        }
        assert!(!last.is_empty(), "the last block is empty");
        assert!(last.capacity() <= BLOCK, "the last block outgrew its bound");
    }
}

impl From<&[u8]> for Rope {
    fn from(bytes: &[u8]) -> Self {
        let mut rope = Self { blocks: Vec::with_capacity(bytes.len().div_ceil(BLOCK)) };
        rope.append(bytes);
        rope
    }
}

impl PartialEq<[u8]> for Rope {
    fn eq(&self, other: &[u8]) -> bool {
        self.len() == other.len()
            && self.blocks.iter().zip(other.chunks(BLOCK)).all(|(block, piece)| **block == piece)
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Rope {
    fn eq(&self, other: &[u8; N]) -> bool {
        *self == other[..]
    }
}

impl PartialEq for Rope {
    fn eq(&self, other: &Self) -> bool {
        // Both are cut at the same places. A block compares with itself at no cost.
        let same = |(a, b): (&Arc<Vec<u8>>, _)| Arc::ptr_eq(a, b) || a == b;
        self.blocks.len() == other.blocks.len() && self.blocks.iter().zip(&other.blocks).all(same)
    }
}

impl Eq for Rope {}

/// The length and the first bytes: a string of any length prints on a line.
impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        let more = if self.len() > SHOWN { ".." } else { "" };
        let head = self.read(0..SHOWN);
        write!(f, "Rope({} bytes: b\"{}\"{more})", self.len(), head.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Append(Vec<u8>),
        Write(usize, Vec<u8>),
        Truncate(usize),
        DropSome(usize),
        /// Keeps a clone, which must not see what comes after.
        Keep,
        Forget,
    }

    /// Lengths around the edges of blocks as often as small ones.
    fn length() -> impl Strategy<Value = usize> {
        prop_oneof![0..200usize, BLOCK - 3..BLOCK + 3, 0..3 * BLOCK, 2 * BLOCK - 2..2 * BLOCK + 2]
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        (length(), 1..=u8::MAX).prop_map(|(len, first)| {
            (0..len).map(|n| first.wrapping_add((n % 251) as u8)).collect()
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => bytes().prop_map(Step::Append),
            3 => (length(), bytes()).prop_map(|(at, bytes)| Step::Write(at, bytes)),
            2 => (length(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(at, bytes)| Step::Write(at, bytes)),
            1 => length().prop_map(Step::Truncate),
            1 => (0..3usize).prop_map(Step::DropSome),
            2 => Just(Step::Keep),
            1 => Just(Step::Forget),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_rope_keeps_what_a_vec_keeps(
            steps in prop::collection::vec(step(), 1..30),
            (from, to) in (length(), length()),
        ) {
            let (mut rope, mut model) = (Rope::new(), Vec::new());
            let mut kept: Vec<(Rope, Vec<u8>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Append(bytes) => {
                        rope.append(&bytes);
                        model.extend_from_slice(&bytes);
                    }
                    Step::Write(at, bytes) => {
                        rope.write(at, &bytes);
                        if !bytes.is_empty() {
                            model.resize(model.len().max(at + bytes.len()), 0);
                            model[at..at + bytes.len()].copy_from_slice(&bytes);
                        }
                    }
                    Step::Truncate(len) => {
                        rope.truncate(len);
                        model.truncate(len);
                    }
                    Step::DropSome(blocks) => {
                        let had = model.len().div_ceil(BLOCK);
                        prop_assert_eq!(rope.drop_some(blocks), blocks.min(had));
                        model.truncate(had.saturating_sub(blocks) * BLOCK);
                    }
                    Step::Keep => kept.push((rope.clone(), model.clone())),
                    Step::Forget => drop(kept.pop()),
                }
                rope.assert_valid();
                prop_assert_eq!(rope.len(), model.len());
                prop_assert!(rope == *model, "not what was written");
            }
            for (then, model_then) in &kept {
                prop_assert!(*then == **model_then, "a clone saw a later change");
                prop_assert_eq!(*then == rope, *model_then == model);
            }
            let rewritten = Rope::from(model.as_slice());
            prop_assert!(rope == rewritten, "equal strings differ");
            let range = from.min(model.len())..to.min(model.len()).max(from.min(model.len()));
            let pieces: Vec<&[u8]> = rope.chunks(from..to).collect();
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            prop_assert!(pieces.concat() == model[range], "chunks differ");
            prop_assert_eq!(rope.byte(from), model.get(from).copied());
        }
    }

    #[test]
    fn a_writer_copies_only_the_block_that_it_changes() {
        let mut rope = Rope::from([7; 5 * BLOCK].as_slice());
        let before = rope.clone();
        rope.write(2 * BLOCK + 1, b"x");
        let shared = |at: usize| Arc::ptr_eq(&rope.blocks[at], &before.blocks[at]);
        assert_eq!([0, 1, 2, 3, 4].map(shared), [true, true, false, true, true]);
        assert_eq!(before.byte(2 * BLOCK + 1), Some(7));
    }

    #[test]
    fn a_writer_alone_copies_nothing() {
        let mut rope = Rope::from([7; 2 * BLOCK].as_slice());
        let at = |rope: &Rope| rope.blocks.iter().map(|block| block.as_ptr()).collect::<Vec<_>>();
        let before = at(&rope);
        rope.write(BLOCK - 1, b"xy");
        assert_eq!(at(&rope), before);
    }

    #[test]
    fn a_short_rope_does_not_hold_a_whole_block() {
        let mut rope = Rope::new();
        assert_eq!(rope.heap_bytes(), 0);
        for len in 1..=BLOCK {
            rope.append(b"x");
            let space = rope.blocks[0].capacity();
            assert!(space <= 2 * len && space <= BLOCK, "{space} bytes of space at {len}");
        }
        rope.truncate(100);
        assert!(rope.heap_bytes() < 200, "{} bytes for 100", rope.heap_bytes());
        rope.truncate(0);
        assert_eq!(rope.heap_bytes(), 0);
    }

    #[test]
    fn appending_allocates_rarely() {
        let mut rope = Rope::new();
        let mut moves = 0;
        for _ in 0..BLOCK {
            let before = rope.blocks.last().map(|last| last.capacity());
            rope.append(b"x");
            moves += usize::from(rope.blocks.last().map(|last| last.capacity()) != before);
        }
        assert_eq!(moves, 15, "one for each doubling from 1 to 16 KiB");
    }

    #[test]
    fn heap_bytes_counts_every_block_and_the_list() {
        let mut rope = Rope::from([1; 3 * BLOCK + 10].as_slice());
        let blocks = 3 * (BLOCK + BLOCK_OVERHEAD) + 10 + BLOCK_OVERHEAD;
        assert_eq!(rope.heap_bytes(), blocks + 4 * size_of::<usize>());
        let before = rope.clone();
        rope.write(0, b"x");
        assert_eq!(rope.heap_bytes(), before.heap_bytes(), "a copied block counted already");
    }

    #[test]
    fn a_far_write_names_one_block_of_zeros() {
        let mut rope = Rope::from(b"head".as_slice());
        let at = 1024 * BLOCK - 1;
        rope.write(at, b"x");
        rope.assert_valid();
        assert_eq!(rope.len(), at + 1);
        assert_eq!((rope.byte(3), rope.byte(4), rope.byte(at)), (Some(b'd'), Some(0), Some(b'x')));
        let mut blocks: Vec<_> = rope.blocks.iter().map(|block| block.as_ptr()).collect();
        blocks.dedup();
        assert_eq!(blocks.len(), 3, "the first, one for all the zeros, the last");
        // Each of the zeros is a place of its own all the same.
        rope.write(at / 2, b"y");
        let whole = rope.to_vec();
        assert_eq!(whole.iter().filter(|&&byte| byte == b'y').count(), 1);
        assert_eq!(whole[at / 2], b'y');
    }

    #[test]
    fn writing_nothing_changes_nothing() {
        let mut rope = Rope::from(b"abc".as_slice());
        rope.write(100, b"");
        rope.write(usize::MAX, b"");
        assert_eq!(rope, *b"abc");
    }

    #[test]
    #[should_panic(expected = "fits a usize")]
    fn a_write_past_the_end_of_memory_is_refused_before_it_grows() {
        Rope::new().write(usize::MAX, b"x");
    }

    #[test]
    fn ranges_beyond_the_end_or_backwards_hold_what_there_is() {
        let rope = Rope::from(b"abc".as_slice());
        assert_eq!(rope.read(1..usize::MAX), b"bc");
        assert_eq!(rope.read(3..9), b"");
        assert_eq!(rope.read(usize::MAX..usize::MAX), b"");
        let backwards = Range { start: 2, end: 1 };
        assert_eq!(rope.read(backwards), b"");
        assert_eq!(rope.byte(usize::MAX), None);
        let mut out = b"<".to_vec();
        rope.copy_to(0..2, &mut out);
        assert_eq!(out, b"<ab");
    }

    #[test]
    fn a_long_rope_goes_in_steps() {
        let mut rope = Rope::from([1; 10 * BLOCK + 1].as_slice());
        assert_eq!(rope.drop_some(4), 4);
        assert_eq!(rope.len(), 7 * BLOCK);
        assert_eq!(rope.drop_some(100), 7);
        assert_eq!((rope.drop_some(1), rope.heap_bytes()), (0, 0));
    }

    #[test]
    fn any_length_prints_on_a_line() {
        let short = Rope::from(b"a\n".as_slice());
        assert_eq!(format!("{short:?}"), r#"Rope(2 bytes: b"a\n")"#);
        let long = Rope::from([b'x'; 3 * BLOCK].as_slice());
        assert_eq!(format!("{long:?}"), format!("Rope(49152 bytes: b\"{}\"..)", "x".repeat(32)));
    }
}
