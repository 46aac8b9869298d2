//! A client made of the endpoint's own codec, which says and sees every frame.

use bytes::BytesMut;

use crate::local::eventhubs::codec::encode;
use crate::local::eventhubs::codec::message::section;
use crate::local::eventhubs::codec::performatives::{
    Attach, Begin, DeliveryState, Encode, Flow, Role, SenderSettleMode, Transfer,
};
use crate::local::eventhubs::codec::types::Value;
use crate::local::eventhubs::log::Log;
use crate::local::fault::FaultSwitch;

use super::super::*;

pub(super) const MAX_MESSAGE_SIZE: u64 = 100_000;

/// A hub named `telemetry` with two partitions and a consumer group `readers`.
pub(super) fn hub() -> Arc<Hub> {
    let log = Arc::new(Log::new(2, 10_000_000));
    let groups = vec!["readers".to_owned()];
    Arc::new(Hub::new("telemetry".to_owned(), log, groups, MAX_MESSAGE_SIZE, FaultSwitch::default()))
}

/// A frame from the endpoint.
pub(super) struct Reply {
    pub(super) channel: u16,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn performative(&self) -> Performative<'_> {
        Performative::decode(&self.body).unwrap().0
    }

    pub(super) fn payload(&self) -> &[u8] {
        Performative::decode(&self.body).unwrap().1
    }

    /// The error of a detach, end or close.
    pub(super) fn error(&self) -> Option<AmqpError> {
        match self.performative() {
            Performative::Detach(detach) => detach.error,
            Performative::End(end) => end.error,
            Performative::Close(close) => close.error,
            other => panic!("{other:?} has no error"),
        }
    }
}

pub(super) struct Client {
    pub(super) connection: Connection,
    pub(super) now: Instant,
    pub(super) fault: Option<Fault>,
    input: BytesMut,
}

impl Client {
    pub(super) fn connected(hub: &Arc<Hub>) -> Self {
        let now = Instant::now();
        Self { connection: Connection::new(Arc::clone(hub), now), now, fault: None, input: BytesMut::new() }
    }

    /// Connected and opened.
    pub(super) fn opened(hub: &Arc<Hub>) -> Self {
        Self::opened_with(hub, &open())
    }

    pub(super) fn opened_with(hub: &Arc<Hub>, open: &Open) -> Self {
        let mut client = Self::connected(hub);
        client.say(&AMQP_HEADER);
        client.send(0, open, b"");
        let said = client.hear();
        assert_eq!(said[..8], AMQP_HEADER);
        client
    }

    /// With a session on channel 0 as well.
    pub(super) fn begun(hub: &Arc<Hub>) -> Self {
        let mut client = Self::opened(hub);
        client.begin(0, 2048);
        client
    }

    pub(super) fn begin(&mut self, channel: u16, incoming_window: u32) {
        let begin =
            Begin { remote_channel: None, next_outgoing_id: 0, incoming_window, outgoing_window: 9, handle_max: None };
        self.send(channel, &begin, b"");
        let replies = self.replies();
        assert!(
            matches!(replies[..], [ref reply] if matches!(reply.performative(), Performative::Begin(begin) if begin.remote_channel == Some(channel)))
        );
    }

    /// Bytes, as they are.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.connection.receive(&mut self.input, self.fault, self.now);
    }

    pub(super) fn send(&mut self, channel: u16, performative: &impl Encode, payload: &[u8]) {
        let mut frame = BytesMut::new();
        frame::write(&mut frame, FrameType::Amqp, channel, |out| {
            performative.encode(out);
            out.extend_from_slice(payload);
        });
        self.say(&frame);
    }

    /// All that the endpoint has to say.
    pub(super) fn hear(&mut self) -> BytesMut {
        self.connection.pump(1_000_000, self.fault);
        self.connection.outbox.buffer.split()
    }

    /// The same as frames, without heartbeats.
    pub(super) fn replies(&mut self) -> Vec<Reply> {
        let said = self.hear();
        let mut rest = &said[..];
        let mut replies = Vec::new();
        while let Some(frame) = frame::read(rest, u32::MAX).unwrap() {
            if !frame.body.is_empty() {
                replies.push(Reply { channel: frame.channel, body: frame.body.to_vec() });
            }
            rest = &rest[frame.length..];
        }
        assert!(rest.is_empty(), "half a frame: {rest:02x?}");
        replies
    }

    /// The one frame that the endpoint has to say.
    pub(super) fn reply(&mut self) -> Reply {
        let mut replies = self.replies();
        assert_eq!(replies.len(), 1, "{:?}", replies.iter().map(Reply::performative).collect::<Vec<_>>());
        replies.remove(0)
    }

    /// Attaches a sender, and takes in the answer and the credit.
    pub(super) fn attach_sender(&mut self, handle: u32, target: &str) {
        self.send(0, &attach(handle, Role::Sender, target), b"");
        let replies = self.replies();
        let kinds: Vec<_> = replies.iter().map(Reply::performative).collect();
        assert!(
            matches!(&kinds[..], [Performative::Attach(_), Performative::Flow(flow)] if flow.link_credit > Some(0)),
            "{kinds:?}"
        );
    }

    /// Attaches a receiver from a filter on, and grants it credit.
    pub(super) fn attach_receiver(&mut self, handle: u32, source: &str, credit: u32) {
        self.send(0, &attach(handle, Role::Receiver, source), b"");
        assert!(matches!(self.reply().performative(), Performative::Attach(_)));
        self.grant(handle, 0, credit, false);
    }

    pub(super) fn grant(&mut self, handle: u32, delivery_count: u32, credit: u32, drain: bool) {
        let flow = Flow {
            next_incoming_id: Some(delivery_count),
            incoming_window: 2048,
            outgoing_window: 2048,
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            drain,
            ..Flow::default()
        };
        self.send(0, &flow, b"");
    }

    /// Sends a message in one transfer.
    pub(super) fn transfer(&mut self, handle: u32, delivery_id: u32, message: &[u8]) {
        let transfer =
            Transfer { handle, delivery_id: Some(delivery_id), delivery_tag: Some(b"t"), ..Transfer::default() };
        self.send(0, &transfer, message);
    }
}

