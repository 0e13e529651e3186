//! Bytes a key (16 bytes, value of 16 bytes), with and without a TTL, and bytes a sorted-set member.
//!
//! Tables of doubling size make this figure swing with the count: it is taken at four counts, and the
//! mean and the worst of them are judged. The rows `peak` say what was in use at the worst moment of
//! filling, a table's doubling included.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Result, Run, short_count};
use crate::data::{score, short};
use crate::heap::{Child, Kept, Measured, Task, Work};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rivals::maps::{Held, Store, Timed, std_mutex};
use crate::rivals::rankings::{BTree, Ranking};

/// The suite's name.
pub const NAME: &str = "memory";

/// Between two doublings of a table, and beyond.
const COUNTS: [u32; 4] = [700_000, 1_000_000, 1_300_000, 1_800_000];

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the three that the suite has")]
pub enum Kind {
    /// A key with a string value.
    Key,
    /// The same with a TTL.
    KeyTtl,
    /// A member of one sorted set.
    Member,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Key, Self::KeyTtl, Self::Member];

    /// As in case names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::KeyTtl => "key+ttl",
            Self::Member => "member",
        }
    }

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Bytes: the mean, and the worst.
    const fn bounds(self) -> [f64; 2] {
        match self {
            Self::Key => [100.0, 120.0],
            Self::KeyTtl => [125.0, 145.0],
            Self::Member => [64.0, 72.0],
        }
    }

    /// larder first.
    const fn contestants(self) -> &'static [&'static str] {
        const NEIGHBOURS: bool = cfg!(feature = "rivals");
        match self {
            Self::Key | Self::KeyTtl if NEIGHBOURS => &["larder", "std", "dashmap", "moka"],
            Self::Key | Self::KeyTtl => &["larder", "std"],
            Self::Member if NEIGHBOURS => &["larder", "btreeset", "skiplist"],
            Self::Member => &["larder", "btreeset"],
        }
    }
}

/// The filling of one contestant, for the child process.
///
/// # Panics
/// When there is no such contestant.
#[must_use]
pub fn fill(kind: Kind, contestant: &str, count: u32) -> Work {
    let ttl = kind == Kind::KeyTtl;
    match (kind, contestant) {
        (Kind::Key, "larder") => keys(count, larder::Strings::open),
        (Kind::KeyTtl, "larder") => keys(count, larder::Strings::open_with_ttls),
        (Kind::Member, "larder") => members(count, larder::SortedSet::open),
        (Kind::Member, "btreeset") => members(count, BTree::default),
        #[cfg(feature = "rivals")]
        (Kind::Member, "skiplist") => {
            members(count, crate::rivals::rankings::skip::SkipList::default)
        }
        #[cfg(feature = "rivals")]
        (_, "moka") => keys(count, move || crate::rivals::maps::moka::Map::for_keys(count, ttl)),
        _ if ttl => plain_map::<Timed<Box<[u8]>>>(contestant, count),
        _ => plain_map::<Box<[u8]>>(contestant, count),
    }
}

fn plain_map<V: Held>(contestant: &str, count: u32) -> Work {
    match contestant {
        "std" => keys(count, std_mutex::Map::<V>::default),
        #[cfg(feature = "rivals")]
        "dashmap" => keys(count, crate::rivals::maps::dash::Map::<Box<[u8]>, V>::default),
        _ => panic!("no contestant {contestant}"),
    }
}

fn keys<S: Store + 'static>(count: u32, open: impl FnOnce() -> S + 'static) -> Work {
    Box::new(move || {
        let store = open();
        (0..count).for_each(|id| store.set(&short(id), &short(id)));
        let all_there = (0..count).all(|id| store.read(&short(id), |bytes| *bytes == short(id)));
        assert!(all_there, "a value was lost or garbled");
        Box::new(store) as Kept
    })
}

fn members<S: Ranking + 'static>(count: u32, open: impl FnOnce() -> S + 'static) -> Work {
    Box::new(move || {
        let mut set = open();
        (0..count).for_each(|id| set.put(&short(id), score(u64::from(id))));
        Box::new(set) as Kept
    })
}

/// Measures and reports.
///
/// # Errors
/// When a child fails or the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    let child = Child::find()?;
    let counts = COUNTS.map(|count| run.size(count, count / 1000));
    for kind in Kind::ALL.into_iter().filter(|kind| run.wants(kind.name())) {
        let contestants = kind.contestants();
        let tasks: Vec<Task> = contestants
            .iter()
            .flat_map(|who| {
                let task = |count| Task::Fill { kind, contestant: (*who).to_owned(), count };
                counts.map(task)
            })
            .collect();
        let measured = in_pairs(&child, &tasks)?;
        let figures: Vec<Figures> = measured.chunks(4).map(|of| Figures::new(of, counts)).collect();
        rows(report, kind, contestants, &figures, counts)?;
    }
    Ok(())
}

/// One contestant's bytes an item.
struct Figures {
    mean: f64,
    worst: f64,
    peak: f64,
    at: [f64; 4],
}

impl Figures {
    fn new(measured: &[Measured], counts: [u32; 4]) -> Self {
        let each = |bytes: fn(&Measured) -> f64| -> [f64; 4] {
            std::array::from_fn(|at| bytes(&measured[at]) / f64::from(counts[at]))
        };
        let worst = |figures: [f64; 4]| figures.into_iter().fold(f64::MIN, f64::max);
        let at = each(|measured| measured.grown);
        let peak = worst(each(|measured| measured.peak));
        Self { mean: at.iter().sum::<f64>() / 4.0, worst: worst(at), peak, at }
    }
}

fn rows(
    report: &mut Report,
    kind: Kind,
    contestants: &[&str],
    figures: &[Figures],
    counts: [u32; 4],
) -> Result {
    let name = kind.name();
    let mut case = |case: String, bound: Option<f64>, figure: &dyn Fn(&Figures) -> f64| -> Result {
        let row = Case::new(NAME, case, "bytes", Better::Less, figure(&figures[0]));
        if let Some(bound) = bound {
            report.row(&row.bound(bound))?;
        }
        for (rival, figures) in contestants.iter().zip(figures).skip(1) {
            report.row(&row.beside(rival, figure(figures), None))?;
        }
        Ok(())
    };
    let [mean, worst] = kind.bounds();
    case(format!("{name}/mean"), Some(mean), &|figures| figures.mean)?;
    case(format!("{name}/worst"), Some(worst), &|figures| figures.worst)?;
    case(format!("{name}/peak"), None, &|figures| figures.peak)?;
    for (at, count) in counts.into_iter().enumerate() {
        case(format!("{name}/{}", short_count(count)), None, &|figures| figures.at[at])?;
    }
    Ok(())
}

/// Memory is not disturbed by a neighbour: two children at a time.
fn in_pairs(child: &Child, tasks: &[Task]) -> Result<Vec<Measured>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(vec![None; tasks.len()]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((at, task)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    tasks.get(at).map(|task| (at, task))
                } {
                    let measured = task.measure(child);
                    results.lock().expect("no holder panics")[at] = Some(measured);
                }
            });
        }
    });
    let results = results.into_inner().expect("no holder panics");
    results.into_iter().map(|result| Ok(result.expect("every task was taken")?)).collect()
}
