//! The Blob storage endpoint of the embedded scenario: what checkpoint stores and function hosts need of the REST
//! protocol.
//!
//! Served, in memory: containers (create, list, properties, metadata, delete), block blobs written in one piece,
//! ranges, properties and metadata, deletion, conditions, leases on blobs, and listing with prefix, delimiter, metadata
//! and markers. **A shared key, a SAS or nothing at all is accepted**: signatures are not verified, because the
//! endpoint listens on loopback and holds nothing but what the scenario made.

mod blobs;
mod condition;
mod containers;
mod lease;
mod listing;
mod reply;
mod request;
mod service;
mod store;
mod xml;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use self::service::Service;
use self::store::Store;
use super::fault::FaultSwitch;
use super::http::{HttpServer, Limits, ListenProblem};

/// What the endpoint is like.
#[derive(Debug, Clone)]
pub struct BlobOptions {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The storage account, such as `devstoreaccount1`: the first part of every path.
    pub account: String,
    /// The container that is there from the start.
    pub container: String,
    /// The switch for what the endpoint shall do wrong.
    pub faults: FaultSwitch,
}

/// Why the endpoint could not start.
#[derive(Debug, thiserror::Error)]
pub enum BlobEndpointError {
    /// Another program has the port.
    #[error("port {} on {} is taken: choose another with --blob-port, or leave it out for any free one", .0.port(), .0.ip())]
    PortTaken(SocketAddr),
    /// Low ports need rights.
    #[error("port {} on {} may not be used: choose one above 1023 with --blob-port, or leave it out for any free one", .0.port(), .0.ip())]
    PortNotAllowed(SocketAddr),
    /// The system would not let it listen.
    #[error("the Blob endpoint cannot listen on {address}: {source}; choose another with --blob-port")]
    Listen {
        /// Where it wanted to.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The account would have a name that nobody can address.
    #[error(
        "the storage account name {0:?} is not allowed: use lower-case letters and digits, such as devstoreaccount1"
    )]
    BadAccount(String),
    /// The container would have a name that the service does not allow.
    #[error("the container name {0:?} is not allowed: use 3 to 63 lower-case letters, digits and single hyphens")]
    BadContainer(String),
}

/// A running endpoint. Dropping it ends it; [`BlobEndpoint::shutdown`] lets requests in hand finish.
#[derive(Debug)]
pub struct BlobEndpoint {
    server: HttpServer,
    account: String,
}

/// The longest blob that is taken, in one piece. Checkpoints and leases are far shorter.
const LONGEST_BLOB: usize = 64 * 1024 * 1024;

/// The public key of Microsoft's own storage emulators, which tools fill in by default.
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

impl BlobEndpoint {
    /// Listens, and serves on the current tokio runtime, of either flavor.
    pub async fn start(options: BlobOptions) -> Result<Self, BlobEndpointError> {
        let fits = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !fits(&options.account) {
            return Err(BlobEndpointError::BadAccount(options.account));
        }
        let store = Store::default();
        if store.create_container(&options.container, store::Metadata::new(), SystemTime::now()).is_err() {
            return Err(BlobEndpointError::BadContainer(options.container));
        }
        let address = options.listen;
        let service = Arc::new(Service::new(store, options.account.clone()));
        let started = HttpServer::start(address, service, options.faults, Limits::with_body(LONGEST_BLOB)).await;
        let server = started.map_err(|source| match ListenProblem::of(&source) {
            ListenProblem::Taken => BlobEndpointError::PortTaken(address),
            ListenProblem::NotAllowed => BlobEndpointError::PortNotAllowed(address),
            ListenProblem::Other => BlobEndpointError::Listen { address, source },
        })?;
        Ok(Self { server, account: options.account })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What clients take as the account's endpoint, without a slash at the end:
    /// `http://127.0.0.1:PORT/devstoreaccount1`.
    pub fn endpoint(&self) -> String {
        format!("http://{}/{}", self.address(), self.account)
    }

    /// The storage account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// A key that clients can use. Any other does as well, and none too.
    pub fn key(&self) -> String {
        EMULATOR_KEY.to_owned()
    }

    /// Ends the endpoint and returns when its connections are closed and its port is free.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}
