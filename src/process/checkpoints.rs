//! Checkpoints: where the next to hold a partition begins. Kept in Blob storage in the format of the official SDKs, whose
//! processors read ours and we theirs: an empty body and the metadata `sequencenumber` and `offset`, which name the last
//! event that was processed.
//!
//! Each is written over the version that was last seen. The SDKs write theirs unconditionally, so that an instance that
//! lost a partition and did not notice yet can set it back; ours can't, and learns of its loss by it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt as _, stream};

use super::blobs::{GroupBlobs, Kept, Kind, Written};
use super::figures::{CHECKPOINTS, Counts};
use super::tenures::{Due, Stand, Tenures};
use crate::azure::AzureError;
use crate::model::units::{PartitionId, SequenceNumber};

/// How long after a failure checkpoints are written again, at the earliest.
pub(super) const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);
/// How many checkpoints are written at a time.
const AT_A_TIME: usize = 8;

/// Reads all checkpoints. One that can't be read is none: the partition is then read from its beginning, which repeats much
/// and loses nothing.
pub(super) async fn read_all(blobs: &GroupBlobs) -> Result<BTreeMap<PartitionId, Stand>, AzureError> {
    let stand = |kept: Kept| {
        let sequence = kept.value("sequencenumber").and_then(|number| number.parse().ok()).map(SequenceNumber);
        Stand { sequence, version: kept.etag }
    };
    let listing = blobs.list(Kind::Checkpoint).await?;
    Ok(listing.blobs.into_iter().map(|(partition, kept)| (partition, stand(kept))).collect())
}

/// Writes the checkpoints of all partitions that moved on since they were last written. True if none failed.
pub(super) async fn write_due(blobs: &GroupBlobs, tenures: &Tenures, counts: &Counts) -> bool {
    let outcomes: Vec<_> = stream::iter(tenures.due())
        .map(|Due { tenure, place, version }| async move {
            let sequence = place.sequence;
            let metadata = [
                ("sequencenumber", sequence.to_string()),
                // Python's processor fails on a checkpoint without one; where the service names none, the number is one.
                ("offset", place.offset.unwrap_or_else(|| sequence.to_string())),
            ];
            (tenure, sequence, blobs.write(Kind::Checkpoint, tenure.partition, metadata, version).await)
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let mut all_well = true;
    for (tenure, sequence, outcome) in outcomes {
        match outcome {
            Ok(Written::Done(version)) => {
                tenures.checkpointed(tenure, sequence, version);
                counts.checkpoints.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Written::Changed) => tenures.doubt(tenure),
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
