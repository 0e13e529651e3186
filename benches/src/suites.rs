//! The suites, one module each.

use std::path::PathBuf;

use crate::report::Report;

pub mod footprint;
pub mod growth;
pub mod hit_ratio;
pub mod kv;
pub mod memory;
pub mod sorted_set;
pub mod ttl;

/// How a suite is to run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Run {
    /// Small sizes, one round.
    pub quick: bool,
    /// Only cases with this in their name.
    pub only: Option<String>,
    /// For `hit_ratio`.
    pub traces: Vec<PathBuf>,
}

impl Run {
    /// One of two sizes.
    #[must_use]
    pub fn size<N>(&self, full: N, quick: N) -> N {
        if self.quick { quick } else { full }
    }

    /// Whether a case is wanted.
    #[must_use]
    pub fn wants(&self, case: &str) -> bool {
        self.only.as_ref().is_none_or(|part| case.contains(part.as_str()))
    }
}

/// A failure that ends a suite, as a sentence.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A suite by its name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Suite {
    /// As on the command line and in the rows.
    pub name: &'static str,
    /// Measures and reports.
    pub run: fn(&Run, &mut Report) -> Result,
}

/// All of them, in the order of `all`.
pub const SUITES: &[Suite] = &[
    Suite { name: kv::NAME, run: kv::run },
    Suite { name: growth::NAME, run: growth::run },
    Suite { name: memory::NAME, run: memory::run },
    Suite { name: ttl::NAME, run: ttl::run },
    Suite { name: sorted_set::NAME, run: sorted_set::run },
    Suite { name: hit_ratio::NAME, run: hit_ratio::run },
    Suite { name: footprint::NAME, run: footprint::run },
];

/// `1M`, `10k`, `1.3M`.
#[must_use]
pub(crate) fn short_count(count: u32) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..1_000_000 => format!("{}k", f64::from(count) / 1e3),
        _ => format!("{}M", f64::from(count) / 1e6),
    }
}
