//! The Cosmos DB endpoint of the embedded scenario: what clients of the `NoSQL` API need of the REST protocol, in
//! memory.
//!
//! Served: the account, databases and containers, partition key ranges, items by id, the change feed, throughput
//! offers, and two queries within a partition key. Text JSON only: a client must not send binary encoding
//! (`BinaryEncodingOptions::new().with_enabled(false)` in Rust). **Any key is accepted**: signatures are not verified,
//! because the endpoint listens on loopback and holds nothing but what the scenario made.

mod account;
mod document;
mod epk;
mod feed;
mod items;
mod murmur;
mod partition;
mod query;
mod reply;
mod request;
mod rid;
mod scope;
mod service;
mod units;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::account::{Account, Container, ContainerPlan, Throughput, TimeToLive};
use self::document::PartitionKeyPath;
use self::service::Service;
use super::fault::FaultSwitch;
use super::http::{HttpServer, Limits, ListenProblem, StartError};
use super::tls::{Identity, IdentityError};

/// What the endpoint is like.
#[derive(Debug, Clone)]
pub struct CosmosOptions {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The database that is there from the start.
    pub database: String,
    /// The container that is there from the start.
    pub container: String,
    /// Where items keep their partition key, such as `/deviceId`.
    pub partition_key_path: String,
    /// Provisioned throughput of the container in RU/s. It decides the number of physical partitions to begin with, too: one for each 10,000 RU/s, and at least two.
    pub request_units: u32,
    /// How long items live, in whole seconds; for ever if nothing is given.
    pub time_to_live: Option<Duration>,
    /// The switch for what the endpoint shall do wrong.
    pub faults: FaultSwitch,
}

/// Why the endpoint could not start.
#[derive(Debug, thiserror::Error)]
pub enum CosmosEndpointError {
    /// Another program has the port.
    #[error("port {} on {} is taken: choose another with --cosmos-port, or leave it out for any free one", .0.port(), .0.ip())]
    PortTaken(SocketAddr),
    /// Low ports need rights.
    #[error("port {} on {} may not be used: choose one above 1023 with --cosmos-port, or leave it out for any free one", .0.port(), .0.ip())]
    PortNotAllowed(SocketAddr),
    /// The system would not let it listen.
    #[error("the Cosmos DB endpoint cannot listen on {address}: {source}; choose another with --cosmos-port")]
    Listen {
        /// Where it wanted to.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Database or container would have a name that nobody can address.
    #[error(
        "the name {0:?} of the Cosmos DB database or container is not allowed: use 1 to 255 characters, none of them / \\ ? #"
    )]
    BadName(String),
    /// No such path.
    #[error("the partition key path {0:?} is not one: write it as /deviceId")]
    BadPartitionKeyPath(String),
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] IdentityError),
}

impl CosmosEndpointError {
    fn listen(address: SocketAddr, source: std::io::Error) -> Self {
        match ListenProblem::of(&source) {
            ListenProblem::Taken => Self::PortTaken(address),
            ListenProblem::NotAllowed => Self::PortNotAllowed(address),
            ListenProblem::Other => Self::Listen { address, source },
        }
    }
}

/// A running endpoint. Dropping it ends it; [`CosmosEndpoint::shutdown`] lets requests in hand finish.
#[derive(Debug)]
pub struct CosmosEndpoint {
    server: HttpServer,
    with_tls: Option<HttpServer>,
    service: Arc<Service>,
    faults: FaultSwitch,
    container: Arc<Container>,
}

/// Bodies longer than an item are answered 413 by the service, which tells the client what to do; far longer ones are
/// not even read.
const LONGEST_BODY: usize = items::LONGEST_ITEM + 64 * 1024;
const LIMITS: Limits = Limits::with_body(LONGEST_BODY);

/// The public key of Microsoft's own emulators, which tools fill in by default.
const EMULATOR_KEY: &str = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

impl CosmosEndpoint {
    /// Listens, and serves on the current tokio runtime, of either flavor.
    pub async fn start(options: CosmosOptions) -> Result<Self, CosmosEndpointError> {
        let key_path = PartitionKeyPath::parse(&options.partition_key_path)
            .ok_or_else(|| CosmosEndpointError::BadPartitionKeyPath(options.partition_key_path.clone()))?;
        for name in [&options.database, &options.container] {
            if account::resource_name(&serde_json::json!({ "id": name })).is_none() {
                return Err(CosmosEndpointError::BadName(name.clone()));
            }
        }
        let address = options.listen;
        let now = SystemTime::now();
        let account = Account::default();
        let plan = ContainerPlan {
            id: options.container.clone(),
            key_path,
            time_to_live: options
                .time_to_live
                .map_or(TimeToLive::Off, |time| TimeToLive::Seconds(time.as_secs().max(1))),
            request_units: options.request_units,
        };
        // The account is empty, so neither name can be taken.
        let container = account
            .create_database(options.database.clone(), now)
            .and_then(|database| database.create_container(plan, now))
            .map_err(|account::AlreadyThere| CosmosEndpointError::BadName(options.container))?;
        let service = Arc::new(Service::new(account));
        let started = HttpServer::start(address, service.clone(), options.faults.clone(), LIMITS).await;
        let server = started.map_err(|source| CosmosEndpointError::listen(address, source))?;
        Ok(Self { server, with_tls: None, service, faults: options.faults, container })
    }

    /// Listens in one more place, with TLS.
    pub async fn listen_with_tls(
        &mut self,
        address: SocketAddr,
        identity: &Identity,
    ) -> Result<SocketAddr, CosmosEndpointError> {
        let (service, faults) = (self.service.clone(), self.faults.clone());
        let server = match HttpServer::start_with_tls(address, identity, service, faults, LIMITS).await {
            Ok(server) => server,
            Err(StartError::Listen(source)) => return Err(CosmosEndpointError::listen(address, source)),
            Err(StartError::Tls(error)) => return Err(error.into()),
        };
        Ok(self.with_tls.insert(server).address())
    }

    /// Where it listens, without TLS.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What clients take as the account's endpoint: `http://127.0.0.1:PORT/`.
    pub fn endpoint(&self) -> String {
        format!("{}/", self.server.origin())
    }

    /// The same with TLS, where it is spoken.
    pub fn endpoint_with_tls(&self) -> Option<String> {
        self.with_tls.as_ref().map(|server| format!("{}/", server.origin()))
    }

    /// A key that clients can use. Any other does as well.
    pub fn key(&self) -> String {
        EMULATOR_KEY.to_owned()
    }

    /// Provisions the container of the options anew, in RU/s. Its physical partitions stay as many as they are.
    pub fn set_request_units(&self, request_units: u32) {
        self.container.provision(Throughput::Manual(request_units));
    }

    /// Lets the container of the options scale by itself, up to so many RU/s.
    pub fn set_autoscale(&self, most_request_units: u32) {
        self.container.provision(Throughput::Autoscale(most_request_units));
    }

    /// Splits a physical partition of the container of the options, by its id, in two. The service does so when a
    /// partition is full or more is provisioned than its partitions carry. False if there is no such partition.
    pub fn split(&self, partition: u32) -> bool {
        self.container.split(partition)
    }

    /// Keeps the throughput offers from clients, as the service does from principals that have no more than roles of
    /// the data plane.
    pub fn hide_offers(&self, hidden: bool) {
        self.service.hides_offers.store(hidden, std::sync::atomic::Ordering::Relaxed);
    }

    /// Ends the endpoint and returns when its connections are closed and its port is free.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
        if let Some(server) = self.with_tls {
            server.shutdown().await;
        }
    }
}
