//! Waits: who is served, by whom, when, in which order, and what ends a wait.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;
#[path = "support/task.rs"]
mod task;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use larder_engine::{
    AddOptions, End, Error, EventKind, Larder, ManualClock, Namespace, Popped, Span, Wait,
};
use support::builder;
use task::Task;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

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

fn pop(app: &Namespace, keys: &[&str]) -> Task<Popped> {
    Task::new(app.sorted_sets().pop_wait(keys, End::Min, None).unwrap())
}

fn pop_for(app: &Namespace, keys: &[&str], timeout: Duration) -> Task<Popped> {
    Task::new(app.sorted_sets().pop_wait(keys, End::Min, Some(timeout)).unwrap())
}

fn add(app: &Namespace, key: &str, member: &str) {
    app.sorted_sets().add(key, member, 1.0).unwrap();
}

fn add_all(app: &Namespace, key: &str, members: &[(&str, f64)]) {
    app.sorted_sets().add_with(key, members, AddOptions::new()).unwrap();
}

fn member(popped: Poll<Result<Option<Popped>, Error>>) -> Option<String> {
    match popped {
        Poll::Ready(Ok(Some(popped))) => Some(String::from_utf8(popped.member.to_vec()).unwrap()),
        Poll::Ready(Ok(None)) => panic!("its time is up"),
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => None,
    }
}

fn waits(app: &Namespace) -> usize {
    app.stats().waits
}

// Who is served.

#[test]
fn what_is_there_is_taken_without_waiting_from_the_first_key_that_has_any() {
    let House { app, .. } = house();
    add(&app, "b", "b1");
    add(&app, "c", "c1");
    let popped = app.sorted_sets().pop_wait(&["a", "b", "c"], End::Min, None).unwrap();
    let popped = popped.wait().unwrap().unwrap();
    assert_eq!((&*popped.key, &*popped.member, popped.score), (&b"b"[..], &b"b1"[..], 1.0));
    assert_eq!(waits(&app), 0);
    assert!(!app.keys().exists("b").unwrap());
}

#[test]
fn a_task_over_several_keys_gets_what_any_of_them_is_fed() {
    let House { app, .. } = house();
    for fed in ["a", "b", "c"] {
        let mut task = pop(&app, &["a", "b", "c"]);
        assert!(task.poll().is_pending());
        assert_eq!(waits(&app), 3);
        add(&app, fed, "m");
        assert_eq!(waits(&app), 0, "it left every queue");
        assert_eq!((task.wakes(), member(task.poll()).as_deref()), (1, Some("m")));
        assert!(app.is_empty());
    }
}

#[test]
fn a_thread_over_several_keys_gets_what_any_of_them_is_fed() {
    let House { app, .. } = house();
    for fed in ["a", "b", "c"] {
        let wait = app.sorted_sets().pop_wait(&["a", "b", "c"], End::Max, None).unwrap();
        let parked = thread::spawn(move || wait.wait());
        add(&app, fed, "m");
        let popped = parked.join().unwrap().unwrap().unwrap();
        assert_eq!((&*popped.key, &*popped.member), (fed.as_bytes(), &b"m"[..]));
    }
    assert_eq!((waits(&app), app.len()), (0, 0));
}

#[test]
fn the_feeder_serves_before_its_own_call_returns() {
    let House { app, .. } = house();
    let mut task = pop(&app, &["k"]);
    assert!(task.poll().is_pending());
    add(&app, "k", "m");
    assert_eq!((task.wakes(), app.len(), waits(&app)), (1, 0, 0));
    assert_eq!(member(task.poll()).as_deref(), Some("m"));
}

