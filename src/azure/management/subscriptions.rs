//! Subscriptions: what an account pays with. All that the credential has any role in are listed.

use serde::Deserialize;

use super::client::Management;
use super::error::ManagementError;

const VERSION: &str = "2022-12-01";

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// A GUID.
    #[serde(rename = "subscriptionId")]
    pub id: String,
    /// As the portal shows it.
    #[serde(rename = "displayName", default)]
    pub name: String,
}

impl Management {
    /// The subscriptions that the credential sees.
    ///
    /// # Errors
    /// [`ManagementError`], within the bounds.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, ManagementError> {
        const WHAT: &str = "subscriptions";
        self.bounded(WHAT, self.list(WHAT, &["subscriptions"], VERSION)).await
    }
}
