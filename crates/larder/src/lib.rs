//! larder: an embedded data-structure engine. What a team runs Redis for, linked into the program.
//!
//! Caching, rate limits, locks, sessions, leaderboards and counters on one keyspace, with no
//! server, no socket, and no serialisation between the program and its data.
//!
//! ```
//! use larder::{Error, Larder, Span};
//! use std::time::Duration;
//!
//! fn main() -> Result<(), Error> {
//!     let larder = Larder::new();
//!     let app = larder.namespace("app")?;
//!
//!     // Each operation is a step of its own ...
//!     app.strings().set_for("session:7", "ann", Duration::from_secs(1800))?;
//!     app.counters().add("visits", 1)?;
//!
//!     // ... or several are one step, which no other thread sees half done.
//!     larder.transaction(|tx| {
//!         tx.counters(&app).add("games:ann", 1)?;
//!         tx.sorted_sets(&app).increment("board", "ann", 25.0)
//!     })?;
//!
//!     let top_ten = app.sorted_sets().range("board", &Span::ranks(0, 9).reversed())?;
//!     assert_eq!(top_ten, [("ann".into(), 25.0)]);
//!     Ok(())
//! }
//! ```
//!
//! The [`guide`] shows one thing at a time, each with an example that runs.

pub mod guide;

pub use larder_engine::{
    AddOptions, Added, Aggregate, Background, Blob, Budget, Builder, Clock, Combine, Content,
    Counters, Effect, EffectSink, End, Error, Event, EventKind, Eviction, ExpireIf, Expiry,
    Extended, Grant, Guarded, Keys, Kind, Larder, Lease, Leases, Listening, ManualClock, Namespace,
    NamespaceOptions, NamespaceStats, Object, Objects, Popped, Result, Scan, Scored, SetOptions,
    SortedSets, Span, Stats, Strings, Time, TimeToLive, TurnError, Txn, Wait, Watch,
};
