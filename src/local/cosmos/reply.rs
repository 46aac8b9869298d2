//! Replies as the clients expect them: the body, and the headers that say what it cost and how far the range has come.
//!
//! Sources: <https://learn.microsoft.com/rest/api/cosmos-db/common-cosmosdb-rest-response-headers>,
//! `…/http-status-codes-for-cosmosdb`.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use super::partition::{Lsn, Partition};
use super::units::{RequestUnits, RetryAfter};
use crate::local::http::{self, Reply};

const ACTIVITY_ID: HeaderName = HeaderName::from_static("x-ms-activity-id");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_COUNT: HeaderName = HeaderName::from_static("x-ms-item-count");
const ITEM_LSN: HeaderName = HeaderName::from_static("x-ms-item-lsn");
const COMMITTED_LSN: HeaderName = HeaderName::from_static("x-ms-global-committed-lsn");
const LSN: HeaderName = HeaderName::from_static("lsn");
const RANGE_ID: HeaderName = HeaderName::from_static("x-ms-documentdb-partitionkeyrangeid");
const REQUEST_CHARGE: HeaderName = HeaderName::from_static("x-ms-request-charge");
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-ms-retry-after-ms");
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-ms-session-token");
const SUBSTATUS: HeaderName = HeaderName::from_static("x-ms-substatus");
const VERSION: HeaderName = HeaderName::from_static("x-ms-version");

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// An answer without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(VERSION, HeaderValue::from_static("2020-07-15"));
        headers.insert(REQUEST_CHARGE, HeaderValue::from_static("0"));
        Self { status, headers, body: Bytes::new() }
    }

    /// An answer with JSON that is there already.
    pub(super) fn raw(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }
    }

    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::raw(status, body.to_string())
    }

    /// Something went wrong: what, and what to try.
    pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "code": code, "message": message }))
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "NotFound", message).charge(RequestUnits::ONE)
    }

    /// A signature that is not the one that the key makes.
    pub(super) fn unauthorized() -> Self {
        let message = "The input authorization token can't serve the request: check that the key is the account's.";
        Self::error(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    /// "Request rate is large": status 429 with the sub-status of a used-up budget.
    pub(super) fn too_many_requests(RetryAfter(wait): RetryAfter) -> Self {
        // A part of a millisecond too few would bring the client back too early.
        let milliseconds = wait.as_nanos().div_ceil(1_000_000).max(1);
        let message =
            "The request rate is larger than the provisioned throughput: wait for x-ms-retry-after-ms and try again.";
        Self::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message)
            .substatus(3200)
            .header(RETRY_AFTER, &milliseconds.to_string())
    }

    /// The client's map of ranges is not ours: it must read the ranges again.
    pub(super) fn range_gone(message: &str) -> Self {
        Self::error(StatusCode::GONE, "Gone", message).substatus(1002)
    }

    pub(super) fn substatus(self, substatus: u32) -> Self {
        self.header(SUBSTATUS, &substatus.to_string())
    }

    pub(super) fn charge(self, charge: RequestUnits) -> Self {
        self.header(REQUEST_CHARGE, &charge.to_string())
    }

    pub(super) fn etag(self, etag: &str) -> Self {
        self.header(ETAG, etag)
    }

    pub(super) fn item_lsn(self, lsn: Lsn) -> Self {
        self.header(ITEM_LSN, &lsn.0.to_string())
    }

    pub(super) fn item_count(self, count: usize) -> Self {
        self.header(ITEM_COUNT, &count.to_string())
    }

    pub(super) fn continuation(self, continuation: Option<String>) -> Self {
        match continuation {
            Some(continuation) => self.header(CONTINUATION, &continuation),
            None => self,
        }
    }

    /// Which range answered, and how far it has come. The session token is in the form of accounts with one region,
    /// `range:-1#lsn`.
    pub(super) fn served_by(self, partition: &Partition, last: Lsn) -> Self {
        let lsn = last.0.to_string();
        self.header(RANGE_ID, &partition.id.to_string())
            .header(SESSION_TOKEN, &format!("{}:-1#{lsn}", partition.id))
            .header(COMMITTED_LSN, &lsn)
            .header(LSN, &lsn)
    }

    /// The activity id lets a client find its request in its own log.
    pub(super) fn of_activity<B>(mut self, request: &Request<B>) -> Self {
        if let Some(activity) = request.headers().get(ACTIVITY_ID) {
            self.headers.insert(ACTIVITY_ID, activity.clone());
        }
        self
    }

    /// The reply without its body, for a client that asked for none.
    pub(super) fn without_body(self) -> Self {
        Self { body: Bytes::new(), ..self }
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        // All values are made here, of digits, hexadecimal and base64: they are valid.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        http::reply(answer.status, answer.headers, answer.body)
    }
}
