//! The built-in log: what a middling web site writes in half a day, made up.
//!
//! 200,000 requests and some broken lines, the same bytes on every run: the seed
//! is fixed, and all arithmetic is on integers. Pages and clients are drawn from
//! Zipf distributions, the n-th most popular one n times less often than the
//! first. Now and then a client fires a burst faster than a limiter allows. As
//! in real logs, a line carries the time at which its request *began* and is
//! written when it ends, so times step back by seconds.
//!
//! [`Log`] is a reader of bytes, so the built-in log takes the same way through
//! the replay as a file does. Nothing of it is kept: memory is one line and the
//! two distributions.

use std::io::{self, Read, Write as _};

use fastrand::Rng;
use jiff::Timestamp;

/// Well-formed lines in the log.
pub(crate) const REQUESTS: u32 = 200_000;

const SEED: u64 = 0x1a2d_e700;
/// 4 January 2016, 06:00 UTC.
const START_S: i64 = 1_451_887_200;
const PAGES: u32 = 4_000;
const CLIENTS: u32 = 20_000;
/// One request in so many begins a burst.
const BURST_EVERY: u32 = 2_500;
/// One line in so many is followed by a broken one.
const BROKEN_EVERY: u32 = 4_000;

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:43.0) Gecko/20100101 Firefox/43.0",
    "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 Chrome/47.0.2526.106 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 9_2 like Mac OS X) AppleWebKit/601.1.46 Mobile/13C75",
    "ExampleBot/2.1 (+http://bot.example/about)",
    "curl/7.46.0",
    r#"Reader \"night\" edition"#,
];

/// The log, as a reader.
#[derive(Debug)]
pub(crate) struct Log {
    rng: Rng,
    pages: Zipf,
    clients: Zipf,
    now_s: i64,
    written: u32,
    burst: Option<Burst>,
    line: Vec<u8>,
    /// How much of `line` was read.
    taken: usize,
}

/// A client in a hurry.
#[derive(Clone, Copy, Debug)]
struct Burst {
    client: u32,
    left: u32,
}

impl Log {
    /// The whole log, from its start.
    pub(crate) fn new() -> Self {
        Self {
            rng: Rng::with_seed(SEED),
            pages: Zipf::new(PAGES),
            clients: Zipf::new(CLIENTS),
            now_s: START_S,
            written: 0,
            burst: None,
            line: Vec::new(),
            taken: 0,
        }
    }

    /// Writes the next line into `line`, and now and then a broken one behind it.
    fn write_line(&mut self) {
        self.line.clear();
        self.taken = 0;
        if self.written == REQUESTS {
            return;
        }
        self.written += 1;
        let client = self.next_client();
        self.write_request(client);
        if self.rng.u32(..BROKEN_EVERY) == 0 {
            self.write_broken();
        }
    }

    /// Moves the time on and says who comes.
    fn next_client(&mut self) -> u32 {
        if let Some(burst) = self.burst {
            self.burst = (burst.left > 1).then_some(Burst { left: burst.left - 1, ..burst });
            self.now_s += i64::from(self.rng.u32(..4) == 0);
            return burst.client;
        }
        // 0.23 s from one request to the next: half a day in all.
        self.now_s += i64::from(self.rng.u32(..100) < 23);
        let client = self.clients.draw(&mut self.rng);
        if self.rng.u32(..BURST_EVERY) == 0 {
            self.burst = Some(Burst { client, left: self.rng.u32(20..120) });
        }
        client
    }

    fn write_request(&mut self, client: u32) {
        let rng = &mut self.rng;
        let page = self.pages.draw(rng);
        let began_s = self.now_s - i64::from(rng.u32(..3) * rng.u32(..3));
        let method = match rng.u32(..100) {
            0..94 => "GET",
            94..98 => "POST",
            _ => "HEAD",
        };
        let (status, bytes) = match rng.u32(..1000) {
            0..860 => (200, 300 + u64::from(page) * 7 + rng.u64(..64)),
            860..950 => (304, 0),
            950..995 => (404, 209),
            _ => (500, 177),
        };
        let query =
            if rng.u32(..10) == 0 { format!("?page={}", rng.u32(1..9)) } else { String::new() };
        // Most clients have one agent; one in eight has two.
        let shift = if client.is_multiple_of(8) { rng.u32(..2) } else { 0 };
        let agent = AGENTS[(client + shift) as usize % AGENTS.len()];
        let (address, date, page) = (Address(client), Date(began_s), Page(page));
        let line = &mut self.line;
        writeln!(
            line,
            "{address} - - [{date}] \"{method} {page}{query} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\""
        )
        .expect("writing into memory succeeds");
    }

