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
use super::http::{HttpServer, Limits, ListenProblem, StartError};
use super::tls::{Identity, IdentityError};

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
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] IdentityError),
}

impl BlobEndpointError {
    fn listen(address: SocketAddr, source: std::io::Error) -> Self {
        match ListenProblem::of(&source) {
            ListenProblem::Taken => Self::PortTaken(address),
            ListenProblem::NotAllowed => Self::PortNotAllowed(address),
            ListenProblem::Other => Self::Listen { address, source },
        }
    }
}

/// A running endpoint. Dropping it ends it; [`BlobEndpoint::shutdown`] lets requests in hand finish.
#[derive(Debug)]
pub struct BlobEndpoint {
    server: HttpServer,
    with_tls: Option<HttpServer>,
    service: Arc<Service>,
    faults: FaultSwitch,
    account: String,
}

/// The longest blob that is taken, in one piece. Checkpoints and leases are far shorter.
const LONGEST_BLOB: usize = 64 * 1024 * 1024;
const LIMITS: Limits = Limits::with_body(LONGEST_BLOB);

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
        let started = HttpServer::start(address, service.clone(), options.faults.clone(), LIMITS).await;
        let server = started.map_err(|source| BlobEndpointError::listen(address, source))?;
        Ok(Self { server, with_tls: None, service, faults: options.faults, account: options.account })
    }

    /// Listens in one more place, with TLS.
    pub async fn listen_with_tls(
        &mut self,
        address: SocketAddr,
        identity: &Identity,
    ) -> Result<SocketAddr, BlobEndpointError> {
        let (service, faults) = (self.service.clone(), self.faults.clone());
        let server = match HttpServer::start_with_tls(address, identity, service, faults, LIMITS).await {
            Ok(server) => server,
            Err(StartError::Listen(source)) => return Err(BlobEndpointError::listen(address, source)),
            Err(StartError::Tls(error)) => return Err(error.into()),
        };
        Ok(self.with_tls.insert(server).address())
    }

    /// Where it listens, without TLS.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What clients take as the account's endpoint, without a slash at the end:
    /// `http://127.0.0.1:PORT/devstoreaccount1`.
    pub fn endpoint(&self) -> String {
        format!("{}/{}", self.server.origin(), self.account)
    }

    /// The same with TLS, where it is spoken.
    pub fn endpoint_with_tls(&self) -> Option<String> {
        self.with_tls.as_ref().map(|server| format!("{}/{}", server.origin(), self.account))
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
        if let Some(server) = self.with_tls {
            server.shutdown().await;
        }
    }
}
