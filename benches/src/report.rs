//! One row a comparison, printed as it is known: a table for people, a JSON object a line for programs.

use std::io::{self, Write};

use serde::Serialize;

/// The greatest ratio that is written: what a rival's zero, or larder's, would make infinite.
const MOST: f64 = 999.0;

/// Which way a figure is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Better {
    /// Speed, hit ratio.
    More,
    /// Time, bytes.
    Less,
}

/// larder beside one rival, or one bound, in one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The suite.
    pub suite: &'static str,
    /// The case within it.
    pub case: String,
    /// What the figures count.
    pub unit: &'static str,
    /// larder's figure.
    pub larder: f64,
    /// The rival's name, or `bound`.
    pub rival: String,
    /// The rival's figure, or the bound.
    pub value: f64,
    /// Above 1: larder is better.
    pub ratio: f64,
    /// The ratio asked of this row, if any.
    pub target: Option<f64>,
}

impl Row {
    /// Whether the row misses what is asked of it.
    #[must_use]
    pub fn misses(&self) -> bool {
        self.target.is_some_and(|target| self.ratio < target)
    }
}

/// One case of a suite with larder's figure: what its rows have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    suite: &'static str,
    case: String,
    unit: &'static str,
    better: Better,
    larder: f64,
}

impl Case {
    /// A case in which larder measured `larder`.
    pub fn new(
        suite: &'static str,
        case: impl Into<String>,
        unit: &'static str,
        better: Better,
        larder: f64,
    ) -> Self {
        Self { suite, case: case.into(), unit, better, larder }
    }

    /// The row beside a rival.
    #[must_use]
    pub fn beside(&self, rival: &str, value: f64, target: Option<f64>) -> Row {
        let ratio = match self.better {
            Better::More => self.larder / value,
            Better::Less => value / self.larder,
        };
        Row {
            suite: self.suite,
            case: self.case.clone(),
            unit: self.unit,
            larder: self.larder,
            rival: rival.to_owned(),
            value,
            // 0 beside 0 is a draw.
            ratio: if ratio.is_nan() { 1.0 } else { ratio.min(MOST) },
            target,
        }
    }

    /// The row beside an absolute bound.
    #[must_use]
    pub fn bound(&self, bound: f64) -> Row {
        self.beside("bound", bound, Some(1.0))
    }
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two that the command line offers")]
pub enum Format {
    /// Aligned columns.
    Table,
    /// An object a line.
    Json,
}

/// Prints rows as they come and counts the misses.
#[derive(Debug)]
pub struct Report<W: Write = io::Stdout> {
    out: W,
    format: Format,
    rows: usize,
    asked: usize,
    missed: Vec<String>,
    last_case: String,
}

impl Report {
    /// A report on standard output.
    #[must_use]
    pub fn stdout(format: Format) -> Self {
        Self::new(io::stdout(), format)
    }
}

impl<W: Write> Report<W> {
    /// A report into `out`.
    pub const fn new(out: W, format: Format) -> Self {
        Self { out, format, rows: 0, asked: 0, missed: Vec::new(), last_case: String::new() }
    }

    /// Prints a row.
    ///
    /// # Errors
    /// When writing fails.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        match self.format {
            Format::Json => {
                serde_json::to_writer(&mut self.out, row)?;
                writeln!(self.out)?;
            }
            Format::Table => self.line(row)?,
        }
        self.rows += 1;
        self.asked += usize::from(row.target.is_some());
        if row.misses() {
            self.missed.push(format!("{}/{} beside {}", row.suite, row.case, row.rival));
        }
        self.out.flush()
    }

    /// A remark under the table: how something was measured. JSON has none.
    ///
    /// # Errors
    /// When writing fails.
    pub fn note(&mut self, note: &str) -> io::Result<()> {
        match self.format {
            Format::Json => Ok(()),
            Format::Table => writeln!(self.out, "  {note}"),
        }
    }

    /// How many rows there were.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Says how many of the targets were met, and which were not.
    ///
    /// # Errors
    /// When writing fails.
    pub fn close(mut self) -> io::Result<()> {
        if self.format == Format::Table {
            let met = self.asked - self.missed.len();
            writeln!(self.out, "\n{met} of {} targets met", self.asked)?;
            for miss in &self.missed {
                writeln!(self.out, "  missed: {miss}")?;
            }
        }
        self.out.flush()
    }

    fn line(&mut self, row: &Row) -> io::Result<()> {
        if self.rows == 0 {
            writeln!(
                self.out,
                "{:<11} {:<28} {:<9} {:>12} {:<20} {:>12} {:>8} {:>7}",
                "suite", "case", "unit", "larder", "rival", "value", "ratio", "target"
            )?;
        }
        if self.rows > 0 && self.last_case != row.case {
            writeln!(self.out)?;
        }
        self.last_case.clone_from(&row.case);
        let target = row.target.map_or_else(|| "-".to_owned(), |target| format!("{target:.2}"));
        writeln!(
            self.out,
            "{:<11} {:<28} {:<9} {:>12} {:<20} {:>12} {:>8.2} {:>7}{}",
            row.suite,
            row.case,
            row.unit,
            figure(row.larder),
            row.rival,
            figure(row.value),
            row.ratio,
            target,
            if row.misses() { "  MISS" } else { "" }
        )
    }
}

/// Three or four telling digits.
fn figure(figure: f64) -> String {
    match figure.abs() {
        size if size >= 1000.0 => format!("{figure:.0}"),
        size if size >= 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_means_larder_is_better() {
        let speed = Case::new("kv", "reads", "Mops/s", Better::More, 6.0);
        assert_eq!(speed.beside("slow", 3.0, Some(1.5)).ratio, 2.0);
        let time = Case::new("growth", "longest", "us", Better::Less, 500.0);
        assert_eq!(time.bound(1000.0).ratio, 2.0);
        assert!(!time.bound(1000.0).misses());
        assert!(time.bound(400.0).misses());
    }

    #[test]
    fn json_is_one_object_a_line_with_the_promised_fields() {
        let mut report = Report::new(Vec::new(), Format::Json);
        let case = Case::new("hit_ratio", "loop/50", "%", Better::More, 4.0);
        report.row(&case.beside("lru", 0.0, None)).unwrap();
        report.note("not here").unwrap();
        let out = String::from_utf8(report.out).unwrap();
        assert_eq!(
            out,
            "{\"suite\":\"hit_ratio\",\"case\":\"loop/50\",\"unit\":\"%\",\"larder\":4.0,\
             \"rival\":\"lru\",\"value\":0.0,\"ratio\":999.0,\"target\":null}\n"
        );
    }
}
