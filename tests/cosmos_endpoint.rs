//! The Cosmos DB endpoint as the official Rust client sees it. Also the shortest working code for that client.
#![allow(clippy::expect_used, reason = "a test that hangs has to fail")]

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::models::{ChangeFeedMetadata, ContainerProperties, ThroughputProperties};
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ChangeFeedOptions, ChangeFeedStartFrom, ConnectionPoolOptions, CreateContainerOptions,
    ItemWriteOptions, MaxItemCountHint, OperationOptions, Precondition, ThrottlingRetryOptions,
};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, CosmosRuntime, FeedScope, RoutingStrategy,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use streamgauge::local::cosmos::{CosmosEndpoint, CosmosEndpointError, CosmosOptions};
use streamgauge::local::fault::{Fault, FaultSwitch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn options() -> CosmosOptions {
    CosmosOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        database: "streaming".into(),
        container: "events".into(),
        partition_key_path: "/deviceId".into(),
        request_units: 100_000,
        time_to_live: None,
        faults: FaultSwitch::default(),
    }
}

/// Nothing here may hang.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("in time")
}

/// (a) Connect: endpoint and key over plain http, text JSON, and every 429 shown to the caller instead of tried again.
///
/// The client tries HTTP/2 first and is told to come back with HTTP/1.1; a runtime of its own can leave that out, see
/// `a_client_that_never_tries_http_2`.
async fn connect(endpoint: &CosmosEndpoint) -> Outcome<CosmosClient> {
    let account = AccountReference::with_authentication_key(
        endpoint.endpoint().parse::<AccountEndpoint>()?,
        Secret::new(endpoint.key()),
    );
    let mut operation = OperationOptions::default();
    let mut throttling = ThrottlingRetryOptions::default();
    throttling.max_retry_count = Some(0);
    operation.throttling_retry_options = Some(throttling);
    let client = CosmosClient::builder()
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .with_default_operation_options(operation)
        .build(account, RoutingStrategy::PreferredRegions(Vec::new()));
    Ok(soon(client).await?)
}

async fn container(endpoint: &CosmosEndpoint) -> Outcome<ContainerClient> {
    let client = connect(endpoint).await?;
    Ok(soon(client.database_client("streaming").container_client("events", None)).await?)
}

fn document(id: &str, device: &str) -> Outcome<Box<RawValue>> {
    Ok(to_raw_value(&json!({ "id": id, "deviceId": device, "temperature": 21.5 }))?)
}

/// What one poll of a range's change feed tells.
struct Poll {
    ids: Vec<String>,
    lsn: u64,
    charge: f64,
    token: ContinuationToken,
}

/// (c) One page of a range's change feed, from a position or on from the token of the poll before.
async fn poll(
    container: &ContainerClient,
    range: &FeedRange,
    from: ChangeFeedStartFrom,
    token: Option<ContinuationToken>,
) -> Outcome<Poll> {
    let mut options = ChangeFeedOptions::default().with_max_item_count(MaxItemCountHint::Limit(100.try_into()?));
    if let Some(token) = token {
        options = options.with_continuation_token(token);
    }
    let mut pages =
        soon(container.query_change_feed::<Value>(FeedScope::range(range.clone()), from, Some(options))).await?;
    let page = soon(pages.next()).await.ok_or("the change feed never ends")??;
    let ids = page.items().iter().filter_map(|item| Some(item.current()?["id"].as_str()?.to_owned())).collect();
    Ok(Poll {
        ids,
        lsn: page.headers().lsn().ok_or("an LSN")?,
        charge: page.headers().request_charge().ok_or("a charge")?.value(),
        token: pages.to_continuation_token()?,
    })
}

