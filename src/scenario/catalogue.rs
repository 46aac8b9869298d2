//! Upstream's solutions by name: what each consists of, what its parts are called, and what of it this version can watch.
//!
//! Source: Azure-Samples/streaming-at-scale at 4a2c4b8 (2024-10-23), each `create-solution.sh`. Nearly every name follows
//! from the prefix of the deployment (`-d`) and the number of partitions.

use crate::toml_file::nearest;

/// One of upstream's solutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solution {
    /// The folder in upstream's repository.
    pub name: &'static str,
    /// What events come in by.
    pub ingest: IngestPart,
    /// What processes them.
    pub processor: &'static str,
    /// Where that keeps its positions.
    pub position: PositionPart,
    /// Where events end up.
    pub store: StorePart,
}

/// What events come in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestPart {
    /// The namespace `Peventhubs`.
    EventHubs {
        /// What the hub is called.
        hub: HubName,
        /// The processor's consumer group; `None` where it is not fixed.
        group: Option<&'static str>,
        /// Partitions at 1, 5 and 10 thousand events a second, as upstream sets them.
        partitions: [u32; 3],
    },
    /// Something that this version can't read.
    NotYet(Missing),
}

/// What a hub is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubName {
    /// `Pin-N`
    PrefixInPartitions,
    /// `streamingatscale-N`
    StreamingAtScale,
    /// The same in every deployment.
    Fixed(&'static str),
}

/// Where a processor keeps its positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionPart {
    /// The container of Azure Functions in `Pstorage`.
    Functions,
    /// Somewhere that this version can't read.
    NotYet(Missing),
}

/// Where events end up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorePart {
    /// `Pcosmosdb`, database `streaming`, container `rawdata`.
    Cosmos,
    /// Something that this version can't read.
    NotYet(Missing),
}

/// What can't be watched yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// What it is.
    pub what: &'static str,
    /// Why not.
    pub why: &'static str,
}

const fn missing(what: &'static str, why: &'static str) -> Missing {
    Missing { what, why }
}

const SPARK: PositionPart =
    PositionPart::NotYet(missing("Spark checkpoint", "it is in DBFS, which only Databricks' own API reads"));
const ANALYTICS: PositionPart =
    PositionPart::NotYet(missing("Stream Analytics", "it tells its backlog to Azure Monitor alone"));
const FLINK: PositionPart =
    PositionPart::NotYet(missing("Flink checkpoint", "it is on a file share, and JobManager's REST is not asked yet"));
const KAFKA_GROUP: PositionPart = PositionPart::NotYet(missing("Kafka group", "Kafka is not spoken yet"));
const NONE_KEPT: PositionPart = PositionPart::NotYet(missing("its own", "the service keeps it to itself"));
const AZURE_SQL: StorePart = StorePart::NotYet(missing("Azure SQL", "TDS is not spoken yet"));
const DELTA: StorePart = StorePart::NotYet(missing("Delta Lake", "its log is not read yet"));
const HUB_OUT: StorePart = StorePart::NotYet(missing("Event Hubs", "a second hub as the store is not followed yet"));
const KAFKA_IN: &str = "Kafka is not spoken yet";
const IOT_HUB: IngestPart = IngestPart::NotYet(missing(
    "IoT Hub",
    "its Event Hubs endpoint has a name that only the management API tells; with that, a scenario file works",
));

const fn hub(hub: HubName, group: &'static str, partitions: [u32; 3]) -> IngestPart {
    IngestPart::EventHubs { hub, group: Some(group), partitions }
}

use HubName::{Fixed, PrefixInPartitions, StreamingAtScale};

const fn solution(
    name: &'static str,
    ingest: IngestPart,
    processor: &'static str,
    position: PositionPart,
    store: StorePart,
) -> Solution {
    Solution { name, ingest, processor, position, store }
}

