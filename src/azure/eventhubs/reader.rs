//! Reads the properties of a hub and its partitions: where each begins and ends. Management calls, which cost no throughput
//! units and disturb no reader.
//!
//! Speaks with `$management` itself, so that the key of a connection string reads them, too: see [`super::connection`]. A
//! reader lives on the thread that made it, see [`super::on_own_thread`]. Before its token ends it is *due*: its owner
//! connects anew, which also is what happens after every failure.
//!
//! **Calls.** One for the hub, and one for each partition that is read. A connection answers one call of a link after
//! the other, so there are several links, and a look at 32 partitions takes four round trips rather than 32.
//!
//! **Links.** A reader connects with one link, and those that it lacks attach while that one reads: far away, where each
//! round trip takes a third of a second, eight links one after the other take longer than anyone waits for a connection.
//!
//! **Failures.** What a partition answers concerns that partition; the connection is as good as before. What does not
//! answer, or refuses the credential, concerns them all. See [`ReadError`].

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use azure_core_amqp::{
    AmqpError, AmqpErrorKind, AmqpManagement, AmqpManagementApis as _, AmqpOrderedMap, AmqpSimpleValue, AmqpValue,
};
use futures::StreamExt;
use tokio::sync::OnceCell;

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

/// What a partition says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionProperties {
    /// Where its log begins and ends.
    pub log_end: LogEnd,
    /// How often another region had become the primary one when its last event was enqueued; `None` where the service does
    /// not say.
    pub failovers: Option<u64>,
}

/// What came of reading some partitions.
#[derive(Debug, Clone, Default)]
pub struct PartitionsRead {
    /// How many were asked for, counted from the first of them.
    pub asked: usize,
    /// What concerns all of them, if there was such a thing. It ended the reading: connect anew, or wait.
    pub ended_by: Option<ReadError>,
}

/// Why a read came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The service answered, with an error or with nonsense: that concerns what was asked for, and the connection is as
    /// good as before.
    #[error(transparent)]
    Answered(AzureError),
    /// It is asked too often. That concerns all that is asked, and the connection is as good as before.
    #[error(transparent)]
    Throttled(AzureError),
    /// It did not answer, or refuses the credential: connect anew.
    #[error(transparent)]
    Broken(AzureError),
}

impl ReadError {
    /// What came of a call.
    fn of(error: &AmqpError, told: AzureError) -> Self {
        match error.kind() {
            AmqpErrorKind::ManagementStatusCode(..) if !matches!(told, AzureError::Forbidden { .. }) => {
                Self::Answered(told).or_throttled()
            }
            _ => Self::broken(told),
        }
    }

    fn broken(told: AzureError) -> Self {
        Self::Broken(told).or_throttled()
    }

    /// The client makes text of the condition, which is AMQP's name for it.
    fn or_throttled(self) -> Self {
        let said = self.to_string();
        let is_throttle = said.contains("server-busy") || said.contains("being throttled");
        if is_throttle { Self::Throttled(self.into()) } else { self }
    }
}

impl From<ReadError> for AzureError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Answered(error) | ReadError::Throttled(error) | ReadError::Broken(error) => error,
        }
    }
}

/// Counts the calls of readers as they are made: also those whose answer nobody waited for.
#[derive(Debug, Clone, Default)]
pub struct CallCount(Arc<AtomicU64>);

impl CallCount {
    /// Calls so far.
    pub fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection that reads where partitions begin and end.
pub struct HubReader {
    connection: HubConnection,
    /// The first is there from the beginning, the others from when they were first wanted.
    links: Vec<OnceCell<AmqpManagement>>,
    hub: HubProperties,
    calls: CallCount,
}

impl HubReader {
    /// Connects, and reads which partitions there are: one call.
    ///
    /// # Errors
    /// [`ReadError`] within [`CONNECT_LIMIT`].
    pub async fn connect(address: &EventHubsAddress, calls: CallCount) -> Result<Self, ReadError> {
        let connecting = async {
            let connection = HubConnection::open(address, None).await.map_err(ReadError::broken)?;
            let mut reader = Self::counting(connection, calls).await?;
            let wanted = reader.hub.partitions.len().div_ceil(PARTITIONS_OF_A_LINK).clamp(1, LINKS);
            reader.links.resize_with(wanted, OnceCell::new);
            Ok(reader)
        };
        in_time(address, "to connect", CONNECT_LIMIT, connecting).await.map_err(ReadError::broken)?
    }

