//! What several parts share to reach Azure: addresses, credentials, and clients that can be trusted to answer or fail.
//!
//! - [`address`]: where a service is and how to log in; plain data, secrets never show
//! - [`credentials`]: which credential there is for a service, in the environment or with Entra ID
//! - [`eventhubs`]: Event Hubs producers and consumers, and a reader of log ends
//! - [`own_thread`]: a runtime of its own for each Event Hubs client, and why it needs one
//! - [`blob`], [`cosmos`]: containers of Blob storage and Cosmos DB
//! - [`management`]: Azure Resource Manager: what a resource group holds
//! - [`backoff`]: how long to wait before a service is asked again
//! - [`standing`]: the standing of several connections as the state of one station

pub mod address;
pub mod backoff;
pub mod blob;
mod certificate;
mod connection_string;
pub mod cosmos;
pub mod credentials;
mod entra;
pub mod error;
pub mod eventhubs;
pub mod management;
pub mod own_thread;
pub mod standing;

pub use address::{
    BlobAddress, BlobCredential, CosmosAddress, CosmosCredential, EventHubsAddress, EventHubsCredential, Secret,
};
pub use certificate::CertificateTrouble;
pub use error::{AzureError, Purpose, Service};
pub use own_thread::{OwnThread, OwnThreadError, Shutdown};
