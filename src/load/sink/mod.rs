//! Sinks: where the events go. One file for each kind of ingest log, one arm for each here.

pub mod eventhubs;

use crate::azure::{AzureError, EventHubsAddress};
use crate::model::units::PartitionId;

/// Where the load goes.
#[derive(Debug, Clone)]
pub enum Sink {
    /// An event hub, over AMQP.
    EventHubs(EventHubsAddress),
}

/// Why a batch was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The service asks to come back later; nothing was taken.
    #[error("the service is busy ({0})")]
    Busy(String),
    /// No answer or an error: the batch may or may not be in the log, and the connection is not to be trusted.
    #[error("{0}")]
    Lost(String),
}

/// One connection to a sink. It lives on the thread that made it.
#[derive(Debug)]
pub(super) enum Connection {
    EventHubs(eventhubs::Producer),
}

/// A batch for one partition, being filled.
pub(super) enum Batch<'a> {
    EventHubs(eventhubs::ProducerBatch<'a>),
}

impl Sink {
    /// Where it is, for messages.
    pub fn place(&self) -> String {
        match self {
            Self::EventHubs(address) => crate::azure::eventhubs::place(address),
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, AzureError> {
        match self {
            Self::EventHubs(address) => Ok(Connection::EventHubs(eventhubs::Producer::connect(address).await?)),
        }
    }
}

impl Connection {
    /// How many partitions the log has.
    pub(super) const fn partitions(&self) -> u32 {
        match self {
            Self::EventHubs(producer) => producer.partitions(),
        }
    }

    pub(super) async fn begin(&self, partition: PartitionId) -> Result<Batch<'_>, SendError> {
        match self {
            Self::EventHubs(producer) => Ok(Batch::EventHubs(producer.begin(partition).await?)),
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::EventHubs(producer) => producer.close().await,
        }
    }
}

impl Batch<'_> {
    /// Adds an event; false if the batch is full.
    pub(super) fn try_add(&self, body: &[u8]) -> Result<bool, SendError> {
        match self {
            Self::EventHubs(batch) => batch.try_add(body),
        }
    }

    /// Sends the batch and waits for the acknowledgement.
    pub(super) async fn send(self) -> Result<(), SendError> {
        match self {
            Self::EventHubs(batch) => batch.send().await,
        }
    }
}