    /// A reader beside other links of a connection, for a call now and then. Reads which partitions there are.
    pub(super) async fn over(connection: HubConnection) -> Result<Self, AzureError> {
        Ok(Self::counting(connection, CallCount::default()).await?)
    }

    async fn counting(connection: HubConnection, calls: CallCount) -> Result<Self, ReadError> {
        let mut reader = Self { connection, links: vec![OnceCell::new()], hub: HubProperties::default(), calls };
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

    /// The link of a number: attached now if it is not yet.
    async fn attached<'a>(
        &self,
        number: usize,
        link: &'a OnceCell<AmqpManagement>,
    ) -> Result<&'a AmqpManagement, ReadError> {
        const CALL: &str = "to attach a management link";
        if let Some(link) = link.get() {
            return Ok(link);
        }
        let attaching = link.get_or_try_init(|| self.link(number));
        let attached = in_time(&self.connection.address, CALL, CONNECT_LIMIT, attaching).await;
        attached.and_then(|attached| attached).map_err(ReadError::broken)
    }

    /// What the hub says of itself now: one call.
    ///
    /// # Errors
    /// [`ReadError`] of the call.
    pub async fn read_hub(&self) -> Result<HubProperties, ReadError> {
        const CALL: &str = "to read the hub's properties";
        let Some(link) = self.links.first() else { return Ok(HubProperties::default()) };
        let link = self.attached(0, link).await?;
        let read = self.call(link, &self.place(), CALL, "com.microsoft:eventhub", AmqpOrderedMap::new()).await?;
        let ids = match read.get("partition_ids") {
            Some(AmqpValue::Array(ids)) => ids.iter().map(text).collect::<Option<Vec<_>>>(),
            Some(AmqpValue::List(ids)) => ids.0.iter().map(text).collect(),
            _ => None,
        };
        let created_at = match read.get("created_at") {
            Some(AmqpValue::TimeStamp(time)) => time.0.map(Time::from),
            _ => None,
        };
        let partitions =
            ids.filter(|ids| !ids.is_empty()).ok_or_else(|| nonsense(self.place(), CALL, "partition_ids"))?;
        Ok(HubProperties { partitions, created_at })
    }

