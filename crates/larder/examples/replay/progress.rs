//! The progress bar: on standard error, when a person is looking.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// Lines from one update of the bar to the next.
const STRIDE: u64 = 256;

/// How far the replay is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over `bytes` of log, or a spinner when the length is unknown.
    pub(crate) fn shown(bytes: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden();
        }
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), "{wide_bar} {bytes}/{total_bytes} {eta:>4}"),
            None => (ProgressBar::new_spinner(), "{spinner} {bytes} {elapsed:>4}"),
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        Self { bar }
    }

    /// No bar.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// Line `number` is done, which ends at byte `end`.
    pub(crate) fn reached(&self, number: u64, end: u64) {
        if number.is_multiple_of(STRIDE) {
            self.bar.set_position(end);
        }
    }

    /// Writes a line to standard error without tearing the bar.
    pub(crate) fn say(&self, line: &str) {
        // A closed standard error is no reason to stop.
        self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
