//! What the errors of Event Hubs say of a batch.

use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_messaging_eventhubs::EventHubsError;
use azure_messaging_eventhubs::error::ErrorKind;

use super::SendError;
use crate::azure::error::root_cause;
use crate::azure::eventhubs::Claim;

/// What an error says of the batch.
pub(super) fn outcome(error: &EventHubsError) -> SendError {
    let is_busy = match &error.kind {
        ErrorKind::AmqpError(error) => matches!(
            error.kind(),
            AmqpErrorKind::AmqpDescribedError(described) if matches!(
                described.condition,
                AmqpErrorCondition::ServerBusyError | AmqpErrorCondition::ResourceLimitExceeded
            )
        ),
        _ => false,
    };
    if is_busy {
        return SendError::Busy(root_cause(error));
    }
    SendError::Lost(Claim::Send.lacking(error).unwrap_or_else(|| root_cause(error)))
}
