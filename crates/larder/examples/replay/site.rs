//! The web application.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::access::{Request, Status};
use crate::report::{Cache, Limiter, Ranked, Sessions, Summary};

#[derive(Debug, Default)]
pub(crate) struct Site {
    now: i64,
    clients: HashSet<Vec<u8>>,
    admitted: HashMap<Vec<u8>, VecDeque<i64>>,
    sessions: HashMap<(Vec<u8>, Vec<u8>), i64>,
    cache: HashMap<Vec<u8>, i64>,
    pages: HashMap<Vec<u8>, u64>,
    top: HashMap<Vec<u8>, u64>,
    status: BTreeMap<String, u64>,
    counts: Summary,
}

impl Site {
    pub(crate) fn open(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    pub(crate) fn visit(&mut self, request: &Request<'_>) {
        self.now = self.now.max(request.time_s);
        let now = self.now;
        self.counts.requests += 1;
        self.clients.insert(request.client.to_vec());
        let window = self.admitted.entry(request.client.to_vec()).or_default();
        window.retain(|&s| now - s < 60);
        if window.len() >= 30 {
            self.counts.limiter.refused += 1;
            return;
        }
        window.push_back(now);
        self.counts.limiter.allowed += 1;
        let session = (request.client.to_vec(), request.agent.to_vec());
        if self.sessions.insert(session, now).is_none_or(|last| now - last > 1800) {
            self.counts.sessions.started += 1;
        }
        *self.pages.entry(request.page.to_vec()).or_default() += 1;
        *self.top.entry(request.client.to_vec()).or_default() += 1;
        *self.status.entry(request.status.as_str().to_owned()).or_default() += 1;
        self.counts.alerts += u64::from(request.status.is_error());
        if request.method == b"GET" && request.status == Status::OK {
            if self.cache.get(request.page).is_some_and(|at| now - at <= 300) {
                self.counts.cache.hits += 1;
            } else {
                self.counts.cache.misses += 1;
                self.cache.insert(request.page.to_vec(), now);
            }
        }
    }

    pub(crate) fn memory(&self) -> u64 {
        0
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            requests: self.counts.requests,
            malformed: 0,
            unique_clients: self.clients.len() as u64,
            limiter: Limiter { ..self.counts.limiter },
            cache: Cache { ..self.counts.cache },
            sessions: Sessions {
                started: self.counts.sessions.started,
                live: self.sessions.values().filter(|&&s| self.now - s <= 1800).count() as u64,
            },
            status: self.status.clone(),
            top_pages: top(&self.pages),
            top_clients: top(&self.top),
            alerts: self.counts.alerts,
        }
    }
}

fn top(board: &HashMap<Vec<u8>, u64>) -> Vec<Ranked> {
    let mut rows: Vec<_> = board.iter().collect();
    rows.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let ranked = |(name, &hits): (&Vec<u8>, &u64)| Ranked {
        name: String::from_utf8_lossy(name).into_owned(),
        hits,
    };
    rows.into_iter().take(10).map(ranked).collect()
}
