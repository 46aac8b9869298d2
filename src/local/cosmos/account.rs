//! The account: databases, containers and their partitions, and the JSON that describes them.
//!
//! Sources: <https://learn.microsoft.com/rest/api/cosmos-db/databases>, `…/collections`, `…/get-partition-key-ranges`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::document::{ItemTtl, PartitionKeyPath};
use super::epk::{EffectivePartitionKey, KeyRange};
use super::partition::{Partition, Seconds};
use super::rid::{ContainerRid, DatabaseRid, ResourceId};
use super::units::RequestUnits;

/// What a container does with items as they age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeToLive {
    /// Items stay, whatever their own `ttl` says.
    Off,
    /// Only items with a `ttl` of their own expire. `defaultTtl: -1`.
    ByItem,
    /// Items without a `ttl` of their own live this long.
    Seconds(u64),
}

impl TimeToLive {
    /// When an item that is written now expires.
    pub(super) fn expiry(self, written: Seconds, own: Option<ItemTtl>) -> Option<Seconds> {
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
pub(super) struct Container {
    pub(super) id: String,
    pub(super) rid: ResourceId,
    pub(super) link: String,
    pub(super) key_path: PartitionKeyPath,
    pub(super) time_to_live: TimeToLive,
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
pub(super) enum Throughput {
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
pub(super) struct ContainerPlan {
    pub(super) id: String,
    pub(super) key_path: PartitionKeyPath,
    pub(super) time_to_live: TimeToLive,
    pub(super) request_units: u32,
}

/// Why a container cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadContainer {
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
    pub(super) fn of_json(body: &[u8], throughput: Option<u32>) -> Result<Self, BadContainer> {
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

/// The `id` of a body, if it may name a database or a container.
pub(super) fn resource_name(body: &Value) -> Option<String> {
    let id = body["id"].as_str()?;
    (!id.is_empty() && id.len() <= 255 && !id.contains(['/', '\\', '?', '#'])).then(|| id.to_owned())
}

impl Container {
    fn new(plan: ContainerPlan, database: &Database, number: u32, now: SystemTime) -> Self {
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
    pub(super) fn request_units(&self) -> u32 {
        self.throughput().most()
    }

    fn throughput(&self) -> Throughput {
        *self.throughput.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Provisions anew. The partitions stay as they are: the service too splits and merges them long after the change.
    pub(super) fn provision(&self, throughput: Throughput) {
        *self.throughput.lock().unwrap_or_else(PoisonError::into_inner) = throughput;
    }

    /// The partitions, in the order of their keys.
    pub(super) fn partitions(&self) -> Arc<[Arc<Partition>]> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps partitions from being split while it is held.
    pub(super) fn hold_topology(&self) -> RwLockReadGuard<'_, ()> {
        self.topology.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Splits a partition in two halves of its keys. Each begins where it stood: items keep their LSNs, so that a reader
    /// of the change feed goes on with either from where it was. False if there is no such partition.
    pub(super) fn split(&self, id: u32) -> bool {
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
    pub(super) fn ranges_etag(&self) -> String {
        format!("\"00000000-0000-0000-0000-{:08x}{:04x}\"", self.created.0, self.next_partition.load(Ordering::Relaxed))
    }

    /// Each partition's equal share of what is provisioned.
    pub(super) fn partition_budget(&self) -> RequestUnits {
        RequestUnits::hundredths(u64::from(self.request_units()) * 100 / self.partitions().len().max(1) as u64)
    }

    /// The partition of a key.
    pub(super) fn partition_of(&self, key: EffectivePartitionKey) -> Option<Arc<Partition>> {
        let partitions = self.partitions();
        let after = partitions.partition_point(|partition| partition.range.min <= key);
        partitions.get(after.checked_sub(1)?).cloned()
    }

    /// The number of a new item, for its `_rid`.
    pub(super) fn new_item_number(&self) -> u64 {
        self.next_item.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn item_rid(&self, number: u64) -> ResourceId {
        self.place.item(number)
    }

    /// The tag of the description; nothing changes it.
    pub(super) fn etag(&self) -> String {
        format!("\"00000000-0000-0000-0000-{:08x}0000\"", self.created.0)
    }

    /// The container as JSON.
    pub(super) fn describe(&self) -> Value {
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
    pub(super) fn describe_ranges(&self) -> Value {
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
    pub(super) fn describe_offer(&self) -> Value {
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
    pub(super) fn offer_id(&self) -> String {
        self.place.offer()
    }
}

/// A physical partition serves up to 10,000 RU/s. At least two, so that what depends on more than one is always seen.
fn physical_partitions(request_units: u32) -> u32 {
    request_units.div_ceil(10_000).max(2)
}

/// A database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) id: String,
    pub(super) rid: ResourceId,
    link: String,
    place: DatabaseRid,
    created: Seconds,
    containers: Mutex<BTreeMap<String, Arc<Container>>>,
}

/// There is one of this name already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AlreadyThere;

impl Database {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Container>>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A container by its name or its resource id: clients use both.
    pub(super) fn container(&self, name: &str) -> Option<Arc<Container>> {
        let containers = self.lock();
        containers.get(name).or_else(|| containers.values().find(|one| one.rid.as_str() == name)).cloned()
    }

    /// All containers, by name.
    pub(super) fn containers(&self) -> Vec<Arc<Container>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn create_container(
        &self,
        plan: ContainerPlan,
        now: SystemTime,
    ) -> Result<Arc<Container>, AlreadyThere> {
        let mut containers = self.lock();
        if containers.contains_key(&plan.id) {
            return Err(AlreadyThere);
        }
        let number = u32::try_from(containers.len()).unwrap_or(u32::MAX).saturating_add(1);
        let container = Arc::new(Container::new(plan, self, number, now));
        containers.insert(container.id.clone(), container.clone());
        Ok(container)
    }

    pub(super) fn etag(&self) -> String {
        format!("\"00000000-0000-0000-0000-{:08x}0000\"", self.created.0)
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "id": self.id,
            "_rid": self.rid.as_str(),
            "_self": self.link,
            "_etag": self.etag(),
            "_ts": self.created.0,
            "_colls": "colls/",
            "_users": "users/"
        })
    }
}

/// Everything that the endpoint holds.
#[derive(Debug, Default)]
pub(super) struct Account {
    databases: Mutex<BTreeMap<String, Arc<Database>>>,
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Database>>> {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A database by its name or its resource id.
    pub(super) fn database(&self, name: &str) -> Option<Arc<Database>> {
        let databases = self.lock();
        databases.get(name).or_else(|| databases.values().find(|one| one.rid.as_str() == name)).cloned()
    }

    /// All databases, by name.
    pub(super) fn databases(&self) -> Vec<Arc<Database>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn create_database(&self, id: String, now: SystemTime) -> Result<Arc<Database>, AlreadyThere> {
        let mut databases = self.lock();
        if databases.contains_key(&id) {
            return Err(AlreadyThere);
        }
        let number = u32::try_from(databases.len()).unwrap_or(u32::MAX).saturating_add(1);
        let place = DatabaseRid::new(number);
        let rid = place.id();
        let database = Arc::new(Database {
            link: format!("dbs/{rid}/"),
            containers: Mutex::default(),
            created: Seconds::of(now),
            id,
            rid,
            place,
        });
        databases.insert(database.id.clone(), database.clone());
        Ok(database)
    }

    /// Every container of every database.
    pub(super) fn containers(&self) -> Vec<Arc<Container>> {
        self.databases().iter().flat_map(|database| database.containers()).collect()
    }

    /// The account, whose only region is the endpoint itself.
    pub(super) fn describe(endpoint: &str) -> Value {
        let here = json!([{ "name": "East US", "databaseAccountEndpoint": endpoint }]);
        json!({
            "id": "streamgauge",
            "_self": "",
            "_rid": "streamgauge.local",
            "media": "//media/",
            "addresses": "//addresses/",
            "_dbs": "//dbs/",
            "writableLocations": here,
            "readableLocations": here,
            "enableMultipleWriteLocations": false,
            "enablePerPartitionFailoverBehavior": false,
            "continuousBackupEnabled": false,
            "userConsistencyPolicy": { "defaultConsistencyLevel": "Session" },
            "userReplicationPolicy": { "asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 1 },
            "systemReplicationPolicy": { "minReplicaSetSize": 1, "maxReplicasetSize": 1 },
            "readPolicy": { "primaryReadCoefficient": 1, "secondaryReadCoefficient": 1 },
            "queryEngineConfiguration": "{}"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::cosmos::epk::PartitionKeyValue;
    use std::time::UNIX_EPOCH;

    fn container(request_units: u32) -> Arc<Container> {
        let body = br#"{"id":"c","partitionKey":{"paths":["/deviceId"],"kind":"Hash","version":2}}"#;
        let plan = ContainerPlan::of_json(body, Some(request_units)).unwrap();
        let database = Account::default().create_database("d".into(), UNIX_EPOCH).unwrap();
        database.create_container(plan, UNIX_EPOCH).unwrap()
    }

    #[test]
    fn partitions_follow_from_the_throughput() {
        for (request_units, partitions, budget) in
            [(400, 2, "200.00"), (20_000, 2, "10000.00"), (20_001, 3, "6667.00"), (100_000, 10, "10000.00")]
        {
            let container = container(request_units);
            assert_eq!(container.partitions().len(), partitions, "{request_units}");
            assert_eq!(container.partition_budget().to_string(), budget);
        }
    }

    #[test]
    fn every_key_has_its_partition() {
        let container = container(100_000);
        for number in 0..1000 {
            let key = EffectivePartitionKey::of(&PartitionKeyValue::Text(number.to_string()));
            let partition = container.partition_of(key).unwrap();
            assert!(partition.range.contains(key));
        }
    }

    #[test]
    fn names_and_resource_ids_lead_to_the_same() {
        let account = Account::default();
        let database = account.create_database("d".into(), UNIX_EPOCH).unwrap();
        assert_eq!(account.create_database("d".into(), UNIX_EPOCH).unwrap_err(), AlreadyThere);
        assert_eq!(account.database(database.rid.as_str()).unwrap().id, "d");
        let plan = ContainerPlan::of_json(br#"{"id":"c","partitionKey":{"paths":["/k"]}}"#, None).unwrap();
        let container = database.create_container(plan, UNIX_EPOCH).unwrap();
        assert_eq!(database.container(container.rid.as_str()).unwrap().id, "c");
        assert!(account.database("other").is_none());
    }

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
