//! Glob patterns over bytes, by Redis' rules.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any run of bytes, the empty one too |
//! | `?` | any one byte |
//! | `[abc]`, `[a-z]` | one byte of the class; `[z-a]` is `[a-z]` |
//! | `[^abc]` | one byte outside it |
//! | `\x` | the byte `x`, also inside a class |
//! | anything else | itself |
//!
//! What looks malformed has a meaning:
//!
//! - A class that never closes ends with the pattern: `[ab` is `[ab]`.
//! - `[]` matches nothing and `[^]` any byte: the first `]` closes, wherever it stands.
//! - `x-` takes whatever follows as the end of a range, a `]` or a `\` too.
//! - A `\` that ends the pattern stands for itself.
//! - Against the *empty* text only the empty pattern and `*` match; `**` does not.
//!
//! Ignoring case, the ends of a range are ordered first and lowered then, so `[Z-a]` is
//! empty; a byte escaped inside a class is compared exactly.
//!
//! Two things are not as in every Redis server. Ranges order bytes as unsigned numbers, where a
//! server built for a machine with signed characters puts 0x80 to 0xff below 0x00. And a
//! pattern may hold any number of stars, where a server gives up beyond a thousand.
//!
//! # Cost
//!
//! A match is O(pattern × text) at worst, without recursion or allocation: on a mismatch only
//! the *last* star passed needs to swallow one byte more, because whatever an earlier star
//! could still find, the last one finds too.

use std::borrow::Cow;

/// A pattern, borrowed or owned. Nothing is compiled: making one costs nothing.
///
/// ```
/// use larder_collections::glob::Glob;
///
/// let sessions = Glob::new(b"session:[0-9]*");
/// assert!(sessions.matches(b"session:42"));
/// assert!(!sessions.matches(b"session:x"));
/// assert_eq!(&*sessions.literal_prefix(), b"session:");
/// assert!(Glob::new(b"MAX*").ignore_ascii_case().matches(b"maxmemory"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob<'a> {
    pattern: Cow<'a, [u8]>,
    ignores_case: bool,
}

impl<'a> Glob<'a> {
    /// A pattern that borrows its bytes and minds case.
    pub fn new(pattern: &'a [u8]) -> Self {
        Self { pattern: Cow::Borrowed(pattern), ignores_case: false }
    }

    /// The same pattern, blind to the case of ASCII letters.
    #[must_use]
    pub fn ignore_ascii_case(self) -> Self {
        Self { ignores_case: true, ..self }
    }

    /// The same pattern, holding its own bytes.
    pub fn into_owned(self) -> Glob<'static> {
        Glob { pattern: Cow::Owned(self.pattern.into_owned()), ignores_case: self.ignores_case }
    }

    /// The pattern as it was given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.pattern
    }

    /// True when the pattern fits the whole `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        match self.ignores_case {
            false => run::<false>(&self.pattern, text),
            true => run::<true>(&self.pattern, text),
        }
    }

    /// The bytes, escapes resolved, that every matching text begins with; where case is ignored,
    /// up to case. Allocates only when there is an escape.
    pub fn literal_prefix(&self) -> Cow<'_, [u8]> {
        self.literals().0
    }

    /// The one text that matches (where case is ignored, up to case), or `None` when the pattern
    /// has a wildcard.
    pub fn literal(&self) -> Option<Cow<'_, [u8]>> {
        let (prefix, is_whole) = self.literals();
        is_whole.then_some(prefix)
    }

    /// The literal prefix, and whether it is the whole pattern.
    fn literals(&self) -> (Cow<'_, [u8]>, bool) {
        let pattern = &*self.pattern;
        let wild_or_escape = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
        let plain = pattern.iter().position(wild_or_escape).unwrap_or(pattern.len());
        if pattern.get(plain) != Some(&b'\\') {
            return (Cow::Borrowed(&pattern[..plain]), plain == pattern.len());
        }
        let mut prefix = pattern[..plain].to_vec();
        let mut rest = &pattern[plain..];
        loop {
            rest = match rest {
                [] => return (prefix.into(), true),
                [b'*' | b'?' | b'[', ..] => return (prefix.into(), false),
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                    prefix.push(*byte);
                    rest
                }
            }
        }
    }
}

