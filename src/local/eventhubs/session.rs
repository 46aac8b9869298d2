//! A session: the links of one channel, and the windows that bound the transfers on it (section 2.5).

use std::collections::BTreeMap;

use super::address::{self, Address};
use super::codec::condition;
use super::codec::performatives::{
    AmqpError, Attach, Begin, DeliveryState, Detach, Disposition, End, Flow, Role, SenderSettleMode, Transfer,
};
use super::codec::types::Value;
use super::link::credit::{LinkFlow, not_yet_seen};
use super::link::receive::ReceiveLink;
use super::link::request::{self, AnswerLink, RequestLink, Suits};
use super::link::send::SendLink;
use super::link::{Context, Failure, Link};
use super::log::{Offset, StartPosition};
use super::receivers::{Place, ReceiverId};
use crate::azure::eventhubs::Claim;
use crate::local::fault::Fault;

/// How many transfers the endpoint takes before it must say so again. It deals with each as it arrives, so the
/// window protects nothing and is made too large to be felt; half of the numbers, as serial arithmetic allows.
const INCOMING_WINDOW: u32 = 0x7FFF_FFFF;

/// The largest handle: as many links as a session may have, less one.
const HANDLE_MAX: u32 = 4095;

/// The property by which a receiver says its epoch.
const EPOCH: &str = "com.microsoft:epoch";

/// The numbers of a session's transfers in both directions.
#[derive(Debug)]
pub(crate) struct Windows {
    next_incoming_id: u32,
    next_outgoing_id: u32,
    /// How many transfers the client takes in now.
    remote_incoming_window: u32,
    /// The most that it ever offered at once.
    widest_remote_window: u32,
    next_delivery_id: u32,
}

impl Windows {
    /// Whether a message of so many transfers may be sent now.
    ///
    /// A message is sent whole. One that is longer than the client's window ever gets is sent when the window is
    /// as wide as it gets, rather than never.
    pub(crate) fn admits(&self, frames: u32) -> bool {
        self.remote_incoming_window > 0 && self.remote_incoming_window >= frames.min(self.widest_remote_window)
    }

    /// Takes the id for a delivery that is about to be sent.
    pub(crate) fn next_delivery_id(&mut self) -> u32 {
        let id = self.next_delivery_id;
        self.next_delivery_id = id.wrapping_add(1);
        id
    }

    /// Counts transfers that were sent.
    pub(crate) fn sent(&mut self, frames: u32) {
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(frames);
        self.remote_incoming_window = self.remote_incoming_window.saturating_sub(frames);
    }

    fn receive_flow(&mut self, flow: &Flow) {
        self.next_incoming_id = flow.next_outgoing_id;
        // Before the client has seen our begin, it counts from the id that our begin says: 0.
        let under_way = not_yet_seen(self.next_outgoing_id, flow.next_incoming_id.unwrap_or(0));
        self.remote_incoming_window = flow.incoming_window.saturating_sub(under_way);
        self.widest_remote_window = self.widest_remote_window.max(flow.incoming_window);
    }

    /// A flow of the session, with the state of a link where one is given.
    fn flow(&self, link: Option<LinkFlow>) -> Flow {
        Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: INCOMING_WINDOW,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: INCOMING_WINDOW,
            handle: link.map(|link| link.handle),
            delivery_count: link.map(|link| link.delivery_count),
            link_credit: link.map(|link| link.credit.0),
            available: None,
            drain: link.is_some_and(|link| link.drain),
            echo: false,
        }
    }
}

/// A session between its begin and its end.
#[derive(Debug)]
pub(crate) struct Session {
    channel: u16,
    windows: Windows,
    links: BTreeMap<u32, Link>,
    /// Ended from this side; what the client sent before its own end is passed over.
    ended: bool,
}

impl Session {
    /// Answers a client's begin, on the channel that it used itself.
    pub(crate) fn begin(channel: u16, begin: &Begin, context: &mut Context<'_>) -> Self {
        let windows = Windows {
            next_incoming_id: begin.next_outgoing_id,
            next_outgoing_id: 0,
            remote_incoming_window: begin.incoming_window,
            widest_remote_window: begin.incoming_window,
            next_delivery_id: 0,
        };
        context.outbox.send(
            channel,
            &Begin {
                remote_channel: Some(channel),
                next_outgoing_id: windows.next_outgoing_id,
                incoming_window: INCOMING_WINDOW,
                outgoing_window: INCOMING_WINDOW,
                handle_max: Some(HANDLE_MAX),
            },
        );
        Self { channel, windows, links: BTreeMap::new(), ended: false }
    }

