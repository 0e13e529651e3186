//! Budgets: how much the namespaces that share one may hold.

use std::sync::Arc;

use larder_base::sync::atomic::{AtomicU64, Ordering};

/// A limit on what namespaces hold, in bytes or in entries. Clones are the same budget, so several
/// namespaces can share one.
///
/// As in Redis, the write that crosses the limit passes; it then evicts, or, where nothing may be
/// evicted, the *next* write that needs room is refused.
///
/// ```
/// use larder_engine::Budget;
///
/// let budget = Budget::bytes(64 << 20);
/// assert_eq!((budget.limit(), budget.used()), (64 << 20, 0));
/// ```
#[derive(Clone, Debug)]
pub struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    unit: Unit,
    limit: AtomicU64,
    used: AtomicU64,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Entries,
}

impl Budget {
    /// A budget of `limit` bytes: keys, values and the engine's own cost for each entry.
    pub fn bytes(limit: u64) -> Self {
        Self::of(Unit::Bytes, limit)
    }

    /// A budget of `limit` entries, whatever they weigh.
    pub fn entries(limit: u64) -> Self {
        Self::of(Unit::Entries, limit)
    }

    fn of(unit: Unit, limit: u64) -> Self {
        Self(Arc::new(State { unit, limit: limit.into(), used: AtomicU64::new(0) }))
    }

    /// The limit, in the budget's unit.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit. What is too much is evicted by the next writes.
    pub fn set_limit(&self, limit: u64) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// What is in use, in the budget's unit.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// True when both are the same budget.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn unit(&self) -> Unit {
        self.0.unit
    }

    pub(crate) fn is_over(&self) -> bool {
        self.used() > self.limit()
    }

    /// Replaces a share of `before` by one of `after`.
    pub(crate) fn charge(&self, before: u64, after: u64) {
        // Wrapping is exact: the sum over all shares is what it would be without it.
        self.0.used.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
}
