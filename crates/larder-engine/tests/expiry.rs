//! Expiry: exact on access, on time by whoever turns the wheels, in global order on a manual clock.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use larder_engine::{
    Background, Combine, Effect, Error, EventKind, ExpireIf, Expiry, Grant, Larder, ManualClock,
    Namespace, NamespaceOptions, Object, SetOptions, Span, Time, TimeToLive, TurnError,
};
use shared::{Ear, ms, now_ms, open, put_dead};

/// What an operation does to a key that is past its deadline, `true` if it found nothing there.
type Sees = (&'static str, fn(&Namespace) -> Result<bool, Error>);

const OPERATIONS: &[Sees] = &[
    ("get", |ns| Ok(ns.strings().get("k")?.is_none())),
    ("get_many", |ns| Ok(ns.strings().get_many(&["k"])? == [None])),
    ("len", |ns| Ok(ns.strings().len("k")? == 0)),
    ("range", |ns| Ok(ns.strings().range("k", 0, -1)?.is_empty())),
    ("take", |ns| Ok(ns.strings().take("k")?.is_none())),
    ("get_and_expire", |ns| Ok(ns.strings().get_and_expire("k", Expiry::Keep)?.is_none())),
    ("swap", |ns| Ok(ns.strings().swap("k", "new", SetOptions::new())?.1.is_none())),
    ("set_if_absent", |ns| ns.strings().set_if_absent("k", "new")),
    ("set if present", |ns| {
        Ok(!ns.strings().set_with("k", "new", SetOptions::new().if_present())?)
    }),
    ("set_many_if_absent", |ns| ns.strings().set_many_if_absent(&[("k", "new")])),
    ("append", |ns| Ok(ns.strings().append("k", "x")? == 1)),
    ("write_range", |ns| Ok(ns.strings().write_range("k", 1, "x")? == 2)),
    ("value", |ns| Ok(ns.counters().value("k")? == 0)),
    ("add", |ns| Ok(ns.counters().add("k", 1)? == 1)),
    ("add_float", |ns| Ok(ns.strings().add_float("k", 0.5)? == 0.5)),
    ("exists", |ns| Ok(!ns.keys().exists("k")?)),
    ("kind", |ns| Ok(ns.keys().kind("k")?.is_none())),
    ("time_to_live", |ns| Ok(ns.keys().time_to_live("k")? == TimeToLive::NoKey)),
    ("deadline_ms", |ns| Ok(ns.keys().deadline_ms("k")?.is_none())),
    ("delete", |ns| Ok(!ns.keys().delete("k")?)),
    ("delete_many", |ns| Ok(ns.keys().delete_many(&["k"])? == 0)),
    ("persist", |ns| Ok(!ns.keys().persist("k")?)),
    ("expire", |ns| Ok(!ns.keys().expire("k", ms(5))?)),
    ("rename", |ns| Ok(ns.keys().rename("k", "l") == Err(Error::NoSuchKey))),
    ("copy", |ns| Ok(!ns.keys().copy("k", "l", true)?)),
    ("rename over it", |ns| {
        ns.strings().set("other", "x")?;
        ns.keys().rename_if_absent("other", "k")
    }),
    ("copy over it", |ns| {
        ns.strings().set("other", "x")?;
        ns.keys().copy("other", "k", false)
    }),
    ("random", |ns| Ok(ns.keys().random()?.is_none())),
    ("scan", |ns| Ok(ns.keys().matching("*")?.is_empty())),
    ("flush", |ns| Ok(ns.keys().flush()? == 0)),
    // It held a string: a dead one is no wrong kind.
    ("add a member", |ns| ns.sorted_sets().add("k", "m", 1.0)),
    ("a range of members", |ns| Ok(ns.sorted_sets().range("k", &Span::all())?.is_empty())),
    ("combine", |ns| Ok(ns.sorted_sets().combine(&[("k", 1.0)], Combine::Difference)?.is_empty())),
    ("grant", |ns| Ok(matches!(ns.leases().grant("k", "ann", ms(5))?, Grant::Granted { .. }))),
    ("holder", |ns| Ok(ns.leases().holder("k")?.is_none())),
    ("object", |ns| Ok(ns.objects().object("k")?.is_none())),
    ("put_object", |ns| {
        Ok(ns.objects().put_object("k", Object::new(1, 1), Expiry::Never)?.is_none())
    }),
];

#[test]
fn no_operation_sees_an_entry_past_its_deadline_though_nobody_reclaimed_it() {
    for (name, operation) in OPERATIONS {
        let (clock, _larder, ns) = open();
        put_dead(&ns, "k", "12345678", now_ms(&clock));
        assert_eq!(ns.len(), 1, "it is still there");
        assert_eq!(operation(&ns), Ok(true), "{name}");
        ns.assert_valid();
    }
}

#[test]
fn a_transaction_sees_no_entry_past_its_deadline_either() {
    let (clock, larder, ns) = open();
    put_dead(&ns, "k", "1", now_ms(&clock));
    let seen = larder.transaction(|tx| {
        let text = tx.strings(&ns).get("k")?;
        Ok::<_, Error>((text, tx.counters(&ns).add("k", 5)?, tx.keys(&ns).deadline_ms("k")?))
    });
    assert_eq!(seen, Ok((None, 5, None)));
}

#[test]
fn a_key_lives_until_its_deadline_has_passed_to_the_nanosecond() {
    let (clock, _larder, ns) = open();
    ns.strings().set_for("k", "v", ms(10)).unwrap();
    clock.advance(ms(11) - Duration::from_nanos(1)).unwrap();
    assert!(ns.keys().exists("k").unwrap(), "the whole millisecond of its deadline is its own");
    assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Left(ms(0)));
    clock.advance(Duration::from_nanos(1)).unwrap();
    assert!(!ns.keys().exists("k").unwrap());
    assert_eq!((ns.len(), ns.stats().expired), (0, 1));
}

