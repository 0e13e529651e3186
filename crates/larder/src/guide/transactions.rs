//! Transactions: many operations as one step, and watches.
//!
//! [`transaction`](crate::Larder::transaction) runs a closure. Every group of operations stands on
//! the [`Txn`](crate::Txn) too, for any number of namespaces. Nobody sees it half done. An error
//! that the closure returns takes everything back, and so does a panic.
//!
//! ```
//! use larder::{Error, Larder};
//!
//! let larder = Larder::new();
//! let shop = larder.namespace("shop")?;
//! shop.counters().set("stock", 1)?;
//!
//! let buy = |who: &str| {
//!     larder.transaction(|tx| {
//!         if tx.counters(&shop).add("stock", -1)? < 0 {
//!             return Err(Error::NoSuchKey); // takes the -1 back
//!         }
//!         tx.sorted_sets(&shop).increment("buyers", who, 1.0).map(drop)
//!     })
//! };
//! assert_eq!((buy("ann"), buy("bob")), (Ok(()), Err(Error::NoSuchKey)));
//! assert_eq!(shop.counters().value("stock")?, 0);
//!
//! // A watch: look first, take your time, and go on only if nothing has changed.
//! let mut watch = larder.watch();
//! watch.key(&shop, "stock")?;
//! let stock = shop.counters().value("stock")?;
//! shop.counters().add("stock", 10)?;                         // somebody else
//! let result = larder.transaction(|tx| {
//!     tx.check(&watch)?;
//!     tx.counters(&shop).set("stock", stock + 1)
//! });
//! assert_eq!(result, Err(Error::WatchedKeyChanged));
//! # Ok::<(), Error>(())
//! ```
//!
//! **Pass errors on.** A closure may run several times: touching keys against the order of the
//! locks, or a full budget, takes it back and starts it again. So let it do nothing but operations,
//! and pass [`Error::Restart`](crate::Error::Restart) on with `?`. A closure that swallows it is
//! started again all the same.
//!
//! **Inside**, use the transaction's own operations. Entering the engine by another door is
//! [`Error::InsideTransaction`](crate::Error::InsideTransaction), and looking at figures (`len`,
//! `stats`), which cannot be an error, a panic.
//!
//! **Costs.** One lock for each shard it touches, held until it ends: keep it short. What can be
//! moved is not copied for the roll-back. The clock is read once.
//!
//! **What it does not do.** It cannot wait, scan or draw a random key. It crosses the limit of a
//! budget as a whole, and what is too much is evicted when it has ended.
