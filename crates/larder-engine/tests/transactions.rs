//! Transactions: one step to everybody else, taken back as if it had never been, and never stuck.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use larder_engine::{
    AddOptions, Aggregate, Combine, Content, Effect, End, Error, EventKind, ExpireIf, Expiry,
    Grant, Larder, ManualClock, Namespace, NamespaceOptions, Object, SetOptions, Span, Txn,
};
use shared::{Batches, Ear, in_lock_order, ms, now_ms, open};
use support::dump;

const HOUR: Duration = Duration::from_secs(3600);

/// Something to take back.
type Change = (&'static str, fn(&mut Txn<'_>, &Namespace) -> Result<(), Error>);

/// Every kind of change, over a namespace that [`fill`] filled.
const CHANGES: &[Change] = &[
    ("set over a string", |tx, ns| tx.strings(ns).set("s", "new")),
    ("set over a set", |tx, ns| tx.strings(ns).set("z", "new")),
    ("set a new key", |tx, ns| tx.strings(ns).set("new", "new")),
    ("set for a time", |tx, ns| tx.strings(ns).set_for("s", "new", HOUR)),
    ("set in the past", |tx, ns| {
        let past = Expiry::AtMs(tx.now().as_millis() - 1);
        tx.strings(ns).set_with("s", "new", SetOptions::new().expiry(past)).map(drop)
    }),
    ("set many", |tx, ns| tx.strings(ns).set_many(&[("s", "1"), ("t", "2"), ("new", "3")])),
    ("take", |tx, ns| tx.strings(ns).take("s").map(drop)),
    ("append", |tx, ns| tx.strings(ns).append("s", "more").map(drop)),
    ("append to a rope", |tx, ns| tx.strings(ns).append("rope", "more").map(drop)),
    ("become a rope", |tx, ns| tx.strings(ns).append("s", vec![1; 5000]).map(drop)),
    ("write into a rope", |tx, ns| tx.strings(ns).write_range("rope", 100, "more").map(drop)),
    ("write a new string", |tx, ns| tx.strings(ns).write_range("new", 9, "more").map(drop)),
    ("add", |tx, ns| tx.counters(ns).add("n", 5).map(drop)),
    ("add a float", |tx, ns| tx.strings(ns).add_float("n", 0.5).map(drop)),
    ("delete", |tx, ns| tx.keys(ns).delete("z").map(drop)),
    ("delete many", |tx, ns| tx.keys(ns).delete_many(&["s", "z", "rope"]).map(drop)),
    ("rename to a new key", |tx, ns| tx.keys(ns).rename("s", "new")),
    ("rename over a key", |tx, ns| tx.keys(ns).rename("t", "z")),
    ("rename round", |tx, ns| {
        tx.keys(ns).rename("s", "spare")?;
        tx.keys(ns).rename("t", "s")?;
        tx.keys(ns).rename("spare", "t")
    }),
    ("rename and write both", |tx, ns| {
        tx.keys(ns).rename("s", "t")?;
        tx.strings(ns).set("s", "new")?;
        tx.strings(ns).append("t", "more").map(drop)
    }),
    ("copy over a key", |tx, ns| tx.keys(ns).copy("z", "t", true).map(drop)),
    ("expire", |tx, ns| tx.keys(ns).expire("s", HOUR).map(drop)),
    ("put a deadline off", |tx, ns| tx.keys(ns).expire("t", HOUR * 2).map(drop)),
    ("expire in the past", |tx, ns| tx.keys(ns).expire_at_ms("s", 1, ExpireIf::Always).map(drop)),
    ("persist", |tx, ns| tx.keys(ns).persist("t").map(drop)),
    ("add members", |tx, ns| {
        let members = [("a", 9.0), ("new", 1.0)];
        tx.sorted_sets(ns).add_with("z", &members, AddOptions::new()).map(drop)
    }),
    ("make a set", |tx, ns| tx.sorted_sets(ns).add("new", "a", 1.0).map(drop)),
    ("increment a member", |tx, ns| tx.sorted_sets(ns).increment("z", "a", 5.0).map(drop)),
    ("remove a member", |tx, ns| tx.sorted_sets(ns).remove("z", "a").map(drop)),
    ("remove members of a large set", |tx, ns| {
        tx.sorted_sets(ns).remove_range("large", &Span::ranks(10, 400)).map(drop)
    }),
    ("empty a set", |tx, ns| tx.sorted_sets(ns).remove_range("z", &Span::all()).map(drop)),
    ("empty a set and make it again", |tx, ns| {
        tx.sorted_sets(ns).pop("z", End::Min, 100)?;
        tx.sorted_sets(ns).add("z", "other", 1.0).map(drop)
    }),
    ("pop from the first", |tx, ns| {
        tx.sorted_sets(ns).pop_first_of(&["missing", "z"], End::Max, 2).map(drop)
    }),
    ("store a union", |tx, ns| {
        let sets = [("z", 2.0), ("large", 1.0)];
        let how = Combine::Union(Aggregate::Sum);
        tx.sorted_sets(ns).combine_store("s", &sets, how).map(drop)
    }),
    ("store nothing", |tx, ns| {
        let sets = [("z", 1.0), ("z", 1.0)];
        tx.sorted_sets(ns).combine_store("t", &sets, Combine::Difference).map(drop)
    }),
    ("store a range", |tx, ns| {
        tx.sorted_sets(ns).store_range("large", "z", &Span::ranks(0, 0)).map(drop)
    }),
    ("grant", |tx, ns| tx.leases(ns).grant("new", "bob", HOUR).map(drop)),
    ("release", |tx, ns| {
        let lease = tx.leases(ns).holder("lease")?.ok_or(Error::NoSuchKey)?;
        tx.leases(ns).release("lease", lease.fence)
    }),
    ("renew", |tx, ns| {
        let lease = tx.leases(ns).holder("lease")?.ok_or(Error::NoSuchKey)?;
        tx.leases(ns).renew("lease", lease.fence, HOUR * 9)
    }),
    ("flush", |tx, ns| tx.keys(ns).flush().map(drop)),
    ("flush and fill", |tx, ns| {
        tx.keys(ns).flush()?;
        tx.strings(ns).set("z", "a string now")?;
        tx.sorted_sets(ns).add("s", "a set now", 1.0).map(drop)
    }),
];

