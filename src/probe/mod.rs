//! Probes: each looks at one running service on a schedule and yields observations.
//!
//! All share one schedule and one backoff, [`watch`]: a look that fails or takes too long makes the station say why and
//! when it is tried again; the first look that succeeds makes it well again. A probe knows nothing of either.

pub mod ingest;
pub mod position;
pub mod store;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::azure::Shutdown;
use crate::azure::backoff::Backoff;
use crate::azure::error::AzureError;
use crate::model::ledger::Audit;
use crate::model::observation::{Fact, Observation, Station, StationState};
use crate::model::units::Time;

/// The clock that dates observations.
pub type Clock = fn() -> Time;

/// Where observations go: to the session, and past the audit, which needs them in the order in which they were seen.
#[derive(Debug, Clone)]
pub struct Outlet {
    session: mpsc::Sender<Observation>,
    audit: Arc<Mutex<Audit>>,
    clock: Clock,
}

impl Outlet {
    /// An outlet to a session, with the audit that listens.
    pub fn new(session: mpsc::Sender<Observation>, audit: Arc<Mutex<Audit>>, clock: Clock) -> Self {
        Self { session, audit, clock }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// The audit that listens.
    pub fn audit(&self) -> &Arc<Mutex<Audit>> {
        &self.audit
    }

    /// Dates a fact and sends it on. Waits while the session is busy, so that nothing piles up.
    pub async fn see(&self, fact: Fact) {
        self.saw(Observation { at: self.now(), fact }).await;
    }

    /// Sends on what was dated when it was seen.
    pub async fn saw(&self, observation: Observation) {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner).observe(&observation);
        // Without a session there is nobody to tell: the program is on its way out.
        drop(self.session.send(observation).await);
    }
}

/// Looks at one service.
pub trait Probe {
    /// The station that stands or falls with these looks.
    const STATION: Station;

    /// One look: connects if need be, asks, and hands what it saw to the outlet.
    fn look(&mut self, outlet: &Outlet) -> impl Future<Output = Result<(), AzureError>>;

    /// Forgets the connection: the next look makes a new one.
    fn disconnect(&mut self);

    /// The service, for a message about a look that did not come back.
    fn place(&self) -> String;
}

/// A look may take so long; then the connection is given up.
const LIMIT: Duration = Duration::from_secs(5);

/// The first wait after a failure, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// Looks again and again, until the shutdown. Looks keep their schedule: one that was slow does not shift the next.
pub async fn watch<P: Probe>(mut probe: P, every: Duration, outlet: Outlet, mut shutdown: Shutdown) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut well = false;
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep_until(next) => {}
        }
        let looked = tokio::select! {
            () = shutdown.requested() => return,
            looked = tokio::time::timeout(LIMIT, probe.look(&outlet)) => looked,
        };
        let failure = match looked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer from {} within {} s", probe.place(), LIMIT.as_secs())),
        };
        match failure {
            None => {
                if !well {
                    outlet.see(Fact::Station(P::STATION, StationState::Connected)).await;
                }
                well = true;
                backoff.reset();
                next = (next + every).max(Instant::now());
            }
            Some(reason) => {
                probe.disconnect();
                let wait = backoff.next_wait();
                let next_attempt = outlet.now().after(wait);
                outlet.see(Fact::Station(P::STATION, StationState::Retrying { reason, next_attempt })).await;
                well = false;
                next = Instant::now() + wait;
            }
        }
    }
}
