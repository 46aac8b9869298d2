//! A load on a hub of its own, whose log can be read and which can be made to go wrong.

#![allow(dead_code, reason = "each test has use for a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_messaging_eventhubs::{OpenReceiverOptions, StartLocation, StartPosition};
use futures::StreamExt;
use streamgauge::azure::eventhubs::{connect_consumer, no_credential, on_own_thread};
use streamgauge::azure::{EventHubsAddress, EventHubsCredential};
use streamgauge::load::lane::{Devices, partition_of};
use streamgauge::load::payload::device_index;
use streamgauge::load::sink::Sink;
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use streamgauge::local::fault::FaultSwitch;
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Fact, LoadFigures, Observation, Station, Target};
use streamgauge::model::units::{DeviceIndex, EventRate, PartitionId};
use tokio::sync::mpsc;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A load that is so far behind has a debt; one that is less has none. Zero would not do: looks and events may keep their
/// distance, and then some event has just become due at each look.
pub(crate) const DEBT: Duration = Duration::from_millis(200);

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("within the limit")
}

pub(crate) struct Setup {
    pub(crate) endpoint: EventHubsEndpoint,
    pub(crate) faults: FaultSwitch,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) options: LoadOptions,
}

pub(crate) async fn setup(partitions: u32) -> Setup {
    let faults = FaultSwitch::default();
    let options = EventHubsOptions { partitions, faults: faults.clone(), ..EventHubsOptions::default() };
    let hub = options.hub.clone();
    let endpoint = within(EventHubsEndpoint::start(options)).await.unwrap();
    let address = EventHubsAddress {
        namespace: "localhost".into(),
        hub,
        custom_endpoint: Some(format!("amqp://{}", endpoint.address())),
        credential: EventHubsCredential::Anonymous,
    };
    let options = LoadOptions {
        devices: Devices { first: 100, count: 50 },
        duplicate_every: 0,
        send_limit: Duration::from_secs(20),
        ..LoadOptions::new(Sink::EventHubs(address))
    };
    Setup { endpoint, faults, ledger: Arc::default(), options }
}

impl Setup {
    /// The hub goes away, and another one of its name comes to the same place.
    pub(crate) async fn make_anew(&mut self, partitions: u32) {
        let listen = self.endpoint.address();
        let faults = self.faults.clone();
        // The old one has to be gone first: there is a place for one.
        let passing = within(EventHubsEndpoint::start(EventHubsOptions::default())).await.unwrap();
        within(std::mem::replace(&mut self.endpoint, passing).shutdown()).await;
        let options = EventHubsOptions { listen, partitions, faults, ..EventHubsOptions::default() };
        self.endpoint = within(EventHubsEndpoint::start(options)).await.unwrap();
    }

    /// How many events each partition has.
    pub(crate) fn counts(&self) -> Vec<i64> {
        self.endpoint.log().statuses().iter().map(|status| status.last.0 + 1).collect()
    }

    pub(crate) fn start(&self, options: LoadOptions) -> (LoadHandle, mpsc::Receiver<Observation>) {
        let (to, observations) = mpsc::channel(64);
        (LoadHandle::start(options, Arc::clone(&self.ledger), to).unwrap(), observations)
    }

    /// What is in the log, by partition: device and sequence of every event, in the log's order.
    pub(crate) async fn log(&self) -> BTreeMap<u32, Vec<(u32, u64)>> {
        let Sink::EventHubs(address) = self.options.sink.clone();
        let wanted: Vec<i64> = self.endpoint.log().statuses().iter().map(|status| status.last.0 + 1).collect();
        let reading = on_own_thread("reader", move |_| async move {
            let client = connect_consumer(&address, no_credential(), "$Default").await.unwrap();
            let mut found = BTreeMap::new();
            for (partition, wanted) in (0..).zip(wanted) {
                let options = OpenReceiverOptions {
                    start_position: Some(StartPosition { location: StartLocation::Earliest, inclusive: false }),
                    ..OpenReceiverOptions::default()
                };
                let receiver = client.open_receiver_on_partition(partition.to_string(), Some(options)).await.unwrap();
                let events: Vec<(u32, u64)> = receiver
                    .stream_events()
                    .take(usize::try_from(wanted).unwrap())
                    .map(|event| identity(event.unwrap().event_data().body().unwrap()))
                    .collect()
                    .await;
                found.insert(partition, events);
            }
            found
        });
        within(reading.unwrap().finished(LIMIT)).await.unwrap()
    }
}

pub(crate) fn identity(body: &[u8]) -> (u32, u64) {
    let event: serde_json::Value = serde_json::from_slice(body).unwrap();
    let device = device_index(event["deviceId"].as_str().unwrap()).unwrap();
    (device.0, event["deviceSequenceNumber"].as_u64().unwrap())
}

/// Each device in the partition that it belongs to, and its events from 0 on without a gap.
pub(crate) fn assert_each_device_in_order(log: &BTreeMap<u32, Vec<(u32, u64)>>) {
    let partitions = u32::try_from(log.len()).unwrap();
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for (partition, events) in log {
        for (device, sequence) in events {
            assert_eq!(partition_of(DeviceIndex(*device), partitions), PartitionId(*partition));
            let expected = next.entry(*device).or_default();
            assert_eq!(sequence, expected, "device {device}");
            *expected += 1;
        }
    }
}

/// Reads observations until the load's figures satisfy a condition.
pub(crate) async fn until(
    observations: &mut mpsc::Receiver<Observation>,
    enough: impl Fn(&LoadFigures) -> bool,
) -> LoadFigures {
    let (mut last, mut station) = (None, None);
    let read = async {
        loop {
            match observations.recv().await.expect("the load runs").fact {
                Fact::Load(figures) if enough(&figures) => return figures,
                Fact::Load(figures) => last = Some((figures.due, figures.acknowledged, figures.failed, figures.behind)),
                Fact::Station(Station::Load, state) => station = Some(state),
                _ => {}
            }
        }
    };
    let read = tokio::time::timeout(LIMIT, read).await;
    read.unwrap_or_else(|_| panic!("due, acknowledged, failed, behind: {last:?}; {station:?}"))
}

pub(crate) fn rate(per_second: f64) -> Target {
    Target::Rate(EventRate::new(per_second))
}
