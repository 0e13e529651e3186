//! Accounting: what is charged is the sum over what is there, and nothing is charged for nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use std::time::Duration;

use larder_engine::{
    AddOptions, Budget, End, Error, Eviction, Expiry, Larder, ManualClock, Namespace,
    NamespaceOptions, Object, Span,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Set { key: u8, len: usize },
    SetFor { key: u8, len: usize, ms: u64 },
    Append { key: u8, len: usize },
    WriteRange { key: u8, at: usize },
    Count { key: u8 },
    Members { key: u8, count: u16, len: usize },
    RemoveRanks { key: u8, start: i64, stop: i64 },
    Pop { key: u8, count: usize },
    Put { key: u8, weight: u64 },
    Grant { key: u8 },
    Rename { from: u8, to: u8 },
    Copy { from: u8, to: u8 },
    Expire { key: u8, ms: u64 },
    Persist { key: u8 },
    Delete { key: u8 },
    Flush,
    Advance { ms: u64 },
    RolledBack(Vec<Step>),
}

fn flat() -> impl Strategy<Value = Step> {
    let key = || 0..8_u8;
    let len = || prop_oneof![4 => 0..40_usize, 1 => 0..5000_usize, 1 => 0..40_000_usize];
    prop_oneof![
        (key(), len()).prop_map(|(key, len)| Step::Set { key, len }),
        (key(), len(), 1..50_u64).prop_map(|(key, len, ms)| Step::SetFor { key, len, ms }),
        (key(), len()).prop_map(|(key, len)| Step::Append { key, len }),
        (key(), 0..60_000_usize).prop_map(|(key, at)| Step::WriteRange { key, at }),
        key().prop_map(|key| Step::Count { key }),
        (key(), 1..300_u16, 0..60_usize).prop_map(|(key, count, len)| Step::Members {
            key,
            count,
            len
        }),
        (key(), -300..300_i64, -300..300_i64).prop_map(|(key, start, stop)| Step::RemoveRanks {
            key,
            start,
            stop
        }),
        (key(), 0..300_usize).prop_map(|(key, count)| Step::Pop { key, count }),
        (key(), 0..100_000_u64).prop_map(|(key, weight)| Step::Put { key, weight }),
        key().prop_map(|key| Step::Grant { key }),
        (key(), key()).prop_map(|(from, to)| Step::Rename { from, to }),
        (key(), key()).prop_map(|(from, to)| Step::Copy { from, to }),
        (key(), 1..50_u64).prop_map(|(key, ms)| Step::Expire { key, ms }),
        key().prop_map(|key| Step::Persist { key }),
        key().prop_map(|key| Step::Delete { key }),
        Just(Step::Flush),
        (0..30_u64).prop_map(|ms| Step::Advance { ms }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        9 => flat(),
        1 => prop::collection::vec(flat(), 1..8).prop_map(Step::RolledBack),
    ]
}

/// A short key, and one that does not fit inline.
fn name(key: u8) -> String {
    if key.is_multiple_of(2) { format!("{key}") } else { format!("{key}").repeat(40) }
}

macro_rules! run {
    ($step:expr, $clock:expr, $strings:expr, $counters:expr, $keys:expr, $sets:expr, $leases:expr, $objects:expr) => {{
        let ms = Duration::from_millis;
        match $step {
            Step::Set { key, len } => $strings.set(name(*key), vec![b'x'; *len]),
            Step::SetFor { key, len, ms: ttl } => {
                $strings.set_for(name(*key), vec![b'x'; *len], ms(*ttl))
            }
            Step::Append { key, len } => $strings.append(name(*key), vec![b'x'; *len]).map(drop),
            Step::WriteRange { key, at } => $strings.write_range(name(*key), *at, "y").map(drop),
            Step::Count { key } => $counters.add(name(*key), 1).map(drop),
            Step::Members { key, count, len } => {
                let members: Vec<_> = (0..*count)
                    .map(|n| (format!("{n:0len$}", len = *len), f64::from(n % 9)))
                    .collect();
                $sets.add_with(name(*key), &members, AddOptions::new()).map(drop)
            }
            Step::RemoveRanks { key, start, stop } => {
                $sets.remove_range(name(*key), &Span::ranks(*start, *stop)).map(drop)
            }
            Step::Pop { key, count } => $sets.pop(name(*key), End::Min, *count).map(drop),
            Step::Put { key, weight } => {
                $objects.put_object(name(*key), Object::new(1, *weight), Expiry::Never).map(drop)
            }
            Step::Grant { key } => $leases.grant(name(*key), "ann".repeat(9), ms(20)).map(drop),
            Step::Rename { from, to } => $keys.rename(name(*from), name(*to)),
            Step::Copy { from, to } => $keys.copy(name(*from), name(*to), true).map(drop),
            Step::Expire { key, ms: ttl } => $keys.expire(name(*key), ms(*ttl)).map(drop),
            Step::Persist { key } => $keys.persist(name(*key)).map(drop),
            Step::Delete { key } => $keys.delete(name(*key)).map(drop),
            Step::Flush => $keys.flush().map(drop),
            Step::Advance { .. } | Step::RolledBack(_) => Ok(()),
        }
    }};
}

fn apply(clock: &ManualClock, larder: &Larder, ns: &Namespace, step: &Step) {
    // Refusals are as good as any answer here: nothing may be charged for them.
    let _refused = run!(
        step,
        clock,
        ns.strings(),
        ns.counters(),
        ns.keys(),
        ns.sorted_sets(),
        ns.leases(),
        ns.objects()
    );
    match step {
        Step::Advance { ms } => clock.advance(Duration::from_millis(*ms)).unwrap(),
        Step::RolledBack(steps) => {
            let result = larder.transaction(|tx| {
                for step in steps {
                    let answer = run!(
                        step,
                        clock,
                        tx.strings(ns),
                        tx.counters(ns),
                        tx.keys(ns),
                        tx.sorted_sets(ns),
                        tx.leases(ns),
                        tx.objects(ns)
                    );
                    if answer == Err(Error::Restart) {
                        return answer;
                    }
                }
                Err(Error::NoSuchKey)
            });
            assert!(result.is_err());
        }
        _ => {}
    }
}

fn rules() -> impl Strategy<Value = Option<Eviction>> {
    prop_oneof![
        Just(None),
        Just(Some(Eviction::NoEviction)),
        Just(Some(Eviction::ScanResistant)),
        Just(Some(Eviction::AllKeysLru)),
        Just(Some(Eviction::VolatileTtl)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn charges_are_the_sum_of_the_entries_and_nothing_is_charged_for_nothing(
        steps in prop::collection::vec(step(), 1..60),
        rule in rules(),
        limit in prop_oneof![Just(1_000_u64), Just(50_000), Just(u64::MAX)],
    ) {
        let clock = ManualClock::new();
        let larder = Larder::builder().manual_clock(&clock).shards(2).seed(7).open();
        let budget = Budget::bytes(limit);
        let options = match rule {
            None => NamespaceOptions::new(),
            Some(rule) => NamespaceOptions::new().budget(budget.clone()).eviction(rule),
        };
        let ns = larder.namespace_with("main", options).unwrap();
        for step in &steps {
            apply(&clock, &larder, &ns, step);
            // The sum over the entries, shard by shard.
            ns.assert_valid();
            if rule.is_some() {
                prop_assert_eq!(budget.used(), ns.stats().bytes);
            }
        }
        ns.keys().flush().unwrap();
        ns.assert_valid();
        prop_assert_eq!((ns.stats().bytes, budget.used(), ns.len()), (0, 0, 0));
        prop_assert_eq!(ns.stats().keys_with_deadline, 0);
    }

    #[test]
    fn keys_deleted_one_by_one_leave_nothing_either(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (clock, larder, ns) = shared::open();
        steps.iter().for_each(|step| apply(&clock, &larder, &ns, step));
        for key in ns.keys().matching("*").unwrap() {
            ns.keys().delete(&key).unwrap();
        }
        ns.assert_valid();
        prop_assert_eq!((ns.stats().bytes, ns.len()), (0, 0));
    }
}
