//! Sorted sets at their edges, and combined against the plainest thing that could be right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::collections::BTreeMap;

use larder_engine::{AddOptions, Aggregate, Combine, End, Error, Kind, Namespace, Scored, Span};
use proptest::prelude::*;
use shared::{open, text};

fn names(members: Vec<Scored>) -> Vec<String> {
    members.into_iter().map(|(member, _)| text(member)).collect()
}

fn range(ns: &Namespace, span: Span) -> Vec<String> {
    names(ns.sorted_sets().range("z", &span).unwrap())
}

fn fill(ns: &Namespace, members: &[(&str, f64)]) {
    ns.sorted_sets().add_with("z", members, AddOptions::new()).unwrap();
}

#[test]
fn a_score_is_a_number_and_all_are_checked_before_any_is_written() {
    let (_clock, _larder, ns) = open();
    let members = [("a", 1.0), ("b", f64::NAN)];
    let added = ns.sorted_sets().add_with("z", &members, AddOptions::new());
    assert_eq!(added.map(drop), Err(Error::NotANumber));
    assert!(!ns.keys().exists("z").unwrap());
    assert_eq!(ns.sorted_sets().increment("z", "a", f64::NAN), Err(Error::NotANumber));
    assert!(!ns.keys().exists("z").unwrap());
    ns.sorted_sets().add("z", "a", f64::INFINITY).unwrap();
    let sum = ns.sorted_sets().increment("z", "a", f64::NEG_INFINITY);
    assert_eq!(sum, Err(Error::NotANumber), "infinities of both signs have no sum");
    assert_eq!(ns.sorted_sets().score("z", "a").unwrap(), Some(f64::INFINITY));
    let weights = ns.sorted_sets().combine(&[("z", f64::NAN)], Combine::Difference);
    assert_eq!(weights, Err(Error::NotANumber));
}

#[test]
fn infinities_are_scores_and_the_zeros_are_one() {
    let (_clock, _larder, ns) = open();
    let (most, least) = (f64::INFINITY, f64::NEG_INFINITY);
    fill(&ns, &[("most", most), ("b", 0.0), ("a", -0.0), ("c", -0.0), ("least", least)]);
    assert_eq!(range(&ns, Span::all()), ["least", "a", "b", "c", "most"], "zeros tie by member");
    assert_eq!(ns.sorted_sets().count("z", &Span::scores(-0.0..=-0.0)).unwrap(), 3);
    assert_eq!(ns.sorted_sets().count("z", &Span::scores(0.0..=0.0)).unwrap(), 3);
    let added = ns.sorted_sets().add_with("z", &[("b", -0.0)], AddOptions::new()).unwrap();
    assert_eq!((added.added, added.updated), (0, 0), "the same score");
    assert_eq!(range(&ns, Span::scores(least..=least)), ["least"]);
    assert_eq!(range(&ns, Span::scores(1.0..)), ["most"]);
}

#[test]
fn options_that_exclude_one_another_are_refused() {
    let (_clock, _larder, ns) = open();
    let new = AddOptions::new;
    for options in [
        new().only_new().only_present(),
        new().only_new().if_greater(),
        new().only_new().if_less(),
        new().if_greater().if_less(),
    ] {
        let added = ns.sorted_sets().add_with("z", &[("a", 1.0)], options);
        assert!(matches!(added, Err(Error::Conflict { .. })), "{options:?}");
        let sum = ns.sorted_sets().increment_with("z", "a", 1.0, options);
        assert!(matches!(sum, Err(Error::Conflict { .. })), "{options:?}");
    }
    assert_eq!(ns.len(), 0);
}

