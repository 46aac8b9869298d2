//! The scenario file of what was chosen in a resource group, with comments on where each thing comes from.

use super::choice::Candidate;
use super::look::{CheckpointsFound, HubFound, StoreFound};
use crate::azure::management::subscriptions::Subscription;
use crate::scenario::value::ThroughputUnits;

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The subscription.
    pub subscription: Subscription,
    /// The resource group.
    pub group: String,
    /// The log.
    pub hub: HubFound,
    /// The processor's consumer group.
    pub consumer_group: String,
    /// Its checkpoints.
    pub checkpoints: Option<CheckpointsFound>,
    /// The store.
    pub store: Option<StoreFound>,
}

impl Selection {
    /// The scenario file.
    pub fn text(&self) -> String {
        let HubFound { namespace, host, hub } = &self.hub;
        let subscription = match self.subscription.name.as_str() {
            "" => self.subscription.id.clone(),
            name => format!("{name} ({})", self.subscription.id),
        };
        let mut text = comment(&format!(
            "Found in the resource group {} of the subscription {subscription}. `streamgauge scenarios --sample` explains \
             every key.",
            self.group
        ));
        text += &format!("title = {}\n\n", value(&format!("{}: {}", self.group, hub.name)));
        text += &comment(&format!("The hub {}: {}.", self.hub.shown(), self.hub.note()));
        text += &format!(
            "[ingest.event-hubs]\nnamespace = {}\nhub = {}\nconsumer-group = {}\n",
            value(host),
            value(&hub.name),
            value(&self.consumer_group)
        );
        let units = namespace.throughput_units.and_then(|units| ThroughputUnits::try_from(units).ok());
        if let Some(units) = units {
            if let Some(most) = namespace.inflates_to {
                text += &comment(&format!(
                    "As of now: the namespace inflates to {most} by itself, and this is not read again."
                ));
            }
            text += &format!("throughput-units = {}\n", units.count());
        }
        match &self.checkpoints {
            Some(checkpoints) => {
                text.push('\n');
                text += &comment(&format!("The container {} of the storage account.", checkpoints.shown()));
                text += &format!(
                    "[position.checkpoints]\nendpoint = {}\ncontainer = {}\n",
                    value(&checkpoints.endpoint),
                    value(&checkpoints.container)
                );
            }
            None => text += "\n# No lag: no container for checkpoints was there, or none was chosen.\n",
        }
        match &self.store {
            Some(store) => {
                text.push('\n');
                text += &comment(&format!("The container {} of the Cosmos DB account.", store.shown()));
                text += &format!(
                    "[store.cosmos]\nendpoint = {}\ndatabase = {}\ncontainer = {}\n",
                    value(&store.endpoint),
                    value(&store.database),
                    value(&store.container)
                );
            }
            None => text += "\n# The store is not watched: no Cosmos DB container was there, or none was chosen.\n",
        }
        text
    }

    /// What was chosen, in one line.
    pub fn summary(&self) -> String {
        let mut parts =
            vec![format!("the hub {}", self.hub.shown()), format!("the consumer group {}", self.consumer_group)];
        match &self.checkpoints {
            Some(checkpoints) => parts.push(format!("checkpoints in {}", checkpoints.shown())),
            None => parts.push("no checkpoints".into()),
        }
        match &self.store {
            Some(store) => parts.push(format!("the store {}", store.shown())),
            None => parts.push("no store".into()),
        }
        format!("in the resource group {}: {}", self.group, parts.join(", "))
    }

    /// That the limit of what the namespace takes in may grow without being seen, if it may.
    pub fn growth(&self) -> Option<String> {
        let namespace = &self.hub.namespace;
        let (units, most) = namespace.throughput_units.zip(namespace.inflates_to)?;
        let more = "the share on screen is of those; attach again once there are more";
        (units < most).then(|| {
            format!("throughput units: {units} as of now, and {} inflates to {most} by itself: {more}", namespace.name)
        })
    }
}

