//! Event Hubs clients: made for one address, every call under a timeout.
//!
//! | file | what it is |
//! |---|---|
//! | `producer`, `consumer` | what sends and receives: the official client, or where it can't log in, links of our own |
//! | `sender`, `receiver` | those links, for the key of a connection string |
//! | `reader` | where partitions begin and end, for any credential |
//! | `connection`, `shared_access` | a connection that has logged in, and the tokens that a key signs |
//! | `claim` | which right something takes |
//!
//! Make and use them inside [`on_own_thread`] only; its module says why. After an abrupt loss (the service was killed,
//! the network was cut) a client does not recover: drop it and connect again.

mod claim;
mod connection;
mod consumer;
mod producer;
mod reader;
mod receiver;
mod sender;
mod shared_access;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::{ConsumerClient, ProducerClient, RetryOptions};

pub use self::claim::Claim;
pub use self::consumer::{Consumer, ReceiveError, Receiver};
pub use self::producer::{Batch, Producer};
pub use self::reader::{CallCount, HubProperties, HubReader, PartitionProperties, PartitionsRead, ReadError};
use super::address::EventHubsAddress;
use super::error::{AzureError, Service};
pub use super::own_thread::on_own_thread;
use crate::typed::without_userinfo;

/// The consumer group that each hub has.
pub const DEFAULT_GROUP: &str = "$Default";

/// How long connecting may take.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the answer to a call of a producer or consumer may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long a goodbye may take. Whether it is heard changes nothing.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Connects the official producer with a token credential, whatever the address has.
///
/// # Errors
/// [`AzureError`] within [`CONNECT_LIMIT`].
pub async fn connect_producer(
    address: &EventHubsAddress,
    credential: Arc<dyn TokenCredential>,
) -> Result<ProducerClient, AzureError> {
    let mut builder = ProducerClient::builder().with_retry_options(one_attempt());
    if let Some(endpoint) = &address.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let opening = builder.open(&address.namespace, &address.hub, credential);
    under_limit(address, "to connect", CONNECT_LIMIT, opening).await
}

/// Connects the official consumer of one consumer group (Event Hubs' own is `$Default`) with a token credential, whatever
/// the address has.
///
/// # Errors
/// [`AzureError`] within [`CONNECT_LIMIT`].
pub async fn connect_consumer(
    address: &EventHubsAddress,
    credential: Arc<dyn TokenCredential>,
    group: &str,
) -> Result<ConsumerClient, AzureError> {
    let mut builder = ConsumerClient::builder().with_consumer_group(group.to_owned()).with_retry_options(one_attempt());
    if let Some(endpoint) = &address.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let opening = builder.open(&address.namespace, address.hub.clone(), credential);
    under_limit(address, "to connect", CONNECT_LIMIT, opening).await
}

/// Where a hub is, for messages.
pub fn place(address: &EventHubsAddress) -> String {
    let endpoint = address.custom_endpoint.as_deref().unwrap_or(&address.namespace);
    without_userinfo(&format!("{}/{}", endpoint.split('?').next().unwrap_or_default(), address.hub))
}

/// Runs one call of the official client under a limit and makes one sentence of its error.
async fn under_limit<T>(
    address: &EventHubsAddress,
    call: &'static str,
    limit: Duration,
    work: impl Future<Output = azure_messaging_eventhubs::Result<T>>,
) -> Result<T, AzureError> {
    in_time(address, call, limit, work).await?.map_err(|error| {
        match AzureError::connecting(Service::EventHubs, place(address), &error) {
            AzureError::Connect { service, address, reason } => {
                AzureError::Connect { service, address, reason: format!("{call}: {reason}") }
            }
            told => told,
        }
    })
}

/// What comes of a call, or [`AzureError::Timeout`] after the limit.
async fn in_time<T>(
    address: &EventHubsAddress,
    call: &'static str,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, AzureError> {
    let late = |_| AzureError::Timeout { service: Service::EventHubs, address: place(address), call, limit };
    tokio::time::timeout(limit, work).await.map_err(late)
}

/// The SDK's own retries are off: a caller here knows better whether to wait, to rebuild the client or to give up, and
/// has to tell the person at the screen.
fn one_attempt() -> RetryOptions {
    RetryOptions { max_retries: 0, ..RetryOptions::default() }
}

/// For an endpoint that asks for no credential: the clients want a token all the same, and put it in a message that such
/// an endpoint does not look into.
pub fn no_credential() -> Arc<dyn TokenCredential> {
    Arc::new(NoCredential)
}

#[derive(Debug)]
struct NoCredential;

#[async_trait]
impl TokenCredential for NoCredential {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        const DAYS: u64 = 365;
        let expires = OffsetDateTime::now_utc() + Duration::from_secs(DAYS * 24 * 3_600);
        Ok(AccessToken::new("none", expires))
    }
}
