//! Log ends of an event hub, by management reads: they cost no throughput units and disturb no reader.
//!
//! Runs on a thread of its own, as every Event Hubs client does: see [`crate::azure::own_thread`].

use std::time::Duration;

use azure_messaging_eventhubs::ProducerClient;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::watch;

use crate::azure::EventHubsAddress;
use crate::azure::error::AzureError;
use crate::azure::eventhubs::{connect_producer, partition_ids, place, under_limit};
use crate::model::observation::{Fact, LogEnd, Observation, Station};
use crate::model::units::{PartitionId, SequenceNumber, Time};
use crate::probe::{Outlet, Probe};

/// One read may take so long.
const LIMIT: Duration = Duration::from_secs(3);

/// Reads under way at a time.
const AT_ONCE: usize = 8;

/// Reads where each partition begins and ends.
pub struct LogEndProbe {
    address: EventHubsAddress,
    client: Option<(ProducerClient, Vec<String>)>,
    /// Tells the position probe which partitions there are.
    partitions: watch::Sender<Vec<PartitionId>>,
}

impl LogEndProbe {
    /// A probe of one hub; what partitions it has is told through `partitions`.
    pub fn new(address: EventHubsAddress, partitions: watch::Sender<Vec<PartitionId>>) -> Self {
        Self { address, client: None, partitions }
    }
}

impl Probe for LogEndProbe {
    const STATION: Station = Station::Ingest;

    async fn look(&mut self, outlet: &Outlet) -> Result<(), AzureError> {
        if self.client.is_none() {
            let client = connect_producer(&self.address).await?;
            let names = partition_ids(&self.address, &client).await?;
            self.partitions.send_replace(names.iter().filter_map(|name| name.parse().ok().map(PartitionId)).collect());
            self.client = Some((client, names));
        }
        let Some((client, names)) = &self.client else { return Ok(()) };
        let address = &self.address;
        // They are told together: a recording then holds them in one line.
        let mut seen: Vec<Observation> = futures::stream::iter(names)
            .map(|name| async move {
                let reading = client.get_partition_properties(name);
                let read = under_limit(address, "to read a log end", LIMIT, reading).await?;
                let last_enqueued_at = read.last_enqueued_time_utc.filter(|_| !read.is_empty).map(Time::from);
                let log_end = |id| LogEnd {
                    partition: PartitionId(id),
                    earliest: SequenceNumber(read.beginning_sequence_number),
                    last: SequenceNumber(read.last_enqueued_sequence_number),
                    last_enqueued_at,
                };
                let at = outlet.now();
                Ok(name.parse().ok().map(|id| Observation { at, fact: Fact::LogEnd(log_end(id)) }))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|seen| std::future::ready(Ok(seen)))
            .try_collect()
            .await?;
        seen.sort_by_key(|seen| seen.at);
        for observation in seen {
            outlet.saw(observation).await;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.client = None;
    }

    fn place(&self) -> String {
        place(&self.address)
    }
}
