//! Stopping and going on as a shell's job.
//!
//! The signal that asks a job to stop (Ctrl-Z, or `kill -TSTP`) must not stop the program while it has the terminal: the
//! shell would come back in raw mode on the alternate screen. So the signal is blocked on every thread, and one thread
//! waits for it and asks the screen's loop to give the terminal back first. Then the loop's own thread unblocks the signal
//! and raises it. That leaves the decision to the system, which knows whether there is a shell that could bring the
//! program back; where there is none, it does not stop, and goes on at once. No handler is needed, so nothing unsafe.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::unistd::Pid;
use tokio::sync::mpsc::Sender;

use super::Input;

/// Who has the terminal, and is told.
static LISTENER: Mutex<Option<Sender<io::Result<Input>>>> = Mutex::new(None);

/// Begins to wait for the signals; once is enough. Must come before the first thread that is not to be stopped unasked.
pub(super) fn watch() -> io::Result<()> {
    static WATCHING: OnceLock<Result<(), io::ErrorKind>> = OnceLock::new();
    WATCHING.get_or_init(|| begin().map_err(|error| error.kind())).map_err(io::Error::from)
}

fn begin() -> io::Result<()> {
    let signals: SigSet = [Signal::SIGTSTP, Signal::SIGCONT].into_iter().collect();
    signals.thread_block()?;
    let wait = move || {
        while let Ok(signal) = signals.wait() {
            match signal {
                Signal::SIGTSTP if !tell(Input::Stop) && stop_here().is_err() => return,
                Signal::SIGTSTP => {}
                // Without a screen there is nothing to draw anew.
                _ => drop(tell(Input::Continued)),
            }
        }
    };
    std::thread::Builder::new().name("job".into()).spawn(wait).map(drop)
}

/// Tells whoever has the terminal; false if nobody has.
fn tell(what: Input) -> bool {
    let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    listener.is_some_and(|listener| listener.blocking_send(Ok(what)).is_ok())
}

/// From now on this one is told.
pub(super) fn set_listener(listener: Option<Sender<io::Result<Input>>>) {
    *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = listener;
}

/// Stops the process; comes back when it goes on, or at once where the system does not stop it.
pub(super) fn stop_here() -> io::Result<()> {
    let stop: SigSet = [Signal::SIGTSTP].into_iter().collect();
    stop.thread_unblock()?;
    raise(Signal::SIGTSTP)?;
    Ok(stop.thread_block()?)
}

/// Asks everything in the shell's job to stop, such as a `zstdcat` in front of us; we hear of it as of any other request.
pub(super) fn ask_job_to_stop() -> io::Result<()> {
    Ok(kill(Pid::from_raw(0), Signal::SIGTSTP)?)
}
