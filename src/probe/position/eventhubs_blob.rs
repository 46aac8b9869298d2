//! Positions of an Event Hubs processor, from its checkpoint blobs. We read the blobs ourselves: the SDK's own list
//! fails as a whole on one bad blob, and here one bad blob is one partition's fault.

use std::collections::{BTreeMap, HashMap};

use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, ListBlobsIncludeItem};
use futures::TryStreamExt;
use tokio::sync::watch;

use super::checkpoint::{self, BlobKind};
use crate::azure::BlobAddress;
use crate::azure::blob::{container, place};
use crate::azure::error::{AzureError, Service, cause};
use crate::model::observation::{Fact, PartitionPosition, Position, Station};
use crate::model::units::{PartitionId, Time};
use crate::probe::{Outlet, Probe};

/// Reads the checkpoints of one consumer group of one hub.
pub struct CheckpointProbe {
    address: BlobAddress,
    /// `NS/hub/group/`, in the case in which the scenario names them.
    prefix: String,
    client: Option<BlobContainerClient>,
    /// The partitions that there are: one without a checkpoint is told as well.
    partitions: watch::Receiver<Vec<PartitionId>>,
    /// Bodies of the older format, by blob name, with the etag they were read at.
    bodies: HashMap<String, (String, Option<Position>)>,
}

/// What was found for one partition.
#[derive(Debug, Default)]
struct Found {
    position: Option<Position>,
    written_at: Option<Time>,
    owner: Option<String>,
}

impl CheckpointProbe {
    /// A probe of the checkpoints of a consumer group.
    pub fn new(
        address: BlobAddress,
        namespace: &str,
        hub: &str,
        group: &str,
        partitions: watch::Receiver<Vec<PartitionId>>,
    ) -> Self {
        let prefix = format!("{namespace}/{hub}/{group}/");
        Self { address, prefix, client: None, partitions, bodies: HashMap::new() }
    }

    async fn list(&mut self, prefix: String, found: &mut BTreeMap<PartitionId, Found>) -> Result<(), AzureError> {
        let place = place(&self.address);
        let refused = |call: &'static str| {
            let address = place.clone();
            move |error: azure_core::Error| AzureError::Refused {
                service: Service::Blob,
                address,
                call,
                reason: cause(error),
            }
        };
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(container(&self.address)?),
        };
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix),
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            ..Default::default()
        };
        let mut blobs = client.list_blobs(Some(options)).map_err(refused("the list of checkpoints"))?;
        while let Some(blob) = blobs.try_next().await.map_err(refused("the list of checkpoints"))? {
            let Some(name) = blob.name else { continue };
            let Some(kind) = checkpoint::kind(&self.prefix, &name) else { continue };
            let metadata = blob.metadata.and_then(|metadata| metadata.values).unwrap_or_default();
            let (etag, modified) = blob.properties.map_or((None, None), |properties| {
                (properties.etag.map(|etag| etag.to_string()), properties.last_modified)
            });
            let written_at = modified.map(Time::from);
            let (partition, position) = match kind {
                BlobKind::Ownership(partition) => {
                    let owner = checkpoint::metadata_value(&metadata, "ownerid").filter(|owner| !owner.is_empty());
                    found.entry(partition).or_default().owner = owner.map(str::to_owned);
                    continue;
                }
                BlobKind::Checkpoint(partition) => (partition, checkpoint::from_metadata(&metadata)),
                BlobKind::LegacyCheckpoint(partition) => {
                    let etag = etag.unwrap_or_default();
                    let position = match self.bodies.get(&name) {
                        Some((known, position)) if *known == etag && !etag.is_empty() => Ok(*position),
                        _ => {
                            let legacy = client.blob_client(&name);
                            let body = legacy.download(None).await.map_err(refused("a checkpoint"))?.body;
                            let body = body.collect().await.map_err(refused("a checkpoint"))?;
                            checkpoint::from_legacy_body(&body)
                        }
                    };
                    if let Ok(position) = position {
                        self.bodies.insert(name.clone(), (etag, position));
                    }
                    (partition, position)
                }
            };
            // A blob that can't be understood is a partition without a position, not a probe without an answer.
            let position = position.unwrap_or(None);
            let entry = found.entry(partition).or_default();
            entry.position = checkpoint::further(entry.position, position);
            entry.written_at = entry.written_at.max(written_at);
        }
        Ok(())
    }
}

impl Probe for CheckpointProbe {
    const STATION: Station = Station::Checkpoints;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        let mut found = BTreeMap::new();
        for partition in self.partitions.borrow().iter() {
            found.insert(*partition, Found::default());
        }
        let lower = self.prefix.to_lowercase();
        self.list(lower.clone(), &mut found).await?;
        if self.prefix != lower {
            self.list(self.prefix.clone(), &mut found).await?;
        }
        for (partition, Found { position, written_at, owner }) in found {
            outlet.see(Fact::Position(PartitionPosition { partition, position, written_at, owner })).await;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.client = None;
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}
