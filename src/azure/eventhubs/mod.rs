//! Event Hubs clients: made for one address, every call under a timeout.
//!
//! Producers and consumers are the official client's; [`HubReader`] reads where partitions begin and end.
//!
//! Make and use them inside [`on_own_thread`] only; its module says why. After an abrupt loss (the service was killed,
//! the network was cut) a client of the SDK does not recover: drop it and connect again.

mod reader;
mod shared_access;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::{ConsumerClient, ProducerClient, RetryOptions};

pub use self::reader::{HubProperties, HubReader};
use super::address::{EventHubsAddress, EventHubsCredential};
use super::error::{AzureError, Service};
pub use super::own_thread::on_own_thread;

/// How long connecting may take.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects a producer, which also reads the properties of the hub and its partitions.
///
/// # Errors
/// [`AzureError`] within [`CONNECT_LIMIT`].
pub async fn connect_producer(address: &EventHubsAddress) -> Result<ProducerClient, AzureError> {
    let mut builder = ProducerClient::builder().with_retry_options(one_attempt());
    if let Some(endpoint) = &address.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let opening = builder.open(&address.namespace, &address.hub, credential(address)?);
    under_limit(address, "to connect", CONNECT_LIMIT, opening).await
}

/// Connects a consumer of one consumer group (Event Hubs' own is `$Default`).
///
/// # Errors
/// [`AzureError`] within [`CONNECT_LIMIT`].
pub async fn connect_consumer(address: &EventHubsAddress, group: &str) -> Result<ConsumerClient, AzureError> {
    let mut builder = ConsumerClient::builder().with_consumer_group(group.to_owned()).with_retry_options(one_attempt());
    if let Some(endpoint) = &address.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let opening = builder.open(&address.namespace, address.hub.clone(), credential(address)?);
    under_limit(address, "to connect", CONNECT_LIMIT, opening).await
}

/// The ids of the hub's partitions, in the order in which the service tells them ("0", "1", ..).
///
/// # Errors
/// [`AzureError`] within [`CONNECT_LIMIT`].
pub async fn partition_ids(address: &EventHubsAddress, client: &ProducerClient) -> Result<Vec<String>, AzureError> {
    let reading = client.get_eventhub_properties();
    Ok(under_limit(address, "to read the hub's properties", CONNECT_LIMIT, reading).await?.partition_ids)
}

/// Where a hub is, for messages.
pub fn place(address: &EventHubsAddress) -> String {
    format!("{}/{}", address.custom_endpoint.as_deref().unwrap_or(&address.namespace), address.hub)
}

/// Runs one call of the SDK under a limit and makes one sentence of its error.
///
/// # Errors
/// [`AzureError::Timeout`] after the limit, [`AzureError::Connect`] for what the SDK says.
pub async fn under_limit<T>(
    address: &EventHubsAddress,
    call: &'static str,
    limit: Duration,
    work: impl Future<Output = azure_messaging_eventhubs::Result<T>>,
) -> Result<T, AzureError> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(match AzureError::connecting(Service::EventHubs, place(address), &error) {
            AzureError::Connect { service, address, reason } => {
                AzureError::Connect { service, address, reason: format!("{call}: {reason}") }
            }
            told => told,
        }),
        Err(_) => Err(AzureError::Timeout { service: Service::EventHubs, address: place(address), call, limit }),
    }
}

/// The SDK's own retries are off: a caller here knows better whether to wait, to rebuild the client or to give up, and
/// has to tell the person at the screen.
fn one_attempt() -> RetryOptions {
    RetryOptions { max_retries: 0, ..RetryOptions::default() }
}

fn credential(address: &EventHubsAddress) -> Result<Arc<dyn TokenCredential>, AzureError> {
    match &address.credential {
        EventHubsCredential::Anonymous => Ok(Arc::new(NoCredential)),
        EventHubsCredential::Token(token) => Ok(Arc::clone(token)),
        EventHubsCredential::SharedKey { .. } => Err(AzureError::KeyNotEnough { address: place(address) }),
    }
}

/// For an endpoint that asks for no credential: the SDK wants a token all the same, and puts it in a message that such
/// an endpoint does not look into.
#[derive(Debug)]
struct NoCredential;

impl TokenCredential for NoCredential {
    // Spelled out: the trait is written with `async_trait`, and this is what it makes of an `async fn`.
    fn get_token<'own, 'scopes, 'scope, 'options, 'all>(
        &'own self,
        _scopes: &'scopes [&'scope str],
        _options: Option<TokenRequestOptions<'options>>,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<AccessToken>> + Send + 'all>>
    where
        'own: 'all,
        'scopes: 'all,
        'scope: 'all,
        'options: 'all,
        Self: 'all,
    {
        const DAYS: u64 = 365;
        let expires = OffsetDateTime::now_utc() + Duration::from_secs(DAYS * 24 * 3_600);
        Box::pin(std::future::ready(Ok(AccessToken::new("none", expires))))
    }
}
