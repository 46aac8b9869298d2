//! What can go wrong on the way to Azure: one sentence that says what, where, and what to try. Never a secret.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core_amqp::AmqpError;
use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_data_cosmos::CosmosError;

use super::certificate::CertificateTrouble;
use crate::typed::without_userinfo;

/// A service of Azure, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Event Hubs.
    EventHubs,
    /// Blob storage.
    Blob,
    /// Cosmos DB.
    CosmosDb,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventHubs => "Event Hubs",
            Self::Blob => "Blob storage",
            Self::CosmosDb => "Cosmos DB",
        })
    }
}

impl Service {
    /// The role of Entra ID that watching this service takes, by the name under which Azure lists it.
    pub fn role(self) -> &'static str {
        match self {
            Self::EventHubs => "Azure Event Hubs Data Receiver (for load: Azure Event Hubs Data Sender)",
            Self::Blob => "Storage Blob Data Reader",
            Self::CosmosDb => "Cosmos DB Built-in Data Reader",
        }
    }

    /// The variables of the environment that can hold a key to this service.
    pub fn variables(self) -> &'static str {
        match self {
            Self::EventHubs => "STREAMGAUGE_EVENTHUBS_CONNECTION_STRING",
            Self::Blob => "STREAMGAUGE_STORAGE_CONNECTION_STRING, _KEY or _SAS",
            Self::CosmosDb => "STREAMGAUGE_COSMOS_CONNECTION_STRING or _KEY",
        }
    }
}

/// An error on the way to Azure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AzureError {
    /// An address can't be understood.
    #[error("the {service} address {address:?} is not usable ({reason}); check the endpoint in the scenario file")]
    Address {
        /// Which service.
        service: Service,
        /// The address as given, without its query.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service did not let us in, or is not there.
    #[error("can't reach {service} at {address} ({reason}); check that it runs and that the credential may use it")]
    Connect {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// What the client said.
        reason: String,
    },
    /// It shows a certificate that is not taken for the service's.
    #[error("{service} at {address} {trouble}")]
    Certificate {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// What is wrong with it.
        trouble: CertificateTrouble,
    },
    /// The service knows the credential and does not let it in, or does not know it: 401 or 403.
    #[error(
        "{service} at {address} refuses the credential; it takes the role {role}, or the right key in {} ({reason})",
        .service.variables(), role = .service.role()
    )]
    Forbidden {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// What it said.
        reason: String,
    },
    /// No token could be had for the service.
    #[error(
        "no token from Entra ID for {service} at {address} ({reason}); try `az login`, set AZURE_TENANT_ID, \
         AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or put a key in {}",
        .service.variables()
    )]
    NoToken {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// What the credential said.
        reason: String,
    },
    /// No answer came in time.
    #[error("no answer from {service} at {address} within {limit:?} ({call}); check the network, it is asked again")]
    Timeout {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// Which call.
        call: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The service answered with an error.
    #[error("{service} at {address} refused {call} ({reason}); it is asked again")]
    Refused {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// Which call.
        call: &'static str,
        /// What it said.
        reason: String,
    },
}

impl AzureError {
    /// What an SDK said when we wanted in.
    pub fn connecting(service: Service, address: String, error: &(dyn Error + 'static)) -> Self {
        match Trouble::of(error) {
            Some(trouble) => trouble.told(service, address, error),
            None => Self::Connect { service, address, reason: root_cause(error) },
        }
    }

    /// What an SDK said to a call.
    pub fn refusing(service: Service, address: String, call: &'static str, error: &(dyn Error + 'static)) -> Self {
        match Trouble::of(error) {
            Some(trouble) => trouble.told(service, address, error),
            None => Self::Refused { service, address, call, reason: root_cause(error) },
        }
    }
}

/// What is wrong where a person can help it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Credential(CredentialTrouble),
    Certificate(CertificateTrouble),
}

impl Trouble {
    /// The credential goes first: where no token could be had, a certificate in the error is that of Entra ID, and not
    /// of the service.
    fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let credential = trouble_with_credential(error).map(Self::Credential);
        credential.or_else(|| CertificateTrouble::of(error).map(Self::Certificate))
    }

    fn told(self, service: Service, address: String, error: &(dyn Error + 'static)) -> AzureError {
        match self {
            Self::Credential(trouble) => trouble.told(service, address, error),
            Self::Certificate(trouble) => AzureError::Certificate { service, address, trouble },
        }
    }
}

/// What is wrong with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CredentialTrouble {
    NoToken,
    NotLetIn,
}

