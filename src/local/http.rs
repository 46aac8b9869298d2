//! What both HTTP endpoints share: the listening socket, the accept loop, faults, limits and an orderly end.
//!
//! An endpoint gives an [`Answer`]: a whole request in, a whole reply out, at once, because all it serves is in memory.
//! Everything that can go wrong before a request is whole is dealt with here, so that one bad connection ends alone.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::HOST;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::server::TlsStream;

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
        match header.or_else(|| request.uri().authority().map(|authority| authority.as_str())) {
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

/// How long connections with a request in hand get to finish when the endpoint ends.
const GRACE: Duration = Duration::from_secs(1);
/// The pause after a failed accept, which is mostly "too many open files": trying again at once would burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The protocols inside TLS, as clients are offered them (ALPN, RFC 7301): the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
const HTTP_2: &[u8] = b"h2";
/// Requests at once on one HTTP/2 connection; a client waits with more.
const STREAMS: u32 = 128;
/// How often an HTTP/2 connection is asked whether its client is still there, and how long that may take.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(20);

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

/// How an HTTP/2 connection without TLS begins, "with prior knowledge" (RFC 9113, section 3.4); the rest of it is left
/// out.
const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Tells an HTTP/2 client to come back with HTTP/1.1. The Cosmos DB client for Rust begins with HTTP/2, and takes this,
/// but not a connection that just closes, for what it is.
///
/// Two frames, each a length of 3 bytes, a type, flags and a stream number of 4 bytes: SETTINGS, which must come first,
/// with nothing in it; then GOAWAY with the last stream served (none) and the reason `HTTP_1_1_REQUIRED`, 13.
async fn refuse_http_2(stream: &mut TcpStream) -> io::Result<()> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13];
    stream.write_all(&[&SETTINGS[..], &GOAWAY[..]].concat()).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would reset the connection, and could take the frames with it.
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}

struct Connection<A> {
    endpoint: Arc<A>,
    faults: FaultSwitch,
    limits: Limits,
    origin: Origin,
}

impl<A> Clone for Connection<A> {
    fn clone(&self) -> Self {
        Self {
            endpoint: Arc::clone(&self.endpoint),
            faults: self.faults.clone(),
            limits: self.limits,
            origin: self.origin,
        }
    }
}

/// The connection ends here, without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
struct CutOff;

impl<A: Answer> Connection<A> {
    async fn serve(self, mut stream: TcpStream, mut stopped: watch::Receiver<()>) {
        // Replies are small and whole: waiting for more to send would only delay them. A socket that refuses the option
        // still works.
        drop(stream.set_nodelay(true));
        let mut first = [0; HTTP_2_PREFACE.len()];
        let begun = tokio::select! {
            begun = tokio::time::timeout(self.limits.head_time, stream.peek(&mut first)) => begun,
            _ = stopped.changed() => return,
        };
        match begun {
            Ok(Ok(count)) if count > 0 && first.starts_with(HTTP_2_PREFACE) => {
                drop(tokio::time::timeout(GRACE, refuse_http_2(&mut stream)).await);
                return;
            }
            Ok(Ok(count)) if count > 0 => {}
            // Gone, broken, or silent for too long.
            _ => return,
        }
        self.http_1(stream, stopped).await;
    }

    async fn serve_with_tls(
        self,
        handshake: impl Future<Output = Option<TlsStream<TcpStream>>>,
        mut stopped: watch::Receiver<()>,
    ) {
        let secured = tokio::select! {
            secured = handshake => secured,
            _ = stopped.changed() => return,
        };
        match secured {
            Some(stream) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => self.http_2(stream, stopped).await,
            Some(stream) => self.http_1(stream, stopped).await,
            None => {}
        }
    }

    /// HTTP/2: many requests at once, each in a task of its own.
    async fn http_2(self, stream: TlsStream<TcpStream>, mut stopped: watch::Receiver<()>) {
        let head_time = self.limits.head_time;
        let (this, asked, cut) = (Arc::new(self), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let answering = service_fn(|request| {
            asked.notify_one();
            let (this, cut) = (Arc::clone(&this), Arc::clone(&cut));
            async move {
                let answered = this.answer(request).await;
                if answered.is_err() {
                    // An error would end this one request alone.
                    cut.notify_one();
                }
                answered
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(this.limits.head).unwrap_or(u32::MAX))
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_ANSWER)
            .serve_connection(TokioIo::new(stream), answering);
        let mut connection = std::pin::pin!(connection);
        // Who has asked for something is asked back by the keep-alive; who never does is not waited for.
        let silence = async {
            if tokio::time::timeout(head_time, asked.notified()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        // What a connection ends of (bad HTTP, a cut, a client that left) is that connection's own matter.
        tokio::select! {
            ended = connection.as_mut() => drop(ended),
            () = cut.notified() => {}
            () = silence => {}
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                drop(tokio::time::timeout(GRACE, connection).await);
            }
        }
    }

    async fn http_1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, mut stopped: watch::Receiver<()>) {
        let this = &self;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(this.limits.head_time)
            .max_header_size(this.limits.head)
            .serve_connection(TokioIo::new(stream), service_fn(|request| this.answer(request)));
        let mut connection = std::pin::pin!(connection);
        // What a connection ends of (bad HTTP, a cut, a client that left) is that connection's own matter.
        tokio::select! {
            ended = connection.as_mut() => drop(ended),
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                drop(tokio::time::timeout(GRACE, connection).await);
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, CutOff> {
        let reply = match self.faults.get() {
            Some(Fault::Cut) => return Err(CutOff),
            Some(Fault::Throttle) => self.endpoint.throttled(),
            Some(Fault::Deny) => self.endpoint.denied(),
            Some(Fault::WrongReply) => self.endpoint.wrong(),
            None | Some(Fault::Refuse | Fault::Delay(_)) => self.whole(request).await?,
        };
        // The work is done before the delay, as behind a slow network: a client that gives up early may have written.
        if let Some(Fault::Delay(delay)) = self.faults.get() {
            tokio::time::sleep(delay).await;
        }
        Ok(reply)
    }

    async fn whole(&self, request: Request<Incoming>) -> Result<Reply, CutOff> {
        let (head, body) = request.into_parts();
        if body.size_hint().lower() > self.limits.body as u64 {
            return Ok(self.endpoint.too_large());
        }
        if body.is_end_stream() {
            return Ok(self.endpoint.answer(Request::from_parts(head, Bytes::new()), self.origin));
        }
        let collected =
            tokio::time::timeout(self.limits.body_time, Limited::new(body, self.limits.body).collect()).await;
        match collected {
            Ok(Ok(body)) => Ok(self.endpoint.answer(Request::from_parts(head, body.to_bytes()), self.origin)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(self.endpoint.too_large()),
            // A body that stopped half way, broken chunks, or one that takes for ever: nothing sensible can follow.
            Ok(Err(_)) | Err(_) => Err(CutOff),
        }
    }
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

/// A time as HTTP headers have it: `Sun, 22 Nov 2026 13:00:00 GMT` (RFC 9110, section 5.6.7).
pub(super) fn date(time: SystemTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    OffsetDateTime::from(time).format(FORMAT).unwrap_or_default()
}

/// Reads a time as HTTP headers have it.
pub(super) fn parse_date(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(time.unix_timestamp()).ok()?))
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
    use tokio::io::AsyncReadExt;

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

    #[test]
    fn dates_go_there_and_back() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_date(&date(time)), Some(time));
        assert_eq!(parse_date("yesterday"), None);
    }

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