pub(super) fn open() -> Open {
    Open {
        container_id: "test".to_owned(),
        hostname: None,
        max_frame_size: Some(65_536),
        channel_max: None,
        idle_time_out: None,
    }
}

/// An attach whose end in the hub has this address; a receiver begins at the earliest event.
pub(super) fn attach(handle: u32, role: Role, address: &str) -> Attach {
    let terminus =
        |code, address: &str| Some(Value::described(Value::Ulong(code), Value::List(vec![Value::string(address)])));
    let (source, target) = match role {
        Role::Sender => (terminus(0x28, "here"), terminus(0x29, address)),
        Role::Receiver => (terminus(0x28, address), terminus(0x29, "here")),
    };
    Attach {
        name: format!("link {handle}"),
        handle,
        role,
        sender_settle_mode: SenderSettleMode::Mixed,
        receiver_settle_mode: 0,
        source,
        target,
        initial_delivery_count: Some(0),
        max_message_size: None,
        properties: None,
    }
}

/// An encoded message with this body.
pub(super) fn message(body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    encode::descriptor(section::DATA, &mut out);
    encode::binary(body, &mut out);
    out
}

/// An encoded message with this partition key, in the annotations.
pub(super) fn keyed_message(key: &str, body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    encode::descriptor(section::MESSAGE_ANNOTATIONS, &mut out);
    encode::value(&Value::Map(vec![(Value::symbol("x-opt-partition-key"), Value::string(key))]), &mut out);
    out.extend_from_slice(&message(body));
    out
}

/// The message annotations of a delivery, and what follows them.
pub(super) fn annotations_and_rest(payload: &[u8]) -> (Value, &[u8]) {
    use crate::local::eventhubs::codec::{decode::Decoder, message};
    let split = message::split(payload).unwrap();
    (Decoder::new(split.annotations).value().unwrap(), split.tail)
}

/// The state that the endpoint gave the one delivery.
pub(super) fn outcome(reply: &Reply) -> DeliveryState {
    match reply.performative() {
        Performative::Disposition(disposition) => {
            assert!(disposition.settled);
            disposition.state.unwrap()
        }
        other => panic!("{other:?} is not a disposition"),
    }
}

pub(super) fn rejected_with(reply: &Reply) -> String {
    match outcome(reply) {
        DeliveryState::Rejected(Some(error)) => error.condition.into_owned(),
        other => panic!("{other:?} is not a rejection"),
    }
}

/// A batch of encoded messages.
fn batch(messages: &[BytesMut]) -> BytesMut {
    let mut out = BytesMut::new();
    for message in messages {
        encode::descriptor(section::DATA, &mut out);
        encode::binary(message, &mut out);
    }
    out
}

pub(super) fn transfer_batch(client: &mut Client, handle: u32, messages: &[BytesMut]) {
    let transfer = Transfer {
        handle,
        delivery_id: Some(0),
        delivery_tag: Some(b"t"),
        message_format: Some(0x8001_3700),
        ..Transfer::default()
    };
    client.send(0, &transfer, &batch(messages));
}

/// Puts `count` events into partition 0.
pub(super) fn fill(hub: &Arc<Hub>, count: usize) {
    let mut client = Client::begun(hub);
    client.attach_sender(0, "telemetry/Partitions/0");
    transfer_batch(&mut client, 0, &vec![message(b"21.5"); count]);
    assert_eq!(outcome(&client.reply()), DeliveryState::Accepted);
}
