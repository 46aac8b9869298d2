//! Event Hubs: namespaces, their hubs, and the hubs' consumer groups.

use azure_core::http::Url;
use serde::{Deserialize, Deserializer};

use super::client::Management;
use super::error::ManagementError;
use super::resource_groups::GroupPlace;

const VERSION: &str = "2024-01-01";

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "NamespaceReply")]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its full host name; `None` while it is being made.
    pub host: Option<String>,
    /// `Basic`, `Standard`, `Premium` or what else there may be.
    pub tier: String,
    /// Throughput units, of which each takes 1 MB/s or 1,000 events/s in. Only Basic and Standard have them: what Premium
    /// counts are processing units, and a dedicated cluster has neither.
    pub throughput_units: Option<u32>,
    /// So many throughput units there may become by themselves (auto-inflate).
    pub inflates_to: Option<u32>,
}

#[derive(Deserialize)]
struct NamespaceReply {
    name: String,
    #[serde(default)]
    sku: Option<Sku>,
    properties: NamespaceProperties,
}

#[derive(Deserialize)]
struct Sku {
    #[serde(default)]
    name: String,
    capacity: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceProperties {
    service_bus_endpoint: Option<String>,
    #[serde(default)]
    is_auto_inflate_enabled: Option<bool>,
    maximum_throughput_units: Option<u32>,
    cluster_arm_id: Option<String>,
}

impl From<NamespaceReply> for Namespace {
    fn from(reply: NamespaceReply) -> Self {
        let NamespaceReply { name, sku, properties } = reply;
        let (tier, capacity) = sku.map(|sku| (sku.name, sku.capacity)).unwrap_or_default();
        let has_units = matches!(tier.as_str(), "Basic" | "Standard") && properties.cluster_arm_id.is_none();
        let inflates = properties.is_auto_inflate_enabled == Some(true);
        let positive = |units: Option<u32>| units.filter(|units| has_units && *units > 0);
        let host = properties.service_bus_endpoint.and_then(|endpoint| host_of(&endpoint));
        Self {
            name,
            host,
            tier,
            throughput_units: positive(capacity),
            inflates_to: positive(properties.maximum_throughput_units).filter(|_| inflates),
        }
    }
}

/// `https://contoso.servicebus.windows.net:443/` is at `contoso.servicebus.windows.net`; a stand-in's port is kept.
fn host_of(endpoint: &str) -> Option<String> {
    let url = Url::parse(endpoint).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// A hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hub {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    #[serde(rename = "properties", deserialize_with = "partitions")]
    pub partitions: Option<u32>,
}

fn partitions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Properties {
        partition_count: Option<u32>,
    }
    Properties::deserialize(deserializer).map(|properties| properties.partition_count)
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConsumerGroup {
    /// Its name.
    pub name: String,
}

impl Management {
    /// The namespaces of a resource group.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn namespaces(&self, group: &GroupPlace) -> Result<Vec<Namespace>, ManagementError> {
        let what = format!("Event Hubs namespaces of the resource group {:?}", group.name);
        self.list(&what, &group.path(&["Microsoft.EventHub", "namespaces"]), VERSION).await
    }

    /// The hubs of a namespace.
    ///
    /// # Errors
    /// [`ManagementError`].
    pub async fn hubs(&self, group: &GroupPlace, namespace: &str) -> Result<Vec<Hub>, ManagementError> {
        let what = format!("hubs of the namespace {namespace:?}");
        let path = group.path(&["Microsoft.EventHub", "namespaces", namespace, "eventhubs"]);
        self.list(&what, &path, VERSION).await
    }

    /// The consumer groups of a hub.
    ///
    /// # Errors
    /// [`ManagementError`], within the bounds.
    pub async fn consumer_groups(
        &self,
        group: &GroupPlace,
        namespace: &str,
        hub: &str,
    ) -> Result<Vec<ConsumerGroup>, ManagementError> {
        let what = format!("consumer groups of the hub {hub:?}");
        let path = group.path(&["Microsoft.EventHub", "namespaces", namespace, "eventhubs", hub, "consumergroups"]);
        self.bounded(&what, self.list(&what, &path, VERSION)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_basic_and_standard_have_throughput_units() {
        let namespace = |tier: &str, more: &str| -> Namespace {
            let text = format!(
                "{{\"name\":\"n\",\"sku\":{{\"name\":{tier:?},\"capacity\":4}},\"properties\":{{\
                 \"serviceBusEndpoint\":\"https://N.servicebus.windows.net:443/\"{more}}}}}"
            );
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(namespace("Standard", "").throughput_units, Some(4));
        assert_eq!(namespace("Standard", "").host.as_deref(), Some("n.servicebus.windows.net"));
        assert_eq!(namespace("Premium", "").throughput_units, None);
        assert_eq!(namespace("Standard", ",\"clusterArmId\":\"/x\"").throughput_units, None);
        assert_eq!(namespace("Standard", ",\"maximumThroughputUnits\":10").inflates_to, None);
        let inflating = namespace("Standard", ",\"isAutoInflateEnabled\":true,\"maximumThroughputUnits\":10");
        assert_eq!((inflating.throughput_units, inflating.inflates_to), (Some(4), Some(10)));
    }
}
