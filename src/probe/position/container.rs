//! The container of checkpoints as this probe reads it: bounded lists, and single bodies. Every failure says its place.

use std::collections::HashMap;

use azure_core::http::StatusCode;
use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, BlobItem, LeaseStatus, ListBlobsIncludeItem};
use futures::TryStreamExt;

use super::checkpoint::{self, Content, Unusable};
use crate::azure::BlobAddress;
use crate::azure::blob::{container, place};
use crate::azure::error::{AzureError, Service};
use crate::model::units::Time;

/// Blobs that a list gives in one answer, and so for one call.
pub(super) const PAGE: usize = 5_000;

/// A blob as a list shows it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) metadata: HashMap<String, String>,
    pub(super) etag: String,
    pub(super) written_at: Option<Time>,
    pub(super) length: u64,
    pub(super) is_leased: bool,
}

/// Names are enough where only the names matter: an answer is then a fraction as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    Names,
    Metadata,
}

/// A container and the client for it.
pub(super) struct Container {
    client: BlobContainerClient,
    place: String,
}

impl Container {
    pub(super) fn new(address: &BlobAddress) -> Result<Self, AzureError> {
        Ok(Self { client: container(address)?, place: place(address) })
    }

    /// Lists blobs in the order of their names, from the first whose name begins with `prefix`, until `seen` wants no
    /// more. One call for each `page` of them, at most [`PAGE`]; gives how many that were.
    pub(super) async fn list(
        &self,
        prefix: &str,
        include: Include,
        page: usize,
        mut seen: impl FnMut(Listed) -> std::ops::ControlFlow<()>,
    ) -> Result<u64, AzureError> {
        let page = page.clamp(1, PAGE);
        let options = BlobContainerClientListBlobsOptions {
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            include: (include == Include::Metadata).then(|| vec![ListBlobsIncludeItem::Metadata]),
            maxresults: i32::try_from(page).ok(),
            ..Default::default()
        };
        let refused = |error| self.refused("the list of checkpoints", &error);
        let mut blobs = self.client.list_blobs(Some(options)).map_err(refused)?;
        let mut listed = 0_usize;
        while let Some(blob) = blobs.try_next().await.map_err(refused)? {
            listed += 1;
            if let Some(listed) = Listed::from(blob)
                && seen(listed).is_break()
            {
                break;
            }
        }
        Ok(listed.div_ceil(page).max(1) as u64)
    }

    /// Reads a checkpoint from a body; `None` if the blob is gone. What the service says of this blob alone is this
    /// blob's fault; all else is the service's.
    pub(super) async fn body(&self, name: &str) -> Result<Option<Content>, AzureError> {
        let read = async { self.client.blob_client(name).download(None).await?.body.collect().await };
        match read.await {
            Ok(body) => Ok(Some(checkpoint::from_body(&body))),
            Err(error) => match error.http_status() {
                Some(StatusCode::NotFound) => Ok(None),
                Some(
                    status @ (StatusCode::BadRequest
                    | StatusCode::Conflict
                    | StatusCode::Gone
                    | StatusCode::PreconditionFailed
                    | StatusCode::UnprocessableEntity),
                ) => Ok(Some(Content::unusable(Unusable::Refused(status.into())))),
                _ => Err(self.refused("a checkpoint", &error)),
            },
        }
    }

    fn refused(&self, call: &'static str, error: &azure_core::Error) -> AzureError {
        AzureError::refusing(Service::Blob, self.place.clone(), call, error)
    }
}

impl Listed {
    fn from(blob: BlobItem) -> Option<Self> {
        let properties = blob.properties;
        let written_at = properties.as_ref().and_then(|properties| properties.last_modified).map(Time::from);
        let length = properties.as_ref().and_then(|properties| properties.content_length).unwrap_or(0);
        let is_leased =
            properties.as_ref().and_then(|properties| properties.lease_status.as_ref()) == Some(&LeaseStatus::Locked);
        let etag = properties.and_then(|properties| properties.etag).map(|etag| etag.to_string()).unwrap_or_default();
        let metadata = blob.metadata.and_then(|metadata| metadata.values).unwrap_or_default();
        Some(Self { name: blob.name?, metadata, etag, written_at, length, is_leased })
    }
}
