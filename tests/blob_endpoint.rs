//! The Blob endpoint as the official Rust clients see it. Also the shortest working code for those clients.
#![allow(clippy::expect_used, reason = "a test that hangs has to fail")]

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
use streamgauge::local::blob::{BlobEndpoint, BlobEndpointError, BlobOptions};
use streamgauge::local::fault::{Fault, FaultSwitch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const CONTAINER: &str = "checkpoints";

fn options() -> BlobOptions {
    BlobOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        account: "devstoreaccount1".into(),
        container: CONTAINER.into(),
        faults: FaultSwitch::default(),
    }
}

async fn started() -> Outcome<BlobEndpoint> {
    Ok(BlobEndpoint::start(options()).await?)
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

#[tokio::test]
async fn a_taken_port_is_named() -> Outcome {
    let first = started().await?;
    let second = BlobEndpoint::start(BlobOptions { listen: first.address(), ..options() }).await;
    let message = second.err().ok_or("the port is taken")?.to_string();
    let port = first.address().port();
    assert_eq!(
        message,
        format!("port {port} on 127.0.0.1 is taken: choose another with --blob-port, or leave it out for any free one")
    );
    let wrong = BlobEndpoint::start(BlobOptions { container: "No".into(), ..options() }).await;
    assert!(matches!(wrong, Err(BlobEndpointError::BadContainer(_))));
    let wrong = BlobEndpoint::start(BlobOptions { account: "a/b".into(), ..options() }).await;
    assert!(matches!(wrong, Err(BlobEndpointError::BadAccount(_))));
    Ok(())
}

/// Sends bytes and reads until the endpoint closes the connection; a reset counts as closed.
async fn raw(endpoint: &BlobEndpoint, request: &[u8]) -> Outcome<String> {
    let mut stream = TcpStream::connect(endpoint.address()).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    drop(soon(stream.read_to_end(&mut answer)).await);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn request(method: &str, path: &str, headers: &[&str]) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|header| [*header, "\r\n"]).collect();
    let path = format!("/devstoreaccount1{path}");
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n")
        .into_bytes()
}

#[tokio::test]
async fn bad_input_gets_a_clear_answer_and_the_others_are_served_on() -> Outcome {
    let endpoint = started().await?;
    let client = client(&endpoint)?;
    let upload = |name| {
        let blob = client.blob_client(name);
        async move { soon(blob.upload(RequestContent::from(b"x".to_vec()), None)).await }
    };
    upload("b").await?;
    let lease = |action| request("PUT", "/checkpoints/b?comp=lease", &[action]);
    for (what, request, status, code) in [
        ("not HTTP", b"\x16\x03\x01 hello\r\n\r\n".to_vec(), "400", ""),
        (
            "another account",
            b"GET /other/c HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            "400",
            "InvalidUri",
        ),
        ("a name that is no text", request("GET", "/checkpoints/%FF", &[]), "400", "InvalidUri"),
        ("no such container", request("GET", "/none/b", &[]), "404", "ContainerNotFound"),
        ("no such blob", request("GET", "/checkpoints/none", &[]), "404", "BlobNotFound"),
        ("a bad container name", request("PUT", "/No?restype=container", &[]), "400", "InvalidResourceName"),
        ("no kind of blob", request("PUT", "/checkpoints/b", &[]), "400", "MissingRequiredHeader"),
        ("a page blob", request("PUT", "/checkpoints/b", &["x-ms-blob-type: PageBlob"]), "501", "NotImplemented"),
        ("a block", request("PUT", "/checkpoints/b?comp=block&blockid=x", &[]), "501", "NotImplemented"),
        (
            "metadata that no listing can show",
            request("PUT", "/checkpoints/b?comp=metadata", &["x-ms-meta-a-b: c"]),
            "400",
            "InvalidMetadata",
        ),
        ("a range behind the end", request("GET", "/checkpoints/b", &["range: bytes=1-2"]), "416", "InvalidRange"),
        ("a bad range", request("GET", "/checkpoints/b", &["range: lines=1-2"]), "400", "InvalidHeaderValue"),
        (
            "a page of none",
            request("GET", "/checkpoints?restype=container&comp=list&maxresults=0", &[]),
            "400",
            "OutOfRangeQueryParameterValue",
        ),
        (
            "a bad marker",
            request("GET", "/checkpoints?restype=container&comp=list&marker=!", &[]),
            "400",
            "InvalidQueryParameterValue",
        ),
        ("no lease action", request("PUT", "/checkpoints/b?comp=lease", &[]), "400", "MissingRequiredHeader"),
        ("an unknown lease action", lease("x-ms-lease-action: borrow"), "400", "InvalidHeaderValue"),
        ("a lease without duration", lease("x-ms-lease-action: acquire"), "400", "MissingRequiredHeader"),
        ("a renewal without id", lease("x-ms-lease-action: renew"), "400", "MissingRequiredHeader"),
        ("an unknown method", request("BREW", "/checkpoints/b", &[]), "501", "NotImplemented"),
    ] {
        let answer = raw(&endpoint, &request).await?;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        if !code.is_empty() {
            assert!(answer.contains(&format!("x-ms-error-code: {code}\r\n")), "{what}: {answer}");
            assert!(answer.contains(&format!("<Code>{code}</Code>")), "{what}: {answer}");
        }
    }
    // One that leaves in the middle of its request.
    TcpStream::connect(endpoint.address()).await?.write_all(b"PUT / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{").await?;
    upload("c").await?;
    Ok(())
}

#[tokio::test]
async fn faults_are_switched_while_it_runs() -> Outcome {
    let faults = FaultSwitch::default();
    let endpoint = BlobEndpoint::start(BlobOptions { faults: faults.clone(), ..options() }).await?;
    let list = request("GET", "/checkpoints?restype=container&comp=list", &[]);
    faults.set(Fault::Throttle);
    let busy = raw(&endpoint, &list).await?;
    assert!(busy.starts_with("HTTP/1.1 503 ") && busy.contains("<Code>ServerBusy</Code>"), "{busy}");
    faults.set(Fault::WrongReply);
    let wrong = raw(&endpoint, &list).await?;
    assert!(wrong.starts_with("HTTP/1.1 200 ") && !wrong.contains("EnumerationResults"), "{wrong}");
    faults.set(Fault::Cut);
    assert_eq!(raw(&endpoint, &list).await?, "");
    faults.clear();
    assert!(raw(&endpoint, &list).await?.contains("EnumerationResults"));
    Ok(())
}