#[test]
fn a_part_of_a_millisecond_is_rounded_up() {
    let (clock, _larder, ns) = open();
    ns.strings().set_for("k", "v", Duration::from_nanos(1)).unwrap();
    assert_eq!(ns.keys().deadline_ms("k").unwrap(), Some(now_ms(&clock) + 1));
}

#[test]
fn turning_the_clock_reclaims_in_the_order_of_time_over_shards_and_namespaces() {
    let (clock, larder, ns) = open();
    let other = larder.namespace("other").unwrap();
    let ear = Ear::on(&larder);
    let at = Arc::<Mutex<Vec<u64>>>::default();
    let (times, hand) = (Arc::clone(&at), clock.clone());
    let _listening = larder.on_event(move |event| {
        if event.kind == EventKind::Expired {
            times.lock().unwrap().push(now_ms(&hand));
        }
    });
    let start = now_ms(&clock);
    // Multiplying by a number that has no part in common with 997 visits every remainder once.
    let dues: Vec<u64> = (1..997).map(|n| n * 389 % 997 * 7).collect();
    for (n, due) in dues.iter().enumerate() {
        let space = if n % 2 == 0 { &ns } else { &other };
        space.strings().set_for(format!("{due:05}"), "v", ms(*due)).unwrap();
    }
    clock.advance(ms(10_000)).unwrap();
    let expired = ear.keys(EventKind::Expired);
    assert_eq!(expired.len(), dues.len());
    assert!(expired.is_sorted(), "in the order of deadlines");
    let seen = at.lock().unwrap().clone();
    let expected = expired.iter().map(|key| start + key.parse::<u64>().unwrap() + 1);
    assert_eq!(seen, expected.collect::<Vec<_>>(), "each at its own instant");
    assert_eq!((ns.len(), other.len()), (0, 0));
}

#[test]
fn what_a_listener_schedules_while_the_clock_turns_happens_in_its_turn() {
    let (clock, larder, ns) = open();
    let space = ns.clone();
    let listening = larder.on_event(move |event| {
        if event.kind == EventKind::Expired && *event.key == *b"a" {
            space.strings().set_for("between", "v", ms(10)).unwrap();
        }
    });
    let ear = Ear::on(&larder);
    ns.strings().set_for("a", "v", ms(5)).unwrap();
    ns.strings().set_for("late", "v", ms(50)).unwrap();
    clock.advance(ms(100)).unwrap();
    assert_eq!(ear.keys(EventKind::Expired), ["a", "between", "late"]);
    drop(listening);
}

