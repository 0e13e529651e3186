//! The guide: one thing at a time.
