//! The program's own code, run by the engine: `Drop`, `Clone` and listeners that enter the engine
//! or panic; and large values, freed in bounded steps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_engine::{
    AddOptions, Budget, Error, EventKind, Eviction, Expiry, Larder, ManualClock, Namespace,
    NamespaceOptions, Object, Span,
};
use shared::{Ear, ms, open};

/// Calls the engine when it is dropped.
struct Calls(Namespace);

impl Drop for Calls {
    fn drop(&mut self) {
        self.0.counters().add("drops", 1).unwrap();
        _ = self.0.keys().exists("k").unwrap();
    }
}

/// Panics when it is dropped.
struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        // Without the hook's message: the panic is meant.
        std::panic::resume_unwind(Box::new("dropped"));
    }
}

/// Counts how many of it are left.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What makes an object go that is under `k`.
type Way = (&'static str, fn(&ManualClock, &Larder, &Namespace));

const WAYS: &[Way] = &[
    ("delete", |_, _, ns| _ = ns.keys().delete("k").unwrap()),
    ("delete many", |_, _, ns| _ = ns.keys().delete_many(&["k"]).unwrap()),
    ("set", |_, _, ns| ns.strings().set("k", "v").unwrap()),
    ("set many", |_, _, ns| ns.strings().set_many(&[("k", "v")]).unwrap()),
    ("put", |_, _, ns| ns.objects().put("k", 1, Expiry::Never).unwrap()),
    ("flush", |_, _, ns| _ = ns.keys().flush().unwrap()),
    ("rename over", |_, _, ns| {
        ns.strings().set("other", "v").unwrap();
        ns.keys().rename("other", "k").unwrap();
    }),
    ("copy over", |_, _, ns| {
        ns.strings().set("other", "v").unwrap();
        ns.keys().copy("other", "k", true).unwrap();
    }),
    ("expiry on time", |clock, _, ns| {
        ns.keys().expire("k", ms(1)).unwrap();
        clock.advance(ms(2)).unwrap();
    }),
    ("a deadline in the past", |_, _, ns| {
        _ = ns.keys().expire_at_ms("k", 1, larder_engine::ExpireIf::Always).unwrap();
    }),
    ("a transaction", |_, larder, ns| {
        larder.transaction(|tx| tx.keys(ns).delete("k").map(drop)).unwrap();
    }),
    ("a transaction that overwrites it", |_, larder, ns| {
        larder.transaction(|tx| tx.strings(ns).set("k", "v")).unwrap();
    }),
    ("store", |_, _, ns| {
        ns.sorted_sets().add("z", "m", 1.0).unwrap();
        ns.sorted_sets().store_range("k", "z", &Span::all()).unwrap();
    }),
];

#[test]
fn a_value_whose_drop_calls_the_engine_is_dropped_with_nothing_locked() {
    for (name, way) in WAYS {
        let (clock, larder, ns) = open();
        ns.objects().put("k", Calls(ns.clone()), Expiry::Never).unwrap();
        way(&clock, &larder, &ns);
        assert_eq!(ns.counters().value("drops").unwrap(), 1, "{name}");
        ns.assert_valid();
    }
}

#[test]
fn an_evicted_value_may_call_the_engine_when_it_is_dropped() {
    for rule in [Eviction::ScanResistant, Eviction::AllKeysLru] {
        let larder = Larder::builder().seed(7).open();
        let ns = larder.namespace("main").unwrap();
        let options = NamespaceOptions::new().budget(Budget::entries(2)).eviction(rule);
        let cache = larder.namespace_with("cache", options).unwrap();
        for n in 0..10 {
            cache.objects().put(format!("{n}"), Calls(ns.clone()), Expiry::Never).unwrap();
        }
        assert_eq!((cache.len(), ns.counters().value("drops").unwrap()), (2, 8), "{rule}");
        cache.keys().flush().unwrap();
    }
}

#[test]
fn a_value_that_was_refused_is_dropped_with_nothing_locked() {
    let larder = Larder::builder().manual_clock(&ManualClock::new()).seed(7).open();
    let ns = larder.namespace("main").unwrap();
    let cache = NamespaceOptions::cache(Budget::bytes(1000));
    let cache = larder.namespace_with("cache", cache).unwrap();
    let calls = || Calls(ns.clone());
    assert_eq!(
        ns.objects().put("k", calls(), Expiry::In(ms(0))),
        Err(Error::InvalidExpiry),
        "no such time"
    );
    assert!(matches!(
        cache.objects().put_object("k", Object::new(calls(), 9999), Expiry::Never),
        Err(Error::EntryTooLarge { .. })
    ));
    let long = vec![0; 100_000];
    assert!(matches!(
        ns.objects().put(&long, calls(), Expiry::Never),
        Err(Error::KeyTooLong { .. })
    ));
    assert_eq!(ns.counters().value("drops").unwrap(), 3);
    // Under a lease's guard, too.
    let refused = ns.guarded("lease", 7).objects().put("k", calls(), Expiry::Never);
    assert!(matches!(refused, Err(Error::StaleFence { .. })));
    assert_eq!(ns.counters().value("drops").unwrap(), 4);
}

#[test]
fn what_a_rolled_back_transaction_had_put_is_dropped_with_nothing_locked() {
    let (_clock, larder, ns) = open();
    let result = larder.transaction(|tx| {
        tx.objects(&ns).put("k", Calls(ns.clone()), Expiry::Never)?;
        Err::<(), _>(Error::NoSuchKey)
    });
    assert!(result.is_err());
    assert_eq!((ns.counters().value("drops").unwrap(), ns.keys().exists("k").unwrap()), (1, false));
}

#[test]
fn a_value_whose_drop_panics_harms_nobody() {
    for (name, way) in WAYS {
        let (clock, larder, ns) = open();
        let alive = Arc::default();
        ns.objects().put("k", Panics, Expiry::Never).unwrap();
        ns.strings().set("untouched", "v").unwrap();
        way(&clock, &larder, &ns);
        assert_eq!(larder.stats().drop_panics, 1, "{name}");
        // The next ones go as ever.
        ns.objects().put("l", Counted::new(&alive), Expiry::Never).unwrap();
        ns.keys().delete("l").unwrap();
        assert_eq!(alive.load(Ordering::Relaxed), 0);
        ns.assert_valid();
    }
}

#[test]
fn many_drops_that_panic_in_one_step_keep_no_other_from_being_dropped() {
    let (clock, larder, ns) = open();
    let alive = Arc::default();
    for n in 0..20 {
        ns.objects().put(format!("panics {n}"), Panics, Expiry::In(ms(5))).unwrap();
        ns.objects().put(format!("counted {n}"), Counted::new(&alive), Expiry::In(ms(5))).unwrap();
    }
    ns.strings().set("k", "v").unwrap();
    larder
        .transaction(|tx| {
            (0..10).try_for_each(|n| {
                tx.keys(&ns).delete(format!("panics {n}"))?;
                tx.keys(&ns).delete(format!("counted {n}")).map(drop)
            })
        })
        .unwrap();
    assert_eq!((larder.stats().drop_panics, alive.load(Ordering::Relaxed)), (10, 10));
    clock.advance(ms(6)).unwrap();
    assert_eq!((larder.stats().drop_panics, alive.load(Ordering::Relaxed)), (20, 0));
    assert_eq!(ns.len(), 1);
}

#[test]
fn a_clone_may_call_the_engine() {
    struct Clones(Namespace);
    impl Clone for Clones {
        fn clone(&self) -> Self {
            self.0.keys().delete("k").unwrap();
            Self(self.0.clone())
        }
    }
    let (_clock, _larder, ns) = open();
    ns.objects().put("k", Clones(ns.clone()), Expiry::Never).unwrap();
    assert!(ns.objects().get::<Clones>("k").unwrap().is_some(), "though it is deleted meanwhile");
    assert!(ns.objects().get::<Clones>("k").unwrap().is_none());
}

#[test]
fn a_key_that_calls_the_engine_when_it_is_looked_at_locks_nobody_out() {
    struct Looks<'n>(&'n Namespace);
    impl AsRef<[u8]> for Looks<'_> {
        fn as_ref(&self) -> &[u8] {
            // Where the engine cannot be entered it says so; it never waits for itself.
            match self.0.counters().add("z", 1) {
                Ok(_) | Err(Error::WrongKind { .. } | Error::InsideTransaction) => b"m",
                Err(error) => panic!("{error}"),
            }
        }
    }
    let (_clock, _larder, ns) = open();
    let looks = || Looks(&ns);
    ns.sorted_sets().add("z", looks(), 1.0).unwrap_err();
    ns.keys().delete("z").unwrap();
    ns.sorted_sets().add("z", "m", 1.0).unwrap();
    ns.sorted_sets().add_with("z", &[(looks(), 2.0)], AddOptions::new()).unwrap();
    assert_eq!(ns.sorted_sets().score("z", looks()).unwrap(), Some(2.0));
    assert_eq!(ns.sorted_sets().rank("z", looks()).unwrap(), Some(0));
    assert_eq!(ns.sorted_sets().rank_from_top("z", looks()).unwrap(), Some(0));
    ns.sorted_sets().increment("z", looks(), 1.0).unwrap();
    ns.sorted_sets().remove_many("z", &[looks()]).unwrap();
    ns.strings().set("s", "v").unwrap();
    ns.strings().append("s", looks()).unwrap();
    ns.strings().get_many(&[looks()]).unwrap();
    ns.strings().set_many(&[(looks(), looks())]).unwrap();
    ns.keys().delete_many(&[looks()]).unwrap();
}

