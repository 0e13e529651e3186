//! The command line: `SUITE [--json] [--quick] [--only PART] [traces…]`.

use std::path::PathBuf;

use crate::report::{Format, Report};
use crate::suites::{Run, SUITES, Suite};

/// What a person needs to know.
pub const USAGE: &str = "\
usage: larder-benches SUITE [--json] [--quick] [--only PART] [TRACE…]

suites
  kv           gets and sets, 1 M keys, one and two threads
  growth       the longest single insert into a growing keyspace, or sorted set
  memory       bytes a key, bytes a sorted-set member
  ttl          a million keys due at once; SET PX + DEL
  sorted_set   insert, update, rank, n-th, ranges
  hit_ratio    the default cache policy on the TRACEs: files, plain or .gz, one number a line
  footprint    size, memory and threads of a program that opens an engine
  all          each in turn

--json       an object a line instead of a table
--quick      small sizes, one round: whether it runs, not how fast
--only PART  only the cases with PART in their name
";

/// A parsed command line.
#[derive(Debug)]
#[non_exhaustive]
pub struct Args {
    /// What to run.
    pub suites: Vec<&'static Suite>,
    /// How to print.
    pub format: Format,
    /// How to run.
    pub run: Run,
}

impl Args {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What is wrong with them, as a sentence.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut suites: Option<Vec<&'static Suite>> = None;
        let mut format = Format::Table;
        let mut run = Run::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => format = Format::Json,
                "--quick" => run.quick = true,
                "--only" => {
                    run.only = Some(words.next().ok_or("--only wants a part of a case's name")?);
                }
                option if option.starts_with("--") => return Err(format!("no option {option}")),
                name if suites.is_none() => suites = Some(named(name)?),
                path => run.traces.push(PathBuf::from(path)),
            }
        }
        let suites = suites.ok_or("which suite?")?;
        Ok(Self { suites, format, run })
    }

    /// Runs the suites and prints their rows.
    ///
    /// # Errors
    /// When a suite cannot run, as a sentence.
    pub fn execute(self) -> Result<(), String> {
        let mut report = Report::stdout(self.format);
        for suite in self.suites {
            (suite.run)(&self.run, &mut report)
                .map_err(|error| format!("{}: {error}", suite.name))?;
        }
        report.close().map_err(|error| error.to_string())
    }
}

fn named(name: &str) -> Result<Vec<&'static Suite>, String> {
    if name == "all" {
        return Ok(SUITES.iter().collect());
    }
    let suite = SUITES.iter().find(|suite| suite.name == name);
    Ok(vec![suite.ok_or_else(|| format!("no suite {name}"))?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn words_after_the_suite_are_traces() {
        let args = parse("hit_ratio a.gz --json b.gz").unwrap();
        assert_eq!(args.suites[0].name, "hit_ratio");
        assert_eq!(args.format, Format::Json);
        assert_eq!(args.run.traces, [PathBuf::from("a.gz"), PathBuf::from("b.gz")]);
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(parse("").unwrap_err(), "which suite?");
        assert_eq!(parse("vk").unwrap_err(), "no suite vk");
        assert_eq!(parse("kv --jsn").unwrap_err(), "no option --jsn");
    }

    #[test]
    fn the_usage_names_every_suite() {
        for suite in SUITES {
            assert!(USAGE.contains(&format!("\n  {} ", suite.name)), "{}", suite.name);
        }
    }
}
