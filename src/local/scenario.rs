//! The embedded scenario, whole: the endpoints, the processor, the load and the probes, brought up and taken down.
//!
//! Everything speaks real protocols over loopback sockets with the vendor's own clients. Threads, by name:
//!
//! | thread | what runs there |
//! |---|---|
//! | `endpoint-amqp` | the Event Hubs endpoint |
//! | `endpoint-http` | the Blob and Cosmos DB endpoints |
//! | `load-0`, `load-pacer` | the load's Event Hubs client, and the clock that says what is due |
//! | `process-log` | the processor's Event Hubs client; its writes to the store run on the runtime's workers |
//! | `probe-..` | the probes, see [`crate::scenario::places`] |

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tempfile::TempPath;
use tokio::sync::{mpsc, oneshot};

use super::blob::{BlobEndpoint, BlobEndpointError, BlobOptions};
use super::cosmos::{CosmosEndpoint, CosmosEndpointError, CosmosOptions};
use super::eventhubs::{EventHubsEndpoint, EventHubsEndpointError, EventHubsOptions};
use super::fault::FaultSwitch;
use super::tls::{Identity, IdentityError};
use crate::azure::own_thread::on_own_thread;
use crate::azure::{
    BlobAddress, BlobCredential, CosmosAddress, CosmosCredential, EventHubsAddress, EventHubsCredential, OwnThread,
    OwnThreadError, Secret,
};
use crate::load::driver::{LoadError, LoadHandle, LoadOptions};
use crate::load::sink::Sink;
use crate::model::ledger::{Audit, Ledger};
use crate::model::observation::{Observation, Target};
use crate::model::units::{PartitionId, RequestUnits};
use crate::probe::store::cosmos::{Feed, FeedStart};
use crate::probe::{Clock, Outlet};
use crate::process::{Processor, ProcessorError, ProcessorHandle, ProcessorOptions};
use crate::recording::format::ScenarioDescription;
use crate::scenario::places::{IngestPlace, Places, PositionPlace, StorePlace};

/// The hub's name.
const HUB: &str = "streamgauge";
/// The consumer group of the processor, beside `$Default`.
const GROUP: &str = "cosmos";
/// The storage account and container of the checkpoints; the account is the one of the official emulators.
const ACCOUNT: &str = "devstoreaccount1";
const CHECKPOINTS: &str = "checkpoints";
/// Upstream's names of database and container.
const DATABASE: &str = "streaming";
const CONTAINER: &str = "rawdata";

/// The log keeps so many bytes over all its partitions: about five minutes of 2,000 events/s.
const RETENTION: u64 = 512 << 20;

/// Items live so long in the store: the monitor reads them within a second, and memory stays flat.
const TIME_TO_LIVE: Duration = Duration::from_secs(60);

/// The share of the store's RU/s that the monitor may spend on reading the change feed. The tally of an embedded
/// scenario is exact, so the whole feed is read.
const FEED_SHARE: f64 = 0.10;

/// Management calls a second that the monitor may make: our own endpoint bears them, so that 512 partitions are read at
/// each look.
const LOG_END_CALLS: f64 = 2_048.0;

/// How often each probe looks.
const LOOK: Duration = Duration::from_millis(250);

/// How long a part may take to end.
const GOODBYE: Duration = Duration::from_secs(5);

/// What to bring up.
#[derive(Debug, Clone)]
pub struct ScenarioOptions {
    /// Partitions of the ingest log, 1 to 2,048.
    pub partitions: u32,
    /// The load.
    pub target: Target,
    /// What the events say follows from it.
    pub seed: u64,
    /// One event in so many is sent twice; 0 for none.
    pub duplicate_every: u32,
    /// Provisioned RU/s of the store.
    pub request_units: u32,
    /// Whether our own processor runs.
    pub process: bool,
    /// The port of each endpoint; 0 for any free one.
    pub ports: Ports,
    /// Clients speak TLS with the endpoints, at their ports, and find what they have to trust in this file. The
    /// scenario's own parts go on without, through ports of their own: what they do is measured the same.
    pub tls: Option<CertificateFile>,
}

/// Where the certificate goes that a client has to trust, as PEM. There is no secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFile {
    /// Into the folder for temporary files; it goes with the scenario.
    Temporary,
    /// Here, over what was there; it stays.
    At(PathBuf),
}

/// The port of each endpoint; 0 for any free one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// AMQP.
    pub eventhubs: u16,
    /// HTTP.
    pub blob: u16,
    /// HTTP.
    pub cosmos: u16,
}

