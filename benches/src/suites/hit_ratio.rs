//! Hit ratios of larder's default cache policy, on traces of real programs.
//!
//! A miss caches the key. Capacities are 1, 5 and 20 % of a trace's distinct keys, rounded down; those
//! under 20 are left out. In no case more than 2 points under the best rival; over all cases, on
//! average, above each of them. The optimum, which knows the future, is shown and asked of nobody.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{Result, Run};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rivals::policies::{ExactLru, Policy, hit_percent, optimum_percent};

/// The suite's name.
pub const NAME: &str = "hit_ratio";

const PERCENT_OF_KEYS: [usize; 3] = [1, 5, 20];
const LEAST_CAPACITY: usize = 20;
const POINTS_UNDER_BEST: f64 = 2.0;
const OPTIMUM: &str = "optimum";

type Open = fn(usize) -> Box<dyn Policy>;

const CONTESTANTS: &[(&str, Open)] = &[
    ("larder", |capacity| Box::new(larder::Cache::open(capacity))),
    ("lru", |capacity| Box::new(ExactLru::new(capacity))),
    #[cfg(feature = "rivals")]
    ("quick_cache", |capacity| Box::new(crate::rivals::policies::quick::QuickCache::new(capacity))),
    #[cfg(feature = "rivals")]
    ("moka", |capacity| Box::new(crate::rivals::policies::moka::Moka::new(capacity))),
];

/// Measures and reports.
///
/// # Errors
/// When no trace is given, a trace cannot be read, or the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    if run.traces.is_empty() {
        report.note("hit_ratio: skipped, for want of traces: name some after the suite")?;
        return Ok(());
    }
    let mut cases: Vec<Vec<f64>> = Vec::new();
    for path in &run.traces {
        let trace = read(path)?;
        for capacity in capacities(&trace) {
            let case = format!("{}/{capacity}", name(path));
            if run.wants(&case) {
                cases.push(measure(report, case, &trace, capacity)?);
            }
        }
    }
    means(report, &cases)
}

/// The file's name up to its first dot.
fn name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    file.split('.').next().unwrap_or_default().to_owned()
}

fn read(path: &Path) -> Result<Vec<u64>> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| named(&error))?;
    let gzip = path.extension().is_some_and(|extension| extension == "gz");
    let bytes: Box<dyn Read> =
        if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut trace = Vec::new();
    for line in BufReader::new(bytes).lines() {
        let line = line.map_err(|error| named(&error))?;
        trace.push(line.trim().parse().map_err(|_| named(&format!("not a key: {line}")))?);
    }
    Ok(trace)
}

fn capacities(trace: &[u64]) -> Vec<usize> {
    let keys = trace.iter().collect::<HashSet<_>>().len();
    let capacities = PERCENT_OF_KEYS.map(|percent| keys * percent / 100);
    capacities.into_iter().filter(|capacity| *capacity >= LEAST_CAPACITY).collect()
}

/// All contestants' percentages, and last the optimum's.
fn measure(report: &mut Report, case: String, trace: &[u64], capacity: usize) -> Result<Vec<f64>> {
    let mut percents: Vec<f64> = std::thread::scope(|scope| {
        let running: Vec<_> = CONTESTANTS
            .iter()
            .map(|(_, open)| scope.spawn(move || hit_percent(open(capacity).as_mut(), trace)))
            .collect();
        running.into_iter().map(|one| one.join().expect("no policy panics")).collect()
    });
    let best = percents.iter().skip(1).fold(0.0, |best: f64, percent| best.max(*percent));
    percents.push(optimum_percent(trace, capacity));

    let row = Case::new(NAME, case, "%", Better::More, percents[0]);
    report.row(&row.bound((best - POINTS_UNDER_BEST).max(0.0)))?;
    for (rival, percent) in names().zip(&percents).skip(1) {
        report.row(&row.beside(rival, *percent, None))?;
    }
    Ok(percents)
}

fn means(report: &mut Report, cases: &[Vec<f64>]) -> Result {
    if cases.is_empty() {
        return Ok(());
    }
    let mean = |one: usize| cases.iter().map(|case| case[one]).sum::<f64>() / cases.len() as f64;
    let row = Case::new(NAME, "mean", "%", Better::More, mean(0));
    for (one, rival) in names().enumerate().skip(1) {
        report.row(&row.beside(rival, mean(one), (rival != OPTIMUM).then_some(1.0)))?;
    }
    Ok(())
}

fn names() -> impl Iterator<Item = &'static str> {
    CONTESTANTS.iter().map(|(name, _)| *name).chain([OPTIMUM])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_are_rounded_down_and_small_ones_left_out() {
        let trace: Vec<u64> = (0..1011).chain(0..1011).collect();
        assert_eq!(capacities(&trace), [50, 202]);
    }

    #[test]
    fn a_trace_is_named_by_its_file() {
        assert_eq!(name(Path::new("a/b/2_pools.txt.gz")), "2_pools");
    }
}