#[tokio::test]
async fn items_are_written_read_and_deleted() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;

    // (b) An upsert of a document that is JSON already.
    let inserted = soon(container.upsert_item("d7", "e1", document("e1", "d7")?, None)).await?;
    assert!((inserted.headers().request_charge().ok_or("a charge")?.value() - 8.5).abs() < 0.001);
    let replaced = soon(container.upsert_item("d7", "e1", document("e1", "d7")?, None)).await?;
    assert!((replaced.headers().request_charge().ok_or("a charge")?.value() - 11.4).abs() < 0.001);
    assert!(replaced.headers().lsn() > inserted.headers().lsn());

    let read = soon(container.read_item("d7", "e1", None)).await?;
    assert!((read.headers().request_charge().ok_or("a charge")?.value() - 1.0).abs() < 0.001);
    let item: Value = read.into_model()?;
    assert_eq!((&item["id"], &item["temperature"]), (&json!("e1"), &json!(21.5)));
    assert!(item["_ts"].as_u64().is_some() && item["_etag"].as_str().is_some() && item["_rid"].as_str().is_some());

    let conflict = soon(container.create_item("d7", "e1", document("e1", "d7")?, None)).await.unwrap_err();
    assert_eq!(u16::from(conflict.status().status_code()), 409);
    let stale = ItemWriteOptions::default().with_precondition(Precondition::if_match("\"stale\""));
    let changed = soon(container.replace_item("d7", "e1", document("e1", "d7")?, Some(stale))).await.unwrap_err();
    assert_eq!(u16::from(changed.status().status_code()), 412);
    let current = item["_etag"].as_str().ok_or("an etag")?.to_owned();
    let current = ItemWriteOptions::default().with_precondition(Precondition::if_match(current));
    soon(container.replace_item("d7", "e1", document("e1", "d7")?, Some(current))).await?;

    soon(container.delete_item("d7", "e1", None)).await?;
    let gone = soon(container.read_item("d7", "e1", None)).await.unwrap_err();
    assert_eq!(u16::from(gone.status().status_code()), 404);
    soon(endpoint.shutdown()).await;
    Ok(())
}

#[tokio::test]
async fn the_change_feed_of_each_range_is_followed_and_resumed() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;
    for number in 0..50 {
        let device = format!("d{number}");
        soon(container.upsert_item(&device, "e1", document("e1", &device)?, None)).await?;
    }

    let ranges = soon(container.read_feed_ranges(None)).await?;
    assert_eq!(ranges.len(), 10, "one range for each 10,000 RU/s");
    let mut lsns = 0;
    let mut tokens = Vec::new();
    for range in &ranges {
        let first = poll(&container, range, ChangeFeedStartFrom::Beginning, None).await?;
        assert_eq!(first.ids.len() as u64, first.lsn, "each write was an insert");
        assert!(first.charge >= 1.0);
        lsns += first.lsn;
        // The LSN alone, cheaply: start from now, and read nothing.
        let now = poll(&container, range, ChangeFeedStartFrom::Now, None).await?;
        assert_eq!((now.ids.len(), now.lsn), (0, first.lsn));
        tokens.push(first.token);
    }
    assert_eq!(lsns, 50);

    soon(container.upsert_item("d7", "e2", document("e2", "d7")?, None)).await?;
    let mut seen = Vec::new();
    for (range, token) in ranges.iter().zip(tokens) {
        seen.extend(poll(&container, range, ChangeFeedStartFrom::Beginning, Some(token)).await?.ids);
    }
    assert_eq!(seen, ["e2"], "only what is new");
    Ok(())
}