#[test]
fn the_clock_is_not_turned_inside_a_transaction_or_a_listener() {
    let (clock, larder, ns) = open();
    let before = clock.now();
    let hand = clock.clone();
    let refused = larder.transaction(|_| Ok::<_, Error>(hand.advance(ms(1)))).unwrap();
    assert!(matches!(refused, Err(TurnError::Refused { .. })));

    let answer = Arc::<Mutex<Option<Result<(), TurnError>>>>::default();
    let (mine, hand) = (Arc::clone(&answer), clock.clone());
    let _listening = larder.on_event(move |_| *mine.lock().unwrap() = Some(hand.advance(ms(1))));
    ns.strings().set("k", "v").unwrap();
    assert!(matches!(*answer.lock().unwrap(), Some(Err(TurnError::Refused { .. }))));
    assert_eq!(clock.now(), before, "nothing happened");
}

#[test]
fn a_deadline_that_is_put_off_fires_once_and_at_its_last_time() {
    let (clock, larder, ns) = open();
    let ear = Ear::on(&larder);
    ns.strings().set_for("session", "v", ms(1000)).unwrap();
    for _ in 0..50 {
        clock.advance(ms(900)).unwrap();
        assert!(ns.keys().expire("session", ms(1000)).unwrap());
        assert_eq!(ns.stats().keys_with_deadline, 1);
    }
    clock.advance(ms(1000)).unwrap();
    assert_eq!(ear.keys(EventKind::Expired), [""; 0]);
    clock.advance(ms(1)).unwrap();
    assert_eq!(ear.keys(EventKind::Expired), ["session"]);
    assert_eq!(larder.next_due(), None);
}

#[test]
fn a_deadline_that_is_brought_forward_fires_early() {
    let (clock, _larder, ns) = open();
    ns.strings().set_for("k", "v", ms(1_000_000)).unwrap();
    ns.keys().expire("k", ms(3)).unwrap();
    clock.advance(ms(4)).unwrap();
    assert_eq!(ns.len(), 0);
}

#[test]
fn a_million_years_and_a_millisecond_stand_side_by_side() {
    let (clock, larder, ns) = open();
    let years = Duration::from_secs(1_000_000 * 365 * 86_400);
    ns.strings().set_for("far", "v", years).unwrap();
    ns.strings().set_for("near", "v", ms(1)).unwrap();
    clock.advance(ms(2)).unwrap();
    assert_eq!(ns.len(), 1);
    // To the end of time, which comes before that deadline.
    clock.advance_to(Time::MAX).unwrap();
    assert_eq!(ns.len(), 1);
    assert_eq!(larder.next_due(), None, "nothing will ever be due");
}

#[test]
fn a_persisted_key_stays_and_has_nothing_to_persist() {
    let (clock, larder, ns) = open();
    let ear = Ear::on(&larder);
    ns.strings().set_for("k", "v", ms(5)).unwrap();
    assert!(ns.keys().persist("k").unwrap());
    assert!(!ns.keys().persist("k").unwrap());
    assert!(!ns.keys().persist("missing").unwrap());
    clock.advance(ms(100)).unwrap();
    assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Unlimited);
    assert_eq!(ear.keys(EventKind::Persisted), ["k"]);
    assert_eq!(ns.stats().keys_with_deadline, 0);
}

#[test]
fn renaming_and_moving_take_the_deadline_along_and_copying_copies_it() {
    let (clock, larder, ns) = open();
    let other = larder.namespace("other").unwrap();
    let due = Some(now_ms(&clock) + 50);
    ns.strings().set_for("a", "v", ms(50)).unwrap();
    ns.strings().set_for("b", "w", ms(99)).unwrap();
    ns.keys().rename("a", "b").unwrap();
    assert_eq!(ns.keys().deadline_ms("b").unwrap(), due, "the source's, over the target's");
    ns.keys().copy("b", "c", false).unwrap();
    ns.keys().copy_to("b", &other, "d", false).unwrap();
    ns.keys().move_to("b", &other).unwrap();
    for (space, key) in [(&ns, "c"), (&other, "d"), (&other, "b")] {
        assert_eq!(space.keys().deadline_ms(key).unwrap(), due, "{key}");
    }
    // A source without a deadline takes the target's away.
    ns.strings().set("plain", "v").unwrap();
    ns.keys().rename("plain", "c").unwrap();
    assert_eq!(ns.keys().deadline_ms("c").unwrap(), None);
    clock.advance(ms(51)).unwrap();
    assert_eq!((ns.len(), other.len()), (1, 0));
}

