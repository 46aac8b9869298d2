//! The frames that wait to be written to one connection.

use bytes::{BufMut, BytesMut};

use super::codec::frame::{self, FrameType};
use super::codec::performatives::{Encode, Transfer};

/// Encodes frames behind one another, within the peer's limit of size.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) buffer: BytesMut,
    /// The largest frame that the peer takes, from its open.
    pub(crate) max_frame_size: u32,
}

/// More than a transfer performative ever takes: its frame header, and eleven fields of 5 bytes or fewer, of which
/// the delivery tag is one.
const TRANSFER_OVERHEAD: usize = 96;

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { buffer: BytesMut::new(), max_frame_size: frame::MIN_MAX_FRAME_SIZE }
    }

    /// Writes a performative that has no payload.
    pub(crate) fn send(&mut self, channel: u16, performative: &impl Encode) {
        frame::write(&mut self.buffer, FrameType::Amqp, channel, |out| performative.encode(out));
    }

    pub(crate) fn send_sasl(&mut self, body: impl FnOnce(&mut BytesMut)) {
        frame::write(&mut self.buffer, FrameType::Sasl, 0, body);
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// A sign of life.
    pub(crate) fn send_heartbeat(&mut self) {
        frame::write(&mut self.buffer, FrameType::Amqp, 0, |_| {});
    }

    /// A frame whose body is no performative: what a peer gets while the endpoint is told to answer wrongly.
    pub(crate) fn send_garbage(&mut self, channel: u16) {
        frame::write(&mut self.buffer, FrameType::Amqp, channel, |out| out.put_slice(b"\x00\x53\xfe\x45garbage"));
    }

    /// How many frames a message of this length takes at the most.
    pub(crate) fn frames_for(&self, length: usize) -> u32 {
        let room = (self.max_frame_size as usize).saturating_sub(TRANSFER_OVERHEAD).max(1);
        u32::try_from(length.div_ceil(room)).unwrap_or(u32::MAX).max(1)
    }

    /// Writes a message, given in `parts`, as one transfer or as several; gives how many.
    pub(crate) fn transfer(&mut self, channel: u16, first: &Transfer<'_>, parts: &[&[u8]]) -> u32 {
        let mut remaining: usize = parts.iter().map(|part| part.len()).sum();
        let mut unread = parts.iter().copied();
        let mut part: &[u8] = &[];
        let mut transfer = first.clone();
        let mut frames = 0;
        loop {
            let start = frame::begin(&mut self.buffer, FrameType::Amqp, channel);
            let performative_start = self.buffer.len();
            transfer.more = false;
            transfer.encode(&mut self.buffer);
            let room = (self.max_frame_size as usize).saturating_sub(self.buffer.len() - start);
            if remaining > room {
                // "more" takes one byte either way, so the room stays the same.
                self.buffer.truncate(performative_start);
                transfer.more = true;
                transfer.encode(&mut self.buffer);
            }
            let mut wanted = remaining.min(room);
            remaining -= wanted;
            while wanted > 0 {
                if part.is_empty() {
                    match unread.next() {
                        Some(next) => part = next,
                        None => break,
                    }
                }
                let (now, later) = part.split_at(wanted.min(part.len()));
                self.buffer.put_slice(now);
                wanted -= now.len();
                part = later;
            }
            frame::end(&mut self.buffer, start);
            frames += 1;
            if !transfer.more {
                return frames;
            }
            // What the first transfer of a delivery said holds for those that follow.
            transfer.delivery_id = None;
            transfer.delivery_tag = None;
            transfer.message_format = None;
        }
    }
}
