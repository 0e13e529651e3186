//! Sorted sets of 1 k, 100 k and 1 M members of 16 bytes: nanoseconds of CPU time an operation.
//!
//! Members and ranks are drawn evenly; a range by score finds some ten members. What the contestants
//! answer is summed up and must be equal, operation by operation.

use super::{Result, Run, short_count};
use crate::data::{mix, score, short};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rivals::rankings::{BTree, Ranking};
use crate::{cpu, rounds};

/// The suite's name.
pub const NAME: &str = "sorted_set";

const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];

/// Members that a range by score finds, on average.
const BY_SCORE: f64 = 10.0;

/// What is measured besides inserting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Update,
    Rank,
    Nth,
    Top,
    Around,
    ByScore,
}

impl Operation {
    const ALL: [Self; 6] =
        [Self::Update, Self::Rank, Self::Nth, Self::Top, Self::Around, Self::ByScore];

    const fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Rank => "rank",
            Self::Nth => "nth",
            Self::Top => "top10",
            Self::Around => "around",
            Self::ByScore => "by-score",
        }
    }

    /// What is asked at a million members.
    fn target(self, rival: &str) -> Option<f64> {
        match (self, rival) {
            (Self::Update, "btreeset") => Some(0.77),
            (Self::Update | Self::Rank, "skiplist") => Some(2.5),
            (Self::Nth, "skiplist") => Some(3.0),
            _ => None,
        }
    }
}

/// A sorted set with the loops over it compiled for its type.
trait Contestant {
    fn name(&self) -> &'static str;
    /// Starts anew with `count` members; nanoseconds an insert.
    fn fill(&mut self, count: u32) -> f64;
    /// Nanoseconds an operation and the sum of the answers; `None` if the structure has no such thing.
    fn run(&mut self, operation: Operation, count: u32, draws: &[u64]) -> Option<(f64, u64)>;
}

struct Named<R> {
    name: &'static str,
    new: fn() -> R,
    set: R,
}

impl<R: Ranking> Contestant for Named<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fill(&mut self, count: u32) -> f64 {
        self.set = (self.new)();
        cpu::ns_each(count as usize, || {
            for id in 0..count {
                self.set.put(&short(id), score(u64::from(id)));
            }
        })
    }

    fn run(&mut self, operation: Operation, count: u32, draws: &[u64]) -> Option<(f64, u64)> {
        let (mut sum, mut able) = (0, true);
        let width = 1e6 * BY_SCORE / f64::from(count);
        let time = cpu::ns_each(draws.len(), || {
            for draw in draws {
                able &= self.once(operation, count, *draw, width, &mut sum);
                if !able {
                    break;
                }
            }
        });
        able.then_some((time, sum))
    }
}

impl<R: Ranking> Named<R> {
    /// `false` if the structure has no such operation.
    #[inline]
    fn once(&mut self, what: Operation, count: u32, draw: u64, width: f64, sum: &mut u64) -> bool {
        let id = (draw % u64::from(count)) as u32;
        match what {
            Operation::Update => self.set.put(&short(id), score(draw)),
            Operation::Rank => {
                let Some(rank) = self.set.rank(&short(id)) else { return false };
                add(sum, rank as u64);
            }
            Operation::Nth => {
                return self.set.nth(id as usize, |member, score| see(sum, member, score));
            }
            Operation::Top => self.set.top(|member, score| see(sum, member, score)),
            Operation::Around => {
                self.set.around(&short(id), |member, score| see(sum, member, score));
            }
            Operation::ByScore => {
                let low = score(draw);
                self.set.by_score(low, low + width, |member, score| see(sum, member, score));
            }
        }
        true
    }
}

/// Order matters to the sum.
#[inline]
const fn add(sum: &mut u64, word: u64) {
    *sum = sum.rotate_left(5) ^ word;
}

#[inline]
fn see(sum: &mut u64, member: &[u8], score: f64) {
    let word = member.first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
    add(sum, word ^ score.to_bits() ^ member.len() as u64);
}

fn contestants() -> Vec<Box<dyn Contestant>> {
    fn named<R: Ranking + 'static>(name: &'static str, new: fn() -> R) -> Box<dyn Contestant> {
        Box::new(Named { name, new, set: new() })
    }
    vec![
        named("larder", larder::SortedSet::open),
        named("btreeset", BTree::default),
        #[cfg(feature = "rivals")]
        named("skiplist", crate::rivals::rankings::skip::SkipList::default),
        #[cfg(feature = "rivals")]
        named("indexset", crate::rivals::rankings::index::IndexSet::default),
        #[cfg(feature = "rivals")]
        named("crossbeam-skiplist", crate::rivals::rankings::crossbeam::Crossbeam::default),
    ]
}

/// Measures and reports.
///
/// # Errors
/// When the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    let mut contestants = contestants();
    for size in SIZES {
        let asked = size == 1_000_000;
        let count = run.size(size, size / 100);
        let case = |what: &str| format!("{}/{what}", short_count(count));
        let wanted: Vec<_> =
            Operation::ALL.into_iter().filter(|one| run.wants(&case(one.name()))).collect();
        if wanted.is_empty() && !run.wants(&case("insert")) {
            continue;
        }
        fill(run, report, &mut contestants, count, case("insert"))?;
        for operation in wanted {
            let target = |rival: &str| operation.target(rival).filter(|_| asked);
            measure(
                run,
                report,
                &mut contestants,
                count,
                operation,
                &case(operation.name()),
                target,
            )?;
        }
    }
    Ok(())
}

/// Fills everyone, for the later operations too; small sets many times over.
fn fill(
    run: &Run,
    report: &mut Report,
    contestants: &mut [Box<dyn Contestant>],
    count: u32,
    case: String,
) -> Result {
    let again = run.size(200_000 / count.min(200_000), 1).max(1);
    let times = rounds::medians(run.size(3, 1), contestants.len(), |one| {
        let total: f64 = (0..again).map(|_| contestants[one].fill(count)).sum();
        [total / f64::from(again)]
    });
    let row = Case::new(NAME, case, "ns", Better::Less, times[0][0]);
    for (rival, [time]) in contestants.iter().zip(&times).skip(1) {
        report.row(&row.beside(rival.name(), *time, None))?;
    }
    Ok(())
}

fn measure(
    run: &Run,
    report: &mut Report,
    contestants: &mut [Box<dyn Contestant>],
    count: u32,
    operation: Operation,
    case: &str,
    target: impl Fn(&str) -> Option<f64>,
) -> Result {
    let mut draws = Vec::new();
    let mut turn = 0;
    let racing = contestants.len();
    let mut expected = None;
    let times = rounds::medians(run.size(5, 1), racing, |one| {
        if turn % racing == 0 {
            let round = (turn / racing) as u64 + 1;
            draws = (0..run.size(60_000, 500)).map(|at| mix(round << 32 | at)).collect();
            expected = None;
        }
        turn += 1;
        let Some((time, sum)) = contestants[one].run(operation, count, &draws) else {
            return [f64::NAN];
        };
        let name = contestants[one].name();
        assert_eq!(*expected.get_or_insert(sum), sum, "{name} answers {case} differently");
        [time]
    });
    let row = Case::new(NAME, case, "ns", Better::Less, times[0][0]);
    for (rival, [time]) in
        contestants.iter().zip(&times).skip(1).filter(|(_, [time])| time.is_finite())
    {
        report.row(&row.beside(rival.name(), *time, target(rival.name())))?;
    }
    Ok(())
}
