//! Replays a web server's access log through larder, the way a web application
//! would use it: rate limiter, sessions, page cache, leaderboards, counters.
//!
//! ```text
//! cargo run --release --example replay -- [--json] [--verbose] [ACCESS_LOG]
//! ```
//!
//! Without a file it replays a built-in log, so it runs on any machine.
//!
//! ```text
//! file ─┐                 well formed               +---- larder ------------+
//!       ├─ lines ─ access ────────────────── site ──| limiter  sessions      |── report
//! generate ┘        └ malformed: counted            | pages  boards  counts  |
//!                                                   +------------------------+
//! ```
//!
//! Time is the log's. The engine runs on a manual clock that begins at the first
//! well-formed line's time; each such line moves it on to its own time, unless
//! that lies in the past. So the result is a function of the log alone.
//!
//! # Failures
//!
//! A file that cannot be opened or read ends the program with a message and
//! status 1; a command line that is not understood, with status 2. A malformed
//! line is counted, whatever it holds.

mod access;
mod args;
mod generate;
mod lines;
mod progress;
mod report;
mod site;

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use access::Malformed;
use args::{Options, Task};
use lines::{Line, Lines};
use progress::Progress;
use report::{Cost, Summary};
use site::Site;

/// Why a run ended before its end.
type Failure = Box<dyn Error>;

/// Bytes read at once.
const BUFFER: usize = 128 * 1024;

fn main() -> ExitCode {
    let task = match args::parse(std::env::args_os().skip(1)) {
        Ok(task) => task,
        Err(error) => {
            complain(&format!("{error}; --help says what is possible"));
            return ExitCode::from(2);
        }
    };
    let done = match task {
        Task::Help => print(|out| out.write_all(args::HELP.as_bytes())),
        Task::Generate => print(|out| io::copy(&mut generate::Log::new(), out).map(drop)),
        Task::Replay(options) => replay(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Replays the log that the user named, or the built-in one, and reports.
fn replay(options: &Options) -> Result<(), Failure> {
    let Some(path) = &options.path else {
        let log = BufReader::with_capacity(BUFFER, generate::Log::new());
        return run(log, "the built-in log", None, options);
    };
    let source = path.display().to_string();
    let (file, bytes) = open(path).map_err(|error| named(&source, &error))?;
    let log = BufReader::with_capacity(BUFFER, file);
    run(log, &source, bytes, options)
}

/// Opens the log; its length is known if it is a plain file.
fn open(path: &Path) -> io::Result<(File, Option<u64>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

fn run(
    log: impl BufRead,
    source: &str,
    bytes: Option<u64>,
    options: &Options,
) -> Result<(), Failure> {
    let progress = if options.json { Progress::hidden() } else { Progress::shown(bytes) };
    let began = Instant::now();
    let mut replay = Replay::default();
    let mut lines = Lines::new(log);
    while let Some(line) = lines.next().map_err(|error| named(source, &error))? {
        let malformed = replay
            .step(&line)
            .map_err(|error| named(&format!("{source}, line {}", line.number), error.as_ref()))?;
        if options.verbose
            && let Some(reason) = malformed
        {
            progress.say(&format!("line {}: {reason}", line.number));
        }
        progress.reached(line.number, line.end);
    }
    progress.clear();
    let elapsed = began.elapsed();
    let summary = replay.summary()?;
    let cost = Cost { elapsed, memory: replay.memory() };
    print(|out| {
        if options.json {
            report::write_json(out, &summary)
        } else {
            report::write_text(out, source, &summary, &cost)
        }
    })
}

/// An error with the place where it happened.
fn named(place: &str, error: &dyn Error) -> Failure {
    format!("{place}: {error}").into()
}

/// A replay on its way.
#[derive(Debug, Default)]
struct Replay {
    /// Opened by the first well-formed line, which says what time it is.
    site: Option<Site>,
    malformed: u64,
}

impl Replay {
    /// Takes one line, and says what is wrong with it.
    fn step(&mut self, line: &Line<'_>) -> Result<Option<Malformed>, Failure> {
        let too_long = Malformed::TooLong { limit: lines::MAX_LINE };
        let request = match line.bytes.ok_or(too_long).and_then(access::parse) {
            Ok(request) => request,
            Err(reason) => {
                self.malformed += 1;
                return Ok(Some(reason));
            }
        };
        let site = match &mut self.site {
            Some(site) => site,
            none => none.insert(Site::open(request.time_s)?),
        };
        site.serve(&request)?;
        Ok(None)
    }

    fn summary(&self) -> larder::Result<Summary> {
        let served = self.site.as_ref().map_or_else(|| Ok(Summary::default()), Site::summary)?;
        Ok(Summary { malformed: self.malformed, ..served })
    }

    fn memory(&self) -> u64 {
        self.site.as_ref().map_or(0, Site::memory)
    }
}

/// Writes to standard output. A reader that has seen enough, as in `| head`, is no error.
fn print(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'_>>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is still buffered would be written, in vain, when `out` is dropped.
            drop(out.into_parts());
            Ok(())
        }
        Err(error) => Err(named("standard output", &error)),
        Ok(()) => Ok(()),
    }
}

fn complain(message: &str) {
    // There is nobody left to tell when this fails.
    let _ = writeln!(io::stderr(), "replay: {message}");
}
