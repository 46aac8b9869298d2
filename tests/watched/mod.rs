//! Probes that are watched by hand: time goes by with each look, by itself, and the session takes in what they tell.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use streamgauge::azure::{CosmosAddress, CosmosCredential, EventHubsAddress, EventHubsCredential, Secret};
use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use streamgauge::local::fault::FaultSwitch;
use streamgauge::model::ledger::Audit;
use streamgauge::model::observation::{Fact, Observation, StoreRange};
use streamgauge::model::session::Session;
use streamgauge::model::units::{RangeId, Time};
use streamgauge::probe::{Outlet, Probe, Watch};
use tokio::sync::mpsc;

/// Nothing here may hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The clock of each test's own thread.
pub(crate) mod clock {
    use std::cell::Cell;

    use super::Time;

    thread_local! {
        static NOW: Cell<Time> = const { Cell::new(Time::from_micros(0)) };
    }

    pub(crate) fn now() -> Time {
        NOW.get()
    }

    pub(crate) fn set(time: Time) {
        NOW.set(time);
    }
}

/// Where what is seen goes.
pub(crate) struct Seen {
    pub(crate) outlet: Outlet,
    pub(crate) audit: Arc<Mutex<Audit>>,
    pub(crate) session: Session,
    /// Request units spent, and items seen in the store.
    pub(crate) charge: f64,
    pub(crate) items: u64,
    /// The longest span in which a range of the store, once seen, was not asked how far it is.
    pub(crate) longest_gap: Duration,
    ranges: HashMap<RangeId, Time>,
    facts: mpsc::Receiver<Observation>,
}

impl Seen {
    /// Nothing yet. It begins now, by the machine's clock: services date by it.
    pub(crate) fn new() -> Self {
        clock::set(Time::from(std::time::SystemTime::now()));
        let (send, facts) = mpsc::channel(65_536);
        let audit = Arc::new(Mutex::new(Audit::default()));
        let outlet = Outlet::new(send, Arc::clone(&audit), clock::now);
        let (session, ranges, longest_gap) = (Session::new(), HashMap::new(), Duration::ZERO);
        Self { outlet, audit, session, charge: 0.0, items: 0, longest_gap, ranges, facts }
    }

    /// The session takes in what was told.
    pub(crate) fn take_in(&mut self) {
        while let Ok(seen) = self.facts.try_recv() {
            self.session.apply(&seen);
            match seen.fact {
                Fact::Stored(stored) => {
                    self.charge += stored.charge.0;
                    self.items += stored.items;
                }
                Fact::StoreRange(StoreRange { range, .. }) => {
                    let before = self.ranges.insert(range, seen.at).unwrap_or(seen.at);
                    self.longest_gap = self.longest_gap.max(seen.at.since(before));
                }
                _ => {}
            }
        }
    }

    /// One look, so long after the one before. How long to wait for the next one, if it failed.
    pub(crate) async fn look<P: Probe>(&mut self, watch: &mut Watch<P>, after: Duration) -> Option<Duration> {
        clock::set(clock::now().after(after));
        let wait = tokio::time::timeout(LIMIT, watch.look(&self.outlet)).await.expect("in time");
        self.take_in();
        wait
    }

    /// Marks so far.
    pub(crate) fn marks(&self) -> Vec<&str> {
        self.session.marks.iter().map(|(_, text)| text.as_str()).collect()
    }
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A hub with so many partitions, at a place.
pub(crate) async fn hub(listen: SocketAddr, partitions: u32, faults: FaultSwitch) -> EventHubsEndpoint {
    let options = EventHubsOptions { listen, partitions, faults, ..EventHubsOptions::default() };
    EventHubsEndpoint::start(options).await.expect("a hub")
}

/// How the hub at a host and port is reached.
pub(crate) fn hub_address(host: &str, port: u16) -> EventHubsAddress {
    EventHubsAddress {
        namespace: "localhost".into(),
        hub: EventHubsOptions::default().hub,
        custom_endpoint: Some(format!("amqp://{host}:{port}")),
        credential: EventHubsCredential::Anonymous,
    }
}

/// A store.
pub(crate) async fn store(request_units: u32, time_to_live: Option<u64>, faults: FaultSwitch) -> CosmosEndpoint {
    store_by("/deviceId", request_units, time_to_live, faults).await
}

/// A store with this partition key.
pub(crate) async fn store_by(
    partition_key_path: &str,
    request_units: u32,
    time_to_live: Option<u64>,
    faults: FaultSwitch,
) -> CosmosEndpoint {
    let options = CosmosOptions {
        listen: loopback(0),
        database: "streaming".into(),
        container: "rawdata".into(),
        partition_key_path: partition_key_path.into(),
        request_units,
        time_to_live: time_to_live.map(Duration::from_secs),
        faults,
    };
    CosmosEndpoint::start(options).await.expect("a store")
}

/// How it is reached.
pub(crate) fn store_address(store: &CosmosEndpoint) -> CosmosAddress {
    CosmosAddress {
        endpoint: store.endpoint(),
        database: "streaming".into(),
        container: "rawdata".into(),
        region: None,
        credential: CosmosCredential::Key(Secret::new(store.key())),
    }
}
