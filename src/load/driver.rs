//! The load driver: sends what is due, when it is due, and tells what became of it.
//!
//! ```text
//! pacer (a thread)      asks the plan what is due, sleeps until the next event is, wakes the connections
//! connection (a thread) holds one client and the lanes of its partitions; rebuilds the client after a loss, and with the
//!                       other connections the lanes when the log comes to have other partitions
//! lane (a task)         sends its partition's due events, one batch in flight, so that each device's stay in order
//! reporter (a task)     says four times a second how it goes
//! ```
//!
//! Open loop: events are due whether or not the earlier ones came through, and a batch holds what is due now, from one
//! event to as many as fit. The driver never waits to fill one.
//!
//! What bounds the load ([`Bounds`]) bounds what is sent, not only what becomes due: after an outage the debt goes out at
//! the highest rate that is allowed and no faster, and where the load has ended it does not go out at all.

mod allowance;
mod bounds;
mod connection;
mod figures;
mod lane;
mod layout;
mod pacer;
mod shared;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use self::bounds::Bounds;
use self::pacer::Pacer;
use self::shared::Shared;
use super::lane::Devices;
use super::sink::Sink;
use crate::azure::own_thread::{OwnThread, OwnThreadError, on_own_thread};
use crate::model::ledger::Ledger;
use crate::model::observation::{Latencies, LoadFigures, Observation, Target};
use crate::model::units::PartitionId;

/// What to send, and how.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where to.
    pub sink: Sink,
    /// How fast, to begin with.
    pub target: Target,
    /// What it never goes past, whatever it is asked for.
    pub bounds: Bounds,
    /// Whether a pause keeps back what is due and unsent, until the load goes on. Otherwise it is sent all the same.
    pub keeps_backlog: bool,
    /// Whose events. Give two loads on one log disjoint ranges.
    pub devices: Devices,
    /// What the events say follows from it.
    pub seed: u64,
    /// One event in so many is sent twice, by chance; 0 for none. Upstream: 1,000.
    pub duplicate_every: u32,
    /// How many connections, each with a client and a thread of its own; at least 1 is used. Partitions are dealt to
    /// them in turn.
    pub connections: usize,
    /// Which partitions there are, from whoever watches them: a log that is scaled out breaks no connection. Without it,
    /// each new connection says so.
    pub partitions: Option<watch::Receiver<Vec<PartitionId>>>,
    /// How long an acknowledgement may take before the client is rebuilt and the batch sent again.
    pub send_limit: Duration,
    /// How often a batch is sent before its events are given up; at least 1 is used. Waiting for a service that is away
    /// or busy costs no attempt.
    pub attempts: u32,
    /// How long [`LoadHandle::stop`] waits for what is due to be sent and acknowledged.
    pub stop_limit: Duration,
}

impl LoadOptions {
    /// Upstream's load into a sink, paused: 1,000 devices, one event in 1,000 sent twice, one connection.
    pub fn new(sink: Sink) -> Self {
        Self {
            sink,
            target: Target::Paused,
            bounds: Bounds::default(),
            keeps_backlog: false,
            devices: Devices::default(),
            seed: 0,
            duplicate_every: 1_000,
            connections: 1,
            partitions: None,
            send_limit: Duration::from_secs(10),
            attempts: 8,
            stop_limit: Duration::from_secs(15),
        }
    }
}

/// Why the load could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A thread could not be started, or did not end.
    #[error("the load driver: {0}")]
    Thread(#[from] OwnThreadError),
    /// The pacer's thread could not be started.
    #[error("can't start the load's pacer ({0}); close other programs or raise the limit on threads")]
    Pacer(String),
}

/// A running load. Dropping it ends the load where it stands; [`LoadHandle::stop`] ends it in good order.
#[derive(Debug)]
pub struct LoadHandle {
    shared: Arc<Shared>,
    pacer: Pacer,
    threads: Vec<OwnThread>,
    stop_limit: Duration,
}

impl LoadHandle {
    /// Starts a load. It connects by itself, and waits for a service that is away.
    ///
    /// The ledger learns of each event that is sent, acknowledged and given up. Observations are
    /// [`Fact::Load`](crate::model::observation::Fact::Load) four times a second and
    /// [`Fact::Station`](crate::model::observation::Fact::Station) on change; where the channel is full they are merged
    /// into the next ones, so that a slow reader never slows the load.
    ///
    /// # Errors
    /// [`LoadError`] if a thread can't be started.
    pub fn start(
        options: LoadOptions,
        ledger: Arc<Mutex<Ledger>>,
        observations: mpsc::Sender<Observation>,
    ) -> Result<Self, LoadError> {
        let stop_limit = options.stop_limit;
        let connections = options.connections.max(1);
        let shared = Arc::new(Shared::new(options, connections, ledger));
        let mut threads = Vec::with_capacity(connections);
        let mut reporter = Some(observations);
        for index in 0..connections {
            let shared = Arc::clone(&shared);
            // The first connection reports for all.
            let reporter = reporter.take();
            threads.push(on_own_thread(&format!("load-{index}"), move |shutdown| {
                connection::run(shared, index, reporter, shutdown)
            })?);
        }
        let pacer = Pacer::start(Arc::clone(&shared)).map_err(|error| LoadError::Pacer(error.to_string()))?;
        Ok(Self { shared, pacer, threads, stop_limit })
    }

    /// Changes the target from now on. What is due and unsent stays due.
    pub fn set_target(&self, target: Target) {
        self.shared.change(target);
        self.pacer.wake();
    }

    /// The target now.
    pub fn target(&self) -> Target {
        self.shared.target()
    }

    /// Whether a bound of [`LoadOptions::bounds`] was reached: the load is paused for good.
    pub fn is_spent(&self) -> bool {
        self.shared.is_spent()
    }

    /// Ends the load for good: nothing becomes due any more, what is due is sent for a second yet, and the rest is let go. Of
    /// what was handed to the client the answer is waited for, and nothing is sent again. Where a pause keeps what is due
    /// back, so does the end.
    pub fn end(&self) {
        self.shared.end();
        self.pacer.wake();
    }

    /// The figures now; the latencies are those since the last report.
    pub fn figures(&self) -> LoadFigures {
        self.shared.figures(false)
    }

    /// How long after it was due the sending of each event began, since the load began: how open the loop is. Events
    /// that were sent without limit count as sent when they were due.
    pub fn lateness(&self) -> Latencies {
        self.shared.counts.lateness()
    }

    /// Ends the load: nothing new becomes due, what is due is sent and acknowledged (at most for
    /// [`LoadOptions::stop_limit`]; where a pause keeps it back, as [`LoadHandle::end`] says), then the clients close. Comes
    /// back with the last figures.
    ///
    /// # Errors
    /// [`LoadError::Thread`] if a thread had to be abandoned.
    pub async fn stop(self) -> Result<LoadFigures, LoadError> {
        const GOODBYE: Duration = Duration::from_secs(5);
        if self.shared.options.keeps_backlog {
            self.shared.end();
        } else {
            self.shared.change(Target::Paused);
        }
        self.shared.stopping.store(true, Ordering::Release);
        self.pacer.wake();
        // Every thread is asked before the first is waited for.
        self.threads.iter().for_each(OwnThread::request_shut_down);
        let mut outcome = Ok(());
        for thread in self.threads {
            if let Err(error) = thread.shut_down(self.stop_limit + GOODBYE).await {
                outcome = Err(error.into());
            }
        }
        outcome.map(|()| self.shared.figures(false))
    }
}

/// Locks a mutex; what a panicked holder left behind is still a set of counts, and better than none.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
