//! `--metrics ADDRESS`: a live session's figures as a page for Prometheus.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::model::observation::Observation;
use crate::model::session::Session;
use crate::report::metrics;
use crate::wall_clock::wall_clock;

/// Somebody wants the page: where it goes.
pub(super) type Wanted = oneshot::Sender<String>;

/// Pages that may be asked for at once.
const WAITING: usize = 16;

/// A connection that asks for nothing is closed after so long.
const IDLE: Duration = Duration::from_secs(60);

/// Connections at once, and how long each may stand: whoever connects and does not read takes a place, not the monitor's
/// memory.
const CONNECTIONS: usize = 64;
const STANDS: Duration = Duration::from_secs(600);

/// The session's owner has so long to make a page.
const PAGE: Duration = Duration::from_secs(5);

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address} for --metrics ({reason}); give another address or port")]
pub(super) struct MetricsError {
    address: SocketAddr,
    reason: std::io::Error,
}

/// A page that is served until it is dropped.
#[derive(Debug)]
pub(super) struct MetricsPage {
    /// Where.
    pub(super) address: SocketAddr,
    /// Who wants it: the session's owner answers each.
    pub(super) wanted: mpsc::Receiver<Wanted>,
    serving: JoinHandle<()>,
}

impl Drop for MetricsPage {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl MetricsPage {
    /// Begins to serve `http://ADDRESS/metrics`.
    pub(super) async fn start(address: SocketAddr) -> Result<Self, MetricsError> {
        let fail = |reason| MetricsError { address, reason };
        let listener = TcpListener::bind(address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let (tell, wanted) = mpsc::channel(WAITING);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let serving = tokio::spawn(async move {
            // It is never closed.
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                let Ok((stream, _)) = listener.accept().await else {
                    // Out of descriptors, for the most part: others may be given back soon.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let tell = tell.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, tell.clone()));
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new()).header_read_timeout(IDLE);
                    // A client that breaks off has nobody to be told.
                    drop(tokio::time::timeout(STANDS, server.serve_connection(TokioIo::new(stream), service)).await);
                    drop(place);
                });
            }
        });
        Ok(Self { address, wanted, serving })
    }
}

/// Serves the page of a session whose observations pass by here on their way, so that whoever takes them in is not asked.
pub(super) fn beside(
    mut page: MetricsPage,
    mut observations: mpsc::Receiver<Observation>,
) -> mpsc::Receiver<Observation> {
    let (pass, passed) = mpsc::channel(observations.max_capacity());
    tokio::spawn(async move {
        let mut session = Session::new();
        loop {
            tokio::select! {
                Some(give) = page.wanted.recv() => {
                    // Whoever asked may have gone.
                    drop(give.send(metrics::page(&session, wall_clock())));
                }
                observation = observations.recv() => {
                    let Some(observation) = observation else { return };
                    session.apply(&observation);
                    if pass.send(observation).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    passed
}

async fn answer(request: Request<Incoming>, tell: mpsc::Sender<Wanted>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut reply = Response::new(Full::default());
    let known = ["/metrics", "/"].contains(&request.uri().path());
    let headers = reply.headers_mut();
    if !known {
        *reply.status_mut() = StatusCode::NOT_FOUND;
    } else if request.method() != Method::GET {
        headers.insert(ALLOW, hyper::header::HeaderValue::from_static("GET"));
        *reply.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    } else {
        headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(metrics::CONTENT_TYPE));
        let (give, page) = oneshot::channel();
        let page = async { if tell.try_send(give).is_ok() { page.await.ok() } else { None } };
        match tokio::time::timeout(PAGE, page).await {
            Ok(Some(page)) => *reply.body_mut() = Full::from(page),
            Ok(None) | Err(_) => *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
        }
    }
    Ok(reply)
}
