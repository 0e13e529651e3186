//! larder: an embedded data-structure engine. What a team runs Redis for, linked into the program.
//!
//! Caching, rate limits, locks, sessions, leaderboards and counters on one keyspace, with no
//! server, no socket, and no serialisation between the program and its data.
//!
//! ```
//! use larder::Larder;
//! use std::time::Duration;
//!
//! let larder = Larder::new();
//! let app = larder.namespace("app")?;
//!
//! app.strings().set_for("session:7", "ann", Duration::from_secs(1800))?;
//! app.counters().add("visits", 1)?;
//! app.sorted_sets().increment("top", "ann", 1.0)?;
//! # Ok::<(), larder::Error>(())
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