#[test]
fn changes_in_place_keep_the_deadline() {
    type Change = fn(&Namespace) -> Result<(), Error>;
    let changes: &[(&str, &str, Change)] = &[
        ("add", "1", |ns| ns.counters().add("k", 1).map(drop)),
        ("append", "1", |ns| ns.strings().append("k", "x").map(drop)),
        ("write_range", "1", |ns| ns.strings().write_range("k", 5, "x").map(drop)),
        ("a long append", "1", |ns| ns.strings().append("k", vec![0; 5000]).map(drop)),
        ("add_float", "1", |ns| ns.strings().add_float("k", 0.5).map(drop)),
        ("set, keeping", "1", |ns| {
            ns.strings().set_with("k", "x", SetOptions::new().expiry(Expiry::Keep)).map(drop)
        }),
        ("get_and_expire, keeping", "1", |ns| {
            ns.strings().get_and_expire("k", Expiry::Keep).map(drop)
        }),
    ];
    for (name, before, change) in changes {
        let (clock, _larder, ns) = open();
        ns.strings().set_for("k", *before, ms(50)).unwrap();
        change(&ns).unwrap();
        assert_eq!(ns.keys().deadline_ms("k").unwrap(), Some(now_ms(&clock) + 50), "{name}");
    }
    let (clock, _larder, ns) = open();
    let due = Some(now_ms(&clock) + 50);
    ns.sorted_sets().add("z", "a", 1.0).unwrap();
    ns.keys().expire("z", ms(50)).unwrap();
    ns.sorted_sets().add("z", "b", 1.0).unwrap();
    ns.sorted_sets().increment("z", "a", 1.0).unwrap();
    ns.sorted_sets().pop_min("z").unwrap();
    assert_eq!(ns.keys().deadline_ms("z").unwrap(), due);
    // Emptied and made again, it has none.
    ns.sorted_sets().pop_min("z").unwrap();
    ns.sorted_sets().add("z", "a", 1.0).unwrap();
    assert_eq!(ns.keys().deadline_ms("z").unwrap(), None);
}

#[test]
fn a_new_value_clears_the_deadline() {
    type Change = fn(&Namespace) -> Result<(), Error>;
    let changes: &[(&str, Change)] = &[
        ("set", |ns| ns.strings().set("k", "x")),
        ("set_many", |ns| ns.strings().set_many(&[("k", "x")])),
        ("swap", |ns| ns.strings().swap("k", "x", SetOptions::new()).map(drop)),
        ("counters set", |ns| ns.counters().set("k", 7)),
        ("get_and_expire, never", |ns| ns.strings().get_and_expire("k", Expiry::Never).map(drop)),
        ("put", |ns| ns.objects().put("k", 7, Expiry::Never)),
        ("combine_store", |ns| {
            ns.sorted_sets().combine_store("k", &[("z", 1.0)], Combine::Difference).map(drop)
        }),
        ("store_range", |ns| ns.sorted_sets().store_range("k", "z", &Span::all()).map(drop)),
    ];
    for (name, change) in changes {
        let (_clock, _larder, ns) = open();
        ns.sorted_sets().add("z", "m", 1.0).unwrap();
        ns.strings().set_for("k", "v", ms(50)).unwrap();
        change(&ns).unwrap();
        assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Unlimited, "{name}");
        assert_eq!(ns.stats().keys_with_deadline, 0, "{name}");
    }
}

#[test]
fn a_deadline_in_the_past_is_a_deletion_and_no_expiry() {
    let (clock, larder, ns) = open();
    let past = now_ms(&clock) - 1;
    ns.strings().set("k", "v").unwrap();
    ns.strings().set("l", "v").unwrap();
    let ear = Ear::on(&larder);
    assert!(ns.keys().expire_at_ms("k", past, ExpireIf::Always).unwrap());
    let before = ns.strings().get_and_expire("l", Expiry::AtMs(0)).unwrap();
    assert_eq!(before.as_deref(), Some(&b"v"[..]));
    assert_eq!(ear.heard(), [("k".into(), EventKind::Deleted), ("l".into(), EventKind::Deleted)]);
    assert!(!ns.keys().expire_at_ms("k", past, ExpireIf::Always).unwrap(), "it is gone");
    // The present millisecond has not passed.
    ns.strings().set("k", "v").unwrap();
    ns.keys().expire_at_ms("k", past + 1, ExpireIf::Always).unwrap();
    assert!(ns.keys().exists("k").unwrap());
    assert_eq!(ns.stats().expired, 0);
}

