//! A connection to a hub that has logged in, on the protocol library below the official client: that one (0.15) logs in with
//! tokens of Entra ID alone, since it puts every token as `jwt`, and this also takes the key of a connection string.
//!
//! A token is put to `$cbs` for the hub, on which its `$management` and all links that send rest; and one for the consumer
//! group, on which those rest that receive. So does the SDK of Python (azure-eventhub 5.15).
//!
//! **Renewal.** A token is good for this connection alone. Some time before it ends the connection is *due*: its owner
//! connects anew, which also is what happens after every failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_core::credentials::{AccessToken, Secret as SdkSecret};
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_core_amqp::{
    AmqpClaimsBasedSecurity, AmqpClaimsBasedSecurityApis as _, AmqpConnection, AmqpConnectionApis as _,
    AmqpConnectionOptions, AmqpError, AmqpSession, AmqpSessionApis as _, AmqpSessionOptions,
};

use super::{CLOSE_LIMIT, no_credential, place, shared_access};
use crate::azure::address::{EventHubsAddress, EventHubsCredential};
use crate::azure::error::{AzureError, Service, cause};
use crate::typed::without_userinfo;

/// A connection is given up so long before its token ends, or half of the token's time before, if that is less.
const BEFORE_THE_END: Duration = Duration::from_secs(5 * 60);

/// The scope of a token of Entra ID for Event Hubs.
const SCOPE: &str = "https://eventhubs.azure.net/.default";

/// A connection that has logged in. Clones share it; it says goodbye with the last of them.
#[derive(Clone)]
pub(super) struct HubConnection {
    pub(super) address: EventHubsAddress,
    pub(super) token: AccessToken,
    connection: Arc<AmqpConnection>,
    due: Instant,
}

impl HubConnection {
    /// Connects and logs in to the hub, and to a consumer group where one is named. Takes as long as it takes.
    ///
    /// # Errors
    /// [`AzureError`].
    pub(super) async fn open(address: &EventHubsAddress, group: Option<&str>) -> Result<Self, AzureError> {
        let failed = |error: AmqpError| AzureError::connecting(Service::EventHubs, place(address), &error);
        let unusable = |text: &str, error: &dyn std::fmt::Display| AzureError::Address {
            service: Service::EventHubs,
            address: without_userinfo(text),
            reason: cause(error),
        };
        let url = url(address);
        let url = Url::parse(&url).map_err(|error| unusable(&url, &error))?;
        let custom_endpoint = match &address.custom_endpoint {
            Some(text) => Some(Url::parse(text).map_err(|error| unusable(text, &error))?),
            None => None,
        };
        let permission = Permission::of(address, "").await?;
        let connection = Arc::new(AmqpConnection::new());
        let options = AmqpConnectionOptions { custom_endpoint, ..AmqpConnectionOptions::default() };
        let name = format!("streamgauge-{}", azure_core::Uuid::new_v4());
        connection.open(name, url, Some(options)).await.map_err(failed)?;

        let session = AmqpSession::new();
        session.begin(&connection, None).await.map_err(failed)?;
        let security = AmqpClaimsBasedSecurity::new(session).map_err(failed)?;
        security.attach().await.map_err(failed)?;
        let token = permission.put_to(&security).await.map_err(failed)?;
        if let Some(group) = group {
            let permission = Permission::of(address, &format!("/consumergroups/{group}")).await?;
            permission.put_to(&security).await.map_err(failed)?;
        }

        let lasts = Duration::try_from(token.expires_on - OffsetDateTime::now_utc()).unwrap_or_default();
        let due = Instant::now() + lasts.saturating_sub(BEFORE_THE_END).max(lasts / 2);
        Ok(Self { address: address.clone(), token, connection, due })
    }

    /// A session for one link: a link that fails can take its session with it.
    pub(super) async fn session(&self) -> azure_core_amqp::Result<AmqpSession> {
        // Flow is held by each link's credit.
        let windows = AmqpSessionOptions {
            incoming_window: Some(u32::MAX),
            outgoing_window: Some(u32::MAX),
            ..AmqpSessionOptions::default()
        };
        let session = AmqpSession::new();
        session.begin(&self.connection, Some(windows)).await?;
        Ok(session)
    }

    /// The full name of an entity of the hub, such as `Partitions/0`.
    pub(super) fn entity(&self, path: &str) -> String {
        format!("{}/{path}", url(&self.address))
    }

    /// Says goodbye, for all that share it.
    pub(super) async fn close(&self) {
        drop(tokio::time::timeout(CLOSE_LIMIT, self.connection.close()).await);
    }

    /// Whether the token ends soon: connect anew.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Comes back when the token ends soon.
    pub(super) async fn until_due(&self) {
        tokio::time::sleep_until(self.due.into()).await;
    }
}

/// How the service names the hub, wherever it is reached.
fn url(address: &EventHubsAddress) -> String {
    format!("amqps://{}/{}", address.namespace, address.hub)
}

/// What is put to `$cbs`.
struct Permission {
    /// What the token is for, as the service wants it named.
    audience: String,
    token_type: &'static str,
    token: AccessToken,
}

impl Permission {
    /// For an entity of the hub, such as `/consumergroups/$Default`; for the hub itself it is empty.
    async fn of(address: &EventHubsAddress, entity: &str) -> Result<Self, AzureError> {
        let credential = match &address.credential {
            EventHubsCredential::SharedKey { name, key, signed_for } => {
                let audience = format!("sb://{}/{}{entity}", address.namespace, address.hub);
                let ends = OffsetDateTime::now_utc() + *signed_for;
                let token = shared_access::token(&audience, name, key, ends.unix_timestamp());
                let token = AccessToken::new(SdkSecret::new(token.reveal().to_owned()), ends);
                return Ok(Self { audience, token_type: shared_access::TOKEN_TYPE, token });
            }
            EventHubsCredential::Anonymous => no_credential(),
            EventHubsCredential::Token(credential) => Arc::clone(credential),
        };
        let token = credential
            .get_token(&[SCOPE], None)
            .await
            .map_err(|error| AzureError::connecting(Service::EventHubs, place(address), &error))?;
        Ok(Self { audience: format!("{}{entity}", url(address)), token_type: "jwt", token })
    }

    /// Puts it, and gives the token.
    async fn put_to(self, security: &AmqpClaimsBasedSecurity) -> Result<AccessToken, AmqpError> {
        let Self { audience, token_type, token } = self;
        security.authorize_path(audience, Some(token_type.to_owned()), &token.token, token.expires_on).await?;
        Ok(token)
    }
}
