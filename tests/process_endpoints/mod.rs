//! The three endpoints, each with its fault switch, and a processor between them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

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
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions, SharedKey};
use streamgauge::local::fault::FaultSwitch;
use streamgauge::model::ledger::Ledger;
use streamgauge::model::observation::{Fact, Observation, ProcessorFigures, Station, StationState, Target};
use streamgauge::model::units::EventRate;
use streamgauge::process::{Processor, ProcessorOptions};
use tokio::sync::mpsc;

pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// Request units that no test here uses up.
pub(crate) const PLENTY: u32 = 100_000;

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("within the limit")
}

/// The three endpoints, each with its fault switch, and a processor between them.
pub(crate) struct Pipeline {
    pub(crate) log: EventHubsEndpoint,
    pub(crate) log_faults: FaultSwitch,
    pub(crate) store_faults: FaultSwitch,
    pub(crate) checkpoint_faults: FaultSwitch,
    pub(crate) _checkpoints: BlobEndpoint,
    pub(crate) store: CosmosEndpoint,
    pub(crate) documents: ContainerClient,
    pub(crate) options: ProcessorOptions,
    pub(crate) processor: Processor,
    pub(crate) observations: mpsc::Receiver<Observation>,
}

pub(crate) async fn pipeline(partitions: u32, request_units: u32) -> Pipeline {
    pipeline_behind(None, EventHubsCredential::Anonymous, partitions, request_units).await
}

/// One whose log takes only tokens of a key, where there is one, and is reached with a credential.
pub(crate) async fn pipeline_behind(
    key: Option<SharedKey>,
    credential: EventHubsCredential,
    partitions: u32,
    request_units: u32,
) -> Pipeline {
    let [log_faults, store_faults, checkpoint_faults] = std::array::from_fn(|_| FaultSwitch::default());
    let hub = EventHubsOptions { partitions, key, faults: log_faults.clone(), ..EventHubsOptions::default() };
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
                credential,
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
    pub(crate) fn load_options(&self) -> LoadOptions {
        LoadOptions {
            devices: Devices { first: 0, count: 40 },
            duplicate_every: 0,
            ..LoadOptions::new(Sink::EventHubs(self.options.ingest.clone()))
        }
    }

    /// Sends at least so many events as fast as the log takes them; says how many it were.
    pub(crate) async fn send(&self, events: u64) -> u64 {
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
    pub(crate) async fn until(&mut self, enough: impl Fn(&ProcessorFigures) -> bool) -> ProcessorFigures {
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

    pub(crate) async fn until_station(&mut self, wanted: impl Fn(&StationState) -> bool) {
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
    pub(crate) async fn stored(&self) -> BTreeMap<String, Vec<u64>> {
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
    pub(crate) async fn assert_stored(&self, events: u64) {
        let stored = self.stored().await;
        for (device, numbers) in &stored {
            assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{device}: {numbers:?}");
        }
        assert_eq!(stored.values().map(|numbers| numbers.len() as u64).sum::<u64>(), events);
    }

    /// The checkpoints as they lie in Blob storage, by blob name.
    pub(crate) async fn checkpoints(&self) -> BTreeMap<String, i64> {
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
    pub(crate) async fn assert_checkpoints_at_the_log_ends(&self) {
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
