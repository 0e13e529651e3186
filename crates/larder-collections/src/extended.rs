//! Extended precision: the 80-bit binary floating point numbers of the x87, in software.
//!
//! Redis adds floats (INCRBYFLOAT, HINCRBYFLOAT) as C `long double`s, which on x86 are these, and
//! prints them with 17 digits after the point, so `0.1 + 0.2` is `0.3` there. Rust has no such
//! type; this one gives the same digits: parsing, adding and printing round once each, to nearest,
//! ties to even.
//!
//! ```text
//! value = (-1)^negative * mantissa * 2^(max(exponent, 1) - 16383 - 63)
//!
//! exponent  0 | subnormal, zero    mantissa < 2^63
//!           1 ..= 0x7ffe           mantissa >= 2^63 (the leading bit is stored)
//!           0x7fff | infinity      mantissa == 2^63      NaN: any other
//! ```
//!
//! # Invariants
//!
//! 1. The leading bit is set exactly when `exponent > 0`.
//! 2. There is one NaN; it comes only of adding infinities of unlike signs, and of `f64`'s.
//!
//! # Cost
//!
//! `add`, conversions: O(1). Parsing is quadratic in the number of digits, bounded by [`MAX_LEN`];
//! printing likewise, bounded by the 4933 digits of the greatest number. Numbers of everyday size
//! take a few words and some hundred nanoseconds.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Add;

mod natural;

use natural::Natural;

/// The longest text that [`Extended::parse`] looks at, in bytes; Redis' bound.
pub const MAX_LEN: usize = 5 * 1024 - 1;

/// The power of two of the least significant bit of a number with exponent 1.
const LEAST: i32 = 1 - 16383 - 63;
const INFINITE: u16 = 0x7fff;
const LEADING: u64 = 1 << 63;
/// Digits that Redis prints after the point.
const PLACES: usize = 17;

/// An 80-bit extended precision number: 64 bits of precision, up to 10^4932.
///
/// `==` compares representations: -0 is not 0, and NaN is NaN.
///
/// ```
/// use larder_collections::extended::Extended;
///
/// let parse = |text: &str| Extended::parse(text.as_bytes()).expect("a number");
/// assert_eq!((parse("0.1") + parse("0.2")).to_decimal(), "0.3");
/// assert_eq!((parse("3.0e3") + parse("200")).to_decimal(), "3200");
/// assert_eq!(parse("1e-20").to_decimal(), "0");
/// assert_eq!(Extended::parse(b"1 "), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extended {
    negative: bool,
    exponent: u16,
    mantissa: u64,
}

impl Extended {
    /// Positive zero.
    pub const ZERO: Self = Self { negative: false, exponent: 0, mantissa: 0 };
    /// Positive infinity.
    pub const INFINITY: Self = Self { negative: false, exponent: INFINITE, mantissa: LEADING };
    /// What is not a number.
    pub const NAN: Self = Self { negative: false, exponent: INFINITE, mantissa: LEADING | 1 << 62 };

