//! Any sequence of inserts, removals, scans and draws leaves a valid table that
//! holds exactly what a map holds, under a hash as bad as the fuzzer likes.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use larder_collections::table::Table;

#[derive(Arbitrary, Debug)]
enum Step {
    Insert { from: u16, count: u8 },
    Remove { from: u16, count: u8 },
    Scan { count: u8 },
    Draw { seed: u64 },
    Check,
}

/// Multiplied, masked, then some bits set: from a good hash to one value for all.
#[derive(Arbitrary, Debug)]
struct Hash {
    is_spread: bool,
    mask: u64,
    set: u64,
}

impl Hash {
    fn of(&self, key: u32) -> u64 {
        let factor = if self.is_spread { 0x9e37_79b9_7f4a_7c15 } else { 1 };
        u64::from(key).wrapping_mul(factor) & self.mask | self.set
    }
}

/// A scan under way, and the keys that it owes.
#[derive(Default)]
struct Scan {
    next: u64,
    owed: BTreeSet<u32>,
}

/// Few enough that removals hit and that equal hashes stay bearable.
fn keys(from: u16, count: u8) -> impl Iterator<Item = u32> {
    (u32::from(from) % 2048..).take(usize::from(count))
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok((hash, skip)) = <(Hash, u8)>::arbitrary(&mut bytes) else { return };
    let hasher = |entry: &(u32, u64)| hash.of(entry.0);
    let mut table = Table::<(u32, u64)>::new(u32::from(skip) % 33);
    let (mut model, mut scan, mut step_no) = (BTreeMap::new(), Scan::default(), 0);
    while !bytes.is_empty() {
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        step_no += 1;
        match step {
            Step::Insert { from, count } => {
                for key in keys(from, count) {
                    let hash = hash.of(key);
                    match table.find_mut(hash, |entry: &(u32, u64)| entry.0 == key) {
                        Some(entry) => entry.1 = step_no,
                        None => drop(table.insert(hash, (key, step_no), hasher)),
                    }
                    model.insert(key, step_no);
                }
            }
            Step::Remove { from, count } => {
                for key in keys(from, count) {
                    let spot = table.locate(hash.of(key), |entry| entry.0 == key);
                    let gone = spot.map(|spot| table.remove(hash.of(key), spot, hasher).1);
                    assert_eq!(gone, model.remove(&key));
                    scan.owed.remove(&key);
                }
            }
            Step::Scan { count } => {
                if scan.next == 0 {
                    scan.owed = model.keys().copied().collect();
                }
                let visit = |entry: &(u32, u64)| {
                    scan.owed.remove(&entry.0);
                };
                let next = table.scan(scan.next, usize::from(count), hasher, visit);
                assert!(next.is_none_or(|next| next > scan.next), "a scan goes on");
                scan.next = next.unwrap_or(0);
                assert!(next.is_some() || scan.owed.is_empty(), "missed {:?}", scan.owed);
            }
            Step::Draw { seed } => {
                let drawn = table.random(&mut fastrand::Rng::with_seed(seed));
                assert_eq!(drawn.is_some(), !model.is_empty());
                assert!(drawn.is_none_or(|(key, value)| model.get(key) == Some(value)));
            }
            Step::Check => table.assert_valid(hasher),
        }
        assert_eq!(table.len(), model.len());
    }
    table.assert_valid(hasher);
    assert!(table.iter().copied().collect::<BTreeMap<_, _>>().into_iter().eq(model));
}
