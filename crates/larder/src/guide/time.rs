//! Time: when keys go, and a clock to turn by hand.
//!
//! A key may have a deadline. A deadline in milliseconds has passed when the clock shows a later
//! one; from then on **no operation sees the key**, whether or not anybody has removed it yet.
//!
//! Removing it on time, and telling so, is the work of a thread that starts when something first
//! has a deadline. With [`Background::None`](crate::Background::None) there is none, and the
//! program calls [`tick`](crate::Larder::tick) when it likes.
//!
//! In tests, give the engine a [`ManualClock`](crate::ManualClock). Turning it runs, on the calling
//! thread and in the order of time, everything that becomes due on the way; so a test of an hour
//! takes no time and never waits for a thread.
//!
//! ```
//! use larder::{Expiry, Larder, ManualClock, SetOptions, TimeToLive};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let larder = Larder::builder().manual_clock(&clock).open();
//! let app = larder.namespace("app")?;
//! let minute = Duration::from_secs(60);
//!
//! app.strings().set_for("code", "1234", minute)?;
//! app.strings().append("code", "5")?;                        // a change in place keeps the deadline
//! clock.advance(minute / 2).unwrap();
//! assert_eq!(app.keys().time_to_live("code")?, TimeToLive::Left(minute / 2));
//!
//! app.keys().expire("code", minute * 5)?;                    // put off
//! clock.advance(minute * 4).unwrap();
//! assert!(app.keys().exists("code")?);
//! clock.advance(minute * 2).unwrap();
//! assert!(!app.keys().exists("code")?);
//!
//! app.strings().set_for("kept", "1", minute)?;
//! app.strings().set_with("kept", "2", SetOptions::new().expiry(Expiry::Keep))?;
//! app.strings().set("kept", "3")?;                           // a plain set clears it
//! assert_eq!(app.keys().time_to_live("kept")?, TimeToLive::Unlimited);
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Who keeps a deadline.** Changes in place do (add, append, members); a new value does not (set,
//! store). Renaming takes it along, copying copies it. A deadline in the past deletes the key.
//!
//! **Frozen.** An operation and a transaction read the clock once.
//!
//! **Costs.** Filing, moving and dropping a deadline are O(1), and putting one off files nothing.
//! A shard is locked for some twenty microseconds at a time, however many keys are due.
//!
//! **What it does not do.** A manual clock never goes back, and is not turned from inside a
//! transaction or a listener. The machine's clock never goes back either, even if it is set back.