/// Every 429 reaches the caller, with the time to wait, when the client's own retries are off; with them on it is in
/// the diagnostics of the operation that got through in the end.
#[tokio::test]
async fn throttling_is_visible() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;
    endpoint.set_request_units(400);

    let mut refused = None;
    for number in 0..1000 {
        let id = format!("e{number}");
        if let Err(error) = soon(container.upsert_item("d7", &id, document(&id, "d7")?, None)).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.ok_or("40 RU/s for each partition are soon used up")?;
    assert_eq!(u16::from(error.status().status_code()), 429);
    assert_eq!(error.status().sub_status().map(|sub_status| sub_status.value()), Some(3200));
    let wait = error.response().and_then(|response| response.headers().retry_after_ms).ok_or("how long to wait")?;
    assert!((1..=1000).contains(&wait), "until the next second: {wait}");

    let mut patient = OperationOptions::default();
    patient.throttling_retry_options = Some(ThrottlingRetryOptions::default());
    if let Some(throttling) = &mut patient.throttling_retry_options {
        throttling.max_retry_count = Some(9);
    }
    let mut hidden = 0;
    for number in 0..1000 {
        let id = format!("p{number}");
        let options = ItemWriteOptions::default().with_operation_options(patient.clone());
        let written = soon(container.upsert_item("d7", &id, document(&id, "d7")?, Some(options))).await?;
        let requests = written.diagnostics().requests();
        hidden += requests.iter().filter(|request| u16::from(request.status().status_code()) == 429).count();
        if hidden > 0 {
            break;
        }
    }
    assert!(hidden > 0, "a write that got through had been refused before");
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_tries_http_2() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let pool = ConnectionPoolOptions::builder().with_is_http2_allowed(false).build()?;
    let runtime = soon(CosmosRuntime::builder().with_connection_pool(pool).build()).await?;
    let account = AccountReference::with_authentication_key(
        endpoint.endpoint().parse::<AccountEndpoint>()?,
        Secret::new(endpoint.key()),
    );
    let client = CosmosClient::builder()
        .with_runtime(runtime)
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .build(account, RoutingStrategy::PreferredRegions(Vec::new()));
    let container = soon(soon(client).await?.database_client("streaming").container_client("events", None)).await?;
    soon(container.upsert_item("d7", "e1", document("e1", "d7")?, None)).await?;
    Ok(())
}

