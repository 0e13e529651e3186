//! Reading a table without a hash: every entry, a scan in steps, one at random; and
//! taking it apart in steps.

use super::{SEGMENT, Segment, Table};

/// Draws before [`Table::random`] counts instead. Half of the buckets are in use as a rule.
const DRAWS: usize = 64;

/// With so few segments, the widest is looked up rather than assumed.
const FEW: usize = 8;

impl<T> Table<T> {
    /// Every entry, segment by segment.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flat_map(|segment| &segment.table)
    }

    /// Visits, in ascending [order](Self::order), some `count` entries whose order is `from` or
    /// greater, and returns the position to go on from, or `None` at the end. A scan starts at 0.
    ///
    /// An entry that is in the table from the first call to the last is visited, whatever is
    /// inserted and removed in between. Entries of equal order are visited in one call, so it
    /// may visit more than `count`; a count of 0 is taken as 1.
    ///
    /// Cost: `count` visits, and sorting the segment that it stops in.
    ///
    /// ```
    /// use larder_collections::table::Table;
    ///
    /// let hash = |n: &u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    /// let mut table = Table::new(0);
    /// for n in 0..1000_u64 {
    ///     table.insert(hash(&n), n, hash);
    /// }
    /// let (mut seen, mut next) = (Vec::new(), Some(0));
    /// while let Some(from) = next {
    ///     next = table.scan(from, 10, hash, |n| seen.push(*n));
    /// }
    /// assert_eq!(seen.len(), 1000);
    /// ```
    pub fn scan(
        &self,
        from: u64,
        count: usize,
        hasher: impl Fn(&T) -> u64,
        mut visit: impl FnMut(&T),
    ) -> Option<u64> {
        let (mut from, mut left) = (from, count.max(1));
        let mut found = Vec::new();
        loop {
            let &at = self.directory.get(self.slot(from))?;
            let &Segment { ref table, prefix, depth } = &self.segments[at as usize];
            found.clear();
            found.extend(table.iter().map(|entry| (self.order(hasher(entry)), entry)));
            found.retain(|&(order, _)| order >= from);
            found.sort_unstable_by_key(|&(order, _)| order);

            let mut last = None;
            for &(order, entry) in &found {
                if left == 0 && last != Some(order) {
                    return Some(order);
                }
                visit(entry);
                left = left.saturating_sub(1);
                last = Some(order);
            }
            from = end_of(prefix, depth)?;
            if left == 0 {
                return Some(from);
            }
        }
    }

    /// An entry drawn at random, each as likely as any other; `None` when there is none.
    ///
    /// Draws a segment and a bucket until the bucket is in use: two or three times as a rule.
    /// After 64 vain draws it counts the segments' entries instead, so that tables of any shape are
    /// drawn from in bounded time.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let buckets = self.bucket_bound();
        for _ in 0..DRAWS {
            let table = &self.segments[rng.usize(..self.segments.len())].table;
            let drawn = table.get_bucket(rng.usize(..buckets));
            if drawn.is_some() {
                return drawn;
            }
        }
        self.nth(rng.usize(..self.len))
    }

    /// A number of buckets that no segment exceeds.
    fn bucket_bound(&self) -> usize {
        if self.segments.len() <= FEW {
            let counts = self.segments.iter().map(|segment| segment.table.num_buckets());
            counts.max().unwrap_or(0)
        } else {
            SEGMENT.max(self.widest as usize)
        }
    }

    fn nth(&self, nth: usize) -> Option<&T> {
        let mut nth = nth;
        for segment in &self.segments {
            match nth.checked_sub(segment.table.len()) {
                Some(left) => nth = left,
                None => return segment.table.iter().nth(nth),
            }
        }
        None
    }

    /// Drops whole segments until at least `count` entries are gone or none is left; returns how
    /// many went. For dismantling a large table in bounded steps.
    ///
    /// From the first call until none is left, the table is being dismantled: it finds nothing and
    /// takes nothing. Emptied, it is as new.
    pub fn drop_some(&mut self, count: usize) -> usize {
        self.pop_some(count, drop)
    }

    /// As [`drop_some`](Self::drop_some), but hands the entries to `take`.
    pub fn pop_some(&mut self, count: usize, mut take: impl FnMut(T)) -> usize {
        self.directory = Vec::new();
        let mut gone = 0;
        while gone < count
            && let Some(Segment { table, .. }) = self.segments.pop()
        {
            gone += table.len();
            self.len -= table.len();
            self.heap -= table.allocation_size();
            table.into_iter().for_each(&mut take);
        }
        if self.segments.is_empty() {
            *self = Self::new(self.skip);
        }
        gone
    }
}

/// The first order behind a segment; `None` behind the last.
fn end_of(prefix: u32, depth: u32) -> Option<u64> {
    // 2^64 does not fit and comes out as 0, or as a shift by 64.
    (u64::from(prefix) + 1).checked_shl(u64::BITS - depth).filter(|&end| end != 0)
}
