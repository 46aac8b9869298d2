//! The stream processor against the embedded endpoints: what goes into the log is in the store once, whatever happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_data_cosmos::clients::ContainerClient;
use azure_data_cosmos::{FeedScope, Query};
use futures::TryStreamExt;
use streamgauge::azure::{
    BlobAddress, BlobCredential, CosmosAddress, CosmosCredential, EventHubsAddress, EventHubsCredential, Secret, blob,
    cosmos,
};
use streamgauge::load::lane::Devices;
use streamgauge::load::sink::Sink;
use streamgauge::load::{LoadHandle, LoadOptions};
use streamgauge::local::blob::{BlobEndpoint, BlobOptions};
use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions};
use streamgauge::local::fault::{Fault, FaultSwitch};
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Fact, Observation, ProcessorFigures, Station, StationState, Target};
use streamgauge::model::units::{EventRate, PartitionId};
use streamgauge::process::{Processor, ProcessorHandle, ProcessorOptions};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(90);
/// Request units that no test here uses up.
const PLENTY: u32 = 100_000;

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("within the limit")
}

/// The three endpoints, each with its fault switch, and a processor between them.
struct Pipeline {
    log: EventHubsEndpoint,
    log_faults: FaultSwitch,
    store_faults: FaultSwitch,
    checkpoint_faults: FaultSwitch,
    _checkpoints: BlobEndpoint,
    store: CosmosEndpoint,
    documents: ContainerClient,
    options: ProcessorOptions,
    processor: Processor,
    observations: mpsc::Receiver<Observation>,
}

async fn pipeline(partitions: u32, request_units: u32) -> Pipeline {
    let [log_faults, store_faults, checkpoint_faults] = std::array::from_fn(|_| FaultSwitch::default());
    let hub = EventHubsOptions { partitions, faults: log_faults.clone(), ..EventHubsOptions::default() };
    let hub_name = hub.hub.clone();
    let log = within(EventHubsEndpoint::start(hub)).await.unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (account, container) = ("devstoreaccount1".to_owned(), "checkpoints".to_owned());
    let blobs = BlobOptions { listen, account, container: container.clone(), faults: checkpoint_faults.clone() };
    let checkpoints = within(BlobEndpoint::start(blobs)).await.unwrap();
    let (database, collection) = ("streaming".to_owned(), "rawdata".to_owned());
    let documents = CosmosOptions {
        listen,
        database: database.clone(),
        container: collection.clone(),
        partition_key_path: "/deviceId".into(),
        request_units,
        time_to_live: None,
        faults: store_faults.clone(),
    };
    let store = within(CosmosEndpoint::start(documents)).await.unwrap();
    let options = ProcessorOptions {
        checkpoint_every: Duration::from_millis(50),
        ..ProcessorOptions::new(
            EventHubsAddress {
                namespace: "Localhost".into(),
                hub: hub_name,
                custom_endpoint: Some(format!("amqp://{}", log.address())),
                credential: EventHubsCredential::Anonymous,
            },
            BlobAddress {
                endpoint: checkpoints.endpoint(),
                container,
                credential: BlobCredential::SharedKey {
                    account: checkpoints.account().into(),
                    key: Secret::new(checkpoints.key()),
                },
            },
            CosmosAddress {
                endpoint: store.endpoint(),
                database,
                container: collection,
                region: None,
                credential: CosmosCredential::Key(Secret::new(store.key())),
            },
        )
    };
    let documents = within(cosmos::container(&options.store)).await.unwrap();
    let (to, observations) = mpsc::channel(1_024);
    let processor = Processor::new(options.clone(), to);
    Pipeline {
        log,
        log_faults,
        store_faults,
        checkpoint_faults,
        _checkpoints: checkpoints,
        store,
        documents,
        options,
        processor,
        observations,
    }
}

impl Pipeline {
    fn load_options(&self) -> LoadOptions {
        LoadOptions {
            devices: Devices { first: 0, count: 40 },
            duplicate_every: 0,
            ..LoadOptions::new(Sink::EventHubs(self.options.ingest.clone()))
        }
    }

    /// Sends at least so many events as fast as the log takes them; says how many it were.
    async fn send(&self, events: u64) -> u64 {
        let (to, mut figures) = mpsc::channel(64);
        let options = LoadOptions { target: Target::Rate(EventRate::new(5_000.0)), ..self.load_options() };
        let load = LoadHandle::start(options, Arc::new(Mutex::new(Ledger::default())), to).unwrap();
        within(async {
            while let Some(seen) = figures.recv().await {
                if matches!(seen.fact, Fact::Load(figures) if figures.due >= events) {
                    break;
                }
            }
        })
        .await;
        within(load.stop()).await.unwrap().acknowledged
    }

