//! One retained event, and the numbers that a partition gives it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

/// The place of an event in its partition: 0 for the first ever enqueued, and one more for each after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber(pub i64);

impl SequenceNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where an event begins in its partition, in bytes ever enqueued. Clients see it as text and must not calculate
/// with it; it is deliberately not the sequence number, so that one taken for the other is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offset(pub(crate) i64);

/// When an event was enqueued, in milliseconds since the Unix epoch; it never decreases within a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnqueuedTime(pub(crate) i64);

impl EnqueuedTime {
    pub(crate) fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// An event on its way into a partition.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The whole encoded message, as the client wrote it. The bytes must be of exact size or part of a block that
    /// is: they stay as long as the event is retained.
    pub(crate) message: Bytes,
    pub(crate) partition_key: Option<Arc<str>>,
}

/// A retained event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) sequence_number: SequenceNumber,
    pub(crate) offset: Offset,
    pub(crate) enqueued_time: EnqueuedTime,
    pub(crate) message: Bytes,
    pub(crate) partition_key: Option<Arc<str>>,
}

impl Event {
    /// What the event costs the partition's retention: its bytes and its entry in the log, so that many tiny
    /// events are bounded like a few large ones.
    pub(super) fn retained_bytes(&self) -> u64 {
        (self.message.len() + size_of::<Self>()) as u64
    }
}
