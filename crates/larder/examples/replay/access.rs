//! One line of a web server's access log, in Combined Log Format.
//!
//! ```text
//! CLIENT IDENT USER [17/May/2015:10:05:03 +0000] "REQUEST" STATUS BYTES "REFERER" "AGENT"
//! ```
//!
//! One space stands between two fields. An unquoted field is one byte or more
//! without white space. In quotes a backslash takes the next byte with it, and
//! both are kept as written. REQUEST is two or three words with one space
//! between them: method, target, and mostly a protocol. Behind the last quote
//! only white space may follow, such as the `\r` of a `\r\n`.
//!
//! A line is bytes, not text: nothing here asks for UTF-8. White space means
//! ASCII's six: space, `\t`, `\n`, `\r`, vertical tab, form feed.
//!
//! # Dates
//!
//! Two digits, a month as Apache writes it (`May`, not `may`), four digits, a
//! time of day, an offset; each has its full width. The date must exist in the
//! calendar and the time of day on a clock face: `31/Apr`, `24:00:00` and a
//! leap second's `:60` do not. An offset goes up to `+2359` and is taken off, so
//! that times are seconds since 1970 in UTC. There is no year 0000.
//!
//! # Cost
//!
//! One pass, no allocation; a [`Request`] borrows from its line.

use std::fmt;

use jiff::civil;

/// What the replay asks of a well-formed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// Who asked: an address or a host's name.
    pub(crate) client: &'a [u8],
    /// When, in seconds since 1970 in UTC.
    pub(crate) time_s: i64,
    /// `GET`, mostly.
    pub(crate) method: &'a [u8],
    /// The target up to its query.
    pub(crate) page: &'a [u8],
    /// Three digits.
    pub(crate) status: Status,
    /// The browser's name for itself, escapes as written.
    pub(crate) agent: &'a [u8],
}

/// A status code: three digits, `000` to `999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Status([u8; 3]);

impl Status {
    /// 200.
    pub(crate) const OK: Self = Self(*b"200");

    /// As written.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a status is made of digits")
    }

    /// True from 400 on.
    pub(crate) fn is_error(self) -> bool {
        self.0 >= *b"400"
    }
}

/// A field of the line, by its name in the picture above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Client,
    Ident,
    User,
    Date,
    Request,
    Status,
    Bytes,
    Referer,
    Agent,
}

/// Why a line is not well formed: the first thing that is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The line is longer than a reader holds.
    TooLong {
        /// The longest line that is read, in bytes.
        limit: usize,
    },
    /// The field is empty, or the line ends before it.
    Missing(Field),
    /// The field holds white space.
    WhiteSpace(Field),
    /// The line ends with the field, or something but a space follows it.
    NoSpaceAfter(Field),
    /// The field does not begin with its bracket or quote.
    NotOpened(Field),
    /// The field's closing quote is missing.
    NotClosed(Field),
    /// The date is not written as `[17/May/2015:10:05:03 +0000]`.
    DateShape,
    /// The date is well written, but no calendar or clock shows it.
    NoSuchDate,
    /// The request is not two or three words with one space between.
    NotWords,
    /// The status is not three digits.
    NotStatus,
    /// Something but white space follows the last field.
    Trailing,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "CLIENT",
            Self::Ident => "IDENT",
            Self::User => "USER",
            Self::Date => "the date",
            Self::Request => "REQUEST",
            Self::Status => "STATUS",
            Self::Bytes => "BYTES",
            Self::Referer => "REFERER",
            Self::Agent => "AGENT",
        })
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "longer than {limit} bytes"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::WhiteSpace(field) => write!(f, "{field} holds white space"),
            Self::NoSpaceAfter(field) => write!(f, "no single space after {field}"),
            Self::NotOpened(field) => write!(f, "{field} does not begin with its bracket or quote"),
            Self::NotClosed(field) => write!(f, "{field} has no closing quote"),
            Self::DateShape => {
                f.write_str("the date is not of the form 17/May/2015:10:05:03 +0000")
            }
            Self::NoSuchDate => f.write_str("the date does not exist"),
            Self::NotWords => f.write_str("REQUEST is not two or three words, one space between"),
            Self::NotStatus => f.write_str("STATUS is not three digits"),
            Self::Trailing => f.write_str("something follows AGENT"),
        }
    }
}

/// Reads one line, without its newline.
pub(crate) fn parse(line: &[u8]) -> Result<Request<'_>, Malformed> {
    let mut cursor = Cursor { rest: line };
    let client = cursor.word(Field::Client)?;
    cursor.word(Field::Ident)?;
    cursor.word(Field::User)?;
    let time_s = cursor.date()?;
    let (method, target) = method_and_target(cursor.quoted(Field::Request)?)?;
    cursor.space_after(Field::Request)?;
    let status = status(cursor.word(Field::Status)?)?;
    cursor.word(Field::Bytes)?;
    cursor.quoted(Field::Referer)?;
    cursor.space_after(Field::Referer)?;
    let agent = cursor.quoted(Field::Agent)?;
    if !cursor.rest.iter().copied().all(is_space) {
        return Err(Malformed::Trailing);
    }
    Ok(Request { client, time_s, method, page: without_query(target), status, agent })
}

