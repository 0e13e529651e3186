//! Events: hearing of what happens to keys.
//!
//! [`on_event`](crate::Larder::on_event) calls a listener for every event of every namespace, in
//! the order of the changes, until the handle that it returns is dropped. Those of a transaction
//! come when it has committed, and never if it was rolled back.
//!
//! ```
//! use larder::{EventKind, Larder, ManualClock};
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let larder = Larder::builder().manual_clock(&clock).open();
//! let app = larder.namespace("app")?;
//!
//! let ended = Arc::<Mutex<Vec<Vec<u8>>>>::default();
//! let list = Arc::clone(&ended);
//! let listening = larder.on_event(move |event| {
//!     if event.kind == EventKind::Expired {
//!         list.lock().unwrap().push(event.key.to_vec());
//!     }
//! });
//! app.strings().set_for("session:7", "ann", Duration::from_secs(1))?;
//! clock.advance(Duration::from_secs(2)).unwrap();
//! assert_eq!(*ended.lock().unwrap(), [b"session:7"]);
//! drop(listening);
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Where it runs.** On whichever thread makes the change, after the locks are released, one
//! thread at a time; a thread that finds another one delivering leaves its events to that one. It
//! may use the engine; the events of what it does come after those before. It may not turn the
//! clock. A listener that panics is caught and counted ([`Stats`](crate::Stats)), and the others
//! hear on.
//!
//! **Costs.** Without a listener, one look. With one, an event is made for every change: filter
//! early, and hand long work to a thread of your own.
//!
//! **What it does not do.** It does not say what the value is or was. Events are not kept for
//! listeners that come later. A listener that holds a handle keeps the engine open: drop the
//! listening first.
