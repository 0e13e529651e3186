//! A walk over a range of ranks of the list, from both ends.
//!
//! Each end is found from the root when it is first needed, O(log n), and then goes
//! along the chain of bottom blocks, O(1): taking a few from the back costs no search
//! for the front.

use std::ops::Range;

use super::block::Key;
use super::bskip::{BSkip, Place};

/// A walk over ranks from both ends: each end is found when it is first needed.
#[derive(Debug)]
pub(super) struct Walk<'a, K> {
    list: &'a BSkip<K>,
    ranks: Range<usize>,
    front: Option<Place>,
    back: Option<Place>,
}

impl<K> Clone for Walk<'_, K> {
    fn clone(&self) -> Self {
        Self { list: self.list, ranks: self.ranks.clone(), front: self.front, back: self.back }
    }
}

impl<'a, K: Key> Walk<'a, K> {
    pub(super) fn new(list: &'a BSkip<K>, ranks: Range<usize>) -> Self {
        let end = ranks.end.min(list.len());
        Self { list, ranks: ranks.start.min(end)..end, front: None, back: None }
    }
}

impl<K: Key> Iterator for Walk<'_, K> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let rank = self.ranks.next()?;
        let mut place = match self.front {
            Some(place) => place,
            None => self.list.locate(rank),
        };
        let block = self.list.block(place.block);
        let id = block.ids()[place.at];
        place.at += 1;
        if place.at == block.len() {
            place = Place { block: block.next, at: 0 };
        }
        self.front = Some(place);
        Some(id)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<u32> {
        if n > 0 {
            self.front = None;
            self.ranks.start = self.ranks.start.saturating_add(n).min(self.ranks.end);
        }
        self.next()
    }
}

impl<K: Key> DoubleEndedIterator for Walk<'_, K> {
    fn next_back(&mut self) -> Option<u32> {
        let rank = self.ranks.next_back()?;
        let place = match self.back {
            // The block before, of which the last entry is next.
            Some(Place { block, at: 0 }) => {
                let block = self.list.block(block).prev;
                Place { block, at: self.list.block(block).len() - 1 }
            }
            Some(Place { block, at }) => Place { block, at: at - 1 },
            None => self.list.locate(rank),
        };
        self.back = Some(place);
        Some(self.list.id_at(place))
    }
}

impl<K: Key> ExactSizeIterator for Walk<'_, K> {}
