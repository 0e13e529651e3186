//! What a replay found out, for programs and for people.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

/// The result: a function of the log alone. Its JSON has these fields in this order.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// Well-formed lines.
    pub(crate) requests: u64,
    /// All other lines.
    pub(crate) malformed: u64,
    /// Different clients among the requests.
    pub(crate) unique_clients: u64,
    pub(crate) limiter: Limiter,
    pub(crate) cache: Cache,
    pub(crate) sessions: Sessions,
    /// Admitted requests by their status code.
    pub(crate) status: BTreeMap<String, u64>,
    /// The ten pages with the most hits.
    pub(crate) top_pages: Vec<Ranked>,
    /// The ten clients with the most admitted requests.
    pub(crate) top_clients: Vec<Ranked>,
    /// Admitted requests with a status of 400 or more.
    pub(crate) alerts: u64,
}

/// What became of the requests at the door.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Limiter {
    pub(crate) allowed: u64,
    pub(crate) refused: u64,
}

/// What the page cache was asked.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Cache {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

/// Sessions, from first to last.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sessions {
    pub(crate) started: u64,
    /// Not idle for longer than a session lives when the log ends.
    pub(crate) live: u64,
}

/// A row of a leaderboard.
#[derive(Debug, Serialize)]
pub(crate) struct Ranked {
    /// Bytes that are not UTF-8 are shown as U+FFFD.
    pub(crate) name: String,
    pub(crate) hits: u64,
}

/// What a run cost; unlike a [`Summary`] it differs from run to run.
#[derive(Debug)]
pub(crate) struct Cost {
    /// From the first line to the last.
    pub(crate) elapsed: Duration,
    /// The engine's memory in bytes at the end.
    pub(crate) memory: u64,
}

/// One line of JSON.
pub(crate) fn write_json(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    serde_json::to_writer(&mut *out, summary)?;
    writeln!(out)
}

/// Some lines for people; `source` names the log.
pub(crate) fn write_text(
    out: &mut impl Write,
    source: &str,
    summary: &Summary,
    cost: &Cost,
) -> io::Result<()> {
    let n = HumanCount;
    let Summary { limiter, cache, sessions, .. } = summary;
    let lines = summary.requests + summary.malformed;
    writeln!(out, "{source}: {} lines in {:.2?}", n(lines), cost.elapsed)?;
    writeln!(out)?;
    let mut row = |name: &str, what: String| writeln!(out, "{name:<14} {what}");
    row("requests", format!("{}, and {} malformed", n(summary.requests), n(summary.malformed)))?;
    row("clients", n(summary.unique_clients).to_string())?;
    row("rate limiter", format!("{} allowed, {} refused", n(limiter.allowed), n(limiter.refused)))?;
    row(
        "sessions",
        format!("{} started, {} live at the end", n(sessions.started), n(sessions.live)),
    )?;
    let share = percent(cache.hits, cache.hits + cache.misses);
    row("page cache", format!("{} hits, {} misses ({share})", n(cache.hits), n(cache.misses)))?;
    let status: Vec<_> =
        summary.status.iter().map(|(code, &times)| format!("{code}: {}", n(times))).collect();
    row("status", status.join(", "))?;
    row("alerts", n(summary.alerts).to_string())?;
    write_board(out, "pages", &summary.top_pages)?;
    write_board(out, "clients", &summary.top_clients)?;
    let rate = summary.requests as f64 / cost.elapsed.as_secs_f64().max(1e-9);
    writeln!(out, "\n{} requests/s; the engine holds {}", n(rate as u64), HumanBytes(cost.memory))
}

fn write_board(out: &mut impl Write, what: &str, board: &[Ranked]) -> io::Result<()> {
    if board.is_empty() {
        return Ok(());
    }
    writeln!(out, "\ntop {what}")?;
    for Ranked { name, hits } in board {
        // A name may hold anything, and a terminal obeys some of it.
        let shown: String = name.chars().flat_map(printable).collect();
        writeln!(out, "{:>9}  {shown}", HumanCount(*hits).to_string())?;
    }
    Ok(())
}

/// The character, or its escape if a terminal would act on it.
fn printable(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control().then(|| c.escape_default());
    let plain = escape.is_none().then_some(c);
    escape.into_iter().flatten().chain(plain)
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "no look-ups".to_owned();
    }
    format!("{:.1} % hits", part as f64 * 100.0 / whole as f64)
}