#[test]
fn waiters_of_a_key_are_served_in_the_order_in_which_they_came() {
    let House { app, .. } = house();
    let mut tasks: Vec<_> = (0..5).map(|_| pop(&app, &["k"])).collect();
    // Not in the order in which they were first polled.
    tasks.iter_mut().rev().for_each(|task| assert!(task.poll().is_pending()));
    add_all(&app, "k", &[("a", 1.0), ("b", 2.0), ("c", 3.0)]);
    let got: Vec<_> = tasks.iter_mut().map(|task| member(task.poll())).collect();
    let got: Vec<_> = got.iter().map(Option::as_deref).collect();
    assert_eq!(got, [Some("a"), Some("b"), Some("c"), None, None]);
    add(&app, "k", "d");
    assert_eq!(member(tasks[3].poll()).as_deref(), Some("d"));
}

#[test]
fn a_waiter_on_two_keys_keeps_its_place_in_each() {
    let House { app, .. } = house();
    let mut on_b = pop(&app, &["b"]);
    let mut on_both = pop(&app, &["a", "b"]);
    let mut on_a = pop(&app, &["a"]);
    assert_eq!(waits(&app), 4);
    add(&app, "a", "a1");
    assert_eq!(member(on_both.poll()).as_deref(), Some("a1"));
    assert_eq!(waits(&app), 2, "it left both queues");
    add(&app, "b", "b1");
    add(&app, "a", "a2");
    assert_eq!(member(on_b.poll()).as_deref(), Some("b1"));
    assert_eq!(member(on_a.poll()).as_deref(), Some("a2"));
    assert_eq!(waits(&app), 0);
}

#[test]
fn one_key_named_twice_is_taken_from_once() {
    let House { app, .. } = house();
    let mut task = pop(&app, &["k", "k"]);
    add_all(&app, "k", &[("a", 1.0), ("b", 2.0)]);
    assert_eq!(member(task.poll()).as_deref(), Some("a"));
    assert_eq!((app.sorted_sets().len("k").unwrap(), waits(&app)), (1, 0));
}

#[test]
fn without_keys_there_is_nothing_to_wait_for() {
    let House { app, .. } = house();
    let wait = app.sorted_sets().pop_wait::<&str>(&[], End::Min, None).unwrap();
    assert_eq!(wait.wait(), Ok(None));
}

#[test]
fn every_way_to_feed_a_key_serves_its_waiters() {
    let House { app, larder, .. } = house();
    let feeds: [(&str, &dyn Fn()); 6] = [
        ("increment", &|| _ = app.sorted_sets().increment("k", "m", 1.0).unwrap()),
        ("rename", &|| {
            add(&app, "other", "m");
            app.keys().rename("other", "k").unwrap();
        }),
        ("copy", &|| {
            add(&app, "other", "m");
            assert!(app.keys().copy("other", "k", false).unwrap());
            app.keys().delete("other").unwrap();
        }),
        ("store", &|| {
            add(&app, "other", "m");
            app.sorted_sets().store_range("k", "other", &Span::all()).unwrap();
            app.keys().delete("other").unwrap();
        }),
        ("transaction", &|| {
            larder.transaction(|tx| tx.sorted_sets(&app).add("k", "m", 1.0).map(drop)).unwrap();
        }),
        ("move", &|| {
            let other = larder.namespace("other").unwrap();
            add(&other, "k", "m");
            assert!(other.keys().move_to("k", &app).unwrap());
        }),
    ];
    for (name, feed) in feeds {
        let mut task = pop(&app, &["k"]);
        assert!(task.poll().is_pending());
        feed();
        assert_eq!(member(task.poll()).as_deref(), Some("m"), "{name}");
        assert_eq!((app.len(), waits(&app)), (0, 0), "{name}");
    }
}

// Overtaking.

