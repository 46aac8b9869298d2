//! Storage: accounts, and the containers of those that have Blob storage. Their keys are never listed.

use serde::{Deserialize, Deserializer};

use super::client::Management;
use super::error::ManagementError;
use super::resource_groups::GroupPlace;

const VERSION: &str = "2023-05-01";

/// A storage account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StorageAccount {
    /// Its name.
    pub name: String,
    /// Where its blobs are; an account for files alone has none.
    #[serde(rename = "properties", deserialize_with = "blob_endpoint")]
    pub blob_endpoint: Option<String>,
}

fn blob_endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Properties {
        primary_endpoints: Option<Endpoints>,
    }
    #[derive(Deserialize)]
    struct Endpoints {
        blob: Option<String>,
    }
    Ok(Properties::deserialize(deserializer)?.primary_endpoints.and_then(|endpoints| endpoints.blob))
}

/// A container of blobs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BlobContainer {
    /// Its name.
    pub name: String,
    /// Deleted, and kept for a while (soft delete).
    #[serde(rename = "properties", default, deserialize_with = "deleted")]
    pub deleted: bool,
}

fn deleted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    struct Properties {
        #[serde(default)]
        deleted: Option<bool>,
    }
    Ok(Properties::deserialize(deserializer)?.deleted == Some(true))
}

impl BlobContainer {
    /// Whether checkpoints can be in it: not in what the services keep for themselves (`$logs`, `$web`; locks and keys of
    /// Azure Functions).
    pub fn can_hold_checkpoints(&self) -> bool {
        const OF_FUNCTIONS: [&str; 2] = ["azure-webjobs-hosts", "azure-webjobs-secrets"];
        !self.deleted && !self.name.starts_with('$') && !OF_FUNCTIONS.contains(&self.name.as_str())
    }
}

impl Management {
    /// The storage accounts of a resource group.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn storage_accounts(&self, group: &GroupPlace) -> Result<Vec<StorageAccount>, ManagementError> {
        let what = format!("storage accounts of the resource group {:?}", group.name);
        self.list(&what, &group.path(&["Microsoft.Storage", "storageAccounts"]), VERSION).await
    }

    /// The containers of a storage account.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn blob_containers(
        &self,
        group: &GroupPlace,
        account: &str,
    ) -> Result<Vec<BlobContainer>, ManagementError> {
        let what = format!("containers of the storage account {account:?}");
        let path =
            group.path(&["Microsoft.Storage", "storageAccounts", account, "blobServices", "default", "containers"]);
        self.list(&what, &path, VERSION).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_in_none_of_the_services_own_containers() {
        let can = |text: &str| serde_json::from_str::<BlobContainer>(text).unwrap().can_hold_checkpoints();
        assert!(can(r#"{"name":"azure-webjobs-eventhub","properties":{}}"#));
        assert!(can(r#"{"name":"checkpoints","properties":{"deleted":null}}"#));
        for text in [
            r#"{"name":"$logs","properties":{}}"#,
            r#"{"name":"azure-webjobs-secrets","properties":{}}"#,
            r#"{"name":"checkpoints","properties":{"deleted":true}}"#,
        ] {
            assert!(!can(text), "{text}");
        }
    }
}
