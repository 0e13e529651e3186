//! The table against `std`'s map, under good hashes and bad ones.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

/// An entry as long as the engine's.
type Entry = [u64; 7];

/// A hash that a test chooses: the table must hold under any.
type Hasher = fn(u64) -> u64;

fn good(key: u64) -> u64 {
    // The finaliser of SplitMix64: a bijection, so that keys and hashes are as many.
    let mut hash = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

const HASHERS: &[(&str, Hasher)] = &[
    ("good", good),
    ("identity", |key| key),
    ("all equal", |_| 0xdead_beef_dead_beef),
    ("two values", |key| if key.is_multiple_of(2) { 0 } else { u64::MAX }),
    ("only the directory's bits", |key| good(key) & 0x01ff_ffff_ffff_0000),
    ("one prefix", |key| good(key) & 0xffff_ffff | 0x0155_5555 << 32),
    ("few distinct bits", |key| good(key) & 0x0123_0000_0000_0101),
];

fn hasher() -> impl Strategy<Value = (&'static str, Hasher)> {
    prop::sample::select(HASHERS)
}

fn insert(table: &mut Table<u64>, key: u64, hasher: Hasher) {
    let spot = table.insert(hasher(key), key, |&key| hasher(key));
    assert_eq!(*table.at(spot), key);
}

fn remove(table: &mut Table<u64>, key: u64, hasher: Hasher) -> bool {
    let Some(spot) = table.locate(hasher(key), |&k| k == key) else { return false };
    assert_eq!(table.remove(hasher(key), spot, |&key| hasher(key)), key);
    true
}

fn filled(count: u64, skip: u32) -> Table<u64> {
    let mut table = Table::new(skip);
    (0..count).for_each(|key| insert(&mut table, key, good));
    table
}

/// A run of inserts or removals of neighbouring keys, so that segments split and merge.
#[derive(Clone, Debug)]
struct Run {
    grow: bool,
    from: u64,
    count: u64,
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let run = (any::<bool>(), 0..3000_u64, prop_oneof![1..5_u64, 100..1500_u64]);
    prop::collection::vec(run.prop_map(|(grow, from, count)| Run { grow, from, count }), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_table_keeps_what_a_map_keeps((_name, hasher) in hasher(), skip in 0..33_u32, runs in runs()) {
        let (mut table, mut model) = (Table::new(skip), HashMap::new());
        for Run { grow, from, count } in runs {
            for key in from..from + count {
                // The value changes in place; the key, and so the hash, stays.
                if let Some(entry) = table.find_mut(hasher(key), |entry: &(u64, u64)| entry.0 == key) {
                    entry.1 += 1;
                    *model.get_mut(&key).unwrap() += 1;
                }
                let spot = table.locate(hasher(key), |entry| entry.0 == key);
                prop_assert_eq!(spot.map(|spot| table.at(spot).1), model.get(&key).copied());
                match spot {
                    None if grow => {
                        let spot = table.insert(hasher(key), (key, 0), |entry| hasher(entry.0));
                        prop_assert_eq!(&*table.at_mut(spot), &(key, 0));
                        model.insert(key, 0);
                    }
                    Some(spot) if !grow => {
                        let (_, value) = table.remove(hasher(key), spot, |entry| hasher(entry.0));
                        prop_assert_eq!(Some(value), model.remove(&key));
                    }
                    _ => {}
                }
            }
            table.assert_valid(|entry| hasher(entry.0));
        }
        prop_assert_eq!(table.len(), model.len());
        prop_assert_eq!(&table.iter().copied().collect::<HashMap<_, _>>(), &model);
    }

    #[test]
    fn a_scan_meets_what_stays_whatever_comes_and_goes(
        (_name, hasher) in hasher(),
        start in runs(),
        between in runs(),
        count in prop_oneof![0..20_usize, 20..600_usize],
    ) {
        let (mut table, mut present) = (Table::new(0), BTreeSet::new());
        let change = |table: &mut Table<u64>, present: &mut BTreeSet<u64>, run: &Run| {
            for key in run.from..run.from + run.count {
                if run.grow && present.insert(key) {
                    insert(table, key, hasher);
                } else if !run.grow && present.remove(&key) {
                    assert!(remove(table, key, hasher));
                }
            }
        };
        start.iter().for_each(|run| change(&mut table, &mut present, run));

        let mut between = between.iter();
        let (mut stayed, mut seen) = (present.clone(), BTreeSet::new());
        let mut next = Some(0);
        while let Some(from) = next {
            let mut orders = Vec::new();
            next = table.scan(from, count, |&key| hasher(key), |&key| {
                orders.push(order(hasher(key), 0));
                seen.insert(key);
            });
            prop_assert!(orders.is_sorted() && orders.first().is_none_or(|&first| first >= from));
            prop_assert!(next.is_none_or(|next| orders.last().is_none_or(|&last| next > last)));
            if let Some(run) = between.next() {
                change(&mut table, &mut present, run);
                stayed = &stayed & &present;
            }
        }
        prop_assert!(stayed.is_subset(&seen), "missed {:?}", &stayed - &seen);
    }
}

#[test]
fn a_scan_of_a_quiet_table_visits_each_entry_once_and_about_count_a_call() {
    let table = filled(10_000, 6);
    let (mut visited, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let before = visited.len();
        next = table.scan(from, 10, |&key| good(key), |&key| visited.push(key));
        assert!(visited.len() - before == 10 || next.is_none());
    }
    assert!(visited.is_sorted_by_key(|&key| order(good(key), 6)));
    visited.sort_unstable();
    assert!(visited.into_iter().eq(0..10_000));
}

#[test]
fn an_emptied_table_holds_no_memory() {
    for &(name, hasher) in HASHERS {
        let mut table = Table::new(3);
        assert_eq!(table.heap_bytes(), 0);
        // Under equal hashes each step compares with all.
        let count = if name == "good" { 20_000 } else { 2000 };
        for key in 0..count {
            insert(&mut table, key, hasher);
        }
        assert!(table.heap_bytes() > count as usize * size_of::<u64>());
        for key in 0..count {
            assert!(remove(&mut table, key, hasher), "{name}: {key} is lost");
        }
        table.assert_valid(|&key| hasher(key));
        assert_eq!(table.heap_bytes(), 0, "{name}");
        insert(&mut table, 1, hasher);
        assert_eq!(table.len(), 1);
    }
}

#[test]
fn memory_follows_the_count_down() {
    let mut table = filled(100_000, 0);
    for key in 0..100_000 {
        remove(&mut table, key, good);
        let left = table.len();
        if left >= 64 && left.is_power_of_two() {
            table.assert_valid(|&key| good(key));
            // A slot of 9 bytes; a table that only lost entries is 3/8 full or more, but for
            // the segment's and the directory's own bytes.
            assert!(table.heap_bytes() <= left * 36, "{} at {left}", table.heap_bytes());
        }
    }
}

#[test]
fn turnover_at_a_steady_count_costs_no_memory() {
    // Removals leave marked slots behind, that must be cleaned up rather than grown over.
    let mut table = filled(10_000, 0);
    let mut most = 0;
    for key in 0..100_000 {
        remove(&mut table, key, good);
        insert(&mut table, key + 10_000, good);
        most = most.max(table.heap_bytes());
    }
    table.assert_valid(|&key| good(key));
    assert!(most <= 182_000, "{most} bytes");
}

#[test]
fn inserts_and_removals_in_turn_move_little() {
    // At every count up to some segments: a step that costs a resize must not be the rule.
    use std::cell::Cell;
    let moved = Cell::new(0_u64);
    let hasher = |&key: &u64| {
        moved.set(moved.get() + 1);
        good(key)
    };
    let mut table = Table::new(0);
    for count in 0..2000 {
        table.insert(good(count), count, hasher);
        moved.set(0);
        for turn in 0..200 {
            let key = 1 << 32 | count << 16 | turn;
            table.insert(good(key), key, hasher);
            let spot = table.locate(good(key), |&k| k == key).unwrap();
            table.remove(good(key), spot, hasher);
        }
        // One worn or split segment may be moved in this many steps, not several.
        assert!(moved.get() <= 200 * 8, "{} moves at {count}", moved.get());
    }
}

#[test]
fn a_directory_stays_small_under_hashes_that_agree() {
    let one_prefix = HASHERS.iter().find(|(name, _)| *name == "one prefix").unwrap().1;
    let mut table = Table::new(0);
    (0..20_000).for_each(|key| insert(&mut table, key, one_prefix));
    table.assert_valid(|&key| one_prefix(key));
    // Doubled once more when it had just under 8 slots a segment.
    assert!(table.directory.len() < 16 * table.segments.len(), "{table:?}");
}

#[test]
fn no_insert_and_no_removal_moves_more_than_a_segment() {
    use std::cell::Cell;
    let hashed = Cell::new(0);
    let hasher = |&key: &u64| {
        hashed.set(hashed.get() + 1);
        good(key)
    };
    let mut table = Table::new(0);
    let mut longest = 0;
    for key in 0..50_000 {
        hashed.set(0);
        table.insert(good(key), key, hasher);
        longest = longest.max(hashed.get());
    }
    // Each entry of a full segment is hashed to be counted and again to be moved.
    assert!((2 * 200..=2 * 224).contains(&longest), "{longest} hashes for an insert");
    longest = 0;
    for key in 0..50_000 {
        let spot = table.locate(good(key), |&k| k == key).unwrap();
        hashed.set(0);
        table.remove(good(key), spot, hasher);
        longest = longest.max(hashed.get());
    }
    assert!((1..=224).contains(&longest), "{longest} hashes for a removal");
}

#[test]
fn a_random_entry_is_any_with_the_same_chance() {
    // Segments of unlike sizes: some entries removed, by halves of the order.
    let sparse = |count: u64| {
        let mut table = filled(count, 0);
        let gone = |key: &u64| order(good(*key), 0) >> 63 == 0 && !key.is_multiple_of(5);
        (0..count).filter(gone).for_each(|key| assert!(remove(&mut table, key, good)));
        table
    };
    let equal = {
        let mut table = Table::new(0);
        (0..1000).for_each(|key| insert(&mut table, key, |_| 1));
        table
    };
    let full = [1, 3, 200, 5000].map(|count| filled(count, 0));
    for table in full.into_iter().chain([sparse(300), sparse(5000), equal]) {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut drawn: HashMap<u64, u64> = HashMap::new();
        let draws = table.len() * 50;
        for _ in 0..draws {
            *drawn.entry(*table.random(&mut rng).unwrap()).or_default() += 1;
        }
        let squares =
            table.iter().map(|key| (drawn.get(key).map_or(0., |&n| n as f64) - 50.).powi(2));
        let chi_square = squares.sum::<f64>() / 50.;
        // Mean n - 1, variance 2 (n - 1): five deviations.
        let freedom = (table.len() - 1) as f64;
        assert!(chi_square <= freedom + 5. * (2. * freedom).sqrt(), "{chi_square}: {table:?}");
    }
    assert_eq!(Table::<u64>::new(0).random(&mut fastrand::Rng::with_seed(7)), None);
}

#[test]
fn random_finds_the_needle_among_empty_segments() {
    // Entries of one segment only, beside many that stand empty: counting takes over.
    let mut table = filled(50_000, 0);
    let segments = table.segments.len();
    let keep = 1;
    for segment in &mut table.segments[keep..] {
        let empty = std::mem::take(&mut segment.table);
        table.len -= empty.len();
        table.heap -= empty.allocation_size();
    }
    assert!(segments > 200);
    let mut rng = fastrand::Rng::with_seed(7);
    let drawn: BTreeSet<u64> = (0..10_000).map(|_| *table.random(&mut rng).unwrap()).collect();
    assert_eq!(drawn.len(), table.len());
}

#[test]
fn dismantling_takes_whole_segments_and_ends_as_new() {
    let mut table = filled(5000, 0);
    let mut popped = Vec::new();
    let gone = table.pop_some(1, |key| popped.push(key));
    assert!((1..=224).contains(&gone));
    assert_eq!((gone, table.len()), (popped.len(), 5000 - gone));
    assert_eq!(table.find(good(popped[0]), |&key| key == popped[0]), None);
    let heap: usize = table.segments.iter().map(|s| s.table.allocation_size()).sum();
    assert_eq!(table.heap, heap);

    let more = table.drop_some(1000);
    assert!((1000..1224).contains(&more));
    assert_eq!(table.drop_some(usize::MAX), 5000 - gone - more);
    assert_eq!((table.len(), table.heap_bytes()), (0, 0));
    insert(&mut table, 1, good);
    table.assert_valid(|&key| good(key));
}

#[test]
#[should_panic(expected = "dismantled")]
fn a_table_being_dismantled_takes_nothing() {
    let mut table = filled(5000, 0);
    table.drop_some(1);
    insert(&mut table, 5001, good);
}

#[test]
#[should_panic(expected = "a spot holds an entry")]
fn a_vacant_spot_is_refused() {
    let mut table = filled(10, 0);
    let spot = table.locate(good(3), |&key| key == 3).unwrap();
    remove(&mut table, 3, good);
    table.at(spot);
}

#[test]
fn order_leaves_out_the_tag_and_the_owners_bits() {
    assert_eq!(order(u64::MAX, 0), u64::MAX << 7);
    assert_eq!(order(1 << 50, 6), 1 << 63);
    assert_eq!(Table::<u64>::new(6).order(1 << 50), order(1 << 50, 6));
}

/// Bytes an entry over counts, as 64 shards of a store have them.
#[test]
fn a_56_byte_entry_costs_95_bytes_in_the_mean_and_112_at_most() {
    let mut tables: Vec<Table<Entry>> = (0..4).map(|_| Table::new(6)).collect();
    let hasher = |entry: &Entry| entry[0];
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut sum, mut worst, mut samples) = (0., 0_f64, 0);
    // 28 k entries a table are 1.8 M over 64; four tables tell what 64 would.
    for count in 1..=28_000 {
        for table in &mut tables {
            let hash = rng.u64(..);
            table.insert(hash, [hash; 7], hasher);
        }
        if count >= 11_000 && count % 100 == 0 {
            let bytes: usize = tables.iter().map(Table::heap_bytes).sum();
            let each = bytes as f64 / (4 * count) as f64;
            (sum, worst, samples) = (sum + each, worst.max(each), samples + 1);
        }
    }
    let mean = sum / f64::from(samples);
    println!("bytes an entry: mean {mean:.1}, worst {worst:.1}");
    assert!(mean <= 95. && worst <= 112., "mean {mean:.1}, worst {worst:.1}");
    tables.iter().for_each(|table| table.assert_valid(hasher));
}
