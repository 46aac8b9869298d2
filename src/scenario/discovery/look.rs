//! Looks into a resource group for what can be watched: hubs, containers for checkpoints, containers of Cosmos DB.

use azure_core::http::Url;

use super::choice::{Candidate, DiscoveryError};
use crate::azure::management::client::of_each;
use crate::azure::management::event_hubs::{ConsumerGroup, Hub, Namespace};
use crate::azure::management::resource_groups::{GroupPlace, ResourceGroup};
use crate::azure::management::storage::BlobContainer;
use crate::azure::management::subscriptions::Subscription;
use crate::azure::management::{Management, ManagementError};
use crate::scenario::checkpoints::FUNCTIONS_CONTAINER;
use crate::toml_file::nearest;

/// What of a resource group can be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Hubs, by namespace.
    pub hubs: Vec<HubFound>,
    /// Containers that can hold checkpoints, by account.
    pub checkpoints: Vec<CheckpointsFound>,
    /// Containers of Cosmos DB, by account and database.
    pub stores: Vec<StoreFound>,
}

/// A hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFound {
    /// Its namespace.
    pub namespace: Namespace,
    /// The namespace's full host name.
    pub host: String,
    /// The hub.
    pub hub: Hub,
}

/// A container that can hold checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointsFound {
    /// The storage account.
    pub account: String,
    /// Where its blobs are.
    pub endpoint: String,
    /// The container.
    pub container: String,
}

/// A container of Cosmos DB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFound {
    /// The account.
    pub account: String,
    /// Where it is.
    pub endpoint: String,
    /// The database.
    pub database: String,
    /// The container.
    pub container: String,
}

impl Candidate for Subscription {
    fn path(&self) -> Vec<&str> {
        vec![if self.name.is_empty() { &self.id } else { &self.name }]
    }

    fn note(&self) -> String {
        if self.name.is_empty() { String::new() } else { self.id.clone() }
    }

    fn answers_to(&self, wanted: &str) -> bool {
        [&self.id, &self.name].iter().any(|known| known.eq_ignore_ascii_case(wanted.trim()))
    }
}

impl Candidate for ResourceGroup {
    fn path(&self) -> Vec<&str> {
        vec![&self.name]
    }

    fn note(&self) -> String {
        let by = if self.is_upstreams() { ", deployed by streaming-at-scale" } else { "" };
        format!("{}{by}", self.location)
    }
}

/// A resource group and the subscription in which one of its name was found.
impl Candidate for (Subscription, ResourceGroup) {
    fn path(&self) -> Vec<&str> {
        self.0.path()
    }

    fn note(&self) -> String {
        format!("{} in {}", self.1.name, self.1.location)
    }
}

impl Candidate for HubFound {
    fn path(&self) -> Vec<&str> {
        vec![&self.namespace.name, &self.hub.name]
    }

    fn note(&self) -> String {
        let partitions = match self.hub.partitions {
            Some(1) => "1 partition".to_owned(),
            Some(partitions) => format!("{partitions} partitions"),
            None => String::new(),
        };
        let parts = [partitions, self.namespace.tier.clone()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

impl Candidate for ConsumerGroup {
    fn path(&self) -> Vec<&str> {
        vec![&self.name]
    }
}

impl Candidate for CheckpointsFound {
    fn path(&self) -> Vec<&str> {
        vec![&self.account, &self.container]
    }

    fn note(&self) -> String {
        let is_theirs = self.container == FUNCTIONS_CONTAINER;
        if is_theirs { "that of Azure Functions".into() } else { String::new() }
    }
}

impl Candidate for StoreFound {
    fn path(&self) -> Vec<&str> {
        vec![&self.account, &self.database, &self.container]
    }
}

/// Whether a text is the id of a subscription.
pub fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|letter| letter.is_ascii_hexdigit()))
}