/// The part of the line that is not read yet.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// An unquoted field and the space behind it.
    fn word(&mut self, field: Field) -> Result<&'a [u8], Malformed> {
        let end = self.rest.iter().position(|&b| b == b' ').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.is_empty() {
            return Err(Malformed::Missing(field));
        }
        if word.iter().copied().any(is_space) {
            return Err(Malformed::WhiteSpace(field));
        }
        self.space_after(field)?;
        Ok(word)
    }

    /// What stands between two quotes; the second one is the first without a backslash.
    fn quoted(&mut self, field: Field) -> Result<&'a [u8], Malformed> {
        let inner = match self.rest {
            [b'"', inner @ ..] => inner,
            [] => return Err(Malformed::Missing(field)),
            _ => return Err(Malformed::NotOpened(field)),
        };
        let mut at = 0;
        loop {
            match inner.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(Malformed::NotClosed(field)),
            }
        }
        self.rest = &inner[at + 1..];
        Ok(&inner[..at])
    }

    /// The date in its brackets and the space behind them, as seconds since 1970 in UTC.
    fn date(&mut self) -> Result<i64, Malformed> {
        let inner = match self.rest {
            [b'[', inner @ ..] => inner,
            [] => return Err(Malformed::Missing(Field::Date)),
            _ => return Err(Malformed::NotOpened(Field::Date)),
        };
        let (date, rest) = inner.split_first_chunk().ok_or(Malformed::DateShape)?;
        self.rest = rest.strip_prefix(b"]").ok_or(Malformed::DateShape)?;
        self.space_after(Field::Date)?;
        let Some(written) = Written::read(date) else { return Err(Malformed::DateShape) };
        written.unix_s().ok_or(Malformed::NoSuchDate)
    }

    fn space_after(&mut self, field: Field) -> Result<(), Malformed> {
        self.rest = self.rest.strip_prefix(b" ").ok_or(Malformed::NoSpaceAfter(field))?;
        Ok(())
    }
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// The bytes of `17/May/2015:10:05:03 +0000`.
const DATE_BYTES: usize = 26;

/// A date as it is written, which need not exist.
struct Written {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    offset: OffsetWritten,
}

struct OffsetWritten {
    is_west: bool,
    hours: i8,
    minutes: i8,
}

impl Written {
    fn read(date: &[u8; DATE_BYTES]) -> Option<Self> {
        // Every separator is in its place, so what is left are numbers of two digits.
        for (at, expected) in [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')]
        {
            if date[at] != expected {
                return None;
            }
        }
        let month = MONTHS.iter().position(|&name| date[3..6] == *name)?;
        let is_west = match date[21] {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        Some(Self {
            year: i16::from(two_digits(date, 7)?) * 100 + i16::from(two_digits(date, 9)?),
            month: i8::try_from(month + 1).expect("there are twelve months"),
            day: two_digits(date, 0)?,
            hour: two_digits(date, 12)?,
            minute: two_digits(date, 15)?,
            second: two_digits(date, 18)?,
            offset: OffsetWritten {
                is_west,
                hours: two_digits(date, 22)?,
                minutes: two_digits(date, 24)?,
            },
        })
    }

    /// Seconds since 1970 in UTC, if the date exists.
    fn unix_s(&self) -> Option<i64> {
        let OffsetWritten { is_west, hours, minutes } = self.offset;
        if self.year == 0 || hours > 23 || minutes > 59 {
            return None;
        }
        let Self { year, month, day, hour, minute, second, .. } = *self;
        let here = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let east_s = (i64::from(hours) * 60 + i64::from(minutes)) * 60;
        // Not as a `Timestamp`, which leaves out the last hours of the year 9999.
        let here_s = here.duration_since(civil::datetime(1970, 1, 1, 0, 0, 0, 0)).as_secs();
        Some(here_s - if is_west { -east_s } else { east_s })
    }
}

fn two_digits(date: &[u8; DATE_BYTES], at: usize) -> Option<i8> {
    let digit = |b: u8| b.is_ascii_digit().then(|| (b - b'0') as i8);
    Some(digit(date[at])? * 10 + digit(date[at + 1])?)
}

/// Checks that a request is two or three words; the third is of no interest.
fn method_and_target(request: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut words = request.split(|&b| b == b' ');
    let (Some(method), Some(target), protocol, None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed::NotWords);
    };
    let is_word = |word: &[u8]| !word.is_empty() && !word.iter().copied().any(is_space);
    if is_word(method) && is_word(target) && protocol.is_none_or(is_word) {
        Ok((method, target))
    } else {
        Err(Malformed::NotWords)
    }
}

fn status(word: &[u8]) -> Result<Status, Malformed> {
    let digits: [u8; 3] = word.try_into().map_err(|_| Malformed::NotStatus)?;
    if digits.iter().all(u8::is_ascii_digit) {
        Ok(Status(digits))
    } else {
        Err(Malformed::NotStatus)
    }
}

fn without_query(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|&b| b == b'?').unwrap_or(target.len());
    &target[..end]
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = concat!(
        r#"10.0.0.1 - frank [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" "#,
        r#"200 2326 "http://example.com/" "Agent/1.0 (X; Y)""#
    );

