//! Natural numbers of any size, for exact conversions between base 2 and base 10.
//!
//! Words of 32 bits, the least first, the last never 0 (so zero has none). Schoolbook arithmetic:
//! the numbers here have some ten words, and five hundred at the most.

/// Bits of a word.
const BITS: u32 = 32;
/// The greatest power of ten in a word, and its digits.
const CHUNK: u32 = 1_000_000_000;
const CHUNK_DIGITS: usize = 9;

/// A natural number, or zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural {
    words: Vec<u32>,
}

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        let mut number = Self { words: vec![value as u32, (value >> BITS) as u32] };
        number.trim();
        number
    }
}

impl Natural {
    /// From decimal digit values, the most significant first.
    pub(super) fn from_digits(digits: &[u8]) -> Self {
        let mut number = Self { words: Vec::with_capacity(digits.len() / CHUNK_DIGITS + 1) };
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let value = chunk.iter().fold(0, |value, &digit| value * 10 + u32::from(digit));
            number.multiply_add(10u32.pow(chunk.len() as u32), value);
        }
        number
    }

    /// The decimal digits.
    pub(super) fn to_decimal(&self) -> String {
        let mut rest = self.clone();
        let mut chunks = Vec::new();
        while !rest.words.is_empty() {
            chunks.push(rest.divide_by(CHUNK));
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:0CHUNK_DIGITS$}"));
        }
        text
    }

    /// Multiplies by `base^power`; the base is at least 2.
    pub(super) fn multiply_by_power(&mut self, base: u32, mut power: u32) {
        // As many factors at once as a word holds.
        let at_once = u32::MAX.ilog(base);
        while power > 0 {
            let factors = power.min(at_once);
            self.multiply_add(base.pow(factors), 0);
            power -= factors;
        }
    }

    /// Multiplies by `2^by`.
    pub(super) fn shift_left(&mut self, by: u32) {
        self.multiply_by_power(2, by % BITS);
        if !self.words.is_empty() {
            let zeros = std::iter::repeat_n(0, (by / BITS) as usize);
            self.words.splice(..0, zeros);
        }
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let mut product = Self { words: vec![0; self.words.len() + other.words.len()] };
        for (at, &left) in self.words.iter().enumerate() {
            let mut carry = 0;
            for (&right, sum) in other.words.iter().zip(&mut product.words[at..]) {
                carry += u64::from(left) * u64::from(right) + u64::from(*sum);
                *sum = carry as u32;
                carry >>= BITS;
            }
            product.words[at + other.words.len()] = carry as u32;
        }
        product.trim();
        product
    }

    /// The number as `(m, p)` for `m * 2^p`. Bits that do not fit are dropped, and the last bit of
    /// `m` is set if one of them was.
    pub(super) fn top(&self) -> (u128, i32) {
        let low = self.words.len().saturating_sub(4);
        let top = self.words[low..].iter().rev().fold(0, |m, &word| m << BITS | u128::from(word));
        // At least 97 bits where anything is dropped: the last one is free to say so.
        let lost = self.words[..low].iter().any(|&word| word != 0);
        (top | u128::from(lost), low as i32 * BITS as i32)
    }

    /// The quotient by a `divisor` that is not 0, as `(m, p)` for `m * 2^p` with at least 67
    /// significant bits; the last is set if there is a remainder.
    pub(super) fn over(mut self, divisor: &Self) -> (u128, i32) {
        const QUOTIENT_BITS: i64 = 68;
        let mut divisor = divisor.clone();
        // Scaled so that the quotient is below 2^68 and not below 2^66.
        let scale = divisor.bits() - self.bits() + QUOTIENT_BITS - 1;
        match u32::try_from(scale) {
            Ok(scale) => self.shift_left(scale),
            Err(_) => divisor.shift_left(scale.unsigned_abs() as u32),
        }
        let (quotient, exact) = self.divide(&divisor);
        (quotient << 1 | u128::from(!exact), -scale as i32 - 1)
    }

    /// The quotient, which must be below 2^96, and whether nothing remains.
    fn divide(&self, divisor: &Self) -> (u128, bool) {
        let mut quotient = 0;
        let mut rest = Self { words: Vec::with_capacity(divisor.words.len() + 2) };
        for &word in self.words.iter().rev() {
            rest.words.insert(0, word);
            rest.trim();
            let digit = rest.reduce(divisor);
            quotient = quotient << BITS | u128::from(digit);
        }
        (quotient, rest.words.is_empty())
    }

    /// Subtracts `divisor` as often as it goes, less than 2^32 times, and returns how often.
    fn reduce(&mut self, divisor: &Self) -> u32 {
        let mut count = 0;
        while self.bits() >= divisor.bits() {
            // Never too great, and a 2^-30th too small: the top of what remains, rounded down, over
            // that of the divisor, rounded up.
            let low = (divisor.bits() - 31).max(0) as u32;
            let top = divisor.top_from(low) + u128::from(low > 0);
            let guess = (self.top_from(low) / top) as u32;
            if guess > 0 {
                self.subtract_multiple(divisor, guess);
                count += guess;
            } else if self.is_less_than(divisor) {
                break;
            } else {
                self.subtract_multiple(divisor, 1);
                count += 1;
            }
        }
        count
    }

    /// The number without its `low` lowest bits; what remains must fit.
    fn top_from(&self, low: u32) -> u128 {
        let at = (low / BITS) as usize;
        let words = self.words.get(at..).unwrap_or_default();
        words.iter().rev().fold(0, |m, &word| m << BITS | u128::from(word)) >> (low % BITS)
    }

    fn is_less_than(&self, other: &Self) -> bool {
        let lengths = self.words.len().cmp(&other.words.len());
        lengths.then_with(|| self.words.iter().rev().cmp(other.words.iter().rev())).is_lt()
    }

    /// Subtracts `other * factor`, which is no more than the number.
    fn subtract_multiple(&mut self, other: &Self, factor: u32) {
        let mut borrow = 0;
        for (at, word) in self.words.iter_mut().enumerate() {
            let part = other.words.get(at).copied().unwrap_or(0);
            let taken = u64::from(part) * u64::from(factor) + borrow;
            let (left, wrapped) = word.overflowing_sub(taken as u32);
            *word = left;
            borrow = (taken >> BITS) + u64::from(wrapped);
        }
        debug_assert_eq!(borrow, 0, "the number is no less");
        self.trim();
    }

    /// Divides by a word and returns the remainder.
    fn divide_by(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for word in self.words.iter_mut().rev() {
            let value = rest << BITS | u64::from(*word);
            *word = (value / u64::from(divisor)) as u32;
            rest = value % u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for word in &mut self.words {
            carry += u64::from(*word) * u64::from(factor);
            *word = carry as u32;
            carry >>= BITS;
        }
        if carry > 0 {
            self.words.push(carry as u32);
        }
    }

    pub(super) fn bits(&self) -> i64 {
        let last = self.words.last().map_or(0, |word| BITS - word.leading_zeros());
        (self.words.len() as i64 - 1) * i64::from(BITS) + i64::from(last)
    }

    fn trim(&mut self) {
        let used = self.words.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        self.words.truncate(used);
    }
}