/// All of them, the wholly watchable first.
pub const SOLUTIONS: [Solution; 20] = [
    solution(
        "eventhubs-functions-cosmosdb",
        hub(PrefixInPartitions, "cosmos", [2, 10, 20]),
        "Functions",
        PositionPart::Functions,
        StorePart::Cosmos,
    ),
    solution(
        "eventhubs-functions-azuresql",
        hub(PrefixInPartitions, "azuresql", [2, 8, 16]),
        "Functions",
        PositionPart::Functions,
        AZURE_SQL,
    ),
    solution(
        "eventhubs-databricks-cosmosdb",
        hub(PrefixInPartitions, "cosmos", [2, 8, 16]),
        "Databricks",
        SPARK,
        StorePart::Cosmos,
    ),
    solution(
        "eventhubs-streamanalytics-cosmosdb",
        hub(PrefixInPartitions, "cosmos", [2, 8, 12]),
        "Stream Analytics",
        ANALYTICS,
        StorePart::Cosmos,
    ),
    solution(
        "eventhubskafka-functions-cosmosdb",
        hub(PrefixInPartitions, "cosmos", [2, 10, 20]),
        "Functions (Kafka)",
        KAFKA_GROUP,
        StorePart::Cosmos,
    ),
    solution(
        "eventhubskafka-databricks-cosmosdb",
        IngestPart::EventHubs { hub: PrefixInPartitions, group: None, partitions: [2, 8, 16] },
        "Databricks",
        SPARK,
        StorePart::Cosmos,
    ),
    solution(
        "eventhubs-streamanalytics-azuresql",
        hub(PrefixInPartitions, "azuresql", [2, 6, 12]),
        "Stream Analytics",
        ANALYTICS,
        AZURE_SQL,
    ),
    solution(
        "eventhubs-streamanalytics-eventhubs",
        hub(StreamingAtScale, "asa", [2, 8, 12]),
        "Stream Analytics",
        ANALYTICS,
        HUB_OUT,
    ),
    solution(
        "eventhubs-databricks-azuresql",
        hub(PrefixInPartitions, "azuresql", [4, 10, 16]),
        "Databricks",
        SPARK,
        AZURE_SQL,
    ),
    solution("eventhubs-databricks-delta", hub(PrefixInPartitions, "delta", [2, 8, 12]), "Databricks", SPARK, DELTA),
    solution(
        "eventhubs-capture-databricks-delta",
        IngestPart::EventHubs { hub: StreamingAtScale, group: None, partitions: [2, 8, 12] },
        "Capture, Databricks",
        SPARK,
        DELTA,
    ),
    solution(
        "storage-databricks-delta",
        hub(StreamingAtScale, "function", [2, 8, 16]),
        "Functions, Databricks",
        PositionPart::Functions,
        DELTA,
    ),
    solution(
        "eventhubs-dataexplorer",
        hub(PrefixInPartitions, "dataexplorer", [2, 8, 12]),
        "Data Explorer",
        NONE_KEPT,
        StorePart::NotYet(missing("Data Explorer", "its queries are not spoken yet")),
    ),
    solution(
        "eventhubs-timeseriesinsights",
        hub(PrefixInPartitions, "tsi", [2, 8, 12]),
        "Time Series Insights",
        NONE_KEPT,
        StorePart::NotYet(missing("Time Series Insights", "the service was retired in 2024")),
    ),
    solution(
        "eventhubskafka-flink-eventhubskafka",
        IngestPart::EventHubs { hub: Fixed("in"), group: None, partitions: [1, 4, 8] },
        "Flink",
        FLINK,
        HUB_OUT,
    ),
    solution("iothub-functions-azuresql", IOT_HUB, "Functions", PositionPart::Functions, AZURE_SQL),
    solution(
        "iothub-digitaltwins-timeseriesinsights",
        IOT_HUB,
        "Functions",
        PositionPart::Functions,
        StorePart::NotYet(missing("Digital Twins, Time Series Insights", "neither is asked yet")),
    ),
    solution(
        "akskafka-databricks-cosmosdb",
        IngestPart::NotYet(missing("Kafka on AKS", KAFKA_IN)),
        "Databricks",
        SPARK,
        StorePart::Cosmos,
    ),
    solution(
        "hdinsightkafka-flink-hdinsightkafka",
        IngestPart::NotYet(missing("Kafka on HDInsight", KAFKA_IN)),
        "Flink",
        FLINK,
        StorePart::NotYet(missing("Kafka on HDInsight", KAFKA_IN)),
    ),
    solution(
        "hdinsightkafka-databricks-sqldw",
        IngestPart::NotYet(missing("Kafka on HDInsight", KAFKA_IN)),
        "Databricks",
        SPARK,
        StorePart::NotYet(missing("SQL Data Warehouse", "TDS is not spoken yet")),
    ),
];

/// The namespace of a deployment's hubs.
pub fn hubs_of(prefix: &str) -> String {
    format!("{prefix}eventhubs")
}

/// Why no scenario can be made of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// There is no such solution.
    #[error("there is no solution {typed:?}; {}", did_you_mean(.typed))]
    Unknown {
        /// What was asked for.
        typed: String,
    },
    /// The prefix is none that upstream's scripts take.
    #[error(
        "{0:?} is no prefix of a deployment: 1 to 17 lower-case letters and digits, as given to upstream's scripts"
    )]
    Prefix(String),
    /// The number of partitions is part of the hub's name.
    #[error(
        "the hub's name ends in its number of partitions, {hub}: give --partitions N (upstream sets {}, {} or {} for 1, 5 \
         or 10 thousand events/s; `az eventhubs eventhub list -g {prefix} --namespace-name {prefix}eventhubs` tells)",
        .usual[0], .usual[1], .usual[2]
    )]
    PartitionsWanted {
        /// The name, with N in it.
        hub: String,
        /// The prefix.
        prefix: String,
        /// Upstream's own numbers.
        usual: [u32; 3],
    },
    /// Not even its log can be watched.
    #[error("{name} can't be attached to yet: its log is {}, and {}", .missing.what, .missing.why)]
    NotYet {
        /// The solution.
        name: &'static str,
        /// What is missing.
        missing: Missing,
    },
}

