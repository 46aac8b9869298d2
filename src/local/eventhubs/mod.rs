//! The Event Hubs endpoint of the embedded scenario: one hub, served over AMQP 1.0 on loopback.
//!
//! The official clients of Rust, Python and JavaScript send to it and receive from it as they do from the service.
//! From the socket inwards:
//!
//! | file | what it is |
//! |---|---|
//! | `wire` | one connection's bytes, as they are or inside TLS |
//! | `transport` | its input, output and time |
//! | `connection`, `session`, `link/` | the protocol's state, without I/O |
//! | `codec/`, `outbox` | the protocol's bytes |
//! | `hub`, `address` | what is served, and which part of it a link is for |
//! | `cbs`, `management` | the nodes that answer requests |
//! | `receivers`, `mailbox` | who receives what, and who gives way |
//! | `log/` | the retained events |

mod address;
mod cbs;
mod codec;
mod connection;
mod hub;
mod link;
mod log;
mod mailbox;
mod management;
mod outbox;
mod receivers;
mod session;
mod transport;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::local::fault::{Fault, FaultSwitch};
use crate::local::tls::{Handshakes, Identity, IdentityError};
use hub::Hub;
use wire::Wire;

pub use cbs::SharedKey;
pub use log::{Log, PartitionStatus, SequenceNumber};

/// How many clients may be connected at once; one more is turned away.
const CONNECTIONS_LIMIT: usize = 1024;

/// How long the endpoint waits after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The most partitions that a hub may have: as many as the service's largest.
const PARTITIONS_LIMIT: u32 = 2048;

/// What the endpoint serves, and where.
#[derive(Debug, Clone)]
pub struct EventHubsOptions {
    /// Where to listen; port 0 stands for any that is free.
    pub listen: SocketAddr,
    /// The name of the hub.
    pub hub: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// The names of consumer groups; `$Default` is there without being named.
    pub consumer_groups: Vec<String>,
    /// How many bytes of events each partition keeps; the newest event stays in any case.
    pub retention_bytes: u64,
    /// The largest message that is taken, be it an event or a batch.
    pub max_message_size: u64,
    /// The one key whose tokens are taken; `None` takes any token of any kind.
    pub key: Option<SharedKey>,
    /// The switch of the faults.
    pub faults: FaultSwitch,
}

impl Default for EventHubsOptions {
    /// A hub named `events` with four partitions of 64 MiB each, on any free port of 127.0.0.1.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hub: "events".to_owned(),
            partitions: 4,
            consumer_groups: Vec::new(),
            retention_bytes: 64 * 1024 * 1024,
            max_message_size: 1_048_576,
            key: None,
            faults: FaultSwitch::default(),
        }
    }
}

/// Why the endpoint cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EventHubsEndpointError {
    /// Another program listens there.
    #[error(
        "port {} on {} is taken: choose another with --eventhubs-port, or leave it out for any free one",
        .0.port(), .0.ip()
    )]
    AddressInUse(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("the Event Hubs endpoint cannot listen on {address}: {source}; choose another address or port")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The number of partitions is not possible.
    #[error("an event hub cannot have {0} partitions: choose 1 to {PARTITIONS_LIMIT}")]
    Partitions(u32),
    /// The name of the hub is not possible.
    #[error("{0:?} cannot be the name of an event hub: use letters, digits, '.', '-' and '_'")]
    HubName(String),
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] IdentityError),
}

