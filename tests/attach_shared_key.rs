//! Log ends with the key of a connection string, from an endpoint that looks into the tokens; and what is said of a wrong
//! one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

use std::time::Duration;

use streamgauge::azure::eventhubs::{CallCount, Claim, HubReader, on_own_thread};
use streamgauge::azure::{AzureError, EventHubsAddress, EventHubsCredential, Secret};
use streamgauge::local::eventhubs::{EventHubsEndpoint, EventHubsOptions, SharedKey};
use streamgauge::local::fault::Fault;

const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";

fn key(name: &str, key: &str) -> EventHubsCredential {
    EventHubsCredential::shared_key(name, Secret::new(key))
}

async fn guarded() -> (EventHubsEndpoint, EventHubsOptions) {
    let key = Some(SharedKey { name: "Listen".into(), key: Secret::new(KEY), claims: vec![Claim::Listen] });
    let options = EventHubsOptions { partitions: 37, key, ..EventHubsOptions::default() };
    (EventHubsEndpoint::start(options.clone()).await.expect("an endpoint"), options)
}

fn address(endpoint: &EventHubsEndpoint, credential: EventHubsCredential) -> EventHubsAddress {
    EventHubsAddress {
        namespace: "contoso.servicebus.windows.net".into(),
        hub: "events".into(),
        custom_endpoint: Some(format!("amqp://{}", endpoint.address())),
        credential,
    }
}

/// The partitions that were read, twice over one connection.
async fn read(address: EventHubsAddress) -> Result<Vec<u32>, AzureError> {
    let reading = on_own_thread("reader", move |_| async move {
        let reader = HubReader::connect(&address, CallCount::default()).await?;
        assert!(!reader.is_due(), "its token is good for a while");
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.clear();
            let read = reader
                .partitions(&reader.hub().partitions, LIMIT, |id, read| {
                    assert_eq!(read.expect("it is told").log_end.partition, id);
                    seen.push(id.0);
                })
                .await;
            assert!(read.ended_by.is_none(), "{:?}", read.ended_by);
            assert_eq!(read.asked, seen.len());
        }
        seen.sort_unstable();
        Ok(seen)
    });
    reading.expect("a thread").finished(LIMIT).await.expect("an end")
}

#[tokio::test]
async fn the_key_of_a_connection_string_reads_log_ends() {
    let (endpoint, _) = guarded().await;
    let seen = read(address(&endpoint, key("Listen", KEY))).await.expect("it is let in");
    assert_eq!(seen, (0..37).collect::<Vec<_>>());
    endpoint.shutdown().await;
}

#[tokio::test]
async fn a_wrong_credential_is_told_with_the_role_and_never_shown() {
    let (endpoint, options) = guarded().await;
    let wrong = [key("Listen", "b3RoZXItb3RoZXItb3RoZXI="), key("Send", KEY), EventHubsCredential::Anonymous];
    for credential in wrong {
        let shown = format!("{credential:?}");
        let error = read(address(&endpoint, credential)).await.expect_err("it is not let in");
        assert!(matches!(error, AzureError::Forbidden { .. }), "{shown}: {error}");
        let sentence = error.to_string();
        for expected in
            ["refuses the credential", "Azure Event Hubs Data Receiver", "STREAMGAUGE_EVENTHUBS_CONNECTION_STRING"]
        {
            assert!(sentence.contains(expected), "{sentence}");
        }
        assert!(!sentence.contains(KEY) && !sentence.contains("b3RoZXI"), "{sentence}");
    }
    // A right one that loses its right while it is used.
    let address = address(&endpoint, key("Listen", KEY));
    let faults = options.faults.clone();
    let lost = on_own_thread("reader", move |_| async move {
        let reader = HubReader::connect(&address, CallCount::default()).await?;
        faults.set(Fault::Deny);
        let read = reader.partitions(&reader.hub().partitions, LIMIT, |id, read| panic!("{id}: {read:?}")).await;
        read.ended_by.map_or(Ok(()), |error| Err(AzureError::from(error)))
    });
    let error = lost.expect("a thread").finished(LIMIT).await.expect("an end").expect_err("it is refused");
    assert!(matches!(error, AzureError::Forbidden { .. }), "{error}");
    endpoint.shutdown().await;
}

#[tokio::test]
async fn an_endpoint_that_answers_nonsense_is_told_as_such() {
    let (endpoint, options) = guarded().await;
    let address = address(&endpoint, key("Listen", KEY));
    let faults = options.faults.clone();
    let asked = on_own_thread("reader", move |_| async move {
        let reader = HubReader::connect(&address, CallCount::default()).await?;
        faults.set(Fault::WrongReply);
        let read = reader.partitions(&reader.hub().partitions, LIMIT, |_, _| {}).await;
        read.ended_by.map_or(Ok(()), |error| Err(AzureError::from(error)))
    });
    let error = asked.expect("a thread").finished(LIMIT).await.expect("an end").expect_err("it is nonsense");
    assert!(matches!(error, AzureError::Refused { .. }), "{error}");
    endpoint.shutdown().await;
}
