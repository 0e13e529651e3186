//! Runs the unit tests that stand in the parts of the example `replay`.
//!
//! `cargo test` builds examples but does not run tests in them.

#![expect(dead_code, reason = "the example uses what its tests do not")]

#[path = "../examples/replay/access.rs"]
mod access;
#[path = "../examples/replay/args.rs"]
mod args;
#[path = "../examples/replay/generate.rs"]
mod generate;
#[path = "../examples/replay/lines.rs"]
mod lines;
