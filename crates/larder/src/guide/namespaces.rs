//! Namespaces and budgets: several keyspaces in one engine, each with its own rules.
//!
//! Give what may be lost and what must stay namespaces of their own: a cache with a budget beside
//! sessions without one. Keys of the same name in two namespaces have nothing to do with each
//! other; a transaction may work in both.
//!
//! A [`Budget`](crate::Budget) limits bytes or entries. It is an object, so several namespaces can
//! share one, and its limit can be changed while they run.
//!
//! ```
//! use larder::{Budget, Larder, NamespaceOptions};
//!
//! let larder = Larder::new();
//! let sessions = larder.namespace("sessions")?;              // unbounded
//! let budget = Budget::entries(100);
//! let pages = larder.namespace_with("pages", NamespaceOptions::cache(budget.clone()))?;
//!
//! sessions.strings().set("7", "ann")?;
//! for n in 0..1000 {
//!     pages.strings().set(format!("/page/{n}"), "<html>")?;
//! }
//! assert_eq!((pages.len(), budget.used()), (100, 100));
//! assert_eq!(sessions.len(), 1);                             // untouched
//!
//! budget.set_limit(10);                                      // holds from the next write on
//! pages.strings().set("/page/next", "<html>")?;
//! assert_eq!(pages.len(), 10);
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Shared budgets.** A write that makes too much evicts from its own namespace first, then from
//! the others that share the budget.
//!
//! **What counts.** In a budget of bytes: keys, values and the engine's own cost an entry, some 90
//! bytes. [`stats`](crate::Larder::stats) shows the same figure. An object weighs what its owner
//! says ([`Object::new`](crate::Object::new)).
//!
//! **Costs.** A budget costs each write two additions; an eviction locks one shard.
//!
//! **What it does not do.** Namespaces are not removed; [`flush`](crate::Keys::flush) empties one.
//! Options are given once: asking for a namespace with other options is an error.