fn did_you_mean(typed: &str) -> String {
    nearest(typed, SOLUTIONS.iter().map(|solution| solution.name))
        .map_or_else(|| "`streamgauge scenarios` lists them".to_owned(), |meant| format!("did you mean {meant}?"))
}

impl Solution {
    /// The solution of a name.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`] with the nearest name.
    pub fn named(name: &str) -> Result<&'static Self, CatalogueError> {
        let found = SOLUTIONS.iter().find(|solution| solution.name.eq_ignore_ascii_case(name.trim()));
        found.ok_or_else(|| CatalogueError::Unknown { typed: name.chars().take(60).collect() })
    }

    /// What this version watches of it, in a few words, such as `ingest, lag, store`.
    pub fn watched(&self) -> String {
        if matches!(self.ingest, IngestPart::NotYet(_)) {
            return "nothing yet".into();
        }
        let lag = matches!(self.position, PositionPart::Functions).then_some("lag");
        let store = matches!(self.store, StorePart::Cosmos).then_some("store");
        [Some("ingest"), lag, store].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What this version can't watch of it: which station, what it is, and why not.
    pub fn not_yet(&self) -> Vec<(&'static str, Missing)> {
        let mut found = Vec::new();
        if let IngestPart::NotYet(missing) = self.ingest {
            found.push(("ingest", missing));
        }
        if let PositionPart::NotYet(missing) = self.position {
            found.push(("lag", missing));
        }
        if let StorePart::NotYet(missing) = self.store {
            found.push(("store", missing));
        }
        found
    }

    /// What events come in by.
    pub fn ingest_name(&self) -> &'static str {
        match self.ingest {
            IngestPart::EventHubs { .. } => "Event Hubs",
            IngestPart::NotYet(missing) => missing.what,
        }
    }

    /// Where events end up.
    pub fn store_name(&self) -> &'static str {
        match self.store {
            StorePart::Cosmos => "Cosmos DB",
            StorePart::NotYet(missing) => missing.what,
        }
    }

    /// The number in the name of a hub, if it is this solution's.
    pub fn number_in(&self, prefix: &str, hub: &str) -> Option<u32> {
        let IngestPart::EventHubs { hub: named @ (PrefixInPartitions | StreamingAtScale), .. } = self.ingest else {
            return None;
        };
        // Names of hubs are the same in any case.
        let hub = hub.to_ascii_lowercase();
        let number = hub.strip_prefix(&named.beginning(prefix))?;
        number.parse().ok().filter(|partitions| *partitions > 0)
    }

    /// The scenario file of a deployment of this solution, with comments on what can't be known from the prefix.
    ///
    /// # Errors
    /// [`CatalogueError`] says what is missing.
    pub fn file(&self, prefix: &str, partitions: Option<u32>) -> Result<String, CatalogueError> {
        let fits = (1..=17).contains(&prefix.len())
            && prefix.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
        if !fits {
            return Err(CatalogueError::Prefix(prefix.chars().take(40).collect()));
        }
        let (hub, group) = match self.ingest {
            IngestPart::NotYet(missing) => return Err(CatalogueError::NotYet { name: self.name, missing }),
            IngestPart::EventHubs { hub, group, partitions: usual } => (hub.of(prefix, partitions, usual)?, group),
        };
        let mut text = format!(
            "# {name} of streaming-at-scale, deployed as {prefix}. `streamgauge scenarios --sample` explains every key.\n\
             title = \"{prefix}: {name}\"\nprocessor = \"{processor}\"\n\n\
             [ingest.event-hubs]\nnamespace = \"{namespace}.servicebus.windows.net\"\nhub = \"{hub}\"\n",
            namespace = hubs_of(prefix),
            name = self.name,
            processor = self.processor,
        );
        match group {
            Some(group) => text += &format!("consumer-group = \"{group}\"\n"),
            None => text += "# This solution fixes no consumer group.\n",
        }
        match self.position {
            PositionPart::Functions => {
                text += &format!(
                    "\n[position.checkpoints]\nendpoint = \"https://{prefix}storage.blob.core.windows.net\"\n\
                     container = \"{}\"\n",
                    super::checkpoints::FUNCTIONS_CONTAINER
                );
            }
            PositionPart::NotYet(Missing { what, why }) => {
                text += &format!("\n# No lag: {what}; {why}.\n");
            }
        }
        match self.store {
            StorePart::Cosmos => {
                text += &format!(
                    "\n[store.cosmos]\nendpoint = \"https://{prefix}cosmosdb.documents.azure.com/\"\n\
                     database = \"streaming\"\ncontainer = \"rawdata\"\n\
                     # provisioned = 20000  # where the credential can't read the offer\n"
                );
            }
            StorePart::NotYet(Missing { what, why }) => {
                text += &format!("\n# The store is not watched: {what}; {why}.\n");
            }
        }
        Ok(text)
    }
}

