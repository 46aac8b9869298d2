//! What can be done with one blob.
//!
//! Sources: <https://learn.microsoft.com/rest/api/storageservices/put-blob>, `…/get-blob`, `…/get-blob-properties`,
//! `…/set-blob-metadata`, `…/set-blob-properties`, `…/delete-blob`, `…/lease-blob`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use super::condition::Conditions;
use super::lease::{Lease, LeaseId, LeaseTime};
use super::reply::{Answer, Problem};
use super::request::Asked;
use super::store::{Blob, Store};

type Outcome = Result<Answer, Problem>;

/// The headers that a blob keeps for its readers: as a request sets them, and as a reply shows them.
const KEPT_HEADERS: [(&str, &str); 6] = [
    ("x-ms-blob-content-type", "content-type"),
    ("x-ms-blob-content-encoding", "content-encoding"),
    ("x-ms-blob-content-language", "content-language"),
    ("x-ms-blob-content-disposition", "content-disposition"),
    ("x-ms-blob-cache-control", "cache-control"),
    ("x-ms-blob-content-md5", "content-md5"),
];

fn kept_headers(asked: &Asked) -> BTreeMap<&'static str, String> {
    let given = KEPT_HEADERS.iter().filter_map(|(set, shown)| Some((*shown, asked.header(set)?.to_owned())));
    let mut kept: BTreeMap<_, _> = given.collect();
    kept.entry("content-type").or_insert_with(|| "application/octet-stream".to_owned());
    kept
}

pub(super) fn put(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    match asked.header("x-ms-blob-type") {
        Some("BlockBlob") if asked.header("x-ms-copy-source").is_none() => {}
        None => return Err(Problem::MissingRequiredHeader),
        Some(_) => return Err(Problem::NotImplemented),
    }
    let (lease_id, metadata) = (asked.lease_id()?, asked.metadata()?);
    let mut state = store.lock();
    let etag = state.new_etag(now);
    let blobs = &mut state.container_mut(container)?.blobs;
    let mut standing = blobs.get_mut(name);
    Conditions::of(asked).check_put(standing.as_deref())?;
    let mut none = Lease::default();
    standing.as_mut().map_or(&mut none, |blob| &mut blob.lease).check_write(lease_id.as_ref(), now)?;
    let (created, lease) = standing.map_or((now, none), |blob| (blob.created, blob.lease.clone()));
    let blob = Blob {
        // A buffer of exactly the content's size: what came in may be a slice of a larger one.
        content: asked.body().to_vec().into_boxed_slice().into(),
        headers: kept_headers(asked),
        metadata,
        etag,
        created,
        modified: now,
        lease,
    };
    blobs.insert(name.to_owned(), blob);
    let answer = Answer::empty(StatusCode::CREATED).version_of(etag, now);
    Ok(answer.header("x-ms-request-server-encrypted", "true"))
}

pub(super) fn get(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    let state = store.lock();
    let blob = state.blob(container, name)?;
    readable(asked, blob, now)?;
    let length = blob.content.len();
    let answer = match asked.range()? {
        None => Answer::content(StatusCode::OK, blob.content.clone()),
        Some((first, _)) if first >= length => return Err(Problem::InvalidRange),
        Some((first, last)) => {
            let last = last.min(length - 1);
            Answer::content(StatusCode::PARTIAL_CONTENT, blob.content.slice(first..=last))
                .header("content-range", &format!("bytes {first}-{last}/{length}"))
        }
    };
    Ok(properties(answer, blob, now))
}

/// The properties alone. HEAD replies have the length of the content, and no content.
pub(super) fn head(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    let state = store.lock();
    let blob = state.blob(container, name)?;
    readable(asked, blob, now)?;
    Ok(properties(Answer::content(StatusCode::OK, blob.content.clone()), blob, now))
}

pub(super) fn get_metadata(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    let state = store.lock();
    let blob = state.blob(container, name)?;
    readable(asked, blob, now)?;
    Ok(Answer::empty(StatusCode::OK).metadata(&blob.metadata).version_of(blob.etag, blob.modified))
}

fn readable(asked: &Asked, blob: &Blob, now: SystemTime) -> Result<(), Problem> {
    Conditions::of(asked).check_read(blob)?;
    blob.lease.check_read(asked.lease_id()?.as_ref(), now)
}

