//! Addresses: where a service is and how to log in. Plain data, and no secret in it shows in `Debug`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;

/// A key, a token or a signed query: usable, never printable.
///
/// ```
/// use streamgauge::azure::Secret;
///
/// let key = Secret::new("c2VjcmV0");
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// assert_eq!(key.reveal(), "c2VjcmV0");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the call that needs it. Never pass it to a message, a log or a file.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How to log in to Event Hubs.
#[derive(Clone, Default)]
pub enum EventHubsCredential {
    /// The endpoint asks for none (the embedded scenario, or an emulator).
    #[default]
    Anonymous,
    /// An Entra ID credential.
    Token(Arc<dyn TokenCredential>),
    /// A key of a shared access policy, as connection strings hold it.
    SharedKey {
        /// The policy's name, such as `Listen`.
        name: String,
        /// The key: text, and not decoded before it signs.
        key: Secret,
        /// How long a token is good that it signs; a connection lasts a little less.
        signed_for: Duration,
    },
}

impl EventHubsCredential {
    /// A key, whose tokens are good for an hour.
    pub fn shared_key(name: impl Into<String>, key: Secret) -> Self {
        Self::SharedKey { name: name.into(), key, signed_for: Duration::from_secs(3_600) }
    }
}

impl fmt::Debug for EventHubsCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Token(_) => f.write_str("Token(..)"),
            Self::SharedKey { name, key, signed_for } => f
                .debug_struct("SharedKey")
                .field("name", name)
                .field("key", key)
                .field("signed_for", signed_for)
                .finish(),
        }
    }
}

/// Where an event hub is.
#[derive(Debug, Clone)]
pub struct EventHubsAddress {
    /// The full host name of the namespace, such as `contoso.servicebus.windows.net`. It is part of the names of
    /// checkpoints, also where `custom_endpoint` says to connect elsewhere.
    pub namespace: String,
    /// The name of the event hub.
    pub hub: String,
    /// Connect here instead, such as `amqp://127.0.0.1:5672` (plaintext) for the embedded scenario.
    pub custom_endpoint: Option<String>,
    /// How to log in.
    pub credential: EventHubsCredential,
}

/// How to log in to Blob storage.
#[derive(Clone, Default)]
pub enum BlobCredential {
    /// The endpoint asks for none.
    #[default]
    Anonymous,
    /// The account's key, base64.
    SharedKey {
        /// The name of the storage account: it is part of what is signed.
        account: String,
        /// The key.
        key: Secret,
    },
    /// A shared access signature: the query of a signed URL, with or without the leading `?`.
    Signature(Secret),
    /// An Entra ID credential; the SDK then insists on `https`.
    Token(Arc<dyn TokenCredential>),
}

impl fmt::Debug for BlobCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::SharedKey { account, key } => {
                f.debug_struct("SharedKey").field("account", account).field("key", key).finish()
            }
            Self::Signature(secret) => f.debug_tuple("Signature").field(secret).finish(),
            Self::Token(_) => f.write_str("Token(..)"),
        }
    }
}

/// Where a container of Blob storage is.
#[derive(Debug, Clone)]
pub struct BlobAddress {
    /// The account's endpoint, such as `https://contoso.blob.core.windows.net` or
    /// `http://127.0.0.1:10000/devstoreaccount1`; a trailing slash does no harm.
    pub endpoint: String,
    /// The name of the container.
    pub container: String,
    /// How to log in.
    pub credential: BlobCredential,
}

/// How to log in to Cosmos DB.
#[derive(Clone)]
pub enum CosmosCredential {
    /// The account's key, base64.
    Key(Secret),
    /// An Entra ID credential.
    Token(Arc<dyn TokenCredential>),
}

impl fmt::Debug for CosmosCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.debug_tuple("Key").field(key).finish(),
            Self::Token(_) => f.write_str("Token(..)"),
        }
    }
}

/// Where a container of Cosmos DB is.
#[derive(Debug, Clone)]
pub struct CosmosAddress {
    /// The account's endpoint, such as `https://contoso.documents.azure.com/`. `http` is accepted on loopback only.
    pub endpoint: String,
    /// The name of the database.
    pub database: String,
    /// The name of the container.
    pub container: String,
    /// The region whose replicas are preferred, such as `West Europe`; `None` takes the account's own order.
    pub region: Option<String>,
    /// How to log in.
    pub credential: CosmosCredential,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_shows_its_secret() {
        let secret = "aHVzaCBodXNo";
        let blob = BlobAddress {
            endpoint: "http://127.0.0.1:10000/devstoreaccount1".into(),
            container: "checkpoints".into(),
            credential: BlobCredential::SharedKey { account: "devstoreaccount1".into(), key: Secret::new(secret) },
        };
        let signed = BlobAddress { credential: BlobCredential::Signature(Secret::new(secret)), ..blob.clone() };
        let cosmos = CosmosAddress {
            endpoint: "http://127.0.0.1:8081/".into(),
            database: "streaming".into(),
            container: "rawdata".into(),
            region: None,
            credential: CosmosCredential::Key(Secret::new(secret)),
        };
        for shown in [format!("{blob:?}"), format!("{signed:?}"), format!("{cosmos:?}")] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(shown.contains("Secret(..)"), "{shown}");
        }
    }
}
