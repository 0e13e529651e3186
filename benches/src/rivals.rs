//! The neighbours, each used as its users use it. Those of the standard library are always here; the
//! others come with the feature `rivals`.

pub mod maps;
pub mod policies;
pub mod rankings;
