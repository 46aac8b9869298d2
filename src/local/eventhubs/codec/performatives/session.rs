//! Begin and end of a session (sections 2.7.2 and 2.7.8).

use bytes::BytesMut;

use super::{AmqpError, Encode};
use crate::local::eventhubs::codec::decode::{DecodeError, Fields};
use crate::local::eventhubs::codec::encode::FieldsWriter;

/// Opens a session on a channel, or answers such an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begin {
    /// The peer's channel, in the answer to its begin.
    pub(crate) remote_channel: Option<u16>,
    pub(crate) next_outgoing_id: u32,
    /// How many transfer frames the sender of this begin can take in now.
    pub(crate) incoming_window: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle_max: Option<u32>,
}

impl Begin {
    pub(super) const CODE: u8 = 0x11;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            remote_channel: fields.ushort()?,
            next_outgoing_id: fields.uint()?.ok_or(DecodeError::MissingField("next-outgoing-id"))?,
            incoming_window: fields.uint()?.ok_or(DecodeError::MissingField("incoming-window"))?,
            outgoing_window: fields.uint()?.ok_or(DecodeError::MissingField("outgoing-window"))?,
            handle_max: fields.uint()?,
        })
    }
}

impl Encode for Begin {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .ushort(self.remote_channel)
            .uint(self.next_outgoing_id)
            .uint(self.incoming_window)
            .uint(self.outgoing_window)
            .uint(self.handle_max)
            .nulls(3); // capabilities, properties
    }
}

/// Ends a session, with all of its links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) error: Option<AmqpError>,
}

impl End {
    pub(super) const CODE: u8 = 0x17;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self { error: AmqpError::decode_field(fields)? })
    }
}

impl Encode for End {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .with(self.error.as_ref().map(|error| move |out: &mut BytesMut| error.encode(out)));
    }
}
