//! Eviction: a budget is kept, the right ones go, and a writer is never left without an answer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::sync::Arc;
use std::time::Duration;

use larder_engine::{
    Budget, Effect, Error, EventKind, Eviction, Expiry, Larder, ManualClock, Namespace,
    NamespaceOptions, Object,
};
use shared::{Batches, Ear, ms, text};

const HOUR: Duration = Duration::from_secs(3600);

struct Bounded {
    clock: ManualClock,
    larder: Larder,
    ns: Namespace,
    budget: Budget,
}

fn bounded(rule: Eviction, budget: Budget) -> Bounded {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).shards(16).seed(7).open();
    let options = NamespaceOptions::new().budget(budget.clone()).eviction(rule);
    let ns = larder.namespace_with("main", options).unwrap();
    Bounded { clock, larder, ns, budget }
}

impl Bounded {
    /// Sets a key, with a far deadline where only such keys may go.
    fn set(&self, rule: Eviction, key: &str) -> Result<(), Error> {
        match rule.is_volatile() {
            true => self.ns.strings().set_for(key, "v", HOUR * 1000),
            false => self.ns.strings().set(key, "v"),
        }
    }

    fn keep(&self, keys: impl Iterator<Item = String>) -> usize {
        keys.filter(|key| self.ns.keys().exists(key).unwrap()).count()
    }
}

fn evicting() -> impl Iterator<Item = Eviction> {
    Eviction::ALL.into_iter().filter(|rule| rule.evicts())
}

#[test]
fn every_rule_keeps_a_budget_of_entries() {
    for rule in evicting() {
        let it = bounded(rule, Budget::entries(50));
        for n in 0..500 {
            it.set(rule, &format!("{n}")).unwrap();
            assert!(it.budget.used() <= 50, "{rule}");
        }
        assert_eq!((it.ns.len(), it.budget.used()), (50, 50), "{rule}: and no more than it must");
        assert_eq!(it.ns.stats().evicted, 450);
        it.ns.assert_valid();
    }
}

#[test]
fn every_rule_keeps_a_budget_of_bytes() {
    for rule in evicting() {
        let it = bounded(rule, Budget::bytes(20_000));
        for n in 0..500_usize {
            it.set(rule, &format!("{n}")).unwrap();
            it.ns.strings().append(format!("{n}"), vec![b'x'; n % 300]).unwrap();
            assert!(it.budget.used() <= 20_000, "{rule}");
            assert_eq!(it.budget.used(), it.ns.stats().bytes);
        }
        assert!(it.budget.used() > 15_000, "{rule}: evicts no more than it must");
        it.ns.assert_valid();
    }
}

#[test]
fn eight_threads_exceed_a_budget_by_at_most_an_entry_each() {
    for rule in evicting() {
        let it = bounded(rule, Budget::entries(100));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let it = &it;
                scope.spawn(move || {
                    for n in 0..500 {
                        it.set(rule, &format!("{thread}:{n}")).unwrap();
                        let used = it.budget.used();
                        assert!(used <= 108, "{rule}: {used}");
                    }
                });
            }
        });
        assert!(it.budget.used() <= 100, "{rule}");
        it.ns.assert_valid();
    }
}

#[test]
fn the_longest_idle_go_first() {
    for rule in [Eviction::AllKeysLru, Eviction::VolatileLru] {
        let it = bounded(rule, Budget::entries(200));
        (0..200).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        it.clock.advance(HOUR).unwrap();
        (0..100).for_each(|n| _ = it.ns.strings().get(format!("{n}")).unwrap());
        it.clock.advance(HOUR).unwrap();
        (0..80).for_each(|n| it.set(rule, &format!("new {n}")).unwrap());
        let touched = it.keep((0..100).map(|n| n.to_string()));
        assert!(touched >= 97, "{rule}: only {touched} of 100 touched keys are left");
    }
}

#[test]
fn the_least_frequently_used_go_first() {
    for rule in [Eviction::AllKeysLfu, Eviction::VolatileLfu] {
        let it = bounded(rule, Budget::entries(200));
        (0..200).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        for _ in 0..200 {
            (0..100).for_each(|n| _ = it.ns.strings().get(format!("{n}")).unwrap());
        }
        (0..80).for_each(|n| it.set(rule, &format!("new {n}")).unwrap());
        let hot = it.keep((0..100).map(|n| n.to_string()));
        assert!(hot >= 97, "{rule}: only {hot} of 100 hot keys are left");
    }
}

