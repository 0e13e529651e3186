//! Planted bugs: proof that a model would find what it is there to find.
//!
//! Loom may abort the process when a model deadlocks, so a model that has to fail runs
//! in a child: the same test binary, this one test, and a variable that says so.

use std::env;
use std::process::Command;

/// Set in the child.
const CHILD: &str = "LARDER_PLANTED_BUG";

/// Runs `model` in a child process and expects it to fail, saying `symptom`.
///
/// `test` is the full name of the calling test.
pub(crate) fn fails(test: &str, symptom: &str, model: fn()) {
    if env::var(CHILD).is_ok_and(|name| name == test) {
        loom::model(model);
        return;
    }
    let own = env::current_exe().expect("a test runs from a file");
    let child = Command::new(own)
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, test)
        .output()
        .expect("the test binary runs again");
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success(), "the planted bug was not found");
    assert!(said.contains(symptom), "it failed for another reason:\n{said}");
}
