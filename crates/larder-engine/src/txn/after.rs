//! What follows a transaction, when nothing is locked any more.
//!
//! In this order: waiters are served (each by a transaction of its own, whose remains are taken
//! over), everybody served is woken, events are delivered, replaced values dropped, budgets kept,
//! durability awaited. Wakers, listeners and `Drop` are the program's code; a panic of theirs keeps
//! none of the rest from being done.

use std::collections::VecDeque;

use larder_base::wake::Wake;
use larder_collections::blob::Blob;

use crate::engine::{Core, run_wakes};
use crate::namespace::Keyspace;
use crate::undo::Undo;
use crate::value::Value;

/// What remains to be done when nothing is locked any more.
#[derive(Debug, Default)]
pub(crate) struct After(Option<Box<Rest>>);

/// See [`After`].
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) owed: VecDeque<(u32, Blob)>,
    pub(crate) wakes: Vec<Wake>,
    pub(super) grave: Vec<Value>,
    pub(super) undo: Vec<Undo>,
    /// Namespaces that grew, whose budgets are to be kept.
    pub(super) grew: Vec<u32>,
    pub(super) has_events: bool,
    pub(super) settle: Option<u64>,
}

impl Rest {
    /// Takes over what another transaction left.
    pub(crate) fn absorb(&mut self, after: After) {
        let Some(mut other) = after.0 else { return };
        self.owed.append(&mut other.owed);
        self.wakes.append(&mut other.wakes);
        self.grave.append(&mut other.grave);
        self.undo.append(&mut other.undo);
        self.grew.append(&mut other.grew);
        self.has_events |= other.has_events;
        self.settle = self.settle.max(other.settle);
    }
}

impl After {
    pub(crate) fn rest(&mut self) -> &mut Rest {
        self.0.get_or_insert_default()
    }
}

impl Core {
    /// What follows a transaction when nothing is locked: waiters are served, events delivered,
    /// replaced values dropped, durability awaited.
    #[inline]
    pub(crate) fn conclude(&self, after: After) {
        match after.0 {
            Some(rest) => self.conclude_rest(rest),
            None => self.graveyard.help(),
        }
    }

    #[cold]
    fn conclude_rest(&self, mut rest: Box<Rest>) {
        while let Some((id, key)) = rest.owed.pop_front() {
            self.serve(&mut rest, id, &key);
        }
        run_wakes(rest.wakes.drain(..));
        if rest.has_events {
            self.outbox.deliver();
        }
        let replaced = rest.undo.drain(..).filter_map(Undo::into_value);
        self.graveyard.take_in(rest.grave.drain(..).chain(replaced));
        for id in rest.grew.drain(..) {
            self.trim(self.keyspace(id));
        }
        if let (Some(number), Some(sink)) = (rest.settle, &self.sink) {
            sink.settle(number);
        }
    }

    /// Serves the waiters of a key that somebody else fed and has not come to yet.
    pub(crate) fn serve_now(&self, keyspace: &Keyspace, key: Blob) {
        let mut after = After::default();
        after.rest().owed.push_back((keyspace.id, key));
        self.conclude(after);
    }
}
