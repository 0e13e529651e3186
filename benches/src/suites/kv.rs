//! Gets and sets: keys of 20 bytes, values of 22 (inline in larder) and of 200, Zipf 0.99.
//!
//! Every operation is one call of the public API. A read compares the value's bytes; a write replaces
//! the value by a new one of the same size. Figures are millions of operations a second: with one
//! thread by its CPU time, which other programs on the machine do not stretch; with two, over both, by
//! the wall clock from the barrier to the later thread's end, so that waiting for each other counts.
//!
//! A case is named `keys/value/writes/threads`, with `ttl` before the threads where each key has one.

use std::sync::Barrier;
use std::time::Instant;

use super::{Result, Run, short_count};
use crate::data::{Value, is_value_of, key};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rivals::maps::{Store, Timed, std_mutex};
use crate::{cpu, rounds, zipf};

/// The suite's name.
pub const NAME: &str = "kv";

/// Marks an operation that writes; the rest of the word is the key's number.
const WRITE: u32 = 1 << 31;

/// One population of keys, shared by all its cases.
#[derive(Clone, Copy, Debug)]
struct Population {
    keys: u32,
    value_len: usize,
    ttl: bool,
    target: f64,
}

/// 22 bytes lie inline in larder: half as fast again as the best rival is asked, a fifth with TTLs.
const POPULATIONS: [Population; 6] = [
    Population { keys: 1_000_000, value_len: 22, ttl: false, target: 1.5 },
    Population { keys: 1_000_000, value_len: 22, ttl: true, target: 1.2 },
    Population { keys: 1_000_000, value_len: 200, ttl: false, target: 1.0 },
    Population { keys: 1_000_000, value_len: 200, ttl: true, target: 1.0 },
    Population { keys: 10_000, value_len: 22, ttl: false, target: 1.0 },
    Population { keys: 10_000, value_len: 200, ttl: false, target: 1.0 },
];

/// Percent of writes, and what a case calls it.
const MIXES: [(u8, &str); 3] = [(0, "read"), (5, "write5"), (50, "write50")];

const THREADS: [usize; 2] = [1, 2];

/// A map with the loop over it compiled for its type.
trait Contestant: Sync {
    fn name(&self) -> &'static str;
    /// Whether it is meant for several threads.
    fn concurrent(&self) -> bool;
    fn drive(&self, operations: &[u32], value_len: usize);
}

struct Named<S> {
    name: &'static str,
    store: S,
}

impl<S: Store> Contestant for Named<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn concurrent(&self) -> bool {
        self.name != "std-mutex"
    }

    fn drive(&self, operations: &[u32], value_len: usize) {
        let mut version = 0u8;
        let mut right = true;
        for operation in operations {
            let id = operation & !WRITE;
            if operation & WRITE == 0 {
                right &= self.store.read(&key(id), |bytes| is_value_of(bytes, id, value_len));
            } else {
                version = version.wrapping_add(1);
                self.store.set(&key(id), Value::new(id, version, value_len).bytes());
            }
        }
        assert!(right, "{} lost or garbled a value", self.name);
    }
}

/// Measures and reports.
///
/// # Errors
/// When the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    for mut population in POPULATIONS {
        population.keys = run.size(population.keys, population.keys / 100);
        let cases: Vec<_> = MIXES
            .iter()
            .flat_map(|mix| THREADS.map(|threads| (mix, threads)))
            .filter(|((_, mix), threads)| run.wants(&case_name(population, mix, *threads)))
            .collect();
        if cases.is_empty() {
            continue;
        }
        let contestants = contestants(population);
        let drawn: Vec<Vec<u32>> = (1..=2)
            .map(|seed| zipf::draws(population.keys, run.size(1 << 20, 1 << 12), seed))
            .collect();
        for ((percent, mix), threads) in cases {
            let case = case_name(population, mix, threads);
            let operations: Vec<_> =
                drawn.iter().take(threads).map(|draws| with_writes(draws, *percent)).collect();
            measure(run, report, &case, population, &contestants, &operations)?;
        }
    }
    Ok(())
}

fn case_name(population: Population, mix: &str, threads: usize) -> String {
    let Population { keys, value_len, ttl, .. } = population;
    let ttl = if ttl { "/ttl" } else { "" };
    format!("{}/{value_len}B/{mix}{ttl}/{threads}t", short_count(keys))
}

/// Turns a share of the reads into writes, evenly among hot and cold keys.
fn with_writes(draws: &[u32], percent: u8) -> Vec<u32> {
    let mut rng = fastrand::Rng::with_seed(u64::from(percent));
    draws.iter().map(|id| if rng.u8(..100) < percent { id | WRITE } else { *id }).collect()
}