#[test]
fn the_nearest_deadline_goes_first() {
    let it = bounded(Eviction::VolatileTtl, Budget::entries(200));
    for n in 0..200 {
        it.ns.strings().set_for(format!("{n}"), "v", HOUR * (n + 1)).unwrap();
    }
    (0..60).for_each(|n| it.ns.strings().set(format!("plain {n}"), "v").unwrap());
    let far = it.keep((100..200).map(|n| n.to_string()));
    assert!(far >= 97, "only {far} of the 100 far deadlines are left");
    assert_eq!(it.keep((0..60).map(|n| format!("plain {n}"))), 60);
}

#[test]
fn volatile_rules_spare_what_has_no_deadline_and_refuse_when_there_is_nothing_else() {
    for rule in evicting().filter(|rule| rule.is_volatile()) {
        let it = bounded(rule, Budget::entries(20));
        (0..10).for_each(|n| it.ns.strings().set(format!("plain {n}"), "v").unwrap());
        (0..40).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        assert_eq!(it.keep((0..10).map(|n| format!("plain {n}"))), 10, "{rule}");
        (10..20).for_each(|n| it.ns.strings().set(format!("plain {n}"), "v").unwrap());
        assert_eq!(it.keep((0..20).map(|n| format!("plain {n}"))), 20, "{rule}");
        // Now nothing may go: the write that crosses passes, the next is refused.
        it.ns.strings().set("crossing", "v").unwrap();
        let refused = it.ns.strings().set("next", "v");
        assert_eq!(refused, Err(Error::OverBudget { used: 21, limit: 20 }), "{rule}");
        assert!(it.ns.keys().delete("crossing").unwrap());
        it.ns.strings().set("next", "v").unwrap();
    }
}

#[test]
fn without_eviction_the_crossing_write_passes_the_next_is_refused_and_the_rest_goes_on() {
    let it = bounded(Eviction::NoEviction, Budget::entries(2));
    let ns = &it.ns;
    ns.strings().set("a", "1").unwrap();
    ns.sorted_sets().add("z", "m", 1.0).unwrap();
    ns.strings().set("crossing", "v").unwrap();
    let over = Error::OverBudget { used: 3, limit: 2 };
    assert_eq!(ns.strings().set("a", "2"), Err(over.clone()));
    assert_eq!(ns.strings().append("a", "2"), Err(over.clone()));
    assert_eq!(ns.counters().add("a", 1), Err(over.clone()));
    assert_eq!(ns.sorted_sets().add("z", "n", 1.0), Err(over.clone()));
    assert_eq!(ns.strings().set_many(&[("b", "1")]), Err(over.clone()));
    assert_eq!(ns.objects().put("o", 1, Expiry::Never), Err(over.clone()));
    assert_eq!(ns.leases().grant("l", "ann", ms(5)), Err(over.clone()));
    assert_eq!(ns.keys().copy("a", "b", false), Err(over.clone()));
    let inside = it.larder.transaction(|tx| tx.strings(ns).set("a", "2"));
    assert_eq!(inside, Err(over));
    // What adds nothing passes.
    assert_eq!(ns.strings().get("a").unwrap().as_deref(), Some(&b"1"[..]));
    assert!(ns.keys().expire("a", HOUR).unwrap());
    ns.keys().rename("a", "c").unwrap();
    assert_eq!(ns.sorted_sets().pop_min("z").unwrap().unwrap().1, 1.0);
    assert_eq!(ns.strings().set("a", "2"), Ok(()), "there is room again");
    assert_eq!(it.ns.stats().evicted, 0);
}

#[test]
fn a_transaction_over_a_full_budget_evicts_and_goes_on() {
    for rule in evicting() {
        let it = bounded(rule, Budget::entries(10));
        (0..10).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        it.larder
            .transaction(|tx| {
                (0..5).try_for_each(|n| {
                    tx.strings(&it.ns).set_for(format!("new {n}"), "v", HOUR * 2000)
                })
            })
            .unwrap();
        assert_eq!((it.ns.len(), it.budget.used()), (10, 10), "{rule}");
        it.ns.assert_valid();
    }
}

#[test]
fn a_transaction_crosses_the_limit_as_a_whole() {
    let it = bounded(Eviction::NoEviction, Budget::entries(2));
    let four = || {
        it.larder.transaction(|tx| {
            ["a", "b", "c", "d"].into_iter().try_for_each(|key| tx.strings(&it.ns).set(key, "v"))
        })
    };
    assert_eq!(four(), Ok(()));
    assert_eq!(four(), Err(Error::OverBudget { used: 4, limit: 2 }));
    assert_eq!(it.ns.len(), 4);
}

