//! Reads the properties of a hub and its partitions: where each begins and ends. Management calls, which cost no throughput
//! units and disturb no reader.
//!
//! Speaks with `$management` itself, so that the key of a connection string reads them, too: see [`super::connection`]. A
//! reader lives on the thread that made it, see [`super::on_own_thread`]. Before its token ends it is *due*: its owner
//! connects anew, which also is what happens after every failure.
//!
//! **Calls.** One for the hub, and one for each partition that is read. A connection answers one call of a link after
//! the other, so there are several links, and a look at 32 partitions takes four round trips rather than 32.

use std::cell::Cell;
use std::time::{Duration, Instant};

use azure_core_amqp::{AmqpManagement, AmqpManagementApis as _, AmqpOrderedMap, AmqpSimpleValue, AmqpValue};
use futures::{StreamExt, TryStreamExt};

use super::connection::HubConnection;
use super::{CONNECT_LIMIT, in_time, place};
use crate::azure::address::EventHubsAddress;
use crate::azure::error::{AzureError, Service};
use crate::model::observation::LogEnd;
use crate::model::units::{PartitionId, SequenceNumber, Time};

/// One call may take so long.
const CALL_LIMIT: Duration = Duration::from_secs(3);

/// Calls under way at a time, each on a link of its own; with few partitions, fewer.
const LINKS: usize = 8;
const PARTITIONS_OF_A_LINK: usize = 4;

/// What a hub says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HubProperties {
    /// The names of its partitions, in the order in which the service tells them: "0", "1", ..
    pub partitions: Vec<String>,
    /// When it was made: it keeps that for life.
    pub created_at: Option<Time>,
}

/// A connection that reads where partitions begin and end.
pub struct HubReader {
    connection: HubConnection,
    links: Vec<AmqpManagement>,
    hub: HubProperties,
}

impl HubReader {
    /// Connects, and reads which partitions there are.
    ///
    /// # Errors
    /// [`AzureError`] within [`CONNECT_LIMIT`].
    pub async fn connect(address: &EventHubsAddress) -> Result<Self, AzureError> {
        in_time(address, "to connect", CONNECT_LIMIT, async {
            let mut reader = Self::over(HubConnection::open(address, None).await?).await?;
            let wanted = reader.hub.partitions.len().div_ceil(PARTITIONS_OF_A_LINK).clamp(1, LINKS);
            while reader.links.len() < wanted {
                reader.links.push(reader.link(reader.links.len()).await?);
            }
            Ok(reader)
        })
        .await?
    }

    /// A reader beside other links of a connection, for a call now and then. Reads which partitions there are.
    pub(super) async fn over(connection: HubConnection) -> Result<Self, AzureError> {
        let mut reader = Self { connection, links: Vec::new(), hub: HubProperties::default() };
        reader.links.push(reader.link(0).await?);
        reader.hub = reader.read_hub().await?;
        Ok(reader)
    }

    /// What it runs over.
    pub(super) fn connection(&self) -> &HubConnection {
        &self.connection
    }

    async fn link(&self, number: usize) -> Result<AmqpManagement, AzureError> {
        let failed = |error| AzureError::connecting(Service::EventHubs, self.place(), &error);
        let session = self.connection.session().await.map_err(failed)?;
        let name = format!("streamgauge-management-{number}");
        let link = AmqpManagement::new(session, name, self.connection.token.clone()).map_err(failed)?;
        link.attach().await.map_err(failed)?;
        Ok(link)
    }

    fn place(&self) -> String {
        place(&self.connection.address)
    }

    /// Whether the token ends soon: connect anew.
    pub fn is_due(&self) -> bool {
        self.connection.is_due()
    }

    /// What the hub said of itself when this connected.
    pub fn hub(&self) -> &HubProperties {
        &self.hub
    }

