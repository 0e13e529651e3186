//! A blob: an immutable byte string, inline when short, shared when long.
//!
//! Keys, string values, fields and members are made of blobs. Most of them are
//! short, so the common case costs no allocation and no pointer to follow; the
//! long ones are counted, so that a reader clones one under the lock and uses it
//! outside.
//!
//! ```text
//! byte      0 ........................ 22    23
//! inline  [ bytes, then zeroes           ][ len ]     0..=23 bytes
//! shared  [ pointer ][ length ][ unused  ][  24 ]     Arc<[u8]>, 24 bytes and more
//! ```
//!
//! The bytes come first, so that they are aligned: a copy that is read again at once comes out of
//! the store buffer.
//!
//! The length of an inline blob is an enum of 24 names, not a number: so the
//! compiler knows that byte 23 never holds 24 or more, tells the shared form (and
//! the variants of an enum *around* a blob, `Option` too) by those values, and
//! checks no bound when it takes the slice.
//!
//! # Invariants
//!
//! 1. 23 bytes or fewer are inline, more are shared: equal bytes have equal form.
//! 2. The unused bytes of an inline blob are zero, so two inline blobs compare as
//!    24 bytes with no loop and no call.
//!
//! # Cost
//!
//! 24 bytes, and `16 + len` on the heap for a long one. `clone`: a copy of 24
//! bytes, or one atomic increment.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::Utf8Error;
use std::sync::Arc;

/// The greatest number of bytes that need no allocation.
pub const INLINE: usize = 23;

/// Bytes that `Debug` shows before it cuts.
const SHOWN: usize = 64;

/// What an `Arc<[u8]>` allocates beside the bytes: its two counts.
const COUNTS: usize = 2 * size_of::<usize>();

const _: () = assert!(size_of::<Blob>() == 24);
const _: () = assert!(size_of::<Option<Blob>>() == 24);

/// An immutable byte string: see the [module](self).
///
/// It compares, orders and hashes as `[u8]` does, so a map keyed by blobs can be asked with a slice.
///
/// ```
/// use larder_collections::blob::Blob;
///
/// let short = Blob::from("user:1000");
/// assert_eq!(short, b"user:1000");
/// assert_eq!(short.heap_bytes(), 0);
///
/// let long = Blob::from(vec![7; 1000]);
/// let same = long.clone(); // counts, copies nothing
/// assert_eq!(same.as_ptr(), long.as_ptr());
/// ```
pub struct Blob(Repr);

enum Repr {
    Inline(Inline),
    Shared(Arc<[u8]>),
}

/// One `Copy` struct, not two fields of the variant: it is copied as 24 bytes at once.
#[derive(Clone, Copy)]
#[repr(C)]
struct Inline {
    bytes: [u8; INLINE],
    len: InlineLen,
}