/// The running endpoint. It ends when it is shut down or dropped.
#[derive(Debug)]
pub struct EventHubsEndpoint {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    hub: Arc<Hub>,
    shutdown: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl EventHubsEndpoint {
    /// Binds, and serves on the current tokio runtime until shut down or dropped.
    pub async fn start(options: EventHubsOptions) -> Result<Self, EventHubsEndpointError> {
        if !(1..=PARTITIONS_LIMIT).contains(&options.partitions) {
            return Err(EventHubsEndpointError::Partitions(options.partitions));
        }
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        if options.hub.is_empty() || !options.hub.chars().all(is_plain) {
            return Err(EventHubsEndpointError::HubName(options.hub));
        }
        let (listener, address) = bind(options.listen).await?;
        let log = Arc::new(Log::new(options.partitions, options.retention_bytes));
        let hub = Hub::new(options.hub, log, options.consumer_groups, options.max_message_size, options.faults);
        let hub = Arc::new(hub.guarded(options.key));
        let (shutdown, told_to_end) = watch::channel(false);
        let listeners = vec![tokio::spawn(listen(listener, None, Arc::clone(&hub), told_to_end))];
        Ok(Self { address, tls_address: None, hub, shutdown, listeners })
    }

    /// Listens in one more place, where TLS begins with the first byte as at the service: `amqps://`.
    pub async fn listen_with_tls(
        &mut self,
        listen_on: SocketAddr,
        identity: &Identity,
    ) -> Result<SocketAddr, EventHubsEndpointError> {
        let handshakes = Handshakes::new(identity.server(&[])?);
        let (listener, address) = bind(listen_on).await?;
        let listening = listen(listener, Some(handshakes), Arc::clone(&self.hub), self.shutdown.subscribe());
        self.listeners.push(tokio::spawn(listening));
        self.tls_address = Some(address);
        Ok(address)
    }

    /// Where the endpoint listens, without TLS.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client is given to connect, with TLS where it is spoken. Without, the clients' emulator switch makes them
    /// speak plainly. Name and key are there because they insist on them, and are not checked.
    pub fn connection_string(&self) -> String {
        let (address, switch) = match self.tls_address {
            Some(address) => (address, ""),
            None => (self.address, "UseDevelopmentEmulator=true;"),
        };
        format!(
            "Endpoint=sb://{address};SharedAccessKeyName=streamgauge;SharedAccessKey=bm90LWEtc2VjcmV0;\
             {switch}EntityPath={}",
            self.hub.name
        )
    }

    /// The partitions, for figures and tests.
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.hub.log)
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> u64 {
        self.hub.connections()
    }

    /// Scales the hub out to so many partitions, as the Premium and Dedicated tiers can: those that stand keep their
    /// events. Fewer than there are change nothing.
    pub fn scale_out(&self, partitions: u32) {
        self.hub.log.grow(partitions);
    }

    /// The namespace fails over to another region, as one that is replicated can: the events, their sequence numbers and the
    /// connections stay; the epoch of the sequence numbers is another.
    pub fn fail_over(&self) {
        self.hub.fail_over();
    }

    /// From here on what is told of these partitions makes no sense, and of no others. Their events come and go as before.
    pub fn spoil(&self, partitions: &[usize]) {
        self.hub.spoil(partitions);
    }

    /// Says goodbye to all clients and ends.
    pub async fn shutdown(mut self) {
        // A listener ends by itself once told; whether it panicked before makes no difference to the end.
        self.shutdown.send_replace(true);
        for listener in &mut self.listeners {
            drop(listener.await);
        }
    }
}

impl Drop for EventHubsEndpoint {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), EventHubsEndpointError> {
    let failure = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => EventHubsEndpointError::AddressInUse(listen),
        _ => EventHubsEndpointError::Listen { address: listen, source },
    };
    let listener = TcpListener::bind(listen).await.map_err(failure)?;
    let address = listener.local_addr().map_err(failure)?;
    Ok((listener, address))
}

/// Accepts connections, and serves each in a task of its own that ends with this one.
async fn listen(
    listener: TcpListener,
    handshakes: Option<Handshakes>,
    hub: Arc<Hub>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => admit(stream, handshakes.as_ref(), &hub, &shutdown, &mut connections),
                // The client went away again, or the process is short of file handles: to ask again at once would
                // only keep those that stand from ending.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_ended) = connections.join_next() => {}
            _ = shutdown.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn admit(
    stream: TcpStream,
    handshakes: Option<&Handshakes>,
    hub: &Arc<Hub>,
    shutdown: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    // Dropping the stream closes it.
    if hub.faults.get() == Some(Fault::Refuse) || connections.len() >= CONNECTIONS_LIMIT {
        return;
    }
    let (hub, mut shutdown) = (Arc::clone(hub), shutdown.clone());
    let Some(handshakes) = handshakes else {
        connections.spawn(transport::serve(Wire::Plain(stream), hub, shutdown));
        return;
    };
    let Some(handshake) = handshakes.begin(stream) else { return };
    connections.spawn(async move {
        let secured = tokio::select! {
            secured = handshake => secured,
            _ = shutdown.changed() => return,
        };
        if let Some(stream) = secured {
            transport::serve(Wire::from(stream), hub, shutdown).await;
        }
    });
}
