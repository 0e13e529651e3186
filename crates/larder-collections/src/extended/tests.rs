//! Sums that a C compiler computed as `long double`s, and agreement with exact arithmetic.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Extended {
    Extended::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
}

/// Two texts; sign and exponent, and mantissa, of their sum; the sum as printed. Computed with
/// `strtold`, `+` and `printf("%.17Lf")` by gcc and glibc on x86-64, zeros trimmed as Redis does.
#[rustfmt::skip]
const SUMS: &[(&str, &str, u16, u64, &str)] = &[
    ("0.1", "0.2", 0x3ffd, 0x99999999_9999999a, "0.3"),
    ("3.0e3", "200", 0x400a, 0xc8000000_00000000, "3200"),
    ("1e-20", "0", 0x3fbc, 0xbce50864_92111aeb, "0"),
    ("1e-20", "-1e-20", 0x0000, 0x00000000_00000000, "0"),
    ("-0", "-0", 0x8000, 0x00000000_00000000, "0"),
    ("0", "-0", 0x0000, 0x00000000_00000000, "0"),
    ("10.50", "0.1", 0x4002, 0xa9999999_9999999a, "10.6"),
    ("5.0e3", "2.0e2", 0x400b, 0xa2800000_00000000, "5200"),
    ("3.14159265358979323846", "-3", 0x3ffc, 0x90fdaa22_168c2350, "0.14159265358979324"),
    ("1.1", "2.2", 0x4000, 0xd3333333_33333334, "3.3"),
    ("-1.1", "1.1", 0x0000, 0x00000000_00000000, "0"),
    ("0.3", "-0.1", 0x3ffc, 0xcccccccc_ccccccce, "0.2"),
    ("1e15", "0.1", 0x4030, 0xe35fa931_a0000666, "1000000000000000.0999755859375"),
    ("123456789.123456789", "0.000000001", 0x4019, 0xeb79a2a3_f35ba770, "123456789.12345678999554366"),
    ("9223372036854775807", "1", 0x403e, 0x80000000_00000000, "9223372036854775808"),
    ("18446744073709551615", "0.5", 0x403f, 0x80000000_00000000, "18446744073709551616"),
    ("18446744073709551615", "1", 0x403f, 0x80000000_00000000, "18446744073709551616"),
    ("18446744073709551616", "1", 0x403f, 0x80000000_00000000, "18446744073709551616"),
    ("18446744073709551616", "3", 0x403f, 0x80000000_00000002, "18446744073709551620"),
    ("-18446744073709551617", "0", 0xc03f, 0x80000000_00000000, "-18446744073709551616"),
    ("9223372036854775807.5", "0.25", 0x403e, 0x80000000_00000000, "9223372036854775808"),
    ("1e19", "0.5", 0x403e, 0x8ac72304_89e80000, "10000000000000000000"),
    ("1e18", "0.01", 0x403a, 0xde0b6b3a_76400000, "1000000000000000000"),
    ("0.000000000000000005", "0", 0x3fc5, 0xb877aa32_36a4b449, "0"),
    ("0.0000000000000000051", "0", 0x3fc5, 0xbc28235c_2d7f09d0, "0.00000000000000001"),
    ("0.000000000000000015", "0", 0x3fc7, 0x8a59bfa5_a8fb8737, "0.00000000000000002"),
    ("-0.000000000000000004", "0", 0xbfc5, 0x9392ee8e_921d5d07, "0"),
    ("1e-17", "1e-17", 0x3fc7, 0xb877aa32_36a4b449, "0.00000000000000002"),
    ("1e30", "1", 0x4062, 0xc9f2c9cd_04674edf, "1000000000000000000024696061952"),
    ("1e25", "-1e25", 0x0000, 0x00000000_00000000, "0"),
    ("1e40", "0", 0x4083, 0xeb194f8e_1ae525fd, "9999999999999999999783686092270256259072"),
    ("1e-4950", "1e-4950", 0x0000, 0x00000000_00000006, "0"),
    ("3.6e-4951", "0", 0x0000, 0x00000000_00000001, "0"),
    ("1.9e-4951", "0", 0x0000, 0x00000000_00000001, "0"),
    ("0x1p-3", "0x.8", 0x3ffe, 0xa0000000_00000000, "0.625"),
    ("0x1.fffffffffffffffp63", "0x1p-1", 0x403e, 0xffffffff_fffffff8, "18446744073709551608"),
    ("0x1.00000000000000008p0", "0", 0x3fff, 0x80000000_00000000, "1"),
    ("-0x1.8p1", "0x3", 0x0000, 0x00000000_00000000, "0"),
    ("inf", "1", 0x7fff, 0x80000000_00000000, "inf"),
    ("-inf", "1e4000", 0xffff, 0x80000000_00000000, "-inf"),
    ("inf", "-inf", 0x7fff, 0xc0000000_00000000, "nan"),
    ("1.18973149535723176502e4932", "1.18973149535723176502e4932", 0x7fff, 0x80000000_00000000, "inf"),
    ("1e4931", "-1e4931", 0x0000, 0x00000000_00000000, "0"),
    ("4503599627370497.5", "0.25", 0x4033, 0x80000000_00000e00, "4503599627370497.75"),
    ("0.5", "0x1p-64", 0x3ffe, 0x80000000_00000001, "0.5"),
    ("0.5", "0x1p-65", 0x3ffe, 0x80000000_00000000, "0.5"),
    ("1", "0x1p-63", 0x3fff, 0x80000000_00000001, "1"),
    ("1", "0x1p-64", 0x3fff, 0x80000000_00000000, "1"),
    ("1", "0x1.8p-64", 0x3fff, 0x80000000_00000001, "1"),
    ("1", "-0x1p-64", 0x3ffe, 0xffffffff_ffffffff, "1"),
    ("1", "-0x1p-65", 0x3fff, 0x80000000_00000000, "1"),
    ("1", "-0x1.00000001p-65", 0x3ffe, 0xffffffff_ffffffff, "1"),
    ("1", "-0x1p-66", 0x3fff, 0x80000000_00000000, "1"),
    ("1", "-0x1p-200", 0x3fff, 0x80000000_00000000, "1"),
    ("0x1.fffffffffffffffep0", "0x1p-64", 0x4000, 0x80000000_00000000, "2"),
    ("99.99", "0.01", 0x4005, 0xc8000000_00000000, "100"),
    ("1234567890123456789.5", "0.5", 0x403b, 0x891087a3_ef4c08b0, "1234567890123456790"),
    ("0.99999999999999999", "0.00000000000000001", 0x3fff, 0x80000000_00000000, "1"),
    ("0.9999999999999999999", "0", 0x3ffe, 0xffffffff_fffffffe, "1"),
    ("2.5", "-0.1", 0x4000, 0x99999999_9999999a, "2.4"),
    ("33333.333333333333333333", "66666.666666666666666666", 0x400f, 0xc3500000_00000000, "100000"),
    ("1", "0x1.0000000000000002p-64", 0x3fff, 0x80000000_00000001, "1"),
    ("1", "-0x1.0000000000000002p-65", 0x3ffe, 0xffffffff_ffffffff, "1"),
    ("-1", "-0x1.0000000000000002p-64", 0xbfff, 0x80000000_00000001, "-1"),
    ("1606938044258990275629074378272922849168826893285325497434113", "0", 0x40c7, 0x80000000_00000001, "1606938044258990275716186664204683095815450792787858159566848"),
    ("1606938044258990275629074378272922849168826893285325497434112", "0", 0x40c7, 0x80000000_00000000, "1606938044258990275541962092341162602522202993782792835301376"),
];

