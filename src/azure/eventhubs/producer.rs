//! A producer: batches of events to one partition each, whatever the credential.

use std::fmt;

use azure_messaging_eventhubs::models::{AmqpMessage, MessageId};
use azure_messaging_eventhubs::{EventDataBatch, EventDataBatchOptions, EventHubsError, ProducerClient};

use super::connection::HubConnection;
use super::sender::{HubBatch, HubSender};
use super::{CALL_LIMIT, CLOSE_LIMIT, CONNECT_LIMIT, HubReader, connect_producer, in_time, no_credential, under_limit};
use crate::azure::address::{EventHubsAddress, EventHubsCredential};
use crate::azure::error::AzureError;
use crate::model::units::PartitionId;

/// A connection that sends, and what it knows of its hub.
pub struct Producer {
    way: Way,
    partitions: Vec<String>,
}

enum Way {
    Official(ProducerClient),
    Links(HubSender),
}

/// A batch for one partition, being filled.
pub struct Batch<'a>(Filling<'a>);

enum Filling<'a> {
    Official(&'a ProducerClient, Box<EventDataBatch<'a>>),
    Links(HubBatch),
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl Producer {
    /// Connects, and reads which partitions there are.
    ///
    /// # Errors
    /// [`AzureError`] within twice [`CONNECT_LIMIT`].
    pub async fn connect(address: &EventHubsAddress) -> Result<Self, AzureError> {
        let token = match &address.credential {
            EventHubsCredential::Anonymous => no_credential(),
            EventHubsCredential::Token(token) => std::sync::Arc::clone(token),
            EventHubsCredential::SharedKey { .. } => {
                return in_time(address, "to connect", CONNECT_LIMIT, Self::connect_links(address)).await?;
            }
        };
        let client = connect_producer(address, token).await?;
        let reading = client.get_eventhub_properties();
        let properties = under_limit(address, "to read the hub's properties", CALL_LIMIT, reading).await?;
        Ok(Self { way: Way::Official(client), partitions: properties.partition_ids })
    }

    async fn connect_links(address: &EventHubsAddress) -> Result<Self, AzureError> {
        let connection = HubConnection::open(address, None).await?;
        let partitions = HubReader::over(connection.clone()).await?.hub().partitions.clone();
        Ok(Self { way: Way::Links(HubSender::new(connection)), partitions })
    }

    /// The ids of the hub's partitions, in the order in which the service tells them ("0", "1", ..).
    pub fn partitions(&self) -> &[String] {
        &self.partitions
    }

    /// Whether the credential ends soon: connect anew. The official client renews its own.
    pub fn is_due(&self) -> bool {
        match &self.way {
            Way::Official(_) => false,
            Way::Links(sender) => sender.connection().is_due(),
        }
    }

    /// Begins a batch, which takes a link to the partition.
    ///
    /// # Errors
    /// What the service says to such a link.
    pub async fn begin(&self, partition: PartitionId) -> Result<Batch<'_>, EventHubsError> {
        Ok(Batch(match &self.way {
            Way::Official(client) => {
                let options = EventDataBatchOptions { partition_id: Some(partition.to_string()), ..Default::default() };
                Filling::Official(client, Box::new(client.create_batch(Some(options)).await?))
            }
            Way::Links(sender) => Filling::Links(sender.begin(partition).await?),
        }))
    }

    /// Says goodbye. Whether it is heard changes nothing: everything that was sent has been answered.
    pub async fn close(self) {
        match self.way {
            Way::Official(client) => drop(tokio::time::timeout(CLOSE_LIMIT, client.close()).await),
            Way::Links(sender) => sender.connection().close().await,
        }
    }
}

impl Batch<'_> {
    /// Adds an event; false if the batch is full.
    ///
    /// # Errors
    /// An event that can't be encoded.
    pub fn try_add(&mut self, body: &[u8]) -> Result<bool, EventHubsError> {
        match &mut self.0 {
            Filling::Official(_, batch) => {
                // A message id of our own saves the client a random UUID for each event. It need not be unique: nobody
                // reads it.
                let id = u64::try_from(batch.len()).unwrap_or(0);
                let mut message = AmqpMessage::builder().with_body(body.to_vec()).build();
                message.set_message_id(MessageId::Ulong(id));
                batch.try_add_amqp_message(message, None)
            }
            Filling::Links(batch) => Ok(batch.try_add(body)?),
        }
    }

    /// Sends the batch and waits for the acknowledgement.
    ///
    /// # Errors
    /// What the service says to the batch.
    pub async fn send(self) -> Result<(), EventHubsError> {
        match self.0 {
            Filling::Official(client, batch) => client.send_batch(*batch, None).await,
            Filling::Links(batch) => Ok(batch.send().await?),
        }
    }
}
