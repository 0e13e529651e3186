//! Pauses: each single insert into a growing keyspace, or sorted set, timed in thread CPU time.
//!
//! The clock is read once between two inserts, so a figure holds one insert and one reading; the
//! reading's own cost is stated and not subtracted. Page faults are part of an insert's time.

use super::{Result, Run, short_count};
use crate::data::{Short, score, short};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rivals::maps::Store;
use crate::rivals::rankings::{BTree, Ranking};
use crate::{cpu, rounds};

/// The suite's name.
pub const NAME: &str = "growth";

const LONGEST_BOUND_US: f64 = 1000.0;
const P9999_BOUND_US: f64 = 20.0;

/// Inserts so many; returns each one's time.
type Insert = fn(u32) -> Vec<u32>;

/// Measures and reports.
///
/// # Errors
/// When the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    let keys: &[(&str, Insert)] = &[
        ("larder", |n| timed_keys(n, larder::Strings::open())),
        #[cfg(feature = "rivals")]
        ("dashmap", |n| {
            timed_keys(n, crate::rivals::maps::dash::Map::<Box<[u8]>, Box<[u8]>>::default())
        }),
        #[cfg(feature = "rivals")]
        ("hashbrown", |n| {
            let mut map = hashbrown::HashMap::<Box<[u8]>, Box<[u8]>>::new();
            timed(n, |key| drop(map.insert((*key).into(), (*key).into())))
        }),
    ];
    let members: &[(&str, Insert)] = &[
        ("larder", |n| timed_members(n, larder::SortedSet::open())),
        ("btreeset", |n| timed_members(n, BTree::default())),
    ];
    measure(run, report, "keys", run.size(10_000_000, 20_000), keys)?;
    measure(run, report, "members", run.size(5_000_000, 20_000), members)?;
    report.note(&format!("one reading of the CPU clock: {:.2} us", cpu::thread_ns_cost() / 1e3))?;
    Ok(())
}

fn timed_keys(count: u32, store: impl Store) -> Vec<u32> {
    timed(count, |key| store.set(key, key))
}

fn timed_members(count: u32, mut set: impl Ranking) -> Vec<u32> {
    let mut draw = 0;
    timed(count, |member| {
        draw += 1;
        set.put(member, score(draw));
    })
}

fn timed(count: u32, mut insert: impl FnMut(&Short)) -> Vec<u32> {
    // Filled, not reserved: no page fault of this array falls into an insert.
    let mut times = vec![u32::MAX; count as usize];
    let mut before = cpu::thread_ns();
    for (id, time) in (0..count).zip(&mut times) {
        insert(&short(id));
        let after = cpu::thread_ns();
        *time = u32::try_from(after - before).unwrap_or(u32::MAX);
        before = after;
    }
    times
}

fn measure(
    run: &Run,
    report: &mut Report,
    what: &str,
    count: u32,
    contestants: &[(&str, Insert)],
) -> Result {
    let case = |figure: &str| format!("{} {what}/{figure}", short_count(count));
    let (longest, p9999) = (case("longest"), case("p99.99"));
    if !run.wants(&longest) && !run.wants(&p9999) {
        return Ok(());
    }
    let medians = rounds::medians(run.size(3, 1), contestants.len(), |contestant| {
        let mut times = contestants[contestant].1(count);
        let longest = times.iter().max().copied().unwrap_or(0);
        [f64::from(longest) / 1e3, f64::from(rounds::percentile(&mut times, 0.9999)) / 1e3]
    });
    let bounds = [LONGEST_BOUND_US, P9999_BOUND_US];
    for (figure, (case, bound)) in [longest, p9999].into_iter().zip(bounds).enumerate() {
        let row = Case::new(NAME, case, "us", Better::Less, medians[0][figure]);
        report.row(&row.bound(bound))?;
        for ((rival, _), figures) in contestants.iter().zip(&medians).skip(1) {
            report.row(&row.beside(rival, figures[figure], None))?;
        }
    }
    Ok(())
}