#[test]
fn sums_are_those_of_a_long_double() {
    for &(left, right, head, mantissa, text) in SUMS {
        let sum = parse(left) + parse(right);
        let found = (u16::from(sum.negative) << 15 | sum.exponent, sum.mantissa, sum.to_decimal());
        assert_eq!(found, (head, mantissa, text.into()), "{left} + {right}");
        assert_eq!(parse(right) + parse(left), sum, "{right} + {left}");
    }
}

#[test]
fn the_greatest_number_prints_in_4933_digits() {
    let text = parse("1.18973149535723176505e4932").to_decimal();
    assert_eq!(text.len(), 4933);
    assert!(text.starts_with("118973149535723176502126385303097020516906332229462420044032"));
    assert!(text.ends_with("08849149662444156604419552086811989770240"));
    assert_eq!(parse(&text).to_decimal(), text);
    let text = parse("-1e4931").to_decimal();
    assert_eq!(text.len(), 1 + 4932);
    assert!(text.starts_with("-1000000000000000000006018949387963891323837774254533114"));
    assert!(text.ends_with("35087637937116314108653841811379188662272"));
}

#[test]
fn halves_between_two_numbers_go_to_the_even_one() {
    // 2^64 + 1 lies between 2^64 and 2^64 + 2; a digit far away decides.
    for (text, expected) in [
        ("18446744073709551617", "18446744073709551616"),
        ("18446744073709551617.000", "18446744073709551616"),
        ("18446744073709551619", "18446744073709551620"),
    ] {
        assert_eq!(parse(text).to_decimal(), expected);
    }
    let above = format!("18446744073709551617.{}1", "0".repeat(5000));
    assert_eq!(parse(&above).to_decimal(), "18446744073709551618");
    let above = format!("0x10000000000000001.{}1", "0".repeat(5000));
    assert_eq!(parse(&above).to_decimal(), "18446744073709551618");
}

