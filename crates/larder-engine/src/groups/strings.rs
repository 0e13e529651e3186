//! Strings: bytes under a key.

use std::time::Duration;

use larder_collections::blob::Blob;
use larder_collections::extended::Extended;

use crate::access::{Access, Room};
use crate::error::Result;
use crate::expiry::Expiry;
use crate::ops::string::{self, SetOptions, Text};
use crate::value::Value;

/// Operations on strings: see [`Namespace::strings`](crate::Namespace::strings).
///
/// Every operation fails with [`Error::WrongKind`](crate::Error::WrongKind) where the key holds
/// another kind of value, if its description does not say otherwise, and with
/// [`Error::KeyTooLong`](crate::Error::KeyTooLong) or
/// [`Error::ValueTooLong`](crate::Error::ValueTooLong) beyond the engine's limits.
///
/// ```
/// use larder_engine::Larder;
///
/// let app = Larder::new().namespace("app")?;
/// app.strings().set("page:1", "<html>")?;
/// app.strings().append("page:1", "</html>")?;
/// assert_eq!(&*app.strings().range("page:1", -7, -1)?, b"</html>");
/// assert_eq!(app.strings().get_many(&["page:1", "page:2"])?[1], None);
/// # Ok::<(), larder_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct Strings<'a, 'e>(pub(crate) Access<'a, 'e>);

impl Strings<'_, '_> {
    /// The string, or `None`. O(1); O(length) for one that was changed in place.
    #[inline]
    pub fn get(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        // The common answer is made where it is returned, with no step between; a rope is put
        // together when the lock is released.
        let mut rope = None;
        let found = self.0.view(key.as_ref(), |value| match value {
            Some(Value::Str(blob)) => Ok(Some(blob.clone())),
            None => Ok(None),
            Some(other) => match string::text(Some(other))? {
                Some(Text::Rope(text)) => {
                    rope = Some(text);
                    Ok(None)
                }
                text => Ok(text.map(Text::into_blob)),
            },
        });
        match rope {
            Some(rope) => Ok(Some(rope.to_vec().into())),
            None => found,
        }
    }

