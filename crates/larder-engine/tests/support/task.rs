//! The smallest executor: a future that is polled by hand, and a count of its wake-ups.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use larder_engine::{Result, Wait};

/// A wait as a task.
pub struct Task<T: 'static> {
    wait: Pin<Box<Wait<T>>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<T> Task<T> {
    pub fn new(wait: Wait<T>) -> Self {
        Self { wait: Box::pin(wait), wakes: Arc::default() }
    }

    /// How often it was woken.
    pub fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }

    pub fn poll(&mut self) -> Poll<Result<Option<T>>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.poll_with(&waker)
    }

    pub fn poll_with(&mut self, waker: &Waker) -> Poll<Result<Option<T>>> {
        self.poll_in(&mut Context::from_waker(waker))
    }

    pub fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>>> {
        self.wait.as_mut().poll(cx)
    }
}
