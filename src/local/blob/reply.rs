//! Replies: headers, and errors in the service's own words.
//!
//! Source of the codes: <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>.

use std::time::SystemTime;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};
use hyper::{Method, Request, StatusCode};

use super::store::{Etag, Metadata};
use super::xml::Xml;
use crate::local::http::{self, Reply};

/// Why a request cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("The container is not there: create it first.")]
    ContainerNotFound,
    #[error("There is a container of this name already.")]
    ContainerAlreadyExists,
    #[error("The container's name is not allowed: use 3 to 63 lower-case letters, digits and single hyphens.")]
    InvalidResourceName,
    #[error("The blob is not there.")]
    BlobNotFound,
    #[error("The blob is there already, and the request wants a new one.")]
    BlobAlreadyExists,
    #[error("A condition of the request's headers does not hold: read the blob again.")]
    ConditionNotMet,
    #[error("The blob has not changed.")]
    NotModified,
    #[error("The range is none, or lies behind the end of the blob.")]
    InvalidRange,
    #[error("The blob is leased: name the lease with x-ms-lease-id.")]
    LeaseIdMissing,
    #[error("The blob is leased under another id.")]
    LeaseIdMismatchWithBlobOperation,
    #[error("The blob is not leased.")]
    LeaseNotPresentWithBlobOperation,
    #[error("The lease has ended.")]
    LeaseLost,
    #[error("The blob is leased under another id.")]
    LeaseIdMismatchWithLeaseOperation,
    #[error("The blob is leased already.")]
    LeaseAlreadyPresent,
    #[error("The blob is not leased.")]
    LeaseNotPresentWithLeaseOperation,
    #[error("The lease is being broken, and can be taken when its time is over.")]
    LeaseIsBreakingAndCannotBeAcquired,
    #[error("The lease is being broken.")]
    LeaseIsBreakingAndCannotBeChanged,
    #[error("The lease was broken.")]
    LeaseIsBrokenAndCannotBeRenewed,
    #[error("A metadata name is no identifier, or a value is no text: use ASCII letters, digits and _ for names.")]
    InvalidMetadata,
    #[error("A header has a value that is not allowed there.")]
    InvalidHeaderValue,
    #[error("A header that the operation needs is missing.")]
    MissingRequiredHeader,
    #[error("A query parameter has a value that is not allowed there.")]
    InvalidQueryParameterValue,
    #[error("A query parameter has a number that is out of its range.")]
    OutOfRangeQueryParameterValue,
    #[error("The path or the account in it is not one of this endpoint: it serves /ACCOUNT/CONTAINER/BLOB.")]
    InvalidUri,
    #[error(
        "The endpoint serves containers, block blobs in one piece, metadata, listings and leases; not this operation."
    )]
    NotImplemented,
    #[error("The blob is larger than this endpoint takes in one piece, 64 MiB.")]
    RequestBodyTooLarge,
    #[error("The server is busy: wait a moment and try again.")]
    ServerBusy,
    #[error("This request is not authorized to perform this operation: check the key, or the role of the principal.")]
    AuthorizationFailure,
}

impl Problem {
    fn status(self) -> StatusCode {
        match self {
            Self::ContainerNotFound | Self::BlobNotFound => StatusCode::NOT_FOUND,
            Self::ContainerAlreadyExists
            | Self::BlobAlreadyExists
            | Self::LeaseIdMismatchWithLeaseOperation
            | Self::LeaseAlreadyPresent
            | Self::LeaseNotPresentWithLeaseOperation
            | Self::LeaseIsBreakingAndCannotBeAcquired
            | Self::LeaseIsBreakingAndCannotBeChanged
            | Self::LeaseIsBrokenAndCannotBeRenewed => StatusCode::CONFLICT,
            Self::ConditionNotMet
            | Self::LeaseIdMissing
            | Self::LeaseIdMismatchWithBlobOperation
            | Self::LeaseNotPresentWithBlobOperation
            | Self::LeaseLost => StatusCode::PRECONDITION_FAILED,
            Self::NotModified => StatusCode::NOT_MODIFIED,
            Self::InvalidRange => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::InvalidResourceName
            | Self::InvalidMetadata
            | Self::InvalidHeaderValue
            | Self::MissingRequiredHeader
            | Self::InvalidQueryParameterValue
            | Self::OutOfRangeQueryParameterValue
            | Self::InvalidUri => StatusCode::BAD_REQUEST,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::RequestBodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ServerBusy => StatusCode::SERVICE_UNAVAILABLE,
            Self::AuthorizationFailure => StatusCode::FORBIDDEN,
        }
    }

    /// The code, which is the variant's own name save for two.
    fn code(self) -> String {
        match self {
            Self::NotModified => "ConditionNotMet".to_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-ms-version");

impl Answer {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::with_capacity(24), body: Bytes::new() }
    }

    pub(super) fn content(status: StatusCode, body: Bytes) -> Self {
        Self { body, ..Self::empty(status) }
    }

    pub(super) fn xml(status: StatusCode, xml: Xml) -> Self {
        let mut answer = Self::content(status, xml.finish().into());
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        answer
    }

    pub(super) fn problem(problem: Problem) -> Self {
        let code = problem.code();
        let mut xml = Xml::new();
        xml.open("Error", &[]).text("Code", &code).text("Message", &problem.to_string()).close("Error");
        let answer = if problem == Problem::NotModified {
            Self::empty(StatusCode::NOT_MODIFIED)
        } else {
            Self::xml(problem.status(), xml)
        };
        answer.header("x-ms-error-code", &code)
    }

    pub(super) fn version_of(self, etag: Etag, modified: SystemTime) -> Self {
        self.standard(ETAG, &etag.quoted()).standard(LAST_MODIFIED, &http::date(modified))
    }

    pub(super) fn metadata(mut self, metadata: &Metadata) -> Self {
        for (name, value) in metadata {
            let name = HeaderName::from_bytes(format!("x-ms-meta-{name}").as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                self.headers.insert(name, value);
            }
        }
        self
    }

    pub(super) fn header(self, name: &'static str, value: &str) -> Self {
        self.standard(HeaderName::from_static(name), value)
    }

    pub(super) fn standard(mut self, name: HeaderName, value: &str) -> Self {
        // What cannot be a header value never came in as one.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The reply to this request: what every reply says, and no body to a HEAD.
    pub(super) fn to<B>(mut self, request: &Request<B>, number: u64) -> Reply {
        let version = request.headers().get(VERSION).cloned();
        self.headers.insert(VERSION, version.unwrap_or(HeaderValue::from_static("2021-12-02")));
        if let Some(id) = request.headers().get(CLIENT_REQUEST_ID) {
            self.headers.insert(CLIENT_REQUEST_ID, id.clone());
        }
        if let Ok(id) = HeaderValue::from_str(&format!("00000000-0000-0000-0000-{number:012x}")) {
            self.headers.insert(REQUEST_ID, id);
        }
        if request.method() == Method::HEAD {
            // The length of what a GET would bring.
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
            self.body = Bytes::new();
        }
        http::reply(self.status, self.headers, self.body)
    }
}
