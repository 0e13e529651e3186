//! The guide: one thing a page, each with an example that runs.
//!
//! | page | answers |
//! |---|---|
//! | [`start`] | How do I open one, and what do I hold? |
//! | [`namespaces`] | How do I keep a cache from crowding out what must stay? |
//! | [`time`] | When does a key go, and how do I test that? |
//! | [`strings`] | Bytes and numbers under a key |
//! | [`sorted_sets`] | Leaderboards, schedules, ranges |
//! | [`transactions`] | Many changes as one step; has something changed since I looked? |
//! | [`leases`] | Locks whose late holders can do no harm |
//! | [`waits`] | Taking something as soon as it is there |
//! | [`events`] | Hearing of what happens to keys |
//! | [`eviction`] | Who goes when there is too much |
//! | [`errors`] | Limits, and what can be refused |
//! | [`closing`] | How it ends |

pub mod closing;
pub mod errors;
pub mod events;
pub mod eviction;
pub mod leases;
pub mod namespaces;
pub mod sorted_sets;
pub mod start;
pub mod strings;
pub mod time;
pub mod transactions;
pub mod waits;
