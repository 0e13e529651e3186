//! The child that measures memory: its global allocator counts the bytes asked for and given back.

use std::alloc::System;
use std::process::ExitCode;

use cap::Cap;
use larder_benches::heap::{Measured, Task};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> ExitCode {
    let task = match Task::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let work = task.prepare();
    let before = HEAP.allocated();
    let kept = work();
    let after = HEAP.allocated();
    println!("{}", Measured::new(before, after, HEAP.max_allocated()).to_json());
    drop(kept);
    ExitCode::SUCCESS
}
