//! What can be done with a container, and with the account.
//!
//! Sources: <https://learn.microsoft.com/rest/api/storageservices/create-container>, `…/get-container-properties`,
//! `…/set-container-metadata`, `…/delete-container`, `…/list-containers2`.

use std::time::SystemTime;

use hyper::StatusCode;

use super::reply::{Answer, Problem};
use super::request::Asked;
use super::store::Store;
use super::xml::Xml;
use crate::local::http;

type Outcome = Result<Answer, Problem>;

pub(super) fn create(store: &Store, asked: &Asked, name: &str, now: SystemTime) -> Outcome {
    let etag = store.create_container(name, asked.metadata()?, now)?;
    Ok(Answer::empty(StatusCode::CREATED).version_of(etag, now))
}

pub(super) fn properties(store: &Store, name: &str) -> Outcome {
    let state = store.lock();
    let container = state.container(name)?;
    Ok(Answer::empty(StatusCode::OK)
        .metadata(&container.metadata)
        .version_of(container.etag, container.modified)
        .header("x-ms-lease-state", "available")
        .header("x-ms-lease-status", "unlocked")
        .header("x-ms-has-immutability-policy", "false")
        .header("x-ms-has-legal-hold", "false"))
}

pub(super) fn set_metadata(store: &Store, asked: &Asked, name: &str, now: SystemTime) -> Outcome {
    let metadata = asked.metadata()?;
    let mut state = store.lock();
    let etag = state.new_etag(now);
    let container = state.container_mut(name)?;
    container.metadata = metadata;
    container.etag = etag;
    container.modified = now;
    Ok(Answer::empty(StatusCode::OK).version_of(etag, now))
}

pub(super) fn delete(store: &Store, name: &str) -> Outcome {
    store.lock().containers.remove(name).ok_or(Problem::ContainerNotFound)?;
    Ok(Answer::empty(StatusCode::ACCEPTED))
}

/// All containers whose names begin with the prefix. There are never so many that they need pages.
pub(super) fn list(store: &Store, asked: &Asked, endpoint: &str) -> Answer {
    let prefix = asked.query("prefix").unwrap_or_default();
    let state = store.lock();
    let mut xml = Xml::new();
    xml.open("EnumerationResults", &[("ServiceEndpoint", endpoint)]).text("Prefix", prefix).open("Containers", &[]);
    for (name, container) in state.containers.iter().filter(|(name, _)| name.starts_with(prefix)) {
        xml.open("Container", &[]).text("Name", name).open("Properties", &[]);
        xml.text("Last-Modified", &http::date(container.modified)).text("Etag", &container.etag.quoted());
        xml.text("LeaseStatus", "unlocked").text("LeaseState", "available").close("Properties");
        xml.open("Metadata", &[]);
        for (name, value) in &container.metadata {
            xml.text(name, value);
        }
        xml.close("Metadata").close("Container");
    }
    xml.close("Containers").text("NextMarker", "").close("EnumerationResults");
    Answer::xml(StatusCode::OK, xml)
}
