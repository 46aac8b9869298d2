//! Resource groups. Those that the credential may read are listed, also where it has a role on one of them alone.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::Management;
use super::error::ManagementError;

const VERSION: &str = "2021-04-01";

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourceGroup {
    /// Its name, in the spelling in which it was made; any other means the same.
    pub name: String,
    /// The region, such as `westeurope`.
    #[serde(default)]
    pub location: String,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

impl ResourceGroup {
    /// Whether upstream's scripts made it: they leave a tag (streaming-at-scale, `create-resource-group.sh`).
    pub fn is_upstreams(&self) -> bool {
        let tag = self.tags.as_ref().and_then(|tags| tags.get("streaming_at_scale_generated"));
        tag.is_some_and(|value| value == "1")
    }
}

/// Which resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlace {
    /// The subscription that it is in: a GUID.
    pub subscription: String,
    /// Its name.
    pub name: String,
}

impl GroupPlace {
    /// The path to what a provider has in it, such as `["Microsoft.EventHub", "namespaces"]`.
    pub(super) fn path<'a>(&'a self, of_provider: &[&'a str]) -> Vec<&'a str> {
        let group = ["subscriptions", &self.subscription, "resourceGroups", &self.name, "providers"];
        [&group[..], of_provider].concat()
    }
}

impl Management {
    /// The resource groups of a subscription.
    ///
    /// # Errors
    /// [`ManagementError`], within the bounds.
    pub async fn resource_groups(&self, subscription: &str) -> Result<Vec<ResourceGroup>, ManagementError> {
        let what = format!("resource groups of the subscription {subscription}");
        self.bounded(&what, self.list(&what, &["subscriptions", subscription, "resourcegroups"], VERSION)).await
    }

    /// A resource group by its name.
    ///
    /// # Errors
    /// [`ManagementError`], within the bounds.
    pub async fn resource_group(&self, subscription: &str, name: &str) -> Result<ResourceGroup, ManagementError> {
        let what = format!("resource group {name:?}");
        self.bounded(&what, self.one(&what, &["subscriptions", subscription, "resourcegroups", name], VERSION)).await
    }
}
