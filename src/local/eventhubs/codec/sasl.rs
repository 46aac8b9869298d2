//! The SASL frames that open a connection (part 5, section 5.3.3): mechanisms, init, outcome.

use bytes::BytesMut;

use super::decode::{DecodeError, Decoder};
use super::encode::FieldsWriter;
use super::types::{Array, Value};

const MECHANISMS: u8 = 0x40;
const INIT: u64 = 0x41;
const RESPONSE: u64 = 0x43;
const OUTCOME: u8 = 0x44;

/// What the endpoint lets clients choose from. It believes every one of them: it listens on loopback for the
/// scenario's own clients, and none of them has a secret that could be checked.
pub(crate) const OFFERED_MECHANISMS: [&str; 4] = ["ANONYMOUS", "PLAIN", "EXTERNAL", "MSSBCBS"];

/// How the login ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok = 0,
    Auth = 1,
}

/// What a client sends during login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromClient {
    /// The mechanism it chose.
    Init(String),
    /// An answer to a challenge; none is ever asked for.
    Response,
}

pub(crate) fn decode(body: &[u8]) -> Result<FromClient, DecodeError> {
    let mut decoder = Decoder::new(body);
    match decoder.descriptor()? {
        INIT => {
            let mechanism = decoder.fields()?.text()?.ok_or(DecodeError::MissingField("mechanism"))?;
            Ok(FromClient::Init(mechanism.to_owned()))
        }
        RESPONSE => Ok(FromClient::Response),
        unknown => Err(DecodeError::UnknownDescriptor(unknown)),
    }
}

pub(crate) fn encode_mechanisms(out: &mut BytesMut) {
    FieldsWriter::new(MECHANISMS, out).value(Some(&Value::Array(Array::symbols(&OFFERED_MECHANISMS))));
}

pub(crate) fn encode_outcome(outcome: Outcome, out: &mut BytesMut) {
    FieldsWriter::new(OUTCOME, out).ubyte(outcome as u8).nulls(1);
}
