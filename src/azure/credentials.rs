//! Credentials: from Entra ID, or from the environment. Never from a file, never on a screen.
//!
//! | service | variable | Entra ID role |
//! |---|---|---|
//! | Event Hubs | [`EVENTHUBS`] | Azure Event Hubs Data Receiver; for load Azure Event Hubs Data Sender |
//! | Blob storage | [`STORAGE`], [`STORAGE_KEY`] or [`STORAGE_SAS`] | Storage Blob Data Reader |
//! | Cosmos DB | [`COSMOS`] or [`COSMOS_KEY`] | Cosmos DB Built-in Data Reader |
//!
//! A connection string names its account. Where that is not the one of the scenario file, the two were mixed up, and it
//! is said before anything is sent.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::address::{BlobCredential, CosmosCredential, EventHubsCredential, Secret};
use super::connection_string::{ConnectionString, host};
use super::entra;
use super::error::Service;

/// The connection string of the namespace, or of the hub.
pub const EVENTHUBS: &str = "STREAMGAUGE_EVENTHUBS_CONNECTION_STRING";
/// The connection string of the storage account.
pub const STORAGE: &str = "STREAMGAUGE_STORAGE_CONNECTION_STRING";
/// The key of the storage account.
pub const STORAGE_KEY: &str = "STREAMGAUGE_STORAGE_KEY";
/// A shared access signature for the storage account or the container.
pub const STORAGE_SAS: &str = "STREAMGAUGE_STORAGE_SAS";
/// The connection string of the Cosmos DB account.
pub const COSMOS: &str = "STREAMGAUGE_COSMOS_CONNECTION_STRING";
/// The key of the Cosmos DB account; the read-only one does.
pub const COSMOS_KEY: &str = "STREAMGAUGE_COSMOS_KEY";

/// Every variable, and what it holds, for the manual.
pub const VARIABLES: [(&str, &str); 6] = [
    (EVENTHUBS, "the connection string of the Event Hubs namespace or hub"),
    (STORAGE, "the connection string of the storage account with the checkpoints"),
    (STORAGE_KEY, "its key"),
    (STORAGE_SAS, "or a shared access signature for it"),
    (COSMOS, "the connection string of the Cosmos DB account"),
    (COSMOS_KEY, "or its key, of which the read-only one does"),
];

/// How to log in to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CredentialChoice {
    /// The environment where one of the service's variables is set, else Entra ID.
    #[default]
    Automatic,
    /// The environment alone.
    Environment,
    /// Entra ID alone.
    Entra,
    /// None: an emulator that asks for none.
    None,
}

/// What the variables of the environment hold.
pub struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Environment<'a> {
    /// An environment that is asked through a function.
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(variable)
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

/// Why there is no credential. Never holds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The environment is to have one.
    #[error("the scenario takes the credential for {service} from the environment; set {}", .service.variables())]
    NotSet {
        /// For which service.
        service: Service,
    },
    /// It can't be understood.
    #[error("{variable} in the environment {what}; copy it again, whole, from the portal or from `{command}`")]
    Malformed {
        /// Which variable.
        variable: &'static str,
        /// What is wrong with it.
        what: &'static str,
        /// The command that prints it.
        command: &'static str,
    },
    /// It is for something else.
    #[error("{variable} in the environment is for {theirs}, but the scenario names {ours}; which one is meant?")]
    Elsewhere {
        /// Which variable.
        variable: &'static str,
        /// What it is for.
        theirs: String,
        /// What the scenario names.
        ours: String,
    },
    /// The variables of Entra ID can't be understood.
    #[error("Entra ID can't be used ({0}); check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")]
    Entra(String),
    /// The address of Entra ID is none. It is not repeated: whatever is in it may be a secret.
    #[error(
        "AZURE_AUTHORITY_HOST in the environment is no address of Entra ID; give a URL with a host alone, such as \
         https://login.microsoftonline.com, or unset it"
    )]
    Authority,
}

/// What was found for Event Hubs.
#[derive(Debug, Clone)]
pub struct FoundEventHubs {
    /// How to log in.
    pub credential: EventHubsCredential,
    /// Where to connect instead, if the connection string is an emulator's (`UseDevelopmentEmulator=true`): plaintext.
    pub emulator: Option<String>,
}

const EVENTHUBS_COMMAND: &str = "az eventhubs namespace authorization-rule keys list";
const STORAGE_COMMAND: &str = "az storage account show-connection-string";
const STORAGE_KEY_COMMAND: &str = "az storage account keys list";
const STORAGE_SAS_COMMAND: &str = "az storage container generate-sas";
const COSMOS_COMMAND: &str = "az cosmosdb keys list --type connection-strings";
const COSMOS_KEY_COMMAND: &str = "az cosmosdb keys list";

