//! What linking larder costs: the size of a program that opens an engine and sets a key, its resident
//! memory and its threads, beside a program that does nothing; and an engine among a thousand.
//!
//! The two programs are this package's examples `footprint` and `empty`, built and stripped in a
//! folder of their own. Each waits for its standard input to end while it is looked at from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};

use super::{Result, Run};
use crate::heap::{Built, Child, Kept, Task, Work, cargo_build, run as run_to_end};
use crate::larder;
use crate::report::{Better, Case, Report};
use crate::rounds;

/// The suite's name.
pub const NAME: &str = "footprint";

const ENGINES: u32 = 1000;
const KIB: f64 = 1024.0;

/// Engines for the child process.
#[must_use]
pub fn engines(count: u32) -> Work {
    Box::new(move || {
        let engines: Vec<_> = (0..count).map(|_| larder::one_shard_engine()).collect();
        Box::new(engines) as Kept
    })
}

/// Measures and reports.
///
/// # Errors
/// When a program cannot be built or watched, or the report cannot be written.
pub fn run(run: &Run, report: &mut Report) -> Result {
    if ["size", "resident", "threads"].iter().any(|case| run.wants(case)) {
        let programs = build()?;
        let [empty, footprint] = &programs;
        let size = |path: &Path| fs::metadata(path).map(|file| kib(file.len()));
        let more = size(footprint)? - size(empty)?;
        report
            .row(&Case::new(NAME, "size beside empty", "KiB", Better::Less, more).bound(1024.0))?;

        // A figure a round: how much the one has more than the other, and the one's threads.
        let looks = rounds::medians(run.size(9, 1), 2, |program| {
            let look = look_at(&programs[program]).expect("the program was just built");
            [look.resident_kib, look.threads]
        });
        let more = looks[1][0] - looks[0][0];
        let row = Case::new(NAME, "resident beside empty", "KiB", Better::Less, more.max(1.0));
        report.row(&row.bound(1024.0))?;
        let row = Case::new(NAME, "threads, main included", "threads", Better::Less, looks[1][1]);
        report.row(&row.bound(looks[0][1]))?;
    }
    if run.wants("engine") {
        let measured = Task::Engines { count: ENGINES }.measure(&Child::find()?)?;
        let each = measured.grown / f64::from(ENGINES) / KIB;
        let case = format!("engine, one of {ENGINES}");
        report.row(&Case::new(NAME, case, "KiB", Better::Less, each).bound(64.0))?;
    }
    Ok(())
}

/// Builds the two programs, stripped: empty, footprint.
fn build() -> Result<[PathBuf; 2]> {
    let target = Built::this_program()?.sibling("footprint");
    let mut cargo = cargo_build();
    cargo.args(["--release", "--example", "empty", "--example", "footprint"]);
    cargo.args(["--config", "profile.release.strip=\"symbols\"", "--target-dir"]).arg(&target);
    run_to_end(&mut cargo)?;
    Ok(["empty", "footprint"].map(|name| target.join("release/examples").join(name)))
}

struct Look {
    resident_kib: f64,
    threads: f64,
}

fn look_at(program: &Path) -> Result<Look> {
    let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let look = ready_then_look(&mut process);
    // Its input ends here, and so does the program.
    drop(process.stdin.take());
    process.wait()?;
    look
}

fn ready_then_look(process: &mut Process) -> Result<Look> {
    use std::io::{BufRead, BufReader};

    let stdout = process.stdout.take().ok_or("its output is piped")?;
    BufReader::new(stdout).read_line(&mut String::new())?;
    let of = Path::new("/proc").join(process.id().to_string());
    let pages: u64 = field(&fs::read_to_string(of.join("statm"))?, 1)?;
    let status = fs::read_to_string(of.join("status"))?;
    let threads = status.lines().find(|line| line.starts_with("Threads:")).ok_or("no threads")?;
    Ok(Look {
        resident_kib: kib(pages * rustix::param::page_size() as u64),
        threads: field::<u32>(threads, 1)?.into(),
    })
}

fn field<N: std::str::FromStr>(line: &str, at: usize) -> Result<N> {
    let word = line.split_whitespace().nth(at).ok_or("a field is missing")?;
    word.parse().map_err(|_| format!("not a number: {word}").into())
}

fn kib(bytes: u64) -> f64 {
    bytes as f64 / KIB
}