/// A comment on one line, whatever a name is made of.
fn comment(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {line}\n")
}

/// A text as a value: what JSON writes is a basic string of TOML as well.
fn value(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::management::event_hubs::{Hub, Namespace};
    use crate::scenario::ScenarioFile;
    use crate::scenario::file::{Ingest, Position, Store};

    fn selection() -> Selection {
        Selection {
            subscription: Subscription { id: "291bba3f-e0a5-47bc-a099-3bdcb2a50a05".into(), name: "Example".into() },
            group: "contoso".into(),
            hub: HubFound {
                namespace: Namespace {
                    name: "contosoeventhubs".into(),
                    host: Some("contosoeventhubs.servicebus.windows.net".into()),
                    tier: "Standard".into(),
                    throughput_units: Some(2),
                    inflates_to: Some(6),
                },
                host: "contosoeventhubs.servicebus.windows.net".into(),
                hub: Hub { name: "contosoin-2".into(), partitions: Some(2) },
            },
            consumer_group: "cosmos".into(),
            checkpoints: Some(CheckpointsFound {
                account: "contosostorage".into(),
                endpoint: "https://contosostorage.blob.core.windows.net".into(),
                container: "azure-webjobs-eventhub".into(),
            }),
            store: Some(StoreFound {
                account: "contosocosmosdb".into(),
                endpoint: "https://contosocosmosdb.documents.azure.com/".into(),
                database: "streaming".into(),
                container: "rawdata".into(),
            }),
        }
    }

    #[test]
    fn what_is_written_is_understood_and_says_where_it_comes_from() {
        let text = selection().text();
        assert!(
            text.starts_with("# Found in the resource group contoso of the subscription Example (291bba3f-"),
            "{text}"
        );
        assert!(text.contains("# The hub contosoeventhubs/contosoin-2: 2 partitions, Standard.\n[ingest"), "{text}");
        let growth = selection().growth().unwrap();
        assert!(growth.starts_with("throughput units: 2 as of now, and contosoeventhubs inflates to 6"), "{growth}");
        assert!(text.contains("# As of now: the namespace inflates to 6 by itself, and this is not read again.\nthroughput-units = 2\n"), "{text}");
        let file = ScenarioFile::parse(&text, "found").unwrap();
        let Ingest::EventHubs(hub) = &file.ingest;
        assert_eq!(hub.throughput_units.map(ThroughputUnits::count), Some(2));
        assert_eq!((hub.hub.as_str(), hub.consumer_group.as_str()), ("contosoin-2", "cosmos"));
        let Some(Position::Checkpoints(checkpoints)) = &file.position else { panic!("a position") };
        assert_eq!(checkpoints.endpoint.as_str(), "https://contosostorage.blob.core.windows.net");
        let Some(Store::Cosmos(cosmos)) = &file.store else { panic!("a store") };
        assert_eq!((cosmos.database.as_str(), cosmos.container.as_str()), ("streaming", "rawdata"));
    }

    #[test]
    fn a_station_that_is_not_there_is_left_out_and_told() {
        let text = Selection { checkpoints: None, store: None, ..selection() }.text();
        let file = ScenarioFile::parse(&text, "found").unwrap();
        assert!(file.position.is_none() && file.store.is_none());
        assert!(text.contains("# No lag: ") && text.contains("# The store is not watched: "), "{text}");
    }

    #[test]
    fn no_name_breaks_out_of_its_place() {
        let name = "in\"\n[store.cosmos]\nendpoint = \"https://evil.example/\"\nx = \"";
        let mut odd = selection();
        odd.hub.hub.name = name.to_owned();
        odd.group = name.to_owned();
        odd.store = None;
        // A hub of that name is refused; nothing of it becomes a table.
        let sentence = ScenarioFile::parse(&odd.text(), "found").unwrap_err().to_string();
        assert!(sentence.contains("is no name"), "{sentence}");
        odd.hub.hub.name = "in".into();
        assert!(ScenarioFile::parse(&odd.text(), "found").unwrap().store.is_none());
    }
}
