//! The keyspace engine: everything that happens under a shard lock.
