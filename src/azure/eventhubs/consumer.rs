//! A consumer: the events of one consumer group, by partition, whatever the credential.

use std::sync::Arc;

use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, EventReceiver, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::stream::LocalBoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use super::claim::Claim;
use super::connection::HubConnection;
use super::receiver::HubReceiver;
use super::{CALL_LIMIT, CLOSE_LIMIT, CONNECT_LIMIT, HubReader, connect_consumer, in_time, no_credential, under_limit};
use crate::azure::address::{EventHubsAddress, EventHubsCredential};
use crate::azure::error::{AzureError, root_cause};
use crate::model::units::{PartitionId, SequenceNumber};

/// A connection that receives.
pub struct Consumer {
    address: EventHubsAddress,
    group: String,
    way: Way,
}

enum Way {
    Official(ConsumerClient),
    Links(Box<HubReader>),
}

/// Receives the events of one partition.
pub struct Receiver(Receiving);

enum Receiving {
    Official(Box<EventReceiver>),
    Link(Box<HubReceiver>),
}

/// Why a receiver gives no more events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// Another receiver of the consumer group displaced this one, or keeps it out.
    #[error("another receiver has the partition")]
    Displaced,
    /// Something else: the connection is not to be trusted.
    #[error("{0}")]
    Failed(String),
}

impl From<AzureError> for ReceiveError {
    fn from(error: AzureError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<EventHubsError> for ReceiveError {
    fn from(error: EventHubsError) -> Self {
        let condition = match &error.kind {
            ErrorKind::ConsumerDisconnected(_) => return Self::Displaced,
            ErrorKind::AmqpError(error) => match error.kind() {
                AmqpErrorKind::AmqpDescribedError(described) => Some(&described.condition),
                _ => None,
            },
            _ => None,
        };
        match condition {
            Some(AmqpErrorCondition::LinkStolen) => Self::Displaced,
            Some(AmqpErrorCondition::NotFound) => Self::Failed(
                "the hub has no such partition or consumer group; check consumer-group in [ingest.event-hubs], it is \
                 asked again"
                    .into(),
            ),
            _ => Self::Failed(Claim::Listen.lacking(&error).unwrap_or_else(|| root_cause(&error))),
        }
    }
}

impl Consumer {
    /// Connects to one consumer group (Event Hubs' own is `$Default`).
    ///
    /// # Errors
    /// [`AzureError`] within [`CONNECT_LIMIT`].
    pub async fn connect(address: &EventHubsAddress, group: &str) -> Result<Self, AzureError> {
        let official = |token| connect_consumer(address, token, group);
        let way = match &address.credential {
            EventHubsCredential::Anonymous => Way::Official(official(no_credential()).await?),
            EventHubsCredential::Token(token) => Way::Official(official(Arc::clone(token)).await?),
            EventHubsCredential::SharedKey { .. } => {
                let opening = async { HubReader::over(HubConnection::open(address, Some(group)).await?).await };
                Way::Links(Box::new(in_time(address, "to connect", CONNECT_LIMIT, opening).await??))
            }
        };
        Ok(Self { address: address.clone(), group: group.to_owned(), way })
    }

    /// The ids of the hub's partitions, in the order in which the service tells them ("0", "1", ..): one call, which
    /// also shows whether the connection still stands.
    ///
    /// # Errors
    /// [`AzureError`] of the call.
    pub async fn partitions(&self) -> Result<Vec<String>, AzureError> {
        match &self.way {
            Way::Official(client) => {
                let reading = client.get_eventhub_properties();
                let read = under_limit(&self.address, "to read the hub's properties", CALL_LIMIT, reading).await?;
                Ok(read.partition_ids)
            }
            Way::Links(reader) => Ok(reader.read_hub().await?.partitions),
        }
    }

    /// Comes back when the credential ends soon: connect anew. The official client renews its own.
    pub async fn until_due(&self) {
        match &self.way {
            Way::Official(_) => std::future::pending().await,
            Way::Links(reader) => reader.connection().until_due().await,
        }
    }

    /// Opens a receiver of the events after one, or from the earliest on. Of two receivers of a partition in a consumer
    /// group, the service keeps the one with the higher owner level, and of equal ones the later, where it is told: the
    /// library below both clients (fe2o3-amqp 0.14.1) does not tell it.
    ///
    /// # Errors
    /// [`ReceiveError`]. The official client tells it with the first event.
    pub async fn receive(
        &self,
        partition: PartitionId,
        owner_level: i64,
        after: Option<SequenceNumber>,
    ) -> Result<Receiver, ReceiveError> {
        const CALL: &str = "to open a receiver";
        Ok(Receiver(match &self.way {
            Way::Official(client) => {
                let location = after.map_or(StartLocation::Earliest, |after| StartLocation::SequenceNumber(after.0));
                let options = OpenReceiverOptions {
                    owner_level: Some(owner_level),
                    start_position: Some(StartPosition { location, inclusive: false }),
                    ..OpenReceiverOptions::default()
                };
                let opening = client.open_receiver_on_partition(partition.to_string(), Some(options));
                Receiving::Official(Box::new(in_time(&self.address, CALL, CALL_LIMIT, opening).await??))
            }
            Way::Links(reader) => {
                let attaching = HubReceiver::attach(reader.connection(), &self.group, partition, owner_level, after);
                let attached = in_time(&self.address, CALL, CALL_LIMIT, attaching).await?;
                Receiving::Link(Box::new(attached.map_err(EventHubsError::from)?))
            }
        }))
    }

    /// Says goodbye. Whether it is heard changes nothing.
    pub async fn close(self) {
        match self.way {
            Way::Official(client) => drop(tokio::time::timeout(CLOSE_LIMIT, client.close()).await),
            Way::Links(reader) => reader.connection().close().await,
        }
    }
}

impl Receiver {
    /// The events, in their order, until something fails.
    pub fn events(&self) -> LocalBoxStream<'_, Result<ReceivedEventData, ReceiveError>> {
        match &self.0 {
            Receiving::Official(receiver) => receiver.stream_events().map_err(ReceiveError::from).boxed_local(),
            Receiving::Link(receiver) => {
                futures::stream::unfold((), move |()| async move { Some((receiver.next().await, ())) })
                    .map_err(|error| EventHubsError::from(error).into())
                    .boxed_local()
            }
        }
    }

    /// Says goodbye: without one the service would go on sending. Whether it is heard changes nothing else.
    pub async fn close(self) {
        match self.0 {
            Receiving::Official(receiver) => drop(tokio::time::timeout(CLOSE_LIMIT, receiver.close()).await),
            Receiving::Link(receiver) => drop(tokio::time::timeout(CLOSE_LIMIT, receiver.close()).await),
        }
    }
}