    /// What these partitions say of themselves, each as soon as it is known, in the order of the answers: its name, and its
    /// properties or why it has none to tell. A partition whose name is no number is left out: Event Hubs names them by
    /// numbers alone. After so much time no more calls begin, nor after a failure that concerns all of them.
    pub async fn partitions(
        &self,
        names: &[String],
        within: Duration,
        mut seen: impl FnMut(PartitionId, Result<PartitionProperties, AzureError>),
    ) -> PartitionsRead {
        let (began, next, is_over) = (Instant::now(), &Cell::new(0), &Cell::new(false));
        let next_name = move || names.get(next.get()).filter(|_| !is_over.get() && began.elapsed() < within);
        let lanes = self.links.iter().enumerate().map(|(number, link)| {
            // A link that is free takes the next partition: what was asked for is always the first so many.
            futures::stream::unfold((), move |()| async move {
                next_name()?;
                let link = match self.attached(number, link).await {
                    Ok(link) => link,
                    Err(error) => return Some((Err(error), ())),
                };
                // Others read on while it attached.
                let name = next_name()?;
                next.set(next.get() + 1);
                let Ok(id) = name.parse().map(PartitionId) else { return Some((Ok(None), ())) };
                let read = match self.partition(link, id, name).await {
                    Ok(properties) => Ok(Some((id, Ok(properties)))),
                    Err(ReadError::Answered(error)) => Ok(Some((id, Err(error)))),
                    Err(error) => Err(error),
                };
                Some((read, ()))
            })
            .boxed_local()
        });
        let mut answers = futures::stream::select_all(lanes);
        let mut ended_by = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(None) => {}
                Ok(Some((id, properties))) => seen(id, properties),
                Err(error) => {
                    is_over.set(true);
                    let is_broken = matches!(error, ReadError::Broken(_));
                    ended_by = Some(error);
                    // Else what is under way comes in: a link takes the next answer for that to its next call.
                    if is_broken {
                        break;
                    }
                }
            }
        }
        drop(answers);
        PartitionsRead { asked: next.get(), ended_by }
    }

    async fn partition(
        &self,
        link: &AmqpManagement,
        id: PartitionId,
        name: &str,
    ) -> Result<PartitionProperties, ReadError> {
        const CALL: &str = "to read a log end";
        let mut asked: AmqpOrderedMap<String, AmqpSimpleValue> = AmqpOrderedMap::new();
        asked.insert("partition".to_owned(), name.into());
        let place = format!("{}/Partitions/{name}", self.place());
        let read = self.call(link, &place, CALL, "com.microsoft:partition", asked).await?;
        if read.get("partition").and_then(text).is_some_and(|told| told != name) {
            // The link is out of step: whatever it answers is not to what it was asked.
            let reason = "the answer is about another partition".to_owned();
            let service = Service::EventHubs;
            return Err(ReadError::Broken(AzureError::Refused { service, address: place, call: CALL, reason }));
        }
        let number = |field: &'static str| match read.get(field) {
            Some(AmqpValue::Long(number)) => Ok(*number),
            Some(AmqpValue::Int(number)) => Ok(i64::from(*number)),
            _ => Err(nonsense(place.clone(), CALL, field)),
        };
        let is_empty = match read.get("is_partition_empty") {
            Some(AmqpValue::Boolean(is_empty)) => *is_empty,
            _ => return Err(nonsense(place, CALL, "is_partition_empty")),
        };
        let last_enqueued_at = match read.get("last_enqueued_time_utc") {
            Some(AmqpValue::TimeStamp(time)) => time.0.filter(|_| !is_empty).map(Time::from),
            _ => None,
        };
        let log_end = LogEnd {
            partition: id,
            earliest: SequenceNumber(number("begin_sequence_number")?),
            last: SequenceNumber(number("last_enqueued_sequence_number")?),
            last_enqueued_at,
        };
        // A hub that is not replicated to another region need not have it.
        let failovers = number("last_enqueued_sequence_number_epoch").ok().and_then(|epoch| u64::try_from(epoch).ok());
        Ok(PartitionProperties { log_end, failovers })
    }

    async fn call(
        &self,
        link: &AmqpManagement,
        place: &str,
        call: &'static str,
        kind: &str,
        mut asked: AmqpOrderedMap<String, AmqpSimpleValue>,
    ) -> Result<AmqpOrderedMap<String, AmqpValue>, ReadError> {
        asked.insert("name".to_owned(), self.connection.address.hub.as_str().into());
        self.calls.one_more();
        let late = |_| {
            let (service, address) = (Service::EventHubs, place.to_owned());
            ReadError::Broken(AzureError::Timeout { service, address, call, limit: CALL_LIMIT })
        };
        let read = tokio::time::timeout(CALL_LIMIT, link.call(kind.to_owned(), asked)).await.map_err(late)?;
        read.map_err(|error| {
            let told = AzureError::refusing(Service::EventHubs, place.to_owned(), call, &error);
            ReadError::of(&error, told)
        })
    }
}

fn nonsense(address: String, call: &'static str, field: &str) -> ReadError {
    let reason = format!("the answer has no usable {field:?}");
    ReadError::Answered(AzureError::Refused { service: Service::EventHubs, address, call, reason })
}

fn text(value: &AmqpValue) -> Option<String> {
    match value {
        AmqpValue::String(text) => Some(text.clone()),
        AmqpValue::Symbol(symbol) => Some(symbol.0.clone()),
        _ => None,
    }
}
