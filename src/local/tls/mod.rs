//! TLS for the embedded endpoints, as the services speak it: a certificate made at start, and handshakes that are bounded
//! in time and number.

mod handshake;
mod identity;

pub(super) use handshake::Handshakes;
pub use identity::{Identity, IdentityError};
