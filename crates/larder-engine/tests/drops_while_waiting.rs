//! Values and captures whose `Drop` comes back to the engine, or panics, while others wait.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;
#[path = "support/task.rs"]
mod task;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use larder_engine::{
    Budget, End, Error, EventKind, Eviction, Expiry, Larder, ManualClock, Namespace,
    NamespaceOptions, Object, Popped,
};
use support::builder;
use task::Task;

struct House {
    larder: Larder,
    app: Namespace,
}

fn house() -> House {
    let clock = ManualClock::new();
    let larder = builder(&clock).open();
    let app = larder.namespace("app").unwrap();
    House { larder, app }
}

fn pop(app: &Namespace, keys: &[&str]) -> Task<Popped> {
    Task::new(app.sorted_sets().pop_wait(keys, End::Min, None).unwrap())
}

fn add(app: &Namespace, key: &str, member: &str) {
    app.sorted_sets().add(key, member, 1.0).unwrap();
}

fn member(popped: Poll<Result<Option<Popped>, Error>>) -> Option<String> {
    match popped {
        Poll::Ready(Ok(Some(popped))) => Some(String::from_utf8(popped.member.to_vec()).unwrap()),
        Poll::Ready(Ok(None)) => panic!("its time is up"),
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => None,
    }
}

/// Runs a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_value_whose_drop_feeds_a_key_serves_its_waiters() {
    let House { app, .. } = house();
    let mut task = pop(&app, &["k"]);
    let ns = app.clone();
    app.objects()
        .put("object", Object::new(OnDrop(move || add(&ns, "k", "m")), 8), Expiry::Never)
        .unwrap();
    app.keys().delete("object").unwrap();
    assert_eq!(member(task.poll()).as_deref(), Some("m"));
}

#[test]
fn a_long_chain_of_values_that_remove_one_another_takes_no_stack() {
    const LINKS: usize = 20_000;
    let House { app, .. } = house();
    let dropped = Arc::new(AtomicUsize::new(0));
    for n in 0..LINKS {
        let (ns, dropped) = (app.clone(), Arc::clone(&dropped));
        let link = OnDrop(move || {
            dropped.fetch_add(1, Ordering::Relaxed);
            ns.keys().delete((n + 1).to_string()).unwrap();
        });
        app.objects().put(n.to_string(), link, Expiry::Never).unwrap();
    }
    assert!(app.keys().delete("0").unwrap());
    assert_eq!((dropped.load(Ordering::Relaxed), app.len()), (LINKS, 0));
}

#[test]
fn values_whose_drop_panics_harm_nothing_else() {
    let House { app, larder, .. } = house();
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    let _listening = larder.on_event(move |_| _ = hears.fetch_add(1, Ordering::Relaxed));
    for n in 0..3 {
        let value = OnDrop(|| std::panic::resume_unwind(Box::new("a drop panics")));
        app.objects().put(format!("object:{n}"), value, Expiry::Never).unwrap();
    }
    let mut task = pop(&app, &["k"]);
    larder
        .transaction(|tx| {
            tx.keys(&app).delete_many(&["object:0", "object:1"])?;
            tx.sorted_sets(&app).add("k", "m", 1.0).map(drop)
        })
        .unwrap();
    assert_eq!(member(task.poll()).as_deref(), Some("m"));
    // And while a closure's own panic is being told.
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        larder.transaction(|tx| {
            let value = OnDrop(|| std::panic::resume_unwind(Box::new("a drop panics")));
            tx.objects(&app).put("object:3", value, Expiry::Never)?;
            std::panic::resume_unwind(Box::new("on purpose"));
            #[expect(unreachable_code, reason = "it says of which type the closure is")]
            Ok::<_, Error>(())
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(app.len(), 1);
    assert_eq!(heard.load(Ordering::Relaxed), 8);
    app.keys().delete("object:2").unwrap();
}

#[test]
fn a_removed_listener_whose_captures_panic_stops_no_later_event() {
    let House { app, larder, .. } = house();
    let slot = Arc::new(Mutex::new(None));
    let bomb = OnDrop(|| std::panic::resume_unwind(Box::new("a capture panics")));
    let own = Arc::clone(&slot);
    let listening = larder.on_event(move |_| {
        // It removes itself, so what it captured goes when the delivery lets go of it.
        let _captured = &bomb;
        drop(own.lock().unwrap().take());
    });
    *slot.lock().unwrap() = Some(listening);
    app.strings().set("k", "v").unwrap();
    let (tell, told) = mpsc::channel();
    let _listening = larder.on_event(move |event| tell.send(event.kind).unwrap());
    app.strings().append("k", "v").unwrap();
    assert_eq!(told.try_recv(), Ok(EventKind::Appended));
}

#[test]
fn a_refused_object_is_dropped_with_nothing_locked() {
    let larder = Larder::builder().shards(1).open();
    let options =
        NamespaceOptions::new().budget(Budget::bytes(1000)).eviction(Eviction::AllKeysLru);
    let app = larder.namespace_with("app", options).unwrap();
    let is_dropped = Arc::new(AtomicBool::new(false));
    let refused = [(Expiry::In(Duration::ZERO), 8), (Expiry::Never, 1_000_000)];
    for (expiry, weight) in refused {
        is_dropped.store(false, Ordering::Relaxed);
        let (ns, dropped) = (app.clone(), Arc::clone(&is_dropped));
        let object = Object::new(
            OnDrop(move || {
                ns.strings().set("k", "v").unwrap();
                dropped.store(true, Ordering::Relaxed);
            }),
            weight,
        );
        app.objects().put_object("object", object, expiry).unwrap_err();
        assert!(is_dropped.load(Ordering::Relaxed));
    }
}