#[test]
fn options_decide_who_is_added_and_who_updated() {
    let (_clock, _larder, ns) = open();
    let new = AddOptions::new;
    // Over a: 5 present, b absent; both are given 3 and then 7.
    let table = [
        (new(), 3.0, (1, 1), Some(3.0)),
        (new().only_new(), 3.0, (1, 0), Some(5.0)),
        (new().only_present(), 3.0, (0, 1), Some(3.0)),
        (new().if_greater(), 3.0, (1, 0), Some(5.0)),
        (new().if_greater(), 7.0, (1, 1), Some(7.0)),
        (new().if_greater(), 5.0, (1, 0), Some(5.0)),
        (new().if_less(), 3.0, (1, 1), Some(3.0)),
        (new().if_less(), 7.0, (1, 0), Some(5.0)),
        (new().only_present().if_greater(), 7.0, (0, 1), Some(7.0)),
        (new().only_present().if_less(), 7.0, (0, 0), Some(5.0)),
    ];
    for (options, score, counts, a) in table {
        ns.keys().delete("z").unwrap();
        fill(&ns, &[("a", 5.0)]);
        let members = [("a", score), ("b", score)];
        let added = ns.sorted_sets().add_with("z", &members, options).unwrap();
        assert_eq!((added.added, added.updated), counts, "{options:?} {score}");
        assert_eq!(ns.sorted_sets().score("z", "a").unwrap(), a, "{options:?} {score}");
    }
    // Nothing comes into being where nothing may be added.
    assert_eq!(ns.sorted_sets().increment_with("new", "a", 1.0, new().only_present()), Ok(None));
    let added = ns.sorted_sets().add_with("new", &[("a", 1.0)], new().only_present()).unwrap();
    assert_eq!((added.added, added.updated), (0, 0));
    assert!(!ns.keys().exists("new").unwrap());
    assert_eq!(ns.sorted_sets().increment_with("z", "a", -9.0, new().if_greater()), Ok(None));
    assert_eq!(ns.sorted_sets().increment_with("z", "a", 1.0, new().only_new()), Ok(None));
}

#[test]
fn members_of_one_score_stand_and_go_in_the_order_of_their_bytes() {
    let (_clock, _larder, ns) = open();
    fill(&ns, &[("b", 1.0), ("a", 1.0), ("c", 1.0), ("B", 1.0), ("", 1.0), ("aa", 1.0)]);
    assert_eq!(range(&ns, Span::all()), ["", "B", "a", "aa", "b", "c"]);
    assert_eq!(range(&ns, Span::all().reversed()), ["c", "b", "aa", "a", "B", ""]);
    assert_eq!(text(ns.sorted_sets().pop_min("z").unwrap().unwrap().0), "");
    assert_eq!(text(ns.sorted_sets().pop_max("z").unwrap().unwrap().0), "c");
    let popped = ns.sorted_sets().pop("z", End::Max, 2).unwrap();
    assert_eq!(names(popped), ["b", "aa"], "from the end inwards");
    assert_eq!(ns.sorted_sets().rank("z", "a").unwrap(), Some(1));
    assert_eq!(ns.sorted_sets().rank_from_top("z", "a").unwrap(), Some(0));
    assert_eq!(ns.sorted_sets().rank("z", "none").unwrap(), None);
}

#[test]
fn a_set_without_members_is_no_key() {
    type Emptying = fn(&Namespace);
    let ways: [Emptying; 5] = [
        |ns| _ = ns.sorted_sets().remove("z", "a").unwrap(),
        |ns| _ = ns.sorted_sets().pop_min("z").unwrap(),
        |ns| _ = ns.sorted_sets().pop("z", End::Max, usize::MAX).unwrap(),
        |ns| _ = ns.sorted_sets().remove_range("z", &Span::all()).unwrap(),
        |ns| _ = ns.sorted_sets().remove_many("z", &["a", "a", "b"]).unwrap(),
    ];
    for empty in ways {
        let (_clock, _larder, ns) = open();
        fill(&ns, &[("a", 1.0)]);
        empty(&ns);
        assert_eq!((ns.len(), ns.keys().kind("z").unwrap()), (0, None));
        assert_eq!(
            ns.sorted_sets().add_with::<&str>("z", &[], AddOptions::new()).unwrap().added,
            0
        );
        assert_eq!(ns.len(), 0, "adding nobody makes no set");
        assert_eq!(ns.sorted_sets().pop("z", End::Min, 5).unwrap(), []);
        ns.assert_valid();
    }
}

#[test]
fn limits_skip_and_take_in_the_direction_of_the_span() {
    let (_clock, _larder, ns) = open();
    let members = ["a", "b", "c", "d", "e"];
    fill(&ns, &members.map(|member| (member, 1.0)));
    for skip in [0, 1, 4, 5, 6, usize::MAX] {
        for take in [0, 1, 3, 5, usize::MAX] {
            for span in [Span::all(), Span::scores(..), Span::members::<&str>(..)] {
                let forward: Vec<&str> = members.into_iter().skip(skip).take(take).collect();
                assert_eq!(range(&ns, span.clone().limit(skip, take)), forward);
                let back: Vec<&str> = members.into_iter().rev().skip(skip).take(take).collect();
                assert_eq!(range(&ns, span.clone().reversed().limit(skip, take)), back);
                let span = span.limit(skip, take);
                assert_eq!(ns.sorted_sets().count("z", &span).unwrap(), forward.len());
            }
        }
    }
    let removed = ns.sorted_sets().remove_range("z", &Span::all().reversed().limit(1, 2)).unwrap();
    assert_eq!((removed, range(&ns, Span::all())), (2, ["a", "b", "e"].map(String::from).into()));
}

