//! The Cosmos DB endpoint as the official Rust client sees it. Also the shortest working code for that client.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_data_cosmos::feed::{ContinuationToken, FeedRange};
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ChangeFeedOptions, ChangeFeedStartFrom, ItemWriteOptions, MaxItemCountHint,
    OperationOptions, Precondition, ThrottlingRetryOptions,
};
use azure_data_cosmos::{AccountEndpoint, AccountReference, ContainerClient, CosmosClient, FeedScope, RoutingStrategy};
use futures::StreamExt;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use streamgauge::local::cosmos::{CosmosEndpoint, CosmosOptions};
use streamgauge::local::fault::FaultSwitch;

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

/// Every 429 reaches the caller, with the time to wait, when the client's own retries are off; with them on it is in the
/// diagnostics of the operation that got through in the end.
#[tokio::test]
async fn throttling_is_visible() -> Outcome {
    let endpoint = CosmosEndpoint::start(options()).await?;
    let container = container(&endpoint).await?;
    endpoint.set_request_units(400);
    let mut throttled = None;
    for number in 0..1000 {
        let id = format!("e{number}");
        if let Err(error) = soon(container.upsert_item("d7", &id, document(&id, "d7")?, None)).await {
            throttled = Some(error);
            break;
        }
    }
    let error = throttled.ok_or("40 RU/s for a partition are soon used up")?;
    assert_eq!(u16::from(error.status().status_code()), 429);
    let response = error.response().ok_or("the reply")?;
    println!("{error:?}");
    Ok(())
}
