//! The example `replay` against an independent computation, and against bad input.
//!
//! The example runs as a user runs it, as a program of its own. `cargo test`
//! builds it before it runs this.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod reference;

use std::fs;
#[cfg(target_os = "linux")]
use std::io::Write;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::Child;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// The fields of the JSON, in their order.
const FIELDS: [&str; 10] = [
    "requests",
    "malformed",
    "unique_clients",
    "limiter",
    "cache",
    "sessions",
    "status",
    "top_pages",
    "top_clients",
    "alerts",
];

/// The example's program, which lies beside this test's: `target/PROFILE/{deps,examples}`.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let profile = test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    let name = format!("replay{}", std::env::consts::EXE_SUFFIX);
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build --example replay", program.display());
    program
}

fn replay() -> Command {
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    replay().args(args).output().unwrap()
}

/// The result of a run that must succeed and say nothing else.
fn json_of(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert_eq!(errors, "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run that must fail: its status and what it complains of.
fn failure_of(output: &Output) -> (i32, String) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let complaint = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    (output.status.code().expect("a status, not a signal"), complaint)
}

/// A file for one test.
fn scratch(name: &str, content: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn small_log() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small.log")
}

/// Compares field by field, so that a difference is named.
fn assert_equals_reference(log: &[u8], found: &Value) {
    let expected = reference::replay(log);
    for field in FIELDS {
        assert_eq!(found[field], expected[field], "{field}");
    }
    assert_eq!(found, &expected, "there are more fields");
}

fn assert_file_equals_reference(path: &Path) {
    let output = replay().arg("--json").arg(path).output().unwrap();
    assert_equals_reference(&fs::read(path).unwrap(), &json_of(&output));
}

#[test]
fn every_field_is_right_on_a_log_of_edges() {
    assert_file_equals_reference(&small_log());
}

/// Both computations could be wrong in the same way, so these were counted by hand.
#[test]
fn the_log_of_edges_comes_out_as_its_comments_tell() {
    let found = json_of(&replay().arg("--json").arg(small_log()).output().unwrap());
    let hits = |page: &str| {
        let pages = found["top_pages"].as_array().unwrap();
        let row = pages.iter().find(|row| row["name"] == page).unwrap();
        row["hits"].as_u64().unwrap()
    };
    // Thirty at 100 s; at 159 s none, at 160 s thirty of thirty-one.
    assert_eq!(hits("/flood\u{fffd}\u{fffd}\u{fffd}"), 60);
    // Thirty from 200 s on, one each at 260, 261, 262, 290 and 291 s.
    assert_eq!(hits("/drip"), 35);
    assert_eq!(found["limiter"]["refused"], 3 + 23 + 2);
    assert_eq!(found["sessions"]["live"], 3);
    assert_eq!(found["alerts"], 6);
    let last_five: Vec<&Value> =
        found["top_pages"].as_array().unwrap()[5..].iter().map(|row| &row["name"]).collect();
    assert_eq!(last_five, ["/tie/", "/tie/B", "/tie/a", "/tie/a%", "/tie/aa"]);
}

#[test]
fn every_field_is_right_on_the_built_in_log() {
    let log = run(&["--generate"]);
    assert!(log.status.success());
    let output = run(&["--json"]);
    let found = json_of(&output);
    assert_equals_reference(&log.stdout, &found);
    // From a file it is the same log, in the same order on every run.
    let again = run(&["--json", &scratch("built-in.log", &log.stdout)]);
    assert!(again.stdout == output.stdout, "two runs print the same bytes");
    assert_eq!(found["requests"], 200_000);
    assert!(found["malformed"].as_u64() > Some(0), "it has broken lines");
    assert!(found["limiter"]["refused"].as_u64() > Some(0), "it has bursts");
    assert!(found["cache"]["hits"].as_u64() > found["cache"]["misses"].as_u64());
    let codes: Vec<&String> = found["status"].as_object().unwrap().keys().collect();
    assert_eq!(codes, ["200", "304", "404", "500"]);
}

/// `LARDER_ACCESS_LOG=/path/to/access.log cargo test --test replay`
#[test]
fn every_field_is_right_on_a_log_of_the_users() {
    match std::env::var_os("LARDER_ACCESS_LOG") {
        Some(path) => assert_file_equals_reference(Path::new(&path)),
        None => println!("skipped: LARDER_ACCESS_LOG names no log"),
    }
}

#[test]
fn the_json_is_one_line_with_its_fields_in_order() {
    let output = replay().arg("--json").arg(small_log()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    let places = FIELDS.map(|field| text.find(&format!("\"{field}\":")).unwrap());
    assert!(places.is_sorted(), "{text}");
    assert!(
        text.contains(r#""limiter":{"allowed":"#) && text.contains(r#""sessions":{"started":"#)
    );
    assert!(text.contains(r#""top_pages":[{"name":"#));
}

#[test]
fn the_report_says_what_the_json_says() {
    let output = replay().arg(small_log()).output().unwrap();
    assert!(output.status.success());
    // Not a terminal, so no bar.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let report = String::from_utf8(output.stdout).unwrap();
    let found = reference::replay(&fs::read(small_log()).unwrap());
    for field in ["requests", "malformed", "alerts", "unique_clients"] {
        assert!(report.contains(&found[field].to_string()), "{field} in {report}");
    }
    assert!(report.contains("requests/s") && report.contains("the engine holds"), "{report}");
}

#[test]
fn verbose_names_every_malformed_line_and_why() {
    let log = b"\nthis is no request\n10.0.0.1 - - [31/Feb/2015:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"";
    let output = run(&["--json", "--verbose", &scratch("verbose.log", log)]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("line 1: CLIENT"));
    assert!(lines[1].starts_with("line 2: the date"));
    assert_eq!(lines[2], "line 3: the date does not exist");
}

#[test]
fn a_missing_file_and_a_directory_are_named() {
    let (status, complaint) = failure_of(&run(&["--json", "no/such.log"]));
    assert_eq!(status, 1);
    assert!(complaint.contains("no/such.log"), "{complaint}");
    let (status, complaint) = failure_of(&run(&[env!("CARGO_MANIFEST_DIR")]));
    assert_eq!(status, 1);
    assert!(complaint.contains(env!("CARGO_MANIFEST_DIR")), "{complaint}");
    assert!(complaint.contains("directory"), "{complaint}");
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_status_2() {
    for args in [&["--jsn"][..], &["a.log", "b.log"], &["--generate", "--json"]] {
        let (status, complaint) = failure_of(&run(args));
        assert_eq!(status, 2, "{complaint}");
    }
}

#[test]
fn help_goes_to_standard_output() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("Usage: replay"));
}

#[test]
fn an_empty_file_gives_zeros() {
    let found = json_of(&run(&["--json", &scratch("empty.log", b"")]));
    let zeros = json!({
        "requests": 0, "malformed": 0, "unique_clients": 0,
        "limiter": {"allowed": 0, "refused": 0},
        "cache": {"hits": 0, "misses": 0},
        "sessions": {"started": 0, "live": 0},
        "status": {}, "top_pages": [], "top_clients": [], "alerts": 0,
    });
    assert_eq!(found, zeros);
    assert!(
        run(&[&scratch("empty.log", b"")]).status.success(),
        "nor does the report divide by it"
    );
}

#[test]
fn a_binary_file_is_counted_line_by_line() {
    // Every byte after every other, and a good part of random ones.
    let mut bytes: Vec<u8> =
        (0..=255u8).flat_map(|a| (0..=255u8).flat_map(move |b| [a, b])).collect();
    let mut rng = fastrand::Rng::with_seed(7);
    bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(1 << 20));
    let found = json_of(&run(&["--json", &scratch("binary.log", &bytes)]));
    assert_equals_reference(&bytes, &found);
    assert_eq!(found["requests"], 0);
    assert!(found["malformed"].as_u64() > Some(4000));
}

#[test]
fn every_date_that_exists_is_a_time() {
    let dates =
        ["01/Jan/0001", "28/Feb/1900", "31/Dec/1969", "29/Feb/2000", "17/May/2600", "31/Dec/9999"];
    let mut log = String::new();
    for date in dates {
        for time in ["00:00:00 +2359", "12:00:00 +0000", "12:05:01 +0000", "23:59:59 -2359"] {
            log += &format!("10.0.0.1 - - [{date}:{time}] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n");
        }
    }
    let found = json_of(&run(&["--json", &scratch("dates.log", log.as_bytes())]));
    assert_equals_reference(log.as_bytes(), &found);
    assert_eq!(found["requests"], 24);
}

/// Longer than a clock in nanoseconds goes, with something to remember in every year.
#[test]
fn a_log_may_span_all_years() {
    let mut log = String::new();
    for year in 1..=9999 {
        let client = year % 40;
        for time in ["12:00:00", "12:05:00", "12:30:00", "13:00:01"] {
            log += &format!(
                "{client} - - [01/Jun/{year:04}:{time} +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n"
            );
        }
    }
    let found = json_of(&run(&["--json", &scratch("years.log", log.as_bytes())]));
    assert_equals_reference(log.as_bytes(), &found);
    assert_eq!(found["sessions"]["started"], 2 * 9999);
    assert_eq!(found["cache"]["hits"], 9999);
}

#[test]
fn a_line_may_have_64_kib_and_not_a_byte_more() {
    let mut log = fs::read(small_log()).unwrap();
    for length in [65_536, 65_537] {
        log.push(b'\n');
        let head =
            b"10.9.0.1 - - [17/May/2015:13:00:00 +0000] \"GET /long HTTP/1.1\" 200 1 \"-\" \"";
        let start = log.len();
        log.extend_from_slice(head);
        log.resize(start + length - 1, b'x');
        log.push(b'"');
    }
    let before = reference::replay(&fs::read(small_log()).unwrap());
    let found = json_of(&run(&["--json", &scratch("long.log", &log)]));
    assert_equals_reference(&log, &found);
    assert_eq!(found["requests"].as_u64(), before["requests"].as_u64().map(|n| n + 1));
    assert_eq!(found["malformed"].as_u64(), before["malformed"].as_u64().map(|n| n + 1));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = replay().arg("--generate").spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The log comes through a pipe, and the program is asked for its memory while it waits for more.
/// It has read all but what the pipe holds.
#[cfg(target_os = "linux")]
#[test]
fn a_line_of_100_mb_takes_no_memory() {
    let mut child = replay().args(["--json", "/dev/stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut log = child.stdin.take().expect("the input is a pipe");
    let small = fs::read(small_log()).unwrap();
    log.write_all(&small).unwrap();
    log.write_all(b"\n").unwrap();
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        log.write_all(&megabyte).unwrap();
    }
    let peak = peak_kib(&child);
    log.write_all(b"\n").unwrap();
    log.write_all(&small).unwrap();
    drop(log);

    let found = json_of(&child.wait_with_output().unwrap());
    let without = [&small, &b"\n"[..], &small].concat();
    let expected = reference::replay(&without);
    assert_eq!(found["malformed"].as_u64(), expected["malformed"].as_u64().map(|n| n + 1));
    assert_eq!(found["requests"], expected["requests"]);
    assert!(peak < 32 * 1024, "{peak} KiB");
}

/// The most memory that the program had so far.
#[cfg(target_os = "linux")]
fn peak_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// A program's memory is a file that opens, and fails to be read at address 0.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_while_read_is_named() {
    let (status, complaint) = failure_of(&run(&["--json", "/proc/self/mem"]));
    assert_eq!(status, 1);
    assert!(complaint.contains("/proc/self/mem"), "{complaint}");
}
