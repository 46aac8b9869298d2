//! Sinks: where the events go. One file for each kind of ingest log, one arm for each here.

mod eventhubs;

use crate::azure::eventhubs::{Batch as HubBatch, Producer};
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
    EventHubs(Producer),
}

/// A batch for one partition, being filled.
pub(super) enum Batch<'a> {
    EventHubs(HubBatch<'a>),
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
            Self::EventHubs(address) => Ok(Connection::EventHubs(Producer::connect(address).await?)),
        }
    }
}

impl Connection {
    /// How many partitions the log has.
    pub(super) fn partitions(&self) -> u32 {
        match self {
            Self::EventHubs(producer) => u32::try_from(producer.partitions().len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether its credential ends soon: what is not begun yet goes over another one.
    pub(super) fn is_due(&self) -> bool {
        match self {
            Self::EventHubs(producer) => producer.is_due(),
        }
    }

    pub(super) async fn begin(&self, partition: PartitionId) -> Result<Batch<'_>, SendError> {
        match self {
            Self::EventHubs(producer) => {
                let begun = producer.begin(partition).await;
                begun.map(Batch::EventHubs).map_err(|error| eventhubs::outcome(&error))
            }
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
    pub(super) fn try_add(&mut self, body: &[u8]) -> Result<bool, SendError> {
        match self {
            Self::EventHubs(batch) => batch.try_add(body).map_err(|error| eventhubs::outcome(&error)),
        }
    }

    /// Sends the batch and waits for the acknowledgement.
    pub(super) async fn send(self) -> Result<(), SendError> {
        match self {
            Self::EventHubs(batch) => batch.send().await.map_err(|error| eventhubs::outcome(&error)),
        }
    }
}
