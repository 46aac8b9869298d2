//! The Blob endpoint as the official Rust clients see it. Also the shortest working code for those clients.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use azure_core::http::{RequestContent, StatusCode, Url};
use azure_messaging_eventhubs::CheckpointStore;
use azure_messaging_eventhubs::models::{Checkpoint, Ownership};
use azure_messaging_eventhubs_checkpointstore_blob::BlobCheckpointStore;
use azure_storage_blob::BlobContainerClient;
use azure_storage_blob::models::{
    BlobContainerClientListBlobsOptions, BlockBlobClientUploadOptions, ListBlobsIncludeItem,
};
use futures::TryStreamExt;
use streamgauge::local::blob::{BlobEndpoint, BlobOptions};
use streamgauge::local::fault::FaultSwitch;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const CONTAINER: &str = "checkpoints";

async fn started() -> Outcome<BlobEndpoint> {
    Ok(BlobEndpoint::start(BlobOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        account: "devstoreaccount1".into(),
        container: CONTAINER.into(),
        faults: FaultSwitch::default(),
    })
    .await?)
}

/// Connect: a URL with a SAS, and no credential. The endpoint does not look at the SAS, so any will do.
fn client(endpoint: &BlobEndpoint) -> Outcome<BlobContainerClient> {
    let url = Url::parse(&format!("{}/{CONTAINER}?sv=2021-12-02&sig=any", endpoint.endpoint()))?;
    Ok(BlobContainerClient::new(url, None, None)?)
}

/// Nothing here may hang.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("in time")
}

/// A blob as a listing shows it.
#[derive(Debug, PartialEq)]
struct Listed {
    name: String,
    metadata: HashMap<String, String>,
}

/// Lists blobs with their metadata.
async fn list(client: &BlobContainerClient, prefix: &str, page: i32) -> Outcome<Vec<Listed>> {
    let options = BlobContainerClientListBlobsOptions {
        prefix: Some(prefix.to_owned()),
        include: Some(vec![ListBlobsIncludeItem::Metadata]),
        maxresults: Some(page),
        ..Default::default()
    };
    let mut blobs = client.list_blobs(Some(options))?;
    let mut listed = Vec::new();
    while let Some(blob) = soon(blobs.try_next()).await? {
        listed.push(Listed {
            name: blob.name.ok_or("a name")?,
            metadata: blob.metadata.and_then(|metadata| metadata.values).unwrap_or_default(),
        });
    }
    Ok(listed)
}

fn metadata(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn checkpoints_are_written_and_listed() -> Outcome {
    let endpoint = started().await?;
    let store = BlobCheckpointStore::new(client(&endpoint)?);
    for (partition, sequence_number) in [("0", 7), ("1", 41), ("1", 42)] {
        let checkpoint = Checkpoint {
            fully_qualified_namespace: "ns.servicebus.windows.net".into(),
            event_hub_name: "hub".into(),
            consumer_group: "$Default".into(),
            partition_id: partition.into(),
            offset: Some("4096".into()),
            sequence_number: Some(sequence_number),
        };
        soon(store.update_checkpoint(checkpoint)).await?;
    }
    let checkpoints = soon(store.list_checkpoints("ns.servicebus.windows.net", "hub", "$Default")).await?;
    let seen: Vec<_> = checkpoints.iter().map(|one| (one.partition_id.as_str(), one.sequence_number)).collect();
    assert_eq!(seen, [("0", Some(7)), ("1", Some(42))]);

    // What a monitor sees of them.
    let listed = list(&client(&endpoint)?, "ns.servicebus.windows.net/hub/", 1).await?;
    assert_eq!(
        listed,
        [("0", "7"), ("1", "42")].map(|(partition, sequence_number)| Listed {
            name: format!("ns.servicebus.windows.net/hub/$Default/checkpoint/{partition}"),
            metadata: metadata(&[("offset", "4096"), ("sequencenumber", sequence_number)]),
        })
    );
    soon(endpoint.shutdown()).await;
    Ok(())
}

#[tokio::test]
async fn a_partition_has_one_owner() -> Outcome {
    let endpoint = started().await?;
    let store = BlobCheckpointStore::new(client(&endpoint)?);
    let ownership = |owner: &str| Ownership {
        fully_qualified_namespace: "ns".into(),
        event_hub_name: "hub".into(),
        consumer_group: "$Default".into(),
        partition_id: "0".into(),
        owner_id: Some(owner.to_owned()),
        ..Default::default()
    };
    let claimed = soon(store.claim_ownership(&[ownership("first")])).await?;
    assert_eq!(claimed.len(), 1);
    assert_eq!(soon(store.claim_ownership(&[ownership("second")])).await?.len(), 0, "it is there already");

    let listed = soon(store.list_ownerships("ns", "hub", "$Default")).await?;
    let seen: Vec<_> = listed.iter().map(|one| (one.partition_id.as_str(), one.owner_id.as_deref())).collect();
    assert_eq!(seen, [("0", Some("first"))]);
    assert!(listed[0].last_modified_time.is_some());

    let stolen = Ownership { etag: listed[0].etag.clone(), ..ownership("second") };
    assert_eq!(soon(store.claim_ownership(std::slice::from_ref(&stolen))).await?.len(), 1, "by the listed tag");
    assert_eq!(soon(store.claim_ownership(&[stolen])).await?.len(), 0, "but not twice by the same tag");
    Ok(())
}

#[tokio::test]
async fn contents_come_back_whole_and_in_parts() -> Outcome {
    let endpoint = started().await?;
    let client = client(&endpoint)?;
    let blob = client.blob_client("folder/äöü <&> %2F+name");
    let options =
        BlockBlobClientUploadOptions { metadata: Some(metadata(&[("kind", "a<b>&\"c\"")])), ..Default::default() };
    soon(blob.upload(RequestContent::from(b"0123456789".to_vec()), Some(options))).await?;
    let downloaded = soon(blob.download(None)).await?;
    assert_eq!(soon(downloaded.body.collect()).await?.as_ref(), b"0123456789");

    let listed = list(&client, "folder/", 5000).await?;
    assert_eq!(
        listed,
        [Listed { name: "folder/äöü <&> %2F+name".into(), metadata: metadata(&[("kind", "a<b>&\"c\"")]) }]
    );

    soon(blob.delete(None)).await?;
    let gone = soon(blob.get_properties(None)).await.unwrap_err();
    assert_eq!(gone.http_status(), Some(StatusCode::NotFound));
    Ok(())
}
