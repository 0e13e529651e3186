//! Strings and counters at their edges.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shared;

use larder_engine::{
    Error, Expiry, Extended, Kind, Larder, ManualClock, Namespace, SetOptions, TimeToLive,
};
use shared::{ms, open, text};

fn get(ns: &Namespace, key: &str) -> Option<String> {
    ns.strings().get(key).unwrap().map(text)
}

fn wrong(found: Kind) -> Error {
    Error::WrongKind { expected: Kind::String, found }
}

#[test]
fn only_the_canonical_spelling_is_an_integer() {
    let (_clock, _larder, ns) = open();
    let not = [
        "",
        " 1",
        "1 ",
        "+1",
        "01",
        "-0",
        "-01",
        "1.0",
        "1e3",
        "0x1",
        "-",
        "--1",
        "one",
        "1\0",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
    ];
    for spelling in not {
        ns.strings().set("n", spelling).unwrap();
        assert_eq!(ns.counters().add("n", 1), Err(Error::NotAnInteger), "{spelling:?}");
        assert_eq!(ns.counters().value("n"), Err(Error::NotAnInteger), "{spelling:?}");
        assert_eq!(get(&ns, "n").unwrap(), spelling, "a refused change changes nothing");
    }
    for number in [0, 1, -1, 10, i64::MAX, i64::MIN] {
        ns.strings().set("n", number.to_string()).unwrap();
        assert_eq!(ns.counters().value("n"), Ok(number));
        assert_eq!(ns.counters().add("n", 0), Ok(number));
        assert_eq!(get(&ns, "n").unwrap(), number.to_string());
    }
}

#[test]
fn a_sum_that_does_not_fit_is_refused_and_nothing_changes() {
    let (_clock, _larder, ns) = open();
    for (start, delta) in
        [(i64::MAX, 1), (i64::MIN, -1), (1, i64::MAX), (-1, i64::MIN), (i64::MIN, i64::MIN)]
    {
        ns.counters().set("n", start).unwrap();
        assert_eq!(ns.counters().add("n", delta), Err(Error::Overflow), "{start} + {delta}");
        assert_eq!(ns.counters().value("n"), Ok(start));
    }
    ns.counters().set("n", 0).unwrap();
    assert_eq!(ns.counters().add("n", i64::MIN), Ok(i64::MIN), "the least delta is one like any");
    assert_eq!(ns.counters().add("n", i64::MAX), Ok(-1));
}

#[test]
fn a_counter_is_a_string_and_a_string_a_counter() {
    let (_clock, _larder, ns) = open();
    assert_eq!(ns.counters().add("n", 41), Ok(41), "a missing key counts from zero");
    assert_eq!(get(&ns, "n").unwrap(), "41");
    assert_eq!(ns.strings().append("n", "9").unwrap(), 3);
    assert_eq!(ns.counters().add("n", 1), Ok(420));
    assert_eq!(text(ns.strings().range("n", -2, -1).unwrap()), "20");
    assert_eq!(ns.strings().write_range("n", 0, "5").unwrap(), 3);
    assert_eq!(ns.counters().value("n"), Ok(520));
    assert_eq!(ns.strings().len("n").unwrap(), 3);
    assert_eq!(ns.strings().take("n").unwrap().map(text).unwrap(), "520");
    // A long one cannot be an integer, however it came about.
    ns.strings().append("n", vec![b'1'; 5000]).unwrap();
    assert_eq!(ns.counters().add("n", 1), Err(Error::NotAnInteger));
    assert_eq!(ns.strings().add_float("n", 1.0), Err(Error::NotAFloat));
}

