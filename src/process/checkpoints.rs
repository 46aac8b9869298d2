//! Checkpoints: where a restart begins. Kept in Blob storage in the format of the official SDKs.
//!
//! Source: the SDKs' checkpoint stores. A blob `NAMESPACE/HUB/GROUP/checkpoint/PARTITION` with an empty body and the
//! metadata `sequencenumber` and `offset`, which name the last event that was processed. The names are all lower case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azure_core::http::StatusCode;
use azure_messaging_eventhubs::CheckpointStore as _;
use azure_messaging_eventhubs::models::Checkpoint;
use azure_messaging_eventhubs_checkpointstore_blob::BlobCheckpointStore;
use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, ListBlobsIncludeItem};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::figures::{CHECKPOINTS, Counts};
use super::processor::{Partitions, ProcessorOptions};
use super::watermark::Place;
use crate::azure::backoff::Backoff;
use crate::azure::error::root_cause;
use crate::azure::{AzureError, Service, blob};
use crate::model::units::{PartitionId, SequenceNumber};

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long after a failure checkpoints are written again, at the earliest.
pub(super) const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);
/// How many checkpoints are written at a time.
const AT_A_TIME: usize = 8;

/// The checkpoints of one hub and consumer group.
#[derive(Clone)]
pub(super) struct Checkpoints {
    container: Arc<BlobContainerClient>,
    store: Arc<BlobCheckpointStore>,
    template: Checkpoint,
    place: String,
}

impl Checkpoints {
    pub(super) fn new(options: &ProcessorOptions) -> Result<Self, AzureError> {
        let template = Checkpoint {
            fully_qualified_namespace: options.ingest.namespace.to_lowercase(),
            event_hub_name: options.ingest.hub.to_lowercase(),
            consumer_group: options.consumer_group.to_lowercase(),
            ..Checkpoint::default()
        };
        Ok(Self {
            container: Arc::new(blob::container(&options.checkpoints)?),
            store: BlobCheckpointStore::new(blob::container(&options.checkpoints)?),
            template,
            place: blob::place(&options.checkpoints),
        })
    }

    /// Reads all checkpoints; makes the container if there is none. Waits for a service that is away.
    pub(super) async fn read_all(&self, counts: &Counts) -> BTreeMap<PartitionId, SequenceNumber> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            match self.under_limit("to list checkpoints", self.list()).await {
                Ok(found) => {
                    counts.standing.well(CHECKPOINTS);
                    return found;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    counts.standing.trouble(CHECKPOINTS, error.to_string(), wait);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn list(&self) -> azure_core::Result<BTreeMap<PartitionId, SequenceNumber>> {
        let of = &self.template;
        let prefix = Checkpoint::get_checkpoint_blob_prefix_name(
            &of.fully_qualified_namespace,
            &of.event_hub_name,
            &of.consumer_group,
        )?;
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.clone()),
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let mut blobs = self.container.list_blobs(Some(options))?;
        let mut found = BTreeMap::new();
        loop {
            let blob = match blobs.try_next().await {
                Ok(Some(blob)) => blob,
                Ok(None) => return Ok(found),
                Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                    self.container.create(None).await?;
                    return Ok(found);
                }
                Err(error) => return Err(error),
            };
            let partition = blob.name.as_deref().and_then(|name| name.strip_prefix(&prefix)?.parse().ok());
            let metadata = blob.metadata.and_then(|metadata| metadata.values).unwrap_or_default();
            let number = metadata.iter().find(|(name, _)| name.eq_ignore_ascii_case("sequencenumber"));
            // A checkpoint that can't be read is none: the partition is then read from its beginning, which repeats
            // much and loses nothing.
            if let (Some(partition), Some(number)) = (partition, number.and_then(|(_, text)| text.parse().ok())) {
                found.insert(PartitionId(partition), SequenceNumber(number));
            }
        }
    }

    async fn write(&self, partition: PartitionId, place: Place) -> Result<(), AzureError> {
        let checkpoint = Checkpoint {
            partition_id: partition.to_string(),
            sequence_number: Some(place.sequence.0),
            offset: place.offset,
            ..self.template.clone()
        };
        self.under_limit("to write a checkpoint", self.store.update_checkpoint(checkpoint)).await
    }

    async fn under_limit<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = azure_core::Result<T>>,
    ) -> Result<T, AzureError> {
        let (service, address) = (Service::Blob, self.place.clone());
        match tokio::time::timeout(CALL_LIMIT, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(AzureError::Refused { service, address, call, reason: root_cause(&error) }),
            Err(_) => Err(AzureError::Timeout { service, address, call, limit: CALL_LIMIT }),
        }
    }
}

/// Writes the checkpoints of all partitions that moved on since they were last written. True if none failed.
pub(super) async fn write_moved(
    checkpoints: &Checkpoints,
    partitions: &Partitions,
    written: &mut BTreeMap<PartitionId, SequenceNumber>,
    counts: &Counts,
) -> bool {
    let moved: Vec<(PartitionId, Place)> = partitions
        .done()
        .into_iter()
        .filter(|(partition, place)| written.get(partition).is_none_or(|before| *before < place.sequence))
        .collect();
    let outcomes: Vec<_> = stream::iter(moved)
        .map(|(partition, place)| async move {
            let sequence = place.sequence;
            (partition, sequence, checkpoints.write(partition, place).await)
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let mut all_well = true;
    for (partition, sequence, outcome) in outcomes {
        match outcome {
            Ok(()) => {
                written.insert(partition, sequence);
                counts.checkpoints.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                all_well = false;
                counts.standing.trouble(CHECKPOINTS, error.to_string(), CHECKPOINT_RETRY);
            }
        }
    }
    if all_well {
        counts.standing.well(CHECKPOINTS);
    }
    all_well
}