#[test]
fn ranks_of_any_size_are_ranks() {
    let (_clock, _larder, ns) = open();
    let members = ["a", "b", "c"];
    fill(&ns, &members.map(|member| (member, 1.0)));
    let ends = [0, 1, 2, 3, -1, -3, -4, i64::MAX, i64::MIN, i64::MIN + 1];
    for start in ends {
        for stop in ends {
            let place = |end: i64| i128::from(end) + if end < 0 { 3 } else { 0 };
            let ranks = place(start).max(0)..=place(stop).min(2);
            let forward: Vec<_> = ranks.clone().map(|rank| members[rank as usize]).collect();
            assert_eq!(range(&ns, Span::ranks(start, stop)), forward, "{start}..={stop}");
            let back: Vec<_> = ranks.map(|rank| members[2 - rank as usize]).collect();
            assert_eq!(range(&ns, Span::ranks(start, stop).reversed()), back, "{start}..={stop}");
        }
    }
    assert_eq!(ns.sorted_sets().nth("z", usize::MAX).unwrap(), None);
}

#[test]
fn spans_that_hold_nothing_are_empty_and_no_error() {
    use std::ops::Bound::{Excluded, Included};
    let (_clock, _larder, ns) = open();
    fill(&ns, &[("a", 1.0), ("b", 2.0)]);
    let backwards = (Included(2.0), Included(1.0));
    for span in [
        Span::scores(backwards),
        Span::scores((Excluded(1.0), Excluded(1.0))),
        Span::scores((Excluded(1.0), Included(1.0))),
        Span::scores(f64::NAN..),
        Span::scores(..=f64::NAN),
        Span::scores(2.5..),
        Span::members::<&str>((Excluded("b"), Excluded("b"))),
        Span::members::<&str>((Included("z"), Included("a"))),
        Span::ranks(2, 1),
    ] {
        assert_eq!(ns.sorted_sets().count("z", &span).unwrap(), 0, "{span:?}");
        assert_eq!(range(&ns, span.clone().reversed()), [""; 0], "{span:?}");
        assert_eq!(ns.sorted_sets().remove_range("z", &span).unwrap(), 0, "{span:?}");
    }
    assert_eq!(ns.sorted_sets().len("z").unwrap(), 2);
    assert_eq!(range(&ns, Span::scores((Excluded(1.0), Included(2.0)))), ["b"]);
}

#[test]
fn members_drawn_are_different_or_as_many_as_asked() {
    let (_clock, _larder, ns) = open();
    assert_eq!(ns.sorted_sets().random("missing", 5).unwrap(), []);
    assert_eq!(ns.sorted_sets().random("missing", -5).unwrap(), []);
    for size in [1, 10, 300] {
        let members: Vec<_> = (0..size).map(|n| (format!("{n}"), 1.0)).collect();
        ns.sorted_sets().add_with("z", &members, AddOptions::new()).unwrap();
        for count in [0, 1, 5, 9, 10, 150, 300, 10_000, i64::MAX] {
            let mut drawn = names(ns.sorted_sets().random("z", count).unwrap());
            assert_eq!(drawn.len() as i64, count.min(size), "{count} of {size}");
            drawn.sort();
            drawn.dedup();
            assert_eq!(drawn.len() as i64, count.min(size), "all different");
        }
        for count in [1, 5, 1000] {
            let drawn = ns.sorted_sets().random("z", -count).unwrap();
            assert_eq!(drawn.len() as i64, count, "repeats make up for what is not there");
        }
    }
}

#[test]
fn no_count_of_repeats_can_exhaust_the_memory() {
    let (_clock, larder, ns) = open();
    fill(&ns, &[("a", 1.0)]);
    for count in [i64::MIN, i64::MIN + 1, -(1 << 40)] {
        let drawn = ns.sorted_sets().random("z", count);
        assert!(matches!(drawn, Err(Error::ValueTooLong { .. })), "{count}");
        let drawn = larder.transaction(|tx| tx.sorted_sets(&ns).random("z", count));
        assert!(matches!(drawn, Err(Error::ValueTooLong { .. })), "{count}");
    }
}