#[test]
fn floats_are_added_as_people_expect() {
    let (_clock, _larder, ns) = open();
    ns.strings().set("f", "0.1").unwrap();
    let delta = Extended::parse(b"0.2").unwrap();
    ns.strings().add_extended("f", delta).unwrap();
    assert_eq!(get(&ns, "f").unwrap(), "0.3");
    let table = [
        ("10.50", "0.1", "10.6"),
        ("5.0e3", "2.0e2", "5200"),
        ("0", "1e-20", "0"),
        ("3", "-3", "0"),
        ("-0.5", "0.25", "-0.25"),
        ("1e17", "1", "100000000000000001"),
    ];
    for (start, delta, sum) in table {
        ns.strings().set("f", start).unwrap();
        ns.strings().add_extended("f", Extended::parse(delta.as_bytes()).unwrap()).unwrap();
        assert_eq!(get(&ns, "f").unwrap(), sum, "{start} + {delta}");
    }
    assert_eq!(ns.strings().add_float("new", 2.5), Ok(2.5), "a missing key counts from zero");
    ns.counters().set("n", 3).unwrap();
    assert_eq!(ns.strings().add_float("n", 0.5), Ok(3.5));
}

#[test]
fn what_is_no_finite_number_is_refused() {
    let (_clock, _larder, ns) = open();
    for spelling in ["", " 1", "1 ", "abc", "nan", "1,5", "--1", "1e", "0x"] {
        ns.strings().set("f", spelling).unwrap();
        assert_eq!(ns.strings().add_float("f", 1.0), Err(Error::NotAFloat), "{spelling:?}");
    }
    ns.strings().set("f", "1").unwrap();
    for delta in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(ns.strings().add_float("f", delta), Err(Error::Overflow), "{delta}");
    }
    assert_eq!(get(&ns, "f").unwrap(), "1");
}

#[test]
fn ranges_count_from_both_ends_and_never_run_over() {
    let (_clock, _larder, ns) = open();
    let whole = b"This is a string";
    ns.strings().set("s", &whole[..]).unwrap();
    let rope: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
    ns.strings().append("rope", &rope).unwrap();
    ns.counters().set("n", -12345).unwrap();
    let ends = [0, 1, 3, -1, -3, 5, 100, -100, 39_999, i64::MAX, i64::MIN, i64::MIN + 1];
    for (key, bytes) in [("s", &whole[..]), ("rope", &rope), ("n", b"-12345"), ("missing", b"")] {
        for start in ends {
            for stop in ends {
                // In wider numbers, where nothing overflows.
                let len = bytes.len() as i128;
                let place = |end: i64| i128::from(end) + if end < 0 { len } else { 0 };
                let (from, to) = (place(start).max(0), place(stop).min(len - 1));
                let expected =
                    if from > to { &[][..] } else { &bytes[from as usize..=to as usize] };
                let range = ns.strings().range(key, start, stop).unwrap();
                assert_eq!(&*range, expected, "{key} {start}..={stop}");
            }
        }
    }
}

#[test]
fn writing_into_a_string_fills_the_gap_with_zeros() {
    let (_clock, _larder, ns) = open();
    assert_eq!(ns.strings().write_range("missing", 5, "").unwrap(), 0, "nothing makes nothing");
    assert!(!ns.keys().exists("missing").unwrap());
    assert_eq!(ns.strings().write_range("s", 3, "x").unwrap(), 4);
    assert_eq!(get(&ns, "s").unwrap(), "\0\0\0x");
    assert_eq!(ns.strings().write_range("s", 1, "ab").unwrap(), 4);
    assert_eq!(get(&ns, "s").unwrap(), "\0abx");
    assert_eq!(ns.strings().write_range("s", 99, "").unwrap(), 4, "however far");
    assert_eq!(ns.strings().append("empty", "").unwrap(), 0);
    assert!(ns.keys().exists("empty").unwrap(), "appending makes an empty string");
    assert_eq!(ns.strings().write_range("far", 100_000, "x").unwrap(), 100_001);
    assert_eq!(&*ns.strings().range("far", 99_998, -1).unwrap(), b"\0\0x");
}