/// The subscriptions in which there is a resource group of a name. Azure answers 403 both where a credential may not read
/// a group and where there is none: of several subscriptions such an answer means "not there", of one it is told.
///
/// # Errors
/// [`DiscoveryError::NoGroup`] with the nearest name where there is none, else what the management API says.
pub async fn groups_named(
    management: &Management,
    subscriptions: &[Subscription],
    name: &str,
) -> Result<Vec<(Subscription, ResourceGroup)>, DiscoveryError> {
    let alone = subscriptions.len() == 1;
    let asked =
        of_each(subscriptions, async |subscription| match management.resource_group(&subscription.id, name).await {
            Ok(group) => Ok(Some((subscription.clone(), group))),
            Err(ManagementError::NotFound { .. }) => Ok(None),
            Err(ManagementError::Forbidden { .. }) if !alone => Ok(None),
            Err(error) => Err(error),
        });
    let found: Vec<_> = management.bounded("the resource group", asked).await?.into_iter().flatten().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let listed = of_each(subscriptions, async |subscription| management.resource_groups(&subscription.id).await);
    // Near names are a courtesy: without them the sentence stands.
    let listed = management.bounded("the resource groups", listed).await.unwrap_or_default();
    let names: Vec<String> = listed.into_iter().flatten().map(|group| group.name).collect();
    let meant = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    let place = match subscriptions {
        [one] => format!("the subscription {}", one.shown()),
        several => format!("any of {} subscriptions", several.len()),
    };
    Err(DiscoveryError::NoGroup { typed: name.chars().take(90).collect(), place, meant, count: names.len() })
}

/// What of a resource group can be watched, within the bounds of the client.
///
/// # Errors
/// What the management API says.
pub async fn look(management: &Management, group: &GroupPlace) -> Result<Found, ManagementError> {
    let what = format!("what is in the resource group {:?}", group.name);
    let looking = async {
        let (hubs, checkpoints, stores) =
            futures::try_join!(hubs(management, group), checkpoints(management, group), stores(management, group))?;
        Ok(Found { hubs, checkpoints, stores })
    };
    management.bounded(&what, looking).await
}

async fn hubs(management: &Management, group: &GroupPlace) -> Result<Vec<HubFound>, ManagementError> {
    let found = of_each(management.namespaces(group).await?, async |namespace| {
        let Some(host) = namespace.host.clone() else { return Ok(Vec::new()) };
        let hubs = management.hubs(group, &namespace.name).await?;
        let found = hubs.into_iter().map(|hub| HubFound { namespace: namespace.clone(), host: host.clone(), hub });
        Ok(found.collect::<Vec<_>>())
    });
    Ok(found.await?.concat())
}

async fn checkpoints(management: &Management, group: &GroupPlace) -> Result<Vec<CheckpointsFound>, ManagementError> {
    let found = of_each(management.storage_accounts(group).await?, async |account| {
        let Some(endpoint) = account.blob_endpoint else { return Ok(Vec::new()) };
        let containers = management.blob_containers(group, &account.name).await?;
        let usable = containers.into_iter().filter(BlobContainer::can_hold_checkpoints);
        let found = usable.map(|container| CheckpointsFound {
            account: account.name.clone(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            container: container.name,
        });
        Ok(found.collect::<Vec<_>>())
    });
    Ok(found.await?.concat())
}

async fn stores(management: &Management, group: &GroupPlace) -> Result<Vec<StoreFound>, ManagementError> {
    let accounts = management.cosmos_accounts(group).await?;
    let found = of_each(accounts.into_iter().filter(|account| account.speaks_sql), async |account| {
        let Some(endpoint) = account.endpoint.as_deref().map(without_port) else { return Ok(Vec::new()) };
        let databases = management.sql_databases(group, &account.name).await?;
        let containers = of_each(databases, async |database| {
            let containers = management.sql_containers(group, &account.name, &database.name).await?;
            let found = containers.into_iter().map(|container| StoreFound {
                account: account.name.clone(),
                endpoint: endpoint.clone(),
                database: database.name.clone(),
                container: container.name,
            });
            Ok(found.collect::<Vec<_>>())
        });
        Ok(containers.await?.concat())
    });
    Ok(found.await?.concat())
}

/// Cosmos DB names its port, `https://contoso.documents.azure.com:443/`, which nobody writes.
fn without_port(endpoint: &str) -> String {
    Url::parse(endpoint).map_or_else(|_| endpoint.to_owned(), |url| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(is_guid("291bba3f-e0a5-47bc-a099-3bdcb2a50a05"));
        assert!(is_guid(" 291BBA3F-E0A5-47BC-A099-3BDCB2A50A05 "));
        for name in ["", "contoso", "291bba3f-e0a5-47bc-a099", "291bba3f-e0a5-47bc-a099-3bdcb2a50a0x"] {
            assert!(!is_guid(name), "{name}");
        }
    }

    #[test]
    fn the_usual_port_is_left_out() {
        assert_eq!(without_port("https://contoso.documents.azure.com:443/"), "https://contoso.documents.azure.com/");
        assert_eq!(without_port("contoso"), "contoso");
    }
}