#[test]
fn every_operation_refuses_a_value_of_another_kind() {
    let (_clock, _larder, ns) = open();
    ns.strings().set("s", "v").unwrap();
    let how = Combine::Union(Aggregate::Sum);
    let refused: Vec<(&str, Result<(), Error>)> = vec![
        ("add", ns.sorted_sets().add("s", "m", 1.0).map(drop)),
        ("increment", ns.sorted_sets().increment("s", "m", 1.0).map(drop)),
        ("remove", ns.sorted_sets().remove("s", "m").map(drop)),
        ("remove_range", ns.sorted_sets().remove_range("s", &Span::all()).map(drop)),
        ("len", ns.sorted_sets().len("s").map(drop)),
        ("count", ns.sorted_sets().count("s", &Span::all()).map(drop)),
        ("score", ns.sorted_sets().score("s", "m").map(drop)),
        ("rank", ns.sorted_sets().rank("s", "m").map(drop)),
        ("rank_from_top", ns.sorted_sets().rank_from_top("s", "m").map(drop)),
        ("nth", ns.sorted_sets().nth("s", 0).map(drop)),
        ("range", ns.sorted_sets().range("s", &Span::all()).map(drop)),
        ("store_range", ns.sorted_sets().store_range("t", "s", &Span::all()).map(drop)),
        ("pop_min", ns.sorted_sets().pop_min("s").map(drop)),
        ("pop_first_of", ns.sorted_sets().pop_first_of(&["s"], End::Min, 1).map(drop)),
        ("pop_wait", ns.sorted_sets().pop_wait(&["s"], End::Min, None).map(drop)),
        ("random", ns.sorted_sets().random("s", 1).map(drop)),
        ("scan", ns.sorted_sets().scan("s", 0, 1).map(drop)),
        ("combine", ns.sorted_sets().combine(&[("s", 1.0)], how).map(drop)),
        ("combine_store", ns.sorted_sets().combine_store("s", &[("s", 1.0)], how).map(drop)),
    ];
    let wrong = Error::WrongKind { expected: Kind::SortedSet, found: Kind::String };
    for (name, result) in refused {
        assert_eq!(result, Err(wrong.clone()), "{name}");
    }
    assert_eq!(ns.len(), 1);
}

#[test]
fn storing_nothing_deletes_the_target_and_a_target_may_be_a_source() {
    let (_clock, _larder, ns) = open();
    fill(&ns, &[("a", 1.0), ("b", 2.0)]);
    ns.strings().set("target", "v").unwrap();
    let nothing = Span::scores(9.0..);
    assert_eq!(ns.sorted_sets().store_range("target", "z", &nothing).unwrap(), 0);
    assert!(!ns.keys().exists("target").unwrap());
    ns.strings().set("target", "v").unwrap();
    assert_eq!(ns.sorted_sets().store_range("target", "missing", &Span::all()).unwrap(), 0);
    assert!(!ns.keys().exists("target").unwrap());
    let how = Combine::Union(Aggregate::Sum);
    assert_eq!(ns.sorted_sets().combine_store("z", &[("z", 1.0), ("z", 9.0)], how).unwrap(), 2);
    assert_eq!(ns.sorted_sets().score("z", "b").unwrap(), Some(20.0));
    assert_eq!(ns.sorted_sets().store_range("z", "z", &Span::ranks(0, 0)).unwrap(), 1);
    assert_eq!(ns.sorted_sets().combine_store::<&str>("z", &[], how).unwrap(), 0);
    assert!(!ns.keys().exists("z").unwrap());
}

#[test]
fn what_is_no_number_while_sets_are_combined_counts_as_zero() {
    let (_clock, _larder, ns) = open();
    fill(&ns, &[("a", f64::INFINITY)]);
    ns.sorted_sets().add("y", "a", f64::NEG_INFINITY).unwrap();
    let sum = Combine::Union(Aggregate::Sum);
    let combined = ns.sorted_sets().combine(&[("z", 1.0), ("y", 1.0)], sum).unwrap();
    assert_eq!(combined, [("a".into(), 0.0)], "infinities of both signs");
    let combined = ns.sorted_sets().combine(&[("z", 0.0)], sum).unwrap();
    assert_eq!(combined, [("a".into(), 0.0)], "infinity times nothing");
}

