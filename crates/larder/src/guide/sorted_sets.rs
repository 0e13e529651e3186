//! Sorted sets: members in the order of their scores.
//!
//! For leaderboards, schedules (the score is a time), rate limits, and anything that is asked for
//! by range or by rank. Members are bytes, scores are floats; members of one score stand in the
//! order of their bytes.
//!
//! ```
//! use larder::{AddOptions, Aggregate, Combine, Larder, Span};
//!
//! let game = Larder::new().namespace("game")?;
//! let points = [("ann", 30.0), ("bob", 10.0), ("cid", 20.0)];
//! game.sorted_sets().add_with("monday", &points, AddOptions::new())?;
//! game.sorted_sets().increment("monday", "bob", 15.0)?;
//! game.sorted_sets().add_with("monday", &[("ann", 5.0)], AddOptions::new().if_greater())?;
//!
//! let top_two = Span::ranks(0, 1).reversed();
//! let top = game.sorted_sets().range("monday", &top_two)?;
//! assert_eq!(top, [("ann".into(), 30.0), ("bob".into(), 25.0)]);
//! assert_eq!(game.sorted_sets().rank_from_top("monday", "cid")?, Some(2));
//! assert_eq!(game.sorted_sets().count("monday", &Span::scores(20.0..=25.0))?, 2);
//!
//! game.sorted_sets().add("tuesday", "bob", 100.0)?;
//! let week = [("monday", 1.0), ("tuesday", 1.0)];
//! game.sorted_sets().combine_store("week", &week, Combine::Union(Aggregate::Sum))?;
//! assert_eq!(game.sorted_sets().pop_max("week")?, Some(("bob".into(), 125.0)));
//! # Ok::<(), larder::Error>(())
//! ```
//!
//! **Costs.** Finding a place, by score, by member or by rank, is O(log n), and each member from
//! there O(1). A small set is one packed piece of memory. Growing never stalls, and a large set
//! that is deleted is freed in steps.
//!
//! **What it does not do.** A score is never NaN. A set that loses its last member is no key any
//! more, and starts anew without its deadline.
