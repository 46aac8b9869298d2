//! A container of checkpoints in an endpoint of our own, and the blobs that a test writes into it.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use azure_core::http::RequestContent;
use azure_storage_blob::models::BlockBlobClientUploadOptions;
use streamgauge::azure::blob::container;
use streamgauge::azure::{BlobAddress, BlobCredential};
use streamgauge::local::blob::{BlobEndpoint, BlobOptions};
use streamgauge::local::fault::FaultSwitch;

/// Nothing here may hang.
const LIMIT: Duration = Duration::from_secs(60);

/// A blob to write.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    name: String,
    body: Vec<u8>,
    metadata: HashMap<String, String>,
}

/// A blob whose content is in its metadata.
pub(crate) fn metadata(name: &str, values: &[(&str, &str)]) -> Blob {
    let metadata = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Blob { name: name.into(), body: Vec::new(), metadata }
}

/// A blob with a body.
pub(crate) fn body(name: &str, body: &str) -> Blob {
    Blob { name: name.into(), body: body.into(), metadata: HashMap::new() }
}

/// An endpoint of our own with an empty container `checkpoints`.
pub(crate) async fn endpoint() -> BlobEndpoint {
    endpoint_with(FaultSwitch::default()).await
}

/// The same, with a switch for its faults.
pub(crate) async fn endpoint_with(faults: FaultSwitch) -> BlobEndpoint {
    let options = BlobOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        account: "devstoreaccount1".into(),
        container: "checkpoints".into(),
        faults,
    };
    BlobEndpoint::start(options).await.expect("the endpoint starts")
}

/// A container of that endpoint.
pub(crate) fn address(endpoint: &BlobEndpoint, container: &str) -> BlobAddress {
    BlobAddress { endpoint: endpoint.endpoint(), container: container.into(), credential: BlobCredential::Anonymous }
}

/// Writes blobs, or writes them again.
pub(crate) async fn write(endpoint: &BlobEndpoint, blobs: &[Blob]) {
    write_to(&address(endpoint, "checkpoints"), blobs).await;
}

/// The same, into any container.
pub(crate) async fn write_to(address: &BlobAddress, blobs: &[Blob]) {
    let client = container(address).unwrap();
    for Blob { name, body, metadata } in blobs {
        let options = BlockBlobClientUploadOptions {
            metadata: Some(metadata.clone()),
            ..BlockBlobClientUploadOptions::default()
        };
        let upload = client.blob_client(name);
        let upload = upload.upload(RequestContent::from(body.clone()), Some(options));
        tokio::time::timeout(LIMIT, upload).await.expect("in time").expect("the endpoint takes it");
    }
}
