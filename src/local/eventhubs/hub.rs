//! The event hub itself: what all connections share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::cbs::SharedKey;
use super::codec::condition;
use super::codec::performatives::AmqpError;
use super::log::{EnqueuedTime, Log};
use super::receivers::Receivers;
use crate::azure::eventhubs::Claim;
use crate::local::fault::FaultSwitch;

/// The consumer group that every hub has.
pub(crate) const DEFAULT_CONSUMER_GROUP: &str = "$Default";

/// One hub, with its log and who reads it.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) name: String,
    pub(crate) log: Arc<Log>,
    consumer_groups: Vec<String>,
    pub(crate) max_message_size: u64,
    pub(crate) faults: FaultSwitch,
    pub(crate) created_at: EnqueuedTime,
    pub(crate) receivers: Arc<Receivers>,
    /// Of a hub that looks into tokens: the key that must have signed them.
    pub(crate) key: Option<SharedKey>,
    connections: AtomicU64,
    /// How often the namespace failed over.
    failovers: AtomicU64,
    /// Partitions whose properties make no sense.
    spoilt: RwLock<BTreeSet<usize>>,
}

impl Hub {
    pub(crate) fn new(
        name: String,
        log: Arc<Log>,
        mut consumer_groups: Vec<String>,
        max_message_size: u64,
        faults: FaultSwitch,
    ) -> Self {
        if !consumer_groups.iter().any(|group| group.eq_ignore_ascii_case(DEFAULT_CONSUMER_GROUP)) {
            consumer_groups.insert(0, DEFAULT_CONSUMER_GROUP.to_owned());
        }
        Self {
            name,
            log,
            consumer_groups,
            max_message_size,
            faults,
            created_at: EnqueuedTime::now(),
            receivers: Arc::default(),
            key: None,
            connections: AtomicU64::new(0),
            failovers: AtomicU64::new(0),
            spoilt: RwLock::default(),
        }
    }

    /// A hub that takes only tokens that this key signed.
    pub(crate) fn guarded(self, key: Option<SharedKey>) -> Self {
        Self { key, ..self }
    }

    /// Whether a link may be had that takes this claim.
    pub(crate) fn allows(&self, claim: Claim) -> Result<(), AmqpError> {
        if self.key.as_ref().is_none_or(|key| key.claims.contains(&claim)) {
            return Ok(());
        }
        let description = format!("Unauthorized access. '{claim}' claim(s) are required to perform this operation.");
        Err(AmqpError::new(condition::UNAUTHORIZED_ACCESS, description))
    }

    /// The group as the hub spells it, whatever the case in which a client wrote it; none for an unknown one.
    pub(crate) fn consumer_group(&self, name: &str) -> Option<&str> {
        self.consumer_groups.iter().map(String::as_str).find(|group| group.eq_ignore_ascii_case(name))
    }

    /// The names of entities are compared without regard to case, as in the service.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The largest message as a length in memory.
    pub(crate) fn max_message_length(&self) -> usize {
        usize::try_from(self.max_message_size).unwrap_or(usize::MAX)
    }

    /// How many connections were opened so far.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// How often the namespace failed over.
    pub(crate) fn failovers(&self) -> i64 {
        i64::try_from(self.failovers.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }

    pub(crate) fn fail_over(&self) {
        self.failovers.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a partition's properties make no sense.
    pub(crate) fn is_spoilt(&self, partition: usize) -> bool {
        self.spoilt.read().unwrap_or_else(PoisonError::into_inner).contains(&partition)
    }

    pub(crate) fn spoil(&self, partitions: &[usize]) {
        *self.spoilt.write().unwrap_or_else(PoisonError::into_inner) = partitions.iter().copied().collect();
    }

    /// What the next connection calls this side of it.
    pub(crate) fn next_container_id(&self) -> String {
        format!("streamgauge-{}", self.connections.fetch_add(1, Ordering::Relaxed))
    }
}
