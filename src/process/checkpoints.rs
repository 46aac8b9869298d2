//! Checkpoints: where the next to hold a partition begins. Kept in Blob storage in the format of the official SDKs, whose
//! processors read ours and we theirs: an empty body and the metadata `sequencenumber` and `offset`, which name the last
//! event that was processed.
//!
//! Each is written over the version that was last seen. The SDKs write theirs unconditionally, so that an instance that
//! lost a partition and did not notice yet can set it back; ours can't, and learns of its loss by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use azure_core::http::Etag;
use futures::{StreamExt as _, stream};

use super::blobs::{GroupBlobs, Kept, Kind, Written};
use super::figures::{CHECKPOINTS, Counts};
use super::tenures::{Due, Stand, Tenures};
use crate::azure::AzureError;
use crate::model::units::{PartitionId, SequenceNumber};

/// How long after a failure checkpoints are written again, at the earliest.
pub(super) const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);
/// What a checkpoint says.
const SEQUENCE_NUMBER: &str = "sequencenumber";
const OFFSET: &str = "offset";
/// How often a checkpoint is written again over its listed version, before it is over any.
const FENCE_ATTEMPTS: u32 = 5;
/// How many checkpoints are written at a time.
const AT_A_TIME: usize = 8;

/// Reads all checkpoints. One that can't be read is none: the partition is then read from its beginning, which repeats much
/// and loses nothing.
///
/// Those of the partitions in `fenced` are written again as they are: whoever had the partition before and has not noticed
/// yet that it is lost finds another version at its next checkpoint. Without this, two instances that are about as far would
/// write in turns, each time the one that looked last.
pub(super) async fn read_all(
    blobs: &GroupBlobs,
    fenced: &BTreeSet<PartitionId>,
) -> Result<BTreeMap<PartitionId, Stand>, AzureError> {
    let mut listing = blobs.list(Kind::Checkpoint).await?;
    let mut stands: BTreeMap<PartitionId, Stand> = listing.blobs.iter().map(|(id, kept)| (*id, stand(kept))).collect();
    let mut open: Vec<PartitionId> =
        fenced.iter().copied().filter(|partition| stands.contains_key(partition)).collect();
    for attempt in 1..=FENCE_ATTEMPTS {
        let again: Vec<(PartitionId, Kept)> = open
            .into_iter()
            .filter_map(|partition| Some((partition, listing.blobs.get(&partition)?.clone())))
            .collect();
        let outcomes: Vec<_> = stream::iter(again)
            .map(|(partition, kept)| async move {
                let same =
                    [SEQUENCE_NUMBER, OFFSET].map(|name| (name, kept.value(name).unwrap_or_default().to_owned()));
                // At last over whatever stands: that may set the other's checkpoint back by a moment, and loses nothing.
                let over = if attempt == FENCE_ATTEMPTS { Some(Etag::from("*")) } else { kept.etag.clone() };
                (partition, stand(&kept), blobs.write(Kind::Checkpoint, partition, same, over).await)
            })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        open = Vec::new();
        for (partition, stand, outcome) in outcomes {
            match outcome? {
                Written::Done(version) => {
                    stands.insert(partition, Stand { version, ..stand });
                }
                Written::Changed => open.push(partition),
            }
        }
        if open.is_empty() {
            break;
        }
        listing = blobs.list(Kind::Checkpoint).await?;
    }
    Ok(stands)
}

fn stand(kept: &Kept) -> Stand {
    let sequence = kept.value(SEQUENCE_NUMBER).and_then(|number| number.parse().ok()).map(SequenceNumber);
    Stand { sequence, version: kept.etag.clone() }
}

/// Writes the checkpoints of all partitions that moved on since they were last written. True if none failed. Where there
/// was none to write, nothing was learnt of the storage, and nothing is said of it.
pub(super) async fn write_due(blobs: &GroupBlobs, tenures: &Tenures, counts: &Counts) -> bool {
    let outcomes: Vec<_> = stream::iter(tenures.due())
        .map(|Due { tenure, place, version }| async move {
            let sequence = place.sequence;
            let metadata = [
                (SEQUENCE_NUMBER, sequence.to_string()),
                // Python's processor fails on a checkpoint without one; where the service names none, the number is one.
                (OFFSET, place.offset.unwrap_or_else(|| sequence.to_string())),
            ];
            (tenure, sequence, blobs.write(Kind::Checkpoint, tenure.partition, metadata, version).await)
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let (mut all_well, mut any_written) = (true, false);
    for (tenure, sequence, outcome) in outcomes {
        match outcome {
            Ok(Written::Done(version)) => {
                tenures.checkpointed(tenure, sequence, version);
                counts.checkpoints.fetch_add(1, Ordering::Relaxed);
                any_written = true;
            }
            Ok(Written::Changed) => tenures.doubt(tenure),
            Err(error) => {
                all_well = false;
                counts.standing.trouble(CHECKPOINTS, error.to_string(), CHECKPOINT_RETRY);
            }
        }
    }
    if all_well && any_written {
        counts.standing.well(CHECKPOINTS);
    }
    all_well
}