#[test]
fn what_strtold_would_not_read_whole_is_refused() {
    for text in [
        "",
        " ",
        " 1",
        "1 ",
        "1\0",
        "\x0b1",
        "-",
        "+",
        "--1",
        "+-1",
        ".",
        "-.",
        "e1",
        ".e1",
        "1e",
        "1e+",
        "1e1.5",
        "1.2.3",
        "1_000",
        "1,5",
        "1f",
        "1L",
        "0x",
        "0x.",
        "0xg",
        "0x1p",
        "0x1pz",
        "1p5",
        "0b1",
        "nan",
        "-NaN",
        "nan(1)",
        "infinit",
        "infinityy",
        "in",
        "i",
        "½",
    ] {
        assert_eq!(Extended::parse(text.as_bytes()), None, "{text:?}");
    }
    for text in ["inf", "INF", "+Infinity", "iNfInItY"] {
        assert_eq!(parse(text), Extended::INFINITY, "{text}");
    }
    for text in
        ["5", "+5", "5.", "5.0", "0.5e1", ".5E1", "50e-1", "0x5", "0X5.0P+0", "0xA.p-1", "005"]
    {
        assert_eq!(parse(text), Extended::from(5), "{text}");
    }
}

#[test]
fn a_number_out_of_range_is_refused() {
    for text in [
        "1e4933",
        "-1e4933",
        "1e5000",
        "1.18973149535723176509e4932",
        "1e99999999999999999999",
        "0x1p16384",
        "0x1.ffffffffffffffffp16383",
        "0x1p999999999999",
        "1e-4952",
        "1.8e-4951",
        "-1e-99999999999999999999",
        "0x1p-16446",
        "0x1p-999999999999",
    ] {
        assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
    }
    // A zero is one whatever its exponent, and the least number is one.
    assert_eq!(parse("0e99999999999999999999"), Extended::ZERO);
    for text in ["1.9e-4951", "0x1p-16445", "0x1.00000000000000000000000000000000001p-16446"] {
        assert_eq!(parse(text), Extended { mantissa: 1, ..Extended::ZERO }, "{text}");
    }
}

#[test]
fn a_text_over_the_bound_is_refused() {
    assert_eq!(parse(&"0".repeat(MAX_LEN)), Extended::ZERO);
    assert_eq!(Extended::parse("0".repeat(MAX_LEN + 1).as_bytes()), None);
    // Every digit counts up to it.
    let nines = format!("0.{}", "9".repeat(MAX_LEN - 2));
    assert_eq!(parse(&nines), Extended::from(1));
}

#[test]
fn doubles_at_the_edges_survive() {
    for value in [0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]
    {
        assert_eq!(Extended::from_f64(value).to_f64().to_bits(), value.to_bits(), "{value}");
    }
    assert!(Extended::from_f64(f64::NAN).is_nan() && Extended::NAN.to_f64().is_nan());
    // Rounded: half of the least double to zero, more to it; beyond the greatest to infinity.
    assert_eq!(parse("0x1p-1075").to_f64(), 0.0);
    assert_eq!(parse("0x1.8p-1075").to_f64(), 5e-324);
    assert_eq!(parse("1e-4000").to_f64(), 0.0);
    assert_eq!(parse("0x1.fffffffffffff7fep1023").to_f64(), f64::MAX);
    assert_eq!(parse("0x1.fffffffffffff8p1023").to_f64(), f64::INFINITY);
    assert_eq!(parse("-1e400").to_f64(), f64::NEG_INFINITY);
    assert_eq!(parse("0x1.fffffffffffff8p-1023").to_f64(), f64::MIN_POSITIVE);
}

#[test]
fn infinities_and_nan_spread() {
    let (inf, one) = (Extended::INFINITY, Extended::from(1));
    let minus = Extended::from_f64(f64::NEG_INFINITY);
    assert_eq!((inf + one, one + minus, inf + inf), (inf, minus, inf));
    assert_eq!(
        (inf + minus, minus + inf, one + Extended::NAN),
        (Extended::NAN, Extended::NAN, Extended::NAN)
    );
    assert!(!inf.is_finite() && !Extended::NAN.is_finite() && one.is_finite());
}

#[test]
fn one_and_its_opposite_make_positive_zero() {
    assert_eq!(Extended::from(-1) + Extended::from(1), Extended::ZERO);
    assert_eq!(parse("-0") + parse("0"), Extended::ZERO);
    assert_ne!(parse("-0") + parse("-0"), Extended::ZERO, "-0 stays");
}

fn double() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("a number", |value| value.is_finite())
}