#[test]
fn a_scan_of_a_set_finds_who_is_there_throughout() {
    for size in [3_u32, 2000] {
        let (_clock, _larder, ns) = open();
        let members: Vec<_> = (0..size).map(|n| (format!("stay {n}"), f64::from(n))).collect();
        ns.sorted_sets().add_with("z", &members, AddOptions::new()).unwrap();
        let (mut cursor, mut found, mut step) = (0, std::collections::BTreeSet::new(), 0);
        loop {
            let (next, members) = ns.sorted_sets().scan("z", cursor, 7).unwrap();
            found.extend(names(members));
            // Others come and go meanwhile.
            for n in 0..20 {
                ns.sorted_sets().add("z", format!("come {step} {n}"), 1.0).unwrap();
                if step > 0 {
                    ns.sorted_sets().remove("z", format!("come {} {n}", step - 1)).unwrap();
                }
            }
            step += 1;
            assert!(step < 5000, "the scan does not end");
            if next == 0 {
                break;
            }
            cursor = next;
        }
        let missing = members.iter().filter(|(member, _)| !found.contains(member)).count();
        assert_eq!(missing, 0, "of {size}");
    }
}

type Sets = Vec<(Vec<(u8, f64)>, f64)>;

fn sets() -> impl Strategy<Value = Sets> {
    let score = prop_oneof![-3..4_i8, Just(100)].prop_map(f64::from);
    let set = prop::collection::vec((0..20_u8, score.clone()), 0..12);
    prop::collection::vec((set, score), 1..5)
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    prop_oneof![Just(Aggregate::Sum), Just(Aggregate::Min), Just(Aggregate::Max)]
}

fn how() -> impl Strategy<Value = Combine> {
    prop_oneof![
        aggregate().prop_map(Combine::Union),
        aggregate().prop_map(Combine::Intersection),
        Just(Combine::Difference),
    ]
}

/// For each member that may be in the result, asks every set.
fn naive(sets: &Sets, how: Combine) -> BTreeMap<u8, f64> {
    let maps: Vec<BTreeMap<u8, f64>> =
        sets.iter().map(|(members, _)| members.iter().copied().collect()).collect();
    let mut result = BTreeMap::new();
    for member in 0..20 {
        let scores: Vec<Option<f64>> = maps
            .iter()
            .zip(sets)
            .map(|(map, (_, weight))| Some(map.get(&member)? * weight))
            .collect();
        let all: Vec<f64> = scores.iter().flatten().copied().collect();
        let aggregate = match how {
            Combine::Union(aggregate) if !all.is_empty() => aggregate,
            Combine::Intersection(aggregate) if all.len() == sets.len() => aggregate,
            Combine::Difference if scores[0].is_some() && all.len() == 1 => {
                result.insert(member, maps[0][&member]);
                continue;
            }
            _ => continue,
        };
        let score = match aggregate {
            Aggregate::Min => all.into_iter().reduce(f64::min),
            Aggregate::Max => all.into_iter().reduce(f64::max),
            _ => all.into_iter().reduce(|a, b| a + b),
        };
        result.insert(member, score.unwrap());
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sets_are_combined_as_by_asking_every_set_for_every_member(sets in sets(), how in how()) {
        let (_clock, _larder, ns) = open();
        let mut named = Vec::new();
        for (n, (members, weight)) in sets.iter().enumerate() {
            let key = format!("set {n}");
            let members: Vec<_> = members.iter().map(|(member, score)| ([*member], *score)).collect();
            ns.sorted_sets().add_with(&key, &members, AddOptions::new()).unwrap();
            named.push((key, *weight));
        }
        let expected = naive(&sets, how);
        let combined = ns.sorted_sets().combine(&named, how).unwrap();
        let found: BTreeMap<u8, f64> = combined.iter().map(|(member, score)| (member[0], *score)).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert!(combined.is_sorted_by(|a, b| (a.1, &a.0[..]) < (b.1, &b.0[..])));
        prop_assert_eq!(ns.sorted_sets().combine_store("target", &named, how).unwrap(), expected.len());
        prop_assert_eq!(ns.sorted_sets().range("target", &Span::all()).unwrap(), combined);
        prop_assert_eq!(ns.keys().exists("target").unwrap(), !expected.is_empty());
    }
}
