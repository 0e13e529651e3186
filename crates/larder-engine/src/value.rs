//! Values: what a key can hold.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use larder_collections::blob::Blob;
use larder_collections::rope::Rope;
use larder_collections::sorted_set::SortedSet;

use crate::lease::Lease;

/// The kinds of value a key can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    String,
    SortedSet,
    Lease,
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::SortedSet => "sorted set",
            Self::Lease => "lease",
            Self::Object => "object",
        })
    }
}

/// What a key holds. A string has three forms: whole, as the integer that its bytes spell, and as
/// a rope once it was long and changed in place.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Str(Blob),
    Int(i64),
    Rope(Box<Rope>),
    SortedSet(Box<SortedSet>),
    Lease(Box<Lease>),
    Object(Object),
}

// Two of these and a word make an entry of 56 bytes.
const _: () = assert!(size_of::<Value>() == 24);

/// A value of the program's own, kept as it is.
///
/// Cloning shares it. Its weight counts against a budget of bytes.
#[derive(Clone)]
pub struct Object(Arc<Weighed<dyn Any + Send + Sync>>);

struct Weighed<T: ?Sized> {
    weight: u64,
    value: T,
}

impl Object {
    /// Wraps `value`, which weighs `weight` bytes in a budget.
    pub fn new<T: Any + Send + Sync>(value: T, weight: u64) -> Self {
        Self(Arc::new(Weighed { weight, value }))
    }

    /// The value, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.value.downcast_ref()
    }

    /// What it weighs in a budget, in bytes.
    pub fn weight(&self) -> u64 {
        self.0.weight
    }

    /// True when both are the same value, not merely equal ones.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("weight", &self.0.weight).finish_non_exhaustive()
    }
}

impl Value {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Str(_) | Self::Int(_) | Self::Rope(_) => Kind::String,
            Self::SortedSet(_) => Kind::SortedSet,
            Self::Lease(_) => Kind::Lease,
            Self::Object(_) => Kind::Object,
        }
    }

    /// The bytes that the value holds beside its entry. O(1).
    #[inline]
    pub(crate) fn heap_bytes(&self) -> u64 {
        match self {
            Self::Str(blob) => blob.heap_bytes() as u64,
            Self::Int(_) => 0,
            Self::Rope(rope) => (size_of::<Rope>() + rope.heap_bytes()) as u64,
            Self::SortedSet(set) => (size_of::<SortedSet>() + set.heap_bytes()) as u64,
            Self::Lease(lease) => (size_of::<Lease>() + lease.owner.heap_bytes()) as u64,
            Self::Object(object) => object.weight(),
        }
    }

    /// True when dropping it runs the program's code or frees much, and so must wait until no lock
    /// is held.
    #[inline]
    pub(crate) fn drops_late(&self) -> bool {
        match self {
            Self::Str(blob) => blob.heap_bytes() > LARGE_STRING,
            Self::Int(_) | Self::Lease(_) => false,
            Self::Rope(_) | Self::SortedSet(_) | Self::Object(_) => true,
        }
    }

    /// Drops at most about `count` elements of a large collection; true when nothing much is left
    /// and the rest can be dropped at once.
    pub(crate) fn dismantle(&mut self, count: usize) -> bool {
        match self {
            Self::SortedSet(set) => set.drop_some(count) == 0,
            Self::Rope(rope) => rope.drop_some(count.div_ceil(16)) == 0,
            Self::Str(_) | Self::Int(_) | Self::Lease(_) | Self::Object(_) => true,
        }
    }

    /// How many elements dropping it frees one by one.
    pub(crate) fn elements(&self) -> usize {
        match self {
            Self::SortedSet(set) if !set.is_packed() => set.len(),
            Self::Rope(rope) => rope.len() / 1024,
            _ => 1,
        }
    }
}

/// Strings above this many bytes are freed outside the lock: giving megabytes back to the system
/// takes longer than a shard may be held.
const LARGE_STRING: usize = 64 * 1024;

/// Contents compare: a string equals its integer form. Objects compare by identity.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SortedSet(a), Self::SortedSet(b)) => a == b,
            (Self::Lease(a), Self::Lease(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a.is(b),
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (a, b) if a.kind() == Kind::String && b.kind() == Kind::String => {
                crate::ops::string::to_blob(a) == crate::ops::string::to_blob(b)
            }
            _ => false,
        }
    }
}
