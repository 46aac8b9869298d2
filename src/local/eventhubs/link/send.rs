//! A link on which a client sends events, singly or in batches.

use std::sync::Arc;

use bytes::Bytes;

use super::assembly::{Assembly, AssemblyPool, Delivery};
use super::credit::{GrantedCredit, LinkFlow};
use super::{Context, Failure, whole_or_failure};
use crate::local::eventhubs::codec::condition;
use crate::local::eventhubs::codec::decode::{DecodeError, Decoder};
use crate::local::eventhubs::codec::message::{self, Sections, section};
use crate::local::eventhubs::codec::performatives::{AmqpError, Transfer};
use crate::local::eventhubs::hub::Hub;
use crate::local::eventhubs::log::{Arrival, EnqueuedTime};
use crate::local::eventhubs::session::settle;
use crate::local::fault::Fault;

/// The message format of a batch: each of its data sections is a whole encoded message.
const BATCH_FORMAT: u32 = 0x8001_3700;

/// The annotation by which a client says which events belong together.
pub(crate) const PARTITION_KEY: &str = "x-opt-partition-key";

/// The receiving end of a client's sender.
#[derive(Debug)]
pub(crate) struct SendLink {
    handle: u32,
    /// The partition that the link's address names, if it does.
    partition: Option<usize>,
    assembly: Assembly,
    credit: GrantedCredit,
}

impl SendLink {
    pub(crate) fn new(
        handle: u32,
        partition: Option<usize>,
        initial_delivery_count: u32,
        pool: &Arc<AssemblyPool>,
    ) -> Self {
        Self { handle, partition, assembly: Assembly::new(pool), credit: GrantedCredit::new(initial_delivery_count) }
    }

    /// Credit for the client, where it runs low.
    pub(crate) fn refill(&mut self) -> Option<LinkFlow> {
        self.credit.refill(self.handle)
    }

    pub(crate) fn flow(&self) -> LinkFlow {
        self.credit.flow(self.handle)
    }

    /// Takes in a transfer and, when it ends a message, stores the message's events and says so.
    pub(crate) fn transfer(
        &mut self,
        channel: u16,
        transfer: &Transfer<'_>,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let progress = self.assembly.accept(transfer, payload, context.hub.max_message_length());
        let Some(delivery) = whole_or_failure(progress, context.hub)? else { return Ok(()) };
        let outcome = match context.fault {
            Some(Fault::WrongReply) => {
                context.outbox.send_garbage(channel);
                self.assembly.finish();
                return Ok(());
            }
            Some(Fault::Throttle) => Err(AmqpError::new(
                condition::SERVER_BUSY,
                "the request was terminated because the entity is being throttled: wait 4 seconds and try again",
            )),
            Some(Fault::Deny) => Err(AmqpError::new(
                condition::UNAUTHORIZED_ACCESS,
                "Unauthorized access: 'Send' claim(s) are required to perform this operation",
            )),
            _ => store(&delivery, self.partition, context.hub),
        };
        if !delivery.settled {
            settle(channel, delivery.id, outcome, context);
        }
        self.assembly.finish();
        self.credit.spend();
        Ok(())
    }
}

/// Appends the events of a message to the log: all of them, or none.
fn store(delivery: &Delivery<'_>, partition: Option<usize>, hub: &Hub) -> Result<(), AmqpError> {
    let unreadable =
        |error: DecodeError| AmqpError::new(condition::DECODE_ERROR, format!("the message cannot be read: {error}"));
    // One allocation of exact size for the message, however many events it holds.
    let bytes = Bytes::copy_from_slice(delivery.message);
    let key = partition_key(&bytes).map_err(unreadable)?;
    let events = if delivery.message_format == BATCH_FORMAT {
        batched_events(&bytes, key.as_ref())
    } else {
        message::check(&bytes).map(|()| vec![Arrival { message: bytes.clone(), partition_key: key.clone() }])
    }
    .map_err(unreadable)?;
    // Of a batch without a key on the outside, the first event's is taken: a batch goes to one partition.
    let key = key.as_ref().or_else(|| events.first()?.partition_key.as_ref());
    let partition = match (partition, key) {
        // The clients refuse to be given both; an event that was forwarded may still bear a key.
        (Some(partition), _) => partition,
        (None, Some(key)) => hub.log.partition_of_key(key),
        (None, None) => hub.log.next_partition(),
    };
    hub.log.append(partition, events, EnqueuedTime::now());
    Ok(())
}

/// The events inside a batch, each a slice of the batch's own bytes.
fn batched_events(batch: &Bytes, batch_key: Option<&Arc<str>>) -> Result<Vec<Arrival>, DecodeError> {
    let mut events = Vec::new();
    let mut sections = Sections::new(batch);
    while let Some(found) = sections.next()? {
        if found.code != section::DATA {
            continue;
        }
        let content = Decoder::new(batch.get(found.value_start..found.range.end).unwrap_or_default()).binary()?;
        message::check(content)?;
        let partition_key = match (partition_key_text(content)?, batch_key) {
            (Some(own), Some(shared)) if own == &**shared => Some(Arc::clone(shared)),
            (Some(own), _) => Some(Arc::from(own)),
            (None, shared) => shared.cloned(),
        };
        events.push(Arrival { message: batch.slice_ref(content), partition_key });
    }
    if events.is_empty() { Err(DecodeError::MissingField("data")) } else { Ok(events) }
}

fn partition_key(message: &[u8]) -> Result<Option<Arc<str>>, DecodeError> {
    Ok(partition_key_text(message)?.map(Arc::from))
}

fn partition_key_text(message: &[u8]) -> Result<Option<&str>, DecodeError> {
    message::annotation(message::split(message)?.annotations, PARTITION_KEY)
}
