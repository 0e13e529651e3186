//! Closing: how an engine ends.
//!
//! It ends when the last handle goes (namespaces are handles, too) or at
//! [`close`](crate::Larder::close). From then on every operation is
//! [`Error::Closed`](crate::Error::Closed), whoever waits is told so, and its thread ends. When the
//! last handle is gone, everything that it held is freed.
//!
//! ```
//! use larder::{End, Error, Larder};
//!
//! let larder = Larder::new();
//! let app = larder.namespace("app")?;
//! let wait = app.sorted_sets().pop_wait(&["jobs"], End::Min, None)?;
//!
//! larder.close();
//! assert_eq!(wait.wait(), Err(Error::Closed));
//! assert_eq!(app.strings().get("k"), Err(Error::Closed));
//! larder.close(); // once is enough, twice does no harm
//! # Ok::<(), Error>(())
//! ```
//!
//! **Large values.** A large collection that is deleted is freed in steps, so that no caller waits
//! for a million frees: the one who deletes frees a little, later writes and
//! [`tick`](crate::Larder::tick) more, the engine's thread what it finds, and closing the rest.
//! [`Stats::dropping`](crate::Stats) says how many there are.
//!
//! **Inside a transaction** closing takes effect after it.
//!
//! **What it does not do.** It does not interrupt a transaction under way. An object or a listener
//! that holds a handle keeps the engine open; take it out first.
