//! Transfer and disposition (sections 2.7.5 and 2.7.6), and the states of a delivery (3.4).

use bytes::BytesMut;

use super::{AmqpError, Encode, Role};
use crate::local::eventhubs::codec::decode::{DecodeError, Decoder, Fields};
use crate::local::eventhubs::codec::encode::FieldsWriter;

/// Carries a message, or a part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Transfer<'a> {
    pub(crate) handle: u32,
    /// Present on the first transfer of a delivery.
    pub(crate) delivery_id: Option<u32>,
    pub(crate) delivery_tag: Option<&'a [u8]>,
    pub(crate) message_format: Option<u32>,
    pub(crate) settled: Option<bool>,
    /// Further transfers of the same delivery follow.
    pub(crate) more: bool,
    pub(crate) aborted: bool,
}

impl<'a> Transfer<'a> {
    pub(super) const CODE: u8 = 0x14;

    /// The beginning of a delivery in the plain message format.
    pub(crate) fn first(handle: u32, delivery_id: u32, delivery_tag: &'a [u8], settled: bool) -> Self {
        Self {
            handle,
            delivery_id: Some(delivery_id),
            delivery_tag: Some(delivery_tag),
            message_format: Some(0),
            settled: Some(settled),
            ..Self::default()
        }
    }

    pub(super) fn decode(fields: &mut Fields<'a>) -> Result<Self, DecodeError> {
        let handle = fields.uint()?.ok_or(DecodeError::MissingField("handle"))?;
        let delivery_id = fields.uint()?;
        let delivery_tag = fields.binary()?;
        let message_format = fields.uint()?;
        let settled = fields.boolean()?;
        let more = fields.boolean()?.unwrap_or(false);
        fields.skip(3)?; // rcv-settle-mode, state, resume
        let aborted = fields.boolean()?.unwrap_or(false);
        Ok(Self { handle, delivery_id, delivery_tag, message_format, settled, more, aborted })
    }
}

impl Encode for Transfer<'_> {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .uint(self.handle)
            .uint(self.delivery_id)
            .binary(self.delivery_tag)
            .uint(self.message_format)
            .boolean(self.settled)
            .boolean(self.more)
            .nulls(3) // rcv-settle-mode, state, resume
            .boolean(self.aborted)
            .nulls(1); // batchable
    }
}

/// What became, or is becoming, of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeliveryState {
    Received,
    Accepted,
    Rejected(Option<AmqpError>),
    Released,
    Modified,
    /// A state of transactions, which Event Hubs has not.
    Other,
}

impl DeliveryState {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match decoder.descriptor()? {
            0x23 => Self::Received,
            0x24 => Self::Accepted,
            0x25 => Self::Rejected(AmqpError::decode_field(&mut decoder.fields()?)?),
            0x26 => Self::Released,
            0x27 => Self::Modified,
            _ => Self::Other,
        })
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Received => {
                FieldsWriter::new(0x23, out).uint(0).ulong(0);
            }
            Self::Accepted | Self::Other => drop(FieldsWriter::new(0x24, out)),
            Self::Rejected(error) => {
                FieldsWriter::new(0x25, out)
                    .with(error.as_ref().map(|error| move |out: &mut BytesMut| error.encode(out)));
            }
            Self::Released => drop(FieldsWriter::new(0x26, out)),
            Self::Modified => {
                FieldsWriter::new(0x27, out).nulls(3);
            }
        }
    }
}

/// Tells the state of a range of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// The role of the speaker.
    pub(crate) role: Role,
    pub(crate) first: u32,
    /// None where the range is one delivery.
    pub(crate) last: Option<u32>,
    pub(crate) settled: bool,
    pub(crate) state: Option<DeliveryState>,
}

impl Disposition {
    pub(super) const CODE: u8 = 0x15;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            role: Role::from_wire(fields.boolean()?.ok_or(DecodeError::MissingField("role"))?),
            first: fields.uint()?.ok_or(DecodeError::MissingField("first"))?,
            last: fields.uint()?,
            settled: fields.boolean()?.unwrap_or(false),
            state: fields.described()?.map(|mut decoder| DeliveryState::decode(&mut decoder)).transpose()?,
        })
    }
}

impl Encode for Disposition {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .boolean(self.role.to_wire())
            .uint(self.first)
            .uint(self.last)
            .boolean(self.settled)
            .with(self.state.as_ref().map(|state| move |out: &mut BytesMut| state.encode(out)))
            .nulls(1); // batchable
    }
}
