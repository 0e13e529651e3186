//! Memory, measured in a child process whose allocator counts.
//!
//! ```text
//! larder-benches ── fill key dashmap 700000 ──> larder-benches-heap     one measurement a process,
//!                <── {"grown":…,"peak":…} ────                          so nothing is left over
//! ```
//!
//! Counted are the bytes that a program asks its allocator for: neither the allocator's own headers
//! and rounding nor the stack.

use std::any::Any;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::suites::{footprint, memory, ttl};

/// Names the child's binary; unset, `cargo build` makes it beside this one.
pub const CHILD_VARIABLE: &str = "LARDER_BENCHES_HEAP";

/// What a measured piece of work leaves alive.
pub type Kept = Box<dyn Any>;

/// A piece of work, prepared outside the measurement.
pub type Work = Box<dyn FnOnce() -> Kept>;

/// What the child is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Fills one contestant's map or set.
    Fill {
        /// Keys, keys with a TTL, or members.
        kind: memory::Kind,
        /// Who.
        contestant: String,
        /// How many.
        count: u32,
    },
    /// `SET PX` + `DEL`, many times; a warm-up of its own is not counted.
    Pairs {
        /// Who.
        contestant: String,
        /// How many.
        count: u32,
    },
    /// Opens engines of one shard, each with one key.
    Engines {
        /// How many.
        count: u32,
    },
}

impl Task {
    /// Reads the child's command line.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let words: Vec<String> = words.into_iter().collect();
        let count = |word: &str| word.parse().map_err(|_| format!("not a count: {word}"));
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["fill", kind, contestant, n] => Ok(Self::Fill {
                kind: memory::Kind::parse(kind).ok_or_else(|| format!("no kind {kind}"))?,
                contestant: contestant.to_owned(),
                count: count(n)?,
            }),
            ["pairs", contestant, n] => {
                Ok(Self::Pairs { contestant: contestant.to_owned(), count: count(n)? })
            }
            ["engines", n] => Ok(Self::Engines { count: count(n)? }),
            _ => Err("usage: fill KIND WHO COUNT | pairs WHO COUNT | engines COUNT".to_owned()),
        }
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::Fill { kind, contestant, count } => {
                vec!["fill".into(), kind.name().into(), contestant.clone(), count.to_string()]
            }
            Self::Pairs { contestant, count } => {
                vec!["pairs".into(), contestant.clone(), count.to_string()]
            }
            Self::Engines { count } => vec!["engines".into(), count.to_string()],
        }
    }

    /// Does what is not to be counted and returns the rest.
    #[must_use]
    pub fn prepare(self) -> Work {
        match self {
            Self::Fill { kind, contestant, count } => memory::fill(kind, &contestant, count),
            Self::Pairs { contestant, count } => ttl::pairs_work(&contestant, count),
            Self::Engines { count } => footprint::engines(count),
        }
    }

    /// Runs the task in a child process.
    ///
    /// # Errors
    /// When the child cannot be built or started, or fails.
    pub fn measure(&self, child: &Child) -> Result<Measured, String> {
        let output = Command::new(&child.0)
            .args(self.words())
            .output()
            .map_err(|error| format!("{}: {error}", child.0.display()))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{:?} failed: {stderr}", self.words()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }
}

/// What a task did to the heap, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measured {
    /// In use after the work, less before.
    pub grown: f64,
    /// The most in use at any moment, less before.
    pub peak: f64,
}

impl Measured {
    /// From the allocator's counts.
    #[must_use]
    pub const fn new(before: usize, after: usize, peak: usize) -> Self {
        Self { grown: after as f64 - before as f64, peak: peak as f64 - before as f64 }
    }

    /// For the parent.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({ "grown": self.grown, "peak": self.peak }).to_string()
    }
}

/// The child's binary.
#[derive(Clone, Debug)]
pub struct Child(PathBuf);

impl Child {
    /// Finds it, or builds it with the same profile and features as this program.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn find() -> Result<Self, String> {
        const NAME: &str = "larder-benches-heap";
        if let Some(path) = std::env::var_os(CHILD_VARIABLE) {
            return Ok(Self(path.into()));
        }
        let here = Built::this_program()?;
        let mut cargo = here.cargo_build();
        cargo.args(["--bin", NAME]);
        if cfg!(feature = "rivals") {
            cargo.args(["--features", "rivals"]);
        }
        run(&mut cargo)?;
        Ok(Self(here.folder.join(NAME)))
    }
}

/// Where cargo put this program, and how it was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// `target/release`, or the profile's.
    folder: PathBuf,
}

impl Built {
    pub(crate) fn this_program() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let folder = program.parent().ok_or("a program lies in a folder")?.to_owned();
        Ok(Self { folder })
    }

    /// `cargo build` of this package into the same folders.
    pub(crate) fn cargo_build(&self) -> Command {
        let mut cargo = cargo_build();
        let profile =
            self.folder.file_name().map_or("release".into(), |name| name.to_string_lossy());
        // The folder `debug` belongs to the profile `dev`; the others bear their own names.
        cargo.args(["--profile", if profile == "debug" { "dev" } else { &profile }]);
        if let Some(target) = self.folder.parent() {
            cargo.arg("--target-dir").arg(target);
        }
        cargo
    }

    /// A folder beside this program's, for builds that must not disturb it.
    pub(crate) fn sibling(&self, name: &str) -> PathBuf {
        self.folder.with_file_name(name)
    }
}

/// `cargo build` of this package, quietly.
pub(crate) fn cargo_build() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "larder-benches"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_reads_what_the_parent_writes() {
        let tasks = [
            Task::Fill { kind: memory::Kind::Member, contestant: "larder".into(), count: 7 },
            Task::Pairs { contestant: "moka".into(), count: 8 },
            Task::Engines { count: 9 },
        ];
        for task in tasks {
            assert_eq!(Task::parse(task.words()), Ok(task));
        }
        assert!(Task::parse(["fill".to_owned()]).is_err());
    }
}
