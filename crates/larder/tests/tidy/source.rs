//! A source file as the rules see it: code told from comments and strings, tests
//! from what ships, imports written out.
//!
//! This is a scan and no parser: enough for a tree that `cargo fmt` keeps.

/// A file of the repository.
pub(crate) struct File {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text of a `.rs` file with comments and the insides of strings blanked; the same lines.
    pub(crate) code: String,
    /// By line of `code`: within an item under `#[cfg(test)]`.
    is_test: Vec<bool>,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { blank(text) } else { String::new() };
        let is_test = test_lines(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, is_test }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Integration tests, test modules in files of their own, and examples.
    pub(crate) fn is_outside_the_library(&self) -> bool {
        ["/tests/", "/examples/"].iter().any(|folder| self.path.contains(folder))
            || self.path.ends_with("/tests.rs")
    }

    /// True when line `line`, counted from 1, is part of a test.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test[line - 1]
    }

    /// The name of the package of a manifest.
    pub(crate) fn package_name(&self) -> &str {
        let line = self.text.lines().find_map(|line| line.trim().strip_prefix("name = "));
        line.map_or("?", |name| name.trim_matches('"'))
    }

    /// What stands under every `[..dependencies]` of a manifest, tests' included, by line.
    pub(crate) fn dependencies(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        let mut is_listed = false;
        for (n, line) in self.text.lines().map(str::trim).enumerate() {
            if let Some(section) = line.strip_prefix('[') {
                let section = section.trim_end_matches(']');
                is_listed = section.ends_with("dependencies");
                // `[dependencies.name]`, the long form.
                if let Some((_, name)) = section.rsplit_once("dependencies.") {
                    found.push((n + 1, name.trim_matches('"')));
                }
            } else if is_listed && !line.starts_with('#') {
                found.push((n + 1, line.split(['.', '=', ' ']).next().unwrap_or("")));
            }
            // Under another name.
            if let Some((_, package)) = line.split_once("package = \"") {
                found.push((n + 1, package.split('"').next().unwrap_or("")));
            }
        }
        found
    }

    /// Every path that the code names, by line: those written out, and those that a `use` stands
    /// for (all of them at the line where it begins).
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut import: Option<(usize, String)> = None;
        for (n, line) in self.code.lines().enumerate() {
            if import.is_none() && begins_import(line) {
                import = Some((n + 1, String::new()));
            }
            let Some((at, text)) = &mut import else {
                found.extend(written_out(line).map(|path| (n + 1, path.to_owned())));
                continue;
            };
            text.push_str(line);
            text.push(' ');
            if line.contains(';') {
                found.extend(imports(text).into_iter().map(|path| (*at, path)));
                import = None;
            }
        }
        found
    }
}

fn begins_import(line: &str) -> bool {
    let line = line.trim_start();
    ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|it| line.starts_with(it))
}

fn written_out(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !(is_word(c) || c == ':'));
    words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"))
}

/// The paths that a `use` stands for: `use a::{b, c::{self, d}};` is `a::b`, `a::c`, `a::c::d`.
fn imports(text: &str) -> Vec<String> {
    let tree = text.split_once("use ").map_or(text, |(_, tree)| tree);
    let mut found = Vec::new();
    // What stands before each brace that is open.
    let mut outer: Vec<String> = Vec::new();
    let mut part = String::new();
    for c in tree.chars() {
        match c {
            '{' => outer.push(std::mem::take(&mut part).trim().to_owned()),
            ',' | ';' | '}' => {
                let name = part.split(" as ").next().unwrap_or("").trim();
                if !name.is_empty() {
                    let path = outer.concat() + name;
                    let path = path.strip_suffix("::self").unwrap_or(&path);
                    found.push(path.trim_start_matches(':').to_owned());
                }
                part.clear();
                if c == '}' {
                    outer.pop();
                }
            }
            _ => part.push(c),
        }
    }
    found
}

/// By line of `code`: within an item under `#[cfg(test)]`, from the attribute to the item's end.
fn test_lines(code: &str) -> Vec<bool> {
    let mut depth = 0_usize;
    // The depth at which the item stands, and whether its body was reached.
    let mut item: Option<usize> = None;
    let mut has_body = false;
    let mut marks = Vec::new();
    for line in code.lines() {
        let begins = |attribute| line.trim_start().starts_with(attribute);
        if item.is_none() && (begins("#[cfg(test)]") || begins("#[cfg(all(test")) {
            (item, has_body) = (Some(depth), false);
        }
        marks.push(item.is_some());
        for c in line.chars() {
            match c {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            has_body |= c == '{';
            let ends = if has_body { c == '}' } else { c == ';' };
            if ends && item == Some(depth) {
                item = None;
            }
        }
    }
    marks
}

/// The text with every comment and the inside of every string turned into spaces.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at..] {
            ['/', '/', ..] => find(&chars, at, "\n"),
            ['/', '*', ..] => block_comment_end(&chars, at),
            ['"', ..] => string_end(&chars, at),
            ['r', '"' | '#', ..] if !ends_word(&chars[..at]) => raw_string_end(&chars, at),
            ['\'', ..] => char_end(&chars, at),
            _ => at,
        };
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// True when an `r` here would be the end of a name; the `b` of `br"..."` is none.
fn ends_word(before: &[char]) -> bool {
    let before = before.strip_suffix(&['b']).unwrap_or(before);
    before.last().copied().is_some_and(is_word)
}

/// Where `what` next begins, or the end.
fn find(chars: &[char], from: usize, what: &str) -> usize {
    let what: Vec<char> = what.chars().collect();
    (from..chars.len()).find(|&at| chars[at..].starts_with(&what)).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    chars.len().min(at + 1)
}

/// The end of a raw string that begins at the `r`; `from` itself when it is a raw name.
fn raw_string_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|&&c| c == '#').count();
    let quote = from + 1 + hashes;
    if chars.get(quote) != Some(&'"') {
        return from;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    chars.len().min(find(chars, quote + 1, &close) + close.len())
}

/// The end of a character in quotes; `from` itself for a lifetime.
fn char_end(chars: &[char], from: usize) -> usize {
    match chars[from + 1..] {
        ['\\', _, ..] => chars.len().min(find(chars, from + 3, "'") + 1),
        [_, '\'', ..] => from + 3,
        _ => from,
    }
}
