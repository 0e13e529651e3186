//! An entry: one key with its value, timer and access bits, in 56 bytes.
//!
//! ```text
//! key 24 | value 24 | timer 4 | access 4
//! ```
//!
//! The deadline itself lies in the wheel, under the timer's id. What the access bits mean is the
//! eviction rule's affair: hit count and queue slot, last access, or frequency. Where there is no
//! rule they hold a lower bound of the deadline, so that a read of a key that has long to live need
//! not look into the wheel.

use larder_base::sync::atomic::AtomicU32;
use larder_collections::blob::Blob;
use larder_collections::wheel::TimerId;

use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Blob,
    pub(crate) value: Value,
    pub(crate) timer: Option<TimerId>,
    pub(crate) access: AtomicU32,
}

#[cfg(not(larder_loom))]
const _: () = assert!(size_of::<Entry>() == 56);

/// What an entry is charged beside its key's and value's heap: 57 bytes a bucket at the mean fill
/// of a segmented table, about two thirds.
pub(crate) const ENTRY_BYTES: u64 = 88;
/// What a deadline adds: a cell of the wheel and its share of the chunk's slack.
pub(crate) const TIMER_BYTES: u64 = 25;

/// Milliseconds in a unit of [`due_floor`], as a shift: about a second; 32 bits last until 2109.
const FLOOR_SHIFT: u32 = 10;

/// What stands in the access bits for a deadline, where there is no eviction rule.
pub(crate) fn due_floor(due_ms: u64) -> u32 {
    u32::try_from(due_ms >> FLOOR_SHIFT).unwrap_or(u32::MAX)
}

/// True when a deadline of this floor has certainly not passed.
#[inline]
pub(crate) fn is_before_floor(now_ms: u64, floor: u32) -> bool {
    now_ms >> FLOOR_SHIFT < u64::from(floor)
}

impl Entry {
    /// What the entry is charged in bytes. O(1).
    pub(crate) fn bytes(&self) -> u64 {
        let timer = if self.timer.is_some() { TIMER_BYTES } else { 0 };
        ENTRY_BYTES + self.key.heap_bytes() as u64 + self.value.heap_bytes() + timer
    }
}
