//! Checkpoints of Event Hubs processors in Blob storage, as a scenario file describes them: `[position.checkpoints]`. In which
//! of their forms they are written is found by looking.

use serde::Deserialize;

use super::value::{Endpoint, Every, Name};
use crate::azure::BlobAddress;
use crate::azure::credentials::{self, CredentialChoice, CredentialError, Environment};

/// A container with checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Checkpoints {
    /// The storage account.
    pub endpoint: Endpoint,
    /// The container: Azure Functions uses `azure-webjobs-eventhub`.
    #[serde(default = "functions_container")]
    pub container: Name,
    /// How to log in.
    #[serde(default)]
    pub credential: CredentialChoice,
    /// How often the checkpoints are listed: one call for 5,000 blobs.
    #[serde(default)]
    pub refresh: Every,
}

/// Where Azure Functions keeps checkpoints.
pub(super) const FUNCTIONS_CONTAINER: &str = "azure-webjobs-eventhub";

fn functions_container() -> Name {
    Name::try_from(FUNCTIONS_CONTAINER.to_owned()).unwrap_or_else(|_| unreachable!("a name"))
}

impl Checkpoints {
    /// Where they are, with what the environment knows.
    ///
    /// # Errors
    /// A credential that is wanted and not there, or is for another account.
    pub fn address(&self, environment: &Environment<'_>) -> Result<BlobAddress, CredentialError> {
        Ok(BlobAddress {
            endpoint: self.endpoint.as_str().to_owned(),
            container: self.container.as_str().to_owned(),
            credential: credentials::blob(self.credential, self.endpoint.as_str(), environment)?,
        })
    }
}
