//! The web application: what it keeps in larder, and what a request does to it.
//!
//! ```text
//! namespace  key               value
//! site       requests, alerts, allowed, refused, started, hits, misses: counters
//!            clients           sorted set, all scores 0: who ever came
//!            top pages         sorted set: hits by page
//!            top clients       sorted set: admitted requests by client
//! status     200, 404, ...     counters
//! limiter    CLIENT            sorted set: its admitted requests, by their second   60 s
//! sessions   CLIENT AGENT      string: the page seen last                         1800 s
//! pages      PAGE              string: the page as it was loaded                   300 s
//! ```
//!
//! The last column is the time to live: after the last change, for pages after
//! the load. A key that lives d seconds is there up to and including d seconds
//! later, which is just what "at most d seconds ago" means.
//!
//! # Time
//!
//! The engine's clock is turned by hand, to the time of each request that is
//! later than all before. Turning it reclaims on the way whatever has expired,
//! so the number of sessions that live is the number of keys.
//!
//! The engine's clock begins in 1970 and ends in 2554; a log may tell any year from
//! 1 to 9999. So a log from before 1970 begins there, and a gap of over a year is
//! taken as a year, past the year 2200 a gap of over an hour as an hour. The site
//! remembers nothing for that long, so it cannot tell the difference.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Bound;
use std::time::Duration;

use larder::{Blob, Expiry, Larder, ManualClock, Namespace, SetOptions, Span, Time};

use crate::access::{Request, Status};
use crate::report::{Cache, Limiter, Ranked, Sessions, Summary};

/// Requests that a client may have admitted within [`WINDOW`].
const LIMIT: usize = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// How long a session lives after its last request.
const SESSION: Duration = Duration::from_secs(1800);
/// How long a page is good after it was loaded.
const FRESH: Duration = Duration::from_secs(300);

/// The year 2200 in seconds since 1970: from here on the engine's clock is sparing.
const LATE_S: u64 = 7_258_118_400;
/// The longest gap that the engine's clock makes before [`LATE_S`], and after.
const LONGEST_GAPS_S: [u64; 2] = [366 * 86_400, 3_600];

/// The application and its data.
#[derive(Debug)]
pub(crate) struct Site {
    larder: Larder,
    clock: ManualClock,
    /// The log's time in seconds since 1970: the latest of all requests so far.
    now_s: i64,
    site: Namespace,
    status: Namespace,
    limiter: Namespace,
    sessions: Namespace,
    pages: Namespace,
}

impl Site {
    /// Opens for business at `now_s`, in seconds since 1970.
    pub(crate) fn open(now_s: i64) -> larder::Result<Self> {
        let begin_s = u64::try_from(now_s).unwrap_or(0).min(LATE_S);
        let clock = ManualClock::starting_at(Time::from_millis(begin_s * 1000));
        let larder = Larder::builder().manual_clock(&clock).open();
        Ok(Self {
            clock,
            now_s,
            site: larder.namespace("site")?,
            status: larder.namespace("status")?,
            limiter: larder.namespace("limiter")?,
            sessions: larder.namespace("sessions")?,
            pages: larder.namespace("pages")?,
            larder,
        })
    }

    /// Serves one request.
    pub(crate) fn serve(&mut self, request: &Request<'_>) -> Result<(), Box<dyn Error>> {
        self.turn_clock(request.time_s)?;
        let number = self.site.counters().add("requests", 1)?;
        self.site.sorted_sets().add("clients", request.client, 0.0)?;
        if !self.admit(request.client, number)? {
            self.count("refused")?;
            return Ok(());
        }
        self.count("allowed")?;
        self.enter_session(request)?;
        self.site.sorted_sets().increment("top pages", request.page, 1.0)?;
        self.site.sorted_sets().increment("top clients", request.client, 1.0)?;
        self.status.counters().add(request.status.as_str(), 1)?;
        if request.status.is_error() {
            self.count("alerts")?;
        }
        if request.method == b"GET" && request.status == Status::OK {
            self.look_up(request.page)?;
        }
        Ok(())
    }

    /// Moves the time on to `time_s`, unless it is later already.
    fn turn_clock(&mut self, time_s: i64) -> Result<(), larder::TurnError> {
        let gap_s = u64::try_from(time_s - self.now_s).unwrap_or(0);
        if gap_s > 0 {
            let is_late = self.clock.now() >= Time::from_millis(LATE_S * 1000);
            let longest_s = LONGEST_GAPS_S[usize::from(is_late)];
            self.clock.advance(Duration::from_secs(gap_s.min(longest_s)))?;
            self.now_s = time_s;
        }
        Ok(())
    }

