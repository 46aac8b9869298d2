//! One connection: HTTP/1.1 or HTTP/2 under the endpoint's limits and faults, to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_rustls::server::TlsStream;

use super::{Answer, Limits, Origin, Reply};
use crate::local::fault::{Fault, FaultSwitch};

/// How long connections with a request in hand get to finish when the endpoint ends.
const GRACE: Duration = Duration::from_secs(1);

/// The protocols inside TLS, as clients are offered them (ALPN, RFC 7301): the preferred one first.
pub(super) const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
const HTTP_2: &[u8] = b"h2";
/// Requests at once on one HTTP/2 connection; a client waits with more.
const STREAMS: u32 = 128;
/// How often an HTTP/2 connection is asked whether its client is still there, and how long that may take.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(20);

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

/// One connection, and what it is served from.
pub(super) struct Connection<A> {
    pub(super) endpoint: Arc<A>,
    pub(super) faults: FaultSwitch,
    pub(super) limits: Limits,
    pub(super) origin: Origin,
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
    /// Serves HTTP/1.1 in plaintext to its end.
    pub(super) async fn serve(self, mut stream: TcpStream, mut stopped: watch::Receiver<()>) {
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

    /// Serves HTTP/1.1 or HTTP/2, as the client prefers, to its end.
    pub(super) async fn serve_with_tls(
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
