//! Any sequence of inserts, cancels, reschedules and limited advances leaves a valid wheel that
//! fires every timer once, in the order of due ticks and not early.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use larder_collections::wheel::{Advance, TimerId, Wheel};

#[derive(Arbitrary, Debug)]
enum Step {
    Insert { at: Distance },
    Cancel { nth: u8 },
    Reschedule { nth: u8, at: Distance },
    Advance { at: Distance, limit: u8 },
    AdvanceToNext { limit: u8 },
}

/// `by` slots of a level: the edges of levels are where mistakes live.
#[derive(Arbitrary, Debug)]
struct Distance {
    level: u8,
    slots: i8,
    by: i8,
}

impl Distance {
    fn from(&self, now: u64) -> u64 {
        let slots = i64::from(self.slots) << (6 * (self.level % 10));
        now.saturating_add_signed(slots).saturating_add_signed(self.by.into())
    }
}

/// Timers by id and by when they count as due: a timer that was filed too late is due at once.
#[derive(Default)]
struct Model {
    ranks: BTreeMap<TimerId, u64>,
    order: BTreeSet<(u64, TimerId)>,
    payloads: BTreeMap<TimerId, u64>,
}

impl Model {
    fn put(&mut self, id: TimerId, rank: u64) {
        assert_eq!(self.ranks.insert(id, rank), None, "an id names one timer");
        self.order.insert((rank, id));
    }

    fn take(&mut self, id: TimerId) -> u64 {
        let rank = self.ranks.remove(&id).expect("a timer that waits");
        self.order.remove(&(rank, id));
        rank
    }

    fn nth(&self, nth: u8) -> Option<TimerId> {
        self.ranks.keys().nth(usize::from(nth)).copied()
    }
}

fn advance(wheel: &mut Wheel<u64>, model: &mut Model, to: u64, limit: usize) {
    let to = to.max(wheel.now());
    let mut fired = 0;
    let left = wheel.advance(to, limit, |id, due, payload| {
        fired += 1;
        assert_eq!(model.payloads.remove(&id), Some(payload));
        let least = model.order.first().expect("a timer fires once").0;
        let rank = model.take(id);
        assert!(
            rank == least && due <= rank && rank <= to,
            "{rank} fired by {to}, {least} was due before"
        );
    });
    assert!(fired <= limit);
    if left == Advance::Done {
        assert_eq!(wheel.now(), to);
        assert!(model.order.first().is_none_or(|&(rank, _)| rank > to), "late");
    }
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let (mut wheel, mut model) = (Wheel::new(bytes.arbitrary().unwrap_or(0)), Model::default());
    while !bytes.is_empty() {
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        let now = wheel.now();
        match step {
            Step::Insert { at } => {
                let due = at.from(now);
                let id = wheel.insert(due, due);
                model.put(id, due.max(now));
                model.payloads.insert(id, due);
            }
            Step::Cancel { nth } => {
                let Some(id) = model.nth(nth) else { continue };
                model.take(id);
                assert_eq!(model.payloads.remove(&id), Some(wheel.cancel(id)));
            }
            Step::Reschedule { nth, at } => {
                let Some(id) = model.nth(nth) else { continue };
                let due = at.from(now).max(now);
                wheel.reschedule(id, due);
                model.take(id);
                model.put(id, due);
                assert_eq!(wheel.due(id), due);
            }
            Step::Advance { at, limit } => {
                advance(&mut wheel, &mut model, at.from(now), limit.into());
            }
            Step::AdvanceToNext { limit } => {
                let Some(next) = wheel.next() else { continue };
                advance(&mut wheel, &mut model, next, limit.into());
            }
        }
        assert_eq!(wheel.len(), model.ranks.len());
        assert!(wheel.next() <= model.ranks.values().min().copied());
        wheel.assert_valid();
    }
    advance(&mut wheel, &mut model, u64::MAX, usize::MAX);
    assert!(wheel.is_empty() && wheel.heap_bytes() == 0);
}