    fn reason(line: impl AsRef<[u8]>) -> Malformed {
        parse(line.as_ref()).unwrap_err()
    }

    /// The line with its first `from` replaced.
    fn with(from: &str, to: &str) -> String {
        assert!(LINE.contains(from));
        LINE.replacen(from, to, 1)
    }

    /// The time of a line with this date.
    fn time_of(date: &str) -> Result<i64, Malformed> {
        parse(with("17/May/2015:10:05:03 +0000", date).as_bytes()).map(|request| request.time_s)
    }

    #[test]
    fn a_well_formed_line_gives_its_fields() {
        let request = parse(LINE.as_bytes()).unwrap();
        let expected = Request {
            client: b"10.0.0.1",
            time_s: 1_431_857_103,
            method: b"GET",
            page: b"/a",
            status: Status::OK,
            agent: b"Agent/1.0 (X; Y)",
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn every_cut_of_a_line_is_malformed() {
        for end in 0..LINE.len() {
            assert!(parse(&LINE.as_bytes()[..end]).is_err(), "{end} bytes are enough");
        }
    }

    #[test]
    fn any_byte_for_any_other_never_panics() {
        for at in 0..LINE.len() {
            for byte in 0..=u8::MAX {
                let mut line = LINE.as_bytes().to_vec();
                line[at] = byte;
                let _ = parse(&line);
            }
        }
    }

    #[test]
    fn one_space_stands_between_fields() {
        assert_eq!(reason(with("10.0.0.1 - ", "10.0.0.1  - ")), Malformed::Missing(Field::Ident));
        assert_eq!(reason(with("- frank", "-\tfrank")), Malformed::WhiteSpace(Field::Ident));
        assert_eq!(reason(with("frank [", "frank  [")), Malformed::NotOpened(Field::Date));
        assert_eq!(reason(with("] \"", "]  \"")), Malformed::NotOpened(Field::Request));
        assert_eq!(reason(with("] \"", "]\"")), Malformed::NoSpaceAfter(Field::Date));
        assert_eq!(reason(with("1.1\" ", "1.1\"")), Malformed::NoSpaceAfter(Field::Request));
        assert_eq!(reason(with("1.1\" ", "1.1\"  ")), Malformed::Missing(Field::Status));
        assert_eq!(reason(with("200 ", "200  ")), Malformed::Missing(Field::Bytes));
        assert_eq!(reason(with("2326 ", "2326  ")), Malformed::NotOpened(Field::Referer));
        assert_eq!(reason(with("/\" \"", "/\"\"")), Malformed::NoSpaceAfter(Field::Referer));
        assert_eq!(reason(with("/\" \"", "/\"  \"")), Malformed::NotOpened(Field::Agent));
        assert_eq!(reason(format!(" {LINE}")), Malformed::Missing(Field::Client));
    }

    #[test]
    fn a_line_that_ends_early_says_where() {
        assert_eq!(reason(""), Malformed::Missing(Field::Client));
        assert_eq!(reason("10.0.0.1"), Malformed::NoSpaceAfter(Field::Client));
        assert_eq!(reason("10.0.0.1 - - "), Malformed::Missing(Field::Date));
        assert_eq!(reason("10.0.0.1 - - [17/May"), Malformed::DateShape);
        assert_eq!(reason(LINE.strip_suffix('"').unwrap()), Malformed::NotClosed(Field::Agent));
        assert_eq!(reason(with("Y)\"", "Y)\\\"")), Malformed::NotClosed(Field::Agent));
        assert_eq!(reason(with("Y)\"", "Y)\\")), Malformed::NotClosed(Field::Agent));
    }

    #[test]
    fn only_white_space_follows_the_last_quote() {
        for tail in ["\r", " ", " \t\r\x0b\x0c"] {
            assert!(parse(format!("{LINE}{tail}").as_bytes()).is_ok());
        }
        assert_eq!(reason(format!("{LINE} x")), Malformed::Trailing);
        assert_eq!(reason(format!("{LINE}\"")), Malformed::Trailing);
    }

    #[test]
    fn a_backslash_takes_the_next_byte_and_both_are_kept() {
        let line = with("Agent/1.0", r#"a \"quoted\" \\ name"#);
        assert_eq!(parse(line.as_bytes()).unwrap().agent, br#"a \"quoted\" \\ name (X; Y)"#);
        let line = with("/a?b=c", r#"/\"\x41"#);
        assert_eq!(parse(line.as_bytes()).unwrap().page, br#"/\"\x41"#);
        // An escaped backslash does not escape the quote behind it.
        assert!(parse(with("Y)\"", "Y)\\\\\"").as_bytes()).is_ok());
    }

    #[test]
    fn a_request_is_two_or_three_words() {
        let request = "GET /a?b=c HTTP/1.1";
        for fine in ["GET /", "a b c", "\\n / \\x16"] {
            assert!(parse(with(request, fine).as_bytes()).is_ok(), "{fine}");
        }
        for bad in
            ["", "-", "GET", "GET ", " GET /", "GET  /", "GET / ", "a b c d", "a b\tc", "a b  c"]
        {
            assert_eq!(reason(with(request, bad)), Malformed::NotWords, "{bad:?}");
        }
    }

    #[test]
    fn a_page_is_a_target_without_its_query() {
        for (target, page) in
            [("/?", "/"), ("/a?b?c", "/a"), ("?x", ""), ("*", "*"), ("/%3F", "/%3F")]
        {
            let line = with("/a?b=c", target);
            assert_eq!(parse(line.as_bytes()).unwrap().page, page.as_bytes());
        }
    }

    #[test]
    fn a_status_is_three_digits() {
        for fine in ["000", "999"] {
            assert_eq!(parse(with("200", fine).as_bytes()).unwrap().status.as_str(), fine);
        }
        for bad in ["20", "2000", "-", "2x0", "+20"] {
            assert_eq!(reason(with("200", bad)), Malformed::NotStatus);
        }
        let is_error = |status| parse(with("200", status).as_bytes()).unwrap().status.is_error();
        assert!(!is_error("399") && is_error("400") && is_error("503"));
    }

    #[test]
    fn unquoted_fields_are_not_checked_further() {
        assert!(parse(with("10.0.0.1 - frank", "\"a [b] \\").as_bytes()).is_ok());
        assert!(parse(with("2326", "-").as_bytes()).is_ok());
        let mut line = LINE.as_bytes().to_vec();
        line[0] = 0xff;
        assert_eq!(parse(&line).unwrap().client, b"\xff0.0.0.1");
    }

    #[test]
    fn an_offset_is_taken_off() {
        assert_eq!(time_of("01/Jan/1970:00:00:00 +0000"), Ok(0));
        assert_eq!(time_of("01/Jan/1970:02:00:00 +0200"), Ok(0));
        assert_eq!(time_of("31/Dec/1969:18:30:00 -0530"), Ok(0));
        assert_eq!(time_of("01/Jan/1970:00:00:00 -0000"), Ok(0));
        assert_eq!(time_of("01/Jan/1970:23:59:01 +2359"), Ok(1));
    }

    #[test]
    fn a_date_must_exist() {
        assert!(time_of("29/Feb/2016:23:59:59 +0000").is_ok());
        assert_eq!(time_of("31/Dec/1969:23:59:59 +0000"), Ok(-1));
        for no_such in [
            "29/Feb/2015:00:00:00 +0000",
            "31/Apr/2015:00:00:00 +0000",
            "00/May/2015:00:00:00 +0000",
            "17/May/2015:24:00:00 +0000",
            "17/May/2015:10:60:00 +0000",
            "30/Jun/2015:23:59:60 +0000",
            "17/May/0000:10:05:03 +0000",
            "17/May/2015:10:05:03 +2400",
            "17/May/2015:10:05:03 +0060",
        ] {
            assert_eq!(time_of(no_such), Err(Malformed::NoSuchDate), "{no_such}");
        }
    }

    #[test]
    fn a_date_has_one_form() {
        for bad in [
            "7/May/2015:10:05:03 +0000",
            "17/may/2015:10:05:03 +0000",
            "17/Mai/2015:10:05:03 +0000",
            "17-May-2015:10:05:03 +0000",
            "17/May/15:10:05:03 +0000",
            "17/May/2015 10:05:03 +0000",
            "17/May/2015:10:05:03 00000",
            "17/May/2015:10:05:03 +00:00",
            "17/May/2015:10:05:03 UTC",
            "17/May/2015:10:05:03",
            "+7/May/2015:10:05:03 +0000",
            " 17/May/2015:10:05:03 +0000",
            "",
        ] {
            assert_eq!(time_of(bad), Err(Malformed::DateShape), "{bad}");
        }
    }
}
