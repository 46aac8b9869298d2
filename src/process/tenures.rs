//! The partitions that this instance holds: since when, from where, and how far it is on each. Pure but for its locks.
//!
//! Each time that a partition is taken is a tenure of its own. What belongs to one that is over counts no more: neither an
//! event that is still in a lane, nor a checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use azure_core::http::Etag;
use tokio::sync::{Notify, watch};

use super::watermark::{Place, Watermark};
use crate::model::units::{PartitionId, SequenceNumber};

/// One time that a partition is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tenure {
    pub(super) partition: PartitionId,
    /// Counts up over all partitions.
    number: u64,
}

/// A checkpoint as it lies in Blob storage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stand {
    /// The last event that is behind it; `None` if there is none.
    pub(super) sequence: Option<SequenceNumber>,
    /// The version of its blob; `None` if there is none.
    pub(super) version: Option<Etag>,
}

/// A checkpoint that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) tenure: Tenure,
    pub(super) place: Place,
    pub(super) version: Option<Etag>,
}

/// What is known of a tenure.
#[derive(Debug)]
struct Standing {
    number: u64,
    begin_after: Option<SequenceNumber>,
    watermark: Watermark,
    checkpoint: Stand,
    /// Somebody else wrote the checkpoint: it is not written again before it is known whose the partition is.
    in_doubt: bool,
}

/// The tenures of all partitions, shared by the reader, the lanes, the checkpointer and the sharing.
#[derive(Debug)]
pub(super) struct Tenures {
    standing: Mutex<BTreeMap<PartitionId, Standing>>,
    last_number: Mutex<u64>,
    /// Those that stand, for whoever waits for one to begin or to end.
    current: watch::Sender<BTreeMap<PartitionId, Tenure>>,
    doubt: Notify,
}

impl Default for Tenures {
    fn default() -> Self {
        Self {
            standing: Mutex::default(),
            last_number: Mutex::default(),
            current: watch::Sender::new(BTreeMap::new()),
            doubt: Notify::new(),
        }
    }
}

impl Tenures {
    /// Partitions are held from now on, each after its checkpoint.
    pub(super) fn begin(&self, taken: Vec<(PartitionId, Stand)>) {
        if taken.is_empty() {
            return;
        }
        let mut standing = lock(&self.standing);
        let mut last_number = lock(&self.last_number);
        self.current.send_modify(|current| {
            for (partition, checkpoint) in taken {
                *last_number += 1;
                let number = *last_number;
                current.insert(partition, Tenure { partition, number });
                let (begin_after, watermark) = (checkpoint.sequence, Watermark::default());
                standing.insert(partition, Standing { number, begin_after, watermark, checkpoint, in_doubt: false });
            }
        });
    }

    /// Partitions are held no more.
    pub(super) fn end(&self, lost: &[PartitionId]) {
        if lost.is_empty() {
            return;
        }
        let mut standing = lock(&self.standing);
        self.current.send_modify(|current| {
            for partition in lost {
                standing.remove(partition);
                current.remove(partition);
            }
        });
    }

    /// The partitions that are held.
    pub(super) fn held(&self) -> BTreeSet<PartitionId> {
        lock(&self.standing).keys().copied().collect()
    }

    /// How many partitions are held.
    pub(super) fn count(&self) -> usize {
        lock(&self.standing).len()
    }

    /// Tells of each tenure that begins or ends.
    pub(super) fn watch(&self) -> watch::Receiver<BTreeMap<PartitionId, Tenure>> {
        self.current.subscribe()
    }

    /// Whether a tenure stands.
    pub(super) fn stands(&self, tenure: Tenure) -> bool {
        lock(&self.standing).get(&tenure.partition).is_some_and(|standing| standing.number == tenure.number)
    }

    fn with<T>(&self, tenure: Tenure, then: impl FnOnce(&mut Standing) -> T) -> Option<T> {
        let mut standing = lock(&self.standing);
        let standing = standing.get_mut(&tenure.partition)?;
        (standing.number == tenure.number).then(|| then(standing))
    }

    /// The last event that need not be read any more: reading goes on after it.
    pub(super) fn read_until(&self, tenure: Tenure) -> Option<SequenceNumber> {
        self.with(tenure, |standing| standing.watermark.begun().or(standing.begin_after)).flatten()
    }

    /// An event is taken on.
    pub(super) fn take_on(&self, tenure: Tenure, place: Place) {
        self.with(tenure, |standing| standing.watermark.begin(place));
    }

    /// An event is stored, or never will be.
    pub(super) fn finish(&self, tenure: Tenure, sequence: SequenceNumber) {
        self.with(tenure, |standing| standing.watermark.finish(sequence));
    }

    /// The checkpoints that should be written.
    pub(super) fn due(&self) -> Vec<Due> {
        let standing = lock(&self.standing);
        let due = standing.iter().filter(|(_, standing)| !standing.in_doubt).filter_map(|(partition, standing)| {
            let place = standing.watermark.done()?.clone();
            let is_ahead = standing.checkpoint.sequence.is_none_or(|written| written < place.sequence);
            let tenure = Tenure { partition: *partition, number: standing.number };
            is_ahead.then(|| Due { tenure, place, version: standing.checkpoint.version.clone() })
        });
        due.collect()
    }