#[test]
fn a_deadline_that_crosses_the_limit_inside_a_transaction_stops_nothing() {
    let it = bounded(Eviction::AllKeysLru, Budget::bytes(1000));
    it.ns.strings().set("a", "v").unwrap();
    it.ns.strings().set("b", "v").unwrap();
    it.budget.set_limit(it.budget.used());
    let result = it.larder.transaction(|tx| {
        tx.keys(&it.ns).expire("a", HOUR)?;
        tx.strings(&it.ns).append("a", "w")
    });
    assert_eq!(result, Ok(2));
}

#[test]
fn writes_of_many_keys_keep_the_budget_too() {
    let it = bounded(Eviction::AllKeysLru, Budget::entries(10));
    let pairs: Vec<_> = (0..15).map(|n| (format!("{n}"), "v")).collect();
    it.ns.strings().set_many(&pairs).unwrap();
    assert_eq!(it.budget.used(), 10);
    it.ns.sorted_sets().add("z", "m", 1.0).unwrap();
    it.ns.keys().copy("z", "copy", false).unwrap();
    assert_eq!(it.budget.used(), 10);
    let other = it.larder.namespace("other").unwrap();
    other.strings().set("x", "v").unwrap();
    other.keys().copy_to("x", &it.ns, "x", false).unwrap();
    assert_eq!(it.budget.used(), 10, "the target's budget");
    let minute = Duration::from_secs(60);
    let larder_engine::Grant::Granted { fence } = other.leases().grant("l", "a", minute).unwrap()
    else {
        panic!("nobody holds it")
    };
    other.keys().move_to("l", &it.ns).unwrap();
    let written = it.ns.guarded("l", fence).strings().set("guarded", "v");
    // Whether the lease itself had to go is the rule's affair; the budget is kept.
    assert!(matches!(written, Ok(()) | Err(Error::StaleFence { .. })));
    assert!(it.budget.used() <= 10);
    it.ns.assert_valid();
}

#[test]
fn a_shared_budget_takes_from_the_writer_first_and_then_from_the_others() {
    for rule in [Eviction::ScanResistant, Eviction::AllKeysLru] {
        let budget = Budget::entries(20);
        let clock = ManualClock::new();
        let larder = Larder::builder().manual_clock(&clock).shards(4).seed(7).open();
        let options = || NamespaceOptions::new().budget(budget.clone()).eviction(rule);
        let a = larder.namespace_with("a", options()).unwrap();
        let b = larder.namespace_with("b", options()).unwrap();
        (0..10).for_each(|n| a.counters().set(format!("{n}"), n).unwrap());
        (0..10).for_each(|n| b.counters().set(format!("{n}"), n).unwrap());
        (10..30).for_each(|n| a.counters().set(format!("{n}"), n).unwrap());
        assert_eq!((a.len(), b.len()), (10, 10), "{rule}: the writer pays");
        // One that may evict nothing of its own takes from the others.
        let quiet = NamespaceOptions::new().budget(budget.clone());
        let c = larder.namespace_with("c", quiet).unwrap();
        (0..15).for_each(|n| c.counters().set(format!("{n}"), n).unwrap());
        assert_eq!((a.len() + b.len(), c.len()), (5, 15), "{rule}");
        assert_eq!(budget.used(), 20);
        (15..20).for_each(|n| c.counters().set(format!("{n}"), n).unwrap());
        assert_eq!((a.len(), b.len(), c.len()), (0, 0, 20));
        c.counters().set("crossing", 0).unwrap();
        assert_eq!(c.counters().set("x", 0), Err(Error::OverBudget { used: 21, limit: 20 }));
        [&a, &b, &c].into_iter().for_each(Namespace::assert_valid);
    }
}

#[test]
fn a_newcomer_to_a_shared_budget_is_not_evicted_by_its_own_first_write() {
    for rule in evicting().filter(|rule| !rule.is_volatile()) {
        let budget = Budget::entries(10);
        let larder = Larder::builder().shards(4).seed(7).open();
        let options = || NamespaceOptions::new().budget(budget.clone()).eviction(rule);
        let old = larder.namespace_with("old", options()).unwrap();
        let new = larder.namespace_with("new", options()).unwrap();
        (0..10).for_each(|n| old.counters().set(format!("{n}"), n).unwrap());
        new.counters().set("first", 1).unwrap();
        assert_eq!((old.len(), new.counters().value("first").unwrap()), (9, 1), "{rule}");
    }
}

