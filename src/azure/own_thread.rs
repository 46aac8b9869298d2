//! A thread with a runtime of its own, for an Event Hubs client.
//!
//! Why: the Event Hubs client rests on fe2o3-amqp 0.14.1, which hands a transfer to the connection before it notes that
//! it waits for its outcome. When the two run on different threads, a quick answer can come before the note, is thrown
//! away, and the send waits for ever (fixed upstream in 0.18.2). On a `current_thread` runtime the note is always first.
//! So: every Event Hubs client is made, used and dropped inside [`on_own_thread`], and speaks with the rest of the
//! program through channels.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

/// What the owner asks of the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    ShutDown,
    Abandon,
}

/// An error in the life of such a thread.
#[derive(Debug, thiserror::Error)]
pub enum OwnThreadError {
    /// The thread or its runtime could not be made.
    #[error("can't start the thread {name} ({reason}); close other programs or raise the limit on threads")]
    Start {
        /// The thread's name.
        name: String,
        /// What the system said.
        reason: String,
    },
    /// It did not end in time; it has been abandoned.
    #[error("the thread {name} did not end within {limit:?} and was abandoned")]
    Late {
        /// The thread's name.
        name: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It ended without a result.
    #[error("the thread {name} ended without a result; please report this with the lines above it")]
    Broken {
        /// The thread's name.
        name: String,
    },
}

/// A thread that runs one future and everything that it spawns. Dropping it abandons the thread: its tasks end where
/// they stand and its connections close without a goodbye. Use [`OwnThread::shut_down`] for an orderly end.
#[derive(Debug)]
pub struct OwnThread<T = ()> {
    name: String,
    order: watch::Sender<Order>,
    result: oneshot::Receiver<T>,
}

/// The thread's side of its owner's wish that it end.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Order>);

impl Shutdown {
    /// Comes back when the owner wants the thread to end.
    pub async fn requested(&mut self) {
        // An error means that the owner is gone: it wants nothing any more.
        drop(self.0.wait_for(|order| *order != Order::Run).await);
    }
}

/// Runs a future on a `current_thread` runtime of its own named thread. The closure runs on that thread, so the future
/// need not be `Send`; `tokio::task::spawn_local` works inside.
///
/// ```
/// # use std::time::Duration;
/// use streamgauge::azure::own_thread::on_own_thread;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let thread = on_own_thread("probe", |mut shutdown| async move {
///     shutdown.requested().await; // the client would be made, used and closed here
///     "closed"
/// })
/// .unwrap();
/// assert_eq!(thread.shut_down(Duration::from_secs(5)).await.unwrap(), "closed");
/// # });
/// ```
///
/// # Errors
/// [`OwnThreadError::Start`] if the system has no thread or no event queue left.
pub fn on_own_thread<T, F, Fut>(name: &str, run: F) -> Result<OwnThread<T>, OwnThreadError>
where
    T: Send + 'static,
    F: FnOnce(Shutdown) -> Fut + Send + 'static,
    Fut: Future<Output = T> + 'static,
{
    let start_error = |reason: std::io::Error| OwnThreadError::Start { name: name.into(), reason: reason.to_string() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(start_error)?;
    let (order, seen) = watch::channel(Order::Run);
    let (send_result, result) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let tasks = LocalSet::new();
            let mut abandoned = seen.clone();
            let outcome = tasks.block_on(&runtime, async move {
                tokio::select! {
                    value = run(Shutdown(seen)) => Some(value),
                    _ = abandoned.wait_for(|order| *order == Order::Abandon) => None,
                }
            });
            if let Some(value) = outcome {
                // Nobody waits for it if the owner has gone.
                drop(send_result.send(value));
            }
            drop(tasks);
            runtime.shutdown_background();
        })
        .map_err(start_error)?;
    Ok(OwnThread { name: name.into(), order, result })
}

impl<T> OwnThread<T> {
    /// Asks the thread to end and waits for its result, at most for `limit`.
    ///
    /// # Errors
    /// [`OwnThreadError::Late`] after `limit`, [`OwnThreadError::Broken`] if it ended without a result.
    pub async fn shut_down(self, limit: Duration) -> Result<T, OwnThreadError> {
        self.order.send_replace(Order::ShutDown);
        self.finished(limit).await
    }

    /// Waits for the thread to end by itself, at most for `limit`.
    ///
    /// # Errors
    /// As [`OwnThread::shut_down`].
    pub async fn finished(mut self, limit: Duration) -> Result<T, OwnThreadError> {
        match tokio::time::timeout(limit, &mut self.result).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(OwnThreadError::Broken { name: self.name }),
            Err(_) => {
                self.order.send_replace(Order::Abandon);
                Err(OwnThreadError::Late { name: self.name, limit })
            }
        }
    }

    /// Asks the thread to end in good order, without waiting.
    pub fn request_shut_down(&self) {
        self.order.send_replace(Order::ShutDown);
    }

    /// Ends the thread where it stands: no goodbye to the service, as if the process had died.
    pub fn abandon(self) {
        self.order.send_replace(Order::Abandon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_future_runs_on_the_named_thread_and_may_spawn_local_tasks() {
        let thread = on_own_thread("gauge", |_| async {
            let here = || std::thread::current().name().map(str::to_owned);
            let spawned = tokio::task::spawn_local(async move { here() }).await.unwrap();
            (here(), spawned)
        })
        .unwrap();
        let (own, spawned) = thread.finished(LIMIT).await.unwrap();
        assert_eq!(own.as_deref(), Some("gauge"));
        assert_eq!(spawned.as_deref(), Some("gauge"));
    }

    #[tokio::test]
    async fn an_abandoned_thread_drops_what_it_was_doing() {
        let (held, mut dropped) = tokio::sync::mpsc::channel::<()>(1);
        let thread = on_own_thread("gauge", move |_| async move {
            tokio::task::spawn_local(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
            std::future::pending::<()>().await;
        })
        .unwrap();
        thread.abandon();
        assert_eq!(tokio::time::timeout(LIMIT, dropped.recv()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_thread_that_does_not_end_is_late_not_waited_for() {
        let thread = on_own_thread("gauge", |_| std::future::pending::<()>()).unwrap();
        let error = thread.shut_down(Duration::from_millis(20)).await.unwrap_err();
        assert!(error.to_string().starts_with("the thread gauge did not end within 20ms"), "{error}");
    }
}
