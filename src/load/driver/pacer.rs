//! The pacer: a thread that knows what is due and wakes the connections when something new is.
//!
//! Why a thread: the runtime's timers count whole milliseconds and fire up to two of them late, which is the whole
//! allowance for being late. A sleeping thread wakes within some 60 microseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::shared::Shared;

/// Events that become due within this are sent together: more wakes than 2,000 a second cost more than they gain.
const TICK: Duration = Duration::from_micros(500);

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Pacer {
    thread: Thread,
    ended: Arc<AtomicBool>,
}

impl Pacer {
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let handle = std::thread::Builder::new().name("load-pacer".into()).spawn(move || {
            while !seen.load(Ordering::Acquire) {
                match shared.pace() {
                    // The rate may be slow, but a wake may also get lost in a suspended machine: look now and then.
                    Some(wait) => std::thread::park_timeout(wait.clamp(TICK, Duration::from_secs(1))),
                    None => std::thread::park_timeout(Duration::from_secs(1)),
                }
            }
        })?;
        Ok(Self { thread: handle.thread().clone(), ended })
    }

    /// The target changed: look again at once.
    pub(super) fn wake(&self) {
        self.thread.unpark();
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
