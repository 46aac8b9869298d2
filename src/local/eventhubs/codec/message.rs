//! The sections of a message (section 3.2), found by their sizes and left encoded.
//!
//! A message is a row of described values, each optional but in this order:
//!
//! | header | delivery annotations | message annotations | properties | application properties | body | footer |
//! |---|---|---|---|---|---|---|
//! | 0x70 | 0x71 | 0x72 | 0x73 | 0x74 | 0x75 data, 0x76 sequence, 0x77 value | 0x78 |

use std::ops::Range;

use bytes::BytesMut;

use super::decode::{DecodeError, Decoder};
use super::encode;
use super::types::Value;

/// Descriptors of the sections.
pub(crate) mod section {
    pub(crate) const HEADER: u8 = 0x70;
    pub(crate) const DELIVERY_ANNOTATIONS: u8 = 0x71;
    pub(crate) const MESSAGE_ANNOTATIONS: u8 = 0x72;
    pub(crate) const PROPERTIES: u8 = 0x73;
    pub(crate) const APPLICATION_PROPERTIES: u8 = 0x74;
    pub(crate) const DATA: u8 = 0x75;
    pub(crate) const VALUE: u8 = 0x77;
    pub(crate) const FOOTER: u8 = 0x78;
}

/// One section: its code, where it stands in the message, and where the value behind its descriptor begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) code: u8,
    pub(crate) range: Range<usize>,
    pub(crate) value_start: usize,
}

/// The sections of an encoded message, one by one.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    message: &'a [u8],
    decoder: Decoder<'a>,
}

impl<'a> Sections<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { message, decoder: Decoder::new(message) }
    }

    /// The next section, or none at the end of the message.
    pub(crate) fn next(&mut self) -> Result<Option<Section>, DecodeError> {
        if self.decoder.is_empty() {
            return Ok(None);
        }
        let position = |decoder: &Decoder<'_>| self.message.len() - decoder.rest().len();
        let start = position(&self.decoder);
        let descriptor = self.decoder.descriptor()?;
        let value_start = position(&self.decoder);
        self.decoder.skip()?;
        let end = position(&self.decoder);
        match u8::try_from(descriptor) {
            Ok(code @ section::HEADER..=section::FOOTER) => Ok(Some(Section { code, range: start..end, value_start })),
            _ => Err(DecodeError::UnknownDescriptor(descriptor)),
        }
    }
}

/// Walks over the whole of a message, so that none is stored that a receiver could not read.
pub(crate) fn check(message: &[u8]) -> Result<(), DecodeError> {
    let mut sections = Sections::new(message);
    if sections.next()?.is_none() {
        return Err(DecodeError::Truncated);
    }
    while sections.next()?.is_some() {}
    Ok(())
}

/// A message cut at its annotations, which is where the endpoint adds its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    /// The header section, with its descriptor, or empty.
    pub(crate) header: &'a [u8],
    /// The encoded map behind the descriptor of the message annotations, or empty.
    pub(crate) annotations: &'a [u8],
    /// From the properties on.
    pub(crate) tail: &'a [u8],
}

/// Cuts a message at its annotations. Delivery annotations are meant for the next hop alone and are left out.
pub(crate) fn split(message: &[u8]) -> Result<Split<'_>, DecodeError> {
    let mut parts = Split { header: &[], annotations: &[], tail: message };
    let mut sections = Sections::new(message);
    // Most events begin with their properties or data: the first look ends the walk.
    while let Some(code) = third_byte(parts.tail) {
        if code > section::MESSAGE_ANNOTATIONS {
            break;
        }
        let Some(found) = sections.next()? else { break };
        let slice = |range: Range<usize>| message.get(range).ok_or(DecodeError::Truncated);
        match found.code {
            section::HEADER => parts.header = slice(found.range.clone())?,
            section::MESSAGE_ANNOTATIONS => parts.annotations = slice(found.value_start..found.range.end)?,
            section::DELIVERY_ANNOTATIONS => {}
            _ => break,
        }
        parts.tail = slice(found.range.end..message.len())?;
    }
    Ok(parts)
}

/// The code of the section that `bytes` begin with, where its descriptor is in the small form.
fn third_byte(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [super::types::constructor::DESCRIBED, super::types::constructor::ULONG_SMALL, code, ..] => Some(*code),
        // A long descriptor: let the walk decide.
        [_, ..] => Some(section::HEADER),
        [] => None,
    }
}

/// The text at `key` in an encoded map of annotations.
pub(crate) fn annotation<'a>(map: &'a [u8], key: &str) -> Result<Option<&'a str>, DecodeError> {
    if map.is_empty() {
        return Ok(None);
    }
    let (mut content, count) = Decoder::new(map).map()?;
    for _ in 0..count / 2 {
        if content.text_or_skip()? == Some(key) {
            return content.text_or_skip();
        }
        content.skip()?;
    }
    Ok(None)
}

/// A message to one of the nodes that answer, decoded as far as such a node reads it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Request {
    /// A number, text, UUID or binary: the answer repeats it as its correlation id.
    pub(crate) message_id: Option<Value>,
    pub(crate) reply_to: Option<String>,
    pub(crate) application_properties: Option<Value>,
    /// The body, if it is text: a token.
    pub(crate) text: Option<String>,
}

impl Request {
    pub(crate) fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut request = Self::default();
        let mut sections = Sections::new(message);
        while let Some(found) = sections.next()? {
            let mut value = Decoder::new(message.get(found.value_start..).unwrap_or_default());
            match found.code {
                section::PROPERTIES => {
                    let mut fields = value.fields()?;
                    request.message_id = fields.value()?;
                    fields.skip(3)?; // user-id, to, subject
                    request.reply_to = fields.text()?.map(str::to_owned);
                }
                section::VALUE => request.text = value.value()?.as_text().map(str::to_owned),
                section::APPLICATION_PROPERTIES => request.application_properties = Some(value.value()?),
                _ => {}
            }
        }
        Ok(request)
    }

    /// An application property that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.application_properties.as_ref()?.get(name)?.as_text()
    }
}

/// Writes an answer: correlation id, application properties, and a value as its body.
pub(crate) fn encode_answer(
    correlation_id: Option<&Value>,
    application_properties: Vec<(Value, Value)>,
    body: &Value,
) -> BytesMut {
    let mut out = BytesMut::new();
    // Python's client reads the correlation id as the sixth of the properties' thirteen fields.
    encode::FieldsWriter::new(section::PROPERTIES, &mut out).nulls(5).value(correlation_id).nulls(7);
    encode::descriptor(section::APPLICATION_PROPERTIES, &mut out);
    encode::value(&Value::Map(application_properties), &mut out);
    encode::descriptor(section::VALUE, &mut out);
    encode::value(body, &mut out);
    out
}