/// Why the scenario did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The Event Hubs endpoint.
    #[error(transparent)]
    EventHubs(#[from] EventHubsEndpointError),
    /// The Blob endpoint.
    #[error(transparent)]
    Blob(#[from] BlobEndpointError),
    /// The Cosmos DB endpoint.
    #[error(transparent)]
    Cosmos(#[from] CosmosEndpointError),
    /// A thread.
    #[error(transparent)]
    Thread(#[from] OwnThreadError),
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The processor.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] IdentityError),
    /// The certificate was not written.
    #[error("the certificate can't be written to {} ({source}); choose another file with --tls-certificate", .path.display())]
    CertificateFile {
        /// Where it was to go.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An endpoint's thread ended before it said where it listens.
    #[error("an endpoint of the embedded scenario did not start; please report this")]
    Vanished,
}

/// Where a client finds the endpoints: what `--headless` prints.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Endpoints {
    /// A connection string, with `EntityPath` and, without TLS, `UseDevelopmentEmulator=true`.
    pub eventhubs: String,
    /// The checkpoints.
    pub blob: BlobPlace,
    /// The store.
    pub cosmos: CosmosPlace,
    /// The processor's consumer group.
    pub consumer_group: &'static str,
    /// The certificate that a client has to trust, where there is TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
}

/// Where the checkpoints are. The key is the embedded endpoint's own and opens nothing else.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BlobPlace {
    /// `http://127.0.0.1:PORT/devstoreaccount1`, with TLS `https`
    pub endpoint: String,
    /// The account's name.
    pub account: String,
    /// Base64.
    pub key: String,
    /// The container's name.
    pub container: &'static str,
}

/// Where the store is. The key is the embedded endpoint's own and opens nothing else.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CosmosPlace {
    /// `http://127.0.0.1:PORT/`, with TLS `https`
    pub endpoint: String,
    /// Base64.
    pub key: String,
    /// The database's name.
    pub database: &'static str,
    /// The container's name.
    pub container: &'static str,
}

/// Faults that can be switched on, one switch for each endpoint.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Of the Event Hubs endpoint.
    pub eventhubs: FaultSwitch,
    /// Of the Blob endpoint.
    pub blob: FaultSwitch,
    /// Of the Cosmos DB endpoint.
    pub cosmos: FaultSwitch,
}

/// The embedded scenario, running.
#[derive(Debug)]
pub struct Scenario {
    /// Where the endpoints are.
    pub endpoints: Endpoints,
    /// What can be made to go wrong.
    pub faults: Faults,
    load: LoadHandle,
    processor: Option<Processor>,
    running: Option<ProcessorHandle>,
    probes: Vec<OwnThread>,
    servers: Vec<OwnThread>,
    /// Removes the file when the scenario ends.
    _certificate: Option<TempPath>,
}

impl Scenario {
    /// Brings everything up; facts go to `observations`.
    pub async fn start(
        options: ScenarioOptions,
        observations: mpsc::Sender<Observation>,
        clock: Clock,
    ) -> Result<Self, ScenarioError> {
        let faults = Faults::default();
        let tls = options.tls.as_ref().map(Tls::start).transpose()?;
        let identity = tls.as_ref().map(|tls| &tls.identity);
        let (eventhubs, amqp) = start_eventhubs(&options, identity, &faults).await?;
        let (stores, http) = start_stores(&options, identity, &faults).await?;
        let (certificate, temporary) = tls.map(|tls| (tls.certificate, tls.temporary)).unzip();
        let endpoints = Endpoints {
            eventhubs: eventhubs.connection_string,
            blob: stores.blob,
            cosmos: stores.cosmos,
            consumer_group: GROUP,
            certificate,
        };
        let hub = EventHubsAddress {
            // The name by which other vendors' clients know the endpoint, so that their checkpoints are found.
            namespace: eventhubs.namespace.to_string(),
            hub: HUB.into(),
            custom_endpoint: Some(format!("amqp://{}", eventhubs.address)),
            credential: EventHubsCredential::Anonymous,
        };
        let checkpoints = BlobAddress {
            endpoint: stores.blob_without_tls,
            container: CHECKPOINTS.into(),
            credential: BlobCredential::SharedKey {
                account: ACCOUNT.into(),
                key: Secret::new(endpoints.blob.key.clone()),
            },
        };
        let store = CosmosAddress {
            endpoint: stores.cosmos_without_tls,
            database: DATABASE.into(),
            container: CONTAINER.into(),
            region: None,
            credential: CosmosCredential::Key(Secret::new(endpoints.cosmos.key.clone())),
        };

        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let outlet = Outlet::new(observations.clone(), Arc::new(Mutex::new(Audit::default())), clock);
        let places = Places {
            description: ScenarioDescription::default(),
            ingest: IngestPlace::EventHubs {
                address: hub.clone(),
                group: GROUP.into(),
                every: LOOK,
                calls_per_second: LOG_END_CALLS,
                capacity: None,
            },
            position: Some(PositionPlace::Checkpoints { address: checkpoints.clone(), every: LOOK }),
            store: Some(StorePlace::Cosmos {
                address: store.clone(),
                feed: Feed {
                    from: FeedStart::Beginning,
                    provisioned: Some(RequestUnits(f64::from(options.request_units))),
                    share: FEED_SHARE,
                },
                every: LOOK,
            }),
        };
        let probes = places.start_probes(&ledger, &outlet)?.threads;
        let processor = options.process.then(|| {
            let options = ProcessorOptions {
                consumer_group: GROUP.into(),
                ..ProcessorOptions::new(hub.clone(), checkpoints, store)
            };
            Processor::new(options, observations.clone())
        });
        let running = processor.as_ref().map(Processor::start).transpose()?;
        let load = LoadHandle::start(
            LoadOptions {
                target: options.target,
                seed: options.seed,
                duplicate_every: options.duplicate_every,
                ..LoadOptions::new(Sink::EventHubs(hub))
            },
            ledger,
            observations,
        )?;
        let servers = vec![amqp, http];
        Ok(Self { endpoints, faults, load, processor, running, probes, servers, _certificate: temporary.flatten() })
    }

