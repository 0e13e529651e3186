//! Waits: taking something from a key as soon as it is there.
//!
//! [`pop_wait`](crate::SortedSets::pop_wait) takes the first member of the first of its keys that
//! has any, or waits for one. Those who wait for a key are served in the order in which they came,
//! and **whoever feeds the key serves them**, before its own call returns. So nothing is lost
//! between looking and going to sleep, and nobody pushes in.
//!
//! One handle serves both worlds: a thread blocks on [`wait`](crate::Wait::wait), a task awaits it.
//!
//! ```
//! use larder::{End, Larder};
//! use std::time::Duration;
//!
//! let larder = Larder::new();
//! let app = larder.namespace("app")?;
//!
//! let worker = std::thread::spawn({
//!     let app = app.clone();
//!     move || app.sorted_sets().pop_wait(&["urgent", "normal"], End::Min, None)?.wait()
//! });
//! app.sorted_sets().add("normal", "job 1", 1.0)?;
//! let popped = worker.join().unwrap()?.unwrap();
//! assert_eq!((&*popped.key, &*popped.member), (&b"normal"[..], &b"job 1"[..]));
//!
//! // `None` when its time is up.
//! let timeout = Some(Duration::from_millis(1));
//! assert!(app.sorted_sets().pop_wait(&["urgent"], End::Min, timeout)?.wait()?.is_none());
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Cancelling.** Dropping a wait ends it. If it had been served meanwhile, what it took goes back.
//!
//! **Costs.** A key that nobody waits for pays nothing but a look whether somebody does.
//!
//! **What it does not do.** It cannot wait inside a transaction. On a manual clock its time is up
//! when somebody turns the clock so far.
