//! The Event Hubs sink: batches of events to one partition each, through the official client.

use std::fmt;
use std::time::Duration;

use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::{AmqpMessage, MessageId};
use azure_messaging_eventhubs::{EventDataBatch, EventDataBatchOptions, EventHubsError, ProducerClient};

use super::SendError;
use crate::azure::error::root_cause;
use crate::azure::eventhubs::{connect_producer, partition_ids};
use crate::azure::{AzureError, EventHubsAddress};
use crate::model::units::PartitionId;

/// How long a goodbye may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A producer and what it knows of its hub.
pub(in crate::load) struct Producer {
    client: ProducerClient,
    partitions: u32,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// A batch for one partition, being filled.
pub(in crate::load) struct ProducerBatch<'a> {
    client: &'a ProducerClient,
    batch: EventDataBatch<'a>,
}

impl Producer {
    pub(super) async fn connect(address: &EventHubsAddress) -> Result<Self, AzureError> {
        let client = connect_producer(address).await?;
        let ids = partition_ids(address, &client).await?;
        Ok(Self { client, partitions: u32::try_from(ids.len()).unwrap_or(u32::MAX) })
    }

    pub(super) const fn partitions(&self) -> u32 {
        self.partitions
    }

    pub(super) async fn begin(&self, partition: PartitionId) -> Result<ProducerBatch<'_>, SendError> {
        let options = EventDataBatchOptions { partition_id: Some(partition.to_string()), ..Default::default() };
        let batch = self.client.create_batch(Some(options)).await.map_err(|error| outcome(&error))?;
        Ok(ProducerBatch { client: &self.client, batch })
    }

    pub(super) async fn close(self) {
        // Whether the goodbye is heard changes nothing: everything that was sent has been answered.
        drop(tokio::time::timeout(CLOSE_LIMIT, self.client.close()).await);
    }
}

impl ProducerBatch<'_> {
    pub(super) fn try_add(&self, body: &[u8]) -> Result<bool, SendError> {
        // A message id of our own saves the client a random UUID for each event. It need not be unique: nobody reads it.
        let id = u64::try_from(self.batch.len()).unwrap_or(0);
        let mut message = AmqpMessage::builder().with_body(body.to_vec()).build();
        message.set_message_id(MessageId::Ulong(id));
        self.batch.try_add_amqp_message(message, None).map_err(|error| outcome(&error))
    }

    pub(super) async fn send(self) -> Result<(), SendError> {
        self.client.send_batch(self.batch, None).await.map_err(|error| outcome(&error))
    }
}

fn outcome(error: &EventHubsError) -> SendError {
    let reason = root_cause(error);
    match &error.kind {
        ErrorKind::AmqpError(amqp) => match amqp.kind() {
            AmqpErrorKind::AmqpDescribedError(described)
                if matches!(
                    described.condition,
                    AmqpErrorCondition::ServerBusyError | AmqpErrorCondition::ResourceLimitExceeded
                ) =>
            {
                SendError::Busy(reason)
            }
            _ => SendError::Lost(reason),
        },
        _ => SendError::Lost(reason),
    }
}
