//! Leases and guarded writes: locks whose late holders can do no harm.
//!
//! A lease is granted to one holder for a time, under a **fence**: a number greater than that of
//! every grant before. It ends when it is released or its time is up. A holder that was stalled
//! meanwhile does not know that it lost the lease; so it writes through
//! [`guarded`](crate::Namespace::guarded), or calls [`guard`](crate::Txn::guard) in a transaction,
//! and the engine refuses the write unless its fence is the live grant.
//!
//! ```
//! use larder::{Error, Grant, Larder, ManualClock};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let larder = Larder::builder().manual_clock(&clock).open();
//! let app = larder.namespace("app")?;
//! let minute = Duration::from_secs(60);
//!
//! let Grant::Granted { fence } = app.leases().grant("report", "ann", minute)? else { panic!() };
//! app.guarded("report", fence).strings().set("page", "ann's")?;
//! app.leases().renew("report", fence, minute)?;
//!
//! // Somebody else learns who has it, and for how long.
//! let Grant::Held { lease, left, .. } = app.leases().grant("report", "bob", minute)? else { panic!() };
//! assert_eq!((&*lease.owner, left), (&b"ann"[..], minute));
//!
//! clock.advance(minute * 2).unwrap();                        // ann was asleep
//! let Grant::Granted { fence: next } = app.leases().grant("report", "bob", minute)? else { panic!() };
//! assert!(next > fence);
//! let late = app.guarded("report", fence).strings().set("page", "ann's, late");
//! assert_eq!(late, Err(Error::StaleFence { given: fence, live: Some(next) }));
//! # Ok::<(), Error>(())
//! ```
//!
//! **Costs.** A guarded operation is a transaction over the lease's shard and the key's.
//!
//! **What it does not do.** It does not renew by itself, and it does not queue those who ask. It
//! guards what goes through the engine; hand the fence to other systems for what goes elsewhere.