fn fill(ns: &Namespace) {
    ns.strings().set("s", "text").unwrap();
    ns.strings().set_for("t", "timed", HOUR).unwrap();
    ns.strings().append("rope", vec![b'x'; 9000]).unwrap();
    ns.counters().set("n", 41).unwrap();
    for (member, score) in [("a", 1.0), ("b", 2.0), ("c", 2.0)] {
        ns.sorted_sets().add("z", member, score).unwrap();
    }
    ns.keys().expire("z", HOUR).unwrap();
    let members: Vec<_> = (0..500_u32).map(|n| (n.to_be_bytes(), f64::from(n))).collect();
    ns.sorted_sets().add_with("large", &members, AddOptions::new()).unwrap();
    ns.leases().grant("lease", "ann", HOUR).unwrap();
}

fn recorded() -> (ManualClock, Arc<Batches>, Larder, Namespace) {
    let clock = ManualClock::new();
    let batches = Arc::new(Batches::default());
    let builder = Larder::builder().manual_clock(&clock).shards(16).seed(7);
    let larder = builder.effect_sink(batches.clone()).open();
    let ns = larder.namespace_with("main", NamespaceOptions::new().recorded(true)).unwrap();
    (clock, batches, larder, ns)
}

#[test]
fn an_error_takes_every_kind_of_change_back_and_nobody_hears_of_it() {
    for (name, change) in CHANGES {
        let (clock, batches, larder, ns) = recorded();
        fill(&ns);
        let before = dump(&ns);
        let ear = Ear::on(&larder);
        batches.take();
        let result = larder.transaction(|tx| {
            change(tx, &ns)?;
            // A second time over its own result.
            let _may_fail_now = change(tx, &ns);
            Err::<(), _>(Error::NoSuchKey)
        });
        assert_eq!(result, Err(Error::NoSuchKey), "{name}");
        assert_eq!(dump(&ns), before, "{name}");
        assert_eq!(ear.heard(), [], "{name}");
        assert!(batches.take().is_empty(), "{name}");
        ns.assert_valid();
        // Deadlines are where they were, too.
        clock.advance(HOUR + ms(1)).unwrap();
        assert_eq!(ns.len(), 4, "{name}: what had a deadline went at it, and nothing else");
        ns.assert_valid();
    }
}

