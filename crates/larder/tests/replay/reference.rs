//! What a replay must find out, computed the plain way.
//!
//! The whole log is in memory, every rule is written down as it is told, with
//! std's collections, in seconds, and with no regard for speed. No line here is
//! shared with the example or with larder; the two have only the rules in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The example's JSON for this log.
pub(crate) fn replay(log: &[u8]) -> Value {
    let mut lines: Vec<&[u8]> = log.split(|&b| b == b'\n').collect();
    if lines.last().is_some_and(|behind_the_last| behind_the_last.is_empty()) {
        lines.pop();
    }
    let visits: Vec<Option<Visit>> = lines.into_iter().map(visit).collect();
    let malformed = visits.iter().filter(|visit| visit.is_none()).count();
    let mut day = Day::default();
    for visit in visits.into_iter().flatten() {
        day.take(visit);
    }
    day.result(malformed)
}

/// A well-formed line.
struct Visit {
    client: Vec<u8>,
    time: i64,
    method: Vec<u8>,
    page: Vec<u8>,
    status: u32,
    agent: Vec<u8>,
}

#[derive(Default)]
struct Day {
    clock: Option<i64>,
    requests: u64,
    refused: u64,
    hits: u64,
    misses: u64,
    started: u64,
    /// The times of all admitted requests, by client.
    admitted: BTreeMap<Vec<u8>, Vec<i64>>,
    clients: BTreeSet<Vec<u8>>,
    /// The last request of every (client, agent).
    sessions: BTreeMap<(Vec<u8>, Vec<u8>), i64>,
    /// When a page was loaded last.
    loaded: BTreeMap<Vec<u8>, i64>,
    page_hits: BTreeMap<Vec<u8>, u64>,
    status: BTreeMap<u32, u64>,
}

impl Day {
    fn take(&mut self, visit: Visit) {
        let now = self.clock.map_or(visit.time, |clock| clock.max(visit.time));
        self.clock = Some(now);
        self.requests += 1;
        self.clients.insert(visit.client.clone());

        let admitted = self.admitted.entry(visit.client.clone()).or_default();
        if admitted.iter().filter(|&&s| now - s < 60).count() >= 30 {
            self.refused += 1;
            return;
        }
        admitted.push(now);

        let last = self.sessions.insert((visit.client, visit.agent), now);
        let continues = last.is_some_and(|last| now - last <= 1800);
        self.started += u64::from(!continues);

        *self.page_hits.entry(visit.page.clone()).or_default() += 1;
        *self.status.entry(visit.status).or_default() += 1;

        if visit.method == b"GET" && visit.status == 200 {
            let loaded = self.loaded.get(&visit.page);
            if loaded.is_some_and(|loaded| now - loaded <= 300) {
                self.hits += 1;
            } else {
                self.misses += 1;
                self.loaded.insert(visit.page, now);
            }
        }
    }

    fn result(self, malformed: usize) -> Value {
        let end = self.clock.unwrap_or_default();
        let live = self.sessions.values().filter(|&&last| end - last <= 1800).count();
        let client_hits: BTreeMap<Vec<u8>, u64> =
            self.admitted.into_iter().map(|(client, at)| (client, at.len() as u64)).collect();
        let alerts: u64 = self.status.range(400..).map(|(_, times)| times).sum();
        let status: serde_json::Map<String, Value> =
            self.status.iter().map(|(code, times)| (format!("{code:03}"), json!(times))).collect();
        json!({
            "requests": self.requests,
            "malformed": malformed,
            "unique_clients": self.clients.len(),
            "limiter": {"allowed": self.requests - self.refused, "refused": self.refused},
            "cache": {"hits": self.hits, "misses": self.misses},
            "sessions": {"started": self.started, "live": live},
            "status": status,
            "top_pages": top_ten(&self.page_hits),
            "top_clients": top_ten(&client_hits),
            "alerts": alerts,
        })
    }
}

