//! Reads the properties of a hub and its partitions: where each begins and ends. Management calls, which cost no throughput
//! units and disturb no reader.
//!
//! Speaks with `$management` itself, on the protocol library below the official client: that one (0.15) logs in with
//! tokens of Entra ID alone, since it puts every token as `jwt`, and this also takes the key of a connection string.
//! A reader lives on the thread that made it, see [`super::on_own_thread`].
//!
//! **Renewal.** A token is good for this connection alone. A few minutes before it ends [`HubReader::is_due`] says so: its
//! owner connects anew, which also is what happens after every failure.
//!
//! **Calls.** One for the hub, and one for each partition that is read. A connection answers one call of a link after
//! the other, so there are several links, and a look at 32 partitions takes four round trips rather than 32.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_core::credentials::{AccessToken, Secret as SdkSecret};
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_core_amqp::{
    AmqpClaimsBasedSecurity, AmqpClaimsBasedSecurityApis as _, AmqpConnection, AmqpConnectionApis as _,
    AmqpConnectionOptions, AmqpManagement, AmqpManagementApis as _, AmqpOrderedMap, AmqpSession, AmqpSessionApis as _,
    AmqpSimpleValue, AmqpValue,
};
use futures::{StreamExt, TryStreamExt};

use super::{CONNECT_LIMIT, place, shared_access};
use crate::azure::address::{EventHubsAddress, EventHubsCredential};
use crate::azure::error::{AzureError, Service, cause};
use crate::model::observation::LogEnd;
use crate::model::units::{PartitionId, SequenceNumber, Time};

/// One call may take so long.
const CALL_LIMIT: Duration = Duration::from_secs(3);

/// Calls under way at a time, each on a link of its own; with few partitions, fewer.
const LINKS: usize = 8;
const PARTITIONS_OF_A_LINK: usize = 4;

/// A token that we sign ourselves is good for so long.
const SIGNED_FOR: Duration = Duration::from_secs(3_600);

/// A connection is given up so long before its token ends.
const BEFORE_THE_END: Duration = Duration::from_secs(5 * 60);

/// The scope of a token of Entra ID for Event Hubs.
const SCOPE: &str = "https://eventhubs.azure.net/.default";

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
    address: EventHubsAddress,
    connection: Arc<AmqpConnection>,
    token: AccessToken,
    links: Vec<AmqpManagement>,
    hub: HubProperties,
    due: Instant,
}

impl HubReader {
    /// Connects, and reads which partitions there are.
    ///
    /// # Errors
    /// [`AzureError`] within [`CONNECT_LIMIT`].
    pub async fn connect(address: &EventHubsAddress) -> Result<Self, AzureError> {
        match tokio::time::timeout(CONNECT_LIMIT, Self::open(address)).await {
            Ok(reader) => reader,
            Err(_) => Err(AzureError::Timeout {
                service: Service::EventHubs,
                address: place(address),
                call: "to connect",
                limit: CONNECT_LIMIT,
            }),
        }
    }

