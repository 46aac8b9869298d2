//! The two links over which a client speaks with a node: its requests on one, the answers on the other.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;

use super::assembly::{Assembly, AssemblyPool};
use super::credit::{GrantedCredit, LinkFlow, ReceivedCredit};
use super::{Context, Failure, whole_or_failure};
use crate::local::eventhubs::address::Node;
use crate::local::eventhubs::codec::message::{self, Request};
use crate::local::eventhubs::codec::performatives::Transfer;
use crate::local::eventhubs::codec::types::Value;
use crate::local::eventhubs::hub::Hub;
use crate::local::eventhubs::session::Windows;
use crate::local::eventhubs::{cbs, management};
use crate::local::fault::Fault;

/// No request is longer: a token takes a few kilobytes.
const MAX_REQUEST_LENGTH: usize = 64 * 1024;

/// How many answers may wait for credit. A client that asks on and takes no answer loses the oldest.
const WAITING_ANSWERS_LIMIT: usize = 64;

/// What a node answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// As in HTTP.
    pub(crate) status: i32,
    pub(crate) description: String,
    pub(crate) error_condition: Option<&'static str>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn failure(status: i32, condition: &'static str, description: impl Into<String>) -> Self {
        Self { status, description: description.into(), error_condition: Some(condition), body: Value::Null }
    }

    fn encode(&self, request: &Request) -> BytesMut {
        let mut properties = vec![
            (Value::string("status-code"), Value::Int(self.status)),
            (Value::string("status-description"), Value::string(&self.description)),
            // The name in the management draft: Python's client looks for the code above, but for this text.
            (Value::string("statusDescription"), Value::string(&self.description)),
        ];
        if let Some(condition) = self.error_condition {
            properties.push((Value::string("error-condition"), Value::symbol(condition)));
        }
        message::encode_answer(request.message_id.as_ref(), properties, &self.body)
    }
}

/// A request that was read.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) node: Node,
    pub(crate) delivery_id: u32,
    pub(crate) settled: bool,
    /// None where the message could not be read as a request.
    pub(crate) request: Option<Request>,
}

/// The receiving end of a client's requests.
#[derive(Debug)]
pub(crate) struct RequestLink {
    handle: u32,
    node: Node,
    assembly: Assembly,
    credit: GrantedCredit,
}

impl RequestLink {
    pub(crate) fn new(handle: u32, node: Node, initial_delivery_count: u32, pool: &Arc<AssemblyPool>) -> Self {
        Self { handle, node, assembly: Assembly::new(pool), credit: GrantedCredit::new(initial_delivery_count) }
    }

    pub(crate) fn refill(&mut self) -> Option<LinkFlow> {
        self.credit.refill(self.handle)
    }

    pub(crate) fn flow(&self) -> LinkFlow {
        self.credit.flow(self.handle)
    }

    /// Takes in a transfer; gives the request when it is whole.
    pub(crate) fn transfer(
        &mut self,
        transfer: &Transfer<'_>,
        payload: &[u8],
        context: &Context<'_>,
    ) -> Result<Option<Received>, Failure> {
        let limit = MAX_REQUEST_LENGTH.min(context.hub.max_message_length());
        let progress = self.assembly.accept(transfer, payload, limit);
        let Some(delivery) = whole_or_failure(progress, context.hub)? else { return Ok(None) };
        let received = Received {
            node: self.node,
            delivery_id: delivery.id,
            settled: delivery.settled,
            request: Request::decode(delivery.message).ok(),
        };
        self.assembly.finish();
        self.credit.spend();
        Ok(Some(received))
    }
}

/// What a node makes of a request, or of the fault that is on.
pub(crate) fn answer(node: Node, request: &Request, hub: &Hub, fault: Option<Fault>) -> BytesMut {
    let answer = match (fault, node) {
        (Some(Fault::WrongReply), _) => Answer {
            status: 500,
            description: "an answer that is wrong on purpose".to_owned(),
            error_condition: None,
            body: Value::string("neither the status nor the body that was asked for"),
        },
        (fault, Node::ClaimsBasedSecurity) => cbs::answer(request, hub, fault == Some(Fault::Deny)),
        (Some(Fault::Deny), Node::Management) => cbs::refusal(),
        (fault, Node::Management) => management::answer(request, hub, fault == Some(Fault::Throttle)),
    };
    answer.encode(request)
}

/// The sending end of a node's answers.
#[derive(Debug)]
pub(crate) struct AnswerLink {
    handle: u32,
    node: Node,
    name: String,
    target: Option<String>,
    pub(crate) credit: ReceivedCredit,
    waiting: VecDeque<BytesMut>,
}

impl AnswerLink {
    pub(crate) fn new(handle: u32, node: Node, name: String, target: Option<String>) -> Self {
        Self { handle, node, name, target, credit: ReceivedCredit::default(), waiting: VecDeque::new() }
    }

    pub(crate) fn flow(&self) -> LinkFlow {
        self.credit.flow(self.handle)
    }

    /// How well the link suits an answer; none where it serves another node or another address.
    ///
    /// Rust names the target of this link in `reply-to`; JavaScript names the link itself, whose target may be null;
    /// Python names nothing and goes by the node.
    pub(crate) fn suits(&self, node: Node, reply_to: Option<&str>) -> Option<Suits> {
        if self.node != node {
            return None;
        }
        match reply_to {
            Some(address) if self.target.as_deref() == Some(address) || self.name == address => Some(Suits::Exactly),
            _ => Some(Suits::ByNode),
        }
    }

    pub(crate) fn push(&mut self, answer: BytesMut) {
        if self.waiting.len() >= WAITING_ANSWERS_LIMIT {
            self.waiting.pop_front();
        }
        self.waiting.push_back(answer);
    }

    /// Sends answers while there is credit for them.
    pub(crate) fn pump(&mut self, channel: u16, windows: &mut Windows, context: &mut Context<'_>) -> Option<LinkFlow> {
        while self.credit.available().0 > 0 {
            let Some(answer) = self.waiting.front() else { break };
            if !windows.admits(context.outbox.frames_for(answer.len())) {
                return None;
            }
            let id = windows.next_delivery_id();
            let tag = id.to_be_bytes();
            let transfer = Transfer::first(self.handle, id, &tag, false);
            let sent = context.outbox.transfer(channel, &transfer, &[answer]);
            windows.sent(sent);
            self.credit.spend();
            self.waiting.pop_front();
        }
        self.credit.finish_drain(self.handle)
    }
}

/// How an answer link was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suits {
    ByNode,
    Exactly,
}
