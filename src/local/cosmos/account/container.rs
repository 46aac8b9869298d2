//! A container: how it is planned, its physical partitions, and the JSON that describes it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Database, resource_name};
use crate::local::cosmos::document::{ItemTtl, PartitionKeyPath};
use crate::local::cosmos::epk::{EffectivePartitionKey, KeyRange};
use crate::local::cosmos::partition::{Partition, Seconds};
use crate::local::cosmos::rid::{ContainerRid, ResourceId};
use crate::local::cosmos::units::RequestUnits;

/// What a container does with items as they age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local::cosmos) enum TimeToLive {
    /// Items stay, whatever their own `ttl` says.
    Off,
    /// Only items with a `ttl` of their own expire. `defaultTtl: -1`.
    ByItem,
    /// Items without a `ttl` of their own live this long.
    Seconds(u64),
}

impl TimeToLive {
    /// When an item that is written now expires.
    pub(in crate::local::cosmos) fn expiry(self, written: Seconds, own: Option<ItemTtl>) -> Option<Seconds> {
        let seconds = match (self, own) {
            (Self::Off, _) | (_, Some(ItemTtl::Never)) | (Self::ByItem, None) => return None,
            (_, Some(ItemTtl::Seconds(own))) => own,
            (Self::Seconds(default), None) => default,
        };
        Some(Seconds(written.0.saturating_add(seconds)))
    }

    fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Off),
            value if value.as_i64() == Some(-1) => Some(Self::ByItem),
            value => value.as_u64().filter(|seconds| *seconds > 0).map(Self::Seconds),
        }
    }
}

/// A container.
#[derive(Debug)]
pub(in crate::local::cosmos) struct Container {
    pub(in crate::local::cosmos) id: String,
    pub(in crate::local::cosmos) rid: ResourceId,
    pub(in crate::local::cosmos) link: String,
    pub(in crate::local::cosmos) key_path: PartitionKeyPath,
    pub(in crate::local::cosmos) time_to_live: TimeToLive,
    partitions: RwLock<Arc<[Arc<Partition>]>>,
    /// Held by whoever uses a partition, and alone by whoever splits one.
    topology: RwLock<()>,
    next_partition: AtomicU32,
    place: ContainerRid,
    created: Seconds,
    throughput: Mutex<Throughput>,
    next_item: AtomicU64,
}

/// How a container's throughput is provisioned, in RU/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local::cosmos) enum Throughput {
    /// So much, used or not.
    Manual(u32),
    /// As much as is used, up to this.
    Autoscale(u32),
}

impl Throughput {
    fn most(self) -> u32 {
        match self {
            Self::Manual(units) | Self::Autoscale(units) => units,
        }
    }
}

/// What a new container is like.
#[derive(Debug, Clone)]
pub(in crate::local::cosmos) struct ContainerPlan {
    pub(in crate::local::cosmos) id: String,
    pub(in crate::local::cosmos) key_path: PartitionKeyPath,
    pub(in crate::local::cosmos) time_to_live: TimeToLive,
    pub(in crate::local::cosmos) request_units: u32,
}

/// Why a container cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::local::cosmos) enum BadContainer {
    #[error("the body is not a JSON object with a string \"id\" of 1 to 255 characters, none of them / \\ ? #")]
    NoId,
    #[error("\"partitionKey\" must have exactly one path such as \"/deviceId\" here: hierarchical keys are not served")]
    NotOnePath,
    #[error("\"partitionKey\" has version {0}, and only version 2 is served here")]
    OldVersion(i64),
    #[error("\"defaultTtl\" must be a positive number of seconds, or -1")]
    BadTtl,
}

/// What an account gives a container that asks for no throughput.
const DEFAULT_REQUEST_UNITS: u32 = 400;

impl ContainerPlan {
    /// Reads the body of a "create container" request; `throughput` is the header `x-ms-offer-throughput`.
    pub(in crate::local::cosmos) fn of_json(body: &[u8], throughput: Option<u32>) -> Result<Self, BadContainer> {
        let body: Value = serde_json::from_slice(body).map_err(|_| BadContainer::NoId)?;
        let id = resource_name(&body).ok_or(BadContainer::NoId)?;
        let key = &body["partitionKey"];
        // Version 1 when left out, says the service; every current client says 2, and so do we.
        let version = key["version"].as_i64().unwrap_or(2);
        if version != 2 {
            return Err(BadContainer::OldVersion(version));
        }
        let key_path = match key["paths"].as_array().map(Vec::as_slice) {
            Some([path]) => path.as_str().and_then(PartitionKeyPath::parse).ok_or(BadContainer::NotOnePath)?,
            _ => return Err(BadContainer::NotOnePath),
        };
        let time_to_live = TimeToLive::of_json(&body["defaultTtl"]).ok_or(BadContainer::BadTtl)?;
        Ok(Self { id, key_path, time_to_live, request_units: throughput.unwrap_or(DEFAULT_REQUEST_UNITS) })
    }
}

