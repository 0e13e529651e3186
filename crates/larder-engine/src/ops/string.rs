//! Operations on strings and on the integers that they may spell.
//!
//! A string is a [`Blob`]; an incremented one is kept as its integer; one that was changed in place
//! and is long is a rope, so that appending to it or writing into it costs what is written.

use std::io::Write;

use larder_collections::blob::Blob;
use larder_collections::extended::Extended;
use larder_collections::rope::Rope;

use super::{positions, wrong_kind};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::expiry::Expiry;
use crate::slot::{Due, Slot};
use crate::value::{Kind, Value};

/// A string changed in place becomes a rope above this many bytes.
const ROPE_FROM: usize = 2048;

/// How to set a string.
///
/// ```
/// use larder_engine::{Expiry, SetOptions};
/// use std::time::Duration;
///
/// let lock = SetOptions::new().if_absent().expiry(Expiry::In(Duration::from_secs(30)));
/// # _ = lock;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing by themselves"]
pub struct SetOptions {
    condition: Condition,
    expiry: Expiry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Always,
    IfAbsent,
    IfPresent,
}

impl SetOptions {
    /// Set always; clear the deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if there is no such key.
    pub fn if_absent(mut self) -> Self {
        self.condition = Condition::IfAbsent;
        self
    }

    /// Only if there is such a key.
    pub fn if_present(mut self) -> Self {
        self.condition = Condition::IfPresent;
        self
    }

    /// When the key shall go.
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    fn allows(self, exists: bool) -> bool {
        match self.condition {
            Condition::Always => true,
            Condition::IfAbsent => !exists,
            Condition::IfPresent => exists,
        }
    }
}

/// A string taken out under the lock in O(1), to be put together afterwards.
#[derive(Debug)]
pub(crate) enum Text {
    Whole(Blob),
    Rope(Rope),
}

impl Text {
    pub(crate) fn into_blob(self) -> Blob {
        match self {
            Self::Whole(blob) => blob,
            Self::Rope(rope) => rope.to_vec().into(),
        }
    }
}

/// The string under a key, if there is one.
#[inline]
pub(crate) fn text(value: Option<&Value>) -> Result<Option<Text>> {
    Ok(match value {
        None => None,
        Some(Value::Str(blob)) => Some(Text::Whole(blob.clone())),
        Some(Value::Int(number)) => Some(Text::Whole(spell(*number))),
        Some(Value::Rope(rope)) => Some(Text::Rope((**rope).clone())),
        Some(other) => return wrong_kind(Kind::String, other.kind()),
    })
}

/// The bytes of a string value in any form.
pub(crate) fn to_blob(value: &Value) -> Option<Blob> {
    text(Some(value)).ok().flatten().map(Text::into_blob)
}

pub(crate) fn len(value: Option<&Value>) -> Result<usize> {
    Ok(match value {
        None => 0,
        Some(Value::Str(blob)) => blob.len(),
        Some(Value::Int(number)) => spell(*number).len(),
        Some(Value::Rope(rope)) => rope.len(),
        Some(other) => return wrong_kind(Kind::String, other.kind()),
    })
}

pub(crate) fn range(value: Option<&Value>, start: i64, stop: i64) -> Result<Blob> {
    Ok(match value {
        None => Blob::default(),
        Some(Value::Str(blob)) => blob[positions(start, stop, blob.len())].into(),
        Some(Value::Int(number)) => {
            let digits = spell(*number);
            digits[positions(start, stop, digits.len())].into()
        }
        Some(Value::Rope(rope)) => rope.read(positions(start, stop, rope.len())).into(),
        Some(other) => return wrong_kind(Kind::String, other.kind()),
    })
}

/// Sets the string, whatever the key held before; false when the condition did not hold. What it
/// held is left in `value`, as [`Slot::exchange`] says.
#[inline]
pub(crate) fn set(slot: &mut Slot<'_>, value: &mut Value, options: SetOptions) -> Result<bool> {
    if let Value::Str(blob) = value {
        slot.core().check_value(blob.len())?;
    }
    // A time that is none is refused whatever the condition says.
    let due = options.expiry.due(slot)?;
    if !options.allows(slot.exists()) {
        return Ok(false);
    }
    slot.accessed();
    slot.exchange(value, due, EventKind::Set)?;
    if let Due::At(_) = due {
        slot.event_only(EventKind::DeadlineSet);
        slot.lapse_if_past();
    }
    Ok(true)
}

/// Sets the string and returns the one before; the key must hold a string or nothing.
pub(crate) fn swap(
    slot: &mut Slot<'_>,
    value: &mut Value,
    options: SetOptions,
) -> Result<(bool, Option<Text>)> {
    let before = text(slot.value())?;
    Ok((set(slot, value, options)?, before))
}