/// Keys of storage and of Cosmos DB are base64. One that is not is told here, where its variable is known: the services'
/// clients would speak of an address, or of a token.
fn is_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|key| !key.is_empty())
}

const NO_KEY: &str = "is no key, which is base64";
const HAS_NO_KEY: &str = "has an AccountKey that is none, for it is no base64";

/// How to log in to a hub.
///
/// # Errors
/// [`CredentialError`].
pub fn event_hubs(
    choice: CredentialChoice,
    namespace: &str,
    hub: &str,
    environment: &Environment<'_>,
) -> Result<FoundEventHubs, CredentialError> {
    let found = |credential| Ok(FoundEventHubs { credential, emulator: None });
    let variable = environment.get(EVENTHUBS);
    let text = match (choice, variable) {
        (CredentialChoice::None, _) => return found(EventHubsCredential::Anonymous),
        (CredentialChoice::Entra, _) | (CredentialChoice::Automatic, None) => {
            return found(EventHubsCredential::Token(entra::credential()?));
        }
        (CredentialChoice::Environment, None) => {
            return Err(CredentialError::NotSet { service: Service::EventHubs });
        }
        (CredentialChoice::Automatic | CredentialChoice::Environment, Some(text)) => text,
    };
    let malformed = |what| CredentialError::Malformed { variable: EVENTHUBS, what, command: EVENTHUBS_COMMAND };
    let elsewhere = |theirs: &str, ours: &str| {
        Err(CredentialError::Elsewhere { variable: EVENTHUBS, theirs: theirs.to_owned(), ours: ours.to_owned() })
    };
    let parts = ConnectionString::parse(&text).ok_or_else(|| malformed("is no connection string"))?;
    let theirs = parts.get("Endpoint").map(host).ok_or_else(|| malformed("has no Endpoint"))?;
    if theirs != namespace.to_ascii_lowercase() {
        return elsewhere(&theirs, namespace);
    }
    if let Some(path) = parts.get("EntityPath").filter(|path| !path.eq_ignore_ascii_case(hub)) {
        return elsewhere(&format!("the hub {path}"), &format!("the hub {hub}"));
    }
    if parts.says("UseDevelopmentEmulator") {
        let address = if theirs.contains(':') { theirs } else { format!("{theirs}:5672") };
        let emulator = Some(format!("amqp://{address}"));
        return Ok(FoundEventHubs { credential: EventHubsCredential::Anonymous, emulator });
    }
    let name = parts.get("SharedAccessKeyName").ok_or_else(|| malformed("has no SharedAccessKeyName"))?;
    let key = parts.secret("SharedAccessKey").ok_or_else(|| malformed("has no SharedAccessKey"))?;
    found(EventHubsCredential::shared_key(name, key))
}

/// How to log in to a storage account by its endpoint.
///
/// # Errors
/// [`CredentialError`].
pub fn blob(
    choice: CredentialChoice,
    endpoint: &str,
    environment: &Environment<'_>,
) -> Result<BlobCredential, CredentialError> {
    let from_environment = || -> Result<Option<BlobCredential>, CredentialError> {
        if let Some(text) = environment.get(STORAGE) {
            return storage_connection_string(&text, endpoint).map(Some);
        }
        if let Some(key) = environment.get(STORAGE_KEY) {
            if !is_key(&key) {
                let (variable, command) = (STORAGE_KEY, STORAGE_KEY_COMMAND);
                return Err(CredentialError::Malformed { variable, what: NO_KEY, command });
            }
            let account = account_of(endpoint);
            return Ok(Some(BlobCredential::SharedKey { account, key: Secret::new(key) }));
        }
        let Some(signature) = environment.get(STORAGE_SAS) else { return Ok(None) };
        if !signature.contains("sig=") {
            let what = "is no shared access signature, for it has no sig=";
            let (variable, command) = (STORAGE_SAS, STORAGE_SAS_COMMAND);
            return Err(CredentialError::Malformed { variable, what, command });
        }
        Ok(Some(BlobCredential::Signature(Secret::new(signature))))
    };
    match choice {
        CredentialChoice::None => Ok(BlobCredential::Anonymous),
        CredentialChoice::Entra => Ok(BlobCredential::Token(entra::credential()?)),
        CredentialChoice::Environment => from_environment()?.ok_or(CredentialError::NotSet { service: Service::Blob }),
        CredentialChoice::Automatic => match from_environment()? {
            Some(credential) => Ok(credential),
            None => Ok(BlobCredential::Token(entra::credential()?)),
        },
    }
}

