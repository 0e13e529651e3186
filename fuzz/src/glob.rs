//! Matching agrees with a reachability table: no star, class or escape makes it
//! differ, and no pattern makes it slow.

use larder_collections::glob::{Glob, matches};

/// See the module. The first byte splits the rest into pattern and text.
pub fn run(data: &[u8]) {
    let Some((&split, rest)) = data.split_first() else { return };
    let (pattern, text) = rest.split_at(usize::from(split) % (rest.len() + 1));
    // Against a random text hardly any pattern matches: also against a piece of itself.
    let echo: Vec<u8> =
        pattern.iter().copied().filter(|byte| !b"*?[]^-\\".contains(byte)).collect();
    for text in [text, &echo, &pattern[..pattern.len() / 2]] {
        let text = &text[..text.len().min(256)];
        let glob = Glob::new(pattern);
        assert_eq!(matches(pattern, text), model(pattern, text, false));
        assert_eq!(glob.matches(text), matches(pattern, text));
        if glob.matches(text) {
            assert!(text.starts_with(&glob.literal_prefix()));
        }
        if let Some(literal) = glob.literal() {
            assert_eq!(glob.matches(text), text == &*literal);
        }
        let blind = glob.ignore_ascii_case();
        assert_eq!(blind.matches(text), model(pattern, text, true));
    }
}

/// Which prefixes of the text the pattern read so far can match, an atom at a time.
fn model(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty() || pattern == b"*";
    }
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        if pattern[at] == b'*' {
            at += 1;
            let first = reached.iter().position(|&is| is).unwrap_or(reached.len());
            reached[first..].fill(true);
            continue;
        }
        let (set, used) = atom(&pattern[at..], fold);
        at += used;
        for end in (1..reached.len()).rev() {
            reached[end] = reached[end - 1] && set[usize::from(text[end - 1])];
        }
        reached[0] = false;
    }
    reached[text.len()]
}

/// The bytes that what stands first takes, and its length.
fn atom(pattern: &[u8], fold: bool) -> ([bool; 256], usize) {
    let only = |byte: u8| {
        let same = |b: u8| b == byte || fold && b.eq_ignore_ascii_case(&byte);
        std::array::from_fn(|b| same(b as u8))
    };
    match pattern[0] {
        b'?' => ([true; 256], 1),
        b'[' => class(pattern, fold),
        b'\\' if pattern.len() > 1 => (only(pattern[1]), 2),
        byte => (only(byte), 1),
    }
}

fn class(pattern: &[u8], fold: bool) -> ([bool; 256], usize) {
    let lower = |byte: u8| if fold { byte.to_ascii_lowercase() } else { byte };
    let is_negated = pattern.get(1) == Some(&b'^');
    let mut at = 1 + usize::from(is_negated);
    let mut set = [false; 256];
    while at < pattern.len() && pattern[at] != b']' {
        let left = pattern.len() - at;
        if pattern[at] == b'\\' && left >= 2 {
            set[usize::from(pattern[at + 1])] = true;
            at += 2;
            continue;
        }
        let is_range = left >= 3 && pattern[at + 1] == b'-';
        let mut ends = [pattern[at], if is_range { pattern[at + 2] } else { pattern[at] }];
        ends.sort_unstable();
        let [low, high] = ends.map(lower);
        for byte in 0..=u8::MAX {
            set[usize::from(byte)] |= low <= lower(byte) && lower(byte) <= high;
        }
        at += if is_range { 3 } else { 1 };
    }
    (set.map(|is_in| is_in != is_negated), pattern.len().min(at + 1))
}
