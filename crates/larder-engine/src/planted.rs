//! Planted bugs: places where a model breaks the engine, to prove that it would notice.
//!
//! Exists under the loom flag only. A bug is planted once, for the whole process: a model that has
//! to fail runs in a child of its own.

use larder_base::sync::OnceLock;

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "for this crate's own models")]
pub enum Bug {
    /// A waiter looks at its keys in one transaction and joins their queues in another.
    LateJoin,
    /// A waiter does not look once more whether the engine was closed.
    NoSecondLook,
    /// Nobody minds that a key is owed to its waiters.
    Overtaking,
    /// A transaction waits for shards in any order.
    AnyOrder,
    /// Events enter the outbox after the shards are unlocked.
    LateEvents,
    /// Whoever delivers sees that nothing is left, unlocks, and only then says that it is done.
    TornDelivery,
}

static PLANTED: OnceLock<Bug> = OnceLock::new();

/// Breaks the engine, for as long as the process lives.
///
/// # Panics
///
/// Panics when another bug is planted already.
pub fn plant(bug: Bug) {
    assert_eq!(*PLANTED.get_or_init(|| bug), bug, "one bug at a time");
}

/// True when `bug` was planted.
pub(crate) fn has(bug: Bug) -> bool {
    PLANTED.get() == Some(&bug)
}