    /// Reads all of `text` as C's `strtold` does: a sign or none, then decimal digits with an optional
    /// point and exponent, or `0x` and hexadecimal ones with an optional `p` exponent, or `inf` or
    /// `infinity` in any case.
    ///
    /// `None`, as in Redis, for anything else (spaces, NaN, the empty text), for a text longer than
    /// [`MAX_LEN`], and for a number that is too great, or too small to differ from zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(Self { negative, ..Self::INFINITY });
        }
        let hexadecimal = match text {
            [b'0', b'x' | b'X', rest @ ..] => Some(rest),
            _ => None,
        };
        let (radix, mark, digits) = match hexadecimal {
            Some(rest) => (16, b'p', rest),
            None => (10, b'e', text),
        };
        let Scientific { digits, exponent } = Scientific::parse(digits, radix, mark)?;
        if digits.is_empty() {
            return Some(Self { negative, ..Self::ZERO });
        }
        let value = if radix == 10 {
            from_decimal(negative, &digits, exponent)
        } else {
            from_hexadecimal(negative, &digits, exponent)
        };
        // Out of range on either side.
        (value.is_finite() && value.mantissa > 0).then_some(value)
    }

    /// True for all but infinity and NaN.
    pub fn is_finite(self) -> bool {
        self.exponent != INFINITE
    }

    /// True for what is not a number.
    pub fn is_nan(self) -> bool {
        self == Self::NAN
    }

    /// The same number: a double's fits.
    pub fn from_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let negative = bits >> 63 == 1;
        let fraction = bits & ((1 << 52) - 1);
        match (bits >> 52) as i32 & 0x7ff {
            0x7ff if fraction == 0 => Self { negative, ..Self::INFINITY },
            0x7ff => Self::NAN,
            0 => Self::round(negative, fraction.into(), -1074),
            exponent => Self::round(negative, (fraction | 1 << 52).into(), exponent - 1075),
        }
    }

    /// The nearest double, ties to even; infinity beyond the greatest.
    pub fn to_f64(self) -> f64 {
        if self.is_nan() {
            return f64::NAN;
        }
        let magnitude = if self.is_finite() { self.magnitude_f64() } else { f64::INFINITY };
        if self.negative { -magnitude } else { magnitude }
    }

    fn magnitude_f64(self) -> f64 {
        // The power of two of the last of 53 bits; -1074 is the least that a double has.
        let last = (self.power() + 11).max(-1074);
        if last > 1023 - 52 {
            return f64::INFINITY;
        }
        let kept = shift_to_even(self.mantissa.into(), last.abs_diff(self.power())) as u64;
        // The leading bit of what is kept, and a carry out of it, add to the exponent's field.
        f64::from_bits(kept + (u64::from(last.abs_diff(-1074)) << 52))
    }

    /// `%.17Lf` without trailing zeros, as Redis prints a float that was incremented: no exponent,
    /// 17 digits after the point at most, `0` for what rounds to it, `inf`, `-inf`, `nan`.
    ///
    /// Up to 4951 bytes.
    pub fn to_decimal(self) -> String {
        if self.is_nan() {
            return "nan".into();
        }
        let magnitude = if !self.is_finite() {
            "inf".into()
        } else if self.power() < 0 {
            self.with_places()
        } else {
            let mut whole = Natural::from(self.mantissa);
            whole.shift_left(self.power() as u32);
            whole.to_decimal()
        };
        if self.negative && magnitude != "0" { format!("-{magnitude}") } else { magnitude }
    }

    /// The digits of a number below 2^64 that may have a fraction.
    fn with_places(self) -> String {
        const SCALE: u128 = 10u128.pow(PLACES as u32);
        // Below 2^(64 + 57), so what is exact fits.
        let scaled = u128::from(self.mantissa) * SCALE;
        let scaled = shift_to_even(scaled, self.power().unsigned_abs());
        let text = format!("{}.{:0PLACES$}", scaled / SCALE, scaled % SCALE);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// The power of two of the mantissa's last bit.
    fn power(self) -> i32 {
        LEAST - 1 + i32::from(self.exponent.max(1))
    }

    /// The number nearest to `magnitude * 2^power`, ties to even; infinity beyond the greatest. The
    /// last bit may stand for any number of bits after it that are not all zero, if there are 66
    /// significant ones before.
    fn round(negative: bool, magnitude: u128, power: i32) -> Self {
        if magnitude == 0 {
            return Self { negative, ..Self::ZERO };
        }
        // Normalised so that the mantissa is in the upper half.
        let zeros = magnitude.leading_zeros();
        let normal = magnitude << zeros;
        let power = power - zeros as i32 + 64;
        let drop = 64 + LEAST.saturating_sub(power).max(0) as u32;
        let kept = shift_to_even(normal, drop);
        // A carry out of the mantissa leaves 2^64; one into the leading bit makes it normal.
        let carry = u32::from(kept >> 64 == 1);
        let mantissa = (kept >> carry) as u64;
        let exponent = (power - LEAST).max(0) + carry as i32 + (mantissa >> 63) as i32;
        match u16::try_from(exponent) {
            Ok(exponent) if exponent < INFINITE => Self { negative, exponent, mantissa },
            _ => Self { negative, ..Self::INFINITY },
        }
    }
}

/// Rounds once, to nearest, ties to even. Infinities of unlike signs make NaN.
impl Add for Extended {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        if !self.is_finite() || !other.is_finite() {
            return match (self.is_finite(), other.is_finite()) {
                (true, _) => other,
                (_, true) => self,
                _ if self == other => self,
                _ => Self::NAN,
            };
        }
        let (great, small) =
            if self.order() >= other.order() { (self, other) } else { (other, self) };
        // 62 bits of guard; the last of them also stands for all that is shifted out.
        let distance = (great.power() - small.power()) as u32;
        let left = u128::from(great.mantissa) << 62;
        let right = shift_sticky(u128::from(small.mantissa) << 62, distance);
        let power = great.power() - 62;
        if great.negative == small.negative {
            return Self::round(great.negative, left + right, power);
        }
        match left.cmp(&right) {
            // x - x is +0 when rounding to nearest.
            Ordering::Equal => Self::ZERO,
            _ => Self::round(great.negative, left - right, power),
        }
    }
}

