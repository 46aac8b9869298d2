//! A scenario ready to be watched: where each station is, with its credential, and the probes that watch it. The same code
//! watches the embedded scenario and a deployed one.
//!
//! | thread | what runs there |
//! |---|---|
//! | `probe-log-ends`, `probe-positions`, `probe-store` | the probes |

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch as latest;

use super::file::{Ingest, Position, ScenarioFile, Store};
use crate::azure::credentials::{CredentialError, Environment};
use crate::azure::own_thread::on_own_thread;
use crate::azure::{BlobAddress, CosmosAddress, EventHubsAddress, OwnThread, OwnThreadError};
use crate::load::driver::LoadError;
use crate::load::sink::Sink;
use crate::model::ledger::Ledger;
use crate::model::observation::{Fact, IngestCapacity, Station, StationState};
use crate::model::units::PartitionId;
use crate::probe::ingest::eventhubs::LogEndProbe;
use crate::probe::position::eventhubs_blob::CheckpointProbe;
use crate::probe::store::cosmos::{CosmosProbe, Feed, FeedStart};
use crate::probe::{Outlet, watch};
use crate::recording::format::ScenarioDescription;

/// Why a scenario can't be watched.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A thread.
    #[error(transparent)]
    Thread(#[from] OwnThreadError),
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Where the stations of a scenario are.
#[derive(Debug, Clone)]
pub struct Places {
    /// In words, for the screen and the recording.
    pub description: ScenarioDescription,
    /// The log.
    pub ingest: IngestPlace,
    /// The processor's positions.
    pub position: Option<PositionPlace>,
    /// The store.
    pub store: Option<StorePlace>,
}

/// Where a log is.
#[derive(Debug, Clone)]
pub enum IngestPlace {
    /// An event hub.
    EventHubs {
        /// Where.
        address: EventHubsAddress,
        /// The consumer group of the processor.
        group: String,
        /// How often it is looked at.
        every: Duration,
        /// How many management calls a second that may take.
        calls_per_second: f64,
        /// What it takes in at most, where somebody knows it.
        capacity: Option<IngestCapacity>,
    },
}

/// Where positions are.
#[derive(Debug, Clone)]
pub enum PositionPlace {
    /// Checkpoints in Blob storage.
    Checkpoints {
        /// Where.
        address: BlobAddress,
        /// How often they are looked at.
        every: Duration,
    },
}

/// Where a store is.
#[derive(Debug, Clone)]
pub enum StorePlace {
    /// A container of Cosmos DB.
    Cosmos {
        /// Where.
        address: CosmosAddress,
        /// How its change feed is followed.
        feed: Feed,
        /// How often it is looked at.
        every: Duration,
    },
}

impl Places {
    /// The places that a file names, with the credentials that the environment or Entra ID has for them. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// A credential that is wanted and not there, or is for another account.
    pub fn of(file: &ScenarioFile, environment: &Environment<'_>) -> Result<Self, CredentialError> {
        let (ingest, hub) = match &file.ingest {
            Ingest::EventHubs(hub) => {
                let group = hub.consumer_group.as_str().to_owned();
                let every = hub.refresh.duration();
                let (address, calls_per_second) = (hub.address(environment)?, hub.calls_per_second.rate());
                let capacity = hub.throughput_units.map(|units| IngestCapacity::ThroughputUnits(units.count()));
                (IngestPlace::EventHubs { address, group, every, calls_per_second, capacity }, hub.hub.as_str())
            }
        };
        let position = match &file.position {
            None => None,
            Some(Position::Checkpoints(checkpoints)) => {
                let every = checkpoints.refresh.duration();
                Some(PositionPlace::Checkpoints { address: checkpoints.address(environment)?, every })
            }
        };
        let store = match &file.store {
            None => None,
            Some(Store::Cosmos(cosmos)) => {
                let feed = Feed {
                    from: FeedStart::Now,
                    provisioned: cosmos.provisioned.map(super::value::Provisioned::units),
                    share: cosmos.budget_percent.share(),
                };
                let every = cosmos.refresh.duration();
                Some(StorePlace::Cosmos { address: cosmos.address(environment)?, feed, every })
            }
        };
        let description = ScenarioDescription {
            title: file.title.clone().unwrap_or_else(|| hub.to_owned()),
            ingest: ingest.name().into(),
            processor: file.processor.clone().unwrap_or_else(|| "processor".into()),
            store: store.as_ref().map_or("no store", StorePlace::name).into(),
        };
        Ok(Self { description, ingest, position, store })
    }

    /// What the log takes in at most, where that is known.
    pub fn capacity(&self) -> Option<IngestCapacity> {
        match &self.ingest {
            IngestPlace::EventHubs { capacity, .. } => *capacity,
        }
    }

    /// Where a load into this scenario goes.
    pub fn sink(&self) -> Sink {
        match &self.ingest {
            IngestPlace::EventHubs { address, .. } => Sink::EventHubs(address.clone()),
        }
    }

    /// What a load would go into, as a person knows it: its name, and where it is.
    pub fn target(&self) -> (&str, &str) {
        match &self.ingest {
            IngestPlace::EventHubs { address, .. } => (&address.hub, &address.namespace),
        }
    }

    /// The stations that nobody will look at, since the scenario does not say where they are.
    fn unwatched(&self) -> impl Iterator<Item = Station> + use<> {
        let stations = [(Station::Checkpoints, self.position.is_none()), (Station::Store, self.store.is_none())];
        stations.into_iter().filter_map(|(station, absent)| absent.then_some(station))
    }

    /// Starts the probes, each on a thread of its own; what they see goes to the outlet.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub fn start_probes(&self, ledger: &Arc<Mutex<Ledger>>, outlet: &Outlet) -> Result<Probes, OwnThreadError> {
        let (tell_partitions, partitions) = latest::channel(Vec::new());
        let mut threads = Vec::new();
        match &self.ingest {
            IngestPlace::EventHubs { address, every, calls_per_second, capacity, .. } => {
                let (every, outlet) = (*every, outlet.clone());
                let probe =
                    LogEndProbe::new(address.clone(), tell_partitions).within(*calls_per_second).taking_in(*capacity);
                let unwatched = self.unwatched();
                threads.push(on_own_thread("probe-log-ends", async move |shutdown| {
                    for station in unwatched {
                        outlet.see(Fact::Station(station, StationState::Unwatched)).await;
                    }
                    watch(probe, every, outlet, shutdown).await;
                })?);
            }
        }
        let mut wanted_group = None;
        match (&self.position, &self.ingest) {
            (None, _) => {}
            (
                Some(PositionPlace::Checkpoints { address, every }),
                IngestPlace::EventHubs { address: hub, group, .. },
            ) => {
                let (every, outlet) = (*every, outlet.clone());
                let (want, wanted) = latest::channel(group.clone());
                let probe = CheckpointProbe::new(address.clone(), &hub.namespace, &hub.hub, group, partitions.clone())
                    .following(wanted);
                wanted_group = Some(want);
                threads.push(on_own_thread("probe-positions", move |shutdown| watch(probe, every, outlet, shutdown))?);
            }
        }
        let mut store_is_read = None;
        match &self.store {
            None => {}
            Some(StorePlace::Cosmos { address, feed, every }) => {
                let (every, outlet) = (*every, outlet.clone());
                let (tell, told) = latest::channel(false);
                let probe = CosmosProbe::following(address.clone(), *feed, Arc::clone(ledger), partitions.clone())
                    .saying_when_read(tell);
                store_is_read = Some(told);
                threads.push(on_own_thread("probe-store", move |shutdown| watch(probe, every, outlet, shutdown))?);
            }
        }
        Ok(Probes { threads, wanted_group, partitions, store_is_read })
    }
}

/// The probes of a scenario, at work.
#[derive(Debug)]
pub struct Probes {
    /// One for each.
    pub threads: Vec<OwnThread>,
    /// The consumer group whose positions are to be watched: the probe turns to the one that is sent, and looks which
    /// others there are. `None` where positions are not watched.
    pub wanted_group: Option<latest::Sender<String>>,
    /// The partitions of the log, as they were seen last; none before they were.
    pub partitions: latest::Receiver<Vec<PartitionId>>,
    /// Whether every part of the store has been read once: what is stored from then on is seen. `None` where no store is
    /// watched.
    pub store_is_read: Option<latest::Receiver<bool>>,
}

impl IngestPlace {
    /// What kind it is.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EventHubs { .. } => "Event Hubs",
        }
    }
}

impl StorePlace {
    /// What kind it is.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cosmos { .. } => "Cosmos DB",
        }
    }
}
