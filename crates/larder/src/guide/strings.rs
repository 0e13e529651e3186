//! Strings and counters: bytes under a key, and the numbers that they spell.
//!
//! A counter is a string that spells a 64-bit integer, so both groups work on it. Only the
//! canonical spelling counts: no `+`, no leading zeros, no spaces.
//!
//! ```
//! use larder::{Error, Larder, SetOptions};
//!
//! let app = Larder::new().namespace("app")?;
//!
//! app.counters().add("visits", 41)?;
//! assert_eq!(app.counters().add("visits", 1)?, 42);
//! assert_eq!(app.strings().get("visits")?.as_deref(), Some(&b"42"[..]));
//! app.strings().set("visits", "many")?;
//! assert_eq!(app.counters().add("visits", 1), Err(Error::NotAnInteger));
//!
//! app.strings().append("log", "one ")?;
//! app.strings().append("log", "two")?;
//! assert_eq!(&*app.strings().range("log", -3, -1)?, b"two");
//! app.strings().write_range("log", 0, "ONE")?;
//! assert_eq!(app.strings().take("log")?.as_deref(), Some(&b"ONE two"[..]));
//!
//! assert!(app.strings().set_if_absent("once", "first")?);
//! assert!(!app.strings().set_if_absent("once", "second")?);
//! let (_, before) = app.strings().swap("once", "third", SetOptions::new())?;
//! assert_eq!(before.as_deref(), Some(&b"first"[..]));
//!
//! app.strings().set("price", "0.1")?;
//! app.strings().add_extended("price", larder::Extended::parse(b"0.2").unwrap())?;
//! assert_eq!(app.strings().get("price")?.as_deref(), Some(&b"0.3"[..]));
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Costs.** Short strings lie inline beside their key; long ones are shared with whoever reads
//! them, so getting one copies nothing. A string above 2 KiB that is changed in place becomes a
//! rope of 16 KiB blocks: appending and writing cost what is written, and getting it whole copies
//! it.
//!
//! **What it does not do.** A sum that does not fit is an error, and the number stays as it was.
