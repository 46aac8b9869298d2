//! The load driver against the embedded Event Hubs endpoint: what is due arrives, once, in order, also over a cut.

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
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Fact, LoadFigures, Observation, Station, StationState, Target};
use streamgauge::model::units::{DeviceIndex, EventRate, PartitionId};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(60);

/// A load that is so far behind has a debt; one that is less has none. Zero would not do: looks and events may keep their
/// distance, and then some event has just become due at each look.
const DEBT: Duration = Duration::from_millis(200);

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("within the limit")
}

struct Setup {
    endpoint: EventHubsEndpoint,
    faults: FaultSwitch,
    ledger: Arc<Mutex<Ledger>>,
    options: LoadOptions,
}

async fn setup(partitions: u32) -> Setup {
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
    fn start(&self, options: LoadOptions) -> (LoadHandle, mpsc::Receiver<Observation>) {
        let (to, observations) = mpsc::channel(64);
        (LoadHandle::start(options, Arc::clone(&self.ledger), to).unwrap(), observations)
    }

    /// What is in the log, by partition: device and sequence of every event, in the log's order.
    async fn log(&self) -> BTreeMap<u32, Vec<(u32, u64)>> {
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

fn identity(body: &[u8]) -> (u32, u64) {
    let event: serde_json::Value = serde_json::from_slice(body).unwrap();
    let device = device_index(event["deviceId"].as_str().unwrap()).unwrap();
    (device.0, event["deviceSequenceNumber"].as_u64().unwrap())
}

/// Each device in the partition that it belongs to, and its events from 0 on without a gap.
fn assert_each_device_in_order(log: &BTreeMap<u32, Vec<(u32, u64)>>) {
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
async fn until(observations: &mut mpsc::Receiver<Observation>, enough: impl Fn(&LoadFigures) -> bool) -> LoadFigures {
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

fn rate(per_second: f64) -> Target {
    Target::Rate(EventRate::new(per_second))
}

#[tokio::test]
async fn what_was_due_is_sent_once_and_each_device_stays_in_order() {
    let setup = setup(4).await;
    let (load, mut observations) = setup.start(LoadOptions { target: rate(2_000.0), ..setup.options.clone() });
    until(&mut observations, |figures| figures.acknowledged >= 1_000).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.due, last.sent, last.failed), (last.acknowledged, last.acknowledged, 0));
    assert_eq!(last.behind, Duration::ZERO);

    let log = setup.log().await;
    assert_eq!(log.values().map(Vec::len).sum::<usize>() as u64, last.acknowledged);
    assert_each_device_in_order(&log);
    let tally = setup.ledger.lock().unwrap().figures(None);
    assert_eq!((tally.sent, tally.acknowledged), (last.sent, last.acknowledged));
}

#[tokio::test]
async fn unlimited_load_over_two_connections_leaves_no_gap_when_a_rate_follows() {
    let setup = setup(4).await;
    let options = LoadOptions { target: Target::Unlimited, connections: 2, ..setup.options.clone() };
    let (load, mut observations) = setup.start(options);
    until(&mut observations, |figures| figures.acknowledged >= 5_000).await;
    load.set_target(rate(100.0));
    let settled = until(&mut observations, |figures| {
        figures.target == rate(100.0) && figures.acknowledged + 10 > figures.due && figures.behind < DEBT
    })
    .await;
    until(&mut observations, |figures| figures.acknowledged > settled.acknowledged).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!(last.due, last.acknowledged);
    assert_each_device_in_order(&setup.log().await);
}

#[tokio::test]
async fn a_pause_sends_nothing_and_a_copy_is_a_copy() {
    let setup = setup(2).await;
    let (load, mut observations) =
        setup.start(LoadOptions { target: rate(1_000.0), duplicate_every: 10, ..setup.options.clone() });
    until(&mut observations, |figures| figures.acknowledged >= 500).await;
    load.set_target(Target::Paused);
    let paused =
        until(&mut observations, |figures| figures.target == Target::Paused && figures.acknowledged == figures.due)
            .await;
    let again = until(&mut observations, |figures| figures.target == Target::Paused).await;
    assert_eq!(again.sent, paused.sent);
    within(load.stop()).await.unwrap();

    let tally = setup.ledger.lock().unwrap().figures(None);
    assert!(tally.copies > 0);
    let log = setup.log().await;
    let mut events: Vec<_> = log.into_values().flatten().collect();
    assert_eq!(events.len() as u64, tally.acknowledged + tally.copies);
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len() as u64, tally.acknowledged);
}

#[tokio::test]
async fn an_endpoint_that_is_cut_and_comes_back_gets_everything() {
    let setup = setup(4).await;
    // A send that the cut overtakes waits for its whole limit.
    let send_limit = Duration::from_secs(3);
    let (load, mut observations) =
        setup.start(LoadOptions { target: rate(500.0), send_limit, ..setup.options.clone() });
    until(&mut observations, |figures| figures.acknowledged >= 200).await;
    setup.faults.set(Fault::Cut);
    within(async {
        loop {
            let seen = observations.recv().await.unwrap().fact;
            if matches!(seen, Fact::Station(Station::Load, StationState::Retrying { .. })) {
                break;
            }
        }
    })
    .await;
    let cut = until(&mut observations, |figures| figures.behind > DEBT).await;
    setup.faults.clear();
    // The debt is sent: what was due during the cut is not forgotten.
    until(&mut observations, |figures| figures.acknowledged > cut.due + 100 && figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.acknowledged, last.failed), (last.due, 0));

    let mut events: Vec<_> = setup.log().await.into_values().flatten().collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len() as u64, last.acknowledged, "every event is there at least once");
}

