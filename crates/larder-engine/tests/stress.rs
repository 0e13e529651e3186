//! Many threads at once, on few keys: nothing is lost, doubled, or seen half done.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/task.rs"]
mod task;

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use larder_engine::{End, Error, Larder, Namespace};
use task::Task;

const SHARDS: [usize; 3] = [1, 4, 64];
const KEYS: [&str; 3] = ["a", "b", "c"];
const PRODUCERS: usize = 3;
const CONSUMERS: usize = 3;
const EACH: usize = 1_000;

/// How a consumer waits, by turns: as a thread, for a moment only, or as a task that may give up.
fn pop(app: &Namespace, turn: usize) -> Result<Option<String>, Error> {
    // Two keys out of three, in every order.
    let (one, other) = (KEYS[turn % 3], KEYS[(turn / 3) % 3]);
    let mut sets = app.sorted_sets();
    let popped = match turn % 4 {
        // Over all keys, or the last members might lie where nobody waits.
        0 => sets.pop_wait(&KEYS, End::Min, None)?.wait()?,
        1 => {
            let moment = Some(Duration::from_micros(50));
            sets.pop_wait(&[one, other], End::Max, moment)?.wait()?
        }
        2 => {
            // Polled once and dropped: whether or not it is served in between.
            let mut task = Task::new(sets.pop_wait(&[one, other], End::Min, None)?);
            match task.poll() {
                Poll::Ready(popped) => popped?,
                Poll::Pending => None,
            }
        }
        _ => {
            drop(sets.pop_wait(&[one, other], End::Max, None)?);
            None
        }
    };
    Ok(popped.map(|popped| String::from_utf8(popped.member.to_vec()).unwrap()))
}

#[test]
fn every_member_is_popped_exactly_once() {
    for shards in SHARDS {
        let larder = Larder::builder().shards(shards).open();
        let app = larder.namespace("app").unwrap();
        let popped = AtomicUsize::new(0);
        let start = Barrier::new(PRODUCERS + CONSUMERS);
        let mut got: Vec<String> = thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let (app, start) = (&app, &start);
                scope.spawn(move || {
                    start.wait();
                    for n in 0..EACH {
                        let key = KEYS[(producer + n) % 3];
                        app.sorted_sets().add(key, format!("{producer}:{n}"), n as f64).unwrap();
                    }
                });
            }
            let consumers: Vec<_> = (0..CONSUMERS)
                .map(|consumer| {
                    let (app, larder, start, popped) = (&app, &larder, &start, &popped);
                    scope.spawn(move || {
                        start.wait();
                        let mut got = Vec::new();
                        for turn in consumer.. {
                            match pop(app, turn) {
                                Ok(Some(member)) => got.push(member),
                                Ok(None) => continue,
                                Err(Error::Closed) => return got,
                                Err(error) => panic!("{error}"),
                            }
                            // The last one ends the waits of the others.
                            if popped.fetch_add(1, Ordering::SeqCst) + 1 == PRODUCERS * EACH {
                                larder.close();
                            }
                        }
                        got
                    })
                })
                .collect();
            consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
        });
        got.sort_unstable();
        let all: BTreeSet<String> = (0..PRODUCERS)
            .flat_map(|producer| (0..EACH).map(move |n| format!("{producer}:{n}")))
            .collect();
        assert!(got.iter().eq(&all), "{} popped of {} on {shards} shards", got.len(), all.len());
        assert_eq!((app.stats().waits, app.len()), (0, 0));
        app.assert_valid();
    }
}

#[test]
fn transfers_keep_the_sum_that_every_reader_sees() {
    const ACCOUNTS: usize = 12;
    const TRANSFERS: u64 = 1_500;
    for shards in SHARDS {
        let larder = Larder::builder().shards(shards).open();
        let bank = larder.namespace("bank").unwrap();
        let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("account:{n}")).collect();
        names.iter().for_each(|name| bank.counters().set(name, 100).unwrap());
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let movers: Vec<_> = (0..3)
                .map(|seed| {
                    let (larder, bank, names) = (&larder, &bank, &names);
                    scope.spawn(move || {
                        let mut rng = fastrand::Rng::with_seed(seed);
                        for _ in 0..TRANSFERS {
                            let (from, to) = (rng.usize(..ACCOUNTS), rng.usize(..ACCOUNTS));
                            let amount = rng.i64(1..10);
                            let gives_up = rng.u8(..8) == 0;
                            let moved = larder.transaction(|tx| {
                                tx.counters(bank).add(&names[from], -amount)?;
                                if gives_up {
                                    return Err(Error::NoSuchKey);
                                }
                                tx.counters(bank).add(&names[to], amount).map(drop)
                            });
                            assert_eq!(moved.is_err(), gives_up);
                        }
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let mut looks = 0;
                while !is_over.load(Ordering::Relaxed) || looks == 0 {
                    let all = bank.strings().get_many(&names).unwrap();
                    let sum: i64 = all
                        .iter()
                        .flatten()
                        .map(|text| std::str::from_utf8(text).unwrap().parse::<i64>().unwrap())
                        .sum();
                    assert_eq!(sum, 100 * ACCOUNTS as i64, "{shards} shards");
                    looks += 1;
                }
            });
            let moved = movers.into_iter().all(|mover| mover.join().is_ok());
            is_over.store(true, Ordering::Relaxed);
            reader.join().unwrap();
            assert!(moved);
        });
        bank.assert_valid();
    }
}