    async fn open(address: &EventHubsAddress) -> Result<Self, AzureError> {
        let failed =
            |error: azure_core_amqp::AmqpError| AzureError::connecting(Service::EventHubs, place(address), &error);
        let unusable = |text: &str, error: &dyn std::fmt::Display| AzureError::Address {
            service: Service::EventHubs,
            address: text.to_owned(),
            reason: cause(error),
        };
        let url = format!("amqps://{}/{}", address.namespace, address.hub);
        let url = Url::parse(&url).map_err(|error| unusable(&url, &error))?;
        let custom_endpoint = match &address.custom_endpoint {
            Some(text) => Some(Url::parse(text).map_err(|error| unusable(text, &error))?),
            None => None,
        };
        let permission = Permission::of(address).await?;
        let connection = Arc::new(AmqpConnection::new());
        let options = AmqpConnectionOptions { custom_endpoint, ..AmqpConnectionOptions::default() };
        let name = format!("streamgauge-{}", azure_core::Uuid::new_v4());
        connection.open(name, url, Some(options)).await.map_err(failed)?;

        let session = AmqpSession::new();
        session.begin(&connection, None).await.map_err(failed)?;
        let security = AmqpClaimsBasedSecurity::new(session).map_err(failed)?;
        security.attach().await.map_err(failed)?;
        let Permission { audience, token_type, token } = permission;
        security
            .authorize_path(audience, Some(token_type.to_owned()), &token.token, token.expires_on)
            .await
            .map_err(failed)?;

        let lasts = Duration::try_from(token.expires_on - OffsetDateTime::now_utc()).unwrap_or_default();
        let due = Instant::now() + lasts.saturating_sub(BEFORE_THE_END).max(lasts / 2);
        let address = address.clone();
        let mut reader = Self { address, connection, token, links: Vec::new(), hub: HubProperties::default(), due };
        reader.links.push(reader.link(0).await?);
        reader.hub = reader.read_hub().await?;
        let wanted = reader.hub.partitions.len().div_ceil(PARTITIONS_OF_A_LINK).clamp(1, LINKS);
        while reader.links.len() < wanted {
            reader.links.push(reader.link(reader.links.len()).await?);
        }
        Ok(reader)
    }

    async fn link(&self, number: usize) -> Result<AmqpManagement, AzureError> {
        let failed = |error| AzureError::connecting(Service::EventHubs, place(&self.address), &error);
        let session = AmqpSession::new();
        session.begin(&self.connection, None).await.map_err(failed)?;
        let name = format!("streamgauge-management-{number}");
        let link = AmqpManagement::new(session, name, self.token.clone()).map_err(failed)?;
        link.attach().await.map_err(failed)?;
        Ok(link)
    }

    /// Whether the token ends soon: connect anew.
    pub fn is_due(&self) -> bool {
        Instant::now() >= self.due
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
        asked.insert("name".to_owned(), self.address.hub.as_str().into());
        let (service, address) = (Service::EventHubs, place(&self.address));
        match tokio::time::timeout(CALL_LIMIT, link.call(kind.to_owned(), asked)).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => Err(AzureError::refusing(service, address, call, &error)),
            Err(_) => Err(AzureError::Timeout { service, address, call, limit: CALL_LIMIT }),
        }
    }

    fn nonsense(&self, call: &'static str, field: &str) -> AzureError {
        AzureError::Refused {
            service: Service::EventHubs,
            address: place(&self.address),
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

/// What is put to `$cbs`.
struct Permission {
    /// What the token is for, as the service wants it named.
    audience: String,
    token_type: &'static str,
    token: AccessToken,
}

impl Permission {
    async fn of(address: &EventHubsAddress) -> Result<Self, AzureError> {
        let EventHubsAddress { namespace, hub, .. } = address;
        let ends = OffsetDateTime::now_utc() + SIGNED_FOR;
        Ok(match &address.credential {
            // Such an endpoint does not look into the token; there has to be one all the same.
            EventHubsCredential::Anonymous => Self {
                audience: format!("amqps://{namespace}/{hub}"),
                token_type: "jwt",
                token: AccessToken::new("none", ends),
            },
            EventHubsCredential::Token(credential) => {
                let token = credential
                    .get_token(&[SCOPE], None)
                    .await
                    .map_err(|error| AzureError::connecting(Service::EventHubs, place(address), &error))?;
                Self { audience: format!("amqps://{namespace}/{hub}"), token_type: "jwt", token }
            }
            EventHubsCredential::SharedKey { name, key } => {
                let audience = format!("sb://{namespace}/{hub}");
                let token = shared_access::token(&audience, name, key, ends.unix_timestamp());
                let token = AccessToken::new(SdkSecret::new(token.reveal().to_owned()), ends);
                Self { audience, token_type: shared_access::TOKEN_TYPE, token }
            }
        })
    }
}
