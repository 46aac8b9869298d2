//! AMQP 1.0 on the wire: types, performatives and frames. Nothing here knows of Event Hubs.
//!
//! Written after the OASIS standard, "AMQP Version 1.0" (29 October 2012); comments name its sections,
//! for example 1.6.22 for the encodings of a list. Three rules hold throughout:
//!
//! 1. **Decoding is total.** Any bytes give a value or a [`decode::DecodeError`], never a panic; nesting and
//!    allocation are bounded by what has really arrived.
//! 2. **Every field of a performative is written**, as null where it is absent. The standard lets a sender trim
//!    trailing nulls, but Python's `azure-eventhub` reads fields by index and fails on a shorter list.
//! 3. **What the endpoint does not need is skipped**, by its size, without being decoded.

pub(crate) mod condition;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod frame;
pub(crate) mod message;
pub(crate) mod performatives;
pub(crate) mod sasl;
pub(crate) mod types;

#[cfg(test)]
pub(crate) mod tests;