    /// The load.
    pub fn load(&self) -> &LoadHandle {
        &self.load
    }

    /// Whether our own processor runs; `None` where its place was left to another.
    pub fn processor_runs(&self) -> Option<bool> {
        self.processor.as_ref().map(|_| self.running.is_some())
    }

    /// Kills the processor without a goodbye: no last checkpoint, nothing in flight is waited for.
    pub fn kill_processor(&mut self) {
        if let Some(running) = self.running.take() {
            tokio::spawn(running.kill());
        }
    }

    /// Starts the processor again after it was killed. Its counts go on.
    pub fn start_processor(&mut self) -> Result<(), ScenarioError> {
        if let (None, Some(processor)) = (&self.running, &self.processor) {
            self.running = Some(processor.start()?);
        }
        Ok(())
    }

    /// Makes the processor pass over one partition until it is released: its events stay in the log.
    pub fn hold(&self, partition: PartitionId) {
        if let Some(processor) = &self.processor {
            processor.hold(partition);
        }
    }

    /// Lets the processor read a held partition again.
    pub fn release(&self, partition: PartitionId) {
        if let Some(processor) = &self.processor {
            processor.release(partition);
        }
    }

    /// Stops the load alone: what is due is sent and acknowledged, and nothing more comes.
    pub fn pause_load(&self) {
        self.load.set_target(Target::Paused);
    }