#[test]
fn a_committed_change_replays_to_the_same() {
    for (name, change) in CHANGES {
        let (clock, batches, larder, ns) = recorded();
        fill(&ns);
        larder.transaction(|tx| change(tx, &ns)).unwrap();
        ns.assert_valid();
        let copy = Larder::builder().manual_clock(&clock).open().namespace("copy").unwrap();
        batches.take().iter().flatten().for_each(|effect| copy.apply(effect).unwrap());
        assert_eq!(dump(&copy), dump(&ns), "{name}");
    }
}

#[test]
fn objects_come_back_as_the_very_same() {
    let (_clock, larder, ns) = open();
    let object = Object::new("mine".to_owned(), 10);
    ns.objects().put_object("o", object.clone(), Expiry::Never).unwrap();
    let result = larder.transaction(|tx| {
        tx.objects(&ns).put("o", 1, Expiry::In(HOUR))?;
        tx.keys(&ns).delete("o")?;
        tx.objects(&ns).put("p", 2, Expiry::Never)?;
        Err::<(), _>(Error::NoSuchKey)
    });
    assert!(result.is_err());
    assert!(ns.objects().object("o").unwrap().unwrap().is(&object));
    assert_eq!((ns.len(), ns.stats().keys_with_deadline), (1, 0));
    ns.assert_valid();
}

#[test]
fn a_panic_takes_everything_back_and_poisons_nothing() {
    let (_clock, _batches, larder, ns) = recorded();
    fill(&ns);
    let before = dump(&ns);
    for (_, change) in CHANGES {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            larder.transaction(|tx| -> Result<(), Error> {
                change(tx, &ns)?;
                std::panic::resume_unwind(Box::new("mine"))
            })
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"mine"), "it passes through");
        assert_eq!(dump(&ns), before);
    }
    ns.assert_valid();
    // Neither the engine nor the thread is left in a transaction.
    assert_eq!(larder.transaction(|tx| tx.counters(&ns).add("n", 1)), Ok(42));
    assert_eq!(ns.counters().add("n", 1), Ok(43));
}

#[test]
fn what_had_lapsed_stays_lapsed_when_the_rest_is_taken_back() {
    let (clock, batches, larder, ns) = recorded();
    shared::put_dead(&ns, "dead", "v", now_ms(&clock));
    let ear = Ear::on(&larder);
    let result = larder.transaction(|tx| {
        tx.strings(&ns).set("dead", "again")?;
        Err::<(), _>(Error::NoSuchKey)
    });
    assert!(result.is_err());
    assert_eq!(ear.heard(), [("dead".into(), EventKind::Expired)]);
    assert_eq!(batches.take(), [[Effect::Delete { key: "dead".into() }]]);
    assert_eq!(ns.len(), 0);
}

#[test]
fn nobody_sees_a_transaction_half_done() {
    let (_clock, larder, ns) = open();
    ns.counters().set("a", 1000).unwrap();
    ns.counters().set("b", 0).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (larder, ns) = (&larder, &ns);
            scope.spawn(move || {
                let (from, to) = if thread == 0 { ("a", "b") } else { ("b", "a") };
                for _ in 0..500 {
                    larder
                        .transaction(|tx| {
                            tx.counters(ns).add(from, -1)?;
                            tx.counters(ns).add(to, 1)
                        })
                        .unwrap();
                }
            });
        }
        for _ in 0..500 {
            let both = ns.strings().get_many(&["a", "b"]).unwrap();
            let sum: i64 = both
                .into_iter()
                .flatten()
                .map(shared::text)
                .map(|n| n.parse::<i64>().unwrap())
                .sum();
            assert_eq!(sum, 1000);
        }
    });
}

#[test]
fn an_operation_over_many_keys_that_fails_midway_changes_nothing_though_the_rest_commits() {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).max_value_bytes(10).open();
    let ns = larder.namespace("main").unwrap();
    ns.strings().set("b", "old").unwrap();
    let ear = Ear::on(&larder);
    larder
        .transaction(|tx| {
            tx.strings(&ns).set("before", "1")?;
            let pairs = [("a", "1"), ("b", "2"), ("c", "far too long"), ("d", "4")];
            let failed = tx.strings(&ns).set_many(&pairs);
            assert_eq!(failed, Err(Error::ValueTooLong { len: 12, limit: 10 }));
            tx.strings(&ns).set("after", "1")
        })
        .unwrap();
    assert_eq!(ns.strings().get("b").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(ear.keys(EventKind::Set), ["before", "after"]);
    assert_eq!(ns.len(), 3);
    ns.assert_valid();
}

