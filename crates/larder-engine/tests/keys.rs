//! Keys of every kind at their edges: rename, copy, scan, random, flush.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use larder_engine::{
    Error, Expiry, Kind, Larder, ManualClock, Namespace, NamespaceOptions, Object,
};
use proptest::prelude::*;
use shared::{ms, now_ms, open, put_dead, text};

const HOUR: Duration = Duration::from_secs(3600);

/// One key of each kind, and what tells whether it is whole.
fn fill(ns: &Namespace) -> [&'static str; 5] {
    ns.strings().set("string", "v").unwrap();
    ns.strings().append("rope", vec![b'x'; 9000]).unwrap();
    ns.sorted_sets().add("set", "m", 1.0).unwrap();
    ns.leases().grant("lease", "ann", HOUR).unwrap();
    ns.objects().put_object("object", Object::new(7_u8, 1), Expiry::Never).unwrap();
    ["string", "rope", "set", "lease", "object"]
}

fn is_whole(ns: &Namespace, kind: &str, key: &str) -> bool {
    match kind {
        "string" => ns.strings().get(key).unwrap().map(text).as_deref() == Some("v"),
        "rope" => ns.strings().len(key).unwrap() == 9000,
        "set" => ns.sorted_sets().score(key, "m").unwrap() == Some(1.0),
        "lease" => ns.leases().holder(key).unwrap().is_some_and(|lease| *lease.owner == *b"ann"),
        _ => ns.objects().get::<u8>(key).unwrap() == Some(7),
    }
}

#[test]
fn keys_of_every_kind_are_renamed_copied_moved_and_deleted() {
    let (_clock, larder, ns) = open();
    let other = larder.namespace("other").unwrap();
    for kind in fill(&ns) {
        assert!(ns.keys().copy(kind, "copy", false).unwrap());
        assert!(!ns.keys().copy(kind, "copy", false).unwrap(), "it exists");
        ns.keys().rename(kind, "renamed").unwrap();
        assert!(ns.keys().move_to("renamed", &other).unwrap());
        assert!(!ns.keys().move_to("renamed", &other).unwrap(), "it is there no more");
        assert!(is_whole(&ns, kind, "copy") && is_whole(&other, kind, "renamed"), "{kind}");
        assert!(!ns.keys().exists(kind).unwrap());
        assert!(ns.keys().delete("copy").unwrap() && other.keys().delete("renamed").unwrap());
    }
    assert_eq!((ns.stats().bytes, other.stats().bytes), (0, 0));
}

#[test]
fn kinds_are_told_apart() {
    let (_clock, _larder, ns) = open();
    let kinds = fill(&ns).map(|key| ns.keys().kind(key).unwrap().unwrap());
    let expected = [Kind::String, Kind::String, Kind::SortedSet, Kind::Lease, Kind::Object];
    assert_eq!(kinds, expected);
    assert_eq!(ns.keys().kind("missing").unwrap(), None);
}

#[test]
fn a_copy_is_its_own() {
    let (_clock, _larder, ns) = open();
    fill(&ns);
    ns.keys().copy("rope", "rope 2", false).unwrap();
    ns.keys().copy("set", "set 2", false).unwrap();
    ns.strings().write_range("rope", 10, "changed").unwrap();
    ns.sorted_sets().add("set 2", "n", 2.0).unwrap();
    assert_eq!(&*ns.strings().range("rope 2", 10, 16).unwrap(), b"xxxxxxx");
    assert_eq!(ns.sorted_sets().len("set").unwrap(), 1);
    ns.assert_valid();
}

#[test]
fn renaming_says_what_it_cannot_do() {
    let (_clock, _larder, ns) = open();
    ns.strings().set("a", "1").unwrap();
    ns.strings().set("b", "2").unwrap();
    assert_eq!(ns.keys().rename("missing", "b"), Err(Error::NoSuchKey));
    assert_eq!(ns.keys().rename("missing", "missing"), Err(Error::NoSuchKey));
    assert_eq!(ns.keys().rename_if_absent("missing", "c"), Err(Error::NoSuchKey));
    assert_eq!(ns.keys().rename("a", "a"), Ok(()), "a key is its own name");
    assert_eq!(ns.keys().rename_if_absent("a", "a"), Ok(false), "and is taken");
    assert_eq!(ns.keys().rename_if_absent("a", "b"), Ok(false));
    assert!(matches!(ns.keys().copy("a", "a", true), Err(Error::Conflict { .. })));
    assert_eq!(ns.keys().copy("missing", "b", true), Ok(false));
    assert_eq!(ns.strings().get("b").unwrap().map(text).unwrap(), "2");
    ns.keys().rename("a", "b").unwrap();
    assert_eq!(ns.strings().get("b").unwrap().map(text).unwrap(), "1");
    assert_eq!(ns.len(), 1);
}