    /// Waits until the processor's figures satisfy a condition.
    async fn until(&mut self, enough: impl Fn(&ProcessorFigures) -> bool) -> ProcessorFigures {
        within(async {
            loop {
                if let Fact::Processor(figures) = self.observations.recv().await.unwrap().fact
                    && enough(&figures)
                {
                    return figures;
                }
            }
        })
        .await
    }

    async fn until_station(&mut self, wanted: impl Fn(&StationState) -> bool) {
        within(async {
            loop {
                if let Fact::Station(Station::Processor, state) = self.observations.recv().await.unwrap().fact
                    && wanted(&state)
                {
                    return;
                }
            }
        })
        .await;
    }

    /// The sequence numbers in the store, ascending, by device.
    async fn stored(&self) -> BTreeMap<String, Vec<u64>> {
        let query = Query::from("SELECT * FROM c");
        let items: Vec<serde_json::Value> = within(async {
            let items = self.documents.query_items(query, FeedScope::full_container(), None).await.unwrap();
            items.try_collect().await.unwrap()
        })
        .await;
        let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for item in items {
            assert_eq!(item["id"], item["eventId"]);
            assert!(item["enqueuedAt"].as_str() <= item["processedAt"].as_str());
            let device = item["deviceId"].as_str().unwrap().to_owned();
            found.entry(device).or_default().push(item["deviceSequenceNumber"].as_u64().unwrap());
        }
        for numbers in found.values_mut() {
            numbers.sort_unstable();
        }
        found
    }

    /// Every event of the load is in the store once: no gap, no double.
    async fn assert_stored(&self, events: u64) {
        let stored = self.stored().await;
        for (device, numbers) in &stored {
            assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{device}: {numbers:?}");
        }
        assert_eq!(stored.values().map(|numbers| numbers.len() as u64).sum::<u64>(), events);
    }

    /// The checkpoints as they lie in Blob storage, by blob name.
    async fn checkpoints(&self) -> BTreeMap<String, i64> {
        use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, ListBlobsIncludeItem};
        let container = blob::container(&self.options.checkpoints).unwrap();
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let blobs: Vec<_> = within(container.list_blobs(Some(options)).unwrap().try_collect()).await.unwrap();
        blobs
            .into_iter()
            .filter(|blob| blob.name.as_ref().unwrap().contains("/checkpoint/"))
            .map(|blob| {
                let metadata = blob.metadata.unwrap().values.unwrap();
                assert!(metadata.contains_key("offset"));
                (blob.name.unwrap(), metadata["sequencenumber"].parse().unwrap())
            })
            .collect()
    }

    /// Every partition's checkpoint names its last event.
    async fn assert_checkpoints_at_the_log_ends(&self) {
        let expected: BTreeMap<String, i64> = (0..)
            .zip(self.log.log().statuses())
            .filter(|(_, status)| status.last.0 >= 0)
            .map(|(partition, status)| {
                (format!("localhost/{}/$default/checkpoint/{partition}", self.options.ingest.hub), status.last.0)
            })
            .collect();
        assert_eq!(self.checkpoints().await, expected);
    }
}

