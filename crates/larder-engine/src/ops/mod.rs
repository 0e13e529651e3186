//! Operations: what can be done to each kind of value, as functions over a [`Slot`](crate::slot::Slot).
//!
//! They check, then change through the slot, so that a failed operation changed nothing. To add
//! one: write it here, next to its kind, and give it a method in `groups`.

pub(crate) mod key;
pub(crate) mod lease;
pub(crate) mod sorted_set;
pub(crate) mod string;

use crate::error::{Error, Result};
use crate::value::Kind;

/// Redis' index arithmetic: negative counts from the end, both ends included. The positions within
/// `0..len`, empty when there is nothing between.
pub(crate) fn positions(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    // Lengths are far below 2^63.
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

pub(crate) fn wrong_kind<T>(expected: Kind, found: Kind) -> Result<T> {
    Err(Error::WrongKind { expected, found })
}