/// Calls a function when it is woken.
struct Nosy<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for Nosy<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn nobody_overtakes_the_waiters_of_fed_keys() {
    // Many keys are fed in one step, and their waiters served one after the other; meanwhile
    // somebody comes to the last key time and again.
    let larder = Larder::builder().shards(4).open();
    let app = larder.namespace("app").unwrap();
    let keys: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let last = keys.last().unwrap();
    for _ in 0..20 {
        let mut tasks: Vec<_> = keys.iter().map(|key| pop(&app, &[key])).collect();
        let (start, is_over) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            let thief = scope.spawn(|| {
                start.wait();
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(app.sorted_sets().pop_min(last), Ok(None), "it pushed in");
                }
            });
            start.wait();
            larder
                .transaction(|tx| {
                    let mut sets = tx.sorted_sets(&app);
                    keys.iter().try_for_each(|key| sets.add(key, "m", 1.0).map(drop))
                })
                .unwrap();
            is_over.store(true, Ordering::Relaxed);
            thief.join().unwrap();
        });
        assert!(tasks.iter_mut().all(|task| member(task.poll()).is_some()));
    }
}

// Cancelling.

#[test]
fn a_dropped_waiter_leaves_at_once() {
    let House { app, .. } = house();
    let first = pop_for(&app, &["a", "b"], SECOND);
    let mut second = pop(&app, &["b"]);
    drop(first);
    assert_eq!(waits(&app), 1);
    add(&app, "b", "m");
    assert_eq!(member(second.poll()).as_deref(), Some("m"));
}

#[test]
fn a_waiter_that_was_served_and_goes_gives_back_what_it_took() {
    let House { app, .. } = house();
    let mut first = pop(&app, &["k"]);
    assert!(first.poll().is_pending());
    app.sorted_sets().add("k", "m", 7.5).unwrap();
    assert_eq!((first.wakes(), app.len()), (1, 0));
    drop(first);
    assert_eq!(app.sorted_sets().pop_min("k").unwrap(), Some(("m".into(), 7.5)));
}

#[test]
fn a_wait_that_was_served_at_once_and_goes_gives_back_what_it_took() {
    let House { app, larder, .. } = house();
    app.sorted_sets().add("k", "m", 7.5).unwrap();
    let wait = app.sorted_sets().pop_wait(&["k"], End::Min, Some(SECOND)).unwrap();
    assert_eq!((app.len(), larder.next_due()), (0, None));
    drop(wait);
    assert_eq!(app.sorted_sets().pop_min("k").unwrap(), Some(("m".into(), 7.5)));
}

#[test]
fn what_is_given_back_goes_to_the_next_waiter() {
    let House { app, .. } = house();
    let first = pop(&app, &["k"]);
    let mut second = pop(&app, &["k"]);
    add(&app, "k", "m");
    assert!(second.poll().is_pending());
    drop(first);
    assert_eq!(member(second.poll()).as_deref(), Some("m"));
    assert_eq!((waits(&app), app.len()), (0, 0));
}

#[test]
fn what_is_given_back_does_not_undo_a_later_score() {
    let House { app, .. } = house();
    let first = pop(&app, &["k"]);
    app.sorted_sets().add("k", "m", 1.0).unwrap();
    app.sorted_sets().add("k", "m", 2.0).unwrap();
    drop(first);
    assert_eq!(app.sorted_sets().pop_min("k").unwrap(), Some(("m".into(), 2.0)));
}

// Time.

#[test]
fn a_wait_ends_when_its_deadline_has_passed_and_not_before() {
    let House { app, clock, .. } = house();
    let mut task = pop_for(&app, &["a", "b"], SECOND);
    assert!(task.poll().is_pending());
    clock.advance(SECOND).unwrap();
    assert!(task.poll().is_pending(), "a deadline is passed when it is later than that");
    assert_eq!((task.wakes(), waits(&app)), (0, 2));
    clock.advance(NANOSECOND).unwrap();
    assert_eq!((task.wakes(), waits(&app)), (1, 0), "who is ended has left, polled or not");
    assert_eq!(task.poll(), Poll::Ready(Ok(None)));
}

