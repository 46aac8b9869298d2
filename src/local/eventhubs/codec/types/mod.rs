//! The types of AMQP (part 1 of the standard): any value, and the names for its constructors.

pub(crate) mod constructor;
pub(crate) mod value;

pub(crate) use value::{Array, Value};
