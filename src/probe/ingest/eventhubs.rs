//! Log ends of an event hub, by management reads: they cost no throughput units and disturb no reader.
//!
//! Runs on a thread of its own, as every Event Hubs client does: see [`crate::azure::own_thread`]. A look takes one call for
//! each partition: 32 of them, once a second, are 32 calls/s.

use tokio::sync::watch;

use crate::azure::EventHubsAddress;
use crate::azure::error::AzureError;
use crate::azure::eventhubs::{HubReader, place};
use crate::model::observation::{Fact, Observation, Station};
use crate::model::units::PartitionId;
use crate::probe::{Outlet, Probe};

/// Reads where each partition begins and ends.
pub struct LogEndProbe {
    address: EventHubsAddress,
    reader: Option<HubReader>,
    /// Tells the position probe which partitions there are.
    partitions: watch::Sender<Vec<PartitionId>>,
}

impl LogEndProbe {
    /// A probe of one hub; what partitions it has is told through `partitions`.
    pub fn new(address: EventHubsAddress, partitions: watch::Sender<Vec<PartitionId>>) -> Self {
        Self { address, reader: None, partitions }
    }
}

impl Probe for LogEndProbe {
    const STATION: Station = Station::Ingest;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        let reader = if let Some(reader) = self.reader.take().filter(|reader| !reader.is_due()) {
            reader
        } else {
            let reader = HubReader::connect(&self.address).await?;
            let ids = reader.partitions().iter().filter_map(|name| name.parse().ok().map(PartitionId));
            self.partitions.send_replace(ids.collect());
            reader
        };
        // They are told together: a recording then holds them in one line.
        let mut seen = Vec::with_capacity(reader.partitions().len());
        let see = |log_end| seen.push(Observation { at: outlet.now(), fact: Fact::LogEnd(log_end) });
        reader.log_ends(see).await?;
        self.reader = Some(reader);
        for observation in seen {
            outlet.saw(observation).await;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.reader = None;
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}
