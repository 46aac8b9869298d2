//! Work that a person may interrupt: Ctrl-C ends it in good order, not the program in the middle of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::session::stop_signal;

/// After an interruption the work has so long to come to an end.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whether somebody wants an end. Clones speak of the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Wants an end.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody does.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does some work on a thread, which asks [`Stop`] now and then. `None` if it was interrupted and came to no end: it may
/// wait for a pipe that nobody writes or reads, and is left where it is.
pub(super) fn interruptible<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = Stop::default();
    let done = runtime.block_on(async {
        let signal = stop_signal();
        tokio::pin!(signal);
        // From here on a signal is heard, and not the end of the program.
        if futures::poll!(&mut signal).is_ready() {
            return Ok(None);
        }
        let asked = stop.clone();
        let mut working = tokio::task::spawn_blocking(move || work(&asked));
        tokio::select! {
            done = &mut working => done.map(Some),
            () = signal => {
                stop.ask();
                tokio::time::timeout(GOODBYE, working).await.map_or(Ok(None), |done| done.map(Some))
            }
        }
    });
    runtime.shutdown_background();
    done.map_err(io::Error::other)
}