    /// One of the ways in which a line can be broken.
    fn write_broken(&mut self) {
        let date = Date(self.now_s);
        let line = &mut self.line;
        match self.rng.u32(..5) {
            // The server's disk was full.
            0 => writeln!(line, "10.9.9.9 - - [{date}] \"GET /"),
            // Somebody speaks TLS to a plain port.
            1 => writeln!(line, "10.9.9.9 - - [{date}] \"\\x16\\x03\\x01\" 400 226 \"-\" \"-\""),
            2 => writeln!(
                line,
                "10.9.9.9 - - [31/Feb/2016:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\""
            ),
            3 => writeln!(line),
            _ => line.write_all(b"\0\xff\xfe\x80 not text\n"),
        }
        .expect("writing into memory succeeds");
    }
}

impl Read for Log {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.line.len() {
            self.write_line();
        }
        let read = (&self.line[self.taken..]).read(out)?;
        self.taken += read;
        Ok(read)
    }
}

/// Draws numbers below a bound, n with a weight of 1 / (n + 1).
#[derive(Debug)]
struct Zipf {
    /// `ends[n]`: the sum of the weights of all numbers up to n.
    ends: Vec<u64>,
}

impl Zipf {
    fn new(bound: u32) -> Self {
        let mut end = 0;
        let weights = (1..=u64::from(bound)).map(|rank| (1 << 40) / rank);
        let ends = weights.map(|weight| {
            end += weight;
            end
        });
        Self { ends: ends.collect() }
    }

    fn draw(&self, rng: &mut Rng) -> u32 {
        let total = *self.ends.last().expect("the bound is positive");
        let at = rng.u64(..total);
        self.ends.partition_point(|&end| end <= at) as u32
    }
}

/// A client's address: popular ones are spread over the network.
struct Address(u32);

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An odd factor maps 24-bit numbers one to one, and only 0 to 0.
        let [_, b, c, d] = ((self.0 + 1).wrapping_mul(0x9e_3779) & 0xff_ffff).to_be_bytes();
        write!(f, "10.{b}.{c}.{d}")
    }
}

/// A page's path.
struct Page(u32);

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("/"),
            n if n % 5 == 1 => write!(f, "/static/{n}.css"),
            n => write!(f, "/articles/{}/{n}", 2010 + n % 6),
        }
    }
}

/// A time as Apache writes it.
struct Date(i64);

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Timestamp::from_second(self.0).expect("the log stays in this century");
        time.strftime("%d/%b/%Y:%H:%M:%S +0000").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zipf_draw_is_rarer_the_greater_it_is() {
        let zipf = Zipf::new(100);
        let mut rng = Rng::with_seed(1);
        let mut drawn = [0u32; 100];
        for _ in 0..100_000 {
            drawn[zipf.draw(&mut rng) as usize] += 1;
        }
        // 1 / (n * H(100)): 19,277 of the first, half as many of the second.
        assert!((18_500..20_000).contains(&drawn[0]), "{}", drawn[0]);
        assert!((9_200..10_100).contains(&drawn[1]), "{}", drawn[1]);
        assert!(drawn.iter().all(|&times| times > 100));
    }

    #[test]
    fn any_size_of_reads_gives_the_same_bytes() {
        let mut whole = vec![0; 10_000];
        Log::new().read_exact(&mut whole).unwrap();
        let mut log = Log::new();
        let mut pieces = Vec::new();
        for size in (1..200).cycle() {
            let mut piece = vec![0; size];
            let read = log.read(&mut piece).unwrap();
            pieces.extend_from_slice(&piece[..read]);
            if pieces.len() >= whole.len() {
                break;
            }
        }
        assert_eq!(pieces[..whole.len()], whole);
    }
}