    /// The strings of several keys, read as one step; `None` also where a key holds another kind.
    pub fn get_many<K: AsRef<[u8]>>(&mut self, keys: &[K]) -> Result<Vec<Option<Blob>>> {
        let texts = self.0.atomically(Room::Shrinks, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            let mut texts = Vec::with_capacity(keys.len());
            for key in keys {
                txn.core.check_key(key.as_ref())?;
                let mut slot = txn.slot(keyspace, key.as_ref())?;
                slot.accessed();
                texts.push(string::text(slot.value()).unwrap_or(None));
            }
            Ok(texts)
        })?;
        Ok(texts.into_iter().map(|text| text.map(Text::into_blob)).collect())
    }

    /// The length in bytes; 0 for a missing key.
    pub fn len(&mut self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.0.view(key.as_ref(), string::len)
    }

    /// The bytes from `start` to `stop`, both included; negative positions count from the end.
    pub fn range(&mut self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<Blob> {
        self.0.view(key.as_ref(), |value| string::range(value, start, stop))
    }

    /// Sets the string, whatever the key held, and clears its deadline.
    #[inline]
    pub fn set(&mut self, key: impl AsRef<[u8]>, value: impl Into<Blob>) -> Result<()> {
        self.set_with(key, value, SetOptions::new()).map(drop)
    }

    /// Sets the string for a time.
    pub fn set_for(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl Into<Blob>,
        ttl: Duration,
    ) -> Result<()> {
        self.set_with(key, value, SetOptions::new().expiry(Expiry::In(ttl))).map(drop)
    }

    /// Sets the string if there is no such key; false if there is.
    pub fn set_if_absent(&mut self, key: impl AsRef<[u8]>, value: impl Into<Blob>) -> Result<bool> {
        self.set_with(key, value, SetOptions::new().if_absent())
    }

    /// Sets the string as `options` say; false when their condition does not hold.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidExpiry`](crate::Error::InvalidExpiry).
    #[inline]
    pub fn set_with(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl Into<Blob>,
        options: SetOptions,
    ) -> Result<bool> {
        let value = Value::Str(value.into());
        self.0.update(key.as_ref(), Room::Grows, |slot| string::set(slot, value, options))
    }

    /// Sets the string as `options` say and returns the one before. The first of the result is
    /// false when the condition did not hold.
    pub fn swap(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl Into<Blob>,
        options: SetOptions,
    ) -> Result<(bool, Option<Blob>)> {
        let value = Value::Str(value.into());
        let (is_set, before) =
            self.0.update(key.as_ref(), Room::Grows, |slot| string::swap(slot, value, options))?;
        Ok((is_set, before.map(Text::into_blob)))
    }

    /// Sets several keys as one step.
    pub fn set_many<K: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, pairs: &[(K, V)]) -> Result<()> {
        self.write_many(pairs, false).map(drop)
    }

    /// Sets several keys as one step if none of them exists; false if one does.
    pub fn set_many_if_absent<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        pairs: &[(K, V)],
    ) -> Result<bool> {
        self.write_many(pairs, true)
    }

    fn write_many<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        pairs: &[(K, V)],
        if_absent: bool,
    ) -> Result<bool> {
        self.0.atomically(Room::Grows, |txn, namespace| {
            let keyspace = txn.keyspace(namespace)?;
            for (key, _) in pairs {
                txn.core.check_key(key.as_ref())?;
                if txn.slot(keyspace, key.as_ref())?.exists() && if_absent {
                    return Ok(false);
                }
            }
            for (key, value) in pairs {
                let value = Value::Str(value.as_ref().into());
                string::set(&mut txn.slot(keyspace, key.as_ref())?, value, SetOptions::new())?;
            }
            Ok(true)
        })
    }

    /// Removes the string and returns it.
    pub fn take(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        Ok(self.0.update(key.as_ref(), Room::Shrinks, string::take)?.map(Text::into_blob))
    }

    /// Returns the string and changes its deadline.
    pub fn get_and_expire(
        &mut self,
        key: impl AsRef<[u8]>,
        expiry: Expiry,
    ) -> Result<Option<Blob>> {
        let text = self.0.update(key.as_ref(), Room::Shrinks, |slot| {
            slot.accessed();
            string::get_and_expire(slot, expiry)
        })?;
        Ok(text.map(Text::into_blob))
    }

    /// Appends and returns the new length. O(appended), amortised; the deadline stays.
    pub fn append(&mut self, key: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Result<usize> {
        self.0.update(key.as_ref(), Room::Grows, |slot| string::append(slot, bytes.as_ref()))
    }

    /// Writes into the string at a position, growing it with zeros as needed, and returns its
    /// length. Writing nothing changes nothing. O(written); the deadline stays.
    pub fn write_range(
        &mut self,
        key: impl AsRef<[u8]>,
        at: usize,
        bytes: impl AsRef<[u8]>,
    ) -> Result<usize> {
        let bytes = bytes.as_ref();
        self.0.update(key.as_ref(), Room::Grows, |slot| string::write_range(slot, at, bytes))
    }

    /// Adds to the decimal number that the string spells (a missing key spells 0) and returns the
    /// sum, which is kept with up to 17 digits after the point. Computed with 64 bits of precision,
    /// so that 0.1 and 0.2 make 0.3.
    ///
    /// # Errors
    ///
    /// [`Error::NotAFloat`](crate::Error::NotAFloat), [`Error::Overflow`](crate::Error::Overflow)
    /// when the sum is not finite.
    pub fn add_float(&mut self, key: impl AsRef<[u8]>, delta: f64) -> Result<f64> {
        let sum = self.add_extended(key, Extended::from_f64(delta))?;
        Ok(sum.to_f64())
    }

    /// Like [`add_float`](Self::add_float), with a number of 64 bits of precision.
    pub fn add_extended(&mut self, key: impl AsRef<[u8]>, delta: Extended) -> Result<Extended> {
        self.0.update(key.as_ref(), Room::Grows, |slot| string::increment_float(slot, delta))
    }
}