impl Container {
    /// A container without items.
    pub(super) fn new(plan: ContainerPlan, database: &Database, number: u32, now: SystemTime) -> Self {
        let place = database.place.container(number);
        let rid = place.id();
        let ranges = KeyRange::cut(physical_partitions(plan.request_units));
        Self {
            link: format!("{}colls/{rid}/", database.link),
            next_partition: AtomicU32::new(u32::try_from(ranges.len()).unwrap_or(u32::MAX)),
            partitions: RwLock::new((0..).zip(ranges).map(|(id, range)| Arc::new(Partition::new(id, range))).collect()),
            topology: RwLock::default(),
            throughput: Mutex::new(Throughput::Manual(plan.request_units)),
            next_item: AtomicU64::new(1),
            created: Seconds::of(now),
            id: plan.id,
            key_path: plan.key_path,
            time_to_live: plan.time_to_live,
            rid,
            place,
        }
    }

    /// What is provisioned for the whole container.
    pub(in crate::local::cosmos) fn request_units(&self) -> u32 {
        self.throughput().most()
    }

    fn throughput(&self) -> Throughput {
        *self.throughput.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Provisions anew. The partitions stay as they are: the service too splits and merges them long after the change.
    pub(in crate::local::cosmos) fn provision(&self, throughput: Throughput) {
        *self.throughput.lock().unwrap_or_else(PoisonError::into_inner) = throughput;
    }

    /// The partitions, in the order of their keys.
    pub(in crate::local::cosmos) fn partitions(&self) -> Arc<[Arc<Partition>]> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps partitions from being split while it is held.
    pub(in crate::local::cosmos) fn hold_topology(&self) -> RwLockReadGuard<'_, ()> {
        self.topology.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Splits a partition in two halves of its keys. Each begins where it stood: items keep their LSNs, so that a reader
    /// of the change feed goes on with either from where it was. False if there is no such partition.
    pub(in crate::local::cosmos) fn split(&self, id: u32) -> bool {
        let _alone = self.topology.write().unwrap_or_else(PoisonError::into_inner);
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = partitions.iter().position(|partition| partition.id == id) else { return false };
        let first = self.next_partition.fetch_add(2, Ordering::Relaxed);
        let halves = partitions[place].split([first, first + 1]);
        let mut new: Vec<Arc<Partition>> = partitions.to_vec();
        new.splice(place..=place, halves.map(Arc::new));
        *partitions = new.into();
        true
    }

    /// The tag of the feed of ranges: another one after each split.
    pub(in crate::local::cosmos) fn ranges_etag(&self) -> String {
        format!("\"00000000-0000-0000-0000-{:08x}{:04x}\"", self.created.0, self.next_partition.load(Ordering::Relaxed))
    }

    /// Each partition's equal share of what is provisioned.
    pub(in crate::local::cosmos) fn partition_budget(&self) -> RequestUnits {
        RequestUnits::hundredths(u64::from(self.request_units()) * 100 / self.partitions().len().max(1) as u64)
    }

    /// The partition of a key.
    pub(in crate::local::cosmos) fn partition_of(&self, key: EffectivePartitionKey) -> Option<Arc<Partition>> {
        let partitions = self.partitions();
        let after = partitions.partition_point(|partition| partition.range.min <= key);
        partitions.get(after.checked_sub(1)?).cloned()
    }

    /// The number of a new item, for its `_rid`.
    pub(in crate::local::cosmos) fn new_item_number(&self) -> u64 {
        self.next_item.fetch_add(1, Ordering::Relaxed)
    }

    pub(in crate::local::cosmos) fn item_rid(&self, number: u64) -> ResourceId {
        self.place.item(number)
    }

    /// The tag of the description; nothing changes it.
    pub(in crate::local::cosmos) fn etag(&self) -> String {
        format!("\"00000000-0000-0000-0000-{:08x}0000\"", self.created.0)
    }

    /// The container as JSON.
    pub(in crate::local::cosmos) fn describe(&self) -> Value {
        let mut described = json!({
            "id": self.id,
            "_rid": self.rid.as_str(),
            "_self": self.link,
            "_etag": self.etag(),
            "_ts": self.created.0,
            "partitionKey": { "paths": [self.key_path.to_string()], "kind": "Hash", "version": 2 },
            "indexingPolicy": {
                "indexingMode": "consistent",
                "automatic": true,
                "includedPaths": [{ "path": "/*" }],
                "excludedPaths": [{ "path": "/\"_etag\"/?" }]
            },
            "conflictResolutionPolicy": {
                "mode": "LastWriterWins",
                "conflictResolutionPath": "/_ts",
                "conflictResolutionProcedure": ""
            },
            "_docs": "docs/",
            "_sprocs": "sprocs/",
            "_triggers": "triggers/",
            "_udfs": "udfs/",
            "_conflicts": "conflicts/"
        });
        match self.time_to_live {
            TimeToLive::Off => {}
            TimeToLive::ByItem => described["defaultTtl"] = json!(-1),
            TimeToLive::Seconds(seconds) => described["defaultTtl"] = json!(seconds),
        }
        described
    }

    /// The feed of partition key ranges.
    pub(in crate::local::cosmos) fn describe_ranges(&self) -> Value {
        let fraction = 1.0 / self.partitions().len().max(1) as f64;
        let ranges: Vec<Value> = self
            .partitions()
            .iter()
            .map(|partition| {
                let rid = self.place.range(partition.id);
                json!({
                    "id": partition.id.to_string(),
                    "_self": format!("{}pkranges/{rid}/", self.link),
                    "_rid": rid.as_str(),
                    "_etag": self.ranges_etag(),
                    "_ts": self.created.0,
                    "_lsn": partition.lock().items.last().0,
                    "minInclusive": partition.range.min.to_string(),
                    "maxExclusive": partition.range.max.to_string(),
                    "ridPrefix": partition.id,
                    "throughputFraction": fraction,
                    "status": "online",
                    "parents": partition.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({ "_rid": self.rid.as_str(), "_count": ranges.len(), "PartitionKeyRanges": ranges })
    }

    /// The throughput offer of the container.
    pub(in crate::local::cosmos) fn describe_offer(&self) -> Value {
        let id = self.offer_id();
        let mut content = json!({ "offerThroughput": self.request_units() });
        match self.throughput() {
            Throughput::Manual(_) => content["offerIsRUPerMinuteThroughputEnabled"] = json!(false),
            // The service tells what it has scaled to beside the most: never less than a tenth of it.
            Throughput::Autoscale(most) => {
                content["offerThroughput"] = json!(most / 10);
                content["offerAutopilotSettings"] = json!({ "maxThroughput": most });
            }
        }
        json!({
            "id": id,
            "_rid": id,
            "_self": format!("offers/{id}/"),
            "_etag": self.etag(),
            "_ts": self.created.0,
            "resource": self.link,
            "offerResourceId": self.rid.as_str(),
            "offerType": "Invalid",
            "offerVersion": "V2",
            "content": content
        })
    }

    /// The id of its throughput offer.
    pub(in crate::local::cosmos) fn offer_id(&self) -> String {
        self.place.offer()
    }
}

/// A physical partition serves up to 10,000 RU/s. At least two, so that what depends on more than one is always seen.
fn physical_partitions(request_units: u32) -> u32 {
    request_units.div_ceil(10_000).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_that_are_not_served_are_refused() {
        for (body, expected) in [
            ("", BadContainer::NoId),
            (r#"{"partitionKey":{"paths":["/a"]}}"#, BadContainer::NoId),
            (r#"{"id":"a/b","partitionKey":{"paths":["/a"]}}"#, BadContainer::NoId),
            (r#"{"id":"c"}"#, BadContainer::NotOnePath),
            (r#"{"id":"c","partitionKey":{"paths":["/a","/b"],"version":2}}"#, BadContainer::NotOnePath),
            (r#"{"id":"c","partitionKey":{"paths":["/a"],"version":1}}"#, BadContainer::OldVersion(1)),
            (r#"{"id":"c","partitionKey":{"paths":["/a"]},"defaultTtl":0}"#, BadContainer::BadTtl),
        ] {
            assert_eq!(ContainerPlan::of_json(body.as_bytes(), None).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn when_items_expire() {
        let written = Seconds(100);
        for (container, own, expected) in [
            (TimeToLive::Off, Some(ItemTtl::Seconds(5)), None),
            (TimeToLive::ByItem, None, None),
            (TimeToLive::ByItem, Some(ItemTtl::Seconds(5)), Some(105)),
            (TimeToLive::Seconds(60), None, Some(160)),
            (TimeToLive::Seconds(60), Some(ItemTtl::Never), None),
            (TimeToLive::Seconds(60), Some(ItemTtl::Seconds(5)), Some(105)),
        ] {
            assert_eq!(container.expiry(written, own), expected.map(Seconds), "{container:?} {own:?}");
        }
    }
}