#[test]
fn a_parked_thread_is_ended_by_the_clock_that_is_turned_by_hand() {
    let House { app, clock, .. } = house();
    let wait = app.sorted_sets().pop_wait(&["k"], End::Min, Some(SECOND)).unwrap();
    let parked = thread::spawn(move || wait.wait());
    clock.advance(SECOND + NANOSECOND).unwrap();
    assert_eq!(parked.join().unwrap(), Ok(None));
    assert_eq!(waits(&app), 0);
}

#[test]
fn the_time_of_a_wait_runs_whether_or_not_it_was_polled() {
    let House { app, clock, .. } = house();
    let mut late = pop_for(&app, &["k"], SECOND);
    let mut next = pop(&app, &["k"]);
    clock.advance(2 * SECOND).unwrap();
    add(&app, "k", "m");
    assert_eq!(late.poll(), Poll::Ready(Ok(None)));
    assert_eq!(member(next.poll()).as_deref(), Some("m"));
}

#[test]
fn waits_end_in_the_order_of_their_deadlines_among_expiring_keys() {
    let House { app, clock, larder } = house();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (events, from) = (Arc::clone(&log), clock.clone());
    let start = clock.now();
    let _listening = larder.on_event(move |event| {
        if event.kind == EventKind::Expired {
            events.lock().unwrap().push((from.now().since(start).as_millis(), "key"));
        }
    });
    app.strings().set_for("key", "v", Duration::from_millis(20)).unwrap();
    let mut tasks = Vec::new();
    for ms in [30, 10] {
        let (log, clock) = (Arc::clone(&log), clock.clone());
        let waker = Waker::from(Arc::new(Nosy(move || {
            log.lock().unwrap().push((clock.now().since(start).as_millis(), "wait"));
        })));
        let mut task = pop_for(&app, &["k"], Duration::from_millis(ms));
        assert!(task.poll_with(&waker).is_pending());
        tasks.push(task);
    }
    clock.advance(SECOND).unwrap();
    assert_eq!(*log.lock().unwrap(), [(10, "wait"), (21, "key"), (30, "wait")]);
}

#[test]
fn a_wait_that_ends_early_leaves_no_timer_behind() {
    let House { app, larder, .. } = house();
    let mut served = pop_for(&app, &["k"], SECOND);
    let mut cancelled = pop_for(&app, &["k"], SECOND);
    assert!(served.poll().is_pending() && cancelled.poll().is_pending());
    assert!(larder.next_due().is_some());
    add(&app, "k", "m");
    assert_eq!(member(served.poll()).as_deref(), Some("m"));
    drop(cancelled);
    assert_eq!(larder.next_due(), None);
}

#[test]
fn a_wait_of_no_time_ends_as_soon_as_the_clock_moves() {
    let House { app, clock, .. } = house();
    let mut task = pop_for(&app, &["k"], Duration::ZERO);
    assert!(task.poll().is_pending());
    clock.advance(NANOSECOND).unwrap();
    assert_eq!(task.poll(), Poll::Ready(Ok(None)));
    let mut endless = pop_for(&app, &["k"], Duration::MAX);
    clock.advance(SECOND).unwrap();
    assert!(endless.poll().is_pending());
}

#[test]
fn on_the_machines_clock_a_thread_waits_no_longer_than_its_time() {
    let app = Larder::new().namespace("app").unwrap();
    let millisecond = Duration::from_millis(1);
    let wait = app.sorted_sets().pop_wait(&["k"], End::Min, Some(millisecond)).unwrap();
    assert_eq!(wait.wait(), Ok(None));
    assert_eq!(waits(&app), 0);
}

#[test]
fn on_the_machines_clock_the_timekeeper_ends_the_wait_of_a_task() {
    let larder = Larder::builder().shards(1).open();
    let app = larder.namespace("app").unwrap();
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let waker = Waker::from(Arc::new(Nosy(move || tell.lock().unwrap().send(()).unwrap())));
    // The second one's end comes first: the timekeeper has to be woken for it.
    let mut late = pop_for(&app, &["k"], 3600 * SECOND);
    assert!(late.poll_with(&waker).is_pending());
    let mut task = pop_for(&app, &["k"], Duration::from_millis(5));
    if task.poll_with(&waker).is_pending() {
        told.recv().unwrap();
        assert_eq!(task.poll(), Poll::Ready(Ok(None)));
    }
    assert!(late.poll().is_pending() && larder.has_thread());
}