async fn stop(running: ProcessorHandle) -> ProcessorFigures {
    within(running.stop()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_events_are_stored_once_and_checkpointed() {
    let mut pipeline = pipeline(4, PLENTY).await;
    let sent = pipeline.send(2_000).await;
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    let last = stop(running).await;
    assert_eq!((last.received, last.written, last.rejected), (sent, sent, 0));
    assert!(last.charge.0 > 0.0 && last.checkpoints > 0);
    pipeline.assert_stored(sent).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_killed_in_the_middle_loses_nothing() {
    let mut pipeline = pipeline(4, PLENTY).await;
    let sent = pipeline.send(3_000).await;
    let first = pipeline.processor.start().unwrap();
    let seen = pipeline.until(|figures| figures.written >= 500).await;
    within(first.kill()).await;
    pipeline.until_station(|state| *state == StationState::Stopped).await;

    let second = pipeline.processor.start().unwrap();
    // Counts go on; some events are received a second time.
    pipeline.until(|figures| figures.written >= sent.max(seen.written)).await;
    within(async { while pipeline.stored().await.values().map(Vec::len).sum::<usize>() as u64 != sent {} }).await;
    stop(second).await;
    pipeline.assert_stored(sent).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_processor_goes_on_where_it_was() {
    let mut pipeline = pipeline(2, PLENTY).await;
    let sent = pipeline.send(500).await;
    let first = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    assert_eq!(stop(first).await.received, sent);

    let second = pipeline.processor.start().unwrap();
    pipeline.until_station(|state| *state == StationState::Connected).await;
    // Nothing is received twice after an orderly stop.
    assert_eq!(stop(second).await.received, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttling_store_gets_everything_in_the_end_and_every_429_is_counted() {
    let mut pipeline = pipeline(2, 1_000).await;
    let sent = pipeline.send(400).await;
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    let last = stop(running).await;
    assert!(last.throttled > 0);
    assert_eq!(last.failed, 0);
    pipeline.store.set_request_units(PLENTY);
    pipeline.assert_stored(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_may_go_away_and_come_back() {
    let mut pipeline = pipeline(2, PLENTY).await;
    let load_options = LoadOptions { target: Target::Rate(EventRate::new(200.0)), ..pipeline.load_options() };
    let (to, _unread) = mpsc::channel(1);
    let load = LoadHandle::start(load_options, Arc::new(Mutex::new(Ledger::default())), to).unwrap();
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= 50).await;
    for faults in [pipeline.store_faults.clone(), pipeline.log_faults.clone(), pipeline.checkpoint_faults.clone()] {
        faults.set(Fault::Cut);
        pipeline.until_station(|state| matches!(state, StationState::Retrying { .. })).await;
        faults.clear();
        pipeline.until_station(|state| *state == StationState::Connected).await;
        let now = pipeline.processor.figures().written;
        pipeline.until(|figures| figures.written > now + 20).await;
    }
    let sent = within(load.stop()).await.unwrap();
    assert_eq!(sent.acknowledged, sent.due);
    within(async {
        while pipeline.stored().await.values().map(Vec::len).sum::<usize>() as u64 != sent.acknowledged {}
    })
    .await;
    stop(running).await;
    pipeline.assert_stored(sent.acknowledged).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_partition_waits_while_the_others_go_on() {
    let mut pipeline = pipeline(2, PLENTY).await;
    pipeline.processor.hold(PartitionId(1));
    let running = pipeline.processor.start().unwrap();
    let sent = pipeline.send(400).await;
    let in_first = u64::try_from(pipeline.log.log().status(0).unwrap().last.0 + 1).unwrap();
    pipeline.until(|figures| figures.written >= in_first).await;
    assert_eq!(pipeline.processor.figures().received, in_first);
    pipeline.processor.release(PartitionId(1));
    pipeline.until(|figures| figures.written >= sent).await;
    stop(running).await;
    pipeline.assert_stored(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_passed_over_and_counted() {
    let mut pipeline = pipeline(1, PLENTY).await;
    let address = pipeline.options.ingest.clone();
    let sending = streamgauge::azure::own_thread::on_own_thread("sender", move |_| async move {
        let client = streamgauge::azure::eventhubs::connect_producer(&address).await.unwrap();
        for body in ["not json", "{}", r#"{"eventId":"a/b","deviceId":"d"}"#, r#"{"eventId":"e","deviceId":"d"}"#] {
            client.send_event(body.as_bytes().to_vec(), None).await.unwrap();
        }
    });
    within(sending.unwrap().finished(LIMIT)).await.unwrap();
    let running = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written == 1 && figures.rejected == 3).await;
    stop(running).await;
    pipeline.assert_checkpoints_at_the_log_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_store_is_away_says_what_is_unfinished_and_a_restart_finishes_it() {
    let mut pipeline = pipeline(2, PLENTY).await;
    pipeline.options.stop_limit = Duration::from_millis(300);
    let (to, observations) = mpsc::channel(1_024);
    pipeline.processor = Processor::new(pipeline.options.clone(), to);
    pipeline.observations = observations;
    let running = pipeline.processor.start().unwrap();
    pipeline.until_station(|state| *state == StationState::Connected).await;
    pipeline.store_faults.set(Fault::Cut);
    let sent = pipeline.send(300).await;
    pipeline.until(|figures| figures.failed > 0).await;
    let error = within(running.stop()).await.unwrap_err();
    assert!(error.to_string().contains("read again after a restart"), "{error}");

    pipeline.store_faults.clear();
    let again = pipeline.processor.start().unwrap();
    pipeline.until(|figures| figures.written >= sent).await;
    stop(again).await;
    pipeline.assert_stored(sent).await;
}
