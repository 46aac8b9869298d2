//! What both HTTP endpoints share: the listening socket, the accept loop, faults, limits and an orderly end.
//!
//! An endpoint gives an [`Answer`]: a whole request in, a whole reply out, at once, because all it serves is in memory.
//! Everything that can go wrong before a request is whole is dealt with here, so that one bad connection ends alone.

mod connection;
mod date;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::connection::{Connection, PROTOCOLS};
pub(super) use self::date::{date, parse_date};
use super::fault::{Fault, FaultSwitch};
use super::tls::{Handshakes, Identity, IdentityError};

/// A reply with its whole body.
pub(super) type Reply = Response<Full<Bytes>>;

/// What an endpoint answers.
pub(super) trait Answer: Send + Sync + 'static {
    /// The reply to a whole request, which came in at this place.
    fn answer(&self, request: Request<Bytes>, origin: Origin) -> Reply;
    /// The protocol's own "too many requests".
    fn throttled(&self) -> Reply;
    /// The protocol's answer to a credential that has no right to what it asks for.
    fn denied(&self) -> Reply;
    /// A success that holds something else than what was asked for.
    fn wrong(&self) -> Reply;
    /// The body was longer than [`Limits::body`].
    fn too_large(&self) -> Reply;
}

/// A place where an endpoint listens, as clients name it: `http://127.0.0.1:8081`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: &'static str,
    address: SocketAddr,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address)
    }
}

impl Origin {
    /// As this client names it. HTTP/2 says in the URI what HTTP/1.1 says in a header.
    pub(super) fn as_named_by<B>(self, request: &Request<B>) -> String {
        let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        match header.or_else(|| request.uri().authority().map(Authority::as_str)) {
            Some(host) => format!("{}://{host}", self.scheme),
            None => self.to_string(),
        }
    }
}

/// What one connection may ask of the endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of a request line with its headers; more is answered 431.
    pub(super) head: usize,
    /// Bytes of a body; more is answered by [`Answer::too_large`].
    pub(super) body: usize,
    /// How long a connection may take for a request's headers. hyper starts this clock when the last reply is out, so
    /// it is also how long an idle connection is kept: longer than the 90 s for which clients usually keep theirs, so
    /// that the client is the one who closes and no request meets a closing socket.
    pub(super) head_time: Duration,
    /// How long a body may take.
    pub(super) body_time: Duration,
}

impl Limits {
    /// The limits of an endpoint whose bodies may be this long.
    pub(super) const fn with_body(body: usize) -> Self {
        Self { head: 64 * 1024, body, head_time: Duration::from_secs(120), body_time: Duration::from_secs(30) }
    }
}