/// Removes the string and returns it.
pub(crate) fn take(slot: &mut Slot<'_>) -> Result<Option<Text>> {
    let before = text(slot.value())?;
    slot.remove(EventKind::Deleted);
    Ok(before)
}

/// Returns the string and changes its deadline.
pub(crate) fn get_and_expire(slot: &mut Slot<'_>, expiry: Expiry) -> Result<Option<Text>> {
    let found = text(slot.value())?;
    let due = expiry.due(slot)?;
    if found.is_some() {
        match due {
            Due::Keep => {}
            Due::Never => _ = super::key::persist(slot),
            Due::At(due) => super::key::expire_now(slot, due),
        }
    }
    Ok(found)
}

/// Appends and returns the new length.
pub(crate) fn append(slot: &mut Slot<'_>, bytes: &[u8]) -> Result<usize> {
    let at = len(slot.value())?;
    write_at(slot, at, bytes, EventKind::Appended)
}

/// Writes into the string, which grows with zeros as needed; returns its length. Writing nothing
/// changes nothing.
pub(crate) fn write_range(slot: &mut Slot<'_>, at: usize, bytes: &[u8]) -> Result<usize> {
    let before = len(slot.value())?;
    if bytes.is_empty() { Ok(before) } else { write_at(slot, at, bytes, EventKind::RangeWritten) }
}

fn write_at(slot: &mut Slot<'_>, at: usize, bytes: &[u8], event: EventKind) -> Result<usize> {
    let end = at.checked_add(bytes.len()).ok_or(Error::Overflow)?;
    slot.core().check_value(end)?;
    slot.accessed();
    if let Some(Value::Rope(_)) = slot.value() {
        return slot.edit_rope(at, bytes, event);
    }
    let mut whole = match text(slot.value())? {
        Some(Text::Whole(blob)) => blob.to_vec(),
        _ => Vec::new(),
    };
    if end.max(whole.len()) > ROPE_FROM {
        let mut rope = Rope::from(&whole[..]);
        rope.write(at, bytes);
        let len = rope.len();
        slot.put_written(Value::Rope(Box::new(rope)), at as u64, bytes, event)?;
        return Ok(len);
    }
    if end > whole.len() {
        whole.resize(end, 0);
    }
    whole[at..end].copy_from_slice(bytes);
    let len = whole.len();
    slot.put_written(Value::Str(whole.into()), at as u64, bytes, event)?;
    Ok(len)
}

/// The integer that the string spells; a missing key is 0.
pub(crate) fn integer(value: Option<&Value>) -> Result<i64> {
    match value {
        None => Ok(0),
        Some(Value::Int(number)) => Ok(*number),
        Some(Value::Str(blob)) => parse_integer(blob).ok_or(Error::NotAnInteger),
        Some(Value::Rope(_)) => Err(Error::NotAnInteger),
        Some(other) => wrong_kind(Kind::String, other.kind()),
    }
}

/// Adds to the integer and returns the sum; the deadline stays.
pub(crate) fn increment(slot: &mut Slot<'_>, delta: i64) -> Result<i64> {
    let sum = integer(slot.value())?.checked_add(delta).ok_or(Error::Overflow)?;
    slot.accessed();
    slot.put(Value::Int(sum), Due::Keep, EventKind::Incremented)?;
    Ok(sum)
}

/// Adds to the decimal number and returns the sum; the deadline stays.
pub(crate) fn increment_float(slot: &mut Slot<'_>, delta: Extended) -> Result<Extended> {
    let number = match text(slot.value())? {
        None => Extended::from_f64(0.0),
        Some(Text::Whole(blob)) => Extended::parse(&blob).ok_or(Error::NotAFloat)?,
        Some(Text::Rope(_)) => return Err(Error::NotAFloat),
    };
    let sum = number + delta;
    if !sum.is_finite() {
        return Err(Error::Overflow);
    }
    let digits = Blob::from(sum.to_decimal());
    slot.core().check_value(digits.len())?;
    slot.accessed();
    slot.put(Value::Str(digits), Due::Keep, EventKind::FloatIncremented)?;
    Ok(sum)
}

/// An integer in its canonical spelling.
pub(crate) fn spell(number: i64) -> Blob {
    let mut digits = [0; 20];
    let mut rest = &mut digits[..];
    write!(rest, "{number}").expect("20 bytes hold any i64");
    let len = 20 - rest.len();
    Blob::from(&digits[..len])
}

/// The integer that these bytes spell canonically: no `+`, no leading zeros, no `-0`.
pub(crate) fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let (digits, is_negative) = match bytes {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    digits.iter().try_fold(0i64, |number, digit| {
        let digit = i64::from(digit.checked_sub(b'0').filter(|&digit| digit <= 9)?);
        let number = number.checked_mul(10)?;
        if is_negative { number.checked_sub(digit) } else { number.checked_add(digit) }
    })
}
