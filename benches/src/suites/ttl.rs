//! Time to live: a million keys due at once, what a deadline costs, and deadlines that never come.
//!
//! - **reclaim** A million keys share one deadline. A thread reads others at 200,000 a second, from a
//!   second before the deadline until all are reclaimed and for 250 ms at least. Figures: from the
//!   deadline to the moment at which none of the million holds memory; and the 99.9th percentile of
//!   the reads after the deadline, from call to return. The row `since due` counts from the moment at
//!   which a read was due instead: it adds the delay of the reads behind a stall, and every moment for
//!   which the reader itself was not scheduled. `moka` reclaims when it is asked to: it is asked every
//!   millisecond, by the thread that polls the count.
//! - **cost** A set with a TTL beside a plain one, in CPU time: of new keys, and of keys that exist
//!   and have, or have not, a TTL already.
//! - **pairs** `SET PX` + `DEL`, ten million times, cycling over 100,000 keys: CPU time a pair, and
//!   what is left in memory after, beside after the first 10,000.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Result, Run, short_count};
use crate::data::{Value, is_value_of, key, short};
use crate::heap::{Child, Kept, Task, Work};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rivals::maps::Store;
use crate::{cpu, rounds};

/// The suite's name.
pub const NAME: &str = "ttl";

const READS_PER_SECOND: u32 = 200_000;
const VALUE_LEN: usize = 22;
/// A deadline that no run reaches.
const FAR: Duration = Duration::from_secs(3600);
const WATCHED: Duration = Duration::from_millis(250);
/// Bytes: less than one byte in a hundred pairs.
const LEFT_BOUND: f64 = 65_536.0;

/// A store whose keys can end.
pub trait Expiring: Store {
    /// `SET key value PX ttl`.
    fn set_for(&self, key: &[u8], value: &[u8], ttl: Duration);

    /// `DEL key`.
    fn delete(&self, key: &[u8]);

    /// How many entries hold memory; does what a user has to do for on-time reclaim, if anything.
    fn held(&self) -> u64;
}

impl Expiring for larder::Strings {
    fn set_for(&self, key: &[u8], value: &[u8], ttl: Duration) {
        Self::set_for(self, key, value, ttl);
    }

    fn delete(&self, key: &[u8]) {
        Self::delete(self, key);
    }

    fn held(&self) -> u64 {
        Self::held(self) as u64
    }
}

/// Works on one contestant, compiled for its type.
trait Contestant {
    fn name(&self) -> &'static str;
    fn reclaim(&self, count: u32) -> [f64; 3];
    /// Nanoseconds: a plain set of a new key, of one that exists; the same with a TTL.
    fn sets(&self, count: u32) -> [f64; 4];
    /// Nanoseconds a pair.
    fn pairs(&self, count: u32) -> f64;
}

struct Opener<S> {
    name: &'static str,
    open: fn() -> S,
}

impl<S: Expiring> Contestant for Opener<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reclaim(&self, count: u32) -> [f64; 3] {
        reclaim(&(self.open)(), count)
    }

    fn sets(&self, count: u32) -> [f64; 4] {
        let [new, again] = sets(&(self.open)(), count, |store, key, value| store.set(key, value));
        let [new_ttl, again_ttl] =
            sets(&(self.open)(), count, |store, key, value| store.set_for(key, value, FAR));
        [new, again, new_ttl, again_ttl]
    }

    fn pairs(&self, count: u32) -> f64 {
        let store = (self.open)();
        cpu::ns_each(count as usize, || pairs(&store, count))
    }
}

fn contestants() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(Opener { name: "larder", open: larder::Strings::open }),
        #[cfg(feature = "rivals")]
        Box::new(Opener { name: "moka", open: moka::Map::default }),
    ]
}

/// Measures and reports.
///
/// # Errors
/// When a child fails or the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    let contestants = contestants();
    if run.wants("reclaim") {
        report_reclaim(run, report, &contestants)?;
    }
    if run.wants("cost") {
        report_cost(run, report, &contestants)?;
    }
    if run.wants("pairs") {
        report_pairs(run, report, &contestants)?;
    }
    Ok(())
}

fn report_reclaim(run: &Run, report: &mut Report, contestants: &[Box<dyn Contestant>]) -> Result {
    let count = run.size(1_000_000, 2_000);
    let figures =
        rounds::medians(run.size(3, 1), contestants.len(), |one| contestants[one].reclaim(count));
    let keys = short_count(count);
    let cases = [
        (format!("reclaim {keys}/last"), "ms", Some(250.0)),
        (format!("reclaim {keys}/reads p99.9"), "us", Some(100.0)),
        (format!("reclaim {keys}/since due p99.9"), "us", None),
    ];
    for (figure, (case, unit, bound)) in cases.into_iter().enumerate() {
        let row = Case::new(NAME, case, unit, Better::Less, figures[0][figure]);
        if let Some(bound) = bound {
            report.row(&row.bound(bound))?;
        }
        beside(report, &row, contestants, |one| figures[one][figure])?;
    }
    Ok(())
}

