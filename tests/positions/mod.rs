//! A container of checkpoints, the probe that looks at it, and the session that its facts add up to. Time goes by
//! with each look, by itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::http::RequestContent;
use azure_storage_blob::models::BlockBlobClientUploadOptions;
use streamgauge::azure::blob::container;
use streamgauge::azure::{AzureError, BlobAddress, BlobCredential};
use streamgauge::local::blob::{BlobEndpoint, BlobOptions};
use streamgauge::local::fault::FaultSwitch;
use streamgauge::model::ledger::Audit;
use streamgauge::model::observation::{Fact, LogEnd, Observation};
use streamgauge::model::partition::Partition;
use streamgauge::model::session::Session;
use streamgauge::model::units::{PartitionId, SequenceNumber, Time};
use streamgauge::probe::position::eventhubs_blob::CheckpointProbe;
use streamgauge::probe::{Outlet, Probe};
use tokio::sync::{mpsc, watch};

pub(crate) const NS: &str = "NS.servicebus.windows.net";
pub(crate) const HUB: &str = "Plant";
pub(crate) const GROUP: &str = "Workers";

/// Nothing here may hang.
const LIMIT: Duration = Duration::from_secs(60);

/// A blob to write.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    name: String,
    body: Vec<u8>,
    metadata: HashMap<String, String>,
}

/// A blob whose content is in its metadata.
pub(crate) fn metadata(name: &str, values: &[(&str, &str)]) -> Blob {
    let metadata = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Blob { name: name.into(), body: Vec::new(), metadata }
}

/// A blob with a body.
pub(crate) fn body(name: &str, body: &str) -> Blob {
    Blob { name: name.into(), body: body.into(), metadata: HashMap::new() }
}

/// The clock of each test's own thread.
mod clock {
    use std::cell::Cell;

    use super::Time;

    thread_local! {
        static NOW: Cell<Time> = const { Cell::new(Time::from_micros(0)) };
    }

    pub(super) fn now() -> Time {
        NOW.get()
    }

    pub(super) fn set(time: Time) {
        NOW.set(time);
    }
}

/// A container that is watched.
pub(crate) struct Watched {
    address: BlobAddress,
    probe: CheckpointProbe,
    outlet: Outlet,
    facts: mpsc::Receiver<Observation>,
    /// How much time goes by from look to look.
    pub(crate) pace: Duration,
    /// Names the group to watch.
    pub(crate) group: watch::Sender<String>,
    pub(crate) session: Session,
}

/// An endpoint of our own with an empty container `checkpoints`.
pub(crate) async fn endpoint() -> BlobEndpoint {
    let options = BlobOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        account: "devstoreaccount1".into(),
        container: "checkpoints".into(),
        faults: FaultSwitch::default(),
    };
    BlobEndpoint::start(options).await.expect("the endpoint starts")
}

/// A container of that endpoint.
pub(crate) fn address(endpoint: &BlobEndpoint, container: &str) -> BlobAddress {
    BlobAddress { endpoint: endpoint.endpoint(), container: container.into(), credential: BlobCredential::Anonymous }
}

impl Watched {
    /// A probe of a hub with so many partitions, whose checkpoints are kept in a container.
    pub(crate) fn new(address: BlobAddress, partitions: u32) -> Self {
        // The blobs are dated by the machine's clock, so the looks begin there.
        clock::set(Time::from(std::time::SystemTime::now()));
        let (send, facts) = mpsc::channel(65_536);
        let outlet = Outlet::new(send, Arc::new(Mutex::new(Audit::default())), clock::now);
        let partitions = watch::channel((0..partitions).map(PartitionId).collect()).1;
        let (group, wanted) = watch::channel(GROUP.to_owned());
        let probe = CheckpointProbe::new(address.clone(), NS, HUB, GROUP, partitions).following(wanted);
        let (pace, session) = (Duration::from_millis(250), Session::new());
        Self { address, probe, outlet, facts, pace, group, session }
    }

    /// Writes blobs, or writes them again.
    pub(crate) async fn write(&self, blobs: &[Blob]) {
        let client = container(&self.address).unwrap();
        for Blob { name, body, metadata } in blobs {
            let options = BlockBlobClientUploadOptions {
                metadata: Some(metadata.clone()),
                ..BlockBlobClientUploadOptions::default()
            };
            let upload = client.blob_client(name);
            let upload = upload.upload(RequestContent::from(body.clone()), Some(options));
            tokio::time::timeout(LIMIT, upload).await.expect("in time").expect("the endpoint takes it");
        }
    }

    /// One look, so long after the one before, and after it the log ends: partition, earliest, last.
    pub(crate) async fn look(&mut self, log: &[(u32, i64, i64)]) -> Result<(), AzureError> {
        clock::set(clock::now().after(self.pace));
        let looked = tokio::time::timeout(LIMIT, self.probe.look(&self.outlet)).await.expect("in time");
        while let Ok(seen) = self.facts.try_recv() {
            self.session.apply(&seen);
        }
        for &(partition, earliest, last) in log {
            let (partition, earliest, last) = (PartitionId(partition), SequenceNumber(earliest), SequenceNumber(last));
            let fact = Fact::LogEnd(LogEnd { partition, earliest, last, last_enqueued_at: None });
            self.session.apply(&Observation { at: clock::now(), fact });
        }
        looked
    }

    /// Looks for so many seconds.
    pub(crate) async fn looks_for(&mut self, seconds: u32, log: &[(u32, i64, i64)]) {
        for _ in 0..seconds * 4 {
            self.look(log).await.expect("the endpoint answers");
        }
    }

    pub(crate) fn now(&self) -> Time {
        clock::now()
    }

    pub(crate) fn partition(&self, id: u32) -> &Partition {
        &self.session.partitions[&PartitionId(id)]
    }
}