#[test]
fn a_listener_that_panics_is_counted_and_the_others_hear_on() {
    let (_clock, larder, ns) = open();
    let _panics = larder.on_event(|_| std::panic::resume_unwind(Box::new("listener")));
    let ear = Ear::on(&larder);
    ns.strings().set("a", "v").unwrap();
    larder.transaction(|tx| tx.strings(&ns).set("b", "v")).unwrap();
    assert_eq!(ear.keys(EventKind::Set), ["a", "b"]);
    assert_eq!(larder.stats().listener_panics, 2);
}

#[test]
fn a_listener_may_write_and_its_own_events_come_after() {
    let (_clock, larder, ns) = open();
    let space = ns.clone();
    let _listening = larder.on_event(move |event| {
        let depth = event.key.len();
        if depth < 5 {
            space.strings().set(vec![b'x'; depth + 1], "v").unwrap();
        }
    });
    let ear = Ear::on(&larder);
    ns.strings().set("x", "v").unwrap();
    assert_eq!(ear.keys(EventKind::Set), ["x", "xx", "xxx", "xxxx", "xxxxx"]);
}

#[test]
fn a_listener_may_end_its_own_listening_or_the_engine() {
    let (_clock, larder, ns) = open();
    let slot = Arc::new(std::sync::Mutex::new(None));
    let (mine, count) = (Arc::clone(&slot), Arc::<AtomicUsize>::default());
    let counter = Arc::clone(&count);
    let listening = larder.on_event(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        drop(mine.lock().unwrap().take());
    });
    *slot.lock().unwrap() = Some(listening);
    ns.strings().set("a", "v").unwrap();
    ns.strings().set("b", "v").unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let end = larder.clone();
    let _listening = larder.on_event(move |_| end.close());
    ns.strings().set("c", "v").unwrap();
    assert_eq!(ns.strings().set("d", "v"), Err(Error::Closed));
}