/// True when `pattern` fits the whole `text`, minding case.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    run::<false>(pattern, text)
}

/// What is left to match after the last star: it is tried again one byte further each time.
struct Star<'p, 't> {
    pattern: &'p [u8],
    text: &'t [u8],
}

fn run<const FOLD: bool>(mut pattern: &[u8], mut text: &[u8]) -> bool {
    if text.is_empty() {
        return matches!(pattern, [] | [b'*']);
    }
    let mut star: Option<Star<'_, '_>> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            if rest.is_empty() {
                return true;
            }
            pattern = rest;
            star = Some(Star { pattern, text });
            continue;
        }
        let Some((&byte, rest)) = text.split_first() else {
            // What remains of the pattern wants a byte; a longer star would only leave fewer.
            return pattern.is_empty();
        };
        if let Some(after) = step::<FOLD>(pattern, byte) {
            (pattern, text) = (after, rest);
        } else if let Some(star) = &mut star {
            // The star's own text is not empty here: it holds `text`, which is not.
            star.text = &star.text[1..];
            (pattern, text) = (star.pattern, star.text);
        } else {
            return false;
        }
    }
}

/// Matches `byte` against what stands first in `pattern` (no star); the rest of the pattern, or
/// `None` when it does not fit.
fn step<const FOLD: bool>(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', b'^', class @ ..] => class_step::<FOLD>(class, byte, false),
        [b'[', class @ ..] => class_step::<FOLD>(class, byte, true),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => {
            (fold::<FOLD>(*literal) == fold::<FOLD>(byte)).then_some(rest)
        }
    }
}