#[test]
fn every_outer_door_is_shut_inside_a_transaction() {
    let (_clock, larder, ns) = open();
    fill(&ns);
    let inside = Error::InsideTransaction;
    let ttl = Duration::from_secs(1);
    larder
        .transaction(|tx| {
            // With a shard locked: every door that waited for it would wait for ever.
            tx.strings(&ns).set("s", "locked")?;
            let doors: Vec<(&str, Result<(), Error>)> = vec![
                ("get", ns.strings().get("s").map(drop)),
                ("set", ns.strings().set("s", "v")),
                ("get_many", ns.strings().get_many(&["s"]).map(drop)),
                ("set_many", ns.strings().set_many(&[("s", "v")])),
                ("add", ns.counters().add("n", 1).map(drop)),
                ("value", ns.counters().value("n").map(drop)),
                ("delete", ns.keys().delete("s").map(drop)),
                ("rename", ns.keys().rename("s", "u")),
                ("expire", ns.keys().expire("s", ttl).map(drop)),
                ("random", ns.keys().random().map(drop)),
                ("scan", ns.keys().scan(0, 10).map(drop)),
                ("matching", ns.keys().matching("*").map(drop)),
                ("flush", ns.keys().flush().map(drop)),
                ("add a member", ns.sorted_sets().add("z", "m", 1.0).map(drop)),
                ("range", ns.sorted_sets().range("z", &Span::all()).map(drop)),
                ("combine", {
                    ns.sorted_sets().combine(&[("z", 1.0)], Combine::Difference).map(drop)
                }),
                ("pop_wait", ns.sorted_sets().pop_wait(&["z"], End::Min, None).map(drop)),
                ("pop_wait within", {
                    tx.sorted_sets(&ns).pop_wait(&["z"], End::Min, None).map(drop)
                }),
                ("random within", tx.keys(&ns).random().map(drop)),
                ("scan within", tx.keys(&ns).scan(0, 10).map(drop)),
                ("grant", ns.leases().grant("l", "a", ttl).map(drop)),
                ("holder", ns.leases().holder("l").map(drop)),
                ("object", ns.objects().object("o").map(drop)),
                ("put", ns.objects().put("o", 1, Expiry::Never)),
                ("guarded", ns.guarded("lease", 1).strings().set("s", "v")),
                ("transaction", larder.transaction(|_| Ok(()))),
                ("namespace", larder.namespace("other").map(drop)),
                ("tick", larder.tick().map(drop)),
                ("watch", larder.watch().key(&ns, "s")),
                ("apply", ns.apply(&Effect::Delete { key: "s".into() })),
            ];
            for (name, result) in doors {
                assert_eq!(result, Err(inside.clone()), "{name}");
            }
            // Another engine is entered from outside, too.
            assert_eq!(Larder::new().namespace("x").map(drop), Err(inside.clone()));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(ns.strings().get("s").unwrap().as_deref(), Some(&b"locked"[..]));
}

#[test]
fn looking_at_figures_inside_a_transaction_panics_instead_of_waiting_for_itself() {
    let (_clock, larder, ns) = open();
    fill(&ns);
    let before = dump(&ns);
    type Look = fn(&Larder, &Namespace);
    let looks: [Look; 4] = [
        |_, ns| _ = ns.len(),
        |_, ns| _ = ns.is_empty(),
        |_, ns| _ = ns.stats(),
        |larder, _| _ = larder.stats(),
    ];
    for look in looks {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            larder.transaction(|tx| {
                tx.keys(&ns).flush()?;
                look(&larder, &ns);
                Ok::<_, Error>(())
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(dump(&ns), before, "and takes everything back");
    }
}

#[test]
fn closing_inside_a_transaction_closes_after_it() {
    let (_clock, larder, ns) = open();
    let result = larder.transaction(|tx| {
        tx.strings(&ns).set("k", "v")?;
        larder.close();
        tx.strings(&ns).get("k")
    });
    assert_eq!(result.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(ns.strings().get("k"), Err(Error::Closed));
    assert_eq!(larder.transaction(|_| Ok(())), Err(Error::Closed));

    let (_clock, larder, ns) = open();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        larder.transaction(|tx| -> Result<(), Error> {
            tx.strings(&ns).set("k", "v")?;
            larder.close();
            std::panic::resume_unwind(Box::new("mine"))
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(ns.strings().get("k"), Err(Error::Closed), "though the closure panicked");
}

#[test]
fn a_namespace_of_another_engine_is_refused() {
    let (_clock, larder, ns) = open();
    let (_clock, _other, foreign) = open();
    let result = larder.transaction(|tx| {
        tx.strings(&ns).set("k", "v")?;
        tx.strings(&foreign).set("k", "v")
    });
    assert_eq!(result, Err(Error::ForeignNamespace));
    assert_eq!(ns.keys().copy_to("k", &foreign, "k", true), Err(Error::ForeignNamespace));
    assert_eq!(ns.keys().move_to("k", &foreign), Err(Error::ForeignNamespace));
    assert_eq!((ns.len(), foreign.len()), (0, 0));
}

/// Runs `contested` in a transaction that holds the last shard, while another thread's holds the
/// first, until `contested` says that it goes without it.
fn against_the_order<R>(
    contested: impl Fn(&mut Txn<'_>, &Namespace, &str, &dyn Fn()) -> Result<R, Error>,
) -> (Namespace, Result<R, Error>, u32) {
    let (_clock, larder, ns) = open();
    (0..500).for_each(|n| ns.counters().set(format!("{n}"), 0).unwrap());
    let keys = in_lock_order(&ns);
    let (first, last) = (&keys[0], &keys[keys.len() - 1]);
    let (locked, is_locked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let runs = AtomicU32::new(0);
    let result = std::thread::scope(|scope| {
        let (larder, ns) = (&larder, &ns);
        scope.spawn(move || {
            larder.transaction(|tx| {
                tx.counters(ns).add(first, 100)?;
                locked.send(()).unwrap();
                released.recv().unwrap();
                Ok::<_, Error>(())
            })
        });
        is_locked.recv().unwrap();
        larder.transaction(|tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            tx.counters(ns).add(last, 1)?;
            contested(tx, ns, first, &|| _ = release.send(()))
        })
    });
    let both = (ns.counters().value(first).unwrap(), ns.counters().value(last).unwrap());
    assert_eq!(both, (101, 1), "both once, whatever was swallowed");
    (ns, result, runs.into_inner())
}

#[test]
fn a_restart_that_the_closure_swallows_cannot_commit_half() {
    let (ns, result, runs) = against_the_order(|tx, ns, first, release| {
        let added = tx.counters(ns).add(first, 1);
        if added == Err(Error::Restart) {
            release();
            // Nothing goes any more, and so nothing can be done by halves.
            assert_eq!(tx.strings(ns).set("other", "v"), Err(Error::Restart));
        }
        Ok(added.is_ok())
    });
    assert_eq!((result, runs), (Ok(true), 2));
    assert!(!ns.keys().exists("other").unwrap());
}

#[test]
fn a_restart_that_the_closure_turns_into_another_error_starts_again_all_the_same() {
    let (_ns, result, runs) = against_the_order(|tx, ns, first, release| {
        tx.counters(ns).add(first, 1).map_err(|_| {
            release();
            Error::NoSuchKey
        })
    });
    assert_eq!((result, runs), (Ok(101), 2));
}

#[test]
fn against_the_order_of_locks_a_transaction_restarts_a_bounded_number_of_times() {
    let (_clock, larder, ns) = open();
    (0..64).for_each(|n| ns.counters().set(format!("{n}"), 0).unwrap());
    let mut keys = in_lock_order(&ns);
    keys.reverse();
    let worst = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (larder, ns, keys, worst) = (&larder, &ns, &keys, &worst);
            scope.spawn(move || {
                for _ in 0..300 {
                    let mut runs = 0;
                    larder
                        .transaction(|tx| {
                            runs += 1;
                            keys.iter().try_for_each(|key| tx.counters(ns).add(key, 1).map(drop))
                        })
                        .unwrap();
                    worst.fetch_max(runs, Ordering::Relaxed);
                }
            });
        }
    });
    let worst = worst.into_inner();
    assert!(worst <= 5, "{worst} runs");
    assert!(keys.iter().all(|key| ns.counters().value(key).unwrap() == 600));
}

#[test]
fn time_stands_still_inside() {
    let (clock, larder, ns) = open();
    let start = now_ms(&clock);
    larder
        .transaction(|tx| {
            assert_eq!(tx.now().as_millis(), start);
            std::thread::scope(|scope| {
                _ = scope.spawn(|| clock.advance(ms(500)).unwrap()).join();
            });
            assert_eq!((tx.now().as_millis(), now_ms(&clock)), (start, start + 500));
            // Due before the clock's time, and yet not before the transaction's.
            tx.strings(&ns).set_for("k", "v", ms(10))?;
            assert_eq!(tx.keys(&ns).deadline_ms("k")?, Some(start + 10));
            assert!(tx.keys(&ns).exists("k")?);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert!(!ns.keys().exists("k").unwrap());
}

#[test]
fn effects_and_events_of_a_transaction_are_one_batch_in_its_order() {
    let (clock, batches, larder, ns) = recorded();
    let other = larder.namespace("other").unwrap();
    let ear = Ear::on(&larder);
    larder
        .transaction(|tx| {
            tx.strings(&ns).set("b", "1")?;
            tx.strings(&other).set("not recorded", "1")?;
            tx.sorted_sets(&ns).add("a", "m", 1.0)?;
            tx.strings(&ns).append("b", "2")?;
            tx.keys(&ns).rename("b", "c")?;
            tx.keys(&ns).expire("c", ms(50))?;
            tx.keys(&ns).delete("a").map(drop)
        })
        .unwrap();
    let put = |key: &str, value: &str| Effect::Put {
        key: key.into(),
        value: Content::String(value.into()),
        deadline_ms: None,
    };
    let expected = vec![
        put("b", "1"),
        Effect::Members { key: "a".into(), changes: vec![("m".into(), Some(1.0))] },
        Effect::Write { key: "b".into(), at: 1, bytes: "2".into() },
        Effect::Delete { key: "b".into() },
        put("c", "12"),
        Effect::Deadline { key: "c".into(), deadline_ms: Some(now_ms(&clock) + 50) },
        Effect::Delete { key: "a".into() },
    ];
    assert_eq!(batches.take(), [expected]);
    let expected = [
        ("b", EventKind::Set),
        ("not recorded", EventKind::Set),
        ("a", EventKind::MemberAdded),
        ("b", EventKind::Appended),
        ("b", EventKind::RenamedFrom),
        ("c", EventKind::RenamedTo),
        ("c", EventKind::DeadlineSet),
        ("a", EventKind::Deleted),
    ];
    assert_eq!(ear.heard(), expected.map(|(key, kind)| (key.to_owned(), kind)));
}

#[test]
fn an_object_cannot_get_into_a_recorded_namespace() {
    let (_clock, _batches, larder, ns) = recorded();
    let plain = larder.namespace("plain").unwrap();
    plain.objects().put("o", 1, Expiry::Never).unwrap();
    let refused = Err(Error::NotRecordable);
    assert_eq!(ns.objects().put("o", 1, Expiry::Never), refused);
    assert_eq!(plain.keys().move_to("o", &ns).map(drop), refused);
    assert_eq!(plain.keys().copy_to("o", &ns, "o", true).map(drop), refused);
    assert_eq!(larder.transaction(|tx| tx.objects(&ns).put("o", 1, Expiry::Never)), refused);
    assert_eq!((plain.len(), ns.len()), (1, 0));
}

#[test]
fn a_guard_inside_a_transaction_stops_a_late_holder() {
    let (clock, larder, ns) = open();
    let other = larder.namespace("other").unwrap();
    let Grant::Granted { fence } = ns.leases().grant("lock", "ann", ms(10)).unwrap() else {
        panic!("nobody holds it")
    };
    let write = || {
        larder.transaction(|tx| {
            tx.strings(&other).set("page", "ann's")?;
            tx.guard(&ns, "lock", fence)
        })
    };
    assert_eq!(write(), Ok(()));
    other.strings().set("page", "old").unwrap();
    clock.advance(ms(11)).unwrap();
    assert_eq!(write(), Err(Error::StaleFence { given: fence, live: None }));
    assert_eq!(other.strings().get("page").unwrap().as_deref(), Some(&b"old"[..]));
}
