//! A registry: a list that only grows, whose items can be borrowed for as long as it lives.
//!
//! Reading takes no lock, and an item never moves: item `n` lies in the bucket of its magnitude,
//! buckets double in size and are allocated on first use.
//!
//! ```text
//! bucket   0    1      2          3
//! items   [0] [1 2] [3 4 5 6] [7 8 .. 14] ..
//! ```

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, OnceLock};

const BUCKETS: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Registry<T> {
    buckets: [OnceLock<Box<[OnceLock<T>]>>; BUCKETS],
    len: AtomicUsize,
    growing: Mutex<()>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Registry<T> {
    /// How many items it can hold.
    pub const LIMIT: usize = (1 << BUCKETS) - 1;

    /// An empty list. Allocates nothing.
    pub fn new() -> Self {
        let buckets = std::array::from_fn(|_| OnceLock::new());
        Self { buckets, len: AtomicUsize::new(0), growing: Mutex::new(()) }
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// True when there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an item and returns its place; gives it back when the list is full.
    pub fn push(&self, item: T) -> Result<usize, T> {
        let _growing = self.growing.lock();
        let at = self.len.load(Ordering::Relaxed);
        if at == Self::LIMIT {
            return Err(item);
        }
        let (bucket, within) = split(at);
        let slots = self.buckets[bucket]
            .get_or_init(|| (0..1usize << bucket).map(|_| OnceLock::new()).collect());
        slots[within].set(item)?;
        self.len.store(at + 1, Ordering::Release);
        Ok(at)
    }

    /// The item at a place. O(1), no lock.
    #[inline]
    pub fn at(&self, at: usize) -> Option<&T> {
        let (bucket, within) = split(at);
        self.buckets.get(bucket)?.get()?[within].get()
    }

    /// Every item, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len()).filter_map(|at| self.at(at))
    }
}

#[inline]
fn split(at: usize) -> (usize, usize) {
    let bucket = (at + 1).ilog2() as usize;
    (bucket, at + 1 - (1 << bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_places_while_the_list_grows() {
        let list = Registry::new();
        let first = list.push(String::from("0")).map(|at| list.at(at)).unwrap().unwrap();
        for n in 1..1000 {
            assert_eq!(list.push(n.to_string()), Ok(n));
        }
        assert_eq!(first, "0");
        assert!(list.iter().enumerate().all(|(n, item)| *item == n.to_string()));
        assert_eq!((list.len(), list.at(1000)), (1000, None));
    }

    #[test]
    fn a_full_list_gives_the_item_back() {
        let list = Registry::new();
        (0..Registry::<usize>::LIMIT).for_each(|n| assert_eq!(list.push(n), Ok(n)));
        assert_eq!(list.push(7), Err(7));
    }
}