impl HubName {
    /// The name, up to the number of partitions that some end in.
    fn beginning(self, prefix: &str) -> String {
        match self {
            Self::Fixed(name) => name.to_owned(),
            Self::PrefixInPartitions => format!("{prefix}in-"),
            Self::StreamingAtScale => "streamingatscale-".to_owned(),
        }
    }

    fn of(self, prefix: &str, partitions: Option<u32>, usual: [u32; 3]) -> Result<String, CatalogueError> {
        let beginning = self.beginning(prefix);
        match partitions {
            _ if matches!(self, Self::Fixed(_)) => Ok(beginning),
            Some(partitions) => Ok(format!("{beginning}{partitions}")),
            None => {
                Err(CatalogueError::PartitionsWanted { hub: format!("{beginning}N"), prefix: prefix.to_owned(), usual })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file::{Ingest, ScenarioFile, Store};

    #[test]
    fn every_solution_with_a_log_that_can_be_watched_writes_a_file_that_is_understood() {
        for solution in SOLUTIONS {
            let text = match solution.file("contoso", Some(4)) {
                Ok(text) => text,
                Err(error) => {
                    assert!(matches!(solution.ingest, IngestPart::NotYet(_)), "{}: {error}", solution.name);
                    assert_eq!(solution.watched(), "nothing yet");
                    continue;
                }
            };
            let file = ScenarioFile::parse(&text, solution.name).unwrap();
            assert_eq!(file.position.is_some(), solution.watched().contains("lag"), "{}", solution.name);
            assert_eq!(file.store.is_some(), solution.watched().contains("store"), "{}", solution.name);
            assert_eq!(solution.not_yet().len(), 3 - solution.watched().split(", ").count(), "{}", solution.name);
        }
    }

    #[test]
    fn names_follow_from_the_prefix() {
        let text = Solution::named("eventhubs-functions-cosmosdb").unwrap().file("contoso", Some(10)).unwrap();
        let file = ScenarioFile::parse(&text, "contoso").unwrap();
        let Ingest::EventHubs(hub) = file.ingest;
        assert_eq!(
            (hub.namespace.as_str(), hub.hub.as_str(), hub.consumer_group.as_str()),
            ("contosoeventhubs.servicebus.windows.net", "contosoin-10", "cosmos")
        );
        let Some(Store::Cosmos(cosmos)) = file.store else { panic!("a store") };
        assert_eq!(cosmos.endpoint.as_str(), "https://contosocosmosdb.documents.azure.com/");
    }

    #[test]
    fn a_hub_of_a_solution_is_known_by_its_name() {
        let number = |solution: &str, hub: &str| Solution::named(solution).unwrap().number_in("contoso", hub);
        assert_eq!(number("eventhubs-functions-cosmosdb", "contosoin-4"), Some(4));
        assert_eq!(number("eventhubs-functions-cosmosdb", "ContosoIn-12"), Some(12));
        assert_eq!(number("storage-databricks-delta", "streamingatscale-16"), Some(16));
        for other in ["contosoin", "contosoin-", "contosoin-x", "contosoin-0", "streamingatscale-2", "in-2"] {
            assert_eq!(number("eventhubs-functions-cosmosdb", other), None, "{other}");
        }
        assert_eq!(number("eventhubskafka-flink-eventhubskafka", "in-2"), None, "its name has no number");
    }

    #[test]
    fn what_can_not_be_known_is_asked_for() {
        let table: [(&str, &str, Option<u32>, &str); 5] = [
            ("eventhubs-functions-cosmos", "p", None, "did you mean eventhubs-functions-cosmosdb?"),
            ("zebra", "p", None, "`streamgauge scenarios` lists them"),
            ("eventhubs-functions-cosmosdb", "Contoso!", None, "1 to 17 lower-case letters and digits"),
            ("eventhubs-functions-cosmosdb", "p", None, "pin-N: give --partitions N (upstream sets 2, 10 or 20"),
            ("akskafka-databricks-cosmosdb", "p", Some(4), "its log is Kafka on AKS, and Kafka is not spoken yet"),
        ];
        for (name, prefix, partitions, expected) in table {
            let made = Solution::named(name).and_then(|solution| solution.file(prefix, partitions));
            let sentence = made.unwrap_err().to_string();
            assert!(sentence.contains(expected), "{sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
    }
}