    /// Ends the session from this side.
    pub(crate) fn fail(&mut self, error: AmqpError, context: &mut Context<'_>) {
        context.outbox.send(self.channel, &End { error: Some(error) });
        self.links.clear();
        self.ended = true;
    }

    /// Ended from this side already.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Detaches a link from this side; its handle stays taken until the client's detach.
    fn fail_link(&mut self, handle: u32, error: AmqpError, context: &mut Context<'_>) {
        context.outbox.send(self.channel, &Detach { handle, closed: true, error: Some(error) });
        self.links.insert(handle, Link::Detaching);
    }

    fn send_flow(&self, link: Option<LinkFlow>, context: &mut Context<'_>) {
        context.outbox.send(self.channel, &self.windows.flow(link));
    }

    /// Attaches a link, or refuses it: an attach without source or target, and then a detach that says why
    /// (section 2.6.3).
    pub(crate) fn attach(&mut self, attach: &Attach, context: &mut Context<'_>) -> Result<(), Failure> {
        let handle = attach.handle;
        if handle > HANDLE_MAX {
            return Err(Failure::Session(AmqpError::new(
                condition::NOT_ALLOWED,
                format!("handle {handle} is beyond the largest, {HANDLE_MAX}"),
            )));
        }
        if self.links.contains_key(&handle) {
            return Err(Failure::Session(AmqpError::new(
                condition::HANDLE_IN_USE,
                format!("handle {handle} is in use by another link"),
            )));
        }
        let mut answer = Attach {
            name: attach.name.clone(),
            handle,
            role: attach.role.opposite(),
            sender_settle_mode: attach.sender_settle_mode,
            receiver_settle_mode: attach.receiver_settle_mode,
            source: attach.source.clone(),
            target: attach.target.clone(),
            initial_delivery_count: (attach.role == Role::Receiver).then_some(0),
            max_message_size: Some(context.hub.max_message_size),
            properties: None,
        };
        match link_for(attach, context) {
            Ok(link) => {
                context.outbox.send(self.channel, &answer);
                let credit = match self.links.entry(handle).or_insert(link) {
                    Link::Send(link) => link.refill(),
                    Link::Request(link) => link.refill(),
                    Link::Receive(_) | Link::Answer(_) | Link::Detaching => None,
                };
                if credit.is_some() {
                    self.send_flow(credit, context);
                }
            }
            Err(error) => {
                match attach.role {
                    Role::Sender => answer.target = None,
                    Role::Receiver => answer.source = None,
                }
                context.outbox.send(self.channel, &answer);
                self.fail_link(handle, error, context);
            }
        }
        Ok(())
    }

    /// Frees a handle and answers the client's detach, unless it is itself the answer to ours.
    pub(crate) fn detach(&mut self, detach: &Detach, context: &mut Context<'_>) {
        match self.links.remove(&detach.handle) {
            None | Some(Link::Detaching) => {}
            Some(_) => {
                let answer = Detach { handle: detach.handle, closed: detach.closed, error: None };
                context.outbox.send(self.channel, &answer);
            }
        }
    }

    /// Takes in the client's windows and, with a handle, its credit.
    pub(crate) fn flow(&mut self, flow: &Flow, context: &mut Context<'_>) {
        self.windows.receive_flow(flow);
        let Some(handle) = flow.handle else {
            if flow.echo {
                self.send_flow(None, context);
            }
            return;
        };
        let state = match self.links.get_mut(&handle) {
            Some(Link::Receive(link)) => {
                if context.fault == Some(Fault::WrongReply) {
                    context.outbox.send_garbage(self.channel);
                }
                link.credit.receive(flow.delivery_count, flow.link_credit, flow.drain);
                link.flow()
            }
            Some(Link::Answer(link)) => {
                link.credit.receive(flow.delivery_count, flow.link_credit, flow.drain);
                link.flow()
            }
            Some(Link::Send(link)) => link.flow(),
            Some(Link::Request(link)) => link.flow(),
            // A flow that crossed the detach of its link.
            Some(Link::Detaching) | None => return,
        };
        if flow.echo {
            self.send_flow(Some(state), context);
        }
    }