#[test]
fn an_entry_that_can_never_fit_is_refused_and_nothing_is_lost() {
    let it = bounded(Eviction::AllKeysLru, Budget::bytes(20_000));
    let ns = &it.ns;
    (0..50).for_each(|n| ns.strings().set(format!("{n}"), "v").unwrap());
    ns.strings().set("rope", vec![b'x'; 3000]).unwrap();
    ns.strings().append("rope", "y").unwrap();
    ns.sorted_sets().add("z", "m", 1.0).unwrap();
    let (len, used) = (ns.len(), it.budget.used());
    let large = || vec![b'x'; 30_000];
    let members: Vec<_> = (0..500).map(|n| (format!("{n:0100}"), 1.0)).collect();
    let options = larder_engine::AddOptions::new();
    let refused = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::EntryTooLarge { limit: 20_000, .. })), "{result:?}");
        assert_eq!((ns.len(), it.budget.used()), (len, used), "nothing is lost");
        ns.assert_valid();
    };
    refused(ns.strings().set("0", large()));
    refused(ns.strings().set("new", large()));
    refused(ns.strings().append("0", large()).map(drop));
    refused(ns.strings().append("rope", large()).map(drop));
    refused(ns.strings().write_range("rope", 100_000, "x").map(drop));
    refused(ns.sorted_sets().add_with("new", &members, options).map(drop));
    refused(ns.sorted_sets().add_with("z", &members, options).map(drop));
    refused(ns.sorted_sets().add("z", vec![0; 30_000], 1.0).map(drop));
    refused(ns.sorted_sets().increment("z", vec![0; 30_000], 1.0).map(drop));
    refused(ns.objects().put_object("0", Object::new(1, 30_000), Expiry::Never).map(drop));
    refused(it.larder.transaction(|tx| tx.strings(ns).append("rope", large())).map(drop));
    refused(
        it.larder.transaction(|tx| tx.sorted_sets(ns).add_with("z", &members, options)).map(drop),
    );
    let other = it.larder.namespace("other").unwrap();
    other.strings().set("huge", large()).unwrap();
    refused(other.keys().move_to("huge", ns).map(drop));
    refused(other.keys().copy_to("huge", ns, "huge", true).map(drop));
    assert_eq!(other.strings().len("huge").unwrap(), 30_000, "it stays where it was");
    assert_eq!(ns.strings().get("0").unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(ns.sorted_sets().len("z").unwrap(), 1);
    assert_eq!(ns.strings().len("rope").unwrap(), 3001);
}