#[test]
fn lengths_beyond_the_limits_are_refused_before_anything_is_allocated() {
    let clock = ManualClock::new();
    let larder = Larder::builder().manual_clock(&clock).max_value_bytes(100).open();
    let ns = larder.namespace("main").unwrap();
    let long = |len| Err(Error::ValueTooLong { len, limit: 100 });
    assert_eq!(ns.strings().set("s", vec![b'x'; 101]), long(101));
    assert_eq!(ns.strings().set("s", vec![b'x'; 100]), Ok(()));
    assert_eq!(ns.strings().append("s", "x").map(drop), long(101));
    assert_eq!(ns.strings().write_range("s", 100, "x").map(drop), long(101));
    assert_eq!(ns.strings().write_range("s", usize::MAX, "x").map(drop), Err(Error::Overflow));
    assert_eq!(ns.strings().set_many(&[("t", "x".repeat(101))]).map(drop), long(101));
    assert_eq!(ns.strings().write_range("s", 99, "y"), Ok(100));
    let (_clock, _larder, ns) = open();
    let limit = 512 << 20;
    let far = ns.strings().write_range("s", usize::MAX - 1, "x");
    assert_eq!(far, Err(Error::ValueTooLong { len: usize::MAX, limit }));
    assert_eq!(ns.len(), 0);
}

#[test]
fn keys_beyond_the_limit_are_refused_by_every_door_and_shorter_ones_are_not() {
    let (_clock, larder, ns) = open();
    let longest = vec![b'k'; 64 << 10];
    ns.strings().set(&longest, "v").unwrap();
    assert_eq!(ns.strings().get(&longest).unwrap().map(text).unwrap(), "v");
    let key = vec![b'k'; (64 << 10) + 1];
    let long = Error::KeyTooLong { len: key.len(), limit: 64 << 10 };
    let refused: Vec<(&str, Result<(), Error>)> = vec![
        ("get", ns.strings().get(&key).map(drop)),
        ("get_many", ns.strings().get_many(&[&key]).map(drop)),
        ("set", ns.strings().set(&key, "v")),
        ("set_many", ns.strings().set_many(&[(&key, "v")])),
        ("rename", ns.keys().rename(&longest, &key)),
        ("copy", ns.keys().copy(&longest, &key, true).map(drop)),
        ("copy_to", ns.keys().copy_to(&longest, &ns, &key, true).map(drop)),
        ("add", ns.sorted_sets().add(&key, "m", 1.0).map(drop)),
        ("store", ns.sorted_sets().store_range(&key, "z", &larder_engine::Span::all()).map(drop)),
        ("grant", ns.leases().grant(&key, "ann", ms(1)).map(drop)),
        ("object", ns.objects().put(&key, 1, Expiry::Never)),
        ("inside", larder.transaction(|tx| tx.strings(&ns).set(&key, "v"))),
    ];
    for (name, result) in refused {
        assert_eq!(result, Err(long.clone()), "{name}");
    }
    assert_eq!(ns.len(), 1);
}

#[test]
fn an_empty_key_is_a_key_and_an_empty_string_a_string() {
    let (_clock, _larder, ns) = open();
    ns.strings().set("", "").unwrap();
    assert_eq!(get(&ns, "").unwrap(), "");
    assert!(ns.keys().exists("").unwrap());
    assert_eq!(ns.keys().random().unwrap().map(text).unwrap(), "");
    ns.keys().rename("", "x").unwrap();
    ns.keys().rename("x", "").unwrap();
    assert!(ns.keys().delete("").unwrap());
    assert_eq!(ns.len(), 0);
}

#[test]
fn reading_many_passes_over_what_is_no_string() {
    let (_clock, _larder, ns) = open();
    ns.strings().set("a", "1").unwrap();
    ns.sorted_sets().add("z", "m", 1.0).unwrap();
    ns.counters().set("n", 5).unwrap();
    let many = ns.strings().get_many(&["a", "z", "missing", "n", "a"]).unwrap();
    let many: Vec<_> = many.into_iter().map(|found| found.map(text)).collect();
    let is = |text: &str| Some(text.to_owned());
    assert_eq!(many, [is("1"), None, None, is("5"), is("1")]);
}