#[test]
fn a_key_moves_only_to_another_namespace_that_has_none_of_its_name() {
    let (_clock, larder, ns) = open();
    let other = larder.namespace("other").unwrap();
    ns.strings().set("a", "1").unwrap();
    assert!(matches!(ns.keys().move_to("a", &ns), Err(Error::Conflict { .. })));
    other.strings().set("a", "2").unwrap();
    assert_eq!(ns.keys().move_to("a", &other), Ok(false));
    assert_eq!(ns.keys().copy_to("a", &other, "a", false), Ok(false));
    assert_eq!(ns.keys().copy_to("a", &other, "a", true), Ok(true));
    assert_eq!(other.strings().get("a").unwrap().map(text).unwrap(), "1");
    assert_eq!(ns.keys().copy_to("a", &ns, "b", false), Ok(true), "to itself under another name");
}

#[test]
fn deleting_counts_each_key_once() {
    let (_clock, _larder, ns) = open();
    fill(&ns);
    let count = ns.keys().delete_many(&["string", "missing", "string", "set"]).unwrap();
    assert_eq!((count, ns.len()), (2, 3));
    assert_eq!(ns.keys().delete_many::<&str>(&[]).unwrap(), 0);
    assert_eq!((ns.keys().flush().unwrap(), ns.len()), (3, 0));
    assert_eq!(ns.keys().flush().unwrap(), 0);
    ns.assert_valid();
}

#[test]
fn reads_are_counted_as_hits_and_misses_where_that_is_asked_for() {
    let (clock, larder, quiet) = open();
    quiet.strings().get("k").unwrap();
    assert_eq!((quiet.stats().hits, quiet.stats().misses), (0, 0));
    let counting = NamespaceOptions::new().count_reads(true);
    let ns = larder.namespace_with("counting", counting).unwrap();
    ns.strings().set("k", "v").unwrap();
    put_dead(&ns, "dead", "v", now_ms(&clock));
    ns.strings().get("k").unwrap();
    assert!(ns.keys().touch("k").unwrap());
    assert!(!ns.keys().touch("missing").unwrap());
    ns.strings().get("dead").unwrap();
    assert_eq!((ns.stats().hits, ns.stats().misses), (2, 2));
}

#[test]
fn patterns_and_kinds_choose_among_the_scanned() {
    let (_clock, _larder, ns) = open();
    fill(&ns);
    ns.strings().set("str?ng", "v").unwrap();
    let matching = |pattern: &str| -> BTreeSet<String> {
        ns.keys().matching(pattern).unwrap().into_iter().map(text).collect()
    };
    assert_eq!(matching("str?ng"), ["str?ng", "string"].map(String::from).into());
    assert_eq!(matching(r"str\?ng"), ["str?ng"].map(String::from).into());
    assert_eq!(matching("[t-r]ope"), ["rope"].map(String::from).into(), "a range backwards");
    assert_eq!(matching("").len(), 0);
    assert_eq!(matching("*").len(), 6);
    let scan = ns.keys().scan_matching(0, 100, b"s*", Some(Kind::SortedSet)).unwrap();
    assert_eq!((scan.cursor, scan.keys), (0, vec!["set".into()]));
}

#[test]
fn any_cursor_is_a_place_and_a_count_of_none_is_one() {
    let (_clock, _larder, ns) = open();
    (0..500).for_each(|n| ns.counters().set(format!("{n}"), n).unwrap());
    for cursor in [1, 7, 1 << 7, 1 << 20, u64::MAX / 2, u64::MAX - 128, u64::MAX - 1, u64::MAX] {
        let mut at = cursor;
        for _ in 0..600 {
            at = ns.keys().scan(at, 0).unwrap().cursor;
            if at == 0 {
                break;
            }
        }
        assert_eq!(at, 0, "from {cursor} it ends, too");
    }
}