// Closing.

#[test]
fn closing_ends_every_wait_of_tasks_and_threads() {
    let House { app, larder, .. } = house();
    let mut task = pop_for(&app, &["a", "b"], SECOND);
    assert!(task.poll().is_pending());
    let wait = app.sorted_sets().pop_wait(&["a"], End::Min, None).unwrap();
    let parked = thread::spawn(move || wait.wait());
    larder.close();
    assert_eq!((task.wakes(), task.poll()), (1, Poll::Ready(Err(Error::Closed))));
    assert_eq!(parked.join().unwrap(), Err(Error::Closed));
    assert_eq!(waits(&app), 0);
    let late = app.sorted_sets().pop_wait(&["a"], End::Min, None);
    assert_eq!(late.err(), Some(Error::Closed));
}

#[test]
fn the_last_handle_ends_every_wait_of_tasks_and_threads() {
    let House { app, larder, .. } = house();
    let mut task = pop(&app, &["k"]);
    assert!(task.poll().is_pending());
    let wait = app.sorted_sets().pop_wait(&["k"], End::Min, None).unwrap();
    let parked = thread::spawn(move || wait.wait());
    drop(larder);
    assert!(task.poll().is_pending(), "a namespace is a handle too");
    drop(app);
    assert_eq!(task.poll(), Poll::Ready(Err(Error::Closed)));
    assert_eq!(parked.join().unwrap(), Err(Error::Closed));
}

#[test]
fn a_waiter_that_was_served_before_the_close_keeps_what_it_got() {
    let House { app, larder, .. } = house();
    let mut task = pop(&app, &["k"]);
    add(&app, "k", "m");
    larder.close();
    assert_eq!(member(task.poll()).as_deref(), Some("m"));
}

#[test]
fn closing_while_others_begin_to_wait_leaves_nobody_parked() {
    for _ in 0..100 {
        let larder = Larder::builder().shards(2).open();
        let app = larder.namespace("app").unwrap();
        let start = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    let wait = app.sorted_sets().pop_wait(&["a", "b"], End::Min, None);
                    assert_eq!(wait.and_then(Wait::wait), Err(Error::Closed));
                });
            }
            start.wait();
            larder.close();
        });
        assert_eq!(waits(&app), 0);
    }
}

// Transactions.

