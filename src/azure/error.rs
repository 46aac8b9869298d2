//! What can go wrong on the way to Azure: one sentence that says what, where, and what to try. Never a secret.

mod trouble;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use self::trouble::Trouble;
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
    /// The role of Entra ID that this service takes for a purpose, by the name under which Azure lists it.
    pub fn role(self, purpose: Purpose) -> &'static str {
        match (self, purpose) {
            (Self::EventHubs, Purpose::Read) => {
                "Azure Event Hubs Data Receiver (for load: Azure Event Hubs Data Sender)"
            }
            (Self::EventHubs, Purpose::Write) => "Azure Event Hubs Data Sender",
            (Self::Blob, Purpose::Read) => "Storage Blob Data Reader",
            (Self::Blob, Purpose::Write) => "Storage Blob Data Contributor",
            (Self::CosmosDb, Purpose::Read) => "Cosmos DB Built-in Data Reader",
            (Self::CosmosDb, Purpose::Write) => "Cosmos DB Built-in Data Contributor",
        }
    }

    /// What an address of this service names, and where in a scenario file it is named.
    fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::EventHubs => ("no such hub or consumer group", "hub and consumer-group in [ingest.event-hubs]"),
            Self::Blob => ("no such container", "endpoint and container in [position.checkpoints]"),
            Self::CosmosDb => ("no such database or container", "database and container in [store.cosmos]"),
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

/// What a service is wanted for: it decides which role that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To watch it.
    Read,
    /// To process: to write checkpoints, ownerships and documents.
    Write,
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
        .service.variables(), role = .service.role(*.purpose)
    )]
    Forbidden {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// What for.
        purpose: Purpose,
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
    /// The service answers, and does not have what the scenario names: 404.
    #[error("{service} has {} at {address} ({reason}); check {}, it is asked again", .service.named().0, .service.named().1)]
    NotFound {
        /// Which service.
        service: Service,
        /// Where.
        address: String,
        /// What it said.
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

    /// The same of a service that is wanted for writing.
    #[must_use]
    pub fn for_writing(self) -> Self {
        match self {
            Self::Forbidden { service, address, reason, .. } => {
                Self::Forbidden { service, address, purpose: Purpose::Write, reason }
            }
            other => other,
        }
    }
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
