//! What a transaction gathers while it runs, to be told, undone or buried at its end.

use larder_base::clock::{Clock, Time};
use larder_collections::blob::Blob;

use crate::effect::Effect;
use crate::event::EventKind;
use crate::undo::Undo;
use crate::value::Value;

/// What a transaction gathers while it runs.
#[derive(Debug)]
pub(crate) struct Cx {
    pub(super) now: Option<Time>,
    /// True inside a closure: changes can be taken back.
    pub(crate) is_undoable: bool,
    /// True while effects are replayed: nothing lapses, nothing is recorded again.
    pub(crate) is_replaying: bool,
    pub(crate) is_listening: bool,
    /// The least deadline given, in milliseconds.
    pub(crate) least_due: u64,
    /// `None` for the common write, which has nothing to tell, undo or bury: it pays one word.
    pub(super) gathered: Option<Box<Gathered>>,
}

/// See [`Cx`].
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) undo: Vec<Undo>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) grave: Vec<Value>,
    /// Namespaces that had room when the transaction first grew them: what it makes too much
    /// itself is evicted when it has ended, as for any write that crosses a limit.
    pub(super) growing: Vec<u32>,
}

/// Something to tell at commit.
#[derive(Debug)]
pub(crate) struct Notice {
    /// Index of the held shard.
    pub(crate) at: usize,
    pub(crate) key: Blob,
    pub(crate) event: Option<EventKind>,
    pub(crate) effect: Option<Effect>,
    /// True for what holds even if the transaction rolls back: a key that lapsed has lapsed.
    pub(crate) lapsed: bool,
}

/// A point in a transaction: how many undo steps and notices there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Savepoint {
    pub(super) undo: usize,
    pub(super) notices: usize,
}

impl Cx {
    /// The transaction's one reading of the clock.
    pub(crate) fn now(&mut self, clock: &Clock) -> Time {
        *self.now.get_or_insert_with(|| clock.now())
    }

    pub(crate) fn gather(&mut self) -> &mut Gathered {
        self.gathered.get_or_insert_default()
    }

    /// Puts a value aside until no lock is held, if dropping it may take long or run foreign code.
    #[inline]
    pub(crate) fn bury(&mut self, value: Value) {
        if value.drops_late() {
            self.gather().grave.push(value);
        }
    }
}
