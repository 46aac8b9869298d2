//! An event hub as a scenario file describes it: `[ingest.event-hubs]`.

use serde::Deserialize;

use super::value::{AmqpEndpoint, CallsPerSecond, Every, Host, Name, ThroughputUnits};
use crate::azure::credentials::{self, CredentialChoice, CredentialError, Environment};
use crate::azure::eventhubs::DEFAULT_GROUP;
use crate::azure::{EventHubsAddress, EventHubsCredential};

/// An event hub and the consumer group whose lag is watched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventHubs {
    /// The full host name of the namespace. It is part of the names of checkpoints.
    pub namespace: Host,
    /// The name of the hub.
    pub hub: Name,
    /// The consumer group of the processor.
    #[serde(default = "default_group")]
    pub consumer_group: Name,
    /// The throughput units of the namespace (Basic, Standard): the limit of what it takes in. They can be read through
    /// the management API alone: `attach --resource-group` does.
    pub throughput_units: Option<ThroughputUnits>,
    /// Connect here instead: an emulator, or a private endpoint.
    pub endpoint: Option<AmqpEndpoint>,
    /// How to log in.
    #[serde(default)]
    pub credential: CredentialChoice,
    /// How often the log ends are read: one management call for each partition.
    #[serde(default)]
    pub refresh: Every,
    /// No more management calls a second than these. Where they do not suffice for all partitions at each look, the
    /// partitions are read in rotation. Event Hubs answers 50 a second and hub to all who ask together: leave some to the
    /// processor's scale controller, and to other monitors.
    #[serde(default)]
    pub calls_per_second: CallsPerSecond,
}

fn default_group() -> Name {
    Name::try_from(DEFAULT_GROUP.to_owned()).unwrap_or_else(|_| unreachable!("a name"))
}

impl EventHubs {
    /// Where it is, with what the environment knows.
    ///
    /// # Errors
    /// A credential that is wanted and not there, or is for another namespace.
    pub fn address(&self, environment: &Environment<'_>) -> Result<EventHubsAddress, CredentialError> {
        let found = credentials::event_hubs(self.credential, self.namespace.as_str(), self.hub.as_str(), environment)?;
        let custom_endpoint = self.endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned());
        let credential = match &self.endpoint {
            // Who listens without encryption on this machine asks for nothing, unless the file says otherwise.
            Some(endpoint) if endpoint.is_plaintext() && self.credential != CredentialChoice::Environment => {
                EventHubsCredential::Anonymous
            }
            _ => found.credential,
        };
        Ok(EventHubsAddress {
            namespace: self.namespace.as_str().to_owned(),
            hub: self.hub.as_str().to_owned(),
            custom_endpoint: custom_endpoint.or(found.emulator),
            credential,
        })
    }
}