impl Inline {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

/// A number up to 23 whose other values the compiler may use.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
enum InlineLen {
    _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11,
    _12, _13, _14, _15, _16, _17, _18, _19, _20, _21, _22, _23,
}

impl InlineLen {
    #[rustfmt::skip]
    const ALL: [Self; INLINE + 1] = {
        use InlineLen::*;
        [
            _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11,
            _12, _13, _14, _15, _16, _17, _18, _19, _20, _21, _22, _23,
        ]
    };
}

impl Blob {
    /// A copy of `bytes`.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        match InlineLen::ALL.get(bytes.len()) {
            Some(&len) => {
                let mut inline = Inline { len, bytes: [0; INLINE] };
                inline.bytes[..bytes.len()].copy_from_slice(bytes);
                Self(Repr::Inline(inline))
            }
            None => Self(Repr::Shared(Arc::from(bytes))),
        }
    }

    /// The blob of no bytes.
    pub const fn empty() -> Self {
        Self(Repr::Inline(Inline { len: InlineLen::_0, bytes: [0; INLINE] }))
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(inline) => inline.as_slice(),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline(inline) => inline.len as usize,
            Repr::Shared(bytes) => bytes.len(),
        }
    }

    /// True when there is no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Repr::Inline(Inline { len: InlineLen::_0, .. }))
    }

    /// True when the bytes need no allocation.
    #[inline]
    pub fn is_inline(&self) -> bool {
        matches!(self.0, Repr::Inline(..))
    }

    /// The bytes on the heap, the counts included; each clone of a shared blob tells them all.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        Self::heap_bytes_of(self.len())
    }

    /// The bytes that a blob of `len` bytes would hold beside itself. O(1).
    pub fn heap_bytes_of(len: usize) -> usize {
        if len <= INLINE { 0 } else { len + COUNTS }
    }

    /// The bytes as text.
    ///
    /// # Errors
    ///
    /// Fails when they are no UTF-8.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self)
    }

    /// Apart from `clone`, so that the two forms do not meet in registers: the inline one is
    /// copied from memory to memory.
    #[inline(never)]
    fn share(bytes: &Arc<[u8]>) -> Self {
        Self(Repr::Shared(Arc::clone(bytes)))
    }

    /// Checks the invariants. For tests and fuzzing only.
    #[doc(hidden)]
    pub fn assert_valid(&self) {
        match &self.0 {
            Repr::Inline(inline) => {
                assert!(
                    inline.bytes[inline.len as usize..].iter().all(|&byte| byte == 0),
                    "a dirty tail"
                );
            }
            Repr::Shared(bytes) => assert!(bytes.len() > INLINE, "{} shared bytes", bytes.len()),
        }
    }
}

impl Clone for Blob {
    #[inline]
    fn clone(&self) -> Self {
        match &self.0 {
            Repr::Inline(inline) => Self(Repr::Inline(*inline)),
            Repr::Shared(bytes) => Self::share(bytes),
        }
    }
}

impl Default for Blob {
    fn default() -> Self {
        Self::empty()
    }
}

impl Deref for Blob {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Blob {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Blob {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Blob {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Blob {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Blob {
    #[inline]
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(&bytes)
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<Arc<[u8]>> for Blob {
    /// Long bytes are shared with the argument, not copied.
    fn from(bytes: Arc<[u8]>) -> Self {
        if bytes.len() > INLINE { Self(Repr::Shared(bytes)) } else { Self::new(&bytes) }
    }
}

impl PartialEq for Blob {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // Whole arrays: their tails are zero, and a constant length needs no call.
            (Repr::Inline(inline), Repr::Inline(other)) => {
                inline.len == other.len && inline.bytes == other.bytes
            }
            (Repr::Shared(bytes), Repr::Shared(other)) => bytes == other,
            _ => false,
        }
    }
}

impl Eq for Blob {}

impl PartialEq<[u8]> for Blob {
    #[inline]
    fn eq(&self, other: &[u8]) -> bool {
        match &self.0 {
            Repr::Inline(inline) => {
                inline.len as usize == other.len() && is_same(inline.as_slice(), other)
            }
            Repr::Shared(bytes) => **bytes == *other,
        }
    }
}

impl PartialEq<&[u8]> for Blob {
    #[inline]
    fn eq(&self, other: &&[u8]) -> bool {
        *self == **other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Blob {
    #[inline]
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.as_slice() == *other
    }
}

impl PartialOrd for Blob {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Blob {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other)
    }
}

impl Hash for Blob {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// Compares two short slices of equal length by their first and last bytes, which may overlap.
///
/// A table compares keys in the middle of its probe; a call to `memcmp` there would make it save
/// its registers.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    #[inline]
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> Option<bool> {
        let is_same = a.first_chunk::<N>()? == b.first_chunk()?;
        Some(is_same & (a.last_chunk::<N>()? == b.last_chunk()?))
    }
    debug_assert!(a.len() == b.len() && a.len() <= INLINE);
    ends::<16>(a, b)
        .or_else(|| ends::<8>(a, b))
        .or_else(|| ends::<4>(a, b))
        .or_else(|| ends::<2>(a, b))
        .unwrap_or_else(|| a.first() == b.first())
}

impl fmt::Debug for Blob {
    /// Escaped ASCII between quotes; a long blob is cut and its length told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.split_at_checked(SHOWN) {
            Some((shown, rest)) if !rest.is_empty() => {
                write!(f, "\"{}\"... {} bytes", shown.escape_ascii(), self.len())
            }
            _ => write!(f, "\"{}\"", self.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::collections::HashMap;
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    /// What an engine keeps in an entry; only its size matters here.
    #[expect(dead_code, reason = "never made")]
    enum Value {
        Str(Blob),
        Int(i64),
        Boxed(Box<u64>),
        Obj(Arc<dyn Any + Send + Sync>),
    }

    const _: () = assert!(size_of::<Value>() == 24);
    const _: () = assert!(size_of::<Option<Value>>() == 24);

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        // Lengths about the border, and bytes that tell a zero tail from zeroes that count.
        prop::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..48)
    }

