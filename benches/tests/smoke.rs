//! Every suite runs to its end with small sizes and prints rows as promised. Nothing is timed here.

use std::io::Write;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use larder_benches::heap::CHILD_VARIABLE;
use serde_json::Value;

/// Runs a suite as a user would, and reads its rows.
fn rows(words: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_larder-benches"))
        .args(words)
        .args(["--quick", "--json"])
        .env(CHILD_VARIABLE, env!("CARGO_BIN_EXE_larder-benches-heap"))
        .output()
        .expect("the binary was built for this test");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {stderr}");
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    let rows: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
    for row in &rows {
        assert_eq!(row.as_object().map(serde_json::Map::len), Some(8), "{row}");
        for text in ["suite", "case", "unit", "rival"] {
            assert!(row[text].is_string(), "{text} of {row}");
        }
        for number in ["larder", "value", "ratio"] {
            assert!(row[number].is_number(), "{number} of {row}");
        }
        assert!(row["target"].is_number() || row["target"].is_null(), "{row}");
    }
    rows
}

/// Whether a row has this case and this rival.
fn has(rows: &[Value], case: &str, rival: &str) -> bool {
    rows.iter().any(|row| row["case"] == case && row["rival"] == rival)
}

#[test]
fn kv_has_every_population_and_mix() {
    let rows = rows(&["kv"]);
    for case in ["10k/22B/read/1t", "10k/22B/write50/ttl/1t", "100/200B/write5/1t"] {
        assert!(has(&rows, case, "std-mutex"), "{case}");
    }
}

#[test]
fn growth_is_held_to_its_bounds() {
    let rows = rows(&["growth"]);
    for case in ["20k keys/longest", "20k keys/p99.99", "20k members/longest"] {
        assert!(has(&rows, case, "bound"), "{case}");
    }
    assert!(has(&rows, "20k members/p99.99", "btreeset"));
}

#[test]
fn memory_is_counted_in_a_child() {
    let rows = rows(&["memory"]);
    for kind in ["key", "key+ttl", "member"] {
        assert!(has(&rows, &format!("{kind}/mean"), "bound"), "{kind}");
        assert!(has(&rows, &format!("{kind}/worst"), "bound"), "{kind}");
    }
    let std = rows.iter().find(|row| row["case"] == "key/mean" && row["rival"] == "std");
    let bytes = std.and_then(|row| row["value"].as_f64()).expect("std is always a rival");
    // Two boxes of 16 bytes and their two pointers with lengths are 64 bytes, before any free slot.
    assert!((64.0..200.0).contains(&bytes), "{bytes} bytes a key");
}

#[test]
fn ttl_reclaims_reads_and_leaves_nothing() {
    let rows = rows(&["ttl"]);
    for case in ["reclaim 2k/last", "reclaim 2k/reads p99.9", "cost/new", "pairs 20k/left"] {
        assert!(has(&rows, case, "bound"), "{case}");
    }
}

#[test]
fn sorted_sets_answer_alike() {
    let rows = rows(&["sorted_set"]);
    for case in ["10/insert", "1k/update", "10k/around", "10k/by-score"] {
        assert!(has(&rows, case, "btreeset"), "{case}");
    }
}

#[test]
fn hit_ratio_reads_plain_and_packed_traces() {
    let folder = std::env::temp_dir().join(format!("larder-benches-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the traces");
    let text: String = (0..5000u32).map(|at| format!("{}\n", at * at % 199)).collect();
    let plain = folder.join("plain.txt");
    let packed = folder.join("packed.txt.gz");
    std::fs::write(&plain, &text).expect("a plain trace");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("packing in memory");
    std::fs::write(&packed, gzip.finish().expect("packing in memory")).expect("a packed trace");

    // 199 is a prime: its 100 squares are the keys, and 20 % of them the only capacity.
    let [plain, packed] = [&plain, &packed].map(|path| path.to_str().expect("a plain path"));
    let rows = rows(&["hit_ratio", plain, packed]);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    assert!(has(&rows, "plain/20", "bound") && has(&rows, "packed/20", "bound"));
    assert!(has(&rows, "mean", "lru") && has(&rows, "mean", "optimum"));
    let optimum = |case: &str| {
        let row = rows.iter().find(|row| row["case"] == case && row["rival"] == "optimum");
        row.and_then(|row| row["value"].as_f64())
    };
    assert_eq!(optimum("plain/20"), optimum("packed/20"));
}

#[test]
fn a_wrong_word_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_larder-benches"))
        .args(["kv", "--jsn"])
        .output()
        .expect("the binary was built for this test");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no option --jsn"));
}