#[tokio::test]
async fn the_change_feed_begins_at_a_point_in_time_and_covers_the_container() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;
    for number in 0..20 {
        let device = format!("d{number}");
        soon(container.upsert_item(&device, "e1", document("e1", &device)?, None)).await?;
    }
    let hour = time::Duration::HOUR;
    for (start, expected) in [(-hour, 20), (hour, 0)] {
        let start = ChangeFeedStartFrom::PointInTime(time::OffsetDateTime::now_utc() + start);
        let feed = container.query_change_feed::<Value>(FeedScope::full_container(), start, None);
        let pages = soon(feed).await?;
        // Each of the ten ranges gives one page, and then nothing more.
        let items = pages.take(20).try_fold(0, async |items, page| Ok(items + page.items().len()));
        assert_eq!(soon(items).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn one_partition_key_can_be_counted_queried_and_followed() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;
    for id in ["e1", "e2", "e3"] {
        soon(container.create_item("d7", id, document(id, "d7")?, None)).await?;
    }
    soon(container.create_item("d8", "e1", document("e1", "d8")?, None)).await?;

    let query = container.query_items::<u64>("SELECT VALUE COUNT(1) FROM c", FeedScope::partition("d7"), None);
    assert_eq!(soon(soon(query).await?.try_collect::<Vec<_>>()).await?, [3]);
    let query = container.query_items::<Value>("SELECT * FROM c", FeedScope::partition("d7"), None);
    assert_eq!(soon(soon(query).await?.try_collect::<Vec<_>>()).await?.len(), 3);
    let query = container.query_items::<Value>("SELECT c.id FROM c", FeedScope::partition("d7"), None);
    let refused = soon(soon(query).await?.try_collect::<Vec<_>>()).await.unwrap_err();
    assert_eq!(u16::from(refused.status().status_code()), 400);

    let feed = container.query_change_feed::<Value>(FeedScope::partition("d8"), ChangeFeedStartFrom::Beginning, None);
    let page = soon(soon(feed).await?.next()).await.ok_or("a page")??;
    assert_eq!(page.items().len(), 1);
    let change = &page.items()[0];
    assert_eq!(change.current().map(|item| &item["deviceId"]), Some(&json!("d8")));
    assert_eq!(change.metadata().and_then(ChangeFeedMetadata::lsn).map(|lsn| lsn.value()), Some(1));
    Ok(())
}

#[tokio::test]
async fn databases_containers_and_throughput_are_managed() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let client = connect(&endpoint).await?;
    soon(client.create_database("another", None)).await?;
    let database = client.database_client("another");
    assert_eq!(soon(database.read(None)).await?.into_model()?.id.as_deref(), Some("another"));
    let again = soon(client.create_database("another", None)).await.unwrap_err();
    assert_eq!(u16::from(again.status().status_code()), 409);

    let properties = ContainerProperties::new("telemetry", "/device/id".into()).with_default_ttl(60);
    let created = CreateContainerOptions::default().with_throughput(ThroughputProperties::manual(500));
    soon(database.create_container(properties, Some(created))).await?;
    let telemetry = soon(database.container_client("telemetry", None)).await?;
    assert_eq!(soon(telemetry.read_throughput(None)).await?.and_then(|offer| offer.throughput()), Some(500));
    let replaced = soon(telemetry.begin_replace_throughput(ThroughputProperties::manual(600), None)).await?;
    soon(async { replaced.await }).await?;
    assert_eq!(soon(telemetry.read_throughput(None)).await?.and_then(|offer| offer.throughput()), Some(600));
    assert_eq!(soon(telemetry.read_feed_ranges(None)).await?.len(), 2);

    let nested = json!({ "id": "e1", "device": { "id": 7 } });
    soon(telemetry.create_item(7, "e1", &nested, None)).await?;
    assert_eq!(soon(telemetry.read_item(7, "e1", None)).await?.into_model::<Value>()?["device"], nested["device"]);
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_named() -> Outcome {
    let first = CosmosEndpoint::start(options()).await?;
    let second = CosmosEndpoint::start(CosmosOptions { listen: first.address(), ..options() }).await;
    let message = second.err().ok_or("the port is taken")?.to_string();
    let port = first.address().port();
    assert_eq!(
        message,
        format!(
            "port {port} on 127.0.0.1 is taken: choose another with --cosmos-port, or leave it out for any free one"
        )
    );
    let wrong = CosmosEndpoint::start(CosmosOptions { partition_key_path: "deviceId".into(), ..options() }).await;
    assert!(matches!(wrong, Err(CosmosEndpointError::BadPartitionKeyPath(_))));
    Ok(())
}

#[test]
fn it_serves_on_either_kind_of_runtime() -> Outcome {
    for mut runtime in [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()] {
        runtime.enable_all().build()?.block_on(async {
            let endpoint = CosmosEndpoint::start(options()).await?;
            let answer = raw(&endpoint, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
            assert!(answer.contains(&endpoint.endpoint()), "the account's region is the endpoint itself: {answer}");
            soon(endpoint.shutdown()).await;
            Outcome::Ok(())
        })?;
    }
    Ok(())
}

/// Sends bytes and reads until the endpoint closes the connection; a reset counts as closed.
async fn raw(endpoint: &CosmosEndpoint, request: &[u8]) -> Outcome<String> {
    let mut stream = TcpStream::connect(endpoint.address()).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    drop(soon(stream.read_to_end(&mut answer)).await);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn request(method: &str, path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|header| [*header, "\r\n"]).collect();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

const DOCS: &str = "/dbs/streaming/colls/events/docs";

#[tokio::test]
async fn bad_input_gets_a_clear_answer_and_the_others_are_served_on() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;
    let feed = "a-im: Incremental feed";
    let large = format!(r#"{{"id":"e1","deviceId":"d7","x":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    for (what, request, status) in [
        ("not HTTP", b"\x16\x03\x01 hello\r\n\r\n".to_vec(), "400"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), ""),
        ("an unknown path", request("GET", "/nowhere", &[], ""), "400"),
        ("an unknown method", request("BREW", DOCS, &[], ""), "400"),
        ("no such database", request("GET", "/dbs/none", &[], ""), "404"),
        ("no such container", request("GET", "/dbs/streaming/colls/none", &[], ""), "404"),
        ("no such offer", request("GET", "/offers/none", &[], ""), "404"),
        ("an item that is no JSON", request("POST", DOCS, &[], "hello"), "400"),
        ("an item in binary encoding", request("POST", DOCS, &[], "\u{80}abc"), "400"),
        ("an item without id", request("POST", DOCS, &[], r#"{"deviceId":"d7"}"#), "400"),
        ("an item that is too large", request("POST", DOCS, &[], &large), "413"),
        (
            "another partition key in the header",
            request("POST", DOCS, &[r#"x-ms-documentdb-partitionkey: ["d8"]"#], r#"{"id":"e1","deviceId":"d7"}"#),
            "400",
        ),
        (
            "a bad partition key",
            request("GET", &format!("{DOCS}/e1"), &["x-ms-documentdb-partitionkey: d7"], ""),
            "400",
        ),
        ("no partition key", request("GET", &format!("{DOCS}/e1"), &[], ""), "400"),
        ("a feed of no range", request("GET", DOCS, &[feed], ""), "400"),
        (
            "a feed of no such range",
            request("GET", DOCS, &[feed, "x-ms-documentdb-partitionkeyrangeid: 99"], ""),
            "410",
        ),
        (
            "a bad continuation",
            request("GET", DOCS, &[feed, "x-ms-documentdb-partitionkeyrangeid: 0", "if-none-match: x"], ""),
            "400",
        ),
        (
            "a continuation from another life",
            request("GET", DOCS, &[feed, "x-ms-documentdb-partitionkeyrangeid: 0", "if-none-match: \"999\""], ""),
            "400",
        ),
        ("all versions", request("GET", DOCS, &["a-im: Full-Fidelity Feed"], ""), "400"),
        ("a bad query", request("POST", DOCS, &["x-ms-documentdb-isquery: true"], "SELECT"), "400"),
        ("a batch", request("POST", DOCS, &["x-ms-cosmos-is-batch-request: true"], "[]"), "400"),
        ("a patch", request("PATCH", &format!("{DOCS}/e1"), &[], "{}"), "400"),
    ] {
        let answer = raw(&endpoint, &request).await?;
        if status.is_empty() {
            assert!(!answer.starts_with("HTTP/1.1"), "{what}: {answer}");
        } else {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        }
    }
    // One that leaves in the middle of its request.
    TcpStream::connect(endpoint.address())
        .await?
        .write_all(b"POST /dbs HTTP/1.1\r\ncontent-length: 9\r\n\r\n{")
        .await?;
    soon(container.upsert_item("d7", "e1", document("e1", "d7")?, None)).await?;
    Ok(())
}

#[tokio::test]
async fn faults_are_switched_while_it_runs() -> Outcome {
    let faults = FaultSwitch::default();
    let endpoint = CosmosEndpoint::start(CosmosOptions { faults: faults.clone(), ..options() }).await?;
    let account = request("GET", "/", &[], "");
    faults.set(Fault::Throttle);
    let throttled = raw(&endpoint, &account).await?;
    for part in ["HTTP/1.1 429 ", "x-ms-substatus: 3200\r\n", "x-ms-retry-after-ms: 100\r\n"] {
        assert!(throttled.contains(part), "{throttled}");
    }
    faults.set(Fault::WrongReply);
    let wrong = raw(&endpoint, &account).await?;
    assert!(wrong.starts_with("HTTP/1.1 200 ") && !wrong.contains("writableLocations"), "{wrong}");
    faults.set(Fault::Cut);
    assert_eq!(raw(&endpoint, &account).await?, "");
    faults.clear();
    assert!(raw(&endpoint, &account).await?.contains("writableLocations"));
    Ok(())
}

/// What a processor sees of each fault, and that the same client works again as soon as the fault is over.
#[tokio::test]
async fn a_client_lives_through_faults() -> Outcome {
    let faults = FaultSwitch::default();
    let endpoint = CosmosEndpoint::start(CosmosOptions { faults: faults.clone(), ..options() }).await?;
    let container = container(&endpoint).await?;
    let upsert = || async {
        let written = container.upsert_item("d7", "e1", document("e1", "d7").expect("a document"), None).await;
        written.map(|written| written.headers().lsn()).map_err(|error| u16::from(error.status().status_code()))
    };
    assert_eq!(soon(upsert()).await, Ok(Some(1)));
    for (fault, during, after) in [
        (Fault::Cut, Err(503), Ok(Some(2))),
        (Fault::Throttle, Err(429), Ok(Some(3))),
        // The client does not read the body of a write. What gives a wrong reply away is that it has no LSN.
        (Fault::WrongReply, Ok(None), Ok(Some(4))),
        (Fault::Delay(Duration::from_millis(1)), Ok(Some(5)), Ok(Some(6))),
    ] {
        faults.set(fault);
        assert_eq!(soon(upsert()).await, during, "{fault:?}");
        faults.clear();
        assert_eq!(soon(upsert()).await, after, "after {fault:?}");
    }
    Ok(())
}
