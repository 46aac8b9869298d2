//! Probes: each looks at one running service on a schedule and yields observations.
//!
//! All share one schedule and one backoff, [`watch`]: a look that fails or takes too long makes the station say why and
//! when it is tried again; the first look that succeeds makes it well again. A probe knows nothing of either.

pub mod budget;
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

    /// How long it may take to connect, where a look has to. Unless a probe knows better, as long as the slowest client of
    /// all may take, which is that of Cosmos DB: it reads the account and the container first.
    const CONNECT_LIMIT: Duration = crate::azure::cosmos::CONNECT_LIMIT;

    /// One look: connects if need be, asks, and hands what it saw to the outlet.
    fn look(&mut self, outlet: &Outlet) -> impl Future<Output = Result<(), AzureError>>;

    /// Told after a look that failed or did not come back: forgets the connection, so that the next look makes a new one.
    /// One that certainly still stands may be kept.
    fn disconnect(&mut self);

    /// Whether the next look has to connect though the last one came back well: a credential ends soon.
    fn is_due(&self) -> bool {
        false
    }

    /// The service, for a message about a look that did not come back.
    fn place(&self) -> String;

    /// How long the service asked to be left alone in the look just done, if it did.
    fn asked_pause(&self) -> Option<Duration> {
        None
    }
}

/// A look may take so long; then the connection is given up. One that has to connect first may take as long as that takes
/// on top, [`Probe::CONNECT_LIMIT`]: from far away a login takes twenty round trips where a call takes one.
const LIMIT: Duration = Duration::from_secs(5);

/// The first wait after a failure, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// A service that asks for a pause is asked again right after it, but no sooner than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// A probe, and how its station fares: the looks that came back, those that did not, and when the next is due.
#[derive(Debug)]
pub struct Watch<P> {
    probe: P,
    limits: Limits,
    backoff: Backoff,
    well: bool,
}

/// How long a look may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connected: Duration,
    /// Of a look that has to connect.
    connecting: Duration,
}

impl<P: Probe> Watch<P> {
    /// Begins to watch.
    pub fn new(probe: P) -> Self {
        let limits = Limits { connected: LIMIT, connecting: P::CONNECT_LIMIT + LIMIT };
        Self { probe, limits, backoff: Backoff::new(BACKOFF.0, BACKOFF.1), well: false }
    }

    /// A look may take so long, whether it has to connect or not.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.set_limit(limit);
        self
    }

    /// From here on a look may take so long, whether it has to connect or not.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limits = Limits { connected: limit, connecting: limit };
    }

    fn limit(&self) -> Duration {
        // After a failure there is no connection, or none that is known to stand.
        if self.well && !self.probe.is_due() { self.limits.connected } else { self.limits.connecting }
    }

    /// One look, and what it says of the station. After a failure it says how long to wait for the next one, or where the
    /// service asked for a pause; else that is a matter of the schedule.
    ///
    /// A pause goes before the backoff, whose waits are of whole seconds: a store that shares out a second's request units
    /// and finds them used up at 0.7 s would be asked at 0.7 s for ever. It knows best when there are new ones.
    pub async fn look(&mut self, outlet: &Outlet) -> Option<Duration> {
        let limit = self.limit();
        let reason = match tokio::time::timeout(limit, self.probe.look(outlet)).await {
            Ok(Ok(())) => {
                if !self.well {
                    outlet.see(Fact::Station(P::STATION, StationState::Connected)).await;
                }
                self.well = true;
                self.backoff.reset();
                return self.pause();
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer from {} within {} s", self.probe.place(), limit.as_secs_f64()),
        };
        let pause = self.pause();
        // A client is not trusted any more after a failure: it may wait for ever on a connection that is gone.
        self.probe.disconnect();
        let wait = pause.unwrap_or_else(|| self.backoff.next_wait());
        let next_attempt = outlet.now().after(wait);
        outlet.see(Fact::Station(P::STATION, StationState::Retrying { reason, next_attempt })).await;
        self.well = false;
        Some(wait)
    }

    fn pause(&self) -> Option<Duration> {
        self.probe.asked_pause().map(|pause| pause.clamp(SHORTEST_PAUSE, BACKOFF.1))
    }
}

/// Looks again and again, until the shutdown. Looks keep their schedule: one that was slow does not shift the next.
pub async fn watch<P: Probe>(probe: P, every: Duration, outlet: Outlet, mut shutdown: Shutdown) {
    let mut watch = Watch::new(probe);
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep_until(next) => {}
        }
        let wait = tokio::select! {
            () = shutdown.requested() => return,
            wait = watch.look(&outlet) => wait,
        };
        next = match wait {
            None => (next + every).max(Instant::now()),
            Some(wait) => Instant::now() + wait,
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

    use super::*;
    use crate::azure::error::Service;

    /// A service that fails each look, and asks for a pause in some of them.
    struct Refusing(Vec<Option<Duration>>);

    impl Probe for Refusing {
        const STATION: Station = Station::Store;

        async fn look(&mut self, _outlet: &Outlet) -> Result<(), AzureError> {
            self.0.rotate_left(1);
            let (address, call) = ("here".to_owned(), "a call");
            Err(AzureError::Refused { service: Service::CosmosDb, address, call, reason: "429".to_owned() })
        }

        fn disconnect(&mut self) {}

        fn place(&self) -> String {
            "here".to_owned()
        }

        fn asked_pause(&self) -> Option<Duration> {
            *self.0.last().unwrap()
        }
    }

    #[tokio::test]
    async fn a_pause_that_is_asked_for_goes_before_the_backoff() {
        let milliseconds = Duration::from_millis;
        let asked = [None, Some(milliseconds(270)), Some(milliseconds(1)), None, Some(Duration::from_secs(60)), None];
        let (send, _facts) = mpsc::channel(64);
        let outlet = Outlet::new(send, Arc::default(), || Time::from_millis(0));
        let mut watch = Watch::new(Refusing(asked.to_vec()));
        let mut waits = Vec::new();
        for _ in asked {
            waits.push(watch.look(&outlet).await.unwrap().as_millis());
        }
        assert_eq!(waits, [500, 270, 250, 1_000, 8_000, 2_000], "bounded, and the backoff goes on where it was");
    }
}