fn report_cost(run: &Run, report: &mut Report, contestants: &[Box<dyn Contestant>]) -> Result {
    let count = run.size(1_000_000, 2_000);
    let figures =
        rounds::medians(run.size(3, 1), contestants.len(), |one| contestants[one].sets(count));
    for (plain, what) in ["new", "again"].into_iter().enumerate() {
        let times = |one: usize| figures[one][plain + 2] / figures[one][plain];
        let row = Case::new(NAME, format!("cost/{what}"), "x", Better::Less, times(0));
        report.row(&row.bound(1.3))?;
        beside(report, &row, contestants, times)?;
        for (figure, kind) in [(plain, "set"), (plain + 2, "set+ttl")] {
            let case = format!("cost/{what}/{kind}");
            let row = Case::new(NAME, case, "ns", Better::Less, figures[0][figure]);
            beside(report, &row, contestants, |one| figures[one][figure])?;
        }
    }
    Ok(())
}

fn report_pairs(run: &Run, report: &mut Report, contestants: &[Box<dyn Contestant>]) -> Result {
    let count = run.size(10_000_000, 20_000);
    let child = Child::find()?;
    let left: Vec<f64> = contestants
        .iter()
        .map(|one| {
            let task = Task::Pairs { contestant: one.name().to_owned(), count };
            task.measure(&child).map(|measured| measured.grown)
        })
        .collect::<std::result::Result<_, _>>()?;
    let case = format!("pairs {}", short_count(count));
    // Less than nothing is nothing left; one byte keeps the ratio finite.
    let row = Case::new(NAME, format!("{case}/left"), "bytes", Better::Less, left[0].max(1.0));
    report.row(&row.bound(LEFT_BOUND))?;
    beside(report, &row, contestants, |one| left[one].max(1.0))?;

    let rounds = run.size(3, 1);
    let speeds =
        rounds::medians(rounds, contestants.len(), |one| [contestants[one].pairs(count / 10)]);
    let row = Case::new(NAME, format!("{case}/time"), "ns", Better::Less, speeds[0][0]);
    beside(report, &row, contestants, |one| speeds[one][0])
}

fn beside(
    report: &mut Report,
    row: &Case,
    contestants: &[Box<dyn Contestant>],
    figure: impl Fn(usize) -> f64,
) -> Result {
    for (one, rival) in contestants.iter().enumerate().skip(1) {
        report.row(&row.beside(rival.name(), figure(one), None))?;
    }
    Ok(())
}

/// Milliseconds until the last is reclaimed; microseconds of a read since its call, and since due.
fn reclaim<S: Expiring>(store: &S, count: u32) -> [f64; 3] {
    // Keys 0..count stay, the next `count` are due.
    let started = Instant::now();
    for id in 0..count {
        store.set(&key(id), Value::new(id, 0, VALUE_LEN).bytes());
    }
    let filling = started.elapsed();
    let deadline = Instant::now() + filling * 3 + Duration::from_millis(1500);
    for id in count..2 * count {
        let left = deadline.saturating_duration_since(Instant::now());
        store.set_for(&key(id), Value::new(id, 0, VALUE_LEN).bytes(), left);
    }
    assert!(Instant::now() < deadline, "filling took too long to measure the deadline");
    assert_eq!(store.held(), u64::from(2 * count), "keys went before their deadline");

    let done = AtomicBool::new(false);
    let begin = deadline - Duration::from_secs(1).min(deadline.duration_since(Instant::now()));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_steadily(store, count, begin, deadline, &done));
        cpu::sleep_until(deadline);
        while store.held() > u64::from(count) {
            assert!(deadline.elapsed() < Duration::from_secs(60), "never reclaimed");
            std::thread::sleep(Duration::from_millis(1));
        }
        let reclaimed = deadline.elapsed();
        cpu::sleep_until(deadline + WATCHED);
        done.store(true, Ordering::Relaxed);
        let [called, due] = reader.join().expect("a mismatch ends the run");
        [reclaimed.as_secs_f64() * 1e3, called, due]
    })
}

