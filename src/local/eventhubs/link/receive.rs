//! A link on which a client receives the events of a partition.

use bytes::{BufMut, BytesMut};

use super::credit::{LinkFlow, ReceivedCredit};
use super::send::PARTITION_KEY;
use super::{Context, Scratch};
use crate::local::eventhubs::codec::decode::{DecodeError, Decoder};
use crate::local::eventhubs::codec::performatives::Transfer;
use crate::local::eventhubs::codec::{encode, message};
use crate::local::eventhubs::log::{Event, SequenceNumber, Subscription};
use crate::local::eventhubs::receivers::{ReceiverId, Registration};
use crate::local::eventhubs::session::Windows;

/// How much is taken from the log at once, so that its lock is held briefly.
const EVENTS_AT_ONCE: usize = 128;
const BYTES_AT_ONCE: usize = 64 * 1024;

const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
const OFFSET: &str = "x-opt-offset";
const ENQUEUED_TIME: &str = "x-opt-enqueued-time";

/// The sending end of a client's receiver.
#[derive(Debug)]
pub(crate) struct ReceiveLink {
    handle: u32,
    partition: usize,
    /// The event that is due.
    next: SequenceNumber,
    pub(crate) credit: ReceivedCredit,
    /// The client asked for deliveries that it need not settle.
    settled: bool,
    registration: Registration,
    _subscription: Subscription,
}

impl ReceiveLink {
    pub(crate) fn new(
        handle: u32,
        partition: usize,
        next: SequenceNumber,
        settled: bool,
        registration: Registration,
        subscription: Subscription,
    ) -> Self {
        Self {
            handle,
            partition,
            next,
            credit: ReceivedCredit::default(),
            settled,
            registration,
            _subscription: subscription,
        }
    }

    pub(crate) fn id(&self) -> ReceiverId {
        self.registration.id
    }

    pub(crate) fn flow(&self) -> LinkFlow {
        self.credit.flow(self.handle)
    }

    /// Sends events while the client's credit, its session's window and the outbox have room.
    ///
    /// Gives a flow, when the client asked for its credit to be drained and nothing is left to send.
    pub(crate) fn pump(
        &mut self,
        channel: u16,
        windows: &mut Windows,
        context: &mut Context<'_>,
        most_buffered: usize,
    ) -> Option<LinkFlow> {
        loop {
            let credit = self.credit.available().0 as usize;
            if credit == 0 || context.outbox.buffer.len() >= most_buffered {
                return if credit == 0 { self.credit.finish_drain(self.handle) } else { None };
            }
            let Scratch { events, annotations } = &mut *context.scratch;
            events.clear();
            let most_events = credit.min(EVENTS_AT_ONCE);
            context.hub.log.read(self.partition, self.next, most_events, BYTES_AT_ONCE, events);
            if events.is_empty() {
                return self.credit.finish_drain(self.handle);
            }
            for event in events.drain(..) {
                let frames = context.outbox.frames_for(event.message.len() + ANNOTATIONS_ROOM);
                if !windows.admits(frames) {
                    return None;
                }
                let id = windows.next_delivery_id();
                let tag = id.to_be_bytes();
                let transfer = Transfer::first(self.handle, id, &tag, self.settled);
                // What was stored was walked over before, so a message that cannot be split does not occur; were it
                // to, the event is passed over rather than the receiver stopped.
                if let Ok(split) = message::split(&event.message) {
                    annotations.clear();
                    if annotate(&event, split.annotations, annotations).is_ok() {
                        let parts = [split.header, &**annotations, split.tail];
                        let sent = context.outbox.transfer(channel, &transfer, &parts);
                        windows.sent(sent);
                        self.credit.spend();
                    }
                }
                self.next = event.sequence_number.next();
            }
        }
    }
}

/// The annotations that the endpoint adds take about a hundred bytes, and a partition key.
const ANNOTATIONS_ROOM: usize = 256;

/// Writes the message annotations of an event: those that its sender wrote, as they are, and those of the hub.
fn annotate(event: &Event, original: &[u8], out: &mut BytesMut) -> Result<(), DecodeError> {
    let kept = pairs_to_keep(original)?;
    encode::descriptor(message::section::MESSAGE_ANNOTATIONS, out);
    encode::map(out, |out| {
        let mut count = 6;
        for pair in kept {
            out.put_slice(pair);
            count += 2;
        }
        encode::symbol(SEQUENCE_NUMBER, out);
        encode::long(event.sequence_number.0, out);
        encode::symbol(OFFSET, out);
        encode::string(&event.offset.0.to_string(), out);
        encode::symbol(ENQUEUED_TIME, out);
        encode::timestamp(event.enqueued_time.0, out);
        if let Some(key) = &event.partition_key {
            encode::symbol(PARTITION_KEY, out);
            encode::string(key, out);
            count += 2;
        }
        count
    });
    Ok(())
}

/// The encoded pairs of a map, without those that the hub writes itself: an event that is forwarded from another
/// hub still bears that hub's numbers.
fn pairs_to_keep(map: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    if map.is_empty() {
        return Ok(Vec::new());
    }
    let (mut content, count) = Decoder::new(map).map()?;
    let mut kept = Vec::new();
    for _ in 0..count / 2 {
        let pair = content.rest();
        let key = content.text_or_skip()?;
        content.skip()?;
        if !matches!(key, Some(SEQUENCE_NUMBER | OFFSET | ENQUEUED_TIME | PARTITION_KEY)) {
            kept.push(pair.get(..pair.len() - content.rest().len()).unwrap_or_default());
        }
    }
    Ok(kept)
}
