//! The house rules, checked over the source tree.
//!
//! Each rule is a function from a file to its complaints (`file:line: what is wrong; what to
//! do`), a test that runs it over the tree, and a test that plants violations in made-up
//! files. What a rule lets pass, and why, stands in the tables at the top.
//!
//! | rule | holds for |
//! |---|---|
//! | dependency arrows go down only | every crate's `Cargo.toml` |
//! | the workspace's lints are taken | the same, but the fuzz workspace |
//! | a header opens the file | every `.rs` |
//! | locks, atomics, clocks and threads are `larder-base`'s | code that ships |
//! | nobody sleeps | every `.rs`, documentation included |
//! | nothing is left for later | every `.rs` |
//! | 800 lines at most | every `.rs` |
//! | no path of somebody's machine | every `.rs`, `.toml` and `.md`, and the CI script |

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

#[path = "tidy/source.rs"]
mod source;

use source::File;

/// Which of our crates each of our crates may name: those below it in the architecture's map.
const ARROWS: &[(&str, &[&str])] = &[
    ("larder-base", &[]),
    ("larder-collections", &["larder-base"]),
    ("larder-engine", &["larder-base", "larder-collections"]),
];
/// What stands on top of the map and may name any.
const ON_TOP: &[&str] = &["larder", "larder-benches", "larder-fuzz"];

/// What code that ships may take from these modules; the rest belongs to `larder-base`.
const OPEN: &[(&str, &[&str])] = &[
    // A reference count is no lock: it needs no model, and nobody waits for it.
    ("std::sync", &["Arc", "Weak"]),
    // Questions about the machine and the caller, which start and stop nothing.
    ("std::thread", &["available_parallelism", "panicking", "Result"]),
    // Spans and points of time are values; reading them off a clock is `larder-base`'s.
    ("std::time", &["Duration", "Instant", "SystemTime", "SystemTimeError", "UNIX_EPOCH"]),
];
/// Locks and threads through and through.
const CLOSED: &[&str] =
    &["parking_lot", "loom", "crossbeam_utils::sync", "crossbeam_utils::thread"];
/// Reading a clock, by whatever path the type was reached.
const CLOCK_READS: &[&str] = &["Instant::now", "SystemTime::now"];

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Lints,
    Locks,
    Sleep,
}

/// Where a rule does not hold, and why.
const EXEMPT: &[(Rule, &str, &str)] = &[
    (Rule::Lints, "fuzz/", "a workspace of its own: libFuzzer's macro expands to unsafe code"),
    (Rule::Locks, "crates/larder-base/", "the one crate that names them"),
    (Rule::Locks, "benches/", "measures in real time on real threads, and runs rivals' locks"),
    (Rule::Locks, "fuzz/", "ships in no crate"),
    (Rule::Sleep, "benches/", "paces a load at a given rate"),
];

const MOST_LINES: usize = 800;

// Words that stand in no file are put together from halves, so that this one keeps the rules.
const LEFT_FOR_LATER: &[&str] =
    &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("db", "g!(")];