#[test]
fn a_string_set_with_a_deadline_in_the_past_is_written_and_gone() {
    let (clock, _larder, ns) = open();
    ns.strings().set("k", "old").unwrap();
    let options = SetOptions::new().expiry(Expiry::AtMs(now_ms(&clock) - 1));
    assert!(ns.strings().set_with("k", "new", options).unwrap());
    assert_eq!((ns.strings().get("k").unwrap(), ns.len()), (None, 0));
    ns.assert_valid();
}

#[test]
fn times_that_are_none_are_refused_and_change_nothing() {
    let (_clock, _larder, ns) = open();
    let invalid = Error::InvalidExpiry;
    for ttl in [Duration::ZERO, Duration::MAX] {
        ns.strings().set("k", "v").unwrap();
        ns.sorted_sets().add("z", "m", 1.0).unwrap();
        assert_eq!(ns.strings().set_for("k", "w", ttl), Err(invalid.clone()), "{ttl:?}");
        assert_eq!(ns.keys().expire("k", ttl), Err(invalid.clone()), "{ttl:?}");
        assert_eq!(ns.keys().expire("missing", ttl), Err(invalid.clone()), "{ttl:?}");
        let keep = ns.strings().get_and_expire("k", Expiry::In(ttl));
        assert_eq!(keep, Err(invalid.clone()), "{ttl:?}");
        assert_eq!(ns.leases().grant("lease", "ann", ttl), Err(invalid.clone()), "{ttl:?}");
        assert_eq!(ns.objects().put("k", 1, Expiry::In(ttl)), Err(invalid.clone()), "{ttl:?}");
    }
    let last = i64::MAX as u64;
    let at = |ms| SetOptions::new().expiry(Expiry::AtMs(ms));
    assert_eq!(ns.strings().set_with("k", "w", at(last + 1)), Err(invalid.clone()));
    assert_eq!(ns.keys().expire_at_ms("k", u64::MAX, ExpireIf::Always), Err(invalid.clone()));
    assert_eq!(ns.strings().get("k").unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Unlimited);
    assert_eq!(ns.strings().set_with("k", "w", at(last)), Ok(true), "the last one there is");
    ns.assert_valid();
}

#[test]
fn a_time_that_is_none_is_refused_whatever_the_condition() {
    let (_clock, _larder, ns) = open();
    ns.strings().set("k", "v").unwrap();
    let options = SetOptions::new().if_absent().expiry(Expiry::In(Duration::ZERO));
    assert_eq!(ns.strings().set_with("k", "w", options), Err(Error::InvalidExpiry));
}

#[test]
fn a_key_without_a_deadline_counts_as_living_for_ever() {
    let (clock, _larder, ns) = open();
    let now = now_ms(&clock);
    // The deadline that it has, the new one, the condition, and whether it is changed.
    let table = [
        (None, 10, ExpireIf::HasNone, true),
        (Some(10), 20, ExpireIf::HasNone, false),
        (None, 10, ExpireIf::HasOne, false),
        (Some(10), 20, ExpireIf::HasOne, true),
        (None, 10, ExpireIf::Later, false),
        (Some(10), 20, ExpireIf::Later, true),
        (Some(10), 10, ExpireIf::Later, false),
        (None, 10, ExpireIf::Earlier, true),
        (Some(20), 10, ExpireIf::Earlier, true),
        (Some(10), 10, ExpireIf::Earlier, false),
        (None, 10, ExpireIf::HasOneAndLater, false),
        (Some(10), 20, ExpireIf::HasOneAndLater, true),
        (None, 10, ExpireIf::HasOneAndEarlier, false),
        (Some(20), 10, ExpireIf::HasOneAndEarlier, true),
        (Some(10), 20, ExpireIf::HasOneAndEarlier, false),
    ];
    for (was, due, condition, changes) in table {
        let expiry = was.map_or(Expiry::Never, |was| Expiry::In(ms(was)));
        ns.strings().set_with("k", "v", SetOptions::new().expiry(expiry)).unwrap();
        let changed = ns.keys().expire_if("k", ms(due), condition).unwrap();
        assert_eq!(changed, changes, "{was:?} to {due}, {condition:?}");
        let is = if changes { Some(now + due) } else { was.map(|was| now + was) };
        assert_eq!(ns.keys().deadline_ms("k").unwrap(), is);
    }
    // A condition that does not hold keeps a past deadline from deleting.
    ns.strings().set("k", "v").unwrap();
    assert!(!ns.keys().expire_at_ms("k", 1, ExpireIf::Later).unwrap());
    assert!(ns.keys().exists("k").unwrap());
}