#[tokio::test]
async fn a_load_that_began_before_its_endpoint_connects_when_it_comes() {
    let mut setup = setup(1).await;
    setup.faults.set(Fault::Refuse);
    setup.options.target = rate(50.0);
    let (load, mut observations) = setup.start(setup.options.clone());
    let waiting = until(&mut observations, |figures| figures.due > 0).await;
    assert_eq!((waiting.sent, waiting.behind.is_zero()), (0, false));
    setup.faults.clear();
    until(&mut observations, |figures| figures.acknowledged > 0).await;
    within(load.stop()).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_does_not_read_does_not_hold_the_load_up() {
    let setup = setup(1).await;
    let (to, mut unread) = mpsc::channel(1);
    let load =
        LoadHandle::start(LoadOptions { target: rate(400.0), ..setup.options.clone() }, Arc::clone(&setup.ledger), to)
            .unwrap();
    within(async {
        // What it told nobody reads; its figures can only be asked for.
        let mut asking = tokio::time::interval(Duration::from_millis(10));
        while load.figures().acknowledged < 400 {
            asking.tick().await;
        }
    })
    .await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!(last.acknowledged, last.due);
    assert!(within(unread.recv()).await.is_some());
}

#[tokio::test]
async fn a_busy_endpoint_costs_time_and_no_event() {
    let setup = setup(2).await;
    let options = LoadOptions { target: rate(300.0), attempts: 1, ..setup.options.clone() };
    let (load, mut observations) = setup.start(options);
    until(&mut observations, |figures| figures.acknowledged >= 100).await;
    setup.faults.set(Fault::Throttle);
    let busy = until(&mut observations, |figures| figures.behind > DEBT).await;
    setup.faults.clear();
    until(&mut observations, |figures| figures.acknowledged > busy.due && figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!((last.acknowledged, last.failed), (last.due, 0));
    assert_each_device_in_order(&setup.log().await);
}

#[tokio::test]
async fn what_is_given_up_is_counted_and_unconfirmed() {
    let setup = setup(2).await;
    let options = LoadOptions {
        target: rate(100.0),
        attempts: 1,
        send_limit: Duration::from_millis(250),
        ..setup.options.clone()
    };
    let (load, mut observations) = setup.start(options);
    until(&mut observations, |figures| figures.acknowledged >= 50).await;
    setup.faults.set(Fault::Delay(Duration::from_millis(600)));
    until(&mut observations, |figures| figures.failed > 0).await;
    setup.faults.clear();
    until(&mut observations, |figures| figures.behind < DEBT).await;
    let last = within(load.stop()).await.unwrap();
    assert_eq!(last.acknowledged + last.failed, last.due);
    // The slow endpoint may well have taken them: whether it did, only the store can tell.
    assert_eq!(setup.ledger.lock().unwrap().figures(None).unconfirmed, last.failed);
}
