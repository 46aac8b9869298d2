//! The nine performatives, which all of AMQP consists of above the frames (section 2.7).
//!
//! Fields that the endpoint does not use are passed over in reading and null in writing.

mod connection;
mod delivery;
mod link;
mod session;

use bytes::BytesMut;

use super::decode::{DecodeError, Decoder};

pub(crate) use connection::{AmqpError, Close, Open};
pub(crate) use delivery::{DeliveryState, Disposition, Transfer};
pub(crate) use link::{Attach, Detach, Flow, Role, SenderSettleMode};
pub(crate) use session::{Begin, End};

/// A performative that can be written: its descriptor and all of its fields.
pub(crate) trait Encode {
    fn encode(&self, out: &mut BytesMut);
}

/// Any performative, as read from a frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Performative<'a> {
    Open(Open),
    Begin(Begin),
    Attach(Box<Attach>),
    Flow(Flow),
    Transfer(Transfer<'a>),
    Disposition(Disposition),
    Detach(Detach),
    End(End),
    Close(Close),
}

impl<'a> Performative<'a> {
    /// Reads the body of a frame: the performative, and the payload that stands behind it.
    pub(crate) fn decode(body: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut decoder = Decoder::new(body);
        let code = decoder.descriptor()?;
        let fields = &mut decoder.fields()?;
        // Every code of the standard fits one byte; a greater one is as unknown as 0xff.
        let performative = match u8::try_from(code).unwrap_or(u8::MAX) {
            Open::CODE => Self::Open(Open::decode(fields)?),
            Begin::CODE => Self::Begin(Begin::decode(fields)?),
            Attach::CODE => Self::Attach(Box::new(Attach::decode(fields)?)),
            Flow::CODE => Self::Flow(Flow::decode(fields)?),
            Transfer::CODE => Self::Transfer(Transfer::decode(fields)?),
            Disposition::CODE => Self::Disposition(Disposition::decode(fields)?),
            Detach::CODE => Self::Detach(Detach::decode(fields)?),
            End::CODE => Self::End(End::decode(fields)?),
            Close::CODE => Self::Close(Close::decode(fields)?),
            _ => return Err(DecodeError::UnknownDescriptor(code)),
        };
        Ok((performative, decoder.rest()))
    }
}

#[cfg(test)]
mod tests;
