//! What the tests of promises share: an engine on a manual clock, and an ear for its events.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_engine::{
    Content, Effect, EffectSink, EventKind, Larder, Listening, ManualClock, Namespace, Time,
};

/// An engine whose every choice repeats, on a clock that stands still, with one namespace.
pub fn open() -> (ManualClock, Larder, Namespace) {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).shards(16).seed(7).open();
    let ns = larder.namespace("main").unwrap();
    (clock, larder, ns)
}

pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn now_ms(clock: &ManualClock) -> u64 {
    clock.now().as_millis()
}

/// A name that is read more easily than bytes.
pub fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8(bytes.as_ref().to_vec()).unwrap()
}

/// Puts a string whose deadline has passed and which nobody has reclaimed: replay lets nothing
/// lapse.
pub fn put_dead(ns: &Namespace, key: &str, value: &str, now_ms: u64) {
    let effect = Effect::Put {
        key: key.into(),
        value: Content::String(value.into()),
        deadline_ms: Some(now_ms - 1),
    };
    ns.apply(&effect).unwrap();
}

/// Every key in the order of the shards, and so of the locks.
pub fn in_lock_order(ns: &Namespace) -> Vec<String> {
    let keys = ns.keys().matching("*").unwrap();
    keys.into_iter().map(text).collect()
}

/// Remembers every event.
pub struct Ear {
    heard: Arc<Mutex<Vec<(String, EventKind)>>>,
    _listening: Listening,
}

impl Ear {
    pub fn on(larder: &Larder) -> Self {
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let mine = Arc::clone(&heard);
        let listening = larder.on_event(move |event| {
            mine.lock().unwrap().push((text(&event.key), event.kind));
        });
        Self { heard, _listening: listening }
    }

    /// What was heard since the last time.
    pub fn heard(&self) -> Vec<(String, EventKind)> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// The keys of the events of one kind heard since the last time.
    pub fn keys(&self, kind: EventKind) -> Vec<String> {
        self.heard().into_iter().filter(|(_, other)| *other == kind).map(|(key, _)| key).collect()
    }
}

/// Remembers every batch of effects.
#[derive(Debug, Default)]
pub struct Batches(Mutex<Vec<Vec<Effect>>>);

impl EffectSink for Batches {
    fn append(&self, _: Time, effects: &[(Arc<str>, Effect)]) -> u64 {
        let mut batches = self.0.lock().unwrap();
        batches.push(effects.iter().map(|(_, effect)| effect.clone()).collect());
        batches.len() as u64
    }

    fn settle(&self, _: u64) {}
}

impl Batches {
    /// The batches since the last time.
    pub fn take(&self) -> Vec<Vec<Effect>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