#[test]
fn feeding_in_a_transaction_serves_when_it_has_committed() {
    let House { app, larder, .. } = house();
    let mut task = pop(&app, &["k"]);
    assert!(task.poll().is_pending());
    larder
        .transaction(|tx| {
            tx.sorted_sets(&app).add("k", "m", 1.0)?;
            assert_eq!((task.wakes(), tx.sorted_sets(&app).len("k")?), (0, 1));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!((task.wakes(), member(task.poll()).as_deref()), (1, Some("m")));
}

#[test]
fn feeding_in_a_transaction_that_rolls_back_serves_nobody() {
    let House { app, larder, .. } = house();
    let mut task = pop(&app, &["k"]);
    assert!(task.poll().is_pending());
    let failed = larder.transaction(|tx| {
        tx.sorted_sets(&app).add("k", "m", 1.0)?;
        Err::<(), _>(Error::NoSuchKey)
    });
    assert_eq!(failed, Err(Error::NoSuchKey));
    assert_eq!((task.wakes(), waits(&app), app.len()), (0, 1, 0));
    assert!(task.poll().is_pending());
}

#[test]
fn push_and_delete_in_one_transaction_wakes_nobody() {
    let House { app, larder, .. } = house();
    let mut task = pop(&app, &["k"]);
    assert!(task.poll().is_pending());
    larder
        .transaction(|tx| {
            tx.sorted_sets(&app).add("k", "m", 1.0)?;
            tx.keys(&app).delete("k").map(drop)
        })
        .unwrap();
    assert_eq!((task.wakes(), waits(&app)), (0, 1));
    add(&app, "k", "n");
    assert_eq!(member(task.poll()).as_deref(), Some("n"));
}

#[test]
fn a_key_of_another_kind_leaves_the_waiter_waiting() {
    let House { app, .. } = house();
    let mut task = pop(&app, &["k"]);
    assert!(task.poll().is_pending());
    app.strings().set("k", "v").unwrap();
    assert_eq!((task.wakes(), waits(&app)), (0, 1));
    app.keys().delete("k").unwrap();
    add(&app, "k", "m");
    assert_eq!(member(task.poll()).as_deref(), Some("m"));
}

#[test]
fn to_begin_a_wait_on_a_key_of_another_kind_is_an_error() {
    let House { app, .. } = house();
    app.strings().set("k", "v").unwrap();
    let wait = app.sorted_sets().pop_wait(&["a", "k"], End::Min, None);
    assert!(matches!(wait.err(), Some(Error::WrongKind { .. })));
    assert_eq!(waits(&app), 0);
}

#[test]
fn a_transaction_cannot_wait() {
    let House { app, larder, .. } = house();
    let mut wait = Some(app.sorted_sets().pop_wait(&["k"], End::Min, None).unwrap());
    larder
        .transaction(|tx| {
            let inner = tx.sorted_sets(&app).pop_wait(&["k"], End::Min, None);
            assert_eq!(inner.err(), Some(Error::InsideTransaction));
            let direct = app.sorted_sets().pop_wait(&["k"], End::Min, None);
            assert_eq!(direct.err(), Some(Error::InsideTransaction));
            // With the key's shard locked: waiting, and leaving for the refusal.
            tx.sorted_sets(&app).len("k")?;
            assert_eq!(wait.take().unwrap().wait(), Err(Error::InsideTransaction));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(waits(&app), 0);
}

#[test]
fn a_wait_dropped_inside_a_transaction_leaves_when_that_has_ended() {
    let House { app, larder, .. } = house();
    let mut served = Some(pop(&app, &["k"]));
    add(&app, "k", "m");
    let mut waiting = Some(pop_for(&app, &["k"], SECOND));
    larder
        .transaction(|tx| {
            tx.sorted_sets(&app).len("k")?;
            drop((served.take(), waiting.take()));
            assert_eq!(tx.sorted_sets(&app).len("k")?, 0);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!((waits(&app), larder.next_due()), (0, None));
    assert_eq!(app.sorted_sets().pop_min("k").unwrap(), Some(("m".into(), 1.0)));
}

#[test]
fn a_wait_dropped_inside_a_transaction_that_panics_leaves_all_the_same() {
    let House { app, larder, .. } = house();
    let mut waiting = Some(pop(&app, &["k"]));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        larder.transaction(|tx| {
            tx.sorted_sets(&app).len("k")?;
            drop(waiting.take());
            std::panic::resume_unwind(Box::new("on purpose"));
            #[expect(unreachable_code, reason = "it says of which type the closure is")]
            Ok::<_, Error>(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(waits(&app), 0);
}

#[test]
fn the_last_handle_of_another_engine_may_go_inside_a_transaction() {
    let House { app, larder, .. } = house();
    let other = house();
    let mut task = pop(&other.app, &["k"]);
    assert!(task.poll().is_pending());
    let mut other = Some(other);
    larder
        .transaction(|tx| {
            tx.sorted_sets(&app).len("k")?;
            drop(other.take());
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(task.poll(), Poll::Ready(Err(Error::Closed)));
}

#[test]
fn an_engine_closed_inside_its_transaction_closes_when_that_has_ended() {
    let House { app, larder, .. } = house();
    let mut task = pop(&app, &["k"]);
    larder
        .transaction(|tx| {
            tx.sorted_sets(&app).add("other", "m", 1.0)?;
            larder.close();
            tx.sorted_sets(&app).add("other", "n", 1.0).map(drop)
        })
        .unwrap();
    assert_eq!(task.poll(), Poll::Ready(Err(Error::Closed)));
    assert_eq!(app.strings().get("k"), Err(Error::Closed));
    assert_eq!(app.len(), 1);
}

#[test]
fn looking_at_an_engine_inside_its_transaction_panics_instead_of_waiting_for_itself() {
    let House { app, larder, .. } = house();
    let looks: [&dyn Fn(); 4] =
        [&|| _ = larder.stats(), &|| _ = app.stats(), &|| _ = app.len(), &|| _ = app.is_empty()];
    for look in looks {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            larder.transaction(|tx| {
                tx.strings(&app).set("k", "v")?;
                look();
                Ok::<_, Error>(())
            })
        }));
        assert!(panicked.is_err());
        assert!(app.is_empty(), "it was rolled back");
    }
}

// Foreign code.

#[test]
fn a_waker_that_panics_harms_no_other_waiter() {
    let House { app, larder, .. } = house();
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    let _listening = larder.on_event(move |_| _ = hears.fetch_add(1, Ordering::Relaxed));
    let mut bad = pop(&app, &["k"]);
    let mut good = pop(&app, &["k"]);
    let waker =
        Waker::from(Arc::new(Nosy(|| std::panic::resume_unwind(Box::new("a waker panics")))));
    assert!(bad.poll_with(&waker).is_pending() && good.poll().is_pending());
    add_all(&app, "k", &[("a", 1.0), ("b", 2.0)]);
    assert_eq!(good.wakes(), 1);
    assert_eq!(member(bad.poll()).as_deref(), Some("a"));
    assert_eq!(member(good.poll()).as_deref(), Some("b"));
    // Added, popped, popped, deleted.
    assert_eq!(heard.load(Ordering::Relaxed), 4);
}

#[test]
fn a_waker_may_enter_the_engine_and_take_what_it_was_woken_for() {
    let House { app, .. } = house();
    let slot = Arc::new(Mutex::new(None));
    let mut task = pop(&app, &["k"]);
    let (inner, taken, ns) = (Arc::clone(&slot), Arc::new(Mutex::new(None)), app.clone());
    let got = Arc::clone(&taken);
    let waker = Waker::from(Arc::new(Nosy(move || {
        let mut task: Task<Popped> = inner.lock().unwrap().take().unwrap();
        *got.lock().unwrap() = member(task.poll());
        add(&ns, "done", "m");
    })));
    assert!(task.poll_with(&waker).is_pending());
    *slot.lock().unwrap() = Some(task);
    add(&app, "k", "m");
    assert_eq!(taken.lock().unwrap().as_deref(), Some("m"));
    assert_eq!((app.len(), waits(&app)), (1, 0));
}

#[test]
fn a_listener_that_feeds_a_key_serves_its_waiters() {
    let House { app, larder, .. } = house();
    let fed = larder.namespace("fed").unwrap();
    let target = fed.clone();
    let listening = larder.on_event(move |event| {
        if &*event.namespace == "app" {
            add(&target, "k", "m");
        }
    });
    let mut task = pop(&fed, &["k"]);
    assert!(task.poll().is_pending());
    app.strings().set("x", "y").unwrap();
    assert_eq!((task.wakes(), member(task.poll()).as_deref()), (1, Some("m")));
    drop(listening);
}

#[test]
fn a_wait_that_was_never_polled_can_be_dropped_after_its_engine() {
    let House { app, larder, .. } = house();
    let task = pop(&app, &["k"]);
    drop((app, larder));
    let mut task = task;
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(task.poll_in(&mut cx), Poll::Ready(Err(Error::Closed)));
}
