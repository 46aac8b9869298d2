//! A container of Cosmos DB as a scenario file describes it: `[store.cosmos]`.

use serde::Deserialize;

use super::value::{Every, Name, Percent, Provisioned, RootEndpoint};
use crate::azure::CosmosAddress;
use crate::azure::credentials::{self, CredentialChoice, CredentialError, Environment};

/// A container of Cosmos DB, and what may be spent on watching it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cosmos {
    /// The account.
    pub endpoint: RootEndpoint,
    /// The database.
    pub database: Name,
    /// The container.
    pub container: Name,
    /// The region whose replicas are asked first, such as `West Europe`.
    pub region: Option<Name>,
    /// RU/s that are provisioned, where the account's offer can't be read: a role for data alone may not read it.
    pub provisioned: Option<Provisioned>,
    /// What the monitor may spend, in percent of what is provisioned. Past it, the change feed is sampled: latencies are
    /// those of the items that were read.
    #[serde(default = "one_percent")]
    pub budget_percent: Percent,
    /// How to log in.
    #[serde(default)]
    pub credential: CredentialChoice,
    /// How often the change feed is looked at.
    #[serde(default)]
    pub refresh: Every,
}

fn one_percent() -> Percent {
    Percent::ONE
}

impl Cosmos {
    /// Where it is, with what the environment knows.
    ///
    /// # Errors
    /// A credential that is wanted and not there, or is for another account.
    pub fn address(&self, environment: &Environment<'_>) -> Result<CosmosAddress, CredentialError> {
        Ok(CosmosAddress {
            endpoint: self.endpoint.as_str().to_owned(),
            database: self.database.as_str().to_owned(),
            container: self.container.as_str().to_owned(),
            region: self.region.as_ref().map(|region| region.as_str().to_owned()),
            credential: credentials::cosmos(self.credential, self.endpoint.as_str(), environment)?,
        })
    }
}