impl CredentialTrouble {
    fn told(self, service: Service, address: String, error: &(dyn Error + 'static)) -> AzureError {
        let reason = match http_trouble(error) {
            Some(said) => said,
            None => root_cause(error),
        };
        match self {
            Self::NoToken => AzureError::NoToken { service, address, reason },
            Self::NotLetIn => AzureError::Forbidden { service, address, reason },
        }
    }
}

/// What an answer over HTTP says in two words, such as `403 AuthenticationFailed`. The whole of it is a page of XML.
fn http_trouble(error: &(dyn Error + 'static)) -> Option<String> {
    let error = error.downcast_ref::<azure_core::Error>()?;
    let ErrorKind::HttpResponse { status, error_code, .. } = error.kind() else { return None };
    let status = u16::from(*status);
    Some(error_code.as_ref().map_or_else(|| status.to_string(), |code| format!("{status} {code}")))
}

/// The sub-status of the Cosmos DB SDK for a token that could not be had.
const NO_TOKEN: u16 = 20_402;

/// Whether an error is about the credential. The SDKs of the three services wrap one another's errors, each in its own
/// way: the first in the chain that says something counts.
fn trouble_with_credential(error: &(dyn Error + 'static)) -> Option<CredentialTrouble> {
    let refused = |status: u16| matches!(status, 401 | 403).then_some(CredentialTrouble::NotLetIn);
    let mut next = Some(error);
    while let Some(error) = next {
        let found = if let Some(error) = error.downcast_ref::<azure_core::Error>() {
            match error.kind() {
                ErrorKind::Credential => Some(CredentialTrouble::NoToken),
                _ => error.http_status().and_then(|status| refused(status.into())),
            }
        } else if let Some(error) = error.downcast_ref::<CosmosError>() {
            // The SDK makes one of its own where it could get no token, and nobody was asked.
            let asked_nobody = error.status().sub_status().is_some_and(|code| code.value() == NO_TOKEN);
            if asked_nobody && !error.is_from_wire() {
                Some(CredentialTrouble::NoToken)
            } else {
                refused(error.status().status_code().into())
            }
        } else if let Some(error) = error.downcast_ref::<AmqpError>() {
            match error.kind() {
                AmqpErrorKind::ManagementStatusCode(status, _) => refused((*status).into()),
                AmqpErrorKind::AmqpDescribedError(described)
                    if described.condition == AmqpErrorCondition::UnauthorizedAccess =>
                {
                    Some(CredentialTrouble::NotLetIn)
                }
                AmqpErrorKind::AzureCore(error) => {
                    matches!(error.kind(), ErrorKind::Credential).then_some(CredentialTrouble::NoToken)
                }
                _ => None,
            }
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
        next = error.source();
    }
    None
}

/// What an SDK's error says, made fit for one sentence: its first line, at most 200 characters, and without anything
/// that follows a word that usually precedes a secret, or stands before the host of a URL.
///
/// ```
/// use streamgauge::azure::error::cause;
///
/// assert_eq!(cause("no route to host\n  at line 7"), "no route to host");
/// assert_eq!(cause("403 for https://x/y?sv=1&sig=abc%3D"), "403 for https://x/y?sv=1&sig=..");
/// ```
pub fn cause(error: impl fmt::Display) -> String {
    const LIMIT: usize = 200;
    let text = error.to_string();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    let line = &without_userinfo(&without_xml(line));
    let mut said: String = line.chars().take(LIMIT).collect();
    if line.chars().count() > LIMIT {
        said.push_str("..");
    }
    let lower = said.to_ascii_lowercase();
    let secret_begins = ["sig=", "sharedaccesskey=", "accountkey=", "bearer ", "authorization:"]
        .iter()
        .filter_map(|word| lower.find(word).map(|at| at + word.len()))
        .min();
    if let Some(at) = secret_begins {
        said.truncate(at);
        said.push_str("..");
    }
    said
}

/// Blob storage says what is wrong in XML, and its client passes that on: `503: <?xml .. ?><Error><Code>ServerBusy</Code>
/// <Message>The server is busy</Message></Error>` becomes `503: ServerBusy, The server is busy`.
fn without_xml(line: &str) -> String {
    let between = |begin: &str, end: &str| {
        let rest = line.split_once(begin)?.1;
        Some(rest.split_once(end).map_or(rest, |(inside, _)| inside).trim())
    };
    match (line.split_once("<?xml"), between("<Code>", "</Code>"), between("<Message>", "</Message>")) {
        (Some((before, _)), Some(code), Some(message)) => format!("{before}{code}, {message}"),
        (Some((before, _)), Some(code), None) => format!("{before}{code}"),
        _ => line.to_owned(),
    }
}

/// As [`cause`], with the innermost source behind it: an HTTP client says "error sending request" and keeps
/// "connection refused" to itself.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let (said, root) = (cause(error), cause(innermost));
    if said.contains(&root) { said } else { cause(format!("{said}: {root}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_put_in_words() {
        let busy =
            "503: <?xml version=\"1.0\"?><Error><Code>ServerBusy</Code><Message>Wait a moment.</Message></Error>";
        assert_eq!(cause(busy), "503: ServerBusy, Wait a moment.");
        assert_eq!(cause("403: <?xml ?><Error><Code>Forbidden</Code></Error>"), "403: Forbidden");
        assert_eq!(cause("a < b"), "a < b");
    }

    #[test]
    fn a_long_cause_is_cut_at_a_character_and_an_empty_one_is_named() {
        let long = "\u{e9}".repeat(300);
        assert_eq!(cause(&long).chars().count(), 202);
        assert_eq!(cause("\n \n"), "no reason given");
    }
}
