//! What the engine's tests share: a sink that keeps effects, and a readable dump of a namespace.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use larder_engine::{
    Blob, Builder, Effect, EffectSink, Kind, Larder, ManualClock, Namespace, NamespaceOptions,
    Span, Time,
};

/// Keeps every effect, in order.
#[derive(Debug, Default)]
pub struct Recorder {
    effects: Mutex<Vec<(Arc<str>, Effect)>>,
    settled: Mutex<Vec<u64>>,
}

impl EffectSink for Recorder {
    fn append(&self, _: Time, effects: &[(Arc<str>, Effect)]) -> u64 {
        let mut all = self.effects.lock().unwrap();
        all.extend_from_slice(effects);
        all.len() as u64
    }

    fn settle(&self, number: u64) {
        self.settled.lock().unwrap().push(number);
    }
}

impl Recorder {
    pub fn effects(&self) -> Vec<Effect> {
        self.effects.lock().unwrap().iter().map(|(_, effect)| effect.clone()).collect()
    }

    pub fn settled(&self) -> Vec<u64> {
        self.settled.lock().unwrap().clone()
    }
}

/// An engine whose every choice repeats.
pub fn builder(clock: &ManualClock) -> Builder {
    Larder::builder().manual_clock(clock).shards(4).seed(7)
}

pub fn recorded() -> NamespaceOptions {
    NamespaceOptions::new().recorded(true)
}

/// What a key holds, readable and comparable.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    String(Vec<u8>),
    SortedSet(Vec<(Vec<u8>, f64)>),
    Lease(Vec<u8>, u64),
}

pub type Dump = BTreeMap<Vec<u8>, (Shown, Option<u64>)>;

/// Every key of a namespace with its value and deadline, through the public API.
pub fn dump(ns: &Namespace) -> Dump {
    let keys = ns.keys().matching("*").unwrap();
    keys.into_iter().map(|key| (key.to_vec(), (show(ns, &key), due(ns, &key)))).collect()
}

fn due(ns: &Namespace, key: &Blob) -> Option<u64> {
    ns.keys().deadline_ms(key).unwrap()
}

fn show(ns: &Namespace, key: &Blob) -> Shown {
    match ns.keys().kind(key).unwrap().unwrap() {
        Kind::String => Shown::String(ns.strings().get(key).unwrap().unwrap().to_vec()),
        Kind::SortedSet => {
            let members = ns.sorted_sets().range(key, &Span::all()).unwrap();
            Shown::SortedSet(members.into_iter().map(|(m, score)| (m.to_vec(), score)).collect())
        }
        Kind::Lease => {
            let lease = ns.leases().holder(key).unwrap().unwrap();
            Shown::Lease(lease.owner.to_vec(), lease.fence)
        }
        other => panic!("a {other} is not shown"),
    }
}