    /// Takes in a transfer, on whichever link it came.
    pub(crate) fn transfer(
        &mut self,
        transfer: &Transfer<'_>,
        payload: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        self.windows.next_incoming_id = self.windows.next_incoming_id.wrapping_add(1);
        let handle = transfer.handle;
        let credit = match self.links.get_mut(&handle) {
            None => return Err(unattached(handle)),
            Some(Link::Detaching) => return Ok(()),
            Some(Link::Receive(_) | Link::Answer(_)) => {
                return Err(Failure::Link(AmqpError::new(
                    condition::NOT_ALLOWED,
                    "a transfer on a link that the client receives from",
                )));
            }
            Some(Link::Send(link)) => link.transfer(self.channel, transfer, payload, context).map(|()| link.refill()),
            Some(Link::Request(link)) => match link.transfer(transfer, payload, context) {
                Ok(received) => {
                    let credit = link.refill();
                    if let Some(received) = received {
                        self.answer(&received, context);
                    }
                    Ok(credit)
                }
                Err(failure) => Err(failure),
            },
        };
        match credit {
            Ok(None) => Ok(()),
            Ok(credit) => {
                self.send_flow(credit, context);
                Ok(())
            }
            Err(Failure::Delivery(unsettled, error)) => {
                if let Some(id) = unsettled {
                    settle(self.channel, id, Err(error.clone()), context);
                }
                self.fail_link(handle, error, context);
                Ok(())
            }
            Err(Failure::Link(error)) => {
                self.fail_link(handle, error, context);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Settles a request, and queues the node's answer on the link that suits it best.
    fn answer(&mut self, received: &request::Received, context: &mut Context<'_>) {
        let outcome = match &received.request {
            None => Err(AmqpError::new(condition::DECODE_ERROR, "the request cannot be read as a message")),
            Some(request) => {
                let reply_to = request.reply_to.as_deref();
                let suitable = self.links.values_mut().filter_map(|link| match link {
                    Link::Answer(link) => link.suits(received.node, reply_to).map(|suits| (suits, link)),
                    _ => None,
                });
                match suitable.max_by_key(|(suits, _)| *suits) {
                    Some((Suits::Exactly | Suits::ByNode, link)) => {
                        link.push(request::answer(received.node, request, context.hub, context.fault));
                        Ok(())
                    }
                    None => Err(AmqpError::new(
                        condition::NOT_FOUND,
                        "no link to answer on: attach a receiver to the node in the same session first",
                    )),
                }
            }
        };
        if !received.settled {
            settle(self.channel, received.delivery_id, outcome, context);
        }
    }

    /// Takes in what a client made of deliveries. Event Hubs keeps events whatever becomes of them, so there is
    /// nothing to note; only a client that settles second is owed a word (section 2.6.12).
    pub(crate) fn disposition(&self, disposition: Disposition, context: &mut Context<'_>) {
        if disposition.role == Role::Receiver && !disposition.settled {
            let answer = Disposition { role: Role::Sender, settled: true, ..disposition };
            context.outbox.send(self.channel, &answer);
        }
    }

    /// Detaches the receiver that another one outranked.
    pub(crate) fn detach_stolen(&mut self, id: ReceiverId, description: &str, context: &mut Context<'_>) -> bool {
        let handle = self.links.iter().find_map(|(handle, link)| match link {
            Link::Receive(link) if link.id() == id => Some(*handle),
            _ => None,
        });
        let Some(handle) = handle else { return false };
        self.fail_link(handle, AmqpError::new(condition::LINK_STOLEN, description), context);
        true
    }

    /// Sends what there is to send, until the outbox holds `most_buffered` bytes.
    pub(crate) fn pump(&mut self, context: &mut Context<'_>, most_buffered: usize) {
        for link in self.links.values_mut() {
            let flow = match link {
                Link::Receive(link) => link.pump(self.channel, &mut self.windows, context, most_buffered),
                Link::Answer(link) => link.pump(self.channel, &mut self.windows, context),
                Link::Send(_) | Link::Request(_) | Link::Detaching => None,
            };
            if flow.is_some() {
                context.outbox.send(self.channel, &self.windows.flow(flow));
            }
        }
    }
}

/// Tells the client what became of its delivery.
pub(crate) fn settle(channel: u16, delivery_id: u32, outcome: Result<(), AmqpError>, context: &mut Context<'_>) {
    let state = match outcome {
        Ok(()) => DeliveryState::Accepted,
        Err(error) => DeliveryState::Rejected(Some(error)),
    };
    let disposition = Disposition {
        role: Role::Receiver,
        first: delivery_id,
        last: Some(delivery_id),
        settled: true,
        state: Some(state),
    };
    context.outbox.send(channel, &disposition);
}

fn unattached(handle: u32) -> Failure {
    Failure::Session(AmqpError::new(condition::UNATTACHED_HANDLE, format!("no link is attached to handle {handle}")))
}

/// The link that an attach asks for, or why it cannot be had.
fn link_for(attach: &Attach, context: &Context<'_>) -> Result<Link, AmqpError> {
    let handle = attach.handle;
    let initial_delivery_count = attach.initial_delivery_count.unwrap_or(0);
    let address = match attach.role {
        Role::Sender => attach.target_address(),
        Role::Receiver => attach.source_address(),
    };
    match (attach.role, address::parse(address.unwrap_or(""), context.hub)?) {
        (Role::Sender, Address::Node(node)) => {
            Ok(Link::Request(RequestLink::new(handle, node, initial_delivery_count, context.pool)))
        }
        (Role::Receiver, Address::Node(node)) => {
            let target = attach.target_address().map(str::to_owned);
            Ok(Link::Answer(AnswerLink::new(handle, node, attach.name.clone(), target)))
        }
        (Role::Sender, Address::Publish(partition)) => {
            context.hub.allows(Claim::Send)?;
            Ok(Link::Send(SendLink::new(handle, partition, initial_delivery_count, context.pool)))
        }
        (Role::Receiver, Address::Receive { consumer_group, partition }) => {
            context.hub.allows(Claim::Listen)?;
            let position = start_position(attach)?;
            let epoch = attach.properties.as_ref().and_then(|properties| properties.get(EPOCH)?.as_i64());
            let place = Place { consumer_group, partition };
            let registration = context.hub.receivers.register(place, epoch, &attach.name, context.mailbox)?;
            // Subscribed before the position is looked up, so that no event falls between the two.
            let subscription = context.hub.log.subscribe(partition, &context.mailbox.wakeup);
            let next = context.hub.log.locate(partition, &position);
            let settled = attach.sender_settle_mode == SenderSettleMode::Settled;
            let link = ReceiveLink::new(handle, partition, next, settled, registration, subscription);
            Ok(Link::Receive(Box::new(link)))
        }
        (Role::Sender, Address::Receive { .. }) => {
            Err(AmqpError::new(condition::NOT_ALLOWED, "events are sent to the hub or to HUB/Partitions/N"))
        }
        (Role::Receiver, Address::Publish(_)) => Err(AmqpError::new(
            condition::NOT_ALLOWED,
            "events are received from HUB/ConsumerGroups/GROUP/Partitions/N",
        )),
    }
}

/// Where a receiver wants to begin. Without a filter, the service begins at the earliest event.
fn start_position(attach: &Attach) -> Result<StartPosition, AmqpError> {
    let Some(Value::Map(filters)) = attach.filters() else {
        return Ok(StartPosition::Offset { offset: Offset(-1), inclusive: false });
    };
    // Whatever a client calls its filter, the described text in it is the condition.
    let Some(text) = filters.iter().find_map(|(_, filter)| filter.undescribed().as_text()) else {
        return Ok(StartPosition::Offset { offset: Offset(-1), inclusive: false });
    };
    StartPosition::parse(text).ok_or_else(|| {
        AmqpError::new(
            condition::INVALID_FIELD,
            format!("filter {text:?} is not understood: use amqp.annotation.x-opt-sequence-number > 'N' or the like"),
        )
    })
}
