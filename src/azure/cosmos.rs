//! Cosmos DB containers.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::Secret as SdkSecret;
use azure_data_cosmos::clients::{ContainerClient, DatabaseClient};
use azure_data_cosmos::options::{BinaryEncodingOptions, ConnectionPoolOptions, Region, ServerCertificateValidation};
use azure_data_cosmos::{AccountEndpoint, AccountReference, CosmosClient, CosmosError, CosmosRuntime, RoutingStrategy};

use super::address::{CosmosAddress, CosmosCredential};
use super::error::{AzureError, Service, root_cause};
use crate::typed::without_userinfo;

/// How long connecting may take: it reads the account and the container.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// A container, and the database that it is in: throughput may be provisioned on either.
#[derive(Clone)]
pub struct Store {
    /// The database.
    pub database: Arc<DatabaseClient>,
    /// The container.
    pub container: ContainerClient,
}

/// Connects to a container. The client may be used on any runtime and cloned freely.
///
/// # Errors
/// As [`store`].
pub async fn container(address: &CosmosAddress) -> Result<ContainerClient, AzureError> {
    open(address).await.map(|(_, container)| container)
}

/// Connects to a container and its database. The clients may be used on any runtime and cloned freely.
///
/// Binary encoding is off: items travel as JSON text, which every endpoint understands.
///
/// # Errors
/// [`AzureError`] within [`CONNECT_LIMIT`].
pub async fn store(address: &CosmosAddress) -> Result<Store, AzureError> {
    let (database, container) = open(address).await?;
    Ok(Store { database: Arc::new(database), container })
}

async fn open(address: &CosmosAddress) -> Result<(DatabaseClient, ContainerClient), AzureError> {
    let endpoint: AccountEndpoint = address.endpoint.parse().map_err(|error| AzureError::Address {
        service: Service::CosmosDb,
        address: without_userinfo(address.endpoint.split('?').next().unwrap_or_default()),
        reason: root_cause(&error),
    })?;
    let account = match &address.credential {
        CosmosCredential::Key(key) => {
            AccountReference::with_authentication_key(endpoint, SdkSecret::new(key.reveal().to_owned()))
        }
        CosmosCredential::Token(token) => AccountReference::with_credential(endpoint, token.clone()),
    };
    let routing = match &address.region {
        Some(region) => RoutingStrategy::ProximityTo(Region::from(region.clone())),
        None => RoutingStrategy::PreferredRegions(Vec::new()),
    };
    let connecting = async {
        // The SDK's shared runtime keeps connections that belong to the tokio runtime of its first caller; with one of
        // its own a client outlives nobody and nobody outlives it.
        // Endpoints without TLS speak HTTP/1.1; asking them for HTTP/2 first fails now and then instead of falling back.
        let plaintext = address.endpoint.starts_with("http://");
        // The SDK would take a variable of the environment as leave to trust whoever answers on this machine.
        let pool = ConnectionPoolOptions::builder()
            .with_is_http2_allowed(!plaintext)
            .with_server_certificate_validation(ServerCertificateValidation::Required)
            .build()?;
        let runtime = CosmosRuntime::builder().with_connection_pool(pool).build().await?;
        let database = CosmosClient::builder()
            .with_runtime(runtime)
            .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
            .build(account, routing)
            .await?
            .database_client(address.database.clone());
        let container = database.container_client(address.container.clone(), None).await?;
        Ok::<_, CosmosError>((database, container))
    };
    match tokio::time::timeout(CONNECT_LIMIT, connecting).await {
        Ok(Ok(clients)) => Ok(clients),
        Ok(Err(error)) => Err(AzureError::connecting(Service::CosmosDb, place(address), &error)),
        Err(_) => Err(AzureError::Timeout {
            service: Service::CosmosDb,
            address: place(address),
            call: "to open the container",
            limit: CONNECT_LIMIT,
        }),
    }
}

/// Where a container is, for messages.
pub fn place(address: &CosmosAddress) -> String {
    let endpoint = address.endpoint.split('?').next().unwrap_or_default().trim_end_matches('/');
    without_userinfo(&format!("{endpoint}/{}/{}", address.database, address.container))
}