#[test]
fn every_key_is_drawn_as_often_as_any_other() {
    for (shards, count) in [(1, 10_u32), (16, 10), (16, 200), (64, 37)] {
        let clock = ManualClock::new();
        let larder = Larder::builder().manual_clock(&clock).shards(shards).seed(11).open();
        let ns = larder.namespace("main").unwrap();
        (0..count).for_each(|n| ns.counters().set(format!("{n}"), 0).unwrap());
        let draws = count * 200;
        let mut drawn = BTreeMap::<String, u32>::new();
        for _ in 0..draws {
            *drawn.entry(text(ns.keys().random().unwrap().unwrap())).or_default() += 1;
        }
        assert_eq!(drawn.len(), count as usize, "each was drawn");
        let expected = 200.0;
        let chi: f64 = drawn.values().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        // Mean k - 1, variance 2 (k - 1): five deviations are beyond chance, and the seed is fixed.
        let freedom = f64::from(count - 1);
        assert!(chi < freedom + 5.0 * (2.0 * freedom).sqrt(), "{shards}, {count}: {chi}");
    }
}

#[test]
fn a_random_key_is_found_among_many_that_have_lapsed() {
    let (clock, _larder, ns) = open();
    for n in 0..2000 {
        put_dead(&ns, &format!("{n}"), "v", now_ms(&clock));
    }
    ns.strings().set("alive", "v").unwrap();
    assert_eq!(ns.keys().random().unwrap().map(text).unwrap(), "alive");
    ns.keys().delete("alive").unwrap();
    assert_eq!(ns.keys().random().unwrap(), None);
}

#[test]
fn an_object_of_another_type_is_told_from_none() {
    let (_clock, _larder, ns) = open();
    ns.objects().put("o", 7_u8, Expiry::Never).unwrap();
    assert!(matches!(ns.objects().get::<u16>("o"), Err(Error::WrongType { .. })));
    assert_eq!(ns.objects().get::<u8>("missing"), Ok(None));
    ns.strings().set("s", "v").unwrap();
    let wrong = Error::WrongKind { expected: Kind::Object, found: Kind::String };
    assert_eq!(ns.objects().get::<u8>("s"), Err(wrong));
    let before = ns.objects().put_object("s", Object::new(1, 1), Expiry::In(ms(5))).unwrap();
    assert!(before.is_none(), "a string is no object");
    let before = ns.objects().put_object("s", Object::new(2, 1), Expiry::Never).unwrap().unwrap();
    assert_eq!(before.downcast_ref(), Some(&1));
    assert_eq!(ns.stats().keys_with_deadline, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scan_finds_every_key_that_is_there_throughout(
        stay in 0..600_u32,
        step in 1..60_usize,
        // Between two steps so many keys come, and so many of those that came go: tables split
        // and merge under the scan.
        changes in prop::collection::vec((0..300_u32, 0..300_u32), 1..40),
        shards in prop_oneof![Just(1), Just(4), Just(64)],
    ) {
        let clock = ManualClock::new();
        let larder = Larder::builder().manual_clock(&clock).shards(shards).open();
        let ns = larder.namespace("main").unwrap();
        (0..stay).for_each(|n| ns.counters().set(format!("stay {n}"), 0).unwrap());
        let (mut found, mut cursor) = (BTreeSet::new(), 0);
        let (mut came, mut went) = (0, 0);
        let mut changes = changes.into_iter();
        loop {
            let scan = ns.keys().scan(cursor, step).unwrap();
            found.extend(scan.keys.into_iter().map(text));
            cursor = scan.cursor;
            if cursor == 0 {
                break;
            }
            let (come, go) = changes.next().unwrap_or_default();
            for n in came..came + come {
                ns.counters().set(format!("come {n}"), 0).unwrap();
            }
            came += come;
            let go = go.min(came - went);
            for n in went..went + go {
                ns.keys().delete(format!("come {n}")).unwrap();
            }
            went += go;
        }
        for n in 0..stay {
            prop_assert!(found.contains(&format!("stay {n}")), "key {} of {}", n, stay);
        }
        for n in went..came {
            found.remove(&format!("come {n}"));
        }
        ns.assert_valid();
    }
}