fn top_ten(hits: &BTreeMap<Vec<u8>, u64>) -> Vec<Value> {
    // By name already; a stable sort leaves ties so.
    let mut ranking: Vec<_> = hits.iter().collect();
    ranking.sort_by_key(|&(_, &hits)| std::cmp::Reverse(hits));
    ranking.truncate(10);
    let row = |(name, hits): (&Vec<u8>, &u64)| json!({"name": String::from_utf8_lossy(name), "hits": hits});
    ranking.into_iter().map(row).collect()
}

const WHITE: &[u8] = b" \t\n\r\x0b\x0c";

/// Reads a line by cutting it into pieces, or says that it is malformed.
fn visit(line: &[u8]) -> Option<Visit> {
    if line.len() > 65_536 {
        return None;
    }
    let [client, _ident, _user, rest] = pieces(line)?;
    let rest = rest.strip_prefix(b"[")?;
    let (date, rest) = (rest.get(..26)?, rest.get(26..)?.strip_prefix(b"] ")?);
    let (request, rest) = quoted(rest)?;
    let [status, _bytes, rest] = pieces(rest.strip_prefix(b" ")?)?;
    let (_referer, rest) = quoted(rest)?;
    let (agent, rest) = quoted(rest.strip_prefix(b" ")?)?;
    let words: Vec<&[u8]> = request.split(|b| WHITE.contains(b)).collect();
    let fine = rest.iter().all(|b| WHITE.contains(b))
        && matches!(words.len(), 2 | 3)
        && words.iter().all(|word| !word.is_empty())
        && request.iter().filter(|&&b| b == b' ').count() + 1 == words.len();
    if !fine {
        return None;
    }
    Some(Visit {
        client: client.to_vec(),
        time: seconds(std::str::from_utf8(date).ok()?)?,
        method: words[0].to_vec(),
        page: words[1].split(|&b| b == b'?').next()?.to_vec(),
        status: number(std::str::from_utf8(status).ok()?, 3)?.try_into().ok()?,
        agent: agent.to_vec(),
    })
}

/// Cuts at the first N - 1 spaces; all pieces but the last must be fields.
fn pieces<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let pieces: Vec<&[u8]> = line.splitn(N, |&b| b == b' ').collect();
    let is_field = |piece: &&[u8]| !piece.is_empty() && !piece.iter().any(|b| WHITE.contains(b));
    let pieces: [&[u8]; N] = pieces.try_into().ok()?;
    pieces[..N - 1].iter().all(is_field).then_some(pieces)
}

/// Cuts behind the second quote that no backslash escapes.
fn quoted(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = line.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = inner.iter().position(|&b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// Seconds since 1970 of `17/May/2015:10:05:03 +0000`.
fn seconds(date: &str) -> Option<i64> {
    let (local, zone) = date.split_once(' ')?;
    let (calendar, clock) = local.split_once(':')?;
    let [day, month, year] = calendar.split('/').collect::<Vec<_>>().try_into().ok()?;
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>().try_into().ok()?;
    let (day, year) = (number(day, 2)?, number(year, 4)?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = number(zone.strip_prefix(['+', '-'])?, 4)?;
    let month =
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(' ').position(|m| m == month)?;
    let exists = year > 0
        && (1..=month_lengths(year)[month]).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && zone / 100 < 24
        && zone % 100 < 60;
    let days = days_before(year) - days_before(1970)
        + month_lengths(year)[..month].iter().sum::<i64>()
        + (day - 1);
    let east = sign * (zone / 100 * 3600 + zone % 100 * 60);
    exists.then_some(days * 86_400 + hour * 3600 + minute * 60 + second - east)
}

/// A number of exactly so many digits.
fn number(digits: &str, width: usize) -> Option<i64> {
    let plain = digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

fn month_lengths(year: i64) -> [i64; 12] {
    [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}