/// The pause after a failed accept, which is mostly "too many open files": trying again at once would burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. It ends when it is dropped, or in order with [`HttpServer::shutdown`].
pub(super) struct HttpServer {
    origin: Origin,
    stop: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl HttpServer {
    /// Listens, and serves on the current runtime.
    pub(super) async fn start<A: Answer>(
        listen: SocketAddr,
        endpoint: Arc<A>,
        faults: FaultSwitch,
        limits: Limits,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let origin = Origin { scheme: "http", address: listener.local_addr()? };
        Ok(Self::serve(listener, None, Connection { endpoint, faults, limits, origin }))
    }

    /// Listens for TLS, and serves on the current runtime HTTP/1.1 and HTTP/2, as a client prefers.
    pub(super) async fn start_with_tls<A: Answer>(
        listen: SocketAddr,
        identity: &Identity,
        endpoint: Arc<A>,
        faults: FaultSwitch,
        limits: Limits,
    ) -> Result<Self, StartError> {
        let handshakes = Handshakes::new(identity.server(&PROTOCOLS)?);
        let listener = TcpListener::bind(listen).await?;
        let origin = Origin { scheme: "https", address: listener.local_addr()? };
        Ok(Self::serve(listener, Some(handshakes), Connection { endpoint, faults, limits, origin }))
    }

    fn serve<A: Answer>(listener: TcpListener, handshakes: Option<Handshakes>, connection: Connection<A>) -> Self {
        let (stop, stopped) = watch::channel(());
        let origin = connection.origin;
        let accepting = tokio::spawn(accept(listener, handshakes, connection, stopped));
        Self { origin, stop, accepting }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.origin.address
    }

    /// The same, as clients name it.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Stops listening, lets requests in hand finish for a moment, and returns when every connection is closed.
    pub(super) async fn shutdown(self) {
        drop(self.stop);
        // The only error is a panic or an abort of the task: it has ended either way.
        drop(self.accepting.await);
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpServer").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Why a server with TLS did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Listen(#[from] io::Error),
    #[error(transparent)]
    Tls(#[from] IdentityError),
}

async fn accept<A: Answer>(
    listener: TcpListener,
    handshakes: Option<Handshakes>,
    connection: Connection<A>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connection.faults.get() == Some(Fault::Refuse) => drop(stream),
                Ok((stream, _)) => match &handshakes {
                    None => {
                        connections.spawn(connection.clone().serve(stream, stopped.clone()));
                    }
                    // One more than may begin at once is closed.
                    Some(handshakes) => if let Some(handshake) = handshakes.begin(stream) {
                        connections.spawn(connection.clone().serve_with_tls(handshake, stopped.clone()));
                    },
                },
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            // Collects the ended ones, so that the set holds no more than what is open.
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Why an endpoint could not begin to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListenProblem {
    /// Another program has the port.
    Taken,
    /// Low ports need rights; so may a firewall.
    NotAllowed,
    /// Anything else.
    Other,
}

impl ListenProblem {
    pub(super) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::Taken,
            io::ErrorKind::PermissionDenied => Self::NotAllowed,
            _ => Self::Other,
        }
    }
}

/// Turns the parts into a reply. Headers that are no valid HTTP are left out: a reply without them still says what
/// happened.
pub(super) fn reply(status: hyper::StatusCode, headers: hyper::HeaderMap, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    struct Echo;

    impl Answer for Echo {
        fn answer(&self, request: Request<Bytes>, _origin: Origin) -> Reply {
            Response::new(Full::new(request.into_body()))
        }
        fn throttled(&self) -> Reply {
            reply(StatusCode::TOO_MANY_REQUESTS, hyper::HeaderMap::new(), Bytes::new())
        }
        fn denied(&self) -> Reply {
            reply(StatusCode::FORBIDDEN, hyper::HeaderMap::new(), Bytes::new())
        }
        fn wrong(&self) -> Reply {
            Response::new(Full::new(Bytes::from_static(b"wrong")))
        }
        fn too_large(&self) -> Reply {
            reply(StatusCode::PAYLOAD_TOO_LARGE, hyper::HeaderMap::new(), Bytes::new())
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    async fn started(limits: Limits) -> (HttpServer, FaultSwitch) {
        let faults = FaultSwitch::default();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = HttpServer::start(listen, Arc::new(Echo), faults.clone(), limits).await.unwrap();
        (server, faults)
    }

    /// Sends the bytes and reads until the server closes the connection.
    async fn until_closed(server: &HttpServer, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A reset counts as closed too.
        drop(tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the server closes"));
        String::from_utf8_lossy(&answer).into_owned()
    }

    const HELLO: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

    #[tokio::test]
    async fn each_fault_does_what_it_says_and_clears() {
        let (server, faults) = started(Limits::with_body(100)).await;
        assert!(until_closed(&server, HELLO).await.ends_with("hello"));
        faults.set(Fault::Throttle);
        assert!(until_closed(&server, HELLO).await.starts_with("HTTP/1.1 429"));
        faults.set(Fault::Deny);
        assert!(until_closed(&server, HELLO).await.starts_with("HTTP/1.1 403"));
        faults.set(Fault::WrongReply);
        assert!(until_closed(&server, HELLO).await.ends_with("wrong"));
        faults.set(Fault::Cut);
        assert_eq!(until_closed(&server, HELLO).await, "");
        faults.set(Fault::Refuse);
        assert_eq!(until_closed(&server, HELLO).await, "");
        faults.set(Fault::Delay(Duration::from_millis(1)));
        assert!(until_closed(&server, HELLO).await.ends_with("hello"));
        faults.clear();
        assert!(until_closed(&server, HELLO).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn refuse_leaves_the_connections_that_stand() {
        let (server, faults) = started(Limits::with_body(100)).await;
        let mut standing = TcpStream::connect(server.address()).await.unwrap();
        let keep = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";
        standing.write_all(keep).await.unwrap();
        let mut first = [0; 15];
        tokio::time::timeout(LONG, standing.read_exact(&mut first)).await.unwrap().unwrap();
        faults.set(Fault::Refuse);
        standing.write_all(HELLO).await.unwrap();
        let mut rest = String::new();
        tokio::time::timeout(LONG, standing.read_to_string(&mut rest)).await.unwrap().unwrap();
        assert!(rest.ends_with("hello"), "{rest}");
    }

    #[tokio::test]
    async fn what_breaks_the_limits_is_turned_away() {
        let short = Duration::from_millis(50);
        let limits = Limits { head: 16 * 1024, body: 10, head_time: short, body_time: short };
        let (server, _) = started(limits).await;
        let long_header = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(40_000));
        for (what, request, begins) in [
            ("not HTTP", "\u{1}\u{2}\u{3} nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400"),
            ("header too large", long_header, "HTTP/1.1 431"),
            ("body too large", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n".to_owned(), "HTTP/1.1 413"),
            (
                "chunks too large",
                "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n"
                    .to_owned(),
                "HTTP/1.1 413",
            ),
            ("headers that never end", "GET / HTTP/1.1\r\nhost".to_owned(), ""),
            ("a body that never comes", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe".to_owned(), ""),
        ] {
            let answer = until_closed(&server, request.as_bytes()).await;
            assert!(answer.starts_with(begins), "{what}: {answer}");
        }
        let hello = String::from_utf8_lossy(HELLO).into_owned();
        assert!(until_closed(&server, hello.as_bytes()).await.ends_with("hello"), "the others are served on");
    }

    #[tokio::test]
    async fn shutdown_closes_idle_connections_and_frees_the_port() {
        let (server, _) = started(Limits::with_body(100)).await;
        let address = server.address();
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 8];
        idle.read_exact(&mut first).await.unwrap();
        tokio::time::timeout(LONG, server.shutdown()).await.expect("shutdown ends");
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, idle.read_to_end(&mut rest)).await.expect("closed").unwrap();
        TcpListener::bind(address).await.expect("the port is free again");
    }

    #[tokio::test]
    async fn a_dropped_server_stops_listening() {
        let (server, _) = started(Limits::with_body(100)).await;
        let address = server.address();
        let HttpServer { stop, accepting, .. } = server;
        drop(stop);
        tokio::time::timeout(LONG, accepting).await.expect("it ends").unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