#[test]
fn every_operation_refuses_a_value_of_another_kind_and_leaves_it() {
    let (_clock, _larder, ns) = open();
    ns.sorted_sets().add("z", "m", 1.0).unwrap();
    let refused: Vec<(&str, Result<(), Error>)> = vec![
        ("get", ns.strings().get("z").map(drop)),
        ("len", ns.strings().len("z").map(drop)),
        ("range", ns.strings().range("z", 0, 1).map(drop)),
        ("take", ns.strings().take("z").map(drop)),
        ("swap", ns.strings().swap("z", "v", SetOptions::new()).map(drop)),
        ("get_and_expire", ns.strings().get_and_expire("z", Expiry::Never).map(drop)),
        ("append", ns.strings().append("z", "").map(drop)),
        ("write_range", ns.strings().write_range("z", 0, "").map(drop)),
        ("add_float", ns.strings().add_float("z", 1.0).map(drop)),
        ("add", ns.counters().add("z", 1).map(drop)),
        ("value", ns.counters().value("z").map(drop)),
    ];
    for (name, result) in refused {
        assert_eq!(result, Err(wrong(Kind::SortedSet)), "{name}");
    }
    assert_eq!(ns.sorted_sets().len("z").unwrap(), 1);
    ns.strings().set("z", "v").unwrap();
    assert_eq!(get(&ns, "z").unwrap(), "v", "setting replaces whatever was there");
}

#[test]
fn conditions_of_setting_are_kept() {
    let (_clock, _larder, ns) = open();
    assert!(!ns.strings().set_with("k", "v", SetOptions::new().if_present()).unwrap());
    assert!(ns.strings().set_if_absent("k", "1").unwrap());
    assert!(!ns.strings().set_if_absent("k", "2").unwrap());
    assert!(ns.strings().set_with("k", "3", SetOptions::new().if_present()).unwrap());
    // The value before comes back whether or not the condition held.
    let (is_set, before) = ns.strings().swap("k", "4", SetOptions::new().if_absent()).unwrap();
    assert_eq!((is_set, before.map(text).unwrap()), (false, "3".into()));
    let (is_set, before) = ns.strings().swap("k", "5", SetOptions::new().if_present()).unwrap();
    assert_eq!((is_set, before.map(text).unwrap()), (true, "3".into()));
    let (is_set, before) = ns.strings().swap("new", "6", SetOptions::new()).unwrap();
    assert_eq!((is_set, before), (true, None));
}

#[test]
fn setting_many_is_all_or_nothing_and_the_last_of_a_repeated_key_counts() {
    let (_clock, _larder, ns) = open();
    ns.strings().set_many(&[("a", "1"), ("b", "2"), ("a", "3")]).unwrap();
    assert_eq!((get(&ns, "a").unwrap(), ns.len()), ("3".into(), 2));
    assert!(!ns.strings().set_many_if_absent(&[("c", "1"), ("a", "9")]).unwrap());
    assert_eq!(get(&ns, "c"), None, "one exists, so none is set");
    assert!(ns.strings().set_many_if_absent(&[("c", "1"), ("c", "2")]).unwrap());
    assert_eq!(get(&ns, "c").unwrap(), "2", "a key named twice does not stand in its own way");
}

#[test]
fn getting_and_expiring_does_all_three() {
    let (_clock, _larder, ns) = open();
    assert_eq!(ns.strings().get_and_expire("missing", Expiry::In(ms(5))).unwrap(), None);
    ns.strings().set("k", "v").unwrap();
    ns.strings().get_and_expire("k", Expiry::In(ms(5))).unwrap();
    assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Left(ms(5)));
    ns.strings().get_and_expire("k", Expiry::Keep).unwrap();
    assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Left(ms(5)));
    ns.strings().get_and_expire("k", Expiry::Never).unwrap();
    assert_eq!(ns.keys().time_to_live("k").unwrap(), TimeToLive::Unlimited);
}
