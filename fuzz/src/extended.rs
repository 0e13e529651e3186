//! Parsing never panics; what is printed reads as a number within a unit of the 17th place; sums
//! agree with doubles where those are exact.

use larder_collections::extended::Extended;

/// What numbers are written with, the digits more often: random bytes spell few numbers.
const ALPHABET: &[u8] = b"0123456789012345678901234567890123456789..+-eEeExXpPaAfFinty ";

/// See the module.
pub fn run(data: &[u8]) {
    Extended::parse(data);
    for line in data.split(|&byte| byte == 7) {
        let text: Vec<u8> =
            line.iter().map(|&byte| ALPHABET[usize::from(byte) % ALPHABET.len()]).collect();
        Extended::parse(&text);
        // One exponent, one sign, one point: numbers of any size.
        let Some((digits, [sign, high, low, point])) = line.split_last_chunk() else { continue };
        let sign = if sign % 2 == 0 { "-" } else { "" };
        let exponent = i16::from_le_bytes([*low, *high]) % 5000;
        let mut digits: String = digits.iter().map(|byte| char::from(b'0' + byte % 10)).collect();
        digits.insert(usize::from(*point) % (digits.len() + 1), '.');
        check(format!("{sign}{digits}e{exponent}").as_bytes());
        check(format!("{sign}{digits}").as_bytes());
    }
}

fn check(text: &[u8]) {
    let Some(value) = Extended::parse(text) else { return };
    assert!(value.is_finite(), "only infinity is read as infinite");
    let printed = value.to_decimal();
    let again = Extended::parse(printed.as_bytes()).expect("what is printed reads");
    assert_eq!(again.to_decimal(), printed);

    let opposite = match printed.strip_prefix('-') {
        Some(magnitude) => Extended::parse(magnitude.as_bytes()),
        None => Extended::parse(format!("-{printed}").as_bytes()),
    };
    let difference = (value + opposite.expect("a sign changes no range")).to_f64();
    // Half of the last place, and no more than that again for reading it back.
    assert!(difference.abs() <= 1e-17, "{printed} is off by {difference}");

    let double = value.to_f64();
    if double.is_finite() {
        let text = std::str::from_utf8(text).expect("digits");
        let nearest: f64 = text.parse().expect("Rust reads it too");
        // Rounded twice: at most the neighbour.
        let steps = double.abs().to_bits().abs_diff(nearest.abs().to_bits());
        assert!(steps <= 1, "{text}: {double} for {nearest}");
        let twice = (Extended::from_f64(double) + Extended::from_f64(double)).to_f64();
        assert_eq!(twice, double + double);
    }
}