const MARK: &str = concat!("FIX", "ME");
const SLEEPS: &[&str] = &[concat!("thread", "::sleep"), concat!("time", "::sleep")];
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!(r"C:\", "Users")];

/// Arrows of the map go down only.
fn arrows(file: &File) -> Vec<String> {
    if !file.path.ends_with("/Cargo.toml") || ON_TOP.contains(&file.package_name()) {
        return Vec::new();
    }
    let name = file.package_name();
    let Some((_, below)) = ARROWS.iter().find(|(drawn, _)| *drawn == name) else {
        let remedy = "draw it in ARCHITECTURE.md and in ARROWS in crates/larder/tests/tidy.rs";
        return vec![complain(file, 1, &format!("{name} is not in the map"), remedy)];
    };
    let ours = file.dependencies().into_iter().filter(|(_, of)| of.starts_with("larder"));
    ours.filter(|(_, of)| !below.contains(of))
        .map(|(line, of)| {
            let what = format!("{name} names {of}, which is not below it in the map");
            let remedy = "move the code down, or draw the arrow in ARCHITECTURE.md and in ARROWS";
            complain(file, line, &what, remedy)
        })
        .collect()
}

/// Every crate takes the workspace's lints.
fn lints(file: &File) -> Vec<String> {
    let takes_them = || {
        let mut lines = file.text.lines().map(str::trim);
        lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
    };
    if !file.path.ends_with("/Cargo.toml") || is_exempt(file, Rule::Lints) || takes_them() {
        return Vec::new();
    }
    vec![complain(file, 1, "does not take the workspace's lints", "add [lints] workspace = true")]
}

/// A header says what the file is.
fn header(file: &File) -> Vec<String> {
    if !file.is_rust() || file.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![complain(file, 1, "has no header", "begin with `//! ` and say what the file is")]
}

/// Locks, atomics, clocks and threads are named by `larder-base` alone.
fn locks(file: &File) -> Vec<String> {
    if !file.is_rust() || is_exempt(file, Rule::Locks) || file.is_outside_the_library() {
        return Vec::new();
    }
    let paths = file.paths().into_iter();
    paths
        .filter(|(line, path)| !file.is_test(*line) && belongs_to_base(path))
        .map(|(line, path)| {
            let remedy = "take it from larder_base, which every build can model";
            complain(file, line, &format!("names {path}"), remedy)
        })
        .collect()
}

/// True when `path`, written out or imported, is a lock, a clock or a thread.
fn belongs_to_base(path: &str) -> bool {
    let path = match path.split_once("::") {
        Some(("core" | "alloc", rest)) => format!("std::{rest}"),
        _ => path.to_owned(),
    };
    // The item of `module` that the path names: "" for the module itself.
    let item = |module: &str| match path.strip_prefix(module)? {
        "" => Some(""),
        rest => rest.strip_prefix("::")?.split("::").next(),
    };
    CLOSED.iter().any(|module| item(module).is_some())
        || OPEN.iter().any(|(module, open)| item(module).is_some_and(|it| !open.contains(&it)))
        || CLOCK_READS.iter().any(|read| path.ends_with(read))
}

/// Time is a value: nobody sleeps, least of all a test.
fn sleep(file: &File) -> Vec<String> {
    if !file.is_rust() || is_exempt(file, Rule::Sleep) {
        return Vec::new();
    }
    // Comments too: an example in the documentation is a test.
    let remedy = "turn a manual clock, or wait for what you want to see";
    lines_with(file, &file.text, SLEEPS, remedy)
}

/// Nothing in the tree waits to be written.
fn left_for_later(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut found = lines_with(file, &file.code, LEFT_FOR_LATER, "finish it, or take it out");
    found.extend(lines_with(
        file,
        &file.text,
        &[MARK],
        "mend it, or say in plain words what holds",
    ));
    found
}

/// One idea a file.
fn length(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if !file.is_rust() || lines <= MOST_LINES {
        return Vec::new();
    }
    let remedy = "look for the second idea in it and give it a file";
    vec![complain(file, lines, &format!("is more than {MOST_LINES} lines long"), remedy)]
}

/// A path of somebody's machine means nothing on another.
fn machine_path(file: &File) -> Vec<String> {
    lines_with(file, &file.text, MACHINE_PATHS, "use a path from the root of the repository")
}

fn complain(file: &File, line: usize, what: &str, remedy: &str) -> String {
    format!("{}:{line}: {what}; {remedy}", file.path)
}

fn is_exempt(file: &File, rule: Rule) -> bool {
    EXEMPT.iter().any(|(of, place, _)| *of == rule && file.path.starts_with(place))
}

/// A complaint for every line of `text` that holds one of `words`.
fn lines_with(file: &File, text: &str, words: &[&str], remedy: &str) -> Vec<String> {
    let held = |line: &str| words.iter().find(|word| line.contains(**word));
    let lines = text.lines().enumerate().filter_map(|(n, line)| Some((n + 1, held(line)?)));
    lines.map(|(n, word)| complain(file, n, &format!("says {word}"), remedy)).collect()
}

/// Every file of the repository that a rule reads; read once for all tests.
fn tree() -> &'static [File] {
    static TREE: OnceLock<Vec<File>> = OnceLock::new();
    TREE.get_or_init(walk)
}

