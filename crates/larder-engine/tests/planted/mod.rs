//! Models, and planted bugs: proof that a model would find what it is there to find.
//!
//! Loom may abort the process when a model deadlocks, so a model that has to fail runs in a child:
//! the same test binary, this one test, and a variable that says so.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_engine::planted::{Bug, plant};
use larder_engine::{Larder, ManualClock, Namespace};

/// Set in the child.
const CHILD: &str = "LARDER_PLANTED_BUG";

/// Runs a model of two threads over all interleavings of at most four preemptions.
pub(crate) fn model(model: impl Fn() + Sync + Send + 'static) {
    model_within(4, model);
}

/// Runs a model over all interleavings of at most `preemptions`, or of more if the environment says
/// so. An operation of the engine has more branches than loom expects of a whole model.
pub(crate) fn model_within(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.max(Some(preemptions));
    builder.max_branches = 50_000;
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let runs = runs.load(Ordering::Relaxed);
    assert!(runs >= 10, "only {runs} interleavings: this models nothing");
}

/// Runs `model` in a child process and expects it to fail, saying `symptom`; with `bug` planted, if
/// the model itself does not have it.
///
/// `test` is the full name of the calling test.
pub(crate) fn fails(test: &str, bug: Option<Bug>, symptom: &str, broken: fn()) {
    if env::var(CHILD).is_ok_and(|name| name == test) {
        bug.into_iter().for_each(plant);
        model_within(2, broken);
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

/// An engine as small as can be: one shard a namespace, and nothing is random.
pub(crate) fn engine() -> (Larder, Namespace) {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).shards(1).seed(7).open();
    let app = larder.namespace("app").expect("the engine is open");
    (larder, app)
}
