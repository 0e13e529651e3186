//! Threads: the standard library's, or loom's models of them.
//!
//! larder starts a thread only where something must happen on time and nobody is
//! there to do it, so this is all it needs to know about threads.

use std::io;

#[cfg(larder_loom)]
use loom::thread as imp;
#[cfg(not(larder_loom))]
use std::thread as imp;

pub use imp::JoinHandle;

/// Starts a thread whose name shows in panic messages and debuggers.
///
/// # Errors
///
/// Fails when the system has no thread to give.
///
/// # Panics
///
/// Panics when `name` holds a zero byte.
pub fn spawn<T, F>(name: impl Into<String>, body: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    imp::Builder::new().name(name.into()).spawn(body)
}

/// True when the calling thread is the one that `handle` would join.
///
/// Whoever closes an engine asks this first: a thread that joins itself never ends.
pub fn is_current<T>(handle: &JoinHandle<T>) -> bool {
    imp::current().id() == handle.thread().id()
}

/// True while a panic unwinds the calling thread.
#[inline]
pub fn is_panicking() -> bool {
    imp::panicking()
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_thread_has_its_name_and_hands_back_its_result() {
        let named = spawn("larder-test", || imp::current().name().map(str::to_owned)).unwrap();
        assert!(!is_current(&named));
        assert_eq!(named.join().unwrap().as_deref(), Some("larder-test"));
    }

    #[test]
    fn a_thread_knows_its_own_handle() {
        let (to, from) = std::sync::mpsc::channel::<JoinHandle<()>>();
        let (answer, answered) = std::sync::mpsc::channel();
        let asker = spawn("larder-self", move || {
            let own = from.recv().unwrap();
            answer.send(is_current(&own)).unwrap();
        });
        to.send(asker.unwrap()).unwrap();
        assert!(answered.recv().unwrap());
    }

    #[test]
    fn a_destructor_can_tell_that_it_runs_in_a_panic() {
        static SEEN: AtomicBool = AtomicBool::new(false);
        struct Witness;
        impl Drop for Witness {
            fn drop(&mut self) {
                SEEN.store(is_panicking(), Ordering::Relaxed);
            }
        }
        assert!(!is_panicking());
        let panicked = std::panic::catch_unwind(|| {
            let _witness = Witness;
            panic!("on purpose");
        });
        assert!(panicked.is_err() && SEEN.load(Ordering::Relaxed));
    }
}