fn walk() -> Vec<File> {
    // What is built, what git keeps, what the fuzzer found.
    const SKIPPED: &[&str] =
        &[".git", "target", "fuzz/target", "fuzz/corpus", "fuzz/artifacts", "fuzz/coverage"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("the tree is readable") {
            let entry = entry.expect("the tree is readable");
            let path = format!("{folder}{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("the tree is readable").is_dir() {
                if !SKIPPED.contains(&&*path) {
                    folders.push(format!("{path}/"));
                }
            } else if is_read(&path) {
                let text = fs::read_to_string(entry.path()).expect("sources are text");
                files.push(File::new(&path, &text));
            }
        }
    }
    files
}

fn is_read(path: &str) -> bool {
    [".rs", ".toml", ".md"].iter().any(|end| path.ends_with(end)) || path == ".ci/run"
}

#[track_caller]
fn hold(rule: fn(&File) -> Vec<String>) {
    let found: BTreeSet<String> = tree().iter().flat_map(rule).collect();
    assert!(found.is_empty(), "\n{}", found.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_walk_finds_the_tree() {
    let files = tree();
    let here = ["Cargo.toml", "crates/larder/tests/tidy.rs", "crates/larder-base/src/lib.rs"];
    for path in here.iter().chain(&["fuzz/Cargo.toml", "fuzz/src/lib.rs"]) {
        assert!(files.iter().any(|file| file.path == *path), "{path} was not found");
    }
    assert!(!files.iter().any(|file| file.path.contains("target/")));
}

#[test]
fn arrows_go_down_only() {
    hold(arrows);
}

#[test]
fn every_crate_takes_the_lints() {
    hold(lints);
}

#[test]
fn every_file_has_a_header() {
    hold(header);
}

#[test]
fn locks_clocks_and_threads_are_named_by_the_base_alone() {
    hold(locks);
}

#[test]
fn nobody_sleeps() {
    hold(sleep);
}

#[test]
fn nothing_is_left_for_later() {
    hold(left_for_later);
}

#[test]
fn files_hold_one_idea() {
    hold(length);
}

#[test]
fn no_machine_is_named() {
    hold(machine_path);
}

/// Each rule sees what it is for: planted violations, and their lawful neighbours.
mod planted {
    use super::*;

    const ENGINE: &str = "crates/larder-engine/src/x.rs";

    /// The lines at which `rule` complains about `text` at `path`.
    fn lines(rule: fn(&File) -> Vec<String>, path: &str, text: &str) -> Vec<usize> {
        let line = |complaint: &String| complaint.split(':').nth(1)?.parse().ok();
        let complaints = rule(&File::new(path, text));
        complaints.iter().map(|complaint| line(complaint).expect("file:line:")).collect()
    }

    #[test]
    fn an_arrow_up_or_sideways() {
        let check = |name: &str, rest: &str| {
            let manifest = format!("[package]\nname = \"{name}\"\n{rest}");
            lines(arrows, "crates/x/Cargo.toml", &manifest)
        };
        assert_eq!(check("larder-engine", "[dependencies]\nlarder-base.workspace = true\n"), []);
        assert_eq!(check("larder-base", "[dependencies]\nlarder-engine.workspace = true\n"), [4]);
        assert_eq!(check("larder-base", "[dev-dependencies]\nlarder = { path = \"..\" }\n"), [4]);
        let target = "[target.\"cfg(x)\".dependencies]\n\nlarder = \"1\"\n";
        assert_eq!(check("larder-base", target), [5]);
        let long = "[dependencies.larder-engine]\nworkspace = true\n";
        assert_eq!(check("larder-base", long), [3]);
        let renamed = "[dependencies]\nx = { package = \"larder-engine\" }\n";
        assert_eq!(check("larder-base", renamed), [4]);
        assert_eq!(check("larder", "[dependencies]\nlarder-engine.workspace = true\n"), []);
        // Not a dependency: a feature that happens to be called so.
        assert_eq!(check("larder-base", "[features]\nlarder = []\n"), []);
    }

    #[test]
    fn a_crate_that_nobody_drew() {
        let found = arrows(&File::new("crates/x/Cargo.toml", "[package]\nname = \"larder-x\"\n"));
        assert!(found[0].contains("larder-x") && found[0].contains("ARROWS"), "{found:?}");
    }

    #[test]
    fn a_crate_without_the_lints() {
        let check = |text: &str| lines(lints, "crates/x/Cargo.toml", text);
        assert_eq!(check("[package]\n\n[lints]\nworkspace = true\n"), []);
        assert_eq!(check("[package]\n"), [1]);
        assert_eq!(check("[package]\nversion.workspace = true\n[lints.rust]\n"), [1]);
        assert_eq!(check("[lints]\n[dependencies.x]\nworkspace = true\n"), [1]);
        assert_eq!(lines(lints, "fuzz/Cargo.toml", "[package]\n"), []);
    }

    #[test]
    fn a_file_without_a_header() {
        assert_eq!(lines(header, ENGINE, "//! What it is.\n"), []);
        assert_eq!(lines(header, ENGINE, "// Some comment.\n//! Late.\n"), [1]);
        assert_eq!(lines(header, "crates/x/tests/y.rs", "use std::fs;\n"), [1]);
        assert_eq!(lines(header, "README.md", "# larder\n"), []);
    }

    #[test]
    fn a_lock_outside_the_base() {
        let check = |text: &str| lines(locks, ENGINE, text);
        assert_eq!(check("use std::sync::Mutex;\n"), [1]);
        assert_eq!(check("\nuse std::sync::{Arc, Weak};\n"), []);
        assert_eq!(check("use std::{\n    fmt,\n    sync::{Arc, RwLock},\n};\n"), [1]);
        assert_eq!(check("use std::sync::atomic::{self, AtomicU64};\n"), [1, 1]);
        assert_eq!(check("use core::sync::atomic::*;\nuse std::sync;\n"), [1, 2]);
        assert_eq!(check("fn f(\n    lock: &std::sync::Mutex<u8>,\n) {}\n"), [2]);
        assert_eq!(check("static X: ::std::sync::OnceLock<u8> = y();\n"), [1]);
        assert_eq!(check("pub use parking_lot::RwLock as Lock;\n"), [1]);
        assert_eq!(check("use larder_base::sync::{Mutex, RwLock};\n"), []);
        assert_eq!(check("use std::synchrony::Mutex;\n"), []);
        assert_eq!(lines(locks, "crates/larder-base/src/sync.rs", "use std::sync::Mutex;\n"), []);
        assert_eq!(lines(locks, "crates/larder/tests/x.rs", "use std::sync::Mutex;\n"), []);
    }

    #[test]
    fn a_clock_or_a_thread_outside_the_base() {
        let check = |text: &str| lines(locks, ENGINE, text);
        assert_eq!(check("let now = std::time::Instant::now();\n"), [1]);
        assert_eq!(check("use std::time::{Duration, SystemTime};\nf(SystemTime::now());\n"), [2]);
        assert_eq!(check("use std::time;\n"), [1]);
        assert_eq!(check("fn f(until: std::time::Instant) {}\n"), []);
        assert_eq!(check("std::thread::spawn(f);\nstd::thread::park();\n"), [1, 2]);
        assert_eq!(check("use std::thread;\n"), [1]);
        assert_eq!(check("if std::thread::panicking() {}\n"), []);
        assert_eq!(lines(locks, "crates/larder/examples/x.rs", "Instant::now();\n"), []);
    }

    #[test]
    fn a_lock_in_a_comment_a_string_or_a_test_is_none() {
        let check = |text: &str| lines(locks, ENGINE, text);
        assert_eq!(check("/// As `std::sync::Mutex`.\n/* /* */ std::sync::Mutex */\n"), []);
        assert_eq!(check("f(\"std::sync::Mutex\", r#\"\" std::sync::Mutex\"#);\n"), []);
        let module = "#[cfg(test)]\nmod tests {\n    use std::sync::Mutex;\n    fn f() {}\n}\n";
        assert_eq!(check(module), []);
        assert_eq!(check(&format!("{module}use std::sync::Mutex;\n")), [6]);
        let item = "#[cfg(test)]\nfn f() -> [u8; 1] {\n    std::thread::park()\n}\n";
        assert_eq!(check(item), []);
        // The test module stands in a file of its own: what follows ships.
        assert_eq!(check("#[cfg(test)]\nmod tests;\nuse std::sync::Mutex;\n"), [3]);
        assert_eq!(lines(locks, "crates/x/src/wheel/tests.rs", "use std::sync::Mutex;\n"), []);
    }

    #[test]
    fn code_is_told_from_characters_and_lifetimes() {
        let check = |text: &str| lines(locks, ENGINE, text);
        assert_eq!(check("let q = '\"'; std::thread::park(); let r = '\"';\n"), [1]);
        assert_eq!(check("let q = '\\''; std::thread::park();\n"), [1]);
        assert_eq!(check("fn f<'a>(x: &'a str) { std::thread::park(); g('a') }\n"), [1]);
        assert_eq!(check("let q = \"\\\"\"; std::thread::park();\n"), [1]);
        assert_eq!(check("let q = br\"\\\"; std::thread::park();\n"), [1]);
        assert_eq!(check("let r#type = 1; std::thread::park();\n"), [1]);
    }

    #[test]
    fn a_sleep_in_a_test_or_an_example_of_the_documentation() {
        let call = format!("std::{}(x);\n", SLEEPS[0]);
        assert_eq!(lines(sleep, "crates/x/tests/y.rs", &call), [1]);
        assert_eq!(lines(sleep, ENGINE, &format!("/// ```\n/// {call}/// ```\n")), [2]);
        assert_eq!(lines(sleep, ENGINE, &format!("tokio::{}(x).await;\n", SLEEPS[1])), [1]);
        assert_eq!(lines(sleep, "benches/src/x.rs", &call), []);
        assert_eq!(lines(sleep, "README.md", &call), []);
    }

    #[test]
    fn what_is_left_for_later() {
        for word in LEFT_FOR_LATER {
            let code = format!("fn f() {{\n    {word})\n}}\n");
            assert_eq!(lines(left_for_later, ENGINE, &code), [2]);
            assert_eq!(lines(left_for_later, ENGINE, &format!("// No {word}) here.\n")), []);
        }
        assert_eq!(lines(left_for_later, ENGINE, &format!("\n// {MARK} some day\n")), [2]);
    }

    #[test]
    fn a_file_of_many_ideas() {
        assert_eq!(lines(length, ENGINE, &"\n".repeat(MOST_LINES)), []);
        assert_eq!(lines(length, ENGINE, &"\n".repeat(MOST_LINES + 1)), [MOST_LINES + 1]);
        assert_eq!(lines(length, "CHANGELOG.md", &"\n".repeat(MOST_LINES + 1)), []);
    }

    #[test]
    fn a_path_of_somebodys_machine() {
        for path in MACHINE_PATHS {
            assert_eq!(lines(machine_path, "README.md", &format!("\nsee {path}x\n")), [2]);
            assert_eq!(lines(machine_path, ENGINE, &format!("f(\"{path}\")\n")), [1]);
        }
        assert_eq!(lines(machine_path, ENGINE, "//! ../shared and /tmp are nobody's\n"), []);
    }

    #[test]
    fn every_exemption_names_a_folder_and_says_why() {
        assert!(EXEMPT.iter().all(|(_, place, why)| place.ends_with('/') && !why.is_empty()));
    }
}