fn storage_connection_string(text: &str, endpoint: &str) -> Result<BlobCredential, CredentialError> {
    let malformed = |what| CredentialError::Malformed { variable: STORAGE, what, command: STORAGE_COMMAND };
    let parts = ConnectionString::parse(text).ok_or_else(|| malformed("is no connection string"))?;
    let ours = account_of(endpoint);
    let theirs = parts.get("AccountName").map(str::to_owned).or_else(|| parts.get("BlobEndpoint").map(account_of));
    if let Some(theirs) = theirs.filter(|theirs| !theirs.eq_ignore_ascii_case(&ours)) {
        return Err(CredentialError::Elsewhere {
            variable: STORAGE,
            theirs: format!("the account {theirs}"),
            ours: format!("the account {ours}"),
        });
    }
    if let Some(key) = parts.secret("AccountKey") {
        if !is_key(key.reveal()) {
            return Err(malformed(HAS_NO_KEY));
        }
        return Ok(BlobCredential::SharedKey { account: ours, key });
    }
    let signature = parts.secret("SharedAccessSignature").map(BlobCredential::Signature);
    signature.ok_or_else(|| malformed("has neither AccountKey nor SharedAccessSignature"))
}

/// The name of a storage account: the first label of `https://contoso.blob.core.windows.net`, and for an emulator, whose
/// host is an address, the first part of the path: `http://127.0.0.1:10000/devstoreaccount1`.
fn account_of(endpoint: &str) -> String {
    let host = host(endpoint);
    let is_address = host
        .split(':')
        .next()
        .is_some_and(|host| host == "localhost" || host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok());
    if !is_address {
        return host.split('.').next().unwrap_or_default().to_owned();
    }
    let path = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    path.split(['/', '?']).nth(1).unwrap_or_default().to_owned()
}

/// How to log in to a Cosmos DB account by its endpoint.
///
/// # Errors
/// [`CredentialError`].
pub fn cosmos(
    choice: CredentialChoice,
    endpoint: &str,
    environment: &Environment<'_>,
) -> Result<CosmosCredential, CredentialError> {
    let from_environment = || -> Result<Option<CosmosCredential>, CredentialError> {
        let Some(text) = environment.get(COSMOS) else {
            let Some(key) = environment.get(COSMOS_KEY) else { return Ok(None) };
            if !is_key(&key) {
                let (variable, command) = (COSMOS_KEY, COSMOS_KEY_COMMAND);
                return Err(CredentialError::Malformed { variable, what: NO_KEY, command });
            }
            return Ok(Some(CosmosCredential::Key(Secret::new(key))));
        };
        let malformed = |what| CredentialError::Malformed { variable: COSMOS, what, command: COSMOS_COMMAND };
        let parts = ConnectionString::parse(&text).ok_or_else(|| malformed("is no connection string"))?;
        // The portal writes the port, `az cosmosdb show` too; people leave it out.
        let account = |url: &str| host(url).trim_end_matches(":443").to_owned();
        let theirs = parts.get("AccountEndpoint").map(account).ok_or_else(|| malformed("has no AccountEndpoint"))?;
        let ours = account(endpoint);
        if theirs != ours {
            return Err(CredentialError::Elsewhere { variable: COSMOS, theirs, ours });
        }
        let key = parts.secret("AccountKey").ok_or_else(|| malformed("has no AccountKey"))?;
        if !is_key(key.reveal()) {
            return Err(malformed(HAS_NO_KEY));
        }
        Ok(Some(CosmosCredential::Key(key)))
    };
    match choice {
        // The protocol knows no requests without a signature: an emulator takes any.
        CredentialChoice::None => Ok(CosmosCredential::Key(Secret::new("bm9uZQ=="))),
        CredentialChoice::Entra => Ok(CosmosCredential::Token(entra::credential()?)),
        CredentialChoice::Environment => {
            from_environment()?.ok_or(CredentialError::NotSet { service: Service::CosmosDb })
        }
        CredentialChoice::Automatic => match from_environment()? {
            Some(credential) => Ok(credential),
            None => Ok(CosmosCredential::Token(entra::credential()?)),
        },
    }
}

/// A credential of Entra ID, for what is shared.
pub(super) type Entra = Arc<dyn TokenCredential>;

#[cfg(test)]
mod tests;
