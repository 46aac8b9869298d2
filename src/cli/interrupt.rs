//! Work that a person may interrupt: Ctrl-C ends it in good order, not the program in the middle of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::output;
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

/// An output that takes nothing more once somebody wants an end.
pub(super) struct UntilStopped<W> {
    output: W,
    stop: Stop,
}

impl<W> UntilStopped<W> {
    pub(super) fn new(output: W, stop: &Stop) -> Self {
        Self { output, stop: stop.clone() }
    }

    fn ask(&self) -> io::Result<()> {
        // Not the kind `Interrupted`, which means: try again.
        if self.stop.is_asked() { Err(io::Error::other("somebody wants an end")) } else { Ok(()) }
    }
}

impl<W: io::Write> io::Write for UntilStopped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ask()?;
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.ask()?;
        self.output.flush()
    }
}

/// Does some work on a thread, which asks [`Stop`] now and then. `None` if it was interrupted and came to no end: it may
/// wait for a pipe that nobody writes or reads, and is left where it is. What it had written beside a file goes.
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
    if matches!(done, Ok(None)) {
        output::remove_unfinished();
    }
    done.map_err(io::Error::other)
}
