//! Flags that say which embedded scenario to bring up: of every command that does.

use clap::Args;

use super::values;
use crate::local::scenario::{Ports, ScenarioOptions};
use crate::model::observation::Target;

/// The embedded scenario.
#[derive(Debug, Clone, Args)]
pub struct ScenarioFlags {
    /// Partitions of the ingest log, 1 to 2048
    #[arg(long, default_value = "8", value_parser = partitions, value_name = "N")]
    pub(super) partitions: u32,
    /// Load in events a second: 1000, 2.5k, 0 (none) or max
    #[arg(long, default_value = "1000", value_parser = values::rate, allow_hyphen_values = true)]
    pub(super) rate: Target,
    /// Provisioned RU/s of the store, 400 to 1000000; a write costs about 8.5
    #[arg(long, default_value = "20000", value_parser = request_units, value_name = "N")]
    ru: u32,
    /// Seed of the events: same seed, same events
    #[arg(long, default_value_t = 0, value_parser = seed, hide_short_help = true)]
    seed: u64,
    /// Send one event in so many twice, as upstream's simulator does; 0 for none
    #[arg(long, default_value_t = 1_000, value_name = "EVERY", value_parser = duplicates, hide_short_help = true)]
    duplicates: u32,
    /// Port of the Event Hubs endpoint (AMQP) [default: any free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, value_parser = port, hide_default_value = true, hide_short_help = true)]
    eventhubs_port: u16,
    /// Port of the Blob endpoint (HTTP) [default: any free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, value_parser = port, hide_default_value = true, hide_short_help = true)]
    blob_port: u16,
    /// Port of the Cosmos DB endpoint (HTTP) [default: any free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, value_parser = port, hide_default_value = true, hide_short_help = true)]
    cosmos_port: u16,
    /// Leave the processor's place to another
    #[arg(long, hide_short_help = true)]
    no_process: bool,
}

impl ScenarioFlags {
    /// What to bring up.
    pub(super) fn options(&self) -> ScenarioOptions {
        ScenarioOptions {
            partitions: self.partitions,
            target: self.rate,
            seed: self.seed,
            duplicate_every: self.duplicates,
            request_units: self.ru,
            process: !self.no_process,
            ports: Ports { eventhubs: self.eventhubs_port, blob: self.blob_port, cosmos: self.cosmos_port },
            tls: None,
        }
    }

    /// What the session is called.
    pub(super) fn title(&self) -> String {
        format!("local: Event Hubs, {} partitions, to Cosmos DB", self.partitions)
    }
}

fn partitions(text: &str) -> Result<u32, String> {
    values::whole(text, "a number of partitions", 1..=2_048)
}

fn request_units(text: &str) -> Result<u32, String> {
    values::whole(text, "a number of request units", 400..=1_000_000)
}

fn seed(text: &str) -> Result<u64, String> {
    values::whole(text, "a seed", 0..=u64::MAX)
}

fn duplicates(text: &str) -> Result<u32, String> {
    values::whole(text, "how many events there are to one sent twice", 0..=u32::MAX)
}

fn port(text: &str) -> Result<u16, String> {
    values::whole(text, "a port", 0..=u16::MAX)
}