    /// What the hub says of itself now: one call.
    ///
    /// # Errors
    /// [`AzureError`] of the call.
    pub async fn read_hub(&self) -> Result<HubProperties, AzureError> {
        const CALL: &str = "to read the hub's properties";
        let Some(link) = self.links.first() else { return Ok(HubProperties::default()) };
        let read = self.call(link, CALL, "com.microsoft:eventhub", AmqpOrderedMap::new()).await?;
        let ids = match read.get("partition_ids") {
            Some(AmqpValue::Array(ids)) => ids.iter().map(text).collect::<Option<Vec<_>>>(),
            Some(AmqpValue::List(ids)) => ids.0.iter().map(text).collect(),
            _ => None,
        };
        let created_at = match read.get("created_at") {
            Some(AmqpValue::TimeStamp(time)) => time.0.map(Time::from),
            _ => None,
        };
        let partitions = ids.filter(|ids| !ids.is_empty()).ok_or_else(|| self.nonsense(CALL, "partition_ids"))?;
        Ok(HubProperties { partitions, created_at })
    }

    /// Where these partitions begin and end, each as soon as it is known, in the order of the answers. A partition
    /// whose name is no number is left out: Event Hubs names them by numbers alone. Gives how many of them were read,
    /// counted from the first: after so much time no more calls begin.
    ///
    /// # Errors
    /// [`AzureError`] of the first call that fails.
    pub async fn log_ends(
        &self,
        partitions: &[String],
        within: Duration,
        mut seen: impl FnMut(LogEnd),
    ) -> Result<usize, AzureError> {
        let (began, next) = (Instant::now(), Cell::new(0));
        let lanes = self.links.iter().map(|link| {
            // A link that is free takes the next partition: what was read is always the first so many.
            futures::stream::unfold((), |()| async {
                let name = partitions.get(next.get()).filter(|_| began.elapsed() < within)?;
                next.set(next.get() + 1);
                Some((self.log_end(link, name).await, ()))
            })
            .boxed_local()
        });
        let mut answers = futures::stream::select_all(lanes);
        while let Some(log_end) = answers.try_next().await? {
            log_end.into_iter().for_each(&mut seen);
        }
        drop(answers);
        Ok(next.get())
    }

    async fn log_end(&self, link: &AmqpManagement, name: &str) -> Result<Option<LogEnd>, AzureError> {
        const CALL: &str = "to read a log end";
        let Ok(id) = name.parse() else { return Ok(None) };
        let mut asked: AmqpOrderedMap<String, AmqpSimpleValue> = AmqpOrderedMap::new();
        asked.insert("partition".to_owned(), name.into());
        let read = self.call(link, CALL, "com.microsoft:partition", asked).await?;
        let number = |field: &'static str| match read.get(field) {
            Some(AmqpValue::Long(number)) => Ok(SequenceNumber(*number)),
            Some(AmqpValue::Int(number)) => Ok(SequenceNumber(i64::from(*number))),
            _ => Err(self.nonsense(CALL, field)),
        };
        let is_empty = match read.get("is_partition_empty") {
            Some(AmqpValue::Boolean(is_empty)) => *is_empty,
            _ => return Err(self.nonsense(CALL, "is_partition_empty")),
        };
        let last_enqueued_at = match read.get("last_enqueued_time_utc") {
            Some(AmqpValue::TimeStamp(time)) => time.0.filter(|_| !is_empty).map(Time::from),
            _ => None,
        };
        Ok(Some(LogEnd {
            partition: PartitionId(id),
            earliest: number("begin_sequence_number")?,
            last: number("last_enqueued_sequence_number")?,
            last_enqueued_at,
        }))
    }

    async fn call(
        &self,
        link: &AmqpManagement,
        call: &'static str,
        kind: &str,
        mut asked: AmqpOrderedMap<String, AmqpSimpleValue>,
    ) -> Result<AmqpOrderedMap<String, AmqpValue>, AzureError> {
        let address = &self.connection.address;
        asked.insert("name".to_owned(), address.hub.as_str().into());
        let read = in_time(address, call, CALL_LIMIT, link.call(kind.to_owned(), asked)).await?;
        read.map_err(|error| AzureError::refusing(Service::EventHubs, self.place(), call, &error))
    }

    fn nonsense(&self, call: &'static str, field: &str) -> AzureError {
        AzureError::Refused {
            service: Service::EventHubs,
            address: self.place(),
            call,
            reason: format!("the answer has no usable {field:?}"),
        }
    }
}

fn text(value: &AmqpValue) -> Option<String> {
    match value {
        AmqpValue::String(text) => Some(text.clone()),
        AmqpValue::Symbol(symbol) => Some(symbol.0.clone()),
        _ => None,
    }
}
