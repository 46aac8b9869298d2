//! From a request's method, path and query to what answers it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};

use super::reply::{Answer, Problem};
use super::request::{Asked, Target};
use super::store::Store;
use super::{blobs, containers, listing};
use crate::local::http::{self, Origin, Reply};

/// What the endpoint serves.
#[derive(Debug)]
pub(super) struct Service {
    store: Store,
    account: String,
    requests: AtomicU64,
}

impl Service {
    pub(super) fn new(store: Store, account: String) -> Self {
        Self { store, account, requests: AtomicU64::new(0) }
    }

    fn route(&self, asked: &Asked, origin: Origin, now: SystemTime) -> Result<Answer, Problem> {
        let target = Target::parse(asked.request().uri().path(), &self.account)?;
        let what = (asked.request().method().as_str(), asked.component());
        let store = &self.store;
        match target {
            Target::Account => match what {
                ("GET", "list") => Ok(containers::list(store, asked, &self.endpoint(asked, origin))),
                _ => Err(Problem::NotImplemented),
            },
            Target::Container(container) => match what {
                ("PUT", "") => containers::create(store, asked, &container, now),
                ("GET" | "HEAD", "" | "metadata") => containers::properties(store, &container),
                ("PUT", "metadata") => containers::set_metadata(store, asked, &container, now),
                ("DELETE", "") => containers::delete(store, &container),
                ("GET", "list") => listing::list(store, asked, &self.endpoint(asked, origin), &container, now),
                _ => Err(Problem::NotImplemented),
            },
            Target::Blob(container, blob) => {
                let operation = match what {
                    ("PUT", "") => blobs::put,
                    ("GET", "") => blobs::get,
                    ("HEAD", "") => blobs::head,
                    ("GET" | "HEAD", "metadata") => blobs::get_metadata,
                    ("PUT", "metadata") => blobs::set_metadata,
                    ("PUT", "properties") => blobs::set_headers,
                    ("PUT", "lease") => blobs::lease,
                    ("DELETE", "") => blobs::delete,
                    _ => return Err(Problem::NotImplemented),
                };
                operation(store, asked, &container, &blob, now)
            }
        }
    }

    /// The endpoint as this client names it.
    fn endpoint(&self, asked: &Asked, origin: Origin) -> String {
        format!("{}/{}/", origin.as_named_by(asked.request()), self.account)
    }

    fn problem(&self, problem: Problem) -> Reply {
        Answer::problem(problem).to(&Request::new(()), self.requests.fetch_add(1, Ordering::Relaxed))
    }
}

impl http::Answer for Service {
    fn answer(&self, request: Request<Bytes>, origin: Origin) -> Reply {
        let asked = Asked::new(request);
        let answer = self.route(&asked, origin, SystemTime::now()).unwrap_or_else(Answer::problem);
        answer.to(asked.request(), self.requests.fetch_add(1, Ordering::Relaxed))
    }

    fn throttled(&self) -> Reply {
        self.problem(Problem::ServerBusy)
    }

    fn denied(&self) -> Reply {
        self.problem(Problem::AuthenticationFailed)
    }

    fn wrong(&self) -> Reply {
        let answer = Answer::content(StatusCode::OK, Bytes::from_static(b"this is not what was asked for"));
        answer.standard(CONTENT_TYPE, "text/plain").to(&Request::new(()), 0)
    }

    fn too_large(&self) -> Reply {
        self.problem(Problem::RequestBodyTooLarge)
    }
}
