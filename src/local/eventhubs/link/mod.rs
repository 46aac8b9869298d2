//! Links: one-way streets between a client and the hub.

pub(crate) mod assembly;
pub(crate) mod credit;
pub(crate) mod receive;
pub(crate) mod request;
pub(crate) mod send;

use std::sync::Arc;

use bytes::BytesMut;

use super::codec::condition;
use super::codec::performatives::AmqpError;
use super::hub::Hub;
use super::log::Event;
use super::mailbox::Mailbox;
use super::outbox::Outbox;
use crate::local::fault::Fault;
use assembly::{AssemblyPool, Progress};

/// What a link needs of its connection and of the hub while it deals with a frame.
pub(crate) struct Context<'a> {
    pub(crate) hub: &'a Arc<Hub>,
    pub(crate) mailbox: &'a Arc<Mailbox>,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) pool: &'a Arc<AssemblyPool>,
    pub(crate) scratch: &'a mut Scratch,
    /// The fault that is on.
    pub(crate) fault: Option<Fault>,
}

/// Room between the log and the outbox, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) events: Vec<Event>,
    pub(crate) annotations: BytesMut,
}

/// What ends when something goes wrong on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The delivery is rejected, unless its sender settled it, and then its link detached. The detach alone would do,
    /// but the Rust client waits for word of the delivery and does not notice that the link is gone.
    Delivery(Option<u32>, AmqpError),
    /// The link is detached; all else goes on.
    Link(AmqpError),
    /// The session is ended, with all of its links.
    Session(AmqpError),
    /// The connection is closed.
    Connection(AmqpError),
}

/// A link by what it is for.
#[derive(Debug)]
pub(crate) enum Link {
    /// A client sends events.
    Send(send::SendLink),
    /// A client receives events.
    Receive(Box<receive::ReceiveLink>),
    /// A client sends requests to a node.
    Request(request::RequestLink),
    /// A client receives a node's answers.
    Answer(request::AnswerLink),
    /// Detached from this side; the client's own detach is still to come, and what it sent before is passed over.
    Detaching,
}

/// A message that arrived, or what it means that it has not.
pub(crate) fn whole_or_failure<'a>(
    progress: Progress<'a>,
    hub: &Hub,
) -> Result<Option<assembly::Delivery<'a>>, Failure> {
    match progress {
        Progress::Nothing => Ok(None),
        Progress::Whole(delivery) => Ok(Some(delivery)),
        Progress::TooLarge { unsettled, length } => Err(Failure::Delivery(
            unsettled,
            AmqpError::new(
                condition::MESSAGE_SIZE_EXCEEDED,
                format!(
                    "a message of {length} bytes or more is larger than the {} bytes that are allowed: send fewer \
                     events in a batch",
                    hub.max_message_size
                ),
            ),
        )),
        Progress::TooMuch => Err(Failure::Connection(AmqpError::new(
            condition::RESOURCE_LIMIT_EXCEEDED,
            "too many unfinished messages at once: finish some before beginning others",
        ))),
        Progress::NoDeliveryId => Err(Failure::Session(AmqpError::new(
            condition::INVALID_FIELD,
            "the first transfer of a delivery needs a delivery-id",
        ))),
    }
}