fn measure(
    run: &Run,
    report: &mut Report,
    case: &str,
    population: Population,
    contestants: &[Box<dyn Contestant>],
    operations: &[Vec<u32>],
) -> Result {
    let racing: Vec<_> =
        contestants.iter().filter(|one| one.concurrent() || operations.len() == 1).collect();
    // Long enough that what the others left in the caches does not decide: hot keys are hot again.
    let slice = run.size(500_000, 1 << 10);
    let mut turn = 0;
    let speeds = rounds::medians(run.size(5, 1), racing.len(), |contestant| {
        // Everybody runs over the same slice within a round, another one in the next.
        let start = turn / racing.len() * slice;
        turn += 1;
        let slices: Vec<&[u32]> = operations
            .iter()
            .map(|all| {
                let start = start % (all.len() - slice + 1);
                &all[start..start + slice]
            })
            .collect();
        [mops(racing[contestant].as_ref(), &slices, population.value_len)]
    });
    let row = Case::new(NAME, case, "Mops/s", Better::More, speeds[0][0]);
    for (rival, [speed]) in racing.iter().zip(&speeds).skip(1) {
        report.row(&row.beside(rival.name(), *speed, Some(population.target)))?;
    }
    Ok(())
}

/// Drives one slice a thread, after a quarter of it as a warm-up.
fn mops(contestant: &dyn Contestant, slices: &[&[u32]], value_len: usize) -> f64 {
    if let [slice] = slices {
        contestant.drive(&slice[..slice.len() / 4], value_len);
        return 1e3 / cpu::ns_each(slice.len(), || contestant.drive(slice, value_len));
    }
    let barrier = Barrier::new(slices.len());
    let timed = |slice: &[u32]| {
        contestant.drive(&slice[..slice.len() / 4], value_len);
        barrier.wait();
        let start = Instant::now();
        contestant.drive(slice, value_len);
        (start, Instant::now())
    };
    let times: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let threads: Vec<_> = slices.iter().map(|slice| scope.spawn(|| timed(slice))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a mismatch ends the run")).collect()
    });
    let start = times.iter().map(|(start, _)| *start).min().expect("there is a thread");
    let end = times.iter().map(|(_, end)| *end).max().expect("there is a thread");
    let operations: usize = slices.iter().map(|slice| slice.len()).sum();
    let operations = operations as f64;
    operations / end.duration_since(start).as_secs_f64() / 1e6
}

/// larder first, then its rivals, each holding the whole population.
fn contestants(population: Population) -> Vec<Box<dyn Contestant>> {
    let Population { keys, value_len, ttl, .. } = population;
    let mut all: Vec<Box<dyn Contestant>> = Vec::new();
    if ttl {
        all.push(filled("larder", larder::Strings::open_with_ttls(), keys, value_len));
        all.push(filled(
            "std-mutex",
            std_mutex::Map::<Timed<Box<[u8]>>>::default(),
            keys,
            value_len,
        ));
    } else {
        all.push(filled("larder", larder::Strings::open(), keys, value_len));
        all.push(filled("std-mutex", std_mutex::Map::<Box<[u8]>>::default(), keys, value_len));
    }
    #[cfg(feature = "rivals")]
    all.extend(neighbours(population));
    all
}

#[cfg(feature = "rivals")]
fn neighbours(population: Population) -> Vec<Box<dyn Contestant>> {
    use std::sync::Arc;

    use crate::data::Key;
    use crate::rivals::maps::{Held, dash, moka, papaya, quick, scc};

    fn with_cells<B: Held, C: Held + Clone>(population: Population) -> Vec<Box<dyn Contestant>> {
        let Population { keys, value_len: len, ttl, .. } = population;
        vec![
            filled("dashmap", dash::Map::<Box<[u8]>, B>::default(), keys, len),
            filled("dashmap-inline", dash::Map::<Key, B>::default(), keys, len),
            filled("papaya", papaya::Map::<B>::default(), keys, len),
            filled("scc", scc::Map::<B>::default(), keys, len),
            filled("quick_cache", quick::Map::<C>::for_keys(keys), keys, len),
            filled("moka", moka::Map::for_keys(keys, ttl), keys, len),
        ]
    }
    if population.ttl {
        with_cells::<Timed<Box<[u8]>>, Timed<Arc<[u8]>>>(population)
    } else {
        with_cells::<Box<[u8]>, Arc<[u8]>>(population)
    }
}

fn filled<S: Store + 'static>(
    name: &'static str,
    store: S,
    keys: u32,
    value_len: usize,
) -> Box<dyn Contestant> {
    for id in 0..keys {
        store.set(&key(id), Value::new(id, 0, value_len).bytes());
    }
    Box::new(Named { name, store })
}
