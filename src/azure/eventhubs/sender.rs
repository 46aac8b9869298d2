//! Links that send, over a connection of our own: batches of events to one partition each.
//!
//! A batch is a message of its own format, in which each data section is a whole encoded message: the event. Source: the
//! official clients; Event Hubs documents what its SDKs do, not this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use azure_core_amqp::message::AmqpMessageBody;
use azure_core_amqp::{
    AmqpError, AmqpErrorKind, AmqpMessage, AmqpSendOptions, AmqpSendOutcome, AmqpSender, AmqpSenderApis as _,
    AmqpSession,
};

use super::connection::HubConnection;
use crate::model::units::PartitionId;

/// The message format of a batch.
const BATCH: u32 = 0x8001_3700;

/// The largest message where a link says nothing of it: what the service takes in all tiers but Basic.
const LARGEST: u64 = 1 << 20;

/// A connection with a link to each partition that was sent to.
pub(super) struct HubSender {
    connection: HubConnection,
    links: RefCell<BTreeMap<PartitionId, Rc<Link>>>,
}

/// A link to one partition.
struct Link {
    /// Ends when it is dropped, and the link with it.
    _session: AmqpSession,
    sender: AmqpSender,
    /// The largest message that it takes, in bytes.
    largest: u64,
}

/// A batch for one partition, being filled.
pub(super) struct HubBatch {
    link: Rc<Link>,
    events: Vec<Vec<u8>>,
    bytes: u64,
}

impl HubSender {
    pub(super) fn new(connection: HubConnection) -> Self {
        Self { connection, links: RefCell::default() }
    }

    pub(super) fn connection(&self) -> &HubConnection {
        &self.connection
    }

    pub(super) async fn begin(&self, partition: PartitionId) -> Result<HubBatch, AmqpError> {
        let known = self.links.borrow().get(&partition).cloned();
        let link = if let Some(link) = known {
            link
        } else {
            let link = Rc::new(self.attach(partition).await?);
            self.links.borrow_mut().insert(partition, Rc::clone(&link));
            link
        };
        Ok(HubBatch { link, events: Vec::new(), bytes: 0 })
    }

    async fn attach(&self, partition: PartitionId) -> Result<Link, AmqpError> {
        let session = self.connection.session().await?;
        let sender = AmqpSender::new();
        let name = format!("streamgauge-{}", azure_core::Uuid::new_v4());
        let target = self.connection.entity(&format!("Partitions/{partition}"));
        sender.attach(&session, name, target, None).await?;
        // Zero stands for no limit.
        let told = sender.max_message_size().await?.filter(|largest| *largest > 0);
        Ok(Link { _session: session, sender, largest: told.unwrap_or(LARGEST) })
    }
}

impl HubBatch {
    /// Adds an event; false if the batch is full.
    pub(super) fn try_add(&mut self, body: &[u8]) -> Result<bool, AmqpError> {
        let event = AmqpMessage::serialize(&AmqpMessage::builder().with_body(body.to_vec()).build())?;
        let bytes = self.bytes + data_section(event.len());
        let fits = bytes <= self.link.largest;
        if fits {
            self.bytes = bytes;
            self.events.push(event);
        }
        Ok(fits)
    }

    /// Sends the batch and waits for the acknowledgement.
    pub(super) async fn send(self) -> Result<(), AmqpError> {
        let message = AmqpMessage::builder().with_body(AmqpMessageBody::Binary(self.events)).build();
        let options = AmqpSendOptions { message_format: Some(BATCH), ..AmqpSendOptions::default() };
        match self.link.sender.send(message, Some(options)).await? {
            AmqpSendOutcome::Accepted => Ok(()),
            AmqpSendOutcome::Rejected(Some(reason)) => Err(AmqpErrorKind::AmqpDescribedError(reason).into()),
            AmqpSendOutcome::Rejected(None) => Err(AmqpErrorKind::SendRejected.into()),
            AmqpSendOutcome::Released | AmqpSendOutcome::Modified(_) => {
                Err(AmqpError::with_message("the service gave the batch back"))
            }
        }
    }
}

/// How many bytes of a message its data section with so many bytes takes: a descriptor of three, and the binary with a
/// length of one byte or four (AMQP 1.0, sections 1.6.19 and 3.2.6).
fn data_section(bytes: usize) -> u64 {
    let bytes = bytes as u64;
    bytes + if bytes < 256 { 3 + 2 } else { 3 + 5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_section_is_as_long_as_the_library_makes_it() {
        for bytes in [0, 1, 255, 256, 70_000] {
            let message = AmqpMessage::builder().with_body(vec![0_u8; bytes]).build();
            let encoded = AmqpMessage::serialize(&message).expect("it is encoded");
            assert_eq!(data_section(bytes), encoded.len() as u64, "{bytes}");
        }
    }
}