proptest! {
    #[test]
    fn sums_of_integers_are_exact(left: i64, right: i64) {
        // 65 bits are one more than the mantissa has.
        let exact = i128::from(left) + i128::from(right);
        prop_assume!(exact.unsigned_abs() < 1 << 64 || exact % 2 == 0);
        let sum = Extended::from(left) + parse(&right.to_string());
        prop_assert_eq!(sum.to_decimal(), exact.to_string());
        prop_assert_eq!(sum, parse(&exact.to_string()));
    }

    #[test]
    fn integers_beyond_64_bits_round_to_even(high: u64, low: u64, tie: bool, zeros in 0..70usize) {
        let exact = u128::from(high) << 64 | u128::from(low);
        let drop = 64u32.saturating_sub(exact.leading_zeros());
        let half = (1u128 << drop) >> 1;
        let exact = if tie { exact >> drop << drop | half } else { exact };
        let (kept, rest) = (exact >> drop, exact % (1 << drop));
        prop_assume!(kept < u128::from(u64::MAX));
        let printed = |kept: u128| {
            let mut whole = Natural::from(kept as u64);
            whole.shift_left(drop);
            whole.to_decimal()
        };
        let up = rest > half || drop > 0 && rest == half && kept % 2 == 1;
        prop_assert_eq!(parse(&exact.to_string()).to_decimal(), printed(kept + u128::from(up)));
        // A little more, for which reading divides, breaks the tie.
        let up = drop > 0 && rest >= half;
        let more = parse(&format!("{exact}.{}1", "0".repeat(zeros + 20)));
        prop_assert_eq!(more.to_decimal(), printed(kept + u128::from(up)));
    }

    #[test]
    fn doubles_survive(value in double()) {
        let extended = Extended::from_f64(value);
        prop_assert_eq!(extended.to_f64().to_bits(), value.to_bits());
        // Enough digits that only this double is near.
        prop_assert_eq!(parse(&format!("{value:.24e}")).to_f64().to_bits(), value.to_bits());
    }

    #[test]
    fn doubles_print_all_their_digits(value in prop_oneof![double(), -1e18..1e18, -10.0..10.0]) {
        let text = format!("{value:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        prop_assert_eq!(Extended::from_f64(value).to_decimal(), text);
    }

    #[test]
    fn sums_of_near_doubles_are_exact(left in -(1i64 << 52)..1 << 52, right in -(1i64 << 52)..1 << 52, shift in 0..10i32) {
        let (left, right) = (left as f64, right as f64 * 2f64.powi(-shift));
        // 63 bits at most in the sum: a sum of doubles may round, the extended one does not.
        let sum = Extended::from_f64(left) + Extended::from_f64(right);
        let back = sum + Extended::from_f64(-left);
        prop_assert_eq!(back.to_f64(), right);
        prop_assert_eq!(sum.to_f64(), left + right);
    }

    #[test]
    fn what_is_printed_reads_as_what_it_was(mantissa: u64, exponent in 0..INFINITE, negative: bool) {
        let value = Extended::round(negative, mantissa.into(), i32::from(exponent) + LEAST);
        prop_assume!(value.is_finite());
        let text = value.to_decimal();
        let again = parse(&text);
        prop_assert_eq!(again.to_decimal(), text);
        if value.power() >= 0 {
            prop_assert_eq!(again, value);
        }
    }

    #[test]
    fn natural_numbers_agree_with_machine_words(left: u64, right: u64, shift in 0..100u32, places in 0..25u32) {
        let digits: Vec<u8> = left.to_string().bytes().map(|byte| byte - b'0').collect();
        prop_assert_eq!(&Natural::from_digits(&digits), &Natural::from(left));
        let product = u128::from(left) * u128::from(right);
        prop_assert_eq!(Natural::from(left).times(&Natural::from(right)).top(), (product, 0));
        prop_assert_eq!(Natural::from(left).times(&Natural::from(right)).to_decimal(), product.to_string());
        let mut shifted = Natural::from(left >> 37);
        shifted.shift_left(shift);
        prop_assert_eq!(shifted.top(), (u128::from(left >> 37) << shift, 0));
        let mut power = Natural::from(left);
        power.multiply_by_power(5, places);
        prop_assert_eq!(power.top(), (u128::from(left) * 5u128.pow(places), 0));
    }

    #[test]
    fn quotients_have_66_exact_bits(left in 1..u64::MAX, right in 1..u64::MAX >> 4, wide: bool) {
        let right = if wide { right } else { right >> 30 | 1 };
        let (quotient, power) = Natural::from(left).over(&Natural::from(right));
        prop_assert!(quotient >> 66 > 0);
        let numerator = u128::from(left) << (-power - 1);
        let expected = (numerator / u128::from(right)) << 1;
        prop_assert_eq!(quotient, expected | u128::from(numerator % u128::from(right) > 0));
    }
}