/// Reads a key every 5 us from `begin` until `done`; the percentiles of those due after `from`.
fn read_steadily<S: Expiring>(
    store: &S,
    count: u32,
    begin: Instant,
    from: Instant,
    done: &AtomicBool,
) -> [f64; 2] {
    let gap = Duration::from_secs(1) / READS_PER_SECOND;
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut since_due, mut since_called) = (Vec::new(), Vec::new());
    cpu::sleep_until(begin);
    let mut due = begin;
    while !done.load(Ordering::Relaxed) {
        let mut called = Instant::now();
        while called < due {
            std::hint::spin_loop();
            called = Instant::now();
        }
        let id = rng.u32(..count);
        assert!(
            store.read(&key(id), |bytes| is_value_of(bytes, id, VALUE_LEN)),
            "key {id} is gone"
        );
        let end = Instant::now();
        if due >= from {
            let nanos = |since| u32::try_from(end.duration_since(since).as_nanos());
            since_due.push(nanos(due).unwrap_or(u32::MAX));
            since_called.push(nanos(called).unwrap_or(u32::MAX));
        }
        due += gap;
    }
    [since_called, since_due]
        .map(|mut times| f64::from(rounds::percentile(&mut times, 0.999)) / 1e3)
}

/// Nanoseconds a set: of new keys, and of the same keys in another order.
fn sets<S: Expiring>(store: &S, count: u32, set: impl Fn(&S, &[u8], &[u8])) -> [f64; 2] {
    let pass = |stride: u64, version: u8| {
        cpu::ns_each(count as usize, || {
            for at in 0..u64::from(count) {
                let id = (at * stride % u64::from(count)) as u32;
                set(store, &key(id), Value::new(id, version, VALUE_LEN).bytes());
            }
        })
    };
    // A prime stride visits every key once.
    let figures = [pass(1, 0), pass(7_368_787, 1)];
    assert!(store.read(&key(1), |bytes| is_value_of(bytes, 1, VALUE_LEN)), "a set was lost");
    figures
}

fn pairs<S: Expiring>(store: &S, count: u32) {
    for id in 0..count {
        let key = short(id % 100_000);
        store.set_for(&key, &key, FAR);
        store.delete(&key);
    }
    assert!(!store.read(&short(0), |_| true), "a deleted key is there");
}

/// The pairs for the child process; the first 10,000 are not counted.
///
/// # Panics
/// When there is no such contestant.
#[must_use]
pub fn pairs_work(contestant: &str, count: u32) -> Work {
    fn work<S: Expiring + 'static>(store: S, count: u32) -> Work {
        pairs(&store, 10_000);
        store.held();
        Box::new(move || {
            pairs(&store, count);
            store.held();
            Box::new(store) as Kept
        })
    }
    match contestant {
        "larder" => work(larder::Strings::open(), count),
        #[cfg(feature = "rivals")]
        "moka" => work(moka::Map::default(), count),
        _ => panic!("no contestant {contestant}"),
    }
}

/// `moka` with a deadline an entry: its `Expiry`.
#[cfg(feature = "rivals")]
mod moka {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use moka::Expiry;
    use moka::sync::Cache;

    use super::{Expiring, Store};

    #[derive(Clone)]
    struct Held {
        bytes: Arc<[u8]>,
        ttl: Option<Duration>,
    }

    struct OwnTtl;

    impl Expiry<Box<[u8]>, Held> for OwnTtl {
        fn expire_after_create(&self, _: &Box<[u8]>, held: &Held, _: Instant) -> Option<Duration> {
            held.ttl
        }

        fn expire_after_update(
            &self,
            _: &Box<[u8]>,
            held: &Held,
            _: Instant,
            _: Option<Duration>,
        ) -> Option<Duration> {
            held.ttl
        }
    }

    pub(super) struct Map(Cache<Box<[u8]>, Held>);

    impl Default for Map {
        fn default() -> Self {
            Self(Cache::builder().max_capacity(4_000_000).expire_after(OwnTtl).build())
        }
    }

    impl Store for Map {
        fn set(&self, key: &[u8], value: &[u8]) {
            self.0.insert(key.into(), Held { bytes: value.into(), ttl: None });
        }

        fn read(&self, key: &[u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
            self.0.get(key).is_some_and(|held| judge(&held.bytes))
        }
    }

    impl Expiring for Map {
        fn set_for(&self, key: &[u8], value: &[u8], ttl: Duration) {
            self.0.insert(key.into(), Held { bytes: value.into(), ttl: Some(ttl) });
        }

        fn delete(&self, key: &[u8]) {
            self.0.invalidate(key);
        }

        fn held(&self) -> u64 {
            self.0.run_pending_tasks();
            self.0.entry_count()
        }
    }
}
