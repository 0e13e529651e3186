//! The value behind locks: who holds it, under which fence.

use larder_collections::blob::Blob;

/// A live grant. Its end is the entry's deadline; a lease that has passed it is no entry any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Whatever the holder said of itself; others may read it.
    pub owner: Blob,
    /// The grant's number: greater than that of every grant before it, of any lease.
    pub fence: u64,
}
