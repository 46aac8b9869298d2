//! What the processors of a consumer group keep in Blob storage: blobs with an empty body, whose metadata say everything,
//! each written on the condition that nobody else wrote it meanwhile.
//!
//! Source: the SDKs' checkpoint stores, and their contract: `NAMESPACE/HUB/GROUP/KIND/PARTITION`, all in lower case.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use azure_core::Bytes;
use azure_core::http::headers::{ETAG, HeaderName};
use azure_core::http::pager::Page as _;
use azure_core::http::{Etag, NoFormat, RequestContent, StatusCode};
use azure_core::time::parse_rfc7231;
use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{
    BlobClientSetMetadataOptions, BlobContainerClientListBlobsOptions, BlobItem, BlockBlobClientUploadOptions,
    ListBlobsIncludeItem,
};
use futures::TryStreamExt as _;

use super::processor::ProcessorOptions;
use crate::azure::{AzureError, Service, blob};
use crate::model::units::{PartitionId, Time};

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// When the service answered.
const DATE: HeaderName = HeaderName::from_static("date");

/// The two kinds of blob that a partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Checkpoint,
    Ownership,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Ownership => "ownership",
        }
    }

    const fn listing(self) -> &'static str {
        match self {
            Self::Checkpoint => "to list checkpoints",
            Self::Ownership => "to list ownerships",
        }
    }

    const fn writing(self) -> &'static str {
        match self {
            Self::Checkpoint => "to write a checkpoint",
            Self::Ownership => "to write an ownership",
        }
    }
}

/// The blobs of one hub and consumer group.
#[derive(Clone)]
pub(super) struct GroupBlobs {
    container: Arc<BlobContainerClient>,
    /// `namespace/hub/group`
    folder: String,
    place: String,
}

/// A blob as a list shows it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    metadata: HashMap<String, String>,
    pub(super) etag: Option<Etag>,
    pub(super) written_at: Option<Time>,
}

impl Kept {
    /// A value of the metadata; services and SDKs spell its name in any case.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The blobs of a kind, and when they were listed, by the service's clock: the one that dated them.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) blobs: BTreeMap<PartitionId, Kept>,
    pub(super) at: Option<Time>,
}

/// What became of a write on a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// It is written; this is the blob's version now.
    Done(Option<Etag>),
    /// Somebody else wrote or removed the blob meanwhile. Nothing was changed.
    Changed,
}

impl GroupBlobs {
    pub(super) fn new(options: &ProcessorOptions) -> Result<Self, AzureError> {
        let folder = format!("{}/{}/{}", options.ingest.namespace, options.ingest.hub, options.consumer_group);
        Ok(Self {
            container: Arc::new(blob::container(&options.checkpoints)?),
            folder: folder.to_lowercase(),
            place: blob::place(&options.checkpoints),
        })
    }

    /// Lists the blobs of a kind; makes the container if there is none.
    pub(super) async fn list(&self, kind: Kind) -> Result<Listing, AzureError> {
        self.under_limit(kind.listing(), self.pages(kind)).await
    }

    async fn pages(&self, kind: Kind) -> azure_core::Result<Listing> {
        let prefix = format!("{}/{}/", self.folder, kind.folder());
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.clone()),
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let mut pages = self.container.list_blobs(Some(options))?.into_pages();
        let mut listing = Listing::default();
        loop {
            let page = match pages.try_next().await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(listing),
                Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                    self.container.create(None).await?;
                    return Ok(listing);
                }
                Err(error) => return Err(error),
            };
            let date = page.headers().get_optional_string(&DATE);
            listing.at = date.and_then(|date| parse_rfc7231(&date).ok()).map(Time::from).or(listing.at);
            for item in page.into_items().await? {
                if let Some((partition, kept)) = kept(item, &prefix) {
                    listing.blobs.insert(partition, kept);
                }
            }
        }
    }

    /// Writes a blob's metadata if its version is still this one; without a version, if there is no blob yet.
    pub(super) async fn write<const N: usize>(
        &self,
        kind: Kind,
        partition: PartitionId,
        metadata: [(&'static str, String); N],
        version: Option<Etag>,
    ) -> Result<Written, AzureError> {
        let name = format!("{}/{}/{partition}", self.folder, kind.folder());
        let client = self.container.blob_client(&name);
        let metadata: HashMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value)).into();
        let writing = async {
            let outcome = if let Some(version) = version {
                let if_match =
                    BlobClientSetMetadataOptions { if_match: Some(version), ..BlobClientSetMetadataOptions::default() };
                let answer = client.set_metadata(&metadata, Some(if_match)).await;
                answer.map(|answer| answer.headers().get_optional_string(&ETAG).map(Etag::from))
            } else {
                let if_new = BlockBlobClientUploadOptions {
                    metadata: Some(metadata),
                    if_none_match: Some(Etag::from("*")),
                    ..BlockBlobClientUploadOptions::default()
                };
                let nothing = RequestContent::<Bytes, NoFormat>::from(Vec::new());
                client.upload(nothing, Some(if_new)).await.map(|uploaded| uploaded.etag)
            };
            match outcome {
                Ok(etag) => Ok(Written::Done(etag)),
                Err(error) => match error.http_status() {
                    Some(StatusCode::PreconditionFailed | StatusCode::Conflict | StatusCode::NotFound) => {
                        Ok(Written::Changed)
                    }
                    _ => Err(error),
                },
            }
        };
        self.under_limit(kind.writing(), writing).await
    }

    async fn under_limit<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = azure_core::Result<T>>,
    ) -> Result<T, AzureError> {
        let (service, address) = (Service::Blob, self.place.clone());
        match tokio::time::timeout(CALL_LIMIT, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(AzureError::refusing(service, address, call, &error).for_writing()),
            Err(_) => Err(AzureError::Timeout { service, address, call, limit: CALL_LIMIT }),
        }
    }
}

fn kept(item: BlobItem, prefix: &str) -> Option<(PartitionId, Kept)> {
    let partition = item.name.as_deref()?.strip_prefix(prefix)?.parse().ok().map(PartitionId)?;
    let metadata = item.metadata.and_then(|metadata| metadata.values).unwrap_or_default();
    let (etag, written_at) = match item.properties {
        Some(properties) => (properties.etag, properties.last_modified.map(Time::from)),
        None => (None, None),
    };
    Some((partition, Kept { metadata, etag, written_at }))
}