/// Matches `byte` against a class whose opening is already behind; what follows the class, or
/// `None` unless "is in the class" equals `wanted`.
fn class_step<const FOLD: bool>(mut class: &[u8], byte: u8, wanted: bool) -> Option<&[u8]> {
    let folded = fold::<FOLD>(byte);
    let mut is_in = false;
    loop {
        // The order of the arms is the grammar: an escape before `]`, `]` before a range.
        class = match class {
            [] => return (is_in == wanted).then_some(class),
            [b'\\', literal, rest @ ..] => {
                is_in |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => return (is_in == wanted).then_some(rest),
            [start, b'-', end, rest @ ..] => {
                let (low, high) = (start.min(end), start.max(end));
                is_in |= (fold::<FOLD>(*low)..=fold::<FOLD>(*high)).contains(&folded);
                rest
            }
            [literal, rest @ ..] => {
                is_in |= fold::<FOLD>(*literal) == folded;
                rest
            }
        }
    }
}

fn fold<const FOLD: bool>(byte: u8) -> u8 {
    if FOLD { byte.to_ascii_lowercase() } else { byte }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn fits(pattern: &str, texts: &[&str]) {
        for text in texts {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} misses {text:?}");
        }
    }

    #[track_caller]
    fn misses(pattern: &str, texts: &[&str]) {
        for text in texts {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} fits {text:?}");
        }
    }

    /// The plainest reading of the rules: classes as sets, stars by recursion.
    fn model(pattern: &[u8], text: &[u8], fold: bool) -> bool {
        if text.is_empty() {
            return pattern.is_empty() || pattern == b"*";
        }
        here(pattern, text, fold)
    }

    fn here(pattern: &[u8], text: &[u8], fold: bool) -> bool {
        let Some(&first) = pattern.first() else { return text.is_empty() };
        if first == b'*' {
            return (0..=text.len()).any(|skip| here(&pattern[1..], &text[skip..], fold));
        }
        let (set, used) = match first {
            b'?' => ([true; 256], 1),
            b'[' => class(pattern, fold),
            b'\\' if pattern.len() > 1 => (only(pattern[1], fold), 2),
            byte => (only(byte, fold), 1),
        };
        !text.is_empty() && set[usize::from(text[0])] && here(&pattern[used..], &text[1..], fold)
    }

    fn only(byte: u8, fold: bool) -> [bool; 256] {
        std::array::from_fn(|b| b as u8 == byte || fold && (b as u8).eq_ignore_ascii_case(&byte))
    }

    /// The set of a class, and how many bytes of the pattern it takes.
    fn class(pattern: &[u8], fold: bool) -> ([bool; 256], usize) {
        let negated = pattern.get(1) == Some(&b'^');
        let mut at = if negated { 2 } else { 1 };
        let mut set = [false; 256];
        while at < pattern.len() && pattern[at] != b']' {
            if pattern[at] == b'\\' && at + 1 < pattern.len() {
                set[usize::from(pattern[at + 1])] = true;
                at += 2;
            } else if at + 2 < pattern.len() && pattern[at + 1] == b'-' {
                let mut ends = [pattern[at], pattern[at + 2]];
                ends.sort_unstable();
                for byte in 0..=255 {
                    let lower = |b: u8| if fold { b.to_ascii_lowercase() } else { b };
                    let within = lower(ends[0]) <= lower(byte) && lower(byte) <= lower(ends[1]);
                    set[usize::from(byte)] |= within;
                }
                at += 3;
            } else {
                let more = only(pattern[at], fold);
                (0..256).for_each(|b| set[b] |= more[b]);
                at += 1;
            }
        }
        (set.map(|is_in| is_in != negated), pattern.len().min(at + 1))
    }

    /// Bytes from an alphabet, so that patterns meet texts often.
    fn over(alphabet: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(alphabet), 0..=most)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn matching_agrees_with_the_plain_reading(
            pattern in over(b"**?[[]]^-\\aabbzA", 10),
            texts in prop::collection::vec(over(b"aabbzA]-\\^[", 6), 1..20),
        ) {
            for text in texts {
                prop_assert_eq!(matches(&pattern, &text), model(&pattern, &text, false));
                let blind = Glob::new(&pattern).ignore_ascii_case();
                prop_assert_eq!(blind.matches(&text), model(&pattern, &text, true));
            }
        }

        #[test]
        fn stars_agree_with_the_plain_reading(
            pattern in over(b"**ab?", 9),
            text in over(b"ab", 12),
        ) {
            prop_assert_eq!(matches(&pattern, &text), model(&pattern, &text, false));
        }

        #[test]
        fn a_text_that_matches_begins_with_the_literal_prefix(
            pattern in over(b"*?[]\\aab", 6),
            text in over(b"ab]\\", 5),
        ) {
            let glob = Glob::new(&pattern);
            if glob.matches(&text) {
                prop_assert!(text.starts_with(&glob.literal_prefix()));
            }
            if let Some(literal) = glob.literal() {
                prop_assert_eq!(glob.matches(&text), text == *literal);
            }
        }
    }

    #[test]
    fn a_star_takes_any_run() {
        fits("*", &["", "a", "any thing"]);
        fits("a*", &["a", "ab", "a*"]);
        fits("*a", &["a", "ba", "aaa"]);
        fits("a*b*c", &["abc", "a--b--c", "abcbc"]);
        fits("a**b", &["ab", "axxb"]);
        misses("a*b*c", &["acb", "ab", "abcd", "xabc"]);
    }

    #[test]
    fn the_empty_text_matches_nothing_but_the_empty_pattern_and_one_star() {
        fits("", &[""]);
        misses("", &["a"]);
        misses("**", &[""]);
        misses("?", &[""]);
        misses("[^a]", &[""]);
    }

    #[test]
    fn a_question_mark_takes_one_byte() {
        fits("h?llo", &["hello", "h?llo"]);
        misses("h?llo", &["hllo", "heello"]);
        // A byte, not a character.
        misses("?", &["é"]);
        fits("??", &["é"]);
    }

    #[test]
    fn a_class_takes_one_of_its_bytes() {
        fits("h[ae]llo", &["hello", "hallo"]);
        misses("h[ae]llo", &["hillo", "hllo", "haello"]);
        fits("[^ab]", &["c", "^"]);
        misses("[^ab]", &["a", "b", "cc"]);
        // A caret further on is a member.
        fits("[a^]", &["a", "^"]);
    }

    #[test]
    fn a_range_works_both_ways() {
        fits("[b-d]", &["b", "c", "d"]);
        misses("[b-d]", &["a", "e", "-"]);
        fits("[d-b]", &["b", "c", "d"]);
        fits("[^d-b]", &["a", "e"]);
        // Bytes above 0x7f order as unsigned numbers.
        assert!(matches(b"[a-\xff]", b"\x80"));
        assert!(!matches(b"[a-\xff]", b"A"));
    }

    #[test]
    fn a_hyphen_with_no_room_for_an_end_is_itself() {
        fits("[-a]", &["-", "a"]);
        fits("[a-", &["a", "-"]);
        // The bracket is the range's end here, and the class closes with the pattern.
        fits("[a-]", &["]", "^", "_", "`", "a"]);
        misses("[a-]", &["-", "b"]);
    }

    #[test]
    fn an_escape_takes_the_next_byte_as_it_is() {
        fits(r"\*", &["*"]);
        misses(r"\*", &["", "a", r"\*"]);
        fits(r"a\?b\[c\]\\", &[r"a?b[c]\"]);
        fits(r"\a", &["a"]);
        fits(r"[\]\-\\]", &["]", "-", r"\"]);
        misses(r"[\]\-\\]", &["a", "^"]);
        // An escaped byte starts no range; an end of one is not escaped.
        misses(r"[\a-c]", &["b"]);
        fits(r"[a-\]x", &[r"\x", "ax"]);
    }

    #[test]
    fn a_last_backslash_is_itself() {
        fits(r"a\", &[r"a\"]);
        fits(r"[\", &[r"\"]);
    }

    #[test]
    fn a_class_that_never_closes_ends_with_the_pattern() {
        fits("[ab", &["a", "b"]);
        fits("[^ab", &["c"]);
        fits("[^", &["a", "^"]);
        misses("[", &["[", "", "a"]);
        misses("[ab", &["c", "[ab", "ab"]);
    }

    #[test]
    fn an_empty_class_matches_nothing_and_its_inverse_anything() {
        misses("[]", &["", "]", "a"]);
        misses("[]a]", &["a", "]", "a]"]);
        fits("[^]", &["]", "a"]);
        fits("[^]a]", &["xa]"]);
    }

    #[test]
    fn case_is_ignored_on_request_for_ascii_letters_only() {
        let blind = |pattern: &str, text: &str| {
            Glob::new(pattern.as_bytes()).ignore_ascii_case().matches(text.as_bytes())
        };
        misses("a", &["A"]);
        assert!(blind("MaX*", "maXmemory"));
        assert!(blind("[abc]", "B") && blind("[A-C]", "b") && blind("[^a]", "B"));
        assert!(!blind("é", "É") && !blind("[`]", "@"));
        // Ordered before they are lowered: z to a, so nothing.
        assert!(!blind("[Z-a]", "z") && !blind("[Z-a]", "a"));
        assert!(blind(r"[\a]", "a") && !blind(r"[\a]", "A"));
    }

    #[test]
    fn stars_without_end_cost_no_more_than_pattern_times_text() {
        // Backtracking over every star would take longer than the universe has lasted.
        let mut pattern = b"a*".repeat(5_000);
        pattern.push(b'b');
        assert!(!matches(&pattern, &b"a".repeat(10_000)));
        assert!(matches(&b"a*".repeat(5_000), &b"a".repeat(5_000)));
        assert!(matches(&b"*".repeat(100_000), b"a"));
    }

    #[test]
    fn the_literal_prefix_ends_at_the_first_wildcard() {
        let prefix = |pattern: &str| {
            let glob = Glob::new(pattern.as_bytes());
            let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.into_owned()).unwrap();
            (text(glob.literal_prefix()), glob.literal().map(text))
        };
        let whole = |text: &str| (text.to_owned(), Some(text.to_owned()));
        let part = |text: &str| (text.to_owned(), None);
        assert_eq!(prefix("user:*"), part("user:"));
        assert_eq!(prefix("a?c"), part("a"));
        assert_eq!(prefix("[a]b"), part(""));
        assert_eq!(prefix("plain"), whole("plain"));
        assert_eq!(prefix(""), whole(""));
        assert_eq!(prefix(r"a\*b"), whole("a*b"));
        assert_eq!(prefix(r"a\*b*c"), part("a*b"));
        assert_eq!(prefix(r"end\"), whole(r"end\"));
    }

    #[test]
    fn an_owned_pattern_matches_alike() {
        let owned = {
            let short_lived = b"a[b-c]*".to_vec();
            Glob::new(&short_lived).ignore_ascii_case().into_owned()
        };
        assert!(owned.matches(b"ACdc"));
        assert_eq!(owned.as_bytes(), b"a[b-c]*");
    }
}
