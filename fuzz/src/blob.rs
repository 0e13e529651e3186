//! Two byte strings, as blobs, compare, order and hash as they do as slices.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use larder_collections::blob::Blob;

/// See the module.
pub fn run(data: &[u8]) {
    let Some((&cut, rest)) = data.split_first() else { return };
    let (a, b) = rest.split_at(usize::from(cut).min(rest.len()));
    // Short inputs matter most: both sides of the border between inline and shared.
    let b = &b[..b.len().min(usize::from(cut))];
    let (x, y) = (Blob::from(a), Blob::from(b.to_vec()));
    x.assert_valid();
    y.assert_valid();
    assert_eq!(x.as_slice(), a);
    assert_eq!(x.len(), a.len());
    assert_eq!(x == y, a == b);
    assert_eq!(x == b, a == b);
    assert_eq!(x.cmp(&y), a.cmp(b));
    assert_eq!(x.clone(), x);
    assert_eq!(x.heap_bytes() == 0, x.is_inline());
    let state = BuildHasherDefault::<DefaultHasher>::default();
    assert_eq!(state.hash_one(&x), state.hash_one(a));
    assert!(format!("{x:?}").len() < 300, "debug is bounded");
}
