//! Transactions: what a budget and a failed step mean inside of one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use larder_engine::{
    Budget, Error, Eviction, Larder, ManualClock, Namespace, NamespaceOptions, Txn,
};
use support::{builder, dump};

fn within(limit: u64, eviction: Eviction) -> (Larder, Namespace, Budget) {
    let larder = builder(&ManualClock::new()).open();
    let budget = Budget::entries(limit);
    let options = NamespaceOptions::new().budget(budget.clone()).eviction(eviction);
    let app = larder.namespace_with("app", options).unwrap();
    (larder, app, budget)
}

fn set_all(tx: &mut Txn<'_>, app: &Namespace, keys: &[&str]) -> Result<(), Error> {
    keys.iter().try_for_each(|key| tx.strings(app).set(key, "v"))
}

#[test]
fn a_transaction_that_crosses_the_budget_passes_and_the_next_one_is_refused() {
    let (larder, app, budget) = within(2, Eviction::NoEviction);
    larder.transaction(|tx| set_all(tx, &app, &["a", "b", "c", "d"])).unwrap();
    assert_eq!(budget.used(), 4);
    let refused = larder.transaction(|tx| set_all(tx, &app, &["e"]));
    assert_eq!(refused, Err(Error::OverBudget { used: 4, limit: 2 }));
    // What makes nothing larger goes on.
    larder.transaction(|tx| tx.keys(&app).delete_many(&["a", "b", "c"])).unwrap();
    larder.transaction(|tx| set_all(tx, &app, &["e"])).unwrap();
}

#[test]
fn a_transaction_that_crosses_the_budget_of_a_cache_is_trimmed_when_it_has_ended() {
    for eviction in [Eviction::ScanResistant, Eviction::AllKeysLru] {
        let (larder, app, budget) = within(3, eviction);
        for n in 0..20 {
            let keys = [format!("{n}:a"), format!("{n}:b"), format!("{n}:c"), format!("{n}:d")];
            let mut seen = 0;
            larder
                .transaction(|tx| {
                    set_all(tx, &app, &keys.each_ref().map(String::as_str))?;
                    seen = tx.strings(&app).get_many(&keys)?.iter().flatten().count();
                    Ok::<_, Error>(())
                })
                .unwrap();
            assert_eq!(seen, 4, "nothing goes while the transaction runs");
            assert_eq!(budget.used(), 3);
        }
        app.assert_valid();
    }
}

#[test]
fn a_transaction_over_namespaces_that_share_a_budget_ends() {
    let (larder, one, budget) = within(2, Eviction::AllKeysRandom);
    let options = NamespaceOptions::new().budget(budget.clone()).eviction(Eviction::AllKeysRandom);
    let other = larder.namespace_with("other", options).unwrap();
    larder
        .transaction(|tx| {
            set_all(tx, &one, &["a", "b", "c"])?;
            set_all(tx, &other, &["a", "b", "c"])
        })
        .unwrap();
    assert_eq!(budget.used(), 2);
}

#[test]
fn a_step_over_several_keys_that_fails_has_changed_nothing_even_if_the_transaction_goes_on() {
    let larder = builder(&ManualClock::new()).max_value_bytes(8).open();
    let app = larder.namespace("app").unwrap();
    app.strings().set("a", "before").unwrap();
    larder
        .transaction(|tx| {
            tx.strings(&app).set("mine", "1")?;
            let failed = tx.strings(&app).set_many(&[("a", "after"), ("b", "much too long")]);
            assert!(matches!(failed, Err(Error::ValueTooLong { .. })));
            assert_eq!(tx.strings(&app).get("a")?.as_deref(), Some(&b"before"[..]));
            tx.strings(&app).append("mine", "2").map(drop)
        })
        .unwrap();
    assert_eq!(app.strings().get("a").unwrap().as_deref(), Some(&b"before"[..]));
    assert_eq!(app.strings().get("mine").unwrap().as_deref(), Some(&b"12"[..]));
    assert_eq!(dump(&app).len(), 2);
    app.assert_valid();
}