#[test]
fn tick_reclaims_what_nobody_came_to() {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).background(Background::None).seed(7).open();
    let ns = larder.namespace("main").unwrap();
    let ear = Ear::on(&larder);
    for n in 0..1000 {
        put_dead(&ns, &format!("{n}"), "v", now_ms(&clock));
    }
    ns.strings().set_for("live", "v", ms(1)).unwrap();
    ear.heard();
    assert!(larder.next_due().unwrap() <= clock.now());
    assert_eq!(larder.tick().unwrap(), 1000);
    assert_eq!((ns.len(), ns.stats().expired), (1, 1000));
    assert_eq!(ear.keys(EventKind::Expired).len(), 1000);
    assert_eq!(larder.tick().unwrap(), 0);
    ns.assert_valid();
    larder.close();
    assert_eq!(larder.tick(), Err(Error::Closed));
}

#[test]
fn a_recorded_namespace_says_that_a_key_expired_as_a_deletion() {
    let clock = ManualClock::new();
    let batches = Arc::new(shared::Batches::default());
    let larder = Larder::builder().manual_clock(&clock).effect_sink(batches.clone()).open();
    let ns = larder.namespace_with("main", NamespaceOptions::new().recorded(true)).unwrap();
    ns.strings().set_for("k", "v", ms(1)).unwrap();
    batches.take();
    clock.advance(ms(2)).unwrap();
    assert_eq!(batches.take(), [[Effect::Delete { key: "k".into() }]]);
}

#[test]
fn no_thread_runs_until_something_needs_time() {
    let larder = Larder::new();
    let ns = larder.namespace("main").unwrap();
    ns.strings().set("k", "v").unwrap();
    ns.sorted_sets().add("z", "m", 1.0).unwrap();
    ns.keys().delete("z").unwrap();
    larder.transaction(|tx| tx.counters(&ns).add("n", 1)).unwrap();
    assert!(!larder.has_thread());
    ns.keys().expire("k", Duration::from_secs(3600)).unwrap();
    assert!(larder.has_thread());
}

#[test]
fn no_thread_ever_runs_on_a_manual_clock_or_without_a_background() {
    let clock = ManualClock::new();
    let manual = Larder::builder().manual_clock(&clock).open();
    let none = Larder::builder().background(Background::None).open();
    for larder in [&manual, &none] {
        let ns = larder.namespace("main").unwrap();
        ns.strings().set_for("k", "v", Duration::from_secs(3600)).unwrap();
        ns.leases().grant("lease", "ann", Duration::from_secs(3600)).unwrap();
        larder.tick().unwrap();
        assert!(!larder.has_thread());
    }
}

/// Longer than any machine stalls; no test waits for so long unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_timekeeper_reclaims_on_time_and_tells_of_it() {
    let larder = Larder::new();
    let ns = larder.namespace("main").unwrap();
    let heard = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    let mine = Arc::clone(&heard);
    let _listening = larder.on_event(move |event| {
        if event.kind == EventKind::Expired {
            mine.0.lock().unwrap().push(event.key.to_vec());
            mine.1.notify_all();
        }
    });
    // A far deadline first: the thread must wake up early for the near ones.
    ns.strings().set_for("far", "v", Duration::from_secs(3600)).unwrap();
    for n in 0..100_u8 {
        ns.strings().set_for([n], "v", ms(1 + u64::from(n % 7))).unwrap();
    }
    let all = |keys: &mut Vec<Vec<u8>>| keys.len() < 100;
    let keys = heard.0.lock().unwrap();
    let (keys, timeout) = heard.1.wait_timeout_while(keys, PATIENCE, all).unwrap();
    assert!(!timeout.timed_out(), "only {} expired", keys.len());
    drop(keys);
    assert_eq!((ns.len(), ns.stats().expired), (1, 100));
}