    /// A checkpoint is written.
    pub(super) fn checkpointed(&self, tenure: Tenure, sequence: SequenceNumber, version: Option<Etag>) {
        self.with(tenure, |standing| standing.checkpoint = Stand { sequence: Some(sequence), version });
    }

    /// Something says that the partition may be another's by now: its checkpoint was written by somebody else, or its
    /// receiver was displaced.
    pub(super) fn doubt(&self, tenure: Tenure) {
        if self.with(tenure, |standing| standing.in_doubt = true).is_some() {
            self.doubt.notify_one();
        }
    }

    /// Comes back when there is a doubt.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// The partitions whose owner is in doubt.
    pub(super) fn in_doubt(&self) -> Vec<PartitionId> {
        let standing = lock(&self.standing);
        standing.iter().filter(|(_, standing)| standing.in_doubt).map(|(partition, _)| *partition).collect()
    }

    /// The partition is still held, and this is its checkpoint.
    pub(super) fn confirm(&self, partition: PartitionId, checkpoint: Stand) {
        if let Some(standing) = lock(&self.standing).get_mut(&partition) {
            standing.checkpoint = checkpoint;
            standing.in_doubt = false;
        }
    }

    /// Whether nothing is under way on any partition.
    pub(super) fn are_idle(&self) -> bool {
        lock(&self.standing).values().all(|standing| standing.watermark.is_idle())
    }
}

/// Locks a mutex; what a panicked holder left behind is still in order, since no step here is half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITION: PartitionId = PartitionId(3);

    fn stand(sequence: i64, version: &str) -> Stand {
        Stand { sequence: Some(SequenceNumber(sequence)), version: Some(Etag::from(version.to_owned())) }
    }

    fn place(sequence: i64) -> Place {
        Place { sequence: SequenceNumber(sequence), offset: None }
    }

    fn take(tenures: &Tenures, checkpoint: Stand) -> Tenure {
        tenures.begin(vec![(PARTITION, checkpoint)]);
        tenures.watch().borrow()[&PARTITION]
    }

    /// What is due, as the sequence number and the version it is written over.
    fn due(tenures: &Tenures) -> Vec<(i64, Option<String>)> {
        let version = |due: &Due| due.version.as_ref().map(ToString::to_string);
        tenures.due().iter().map(|due| (due.place.sequence.0, version(due))).collect()
    }

    #[test]
    fn a_tenure_begins_after_the_checkpoint_and_writes_over_its_version() {
        let tenures = Tenures::default();
        let tenure = take(&tenures, stand(41, "v1"));
        assert_eq!(tenures.read_until(tenure), Some(SequenceNumber(41)));
        assert_eq!(due(&tenures), []);
        tenures.take_on(tenure, place(42));
        assert_eq!(tenures.read_until(tenure), Some(SequenceNumber(42)), "a new connection goes on where this one was");
        tenures.finish(tenure, SequenceNumber(42));
        assert_eq!(due(&tenures), [(42, Some("v1".to_owned()))]);
        tenures.checkpointed(tenure, SequenceNumber(42), Some(Etag::from("v2".to_owned())));
        assert_eq!(due(&tenures), []);
    }

    #[test]
    fn what_belongs_to_a_tenure_that_is_over_counts_no_more() {
        let tenures = Tenures::default();
        let first = take(&tenures, stand(10, "v1"));
        tenures.take_on(first, place(11));
        tenures.end(&[PARTITION]);
        assert!(!tenures.stands(first));
        tenures.finish(first, SequenceNumber(11));
        assert_eq!(due(&tenures), []);

        let second = take(&tenures, stand(10, "v5"));
        tenures.take_on(second, place(11));
        tenures.finish(first, SequenceNumber(11));
        tenures.checkpointed(first, SequenceNumber(99), None);
        tenures.doubt(first);
        assert!(due(&tenures).is_empty() && !tenures.are_idle() && tenures.in_doubt().is_empty());
        tenures.finish(second, SequenceNumber(11));
        assert_eq!(due(&tenures), [(11, Some("v5".to_owned()))]);
    }

    #[test]
    fn in_doubt_no_checkpoint_is_written_and_none_goes_back() {
        let tenures = Tenures::default();
        let tenure = take(&tenures, stand(10, "v1"));
        (11..=13).for_each(|number| tenures.take_on(tenure, place(number)));
        tenures.finish(tenure, SequenceNumber(11));
        tenures.doubt(tenure);
        assert_eq!(due(&tenures), []);
        assert_eq!(tenures.in_doubt(), [PARTITION]);

        // It is ours all the same, and somebody else had come as far as 12.
        tenures.confirm(PARTITION, stand(12, "v7"));
        assert_eq!(due(&tenures), []);
        tenures.finish(tenure, SequenceNumber(12));
        tenures.finish(tenure, SequenceNumber(13));
        assert_eq!(due(&tenures), [(13, Some("v7".to_owned()))]);
    }
}