    /// Takes everything down, in the order of the flow, so that nothing complains of what was taken away under it.
    ///
    /// # Errors
    /// The first of what did not end as it should; all the rest was ended as well.
    pub async fn stop(self) -> Result<(), ScenarioError> {
        let mut ended = self.load.stop().await.map(drop).map_err(ScenarioError::from);
        if let Some(running) = self.running {
            ended = ended.and(running.stop().await.map(drop).map_err(ScenarioError::from));
        }
        for thread in self.probes.into_iter().chain(self.servers) {
            ended = ended.and(thread.shut_down(GOODBYE).await.map_err(ScenarioError::from));
        }
        ended
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Who the endpoints are, and where it was written.
struct Tls {
    identity: Identity,
    certificate: PathBuf,
    temporary: Option<TempPath>,
}

impl Tls {
    fn start(file: &CertificateFile) -> Result<Self, ScenarioError> {
        let identity = Identity::new(SystemTime::now())?;
        let failed = |path: &Path, source| ScenarioError::CertificateFile { path: path.to_owned(), source };
        match file {
            CertificateFile::At(path) => {
                std::fs::write(path, identity.authority()).map_err(|source| failed(path, source))?;
                Ok(Self { identity, certificate: path.clone(), temporary: None })
            }
            CertificateFile::Temporary => {
                let folder = std::env::temp_dir();
                let mut file = tempfile::Builder::new()
                    .prefix("streamgauge-")
                    .suffix(".pem")
                    .tempfile_in(&folder)
                    .map_err(|source| failed(&folder, source))?;
                file.write_all(identity.authority().as_bytes()).map_err(|source| failed(file.path(), source))?;
                let path = file.into_temp_path();
                Ok(Self { identity, certificate: path.to_path_buf(), temporary: Some(path) })
            }
        }
    }
}

struct EventHubsStarted {
    /// Without TLS.
    address: SocketAddr,
    /// As clients know it.
    namespace: SocketAddr,
    connection_string: String,
}

/// Where an endpoint listens without TLS, and where with it. Clients are given the port that was asked for.
fn doors(port: u16, identity: Option<&Identity>) -> (SocketAddr, Option<(SocketAddr, Identity)>) {
    match identity {
        None => (loopback(port), None),
        Some(identity) => (loopback(0), Some((loopback(port), identity.clone()))),
    }
}

async fn start_eventhubs(
    options: &ScenarioOptions,
    identity: Option<&Identity>,
    faults: &Faults,
) -> Result<(EventHubsStarted, OwnThread), ScenarioError> {
    let (tell, told) = oneshot::channel();
    let (listen, secured) = doors(options.ports.eventhubs, identity);
    let options = EventHubsOptions {
        listen,
        hub: HUB.into(),
        partitions: options.partitions,
        consumer_groups: vec![GROUP.into()],
        retention_bytes: RETENTION / u64::from(options.partitions.max(1)),
        max_message_size: 1 << 20,
        key: None,
        faults: faults.eventhubs.clone(),
    };
    let thread = on_own_thread("endpoint-amqp", move |mut shutdown| async move {
        let starting = async {
            let mut endpoint = EventHubsEndpoint::start(options).await?;
            let namespace = match secured {
                Some((listen, identity)) => endpoint.listen_with_tls(listen, &identity).await?,
                None => endpoint.address(),
            };
            Ok::<_, EventHubsEndpointError>((endpoint, namespace))
        };
        let (endpoint, namespace) = match starting.await {
            Ok(started) => started,
            Err(error) => return drop(tell.send(Err(error))),
        };
        let (address, connection_string) = (endpoint.address(), endpoint.connection_string());
        let started = EventHubsStarted { address, namespace, connection_string };
        if tell.send(Ok(started)).is_ok() {
            shutdown.requested().await;
        }
        endpoint.shutdown().await;
    })?;
    Ok((told.await.map_err(|_| ScenarioError::Vanished)??, thread))
}

struct StoresStarted {
    blob: BlobPlace,
    cosmos: CosmosPlace,
    blob_without_tls: String,
    cosmos_without_tls: String,
}

async fn start_stores(
    options: &ScenarioOptions,
    identity: Option<&Identity>,
    faults: &Faults,
) -> Result<(StoresStarted, OwnThread), ScenarioError> {
    let (tell, told) = oneshot::channel();
    let (listen, blob_secured) = doors(options.ports.blob, identity);
    let blob =
        BlobOptions { listen, account: ACCOUNT.into(), container: CHECKPOINTS.into(), faults: faults.blob.clone() };
    let (listen, cosmos_secured) = doors(options.ports.cosmos, identity);
    let cosmos = CosmosOptions {
        listen,
        database: DATABASE.into(),
        container: CONTAINER.into(),
        partition_key_path: "/deviceId".into(),
        request_units: options.request_units,
        time_to_live: Some(TIME_TO_LIVE),
        faults: faults.cosmos.clone(),
    };
    let thread = on_own_thread("endpoint-http", move |mut shutdown| async move {
        let starting = async {
            let mut blob = BlobEndpoint::start(blob).await?;
            if let Some((listen, identity)) = blob_secured {
                blob.listen_with_tls(listen, &identity).await?;
            }
            let mut cosmos = CosmosEndpoint::start(cosmos).await?;
            if let Some((listen, identity)) = cosmos_secured {
                cosmos.listen_with_tls(listen, &identity).await?;
            }
            Ok::<_, ScenarioError>((blob, cosmos))
        };
        let (blob, cosmos) = match starting.await {
            Ok(started) => started,
            Err(error) => return drop(tell.send(Err(error))),
        };
        let started = StoresStarted {
            blob: BlobPlace {
                endpoint: blob.endpoint_with_tls().unwrap_or_else(|| blob.endpoint()),
                account: blob.account().to_string(),
                key: blob.key(),
                container: CHECKPOINTS,
            },
            cosmos: CosmosPlace {
                endpoint: cosmos.endpoint_with_tls().unwrap_or_else(|| cosmos.endpoint()),
                key: cosmos.key(),
                database: DATABASE,
                container: CONTAINER,
            },
            blob_without_tls: blob.endpoint(),
            cosmos_without_tls: cosmos.endpoint(),
        };
        if tell.send(Ok(started)).is_ok() {
            shutdown.requested().await;
        }
        cosmos.shutdown().await;
        blob.shutdown().await;
    })?;
    Ok((told.await.map_err(|_| ScenarioError::Vanished)??, thread))
}
