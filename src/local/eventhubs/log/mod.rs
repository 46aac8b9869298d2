//! The event log: what the hub retains, partition by partition.

mod event;
mod partition;
mod position;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

pub use event::SequenceNumber;
pub(crate) use event::{Arrival, EnqueuedTime, Event, Offset};
use partition::Partition;
pub use partition::PartitionStatus;
pub(crate) use position::StartPosition;

/// The partitions of the hub. All connections share it.
#[derive(Debug)]
pub struct Log {
    /// Room for as many as there can be: those that stand are the first [`Self::partition_count`] of them.
    room: Vec<Partition>,
    standing: AtomicUsize,
    /// Where the next send without partition and key goes.
    round_robin: AtomicUsize,
}

impl Log {
    /// A log of empty partitions, each of which keeps its newest `retention_bytes`.
    pub(crate) fn new(partitions: u32, retention_bytes: u64) -> Self {
        Self {
            room: (0..partitions.max(super::PARTITIONS_LIMIT)).map(|_| Partition::new(retention_bytes)).collect(),
            standing: AtomicUsize::new(usize::try_from(partitions).unwrap_or(usize::MAX)),
            round_robin: AtomicUsize::new(0),
        }
    }

    /// The partitions that stand.
    fn partitions(&self) -> &[Partition] {
        let standing = self.standing.load(Ordering::Acquire);
        self.room.get(..standing).unwrap_or(&self.room)
    }

    /// How many partitions the hub has; their ids are the numbers from 0.
    pub fn partition_count(&self) -> usize {
        self.partitions().len()
    }

    /// Scales out to so many partitions, empty ones behind those that stand. Fewer than there are change nothing: a hub
    /// never gets smaller.
    pub(crate) fn grow(&self, partitions: u32) {
        let wanted = usize::try_from(partitions).unwrap_or(usize::MAX).min(self.room.len());
        self.standing.fetch_max(wanted, Ordering::AcqRel);
    }

    /// What a partition holds now; none where the hub has no such partition.
    pub fn status(&self, partition: usize) -> Option<PartitionStatus> {
        self.partitions().get(partition).map(Partition::status)
    }

    /// What every partition holds, in the order of their ids. Each is taken at its own instant.
    pub fn statuses(&self) -> Vec<PartitionStatus> {
        self.partitions().iter().map(Partition::status).collect()
    }

    /// The index of a partition id such as `"0"`; none where the hub has no such partition.
    pub(crate) fn partition_index(&self, id: &str) -> Option<usize> {
        // Not every text that parses is an id: "+1" and "01" name no partition.
        let index: usize = id.parse().ok()?;
        (index < self.partitions().len() && index.to_string() == id).then_some(index)
    }

    /// The partition of all events with this key.
    ///
    /// The hash is FNV-1a of 64 bits over the key's UTF-8 bytes, modulo the number of partitions: the same key goes
    /// to the same partition on every run. (The service has a hash of its own, so a key may lie elsewhere there.)
    pub(crate) fn partition_of_key(&self, key: &str) -> usize {
        let hash = key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let partitions = u64::try_from(self.partitions().len()).unwrap_or(1).max(1);
        usize::try_from(hash % partitions).unwrap_or(0)
    }

    /// The partition whose turn it is.
    pub(crate) fn next_partition(&self) -> usize {
        self.round_robin.fetch_add(1, Ordering::Relaxed) % self.partitions().len().max(1)
    }

    /// Appends events to a partition, in their order and all with one enqueued time.
    pub(crate) fn append(&self, partition: usize, arrivals: impl IntoIterator<Item = Arrival>, now: EnqueuedTime) {
        if let Some(partition) = self.partitions().get(partition) {
            partition.append(arrivals, now);
        }
    }

    /// Copies events from `next` on into `into`: at most `most_events`, and no more once `most_bytes` are reached.
    /// Events share their bytes with the log. Gives where to read on.
    pub(crate) fn read(
        &self,
        partition: usize,
        next: SequenceNumber,
        most_events: usize,
        most_bytes: usize,
        into: &mut Vec<Event>,
    ) -> SequenceNumber {
        match self.partitions().get(partition) {
            Some(partition) => partition.read(next, most_events, most_bytes, into),
            None => next,
        }
    }

    /// The first sequence number that a receiver from `position` gets, now or once it is enqueued.
    pub(crate) fn locate(&self, partition: usize, position: &StartPosition) -> SequenceNumber {
        self.partitions().get(partition).map_or(SequenceNumber(0), |partition| partition.locate(position))
    }

    /// Has `wakeup` notified at every append to the partition, until the subscription is dropped.
    pub(crate) fn subscribe(self: &Arc<Self>, partition: usize, wakeup: &Arc<Notify>) -> Subscription {
        if let Some(partition) = self.partitions().get(partition) {
            partition.subscribe(wakeup);
        }
        Subscription { log: Arc::clone(self), partition, wakeup: Arc::clone(wakeup) }
    }
}

/// A receiver's standing wish to be woken by a partition.
#[derive(Debug)]
pub(crate) struct Subscription {
    log: Arc<Log>,
    partition: usize,
    wakeup: Arc<Notify>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(partition) = self.log.partitions().get(self.partition) {
            partition.unsubscribe(&self.wakeup);
        }
    }
}

#[cfg(test)]
mod tests;