#[test]
fn a_budget_of_nothing_holds_nothing() {
    for budget in [Budget::bytes(0), Budget::entries(0)] {
        for rule in evicting() {
            let it = bounded(rule, budget.clone());
            let result = it.set(rule, "k");
            assert!(matches!(result, Err(Error::EntryTooLarge { limit: 0, .. })), "{rule}");
            assert_eq!((it.ns.len(), budget.used()), (0, 0));
        }
        // Where nothing is evicted, the write that crosses the limit passes here, too.
        let it = bounded(Eviction::NoEviction, budget.clone());
        it.ns.strings().set("k", "v").unwrap();
        assert!(matches!(it.ns.strings().set("k", "w"), Err(Error::OverBudget { limit: 0, .. })));
        it.ns.keys().delete("k").unwrap();
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn a_changed_limit_holds_from_the_next_write_on() {
    for rule in evicting() {
        let it = bounded(rule, Budget::entries(100));
        (0..100).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        it.budget.set_limit(10);
        assert_eq!(it.ns.len(), 100, "{rule}: reads and time change nothing");
        it.set(rule, "next").unwrap();
        assert_eq!(it.ns.len(), 10, "{rule}");
        it.budget.set_limit(50);
        (0..100).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        assert_eq!(it.ns.len(), 50, "{rule}");
        it.ns.assert_valid();
    }
}

#[test]
fn objects_weigh_what_their_owner_says() {
    let it = bounded(Eviction::ScanResistant, Budget::bytes(10_000));
    for n in 0..20 {
        it.ns.objects().put_object(format!("{n}"), Object::new(n, 1000), Expiry::Never).unwrap();
        assert!(it.budget.used() <= 10_000);
    }
    assert_eq!(it.ns.len(), 9, "nine times a thousand and the engine's own");
    it.ns.keys().flush().unwrap();
    assert_eq!(it.budget.used(), 0);
}

#[test]
fn no_weight_overflows() {
    let (_clock, larder, ns) = shared::open();
    let huge = || Object::new(1, u64::MAX);
    ns.objects().put_object("a", huge(), Expiry::Never).unwrap();
    ns.objects().put_object("b", huge(), Expiry::Never).unwrap();
    ns.keys().expire("a", HOUR).unwrap();
    ns.assert_valid();
    ns.keys().flush().unwrap();
    assert_eq!(ns.stats().bytes, 0);
    for rule in evicting() {
        let it = bounded(rule, Budget::bytes(u64::MAX));
        it.ns.objects().put_object("a", huge(), Expiry::In(HOUR)).unwrap();
        it.ns.objects().put_object("b", huge(), Expiry::In(HOUR)).unwrap();
        it.ns.assert_valid();
        it.budget.set_limit(1000);
        it.set(rule, "c").unwrap();
        assert_eq!(it.ns.len(), 1, "{rule}");
    }
    drop(larder);
}

#[test]
fn evictions_are_told_and_recorded() {
    for rule in evicting() {
        let clock = ManualClock::new();
        let batches = Arc::new(Batches::default());
        let builder = Larder::builder().manual_clock(&clock).seed(7);
        let larder = builder.effect_sink(batches.clone()).open();
        let options =
            NamespaceOptions::new().budget(Budget::entries(3)).eviction(rule).recorded(true);
        let ns = larder.namespace_with("main", options).unwrap();
        (0..3).for_each(|n| ns.strings().set_for(format!("{n}"), "v", HOUR).unwrap());
        let ear = Ear::on(&larder);
        batches.take();
        ns.strings().set_for("next", "v", HOUR).unwrap();
        let evicted = ear.keys(EventKind::Evicted);
        assert_eq!(evicted.len(), 1, "{rule}");
        let delete = Effect::Delete { key: evicted[0].as_str().into() };
        assert_eq!(batches.take().pop(), Some(vec![delete]), "{rule}");
        assert!(!ns.keys().exists(&evicted[0]).unwrap());
    }
}

#[test]
fn a_scan_does_not_wash_the_hot_set_out_of_a_cache() {
    let left_after_a_scan = |rule| {
        let it = bounded(rule, Budget::entries(200));
        let hot = || (0..50).map(|n| format!("hot {n}"));
        hot().for_each(|key| it.set(rule, &key).unwrap());
        (0..150).for_each(|n| it.set(rule, &format!("warm {n}")).unwrap());
        for n in 0..10_000 {
            it.set(rule, &format!("scanned {n}")).unwrap();
            it.clock.advance(ms(200)).unwrap();
            // The hot set is used now and then: each key once in five hundred.
            if n % 10 == 0 {
                _ = it.ns.strings().get(format!("hot {}", n / 10 % 50)).unwrap();
            }
        }
        it.keep(hot())
    };
    let resistant = left_after_a_scan(Eviction::ScanResistant);
    assert!(resistant >= 48, "only {resistant} of 50 hot keys are left");
    let lru = left_after_a_scan(Eviction::AllKeysLru);
    assert!(lru < 40, "the scan is no scan: recency alone kept {lru}");
}

#[test]
fn a_renamed_key_counts_as_used_just_now() {
    for rule in [Eviction::AllKeysLru, Eviction::AllKeysLfu] {
        let it = bounded(rule, Budget::entries(20));
        (0..19).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        it.clock.advance(HOUR).unwrap();
        it.set(rule, "a").unwrap();
        it.ns.keys().rename("a", "b").unwrap();
        (0..8).for_each(|n| it.set(rule, &format!("new {n}")).unwrap());
        assert!(it.ns.keys().exists("b").unwrap(), "{rule}");
    }
}

#[test]
fn a_rolled_back_key_is_not_the_first_to_go() {
    for rule in [Eviction::AllKeysLru, Eviction::AllKeysLfu] {
        let it = bounded(rule, Budget::entries(20));
        (0..19).for_each(|n| it.set(rule, &format!("{n}")).unwrap());
        it.clock.advance(HOUR).unwrap();
        it.set(rule, "a").unwrap();
        let back = it.larder.transaction(|tx| {
            tx.strings(&it.ns).set("a", "w")?;
            Err::<(), _>(Error::NoSuchKey)
        });
        assert_eq!(back, Err(Error::NoSuchKey));
        (0..8).for_each(|n| it.set(rule, &format!("new {n}")).unwrap());
        assert!(it.ns.keys().exists("a").unwrap(), "{rule}");
    }
}

#[test]
fn the_rules_answer_to_their_names() {
    let names: Vec<_> = Eviction::ALL.iter().map(|rule| text(rule.name())).collect();
    assert_eq!(names.len(), 9);
    assert!(names.iter().all(|name| name.parse::<Eviction>().unwrap().name() == name));
}
