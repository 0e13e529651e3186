//! Leases: one holder, a fence that only grows, and late holders that write nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::time::Duration;

use larder_engine::{Error, Grant, Kind, Larder, Lease, ManualClock, Namespace, TimeToLive};
use shared::{ms, open};

fn granted(ns: &Namespace, key: &str, owner: &str, ttl: Duration) -> u64 {
    match ns.leases().grant(key, owner, ttl).unwrap() {
        Grant::Granted { fence } => fence,
        held => panic!("{held:?}"),
    }
}

fn held(ns: &Namespace, key: &str) -> (Lease, Duration) {
    match ns.leases().grant(key, "somebody else", ms(1)).unwrap() {
        Grant::Held { lease, left, .. } => (lease, left),
        granted => panic!("{granted:?}"),
    }
}

#[test]
fn a_lease_has_one_holder_until_its_deadline_has_passed() {
    let (clock, _larder, ns) = open();
    let fence = granted(&ns, "l", "ann", ms(10));
    clock.advance(ms(4)).unwrap();
    let (lease, left) = held(&ns, "l");
    assert_eq!((&*lease.owner, lease.fence, left), (&b"ann"[..], fence, ms(6)));
    clock.advance(ms(6)).unwrap();
    assert_eq!(held(&ns, "l").1, ms(0), "its last millisecond");
    clock.advance(ms(1)).unwrap();
    assert!(granted(&ns, "l", "bob", ms(10)) > fence);
}

#[test]
fn fences_only_grow_over_keys_namespaces_and_lives() {
    let (clock, larder, ns) = open();
    let other = larder.namespace("other").unwrap();
    let mut last = 0;
    for n in 0..50 {
        let space = if n % 2 == 0 { &ns } else { &other };
        let fence = granted(space, &format!("{}", n % 5), "ann", ms(1));
        assert!(fence > last);
        last = fence;
        clock.advance(ms(2)).unwrap();
    }
    // A later run of the program starts later.
    let later = Larder::builder().manual_clock(&clock).open().namespace("main").unwrap();
    clock.advance(ms(1)).unwrap();
    assert!(granted(&later, "l", "ann", ms(1)) > last);
}

#[test]
fn only_the_live_grant_renews_and_releases() {
    let (clock, _larder, ns) = open();
    let fence = granted(&ns, "l", "ann", ms(10));
    let stale = |live| Error::StaleFence { given: fence + 9, live };
    assert_eq!(ns.leases().renew("l", fence + 9, ms(10)), Err(stale(Some(fence))));
    assert_eq!(ns.leases().release("l", fence + 9), Err(stale(Some(fence))));
    clock.advance(ms(8)).unwrap();
    ns.leases().renew("l", fence, ms(10)).unwrap();
    assert_eq!(ns.keys().time_to_live("l").unwrap(), TimeToLive::Left(ms(10)), "from now");
    assert_eq!(ns.leases().renew("l", fence, ms(0)), Err(Error::InvalidExpiry));
    ns.leases().release("l", fence).unwrap();
    assert_eq!(
        ns.leases().release("l", fence),
        Err(Error::StaleFence { given: fence, live: None })
    );
    assert_eq!(ns.leases().holder("l").unwrap(), None);
}

#[test]
fn a_late_holder_changes_nothing_through_any_guarded_door() {
    let (clock, _larder, ns) = open();
    let fence = granted(&ns, "l", "ann", ms(10));
    let late = ns.guarded("l", fence);
    late.strings().set("k", "ann's").unwrap();
    late.counters().add("n", 1).unwrap();
    late.sorted_sets().add("z", "m", 1.0).unwrap();
    late.strings().set_many(&[("a", "1"), ("b", "2")]).unwrap();
    assert_eq!(late.keys().copy("a", "c", false), Ok(true));
    clock.advance(ms(11)).unwrap();
    let next = granted(&ns, "l", "bob", ms(10));
    let before = ns.stats().bytes;
    let refused: Vec<(&str, Result<(), Error>)> = vec![
        ("set", late.strings().set("k", "late")),
        ("get", late.strings().get("k").map(drop)),
        ("set_many", late.strings().set_many(&[("k", "late")])),
        ("add", late.counters().add("n", 1).map(drop)),
        ("member", late.sorted_sets().add("z", "late", 1.0).map(drop)),
        ("delete", late.keys().delete("k").map(drop)),
        ("flush", late.keys().flush().map(drop)),
        ("rename", late.keys().rename("k", "l")),
        ("put", late.objects().put("k", 1, larder_engine::Expiry::Never)),
    ];
    for (name, result) in refused {
        assert_eq!(result, Err(Error::StaleFence { given: fence, live: Some(next) }), "{name}");
    }
    assert_eq!((ns.stats().bytes, ns.len()), (before, 7));
    ns.guarded("l", next).strings().set("k", "bob's").unwrap();
}

#[test]
fn a_lease_is_a_key_like_any_other() {
    let (_clock, _larder, ns) = open();
    let fence = granted(&ns, "l", "ann", ms(10));
    assert_eq!(ns.keys().kind("l").unwrap(), Some(Kind::Lease));
    let wrong = Error::WrongKind { expected: Kind::String, found: Kind::Lease };
    assert_eq!(ns.strings().get("l"), Err(wrong));
    ns.keys().rename("l", "m").unwrap();
    assert_eq!(ns.leases().holder("m").unwrap().unwrap().fence, fence);
    ns.keys().delete("m").unwrap();
    let late = ns.guarded("m", fence).strings().set("k", "v");
    assert_eq!(late, Err(Error::StaleFence { given: fence, live: None }), "deleting ends it");
    ns.strings().set("s", "v").unwrap();
    let wrong = Err(Error::WrongKind { expected: Kind::Lease, found: Kind::String });
    assert_eq!(ns.leases().grant("s", "ann", ms(1)).map(drop), wrong);
    assert_eq!(ns.leases().holder("s").map(drop), wrong);
    assert_eq!(ns.guarded("s", 1).strings().set("k", "v"), wrong);
}

#[test]
fn a_lease_that_was_persisted_is_held_until_it_is_released() {
    let (clock, _larder, ns) = open();
    let fence = granted(&ns, "l", "ann", ms(10));
    assert!(ns.keys().persist("l").unwrap());
    clock.advance(Duration::from_secs(1_000_000)).unwrap();
    assert_eq!(held(&ns, "l").1, Duration::MAX);
    ns.guarded("l", fence).strings().set("k", "v").unwrap();
    ns.leases().renew("l", fence, ms(10)).unwrap();
    assert_eq!(held(&ns, "l").1, ms(10));
    ns.leases().release("l", fence).unwrap();
    assert!(granted(&ns, "l", "bob", ms(10)) > fence);
}

#[test]
fn an_owner_is_as_long_as_a_value_may_be() {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).max_value_bytes(10).open();
    let ns = larder.namespace("main").unwrap();
    let long = ns.leases().grant("l", "x".repeat(11), ms(10));
    assert_eq!(long.map(drop), Err(Error::ValueTooLong { len: 11, limit: 10 }));
    assert_eq!(ns.len(), 0);
}

#[test]
fn of_many_threads_one_gets_the_lease() {
    let (_clock, _larder, ns) = open();
    let granted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let ns = &ns;
                scope.spawn(move || {
                    let grant = ns.leases().grant("l", format!("{n}"), ms(10)).unwrap();
                    usize::from(matches!(grant, Grant::Granted { .. }))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(granted, 1);
}