    /// An exact sliding window: a client's admissions are a sorted set by time.
    fn admit(&self, client: &[u8], number: i64) -> larder::Result<bool> {
        let now_s = self.now_s as f64;
        let over = Span::scores(..=now_s - WINDOW.as_secs_f64());
        self.larder.transaction(|txn| {
            let mut windows = txn.sorted_sets(&self.limiter);
            windows.remove_range(client, &over)?;
            if windows.len(client)? >= LIMIT {
                return Ok(false);
            }
            windows.add(client, number.to_be_bytes(), now_s)?;
            txn.keys(&self.limiter).expire(client, WINDOW)?;
            Ok(true)
        })
    }

    /// Goes on with the session of this client and agent, or starts one. It remembers the page.
    fn enter_session(&self, request: &Request<'_>) -> larder::Result<()> {
        // A client holds no space, so no two pairs share a key.
        let key = [request.client, b" ", request.agent].concat();
        let options = SetOptions::new().expiry(Expiry::In(SESSION));
        let (_, last_page) = self.sessions.strings().swap(key, request.page, options)?;
        if last_page.is_none() {
            self.count("started")?;
        }
        Ok(())
    }

    /// Serves a page out of the cache, or loads it.
    fn look_up(&self, page: &[u8]) -> larder::Result<()> {
        if self.pages.strings().get(page)?.is_some() {
            self.count("hits")
        } else {
            self.pages.strings().set_for(page, load(page), FRESH)?;
            self.count("misses")
        }
    }

    fn count(&self, what: &str) -> larder::Result<()> {
        self.site.counters().add(what, 1).map(drop)
    }

    /// The result so far.
    pub(crate) fn summary(&self) -> larder::Result<Summary> {
        let counted = |what: &str| self.site.counters().value(what).map(i64::unsigned_abs);
        let mut status = BTreeMap::new();
        for code in self.status.keys().matching("*")? {
            let times = self.status.counters().value(&code)?.unsigned_abs();
            status.insert(String::from_utf8_lossy(&code).into_owned(), times);
        }
        Ok(Summary {
            requests: counted("requests")?,
            malformed: 0,
            unique_clients: self.site.sorted_sets().len("clients")? as u64,
            limiter: Limiter { allowed: counted("allowed")?, refused: counted("refused")? },
            cache: Cache { hits: counted("hits")?, misses: counted("misses")? },
            sessions: Sessions { started: counted("started")?, live: self.sessions.len() as u64 },
            status,
            top_pages: self.top_ten("top pages")?,
            top_clients: self.top_ten("top clients")?,
            alerts: counted("alerts")?,
        })
    }

    /// The best ten of a board, those with as many hits by name.
    ///
    /// A sorted set has ties by name too, but from the top the other way round. And there may be
    /// any number of ties, so they are not all read: O(log n).
    fn top_ten(&self, board: &str) -> larder::Result<Vec<Ranked>> {
        let mut boards = self.site.sorted_sets();
        let tenth = boards.range(board, &Span::ranks(9, 9).reversed())?;
        let rows = match tenth.first() {
            None => boards.range(board, &Span::all())?,
            Some(&(_, hits)) => {
                let above = Span::scores((Bound::Excluded(hits), Bound::Unbounded));
                let mut rows = boards.range(board, &above)?;
                let tied = Span::scores(hits..=hits).limit(0, 10 - rows.len());
                rows.extend(boards.range(board, &tied)?);
                rows
            }
        };
        let mut rows: Vec<_> = rows.into_iter().map(|(name, hits)| (hits as u64, name)).collect();
        rows.sort_by(|a, b| Reverse(a.0).cmp(&Reverse(b.0)).then_with(|| a.1.cmp(&b.1)));
        let ranked = |(hits, name): (u64, Blob)| Ranked {
            name: String::from_utf8_lossy(&name).into_owned(),
            hits,
        };
        Ok(rows.into_iter().map(ranked).collect())
    }

    /// What the engine is charged for its data, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.larder.stats().namespaces.iter().map(|namespace| namespace.bytes).sum()
    }
}

/// Stands for the slow part of a web application.
fn load(page: &[u8]) -> Vec<u8> {
    [b"<!doctype html><title>", page, b"</title>"].concat()
}
