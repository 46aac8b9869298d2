//! Open and close (sections 2.7.1 and 2.7.9), and the error that a close, end or detach may carry (2.8.14).

use std::borrow::Cow;

use bytes::BytesMut;

use super::Encode;
use crate::local::eventhubs::codec::decode::{DecodeError, Decoder, Fields};
use crate::local::eventhubs::codec::encode::FieldsWriter;

/// Why a connection, session or link ends before its time, or a delivery is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AmqpError {
    /// One of [`crate::local::eventhubs::codec::condition`], or what the peer wrote.
    pub(crate) condition: Cow<'static, str>,
    pub(crate) description: Option<String>,
}

impl AmqpError {
    const CODE: u8 = 0x1D;

    pub(crate) fn new(condition: &'static str, description: impl Into<String>) -> Self {
        Self { condition: Cow::Borrowed(condition), description: Some(description.into()) }
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match decoder.descriptor()? {
            code if code == u64::from(Self::CODE) => {}
            unknown => return Err(DecodeError::UnknownDescriptor(unknown)),
        }
        let mut fields = decoder.fields()?;
        let condition = fields.text()?.ok_or(DecodeError::MissingField("condition"))?;
        let description = fields.text()?.map(str::to_owned);
        Ok(Self { condition: Cow::Owned(condition.to_owned()), description })
    }

    /// An error as a field, where there may be none.
    pub(super) fn decode_field(fields: &mut Fields<'_>) -> Result<Option<Self>, DecodeError> {
        fields.described()?.map(|mut decoder| Self::decode(&mut decoder)).transpose()
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out).symbol(Some(&self.condition)).string(self.description.as_deref()).nulls(1);
    }
}

/// What each side says of itself before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) container_id: String,
    pub(crate) hostname: Option<String>,
    /// The largest frame that the sender of this open can take in.
    pub(crate) max_frame_size: Option<u32>,
    pub(crate) channel_max: Option<u16>,
    /// After how many milliseconds of silence the sender of this open gives the connection up.
    pub(crate) idle_time_out: Option<u32>,
}

impl Open {
    pub(super) const CODE: u8 = 0x10;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            container_id: fields.text()?.ok_or(DecodeError::MissingField("container-id"))?.to_owned(),
            hostname: fields.text()?.map(str::to_owned),
            max_frame_size: fields.uint()?,
            channel_max: fields.ushort()?,
            idle_time_out: fields.uint()?,
        })
    }
}

impl Encode for Open {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .string(Some(&self.container_id))
            .string(self.hostname.as_deref())
            .uint(self.max_frame_size)
            .ushort(self.channel_max)
            .uint(self.idle_time_out)
            .nulls(5); // locales, capabilities, properties
    }
}

/// The last word of each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) error: Option<AmqpError>,
}

impl Close {
    pub(super) const CODE: u8 = 0x18;

    pub(super) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self { error: AmqpError::decode_field(fields)? })
    }
}

impl Encode for Close {
    fn encode(&self, out: &mut BytesMut) {
        FieldsWriter::new(Self::CODE, out)
            .with(self.error.as_ref().map(|error| move |out: &mut BytesMut| error.encode(out)));
    }
}
