//! Watches: what counts as a change of a key.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_engine::{
    Content, Effect, Error, ExpireIf, Expiry, Larder, ManualClock, Namespace, SetOptions, Txn,
    Watch,
};
use support::builder;

struct House {
    clock: ManualClock,
    larder: Larder,
    app: Namespace,
}

fn house() -> House {
    let clock = ManualClock::new();
    let larder = builder(&clock).open();
    let app = larder.namespace("app").unwrap();
    House { clock, larder, app }
}

impl House {
    fn watch(&self, keys: &[&str]) -> Watch {
        let mut watch = self.larder.watch();
        keys.iter().for_each(|key| watch.key(&self.app, key).unwrap());
        watch
    }

    /// What a transaction says that goes on only if nothing was changed.
    fn go_on(&self, watch: &Watch) -> Result<(), Error> {
        self.larder.transaction(|tx| tx.check(watch))
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// True when `change` touches `k`, which holds "5" for an hour before it.
fn touches(change: impl Fn(&House)) -> bool {
    let house = house();
    house.app.strings().set_for("k", "5", 3600 * SECOND).unwrap();
    let watch = house.watch(&["k"]);
    change(&house);
    let result = house.go_on(&watch);
    assert_eq!(watch.is_changed(), result == Err(Error::WatchedKeyChanged));
    result.is_err()
}

#[test]
fn every_write_touches_even_of_the_same_value() {
    assert!(touches(|h| h.app.strings().set("k", "5").unwrap()));
    assert!(touches(|h| h.app.counters().set("k", 5).unwrap()));
    assert!(touches(|h| _ = h.app.counters().add("k", 0).unwrap()));
    assert!(touches(|h| _ = h.app.keys().delete("k").unwrap()));
    assert!(touches(|h| _ = h.app.keys().expire("k", SECOND).unwrap()));
    assert!(touches(|h| _ = h.app.keys().persist("k").unwrap()));
    assert!(touches(|h| h.app.keys().rename("k", "other").unwrap()));
    assert!(touches(|h| {
        h.app.strings().set("other", "5").unwrap();
        h.app.keys().rename("other", "k").unwrap();
    }));
    assert!(touches(|h| _ = h.app.keys().flush().unwrap()));
    assert!(touches(|h| {
        let write = |tx: &mut Txn<'_>| tx.strings(&h.app).set("k", "5");
        h.larder.transaction(write).unwrap();
    }));
}

#[test]
fn what_changes_nothing_does_not_touch() {
    assert!(!touches(|_| {}));
    assert!(!touches(|h| _ = h.app.strings().get("k").unwrap()));
    assert!(!touches(|h| _ = h.app.keys().delete("missing").unwrap()));
    assert!(!touches(|h| h.app.strings().set("other", "5").unwrap()));
    assert!(!touches(|h| _ = h.app.strings().set_if_absent("k", "6").unwrap()));
    assert!(!touches(|h| _ = h.app.sorted_sets().add("k", "m", 1.0).unwrap_err()));
    assert!(!touches(|h| {
        let refused = h.app.keys().expire_if("k", SECOND, ExpireIf::HasNone);
        assert_eq!(refused, Ok(false));
    }));
    assert!(!touches(|h| {
        let failed = h.larder.transaction(|tx| {
            tx.strings(&h.app).set("k", "6")?;
            Err::<(), _>(Error::NoSuchKey)
        });
        assert_eq!(failed, Err(Error::NoSuchKey));
    }));
}

#[test]
fn deleting_a_key_that_is_not_there_does_not_touch_it() {
    let house = house();
    let watch = house.watch(&["missing"]);
    assert_eq!(house.app.keys().delete("missing"), Ok(false));
    assert_eq!(house.go_on(&watch), Ok(()));
    house.app.strings().set("missing", "no more").unwrap();
    assert_eq!(house.go_on(&watch), Err(Error::WatchedKeyChanged));
}

#[test]
fn a_key_that_comes_and_goes_in_one_transaction_was_touched() {
    let house = house();
    let watch = house.watch(&["k"]);
    house
        .larder
        .transaction(|tx| {
            tx.strings(&house.app).set("k", "v")?;
            tx.keys(&house.app).delete("k").map(drop)
        })
        .unwrap();
    assert_eq!(house.go_on(&watch), Err(Error::WatchedKeyChanged));
}

#[test]
fn a_key_that_lapses_is_changed() {
    let house = house();
    house.app.strings().set_for("k", "v", SECOND).unwrap();
    let watch = house.watch(&["k"]);
    house.clock.advance(SECOND).unwrap();
    assert_eq!(house.go_on(&watch), Ok(()), "its deadline has come and not passed");
    house.clock.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(house.go_on(&watch), Err(Error::WatchedKeyChanged));
}

#[test]
fn a_key_that_lapsed_before_it_was_watched_is_not_changed_by_that() {
    // Every key lapses at the same instant, one shard after the other. A listener that hears of the
    // first one watches them all, also those that have lapsed and lie there still.
    let house = house();
    let keys: Vec<String> = (0..32).map(|n| n.to_string()).collect();
    for key in &keys {
        house.app.strings().set_for(key, "v", SECOND).unwrap();
    }
    let watch = Arc::new(Mutex::new(None));
    let (begun, larder, app) = (Arc::clone(&watch), house.larder.clone(), house.app.clone());
    let listening = house.larder.on_event(move |_| {
        begun.lock().unwrap().get_or_insert_with(|| {
            assert!(!app.is_empty(), "some lie there still");
            let mut watch = larder.watch();
            keys.iter().for_each(|key| watch.key(&app, key).unwrap());
            watch
        });
    });
    house.clock.advance(2 * SECOND).unwrap();
    drop(listening);
    let watch = watch.lock().unwrap().take().unwrap();
    assert_eq!(house.go_on(&watch), Ok(()));
}

#[test]
fn a_watch_over_several_keys_notices_each() {
    let house = house();
    for changed in ["a", "b", "c"] {
        let watch = house.watch(&["a", "b", "c"]);
        assert_eq!(house.go_on(&watch), Ok(()));
        house.app.strings().append(changed, "x").unwrap();
        assert_eq!(house.go_on(&watch), Err(Error::WatchedKeyChanged));
    }
}

#[test]
fn a_lapse_of_the_same_key_elsewhere_is_no_change() {
    let house = house();
    let other = house.larder.namespace("other").unwrap();
    let _listening = house.larder.on_event(|_| {});
    let watch = house.watch(&["k"]);
    // Replay lets nothing lapse, so the key waits there for whoever comes first.
    let lapsed = Effect::Put {
        key: "k".into(),
        value: Content::String("v".into()),
        deadline_ms: Some(house.clock.now().as_millis() - 1),
    };
    other.apply(&lapsed).unwrap();
    let result = house.larder.transaction(|tx| {
        assert!(!tx.keys(&other).exists("k")?);
        tx.check(&watch)
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn what_the_transaction_itself_did_to_a_watched_key_is_no_change() {
    let house = house();
    let watch = house.watch(&["k"]);
    let past = Expiry::AtMs(house.clock.now().as_millis() - 1);
    let result = house.larder.transaction(|tx| {
        tx.strings(&house.app).set("k", "v")?;
        tx.strings(&house.app).set_with("k", "w", SetOptions::new().expiry(past))?;
        tx.check(&watch)
    });
    assert_eq!(result, Ok(()));
    assert_eq!(house.go_on(&watch), Err(Error::WatchedKeyChanged), "the next one sees it");
}

#[test]
fn a_watch_and_a_namespace_of_different_engines_do_not_mix() {
    let (one, other) = (house(), house());
    other.larder.namespace("second").unwrap();
    let second = other.larder.namespace("second").unwrap();
    let mut watch = one.larder.watch();
    assert_eq!(watch.key(&second, "k"), Err(Error::ForeignNamespace));
    watch.key(&one.app, "k").unwrap();
    assert_eq!(other.go_on(&watch), Err(Error::ForeignNamespace));
    assert_eq!(one.go_on(&watch), Ok(()));
}

#[test]
fn a_watch_dropped_inside_a_transaction_does_not_wait_for_it() {
    let house = house();
    let mut watch = Some(house.watch(&["k"]));
    house
        .larder
        .transaction(|tx| {
            tx.strings(&house.app).set("k", "v")?;
            drop(watch.take());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(house.app.strings().get("k").unwrap().as_deref(), Some(&b"v"[..]));
}

#[test]
fn a_watch_cannot_begin_inside_a_transaction() {
    let house = house();
    let mut watch = house.larder.watch();
    let inside = house.larder.transaction(|_| watch.key(&house.app, "k"));
    assert_eq!(inside, Err(Error::InsideTransaction));
}

#[test]
fn of_two_threads_that_watch_and_write_one_goes_on() {
    let larder = Larder::builder().shards(2).open();
    let app = larder.namespace("app").unwrap();
    let total: i64 = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut done = 0;
                while done < 200 {
                    let mut watch = larder.watch();
                    watch.key(&app, "n").unwrap();
                    let seen = app.counters().value("n").unwrap();
                    let written = larder.transaction(|tx| {
                        tx.check(&watch)?;
                        tx.counters(&app).set("n", seen + 1)
                    });
                    done += i64::from(written.is_ok());
                }
                done
            })
        });
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(app.counters().value("n").unwrap(), total);
}
