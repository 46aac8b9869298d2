//! Attach, flow and detach of a link (sections 2.7.3, 2.7.4 and 2.7.7).

use bytes::BytesMut;

use super::{AmqpError, Encode};
use crate::local::eventhubs::codec::decode::{DecodeError, Fields};
use crate::local::eventhubs::codec::encode::FieldsWriter;
use crate::local::eventhubs::codec::types::Value;

/// Which end of a link its speaker is. On the wire, true stands for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Receiver,
}

impl Role {
    pub(crate) fn from_wire(receiver: bool) -> Self {
        if receiver { Self::Receiver } else { Self::Sender }
    }

    pub(crate) fn to_wire(self) -> bool {
        self == Self::Receiver
    }

    pub(crate) fn opposite(self) -> Self {
        Self::from_wire(!self.to_wire())
    }
}

/// Whether a sender waits for word of what became of its deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SenderSettleMode {
    Unsettled,
    /// "At most once".
    Settled,
    Mixed,
}

/// Ties a link to a handle of the session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attach {
    pub(crate) name: String,
    pub(crate) handle: u32,
    pub(crate) role: Role,
    pub(crate) sender_settle_mode: SenderSettleMode,
    pub(crate) receiver_settle_mode: u8,
    /// Kept as a value, because the answer repeats it.
    pub(crate) source: Option<Value>,
    pub(crate) target: Option<Value>,
    pub(crate) initial_delivery_count: Option<u32>,
    pub(crate) max_message_size: Option<u64>,
    pub(crate) properties: Option<Value>,
}

impl Attach {
    pub(super) const CODE: u8 = 0x12;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let name = fields.text()?.ok_or(DecodeError::MissingField("name"))?.to_owned();
        let handle = fields.uint()?.ok_or(DecodeError::MissingField("handle"))?;
        let role = Role::from_wire(fields.boolean()?.ok_or(DecodeError::MissingField("role"))?);
        let sender_settle_mode = match fields.ubyte()? {
            Some(0) => SenderSettleMode::Unsettled,
            Some(1) => SenderSettleMode::Settled,
            _ => SenderSettleMode::Mixed,
        };
        let receiver_settle_mode = fields.ubyte()?.unwrap_or(0);
        let source = fields.value()?;
        let target = fields.value()?;
        fields.skip(2)?; // unsettled, incomplete-unsettled: nothing is resumed
        let initial_delivery_count = fields.uint()?;
        let max_message_size = fields.ulong()?;
        fields.skip(2)?; // capabilities
        let properties = fields.value()?;
        Ok(Self {
            name,
            handle,
            role,
            sender_settle_mode,
            receiver_settle_mode,
            source,
            target,
            initial_delivery_count,
            max_message_size,
            properties,
        })
    }

    /// The address of the source.
    pub(crate) fn source_address(&self) -> Option<&str> {
        terminus_address(self.source.as_ref())
    }

    /// The address of the target.
    pub(crate) fn target_address(&self) -> Option<&str> {
        terminus_address(self.target.as_ref())
    }

    /// The filter set of the source: its eighth field (section 3.5.3).
    pub(crate) fn filters(&self) -> Option<&Value> {
        terminus_field(self.source.as_ref(), 7)
    }
}

/// Source and target are both described lists that begin with the address.
fn terminus_address(terminus: Option<&Value>) -> Option<&str> {
    terminus_field(terminus, 0).and_then(Value::as_text)
}

fn terminus_field(terminus: Option<&Value>, index: usize) -> Option<&Value> {
    match terminus?.undescribed() {
        Value::List(fields) => fields.get(index),
        _ => None,
    }
}

impl Encode for Attach {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .string(Some(&self.name))
            .uint(self.handle)
            .boolean(self.role.to_wire())
            .ubyte(match self.sender_settle_mode {
                SenderSettleMode::Unsettled => 0,
                SenderSettleMode::Settled => 1,
                SenderSettleMode::Mixed => 2,
            })
            .ubyte(self.receiver_settle_mode)
            .value(self.source.as_ref())
            .value(self.target.as_ref())
            .nulls(2) // unsettled, incomplete-unsettled
            .uint(self.initial_delivery_count)
            .ulong(self.max_message_size)
            .nulls(2) // capabilities
            .value(self.properties.as_ref());
    }
}

/// Tells the windows of a session and, with a handle, the credit of a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) next_incoming_id: Option<u32>,
    pub(crate) incoming_window: u32,
    pub(crate) next_outgoing_id: u32,
    pub(crate) outgoing_window: u32,
    pub(crate) handle: Option<u32>,
    pub(crate) delivery_count: Option<u32>,
    pub(crate) link_credit: Option<u32>,
    pub(crate) available: Option<u32>,
    /// The receiver wants the credit used up now, or given back.
    pub(crate) drain: bool,
    /// The speaker wants a flow in answer.
    pub(crate) echo: bool,
}

impl Flow {
    pub(super) const CODE: u8 = 0x13;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            next_incoming_id: fields.uint()?,
            incoming_window: fields.uint()?.ok_or(DecodeError::MissingField("incoming-window"))?,
            next_outgoing_id: fields.uint()?.ok_or(DecodeError::MissingField("next-outgoing-id"))?,
            outgoing_window: fields.uint()?.ok_or(DecodeError::MissingField("outgoing-window"))?,
            handle: fields.uint()?,
            delivery_count: fields.uint()?,
            link_credit: fields.uint()?,
            available: fields.uint()?,
            drain: fields.boolean()?.unwrap_or(false),
            echo: fields.boolean()?.unwrap_or(false),
        })
    }
}

impl Encode for Flow {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .uint(self.next_incoming_id)
            .uint(self.incoming_window)
            .uint(self.next_outgoing_id)
            .uint(self.outgoing_window)
            .uint(self.handle)
            .uint(self.delivery_count)
            .uint(self.link_credit)
            .uint(self.available)
            .boolean(self.drain)
            .boolean(self.echo)
            .nulls(1); // properties
    }
}

/// Frees the handle of a link and, closed, ends the link itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detach {
    pub(crate) handle: u32,
    pub(crate) closed: bool,
    pub(crate) error: Option<AmqpError>,
}

impl Detach {
    pub(super) const CODE: u8 = 0x16;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            handle: fields.uint()?.ok_or(DecodeError::MissingField("handle"))?,
            closed: fields.boolean()?.unwrap_or(false),
            error: AmqpError::decode_field(fields)?,
        })
    }
}

impl Encode for Detach {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .uint(self.handle)
            .boolean(self.closed)
            .with(self.error.as_ref().map(|error| move |out: &mut BytesMut| error.encode(out)));
    }
}
