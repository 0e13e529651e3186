//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Replays a web server's access log through larder, the way a web application
would use it: rate limiter, sessions, page cache, leaderboards, counters.

Usage: replay [--json] [--verbose] [ACCESS_LOG]
       replay --generate

  ACCESS_LOG   a file in Combined Log Format; without it, a built-in log
      --json      print the result as one JSON object
  -v, --verbose   say on standard error which lines are malformed, and why
      --generate  print the built-in log instead of replaying it
  -h, --help      print this
";

/// What the user asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Print [`HELP`].
    Help,
    /// Print the built-in log.
    Generate,
    /// Replay a log.
    Replay(Options),
}

/// How to replay.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// One JSON object instead of a report.
    pub(crate) json: bool,
    /// Name every malformed line.
    pub(crate) verbose: bool,
    /// The log, or `None` for the built-in one.
    pub(crate) path: Option<PathBuf>,
}

/// Reads the arguments, the program's name not among them.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Task, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(words);
    let mut options = Options::default();
    let mut generate = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("json") => options.json = true,
            Short('v') | Long("verbose") => options.verbose = true,
            Long("generate") => generate = true,
            Short('h') | Long("help") => return Ok(Task::Help),
            Value(path) if options.path.is_none() => options.path = Some(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    match (generate, options) {
        (false, options) => Ok(Task::Replay(options)),
        (true, options) if options == Options::default() => Ok(Task::Generate),
        (true, _) => Err("--generate stands alone".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Task, String> {
        parse(words.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_and_the_path_stand_in_any_order() {
        let options = Options { json: true, verbose: true, path: Some("a.log".into()) };
        assert_eq!(parsed(&["a.log", "-v", "--json"]), Ok(Task::Replay(options)));
        assert_eq!(parsed(&[]), Ok(Task::Replay(Options::default())));
        let dashed = Options { path: Some("--json".into()), ..Options::default() };
        assert_eq!(parsed(&["--", "--json"]), Ok(Task::Replay(dashed)));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parsed(&["--jsn"]).unwrap_err().contains("--jsn"));
        assert!(parsed(&["a.log", "b.log"]).unwrap_err().contains("b.log"));
        assert!(parsed(&["--json=yes"]).unwrap_err().contains("--json"));
        assert!(parsed(&["--generate", "a.log"]).unwrap_err().contains("alone"));
    }

    #[test]
    fn help_and_the_built_in_log_are_tasks_of_their_own() {
        assert_eq!(parsed(&["--json", "-h"]), Ok(Task::Help));
        assert_eq!(parsed(&["--generate"]), Ok(Task::Generate));
    }
}
