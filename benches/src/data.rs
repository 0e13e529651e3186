//! Keys, values and members, computed from a number in a few cycles so that a timed loop does not
//! read them from memory.
//!
//! A value is one 8-byte word, repeated: the low 56 bits belong to the key, the high 8 are the
//! version of the write. So a reader can compare every byte without knowing which write it sees.

/// A key of the `kv` suite.
pub type Key = [u8; 20];

/// A key, value or sorted-set member of 16 bytes.
pub type Short = [u8; 16];

/// The longest value that [`Value::new`] makes.
pub const MAX_VALUE: usize = 200;

const TAG: u64 = (1 << 56) - 1;

/// Spreads a number over 64 bits; distinct numbers stay distinct.
#[inline]
#[must_use]
pub const fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The 20-byte key number `id`.
#[inline]
#[must_use]
pub fn key(id: u32) -> Key {
    let word = mix(u64::from(id));
    let mut key = [0; 20];
    key[..8].copy_from_slice(&word.to_le_bytes());
    key[8..16].copy_from_slice(&(!word).to_le_bytes());
    key[16..].copy_from_slice(&id.to_le_bytes());
    key
}

/// The 16-byte string number `id`: a key, a value or a member.
#[inline]
#[must_use]
pub fn short(id: u32) -> Short {
    let word = mix(u64::from(id));
    let mut short = [0; 16];
    short[..8].copy_from_slice(&word.to_le_bytes());
    short[8..].copy_from_slice(&word.rotate_left(23).to_le_bytes());
    short
}

/// A score in `0.0..1e6` for draw number `draw`.
#[inline]
#[must_use]
pub fn score(draw: u64) -> f64 {
    (mix(draw ^ 0x5C0E) >> 11) as f64 / (1u64 << 53) as f64 * 1e6
}

/// A value on the stack, ready to be written.
#[derive(Debug)]
pub struct Value {
    bytes: [u8; MAX_VALUE],
    len: usize,
}

impl Value {
    /// The value of key `id`, as written for the `version`-th time; `len` bytes, 8 to [`MAX_VALUE`].
    #[inline]
    #[must_use]
    pub fn new(id: u32, version: u8, len: usize) -> Self {
        let word = (mix(u64::from(id)) & TAG | u64::from(version) << 56).to_le_bytes();
        let mut bytes = [0; MAX_VALUE];
        for chunk in bytes[..len.next_multiple_of(8)].chunks_exact_mut(8) {
            chunk.copy_from_slice(&word);
        }
        Self { bytes, len }
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Whether these are `len` bytes that [`Value::new`] made for key `id`, whatever the version.
#[inline]
#[must_use]
pub fn is_value_of(bytes: &[u8], id: u32, len: usize) -> bool {
    let Some(word) = bytes.first_chunk::<8>() else { return false };
    bytes.len() == len
        && u64::from_le_bytes(*word) & TAG == mix(u64::from(id)) & TAG
        && bytes[8..] == bytes[..len - 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_by_every_byte() {
        for len in [8, 22, 200] {
            let value = Value::new(7, 3, len);
            assert!(is_value_of(value.bytes(), 7, len));
            assert!(!is_value_of(value.bytes(), 8, len));
            for at in (0..len).filter(|at| *at != 7) {
                let mut wrong = value.bytes().to_vec();
                wrong[at] ^= 1;
                assert!(!is_value_of(&wrong, 7, len), "byte {at} of {len} is not compared");
            }
        }
    }

    #[test]
    fn keys_are_distinct() {
        let mut keys: Vec<_> = (0..10_000).map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 10_000);
    }
}
