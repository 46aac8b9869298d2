//! Claims: what a shared access policy allows, and which role of Entra ID allows the same.

use std::fmt;

use azure_messaging_eventhubs::EventHubsError;

use crate::azure::error::{AzureError, Service};

/// A right of a shared access policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Reads log ends, and receives.
    Listen,
    /// Sends.
    Send,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listen => "Listen",
            Self::Send => "Send",
        })
    }
}

impl Claim {
    fn role(self) -> &'static str {
        match self {
            Self::Listen => "Azure Event Hubs Data Receiver",
            Self::Send => "Azure Event Hubs Data Sender",
        }
    }

    /// What to do about an error, if it says that the credential lacks this claim.
    pub(crate) fn lacking(self, error: &EventHubsError) -> Option<String> {
        match AzureError::refusing(Service::EventHubs, String::new(), "", error) {
            AzureError::Forbidden { reason, .. } => Some(format!(
                "the credential has no right to it; it takes the role {}, or a key with the claim {self} in {} ({reason})",
                self.role(),
                Service::EventHubs.variables(),
            )),
            _ => None,
        }
    }
}
