//! First-in-first-out queues of resident entries, linked through one slab.
//!
//! ```text
//! slab   [ node | node | node | .. ]
//! queue  oldest -> .. -> newest       (links are ids in the slab)
//! ```
//!
//! A queue knows how many entries it holds and what they weigh together; an entry leaves from
//! anywhere in O(1).

use crate::slab::{Cell, Slab};

/// The end of a queue.
pub(super) const NONE: u32 = u32::MAX;
/// An entry's weight is held in 40 bits; what is heavier counts as this.
pub(super) const HEAVIEST: u64 = (1 << 40) - 1;

/// The most credit that a node can hold.
pub(super) const MOST_CREDIT: u8 = 7;

/// What the policy keeps of a resident entry: 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) hash: u64,
    older: u32,
    newer: u32,
    weight_low: u32,
    /// Set anew at every move, so that a candidate that has moved since is known as stale.
    pub(super) generation: u16,
    weight_high: u8,
    /// `Place` in two bits, then "offered" in one, then the credit.
    state: u8,
}

const _: () = assert!(size_of::<Node>() == 24);

/// Which queue a node belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// None: a cell of the slab that holds no node.
    Vacant = 0,
    Small = 1,
    Main = 2,
}

impl Node {
    pub(super) fn new(hash: u64, weight: u64, place: Place) -> Self {
        let (older, newer, state) = (NONE, NONE, place as u8);
        let (generation, weight_low, weight_high) = (0, 0, 0);
        let mut node = Self { hash, older, newer, weight_low, generation, weight_high, state };
        node.set_weight(weight);
        node
    }

    pub(super) fn weight(&self) -> u64 {
        u64::from(self.weight_high) << 32 | u64::from(self.weight_low)
    }

    fn set_weight(&mut self, weight: u64) {
        let weight = weight.min(HEAVIEST);
        self.weight_low = weight as u32;
        self.weight_high = (weight >> 32) as u8;
    }

    pub(super) fn place(&self) -> Place {
        match self.state & 3 {
            0 => Place::Vacant,
            1 => Place::Small,
            _ => Place::Main,
        }
    }

    /// True while the node waits for a decision, outside the queue that it belongs to.
    pub(super) fn is_offered(&self) -> bool {
        self.state & 4 != 0
    }

    pub(super) fn offer(&mut self) {
        self.state |= 4;
    }

    /// The laps of the main queue without a hit that the node will survive.
    pub(super) fn credit(&self) -> u8 {
        self.state >> 3
    }

    /// Puts the node down for `place` with so much credit; it is no longer on offer.
    pub(super) fn assign(&mut self, place: Place, credit: u8) {
        self.state = place as u8 | credit.min(MOST_CREDIT) << 3;
    }
}

impl Cell for Node {
    fn vacant(next: u16) -> Self {
        Self { generation: next, ..Self::new(0, 0, Place::Vacant) }
    }

    fn vacancy(&self) -> Option<u16> {
        (self.place() == Place::Vacant).then_some(self.generation)
    }
}

/// A queue; its nodes live in a slab that the caller passes in.
#[derive(Debug)]
pub(super) struct Queue {
    oldest: u32,
    newest: u32,
    pub(super) len: u32,
    pub(super) weight: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { oldest: NONE, newest: NONE, len: 0, weight: 0 }
    }
}

impl Queue {
    /// The node that has been here longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Adds node `id` as the newest.
    pub(super) fn push(&mut self, nodes: &mut Slab<Node>, id: u32) {
        let node = &mut nodes[id];
        (node.older, node.newer) = (self.newest, NONE);
        self.weight += node.weight();
        match self.newest {
            NONE => self.oldest = id,
            newest => nodes[newest].newer = id,
        }
        self.newest = id;
        self.len += 1;
    }

    /// Takes node `id`, which is in this queue, out of it.
    pub(super) fn unlink(&mut self, nodes: &mut Slab<Node>, id: u32) {
        let Node { older, newer, .. } = nodes[id];
        match older {
            NONE => self.oldest = newer,
            older => nodes[older].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => nodes[newer].older = older,
        }
        self.weight -= nodes[id].weight();
        self.len -= 1;
    }

    /// Sets what node `id`, which is in this queue, weighs.
    pub(super) fn set_weight(&mut self, nodes: &mut Slab<Node>, id: u32, weight: u64) {
        self.weight -= nodes[id].weight();
        nodes[id].set_weight(weight);
        self.weight += nodes[id].weight();
    }

    /// Every node from the oldest to the newest.
    pub(super) fn iter<'a>(&self, nodes: &'a Slab<Node>) -> impl Iterator<Item = (u32, &'a Node)> {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let id = (at != NONE).then_some(at)?;
            at = nodes[id].newer;
            Some((id, &nodes[id]))
        })
    }

    /// True when `id` is the newest node, or `NONE` and there is none.
    pub(super) fn ends_at(&self, id: u32) -> bool {
        self.newest == id
    }
}
