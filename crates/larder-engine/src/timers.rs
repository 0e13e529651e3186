//! The ends of waits, in the order of time. Entries have wheels; these are few, and finer.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_base::clock::Time;
use larder_base::sync::Mutex;

use crate::wait::Waiting;

/// Waiters by when their time is up, then by number.
#[derive(Debug, Default)]
pub(crate) struct Timers(Mutex<BTreeMap<(Time, u64), Arc<dyn Waiting>>>);

impl Timers {
    pub(crate) fn add(&self, deadline: Time, waiter: Arc<dyn Waiting>) {
        self.0.lock().insert((deadline, waiter.number()), waiter);
    }

    pub(crate) fn remove(&self, deadline: Time, number: u64) {
        let removed = self.0.lock().remove(&(deadline, number));
        drop(removed);
    }

    /// The least deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.lock().first_key_value().map(|(&(deadline, _), _)| deadline)
    }

    /// Takes out the waiters whose deadline has passed at `now`.
    pub(crate) fn take_due(&self, now: Time) -> impl Iterator<Item = Arc<dyn Waiting>> {
        let mut timers = self.0.lock();
        // A deadline is passed when now is later than it.
        let later = timers.split_off(&(now, 0));
        std::mem::replace(&mut *timers, later).into_values()
    }
}