fn large(ns: &Namespace, key: &str, count: u32) {
    let members: Vec<_> = (0..count).map(|n| (n.to_be_bytes(), f64::from(n))).collect();
    ns.sorted_sets().add_with(key, &members, AddOptions::new()).unwrap();
}

#[test]
fn who_deletes_a_large_collection_frees_a_step_of_it_and_later_writers_the_rest() {
    let (_clock, larder, ns) = open();
    large(&ns, "z", 20_000);
    assert!(ns.keys().delete("z").unwrap());
    assert_eq!((ns.len(), ns.stats().bytes), (0, 0), "it is gone at once");
    assert_eq!(larder.stats().dropping, 1);
    let mut writes = 0;
    while larder.stats().dropping > 0 {
        ns.counters().add("n", 1).unwrap();
        writes += 1;
        assert!(writes < 100, "every write frees a step");
    }
    assert!(writes > 20, "no write frees more than about a thousand: {writes}");
}

#[test]
fn every_way_to_lose_a_large_collection_is_bounded() {
    for (name, way) in WAYS {
        let (clock, larder, ns) = open();
        large(&ns, "k", 20_000);
        way(&clock, &larder, &ns);
        assert_eq!(larder.stats().dropping, 1, "{name}");
        assert_eq!(larder.tick().unwrap(), 0);
        larder.tick().unwrap();
        assert_eq!(larder.stats().dropping, 0, "{name}: ticks free the rest");
    }
}

#[test]
fn a_long_string_is_freed_in_steps_too() {
    let (_clock, larder, ns) = open();
    ns.strings().append("k", "x").unwrap();
    ns.strings().write_range("k", 8 << 20, "x").unwrap();
    ns.keys().delete("k").unwrap();
    assert_eq!((larder.stats().dropping, ns.stats().bytes), (1, 0));
    larder.tick().unwrap();
    assert_eq!(larder.stats().dropping, 0);
}

#[test]
fn closing_frees_what_still_waits() {
    let (_clock, larder, ns) = open();
    (0..5).for_each(|n| large(&ns, &format!("{n}"), 50_000));
    ns.keys().flush().unwrap();
    assert_eq!(larder.stats().dropping, 5);
    larder.close();
    assert_eq!(larder.stats().dropping, 0);
}

#[test]
fn nothing_of_the_program_outlives_the_engine() {
    let (_clock, larder, ns) = open();
    let alive = Arc::default();
    for n in 0..100 {
        let expiry = if n % 2 == 0 { Expiry::Never } else { Expiry::In(ms(1000)) };
        ns.objects().put(format!("{n}"), Counted::new(&alive), expiry).unwrap();
    }
    let held = ns.objects().object("1").unwrap().unwrap();
    drop(larder);
    assert_eq!(alive.load(Ordering::Relaxed), 100, "a namespace is a handle, too");
    drop(ns);
    assert_eq!(alive.load(Ordering::Relaxed), 1, "but for what the program holds");
    drop(held);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}