impl Extended {
    /// Orders finite numbers by magnitude.
    fn order(self) -> (u16, u64) {
        (self.exponent, self.mantissa)
    }
}

impl From<i64> for Extended {
    fn from(value: i64) -> Self {
        Self::round(value < 0, value.unsigned_abs().into(), 0)
    }
}

/// As [`Extended::to_decimal`].
impl fmt::Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_decimal())
    }
}

/// A number's text taken apart: `0.digits * radix^exponent` or, in base 16, `* 2^exponent`.
struct Scientific {
    /// Digit values with no zeros at either end: none for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Scientific {
    /// Reads `digits [. digits] [mark [sign] digits]` to the end.
    fn parse(text: &[u8], radix: u32, mark: u8) -> Option<Self> {
        let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark));
        let (number, exponent) = match end {
            Some(end) => (&text[..end], parse_exponent(&text[end + 1..])?),
            None => (text, 0),
        };
        let point = number.iter().position(|&byte| byte == b'.').unwrap_or(number.len());
        let fraction = number.get(point + 1..).unwrap_or_default();
        let mut digits = Vec::with_capacity(number.len());
        for &byte in number[..point].iter().chain(fraction) {
            digits.push(char::from(byte).to_digit(radix)? as u8);
        }
        if digits.is_empty() {
            return None;
        }
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        let end = digits.iter().rposition(|&digit| digit != 0).map_or(zeros, |last| last + 1);
        let digits = digits[zeros..end].to_vec();
        let bits = if radix == 16 { 4 } else { 1 };
        let exponent = exponent + bits * (point as i64 - zeros as i64);
        Some(Self { digits, exponent })
    }
}

/// `[sign] digits`; a number beyond all use for great ones.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 40)
    });
    Some(sign * value)
}

/// `0.digits * 10^exponent`, the first digit not 0.
fn from_decimal(negative: bool, digits: &[u8], exponent: i64) -> Extended {
    // 10^4932 < 2^16384 < 10^4933, and the half of the least number is 10^-4951.1.
    if exponent > 4933 {
        return Extended { negative, ..Extended::INFINITY };
    }
    if exponent < -4952 {
        return Extended { negative, ..Extended::ZERO };
    }
    let number = Natural::from_digits(digits);
    let scale = exponent as i32 - digits.len() as i32;
    let mut fives = Natural::from(1);
    fives.multiply_by_power(5, scale.unsigned_abs());
    // 10^scale is 5^scale * 2^scale: only the fives need arithmetic.
    let (magnitude, power) =
        if scale >= 0 { number.times(&fives).top() } else { number.over(&fives) };
    Extended::round(negative, magnitude, power + scale)
}

/// `0.digits * 2^exponent`, the digits of base 16, the first not 0.
fn from_hexadecimal(negative: bool, digits: &[u8], exponent: i64) -> Extended {
    // 31 digits fill 124 bits; one more tells whether anything follows.
    let (head, tail) = digits.split_at(digits.len().min(31));
    let magnitude = head.iter().fold(0, |value, &digit| value << 4 | u128::from(digit));
    let magnitude = magnitude << 1 | u128::from(!tail.is_empty());
    let power = exponent - 4 * head.len() as i64 - 1;
    Extended::round(negative, magnitude, power.clamp(-100_000, 100_000) as i32)
}

/// `value / 2^by`, to the nearest, ties to even.
fn shift_to_even(value: u128, by: u32) -> u128 {
    if by == 0 {
        return value;
    }
    let Some(kept) = value.checked_shr(by) else {
        // Everything is behind the point; above a half only where the point is right before it.
        return u128::from(by == 128 && value > 1 << 127);
    };
    let rest = value << (128 - by);
    let up = rest > 1 << 127 || rest == 1 << 127 && kept & 1 == 1;
    kept + u128::from(up)
}

/// `value / 2^by`, the last bit set when a bit was lost.
fn shift_sticky(value: u128, by: u32) -> u128 {
    let kept = value.checked_shr(by).unwrap_or(0);
    let lost = kept.checked_shl(by).unwrap_or(0) != value;
    kept | u128::from(lost)
}

#[cfg(test)]
mod tests;
