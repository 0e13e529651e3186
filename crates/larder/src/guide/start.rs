//! Opening an engine.
//!
//! A [`Larder`](crate::Larder) is one engine. Clones of it are handles to the same one; two engines
//! share nothing, and there is no global one. What you work with is a
//! [`Namespace`](crate::Namespace): a keyspace with a name. Its operations stand in groups by the
//! kind of value they work on: [`strings`](crate::Namespace::strings),
//! [`counters`](crate::Namespace::counters), [`sorted_sets`](crate::Namespace::sorted_sets),
//! [`leases`](crate::Namespace::leases), [`objects`](crate::Namespace::objects), and
//! [`keys`](crate::Namespace::keys) for what works on every kind.
//!
//! ```
//! use larder::{Expiry, Kind, Larder};
//! use std::sync::Arc;
//!
//! let larder = Larder::new();
//! let app = larder.namespace("app")?;
//!
//! app.strings().set("greeting", "hello")?;
//! assert_eq!(app.strings().get("greeting")?.as_deref(), Some(&b"hello"[..]));
//!
//! // The program's own values, kept as they are: nothing is serialised.
//! app.objects().put("settings", Arc::new(vec![1, 2, 3]), Expiry::Never)?;
//! let settings: Option<Arc<Vec<i32>>> = app.objects().get("settings")?;
//! assert_eq!(settings.as_deref(), Some(&vec![1, 2, 3]));
//! assert_eq!(app.keys().kind("settings")?, Some(Kind::Object));
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Keys** are bytes: anything that is `AsRef<[u8]>`. An empty key is a key.
//!
//! **Threads.** Every handle can be used from any thread, and every operation is one step that no
//! other thread sees half done.
//!
//! **Costs.** Opening starts no thread. A namespace has 64 locks by default
//! ([`Builder::shards`](crate::Builder::shards)); reads of one shard do not wait for one another.
//!
//! **What it does not do.** It opens no socket and writes no file.
