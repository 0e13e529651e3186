//! Counters: strings that spell 64-bit integers.

use crate::access::{Access, Room};
use crate::error::Result;
use crate::ops::string::{self, SetOptions};
use crate::value::Value;

/// Operations on counters: see [`Namespace::counters`](crate::Namespace::counters). A counter is a
/// string that spells an integer, so the operations on strings work on it too.
///
/// ```
/// use larder_engine::{Error, Larder};
///
/// let app = Larder::new().namespace("app")?;
/// assert_eq!(app.counters().add("visits", 1)?, 1);
/// assert_eq!(app.strings().get("visits")?.as_deref(), Some(&b"1"[..]));
///
/// app.counters().set("full", i64::MAX)?;
/// assert_eq!(app.counters().add("full", 1), Err(Error::Overflow));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Counters<'a, 'e>(pub(crate) Access<'a, 'e>);

impl Counters<'_, '_> {
    /// The number; 0 for a missing key.
    ///
    /// # Errors
    ///
    /// [`Error::NotAnInteger`](crate::Error::NotAnInteger).
    pub fn value(&mut self, key: impl AsRef<[u8]>) -> Result<i64> {
        self.0.view(key.as_ref(), string::integer)
    }

    /// Adds and returns the sum; a missing key counts from 0. The deadline stays.
    ///
    /// # Errors
    ///
    /// [`Error::Overflow`](crate::Error::Overflow),
    /// [`Error::NotAnInteger`](crate::Error::NotAnInteger).
    pub fn add(&mut self, key: impl AsRef<[u8]>, delta: i64) -> Result<i64> {
        self.0.update(key.as_ref(), Room::Grows, |slot| string::increment(slot, delta))
    }

    /// Sets the number, whatever the key held, and clears its deadline.
    pub fn set(&mut self, key: impl AsRef<[u8]>, number: i64) -> Result<()> {
        let options = SetOptions::new();
        self.0
            .update(key.as_ref(), Room::Grows, |slot| {
                string::set(slot, &mut Value::Int(number), options)
            })
            .map(drop)
    }
}
