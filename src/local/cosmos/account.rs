//! The account: databases, containers and their partitions, and the JSON that describes them.
//!
//! Sources: <https://learn.microsoft.com/rest/api/cosmos-db/databases>, `…/collections`, `…/get-partition-key-ranges`.

mod container;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

pub(super) use self::container::{Container, ContainerPlan, Throughput, TimeToLive};
use super::partition::Seconds;
use super::rid::{DatabaseRid, ResourceId};

/// The `id` of a body, if it may name a database or a container.
pub(super) fn resource_name(body: &Value) -> Option<String> {
    let id = body["id"].as_str()?;
    (!id.is_empty() && id.len() <= 255 && !id.contains(['/', '\\', '?', '#'])).then(|| id.to_owned())
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
    use crate::local::cosmos::epk::{EffectivePartitionKey, PartitionKeyValue};
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
}
