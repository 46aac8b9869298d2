//! The error conditions that the endpoint answers with, of the standard and of Event Hubs.

pub(crate) const NOT_FOUND: &str = "amqp:not-found";
pub(crate) const DECODE_ERROR: &str = "amqp:decode-error";
pub(crate) const RESOURCE_LIMIT_EXCEEDED: &str = "amqp:resource-limit-exceeded";
pub(crate) const NOT_ALLOWED: &str = "amqp:not-allowed";
pub(crate) const INVALID_FIELD: &str = "amqp:invalid-field";
pub(crate) const NOT_IMPLEMENTED: &str = "amqp:not-implemented";
pub(crate) const CONNECTION_FORCED: &str = "amqp:connection:forced";
pub(crate) const FRAMING_ERROR: &str = "amqp:connection:framing-error";
pub(crate) const HANDLE_IN_USE: &str = "amqp:session:handle-in-use";
pub(crate) const UNATTACHED_HANDLE: &str = "amqp:session:unattached-handle";
pub(crate) const MESSAGE_SIZE_EXCEEDED: &str = "amqp:link:message-size-exceeded";
pub(crate) const LINK_STOLEN: &str = "amqp:link:stolen";
pub(crate) const UNAUTHORIZED_ACCESS: &str = "amqp:unauthorized-access";
pub(crate) const SERVER_BUSY: &str = "com.microsoft:server-busy";