    proptest! {
        #[test]
        fn a_blob_compares_orders_and_hashes_as_its_bytes(
            a in bytes(),
            b in bytes(),
            cut in 0..48_usize,
            is_prefix in any::<bool>(),
        ) {
            // The second is mostly a prefix of the first, or differs in one byte: the hardest cases.
            let b = match a.get(cut) {
                Some(_) if is_prefix => a[..cut].to_vec(),
                Some(byte) => [&a[..cut], &[byte ^ 1], &a[cut + 1..]].concat(),
                None => b,
            };
            let (x, y) = (Blob::from(a.as_slice()), Blob::from(b.clone()));
            x.assert_valid();
            prop_assert_eq!(x.as_slice(), a.as_slice());
            prop_assert_eq!(x.len(), a.len());
            prop_assert_eq!(x.is_empty(), a.is_empty());
            prop_assert_eq!(x.is_inline(), a.len() <= INLINE);
            prop_assert_eq!(x == y, a == b);
            prop_assert_eq!(x == b.as_slice(), a == b);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(&x.clone(), &x);
            let state = RandomState::new();
            prop_assert_eq!(state.hash_one(&x), state.hash_one(a.as_slice()));
        }
    }

    #[test]
    fn the_last_inline_byte_costs_nothing_and_the_next_is_shared() {
        let (short, long) = (Blob::from(&[9; INLINE]), Blob::from(&[9; INLINE + 1]));
        assert_eq!((short.is_inline(), short.heap_bytes()), (true, 0));
        assert_eq!((long.is_inline(), long.heap_bytes()), (false, 40));
        assert_ne!(short, long);
        assert_eq!(long.clone().as_ptr(), long.as_ptr(), "a clone shares");
        let shared: Arc<[u8]> = Arc::from([1; 100]);
        assert_eq!(Blob::from(Arc::clone(&shared)).as_ptr(), shared.as_ptr());
    }

    #[test]
    fn a_map_of_blobs_answers_to_a_slice() {
        let map = HashMap::from([(Blob::from("a"), 1), (Blob::from(String::from("b")), 2)]);
        assert_eq!(map.get(b"b".as_slice()), Some(&2));
        assert_eq!(map.get(b"c".as_slice()), None);
    }

    #[test]
    fn debug_escapes_and_is_bounded() {
        assert_eq!(format!("{:?}", Blob::from(b"a\0\"\xff")), r#""a\x00\"\xff""#);
        assert_eq!(format!("{:?}", Blob::default()), "\"\"");
        assert_eq!(format!("{:?}", Blob::from(vec![b'x'; 64])).len(), 66);
        let long = format!("{:?}", Blob::from(vec![b'x'; 1 << 20]));
        assert!(long.ends_with("\"... 1048576 bytes") && long.len() < 100, "{long}");
    }

    #[test]
    fn text_comes_back_as_text() {
        assert_eq!(Blob::from("grün").to_str(), Ok("grün"));
        assert!(Blob::from(b"\xff").to_str().is_err());
    }
}
