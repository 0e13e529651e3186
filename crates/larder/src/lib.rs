//! larder: an embedded data-structure engine.