fn properties(answer: Answer, blob: &Blob, now: SystemTime) -> Answer {
    let lease = blob.lease.state(now);
    let mut answer = answer
        .metadata(&blob.metadata)
        .version_of(blob.etag, blob.modified)
        .header("accept-ranges", "bytes")
        .header("x-ms-blob-type", "BlockBlob")
        .header("x-ms-creation-time", &crate::local::http::date(blob.created))
        .header("x-ms-lease-state", lease.name())
        .header("x-ms-lease-status", lease.status())
        .header("x-ms-access-tier", "Hot")
        .header("x-ms-access-tier-inferred", "true")
        .header("x-ms-server-encrypted", "true");
    if let Some(duration) = lease.duration() {
        answer = answer.header("x-ms-lease-duration", duration);
    }
    blob.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
}

pub(super) fn set_metadata(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    let metadata = asked.metadata()?;
    change(store, asked, container, name, now, |blob| blob.metadata = metadata)
}

pub(super) fn set_headers(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    change(store, asked, container, name, now, |blob| blob.headers = kept_headers(asked))
}

fn change(
    store: &Store,
    asked: &Asked,
    container: &str,
    name: &str,
    now: SystemTime,
    change: impl FnOnce(&mut Blob),
) -> Outcome {
    let lease_id = asked.lease_id()?;
    let mut state = store.lock();
    let etag = state.new_etag(now);
    let blob = state.blob_mut(container, name)?;
    Conditions::of(asked).check_change(blob)?;
    blob.lease.check_write(lease_id.as_ref(), now)?;
    change(blob);
    blob.etag = etag;
    blob.modified = now;
    let answer = Answer::empty(StatusCode::OK).version_of(etag, now);
    Ok(answer.header("x-ms-request-server-encrypted", "true"))
}

pub(super) fn delete(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    let lease_id = asked.lease_id()?;
    let mut state = store.lock();
    let blobs = &mut state.container_mut(container)?.blobs;
    let blob = blobs.get_mut(name).ok_or(Problem::BlobNotFound)?;
    Conditions::of(asked).check_change(blob)?;
    blob.lease.check_write(lease_id.as_ref(), now)?;
    blobs.remove(name);
    Ok(Answer::empty(StatusCode::ACCEPTED).header("x-ms-delete-type-permanent", "true"))
}

/// Everything about leases comes as one operation with an action in a header.
pub(super) fn lease(store: &Store, asked: &Asked, container: &str, name: &str, now: SystemTime) -> Outcome {
    let action = asked.header("x-ms-lease-action").ok_or(Problem::MissingRequiredHeader)?;
    let named = || asked.lease_id()?.ok_or(Problem::MissingRequiredHeader);
    let proposed = asked
        .header("x-ms-proposed-lease-id")
        .map(|text| LeaseId::parse(text).ok_or(Problem::InvalidHeaderValue))
        .transpose()?;
    let mut state = store.lock();
    let fresh = state.new_etag(now);
    let blob = state.blob_mut(container, name)?;
    Conditions::of(asked).check_change(blob)?;
    let answer = match action.to_ascii_lowercase().as_str() {
        "acquire" => {
            let time = asked.header("x-ms-lease-duration").ok_or(Problem::MissingRequiredHeader)?;
            let time = LeaseTime::parse(time).ok_or(Problem::InvalidHeaderValue)?;
            let id = proposed.unwrap_or_else(|| LeaseId::numbered(fresh.number()));
            blob.lease.acquire(id.clone(), time, now)?;
            Answer::empty(StatusCode::CREATED).header("x-ms-lease-id", id.as_str())
        }
        "renew" => {
            let id = named()?;
            blob.lease.renew(&id, now)?;
            Answer::empty(StatusCode::OK).header("x-ms-lease-id", id.as_str())
        }
        "change" => {
            let proposed = proposed.ok_or(Problem::MissingRequiredHeader)?;
            blob.lease.change(&named()?, proposed.clone(), now)?;
            Answer::empty(StatusCode::OK).header("x-ms-lease-id", proposed.as_str())
        }
        "release" => {
            blob.lease.release(&named()?, now)?;
            Answer::empty(StatusCode::OK)
        }
        "break" => {
            let period = asked.header("x-ms-lease-break-period").map(|text| match text.parse() {
                Ok(seconds @ 0..=60) => Ok(Duration::from_secs(seconds)),
                _ => Err(Problem::InvalidHeaderValue),
            });
            let wait = blob.lease.break_off(period.transpose()?, now)?;
            Answer::empty(StatusCode::ACCEPTED).header("x-ms-lease-time", &wait.as_secs().to_string())
        }
        _ => return Err(Problem::InvalidHeaderValue),
    };
    Ok(answer.version_of(blob.etag, blob.modified))
}
